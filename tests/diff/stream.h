// SPDX-License-Identifier: GPL-3.0-or-later
// Random streams of instructions over all rows that a program may use: a few rows again and again,
// so that they meet, forward branches, changes of FPCR. Deterministic: the same number and seed give
// the same stream.
#ifndef TESTS_DIFF_STREAM_H
#define TESTS_DIFF_STREAM_H

#include "diff_state.h"
#include "frontend/a64_decode.h"

#include <stdbool.h>
#include <stddef.h>

// Stream `number` of the seed, with its state. Any stretch of stream_nr_rows() numbers has every row
// once at least.
void stream_random(uint64_t number, uint64_t seed, struct diff_case *c);

// The rows that take part.
size_t stream_nr_rows(void);
bool stream_has_row(enum a64_op op);

#endif
