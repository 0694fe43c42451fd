// SPDX-License-Identifier: GPL-3.0-or-later
// Hot regions: what libgccjit compiles. A region is a set of guest blocks, over a few pages, that
// run mostly into each other: loops, calls and their returns.
//
// A recipe is everything a compile worker needs, and all that the result depends on: the guest
// bytes, the mode, which blocks. It holds no address: pages are at distances from the first one,
// so the product is good wherever the code is mapped.
#ifndef JIT_REGION_H
#define JIT_REGION_H

#include "jit/codebuf.h"
#include "jit/jit.h"
#include "jit/tb.h"

#define REGION_MAX_PAGES   4
#define REGION_MAX_BLOCKS  96
#define REGION_MAX_INSNS   384
#define REGION_MAX_ENTRIES 16

enum region_block_flags {
    REGION_ENTRY = 1,    // may be entered from outside, by its number
    REGION_INDIRECT = 2, // an indirect branch or a return in the region may come here
};

struct region_block {
    uint8_t page;    // index into pages[]
    uint8_t flags;   // enum region_block_flags
    uint16_t off;    // page offset of its first instruction
    uint16_t n_insns;
    uint16_t entry;  // its number among the entries, if it is one
    uint32_t weight; // executions seen, relative to the other blocks
};

struct region_page {
    int32_t delta; // virtual distance from pages[0], in pages
    uint8_t bytes[PAGE_SIZE]; // only those of the blocks; zero elsewhere
};

// Fixed size up to pages[nr_pages]; sent over a pipe and written into cache files as it is.
struct region_recipe {
    uint64_t mode;
    uint32_t nr_pages, nr_blocks, nr_entries;
    uint32_t n_insns; // of all blocks
    struct region_block blocks[REGION_MAX_BLOCKS];
    struct region_page pages[REGION_MAX_PAGES];
};

static inline size_t region_recipe_size(const struct region_recipe *r)
{
    return offsetof(struct region_recipe, pages) + r->nr_pages * sizeof r->pages[0];
}

// Checks everything a hostile recipe could get wrong (counts, offsets, order of entries).
bool region_recipe_valid(const struct region_recipe *r, size_t size);

// What compiled code returns.
enum region_result {
    REGION_LEFT = 0, // vcpu.pc is where to go on
    REGION_BAIL = 1, // the instruction at vcpu.pc has to be done by the interpreter
};

// Compiled code of a region. The first page's run-time base is vcpu.pc_page's page moved by the
// entry block's page; entry is the number of an entry block. State in vcpu is exact before and
// after.
typedef uint32_t region_fn(struct vcpu *cpu, uint64_t page0, uint32_t entry);

// A way into a region: what a block that it replaces points to. One pointer says it all, so that it
// changes as one while other vCPUs follow it.
struct region_way {
    struct region *region;
    uint32_t block; // of the recipe
};

// A compiled region in use.
struct region {
    region_fn *fn;
    struct codebuf_span span;               // where its code is; owned
    size_t code_size;                       // bytes that may be shown as its code, or 0
    struct region_recipe *recipe;           // owned
    struct code_page *pages[REGION_MAX_PAGES];
    struct region_way ways[REGION_MAX_ENTRIES]; // by a block's number among the entries
    struct region *next;                    // of the jit's list, or of those to be freed
    bool suspect;                           // bytes must be compared before it is entered again
    bool given_up;                          // it does not pay: never entered again
    uint32_t entered;                       // since it was last asked whether it pays
    uint64_t insns;                         // executed in these entries
};

#endif
