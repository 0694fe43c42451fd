// SPDX-License-Identifier: GPL-3.0-or-later
// The guest code of the golden listing (golden.c), in groups.
#ifndef TESTS_JIT_GOLDEN_CASES_H
#define TESTS_JIT_GOLDEN_CASES_H

#include <stdbool.h>
#include <stdint.h>

#define GOLDEN_MAX_INSNS 6

struct golden_case {
    const char *name;
    // The text is what frontend/disas.h makes of the word.
    struct golden_insn {
        uint32_t word;
        const char *text; // NULL: no more instructions
    } insn[GOLDEN_MAX_INSNS];
    bool whole; // shown with what every block has
};

struct golden_group {
    const char *name; // and of the file: tests/jit/golden/NAME.txt
    const struct golden_case *cases;
    unsigned nr_cases;
};

#define GOLDEN_NR_GROUPS 10u
extern const struct golden_group golden_groups[GOLDEN_NR_GROUPS];

#endif
