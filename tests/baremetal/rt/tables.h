// SPDX-License-Identifier: GPL-3.0-or-later
// Translation tables for tests: any granule, any input size, built in the arena.
#ifndef BAREMETAL_TABLES_H
#define BAREMETAL_TABLES_H

#include "rt.h"

// Fields of descriptors. A block or page is an output address | these.
#define D_VALID   BIT(0)
#define D_PAGE    3ull // at level 3, and a table elsewhere
#define D_BLOCK   1ull
#define D_ATTR(n) ((u64)(n) << 2) // RT_MAIR's: 0 nGnRnE, 1 write-back, 2 non-cacheable, 3 nGnRE
#define D_USER    BIT(6)
#define D_RO      BIT(7)
#define D_SH      (3ull << 8)
#define D_AF      BIT(10)
#define D_NG      BIT(11)
#define D_DBM     BIT(51)
#define D_CONT    BIT(52)
#define D_PXN     BIT(53)
#define D_UXN     BIT(54)
#define D_PXNT    BIT(59)
#define D_UXNT    BIT(60)
#define D_APT0    BIT(61)
#define D_APT1    BIT(62)
#define D_NORMAL  (D_ATTR(1) | D_SH | D_AF)

struct tt {
    unsigned granule; // log2: 12, 14, 16
    unsigned tsz;
    u64 root; // physical
    u64 next; // free arena
};

// Tables for 64 - tsz bits, empty. The arena from `at` on is taken.
void tt_init(struct tt *t, unsigned granule, unsigned tsz, u64 at);
unsigned tt_start(const struct tt *t);
unsigned tt_shift(const struct tt *t, unsigned level); // log2 of what an entry of the level maps
// The entry of va at a level; tables on the way are made, with these attributes.
volatile u64 *tt_entry(struct tt *t, u64 va, unsigned level, u64 table_attr);
// Writes an entry; bit 1 is set as the level wants it.
void tt_map(struct tt *t, u64 va, unsigned level, u64 descriptor);
// TCR_EL1 for these tables in half 0 or 1; the other half stays as the runtime's.
u64 tt_tcr(const struct tt *t, unsigned half);
// Puts them into use and empties the TLB; tcr is ORed. Half 1 needs rt_in_low(). With `asid`.
void tt_use(const struct tt *t, unsigned half, u64 tcr, u64 asid);
void tt_restore(void); // the runtime's own registers, both halves, PAN and all

// Looking at a mapping. A page made by page_stamp() holds code and its own physical address.
void page_stamp(u64 pa);
// One access: 'r', 'w', 'x' at EL0 or EL1, 'R', 'W' unprivileged at EL1. 0: it worked; else the ISS
// of the abort, | PROBE_ODD if anything but the syndrome of an abort at this address came.
// For 'r' and 'R', *seen is the stamp.
#define PROBE_ODD BIT(32)
u64 touch(char kind, unsigned el, u64 va, u64 *seen);
// Prints " r1:" and so on: '-' or the ISS; the stamp behind a '>' after a read that worked.
void probe1(char kind, unsigned el, u64 va);
void probe(u64 va);          // r, w, x at EL1, then at EL0
u64 at(unsigned op, u64 va); // AT's result, PAR_EL1; op: 0-3 S1E1R, E1W, E0R, E0W; 4, 5: with PAN
void probe_at(u64 va);       // prints 0-3

u64 page_alloc(struct tt *t, u64 size); // zeroed, aligned to its size

#endif
