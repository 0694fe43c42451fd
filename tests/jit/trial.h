// SPDX-License-Identifier: GPL-3.0-or-later
// A compiled region against the interpreter: from the same start both must leave the same state at
// the region's way out, and the region may leave only where it has a reason to.
#ifndef TESTS_JIT_TRIAL_H
#define TESTS_JIT_TRIAL_H

#include "tests/jit/program.h"

struct trial {
    struct program program;
    struct region_recipe recipe;
    region_fn *fn;
    struct bed_state base; // its FPCR and the bed's alignment check make the mode
    bool align;
};

struct trial_stats {
    uint64_t runs, insns; // calls of regions, guest instructions they did
    uint64_t bails, left;
    uint64_t exceptions; // bails whose instruction raised one
};

// Forms the recipe of t->program for the mode that t->base and t->align give. Sets up b for it.
bool trial_form(struct trial *t, struct bed *b);
// Compiles n of them at once; batch_free(batch) ends their use.
bool trial_compile(struct trial *const *trials, unsigned n, struct batch *batch);
// Puts the program into the bed's memory.
void trial_install(const struct trial *t, struct bed *b);
// Offset of block n from BED_CODE.
unsigned trial_block_off(const struct trial *t, unsigned n);
// Runs block n (an entry) from s on both and compares, there and after the interpreter has gone on
// to the end. False: reported. what: for the report.
bool trial_run(const struct trial *t, struct bed *b, const struct bed_state *s, unsigned n,
               struct trial_stats *stats, const char *what);
// Every entry.
bool trial_run_all(const struct trial *t, struct bed *b, const struct bed_state *s,
                   struct trial_stats *stats, const char *what);

// A number from the environment, for long runs.
unsigned trial_count(const char *name, unsigned normal);

#endif
