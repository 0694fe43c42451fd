// SPDX-License-Identifier: GPL-3.0-or-later
// Translation tables made by hand, from the Arm ARM's tables of which address bits index which
// level (D8.2), not from the walk under test.
#ifndef TESTS_SYSTEM_TABLES_H
#define TESTS_SYSTEM_TABLES_H

#include "box.h"

// A granule: TG0 and TG1 encodings, and the lowest address bit that each level's index has.
struct granule {
    const char *name;
    unsigned bits, tg0, tg1;
    int lsb[4];    // -1: the granule has no such level
    bool block[4]; // a descriptor there may be a block (or page)
    // Fewest bits of input address for which the walk starts at this level.
    unsigned starts_above[4];
};

extern const struct granule granules[3];

// Level at which a walk of in_bits starts.
unsigned start_level(const struct granule *g, unsigned in_bits);

#define D_TABLE   3u
#define D_BLOCK   1u
#define D_PAGE    3u
#define D_AF      BIT(10)
#define D_nG      BIT(11)
#define D_AP(n)   ((uint64_t)(n) << 6)
#define D_ATTR(n) ((uint64_t)(n) << 2)
#define D_SH(n)   ((uint64_t)(n) << 8)
#define D_DBM     BIT(51)
#define D_PXN     BIT(53)
#define D_UXN     BIT(54)

// Where this test's table of a level lies; high: TTBR1's.
gpa_t table_at(unsigned level, bool high);
// Physical address of the descriptor of va at a level.
gpa_t entry_at(const struct granule *g, unsigned in_bits, unsigned level, gva_t va);
// Clears all tables, then maps va at leaf_level with this descriptor (address and type are added),
// tables above it with table_bits. Sets TTBR, TCR (both halves alike), MAIR and SCTLR.M. The ASID
// is left alone.
void map_one(struct box *b, const struct granule *g, unsigned in_bits, unsigned leaf_level,
             gva_t va, gpa_t pa, uint64_t leaf, uint64_t table_bits);
// Adds another page to what map_one() made; no registers.
void map_more(struct box *b, const struct granule *g, unsigned in_bits, unsigned leaf_level,
              gva_t va, gpa_t pa, uint64_t leaf, uint64_t table_bits);
// Recomputes what follows from registers that were poked.
void settle(struct box *b);

#endif
