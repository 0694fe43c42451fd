// SPDX-License-Identifier: GPL-3.0-or-later
// A block's quick code as text that is the same on every run.
#ifndef TESTS_JIT_GOLDEN_LISTING_H
#define TESTS_JIT_GOLDEN_LISTING_H

#include "jit/tb.h"

#include <stdbool.h>
#include <stdio.h>

struct golden_block {
    const struct quick *quick;
    const struct tb *tb; // the block made last
    bool whole;          // with what every block has: region's stub, bookkeeping, tick
    bool appended;       // its last instruction is a branch that only ends it: not shown
};

struct golden_count {
    unsigned fast, cold;
};

// Counts the host instructions, and writes them to out. False: something in them has no name; the
// listing says "?" there.
bool golden_listing(const struct golden_block *b, FILE *out, struct golden_count *count);

#endif
