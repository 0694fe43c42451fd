// SPDX-License-Identifier: GPL-3.0-or-later
// Two toy machines that must come to the same, the interpreter's (t[0]) and the quick engine's
// (t[1]), on random programs. A program is the test's; in the machines it is one instruction a
// step.
#ifndef TESTS_JIT_TWINS_H
#define TESTS_JIT_TWINS_H

#include "tests/jit/toy.h"

struct twins_ops {
    // A program of so many steps: instruction n is op 1 with n in the low byte of its argument, and
    // finds the program in toy.user.
    unsigned (*make)(void *program, uint64_t *random);
    // The same start for both.
    void (*start)(struct toy *const t[2], const void *program, uint64_t *random);
    bool (*same)(struct toy *const t[2]);
    void (*describe)(const void *program, struct toy *const t[2]); // to stderr
};

// A machine on an engine of tests/support/engine.h.
struct toy *twins_machine(const char *engine);
// Eight runs of each of so many programs (or of $variable, if that is set). Fails if one differs,
// says how the first three do, and destroys the machines.
void twins_run(struct toy *const t[2], void *program, const struct twins_ops *ops,
               const char *variable, unsigned programs, uint64_t random);

// A random number below n.
unsigned twins_below(uint64_t *random, unsigned n);

#endif
