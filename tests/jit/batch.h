// SPDX-License-Identifier: GPL-3.0-or-later
// From guest code to compiled regions, many in one compile.
#ifndef TESTS_JIT_BATCH_H
#define TESTS_JIT_BATCH_H

#include "jit/codebuf.h"
#include "jit/region.h"

#define BATCH_MAX 64

// Compiled regions; fn[n] is recipe n's.
struct batch {
    struct codebuf code;
    struct codebuf_span span;
    region_fn *fn[BATCH_MAX];
};

// What batch_form() starts from; offsets are bytes from the first code page.
struct batch_roots {
    unsigned entries[REGION_MAX_ENTRIES], nr_entries;
    unsigned indirect[32], nr_indirect; // where an indirect branch may lead inside the region
    unsigned end;                       // offsets from here on are outside
};

// A recipe of all blocks that can be reached from the entries and indirect targets, cut as the
// translator cuts them, breadth first, until it is full. `code` is BED_CODE's; the first entry's
// page is the recipe's first. False: not even one block.
bool batch_form(struct region_recipe *r, uint64_t mode, const uint8_t *code,
                const struct batch_roots *roots);
// Offset of the recipe's first page.
unsigned batch_page0(const struct batch_roots *roots);
// Compiles in a process of its own (libgccjit leaks, and may crash) and loads. False: says why.
bool batch_compile(struct batch *b, const struct region_recipe *const *recipes, unsigned n);
void batch_free(struct batch *b);

// Disassembly and IR of all blocks.
void batch_print(const struct region_recipe *r, uint64_t page0);

#endif
