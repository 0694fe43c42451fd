// SPDX-License-Identifier: GPL-3.0-or-later
// The interpreter: IR decoded once into direct-threaded code, blocks chained.
//
// It is the reference engine: it runs what no other engine takes, re-executes what bailed out, and
// is what every other engine is compared with. See docs/engines-and-tiers.md.
#ifndef JIT_INTERP_H
#define JIT_INTERP_H

#include "jit/tb.h"

struct ir;

// Makes tb's threaded code from ir. Under the jit's lock.
void interp_compile(struct jit *jit, const struct ir *ir, struct tb *tb);
// Forgets which blocks tb is chained to. Under the jit's lock, any thread.
void interp_unchain(struct tb *tb);
// Runs from vcpu.pc until an exit is requested or the guest halts. The state is exact after.
void interp_run(struct vcpu *cpu);
// Runs tb, which is the block at vcpu.pc, and what it is chained to until an exit is requested.
void interp_run_from(struct vcpu *cpu, struct tb *tb);

#endif
