// SPDX-License-Identifier: GPL-3.0-or-later
// The quick engine: one pass from IR to x86-64, for every block, before it runs for the first time.
//
// The guest's busiest registers live in host registers as long as quick code runs, everything else
// in the state; within an instruction nothing is committed before what may fail, so that the state
// is exact at every access. Blocks jump to each other directly: within a page by patched jumps,
// across pages behind a look at the instruction TLB, indirectly through it. A slice of
// instructions is counted down; at its end a block looks for interrupts and at its own heat.
//
// One engine a jit. Code is made under the jit's lock by the vCPUs' threads.
#ifndef JIT_QUICK_H
#define JIT_QUICK_H

#include "base/error.h"
#include "jit/perf_map.h"
#include "jit/tb.h"

struct ir;
struct quick;

// perf_map: names blocks for Linux perf; NULL: nobody wants to know. It stays the caller's.
// NULL: the host gives no memory for code, err says so.
struct quick *quick_create(struct jit *jit, struct perf_map *perf_map, struct error *err);
void quick_destroy(struct quick *q); // takes NULL

// Makes tb's code. Under the jit's lock. False: no room; everything has to go first.
bool quick_compile(struct quick *q, const struct ir *ir, struct tb *tb);
// Runs from vcpu.pc until an exit is requested or the guest halts. The state is exact after.
void quick_run(struct vcpu *cpu);

// Blocks run one by one, each compared with the interpreter (jit/verify.h). Before any is made.
void quick_verify(struct quick *q);

// A page without a block. Under the jit's lock.
void quick_reset_page(struct quick *q, struct code_page *p);
// tb has become the block at its place of its page.
void quick_enter_page(struct quick *q, struct tb *tb);
// Forgets which blocks tb jumps to. Under the jit's lock.
void quick_unchain(struct tb *tb);
// Entering tb enters its region, or no longer. Under the jit's lock.
void quick_attach(struct tb *tb);
void quick_detach(struct tb *tb);
// All code goes. Under the jit's lock, with no vCPU in it.
void quick_flush(struct quick *q);
// Bytes of code made since the last flush.
size_t quick_bytes(const struct quick *q);

#endif
