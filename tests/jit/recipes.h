// SPDX-License-Identifier: GPL-3.0-or-later
// Recipes for the suites of the compile service: valid ones that need no guest.
#ifndef TESTS_JIT_RECIPES_H
#define TESTS_JIT_RECIPES_H

#include "jit/region.h"

#include <string.h>

// A recipe of nr_blocks blocks of n_insns each, made of `seed`. Block 0 is the first entry, every
// third after it is one more.
static inline void recipe_make(struct region_recipe *r, uint32_t seed, unsigned nr_blocks,
                               unsigned n_insns)
{
    memset(r, 0, sizeof *r);
    r->mode = 0x100000000 | (seed & 3);
    r->nr_pages = 1 + seed % REGION_MAX_PAGES;
    r->nr_blocks = nr_blocks;
    r->n_insns = nr_blocks * n_insns;
    for (unsigned i = 0; i < r->nr_pages; i++)
        r->pages[i].delta = (int32_t)(i * 3);
    for (unsigned i = 0; i < nr_blocks; i++) {
        struct region_block *b = &r->blocks[i];
        b->page = (uint8_t)(i % r->nr_pages);
        b->off = (uint16_t)(i * n_insns * 4);
        b->n_insns = (uint16_t)n_insns;
        if (i % 3 == 0 && r->nr_entries < REGION_MAX_ENTRIES) {
            b->flags = REGION_ENTRY;
            b->entry = (uint16_t)r->nr_entries++;
        }
        for (unsigned k = 0; k < n_insns; k++) {
            uint32_t insn = 0xd5000000 ^ (seed * 2654435761u + i * 977 + k * 31);
            memcpy(r->pages[b->page].bytes + b->off + k * 4, &insn, 4);
        }
    }
}

#endif
