// SPDX-License-Identifier: GPL-3.0-or-later
#include "tables.h"

#include <string.h>

const struct granule granules[3] = {
    { "4K", 12, 0, 2, { 39, 30, 21, 12 }, { false, true, true, true }, { 40, 31, 22, 0 } },
    { "16K", 14, 2, 1, { 47, 36, 25, 14 }, { false, false, true, true }, { 48, 37, 26, 0 } },
    { "64K", 16, 1, 3, { -1, 42, 29, 16 }, { false, false, true, true }, { 99, 43, 30, 0 } },
};

#define TABLE_STRIDE 0x20000u // the largest table is 64 KiB

unsigned start_level(const struct granule *g, unsigned in_bits)
{
    unsigned level = 0;
    while (in_bits < g->starts_above[level])
        level++;
    return level;
}

gpa_t table_at(unsigned level, bool high)
{
    return TABLES + (level + (high ? 4 : 0)) * TABLE_STRIDE;
}

gpa_t entry_at(const struct granule *g, unsigned in_bits, unsigned level, gva_t va)
{
    unsigned lsb = (unsigned)g->lsb[level];
    unsigned msb = level == start_level(g, in_bits) ? in_bits : (unsigned)g->lsb[level - 1];
    return table_at(level, va >> 55 & 1) + 8 * bits64(va, lsb, msb - lsb);
}

void map_more(struct box *b, const struct granule *g, unsigned in_bits, unsigned leaf_level,
              gva_t va, gpa_t pa, uint64_t leaf, uint64_t table_bits)
{
    unsigned level = start_level(g, in_bits);
    for (; level < leaf_level; level++)
        *box_word(b, entry_at(g, in_bits, level, va)) =
            table_at(level + 1, va >> 55 & 1) | D_TABLE | table_bits;
    *box_word(b, entry_at(g, in_bits, level, va)) = pa | leaf | (level == 3 ? D_PAGE : D_BLOCK);
}

void map_one(struct box *b, const struct granule *g, unsigned in_bits, unsigned leaf_level,
             gva_t va, gpa_t pa, uint64_t leaf, uint64_t table_bits)
{
    uint64_t *r = b->cpu->v.r, tsz = 64 - in_bits;
    memset(box_word(b, TABLES), 0, 8 * TABLE_STRIDE);
    map_more(b, g, in_bits, leaf_level, va, pa, leaf, table_bits);
    for (unsigned high = 0; high < 2; high++) {
        uint64_t *ttbr = &r[high ? A64_TTBR1_EL1 : A64_TTBR0_EL1];
        *ttbr = deposit64(*ttbr, 0, 48, table_at(start_level(g, in_bits), high));
    }
    // IPS: 48 bits, of which the model has 44; 16-bit ASIDs.
    r[A64_TCR_EL1] = tsz | tsz << 16 | (uint64_t)g->tg0 << 14 | (uint64_t)g->tg1 << 30 |
                     UINT64_C(5) << 32 | TCR_AS;
    r[A64_MAIR_EL1] = 0x0400bb44ff; // 0 normal, 1 non-cacheable, 2 write-through, 3 and 4 device
    r[A64_SCTLR_EL1] |= SCTLR_M;
    settle(b);
}

void settle(struct box *b)
{
    tlb_flush_all(&b->cpu->v);
    a64_update_mode(b->cpu);
}
