// SPDX-License-Identifier: GPL-3.0-or-later
// Which encodings can be compared with qemu-aarch64, and the decode rows by groups. Pure functions
// and constant tables.
#ifndef TESTS_DIFF_ENCODINGS_H
#define TESTS_DIFF_ENCODINGS_H

#include "diff_state.h"
#include "frontend/a64_decode.h"

// Rows by the names of their translate functions; a name that ends with * stands for all that begin
// so. The list ends with NULL.
struct diff_group {
    const char *name;
    const char *const *names;
};

// Every row that a single random encoding of can be compared. The list ends with a NULL name.
extern const struct diff_group diff_groups[];

bool diff_in_group(enum a64_op op, const char *const *names);

// A random encoding that can be compared, whatever the state, and its fields; 0 if this one cannot.
uint32_t diff_random_insn(enum a64_op op, union a64_fields *f, uint64_t *random);

// Whether the word can be compared: an extension that armlet offers, a result that the architecture
// defines.
bool diff_comparable(enum a64_op op, uint32_t insn, const union a64_fields *f);

// Where qemu-aarch64 7.2 is known not to do what the architecture says, in this state.
bool diff_oracle_is_wrong(enum a64_op op, const union a64_fields *f, const struct diff_state *in);

#endif
