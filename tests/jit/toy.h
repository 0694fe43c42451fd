// SPDX-License-Identifier: GPL-3.0-or-later
// A guest made for tests, so that jit/ is exercised without any real architecture.
//
// Its code is one word an instruction: the top byte picks a function that the test registered, the
// rest is its argument. That function emits whatever IR the test is about; an instruction whose
// function ends the block ends it. Word 0 halts: exec_run() returns VCPU_EXIT_HALT.
//
// Its translation tables are a list that the test fills, newest first. Faults are recorded and go
// to TOY_VECTOR, which halts unless the test puts something else there.
//
// One struct toy is one machine with one vCPU, RAM, ROM and a device; everything belongs to the
// test's thread.
#ifndef TESTS_JIT_TOY_H
#define TESTS_JIT_TOY_H

#include "jit/exec.h"
#include "jit/ir.h"
#include "jit/jit.h"
#include "jit/tb.h"
#include "jit/tlb.h"

#define TOY_RAM      UINT64_C(0x40000000)
#define TOY_RAM_SIZE (256u * PAGE_SIZE)
#define TOY_ROM      UINT64_C(0x00100000)
#define TOY_ROM_SIZE (4u * PAGE_SIZE)
#define TOY_DEV      UINT64_C(0x09000000) // four pages of device; the rest of the bus is silent
#define TOY_DEV_SIZE (4u * PAGE_SIZE)

#define TOY_CODE   TOY_RAM             // where tests put their code
#define TOY_VECTOR (TOY_RAM + 0xff000) // the last page of RAM
#define TOY_DATA   (TOY_RAM + 0x40000)

enum toy_map_flags {
    TOY_R = 1,
    TOY_W = 2,
    TOY_X = 4,
    TOY_USER = 8,    // unprivileged accesses may too
    TOY_GLOBAL = 16, // in every address space
    TOY_DEVICE = 32,
    TOY_DIRTY = 64, // writes come back to translate()
    TOY_ALL = TOY_R | TOY_W | TOY_X | TOY_USER | TOY_GLOBAL,
};

struct toy_map {
    gva_t va;
    gpa_t pa;
    uint64_t span;      // bytes it covers
    unsigned log2_size; // what translate() says of it
    unsigned flags, asid;
};

struct toy_fault {
    enum mem_fault_kind kind;
    gva_t va;
    enum mem_access access;
    unsigned attr;
    gva_t pc;
    uint64_t icount;
};

struct toy_mmio {
    gpa_t pa;
    unsigned size;
    bool write;
    uint64_t value;
};

struct toy;
typedef void toy_emit(struct toy *t, struct ir *ir, uint32_t arg);

enum toy_helper {
    TOY_HELPER_HALT,
    TOY_HELPER_BAIL, // bails out with a recorded FAULT_WALK at imm if *a is not 0
    TOY_HELPER_FREE, // the first of those that tests fill in
    TOY_NR_HELPERS = 8,
};

struct toy {
    struct vcpu cpu; // first
    struct jit jit;
    struct log log;
    struct guest guest;
    struct helper helpers[TOY_NR_HELPERS];
    uint8_t *ram, *rom;

    toy_emit *emit[256];
    uint32_t word; // being translated
    void *user;    // the test's

    struct toy_map maps[128];
    unsigned nr_maps, asid;
    unsigned nr_translates; // walks so far

    struct toy_fault fault; // the last one
    unsigned nr_faults;
    uint64_t raised; // what the last RAISE named
    gva_t raised_pc;
    uint64_t raised_icount;
    unsigned nr_raised, nr_interrupts;

    struct toy_mmio mmio[64];
    unsigned nr_mmio;
    uint64_t dev_next; // what the next device read gives; counts up
};

// Everything mapped one to one, as pages, and allowed; contexts handed out; r[], v[] and flags
// zero.
struct toy *toy_create(void);
void toy_destroy(struct toy *t);

void toy_map(struct toy *t, gva_t va, gpa_t pa, unsigned log2_size, unsigned flags);
void toy_unmap(struct toy *t, gva_t va); // one page
// Hands out context ids as at the start (after a flush).
void toy_contexts(struct toy *t);

static inline uint32_t toy_word(unsigned op, uint32_t arg)
{
    return op << 24 | arg;
}

// Host address of RAM or ROM.
void *toy_host(struct toy *t, gpa_t pa);
// Puts words at pa without telling the block cache.
void toy_code(struct toy *t, gpa_t pa, const uint32_t *words, unsigned n);
#define TOY_CODE_AT(t, pa, ...)                                                                    \
    toy_code((t), (pa), (const uint32_t[]){__VA_ARGS__},                                           \
             sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

// Runs from pc until something halts; the number of instructions executed.
uint64_t toy_run(struct toy *t, gva_t pc);

// Edge and random operands, the same ones in every run.
extern const uint64_t toy_edges[];
extern const unsigned toy_nr_edges;
uint64_t toy_random(uint64_t *state);

// Fills a piece of memory with bytes that all differ from their neighbours.
void toy_pattern(uint8_t *p, unsigned n, unsigned seed);

#endif
