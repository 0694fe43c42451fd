// SPDX-License-Identifier: GPL-3.0-or-later
// Which pages of RAM were written since somebody last asked: for framebuffers that a guest draws
// into without telling anybody.
//
// A page whose PAGE_DIRTY_LOG flag is set has not been written since. Write-TLB fills miss such a
// page by construction; the slow path clears the flag, and the page is written at full speed until
// somebody asks again. Asking sets the flags of what is reported and has every vCPU drop its
// entries for those pages. Until a vCPU has (at its next safe point; nobody waits for it) it may
// write through an old entry, so a page is reported once more when all have.
//
// Users are told apart by a pointer of theirs. dirty_collect() and dirty_forget() are for threads
// that are no vCPUs'; `lock` is theirs alone.
#ifndef JIT_DIRTY_H
#define JIT_DIRTY_H

#include "jit/mem.h"

#include "base/thread.h"

struct jit;
struct vcpu;
struct dirty_user;

struct dirty {
    struct mutex lock;
    struct dirty_user *users;
    uint64_t epoch; // atomic; counts the times that flags were set
    uint64_t *seen; // atomic; per vCPU: up to which of them its TLB has been flushed; owned
};

void dirty_init(struct dirty *d);
void dirty_fini(struct dirty *d);

// Sets bit n (of word n / 64) for every page, counted from the one that holds pa, of which a byte
// in [pa, pa + len) may have been written since the same user's last call; for all of them the
// first time, or when the user asks about another range. False: not all of it is one region of
// RAM, or writes are not recorded (a verifying engine makes them).
bool dirty_collect(struct jit *jit, const void *user, gpa_t pa, uint64_t len, uint64_t *pages);
void dirty_forget(struct jit *jit, const void *user); // accepts one that never asked

// RAM was written by other means than a vCPU's store; after the bytes are there. Any thread.
void dirty_written(const struct ram_region *r, uint64_t page);
void dirty_all_written(struct jit *jit);

// The vCPU's thread, at a safe point, when EXIT_REQ_DIRTY asks for it.
void dirty_flush(struct vcpu *cpu);

#endif
