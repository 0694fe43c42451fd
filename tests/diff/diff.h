// SPDX-License-Identifier: GPL-3.0-or-later
// Single instructions on two sides: qemu-aarch64 (the oracle) and armlet's interpreter.
//
// Test support: failures are criterion assertions or an exit with a message. Each call uses its own
// temporary files; nothing is shared between processes.
#ifndef TESTS_DIFF_DIFF_H
#define TESTS_DIFF_DIFF_H

#include "diff_state.h"

#include <stdbool.h>
#include <stddef.h>

// Runs the n cases under qemu-aarch64. False (with a message) if it could not.
bool diff_run_oracle(const struct diff_case *cases, size_t n, struct diff_state *out);

// Runs the n cases on armlet: EL0, MMU on, the data page and nothing else mapped for data.
void diff_run_armlet(const struct diff_case *cases, size_t n, struct diff_state *out);

// What of the state is compared.
enum diff_ignore {
    DIFF_IGNORE_NONE = 0,
    DIFF_IGNORE_FPSR = 1,
};

// Compares, and prints the first max_reports differences: disassembly, what went in, what came out.
// Returns the number of cases that differ.
size_t diff_compare(const struct diff_case *cases, size_t n, const struct diff_state *oracle,
                    const struct diff_state *armlet, unsigned ignore, size_t max_reports);

// Deterministic random numbers; state must not be zero.
uint64_t diff_random(uint64_t *state);

// A state with random registers: integers of all magnitudes, floating-point values with many
// special ones, base registers that point into the data page, some to its end (all X registers with
// a chance of 1/2, SP always), registers that equal others or nearly, random FPCR (of the modes that
// FPCR knows) in half of the cases.
void diff_random_state(uint64_t *random, struct diff_state *s);

#endif
