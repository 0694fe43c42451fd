// SPDX-License-Identifier: GPL-3.0-or-later
// A few instructions for the toy machine (toy.h), for tests of what becomes of blocks: what a
// block does is a word or two, and how many instructions have run can be counted by hand.
//
// Everything belongs to the test's thread, except where it says otherwise.
#ifndef TESTS_JIT_INSNS_H
#define TESTS_JIT_INSNS_H

#include "tests/jit/toy.h"

#include <criterion/criterion.h>

enum insns_op {
    OP_INC = 1,   // r[arg]++
    OP_LOOP,      // r1--, then back arg words while it is not 0 (flags, joined with the branch)
    OP_LOOP_NZ,   // the same by BR_NZ of r1
    OP_BR,        // go arg bytes on (signed)
    OP_IND,       // go to r2
    OP_STORE,     // store the word in r3 at r4
    OP_EXIT,      // EXIT to the next instruction
    OP_CALL,      // helper TOY_HELPER_FREE + arg
    OP_CALL_EXIT, // the same, then EXIT
    OP_CALL_PC,   // the same, then EXIT_PC
    OP_SET,       // r6 = arg
    OP_LAST       // the first that is the test's own
};

#define W(op, arg) ((uint32_t)OP_##op << 24 | (uint32_t)((arg)&0xffffff))
#define HALT       0

// A machine of toy_create() that has them; toy_destroy() ends it.
struct toy *insns_machine(void);
// What CALL n does.
void insns_helper(struct toy *t, unsigned n, ir_fn *fn);
// Runs from pc until something halts. It fails unless that took icount instructions and no fault.
// What the counters say happened meanwhile.
struct vcpu_stats insns_run(struct toy *t, gva_t pc, uint64_t icount);
// Has a block been made? Any thread may ask.
bool insns_translated(struct toy *t);

// A counter of what insns_run() returned.
#define expect_stat(s, field, n)                                                                   \
    cr_expect_eq((s).field, (n), #field ": %lu, not %lu", (s).field, (uint64_t)(n))

#endif
