// SPDX-License-Identifier: GPL-3.0-or-later
// What vCPUs want of each other: work that one leaves for the others (TLB maintenance), and a
// moment in which no other runs guest code (code is freed).
//
// A vCPU is *inside* from rendezvous_enter() to rendezvous_leave(): it may execute translated code,
// use its TLB, hold pointers to blocks. It serves what was left for it when it goes inside and
// whenever it is asked by EXIT_REQ_WORK; who is outside (asleep, stopped, not started) is waited
// for by nobody. Nothing of a vCPU but its queue is ever touched by another one's thread.
#ifndef JIT_RENDEZVOUS_H
#define JIT_RENDEZVOUS_H

#include "jit/vcpu.h"

struct jit;

void rendezvous_init(struct jit *jit);
void rendezvous_fini(struct jit *jit);
void rendezvous_add(struct vcpu *cpu);
void rendezvous_remove(struct vcpu *cpu);

// Around the execution of guest code; the vCPU's thread, without a lock. The former waits while the
// others are stopped. Neither nests.
void rendezvous_enter(struct vcpu *cpu);
void rendezvous_leave(struct vcpu *cpu);
// EXIT_REQ_WORK was seen, at a safe point: nothing of a block is under way. vCPU's thread, inside.
void rendezvous_serve(struct vcpu *cpu);

// The same within an instruction, for what its own device access may have asked.
void rendezvous_catch_up(struct vcpu *cpu);

// fn(vcpu, arg) is to run in the thread of every vCPU but `but` (NULL: of every one), soon, between
// two instructions or inside of a helper that waits; in any order, and perhaps as a flush of the
// whole TLB instead, which it must not do more than. Any thread, whatever locks it holds.
void rendezvous_ask(struct jit *jit, struct vcpu *but, void (*fn)(struct vcpu *cpu, uint64_t arg), uint64_t arg);
// Returns when all that this vCPU has asked has been done by whoever is inside; serves its own
// queue meanwhile. Its thread, inside, without a lock. Cheap when it has asked nothing.
void rendezvous_await(struct vcpu *cpu);

// Between these two no other vCPU is inside. The vCPU's thread, inside, at a safe point, without a
// lock; locks may be taken in between, and given back.
void rendezvous_stop_others(struct vcpu *cpu);
void rendezvous_let_go(struct vcpu *cpu);

#endif
