// SPDX-License-Identifier: GPL-3.0-or-later
// Toy machines that must come to the same, the interpreter's (t[0]) and the quick engine's, on
// random programs. A program is the test's; in the machines it is one instruction a step.
#ifndef TESTS_JIT_TWINS_H
#define TESTS_JIT_TWINS_H

#include "tests/jit/toy.h"

struct twins {
    unsigned programs;    // how many
    const char *variable; // of the environment, that says how many in their place; may be NULL
    unsigned runs;        // of each program
    // A program of so many steps: instruction n is op 1 with n in the low byte of its argument, and
    // finds the program in toy.user.
    unsigned (*make)(void *program, uint64_t *random);
    // The same start for all.
    void (*start)(struct toy *const t[], unsigned nr, const void *program, uint64_t *random);
    bool (*same)(struct toy *a, struct toy *b);
    void (*describe)(const void *program, struct toy *const t[], unsigned nr); // to stderr
};

// A machine on an engine of tests/support/engine.h.
struct toy *twins_machine(const char *engine);
// Fails if one of the nr machines differs from the first in one of the programs, of which the first
// three are described. Destroys the machines. How many faults the first one met.
unsigned twins_run(const struct twins *w, struct toy *const t[], unsigned nr, void *program,
                   uint64_t random);

// A random number below n.
unsigned twins_below(uint64_t *random, unsigned n);

#endif
