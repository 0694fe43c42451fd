// SPDX-License-Identifier: GPL-3.0-or-later
// The table walk: every granule, size of input address and level; every fault at every level with
// its status code; attributes, hardware access flag and dirty state.
#include "tables.h"

static struct box box;

static void setup(void)
{
    box_init(&box);
}

static void teardown(void)
{
    box_fini(&box);
}

TestSuite(mmu, .init = setup, .fini = teardown);

#define PA UINT64_C(0x12345678000) // below 2^44; bits of every page size

#define MAPPED 0x80 // instead of a status code

// A walk without side effects unless asked for; fsc is MAPPED if it succeeded.
static struct a64_walk walk(gva_t va, enum mem_access access, unsigned flags)
{
    struct a64_walk w;
    if (a64_walk(box.cpu, va, access, flags, &w))
        w.fsc = MAPPED;
    return w;
}

struct place {
    const struct granule *g;
    unsigned in_bits, level; // of the leaf
    bool high;
    gva_t va;
    gpa_t pa;
};

// An address with every index different, in the half asked for.
static gva_t some_va(unsigned in_bits, bool high)
{
    gva_t va = UINT64_C(0x00005a3c96f1e7d5) & mask64(in_bits);
    return high ? va | ~mask64(in_bits) : va;
}

static gpa_t page_of(const struct granule *g, unsigned level, gpa_t pa)
{
    return pa & ~mask64((unsigned)g->lsb[level]);
}

// Calls f for every granule, input size, half and level at which there can be a leaf.
static void each_place(void (*f)(const struct place *p))
{
    for (unsigned n = 0; n < ARRAY_SIZE(granules); n++)
        for (unsigned in_bits = 25; in_bits <= 48; in_bits++)
            for (unsigned high = 0; high < 2; high++)
                for (unsigned level = start_level(&granules[n], in_bits); level < 4; level++) {
                    struct place p = { &granules[n],
                                       in_bits,
                                       level,
                                       high,
                                       some_va(in_bits, high),
                                       page_of(&granules[n], level, PA) };
                    if (granules[n].block[level])
                        f(&p);
                }
}

static void map(const struct place *p, uint64_t leaf)
{
    map_one(&box, p->g, p->in_bits, p->level, p->va, p->pa, leaf, 0);
}

#define WHERE    "%s, %u bits, level %u, va %#" PRIx64 ": "
#define PLACE(p) (p)->g->name, (p)->in_bits, (p)->level, (p)->va

#define EXPECT_FSC(p, w, want)                                                                     \
    cr_expect_eq((w).fsc, (want), WHERE "fsc %#x, not %#x", PLACE(p), (w).fsc, (unsigned)(want))

static void expect_mapped(const struct place *p)
{
    map(p, D_AF);
    struct a64_walk w = walk(p->va, MEM_READ, WALK_EL1);
    gpa_t want = p->pa | (p->va & mask64((unsigned)p->g->lsb[p->level]));
    EXPECT_FSC(p, w, MAPPED);
    cr_expect_eq(w.pa, want, WHERE "pa %#" PRIx64 " not %#" PRIx64, PLACE(p), w.pa, want);
    cr_expect_eq(w.log2_size, p->g->lsb[p->level], WHERE "size %u", PLACE(p), w.log2_size);
}

Test(mmu, every_mapping)
{
    each_place(expect_mapped);
}

// Invalid at each level on the way down, and the leaf's reserved kind.
static void expect_translation_faults(const struct place *p)
{
    for (unsigned level = start_level(p->g, p->in_bits); level <= p->level; level++) {
        map(p, D_AF);
        uint64_t *entry = box_word(&box, entry_at(p->g, p->in_bits, level, p->va));
        *entry &= ~UINT64_C(1);
        EXPECT_FSC(p, walk(p->va, MEM_READ, WALK_EL1), 4 + level);
        // A block where there can be none; at level 3 that is the reserved encoding.
        *entry = (*entry & ~UINT64_C(3)) | D_BLOCK | D_AF;
        if (level == 3 || !p->g->block[level])
            EXPECT_FSC(p, walk(p->va, MEM_READ, WALK_EL1), 4 + level);
    }
}

Test(mmu, translation_faults)
{
    each_place(expect_translation_faults);
}

static void expect_access_flag(const struct place *p)
{
    map(p, 0);
    uint64_t *leaf = box_word(&box, entry_at(p->g, p->in_bits, p->level, p->va));
    EXPECT_FSC(p, walk(p->va, MEM_READ, WALK_EL1 | WALK_UPDATE), 8 + p->level);
    cr_expect(!(*leaf & D_AF), WHERE "access flag set although it faulted", PLACE(p));
    box.cpu->v.r[A64_TCR_EL1] |= TCR_HA;
    EXPECT_FSC(p, walk(p->va, MEM_READ, WALK_EL1), MAPPED);
    cr_expect(!(*leaf & D_AF), WHERE "access flag set by a walk without effects", PLACE(p));
    EXPECT_FSC(p, walk(p->va, MEM_READ, WALK_EL1 | WALK_UPDATE), MAPPED);
    cr_expect(*leaf & D_AF, WHERE "access flag not set", PLACE(p));
}

Test(mmu, access_flag)
{
    each_place(expect_access_flag);
}

static void expect_permission_fault(const struct place *p)
{
    map(p, D_AF | D_AP(2)); // read-only
    EXPECT_FSC(p, walk(p->va, MEM_WRITE, WALK_EL1), 12 + p->level);
    EXPECT_FSC(p, walk(p->va, MEM_READ, WALK_EL1), MAPPED);
    // No access flag comes first, and hardware does not set it for an access that fails.
    map(p, D_AP(2));
    EXPECT_FSC(p, walk(p->va, MEM_WRITE, WALK_EL1), 8 + p->level);
    box.cpu->v.r[A64_TCR_EL1] |= TCR_HA;
    EXPECT_FSC(p, walk(p->va, MEM_WRITE, WALK_EL1 | WALK_UPDATE), 12 + p->level);
    uint64_t leaf = *box_word(&box, entry_at(p->g, p->in_bits, p->level, p->va));
    cr_expect(!(leaf & D_AF), WHERE "access flag set by a refused write", PLACE(p));
}

Test(mmu, permission_faults)
{
    each_place(expect_permission_fault);
}

// Output addresses of 41 bits where IPS says 36: of each table, of the leaf, of TTBR.
static void expect_address_size(const struct place *p)
{
    unsigned start = start_level(p->g, p->in_bits);
    for (unsigned level = start; level <= p->level; level++) {
        struct place low = *p;
        low.pa = 0;
        map(&low, D_AF);
        box.cpu->v.r[A64_TCR_EL1] = deposit64(box.cpu->v.r[A64_TCR_EL1], 32, 3, 1);
        EXPECT_FSC(p, walk(p->va, MEM_READ, WALK_EL1), MAPPED);
        *box_word(&box, entry_at(p->g, p->in_bits, level, p->va)) |= BIT(40);
        EXPECT_FSC(p, walk(p->va, MEM_READ, WALK_EL1), level);
        // The model's 44 bits limit what IPS allows.
        box.cpu->v.r[A64_TCR_EL1] = deposit64(box.cpu->v.r[A64_TCR_EL1], 32, 3, 5);
        *box_word(&box, entry_at(p->g, p->in_bits, level, p->va)) |= BIT(44);
        EXPECT_FSC(p, walk(p->va, MEM_READ, WALK_EL1), level);
    }
    map(p, D_AF);
    box.cpu->v.r[p->high ? A64_TTBR1_EL1 : A64_TTBR0_EL1] |= BIT(44);
    EXPECT_FSC(p, walk(p->va, MEM_READ, WALK_EL1), 0);
}

Test(mmu, address_size_faults_of_descriptors)
{
    each_place(expect_address_size);
}

// A table outside RAM is an external abort on the walk, at the level that was to be read.
static void expect_external(const struct place *p)
{
    for (unsigned level = start_level(p->g, p->in_bits); level < p->level; level++) {
        map(p, D_AF);
        *box_word(&box, entry_at(p->g, p->in_bits, level, p->va)) = DEVICE / 0x10000 * 0x10000 | 3;
        EXPECT_FSC(p, walk(p->va, MEM_READ, WALK_EL1), 0x14 + level + 1);
    }
    map(p, D_AF);
    box.cpu->v.r[p->high ? A64_TTBR1_EL1 : A64_TTBR0_EL1] = 0;
    EXPECT_FSC(p, walk(p->va, MEM_READ, WALK_EL1), 0x14 + start_level(p->g, p->in_bits));
}

Test(mmu, external_aborts)
{
    each_place(expect_external);
}

// TxSZ outside 16..39 is a level 0 translation fault.
Test(mmu, input_sizes_out_of_range)
{
    struct place p = { &granules[0], 39, 3, false, 0x1000, PA };
    for (unsigned tsz = 0; tsz < 64; tsz++) {
        map(&p, D_AF);
        box.cpu->v.r[A64_TCR_EL1] = deposit64(box.cpu->v.r[A64_TCR_EL1], 0, 6, tsz);
        struct a64_walk w;
        bool ok = a64_walk(box.cpu, 0x1000, MEM_READ, WALK_EL1, &w);
        if (tsz < 16 || tsz > 39)
            cr_expect(!ok && w.fsc == 4, "TxSZ %u: fsc %#x", tsz, w.fsc);
        if (tsz == 25)
            cr_expect(ok);
    }
}

// Each bit between the input address and bit 55 must be as bit 55; those above too, unless TBI.
Test(mmu, non_canonical)
{
    for (unsigned high = 0; high < 2; high++)
        for (unsigned in_bits = 36; in_bits <= 48; in_bits += 6)
            for (unsigned tbi = 0; tbi < 2; tbi++) {
                struct place p = { &granules[0], in_bits, 3, high, some_va(in_bits, high), PA };
                map(&p, D_AF);
                box.cpu->v.r[A64_TCR_EL1] |= tbi ? high ? TCR_TBI1 : TCR_TBI0 : 0;
                for (unsigned bit = in_bits; bit < 64; bit++) {
                    if (bit == 55)
                        continue; // the other half
                    struct a64_walk w = walk(p.va ^ BIT(bit), MEM_READ, WALK_EL1);
                    unsigned want = tbi && bit > 55 ? MAPPED : 4;
                    cr_expect_eq(w.fsc, want, WHERE "tbi %u bit %u: fsc %#x", PLACE(&p), tbi, bit,
                                 w.fsc);
                }
            }
}

Test(mmu, tbi_of_the_other_half)
{
    struct place p = { &granules[0], 48, 3, true, some_va(48, true), PA };
    map(&p, D_AF);
    box.cpu->v.r[A64_TCR_EL1] |= TCR_TBI0;
    cr_expect_eq(walk(p.va ^ BIT(60), MEM_READ, WALK_EL1).fsc, 4);
}

Test(mmu, epd_and_e0pd)
{
    for (unsigned high = 0; high < 2; high++) {
        struct place p = { &granules[0], 48, 3, high, some_va(48, high), PA };
        map(&p, D_AF | D_AP(1));
        uint64_t tcr = box.cpu->v.r[A64_TCR_EL1];
        cr_expect_eq(walk(p.va, MEM_READ, 0).fsc, MAPPED);
        box.cpu->v.r[A64_TCR_EL1] = tcr | (high ? TCR_EPD1 : TCR_EPD0);
        EXPECT_FSC(&p, walk(p.va, MEM_READ, WALK_EL1), 4);
        box.cpu->v.r[A64_TCR_EL1] = tcr | (high ? TCR_EPD0 : TCR_EPD1);
        EXPECT_FSC(&p, walk(p.va, MEM_READ, WALK_EL1), MAPPED);
        box.cpu->v.r[A64_TCR_EL1] = tcr | (high ? TCR_E0PD1 : TCR_E0PD0);
        EXPECT_FSC(&p, walk(p.va, MEM_READ, 0), 4);
        EXPECT_FSC(&p, walk(p.va, MEM_FETCH, 0), 4);
        EXPECT_FSC(&p, walk(p.va, MEM_READ, WALK_EL1), MAPPED);
        box.cpu->v.r[A64_TCR_EL1] = tcr | (high ? TCR_E0PD0 : TCR_E0PD1);
        EXPECT_FSC(&p, walk(p.va, MEM_READ, 0), MAPPED);
    }
}

Test(mmu, off)
{
    struct a64_walk w = walk(RAM_BASE + 0x123, MEM_READ, WALK_EL1);
    cr_expect(w.fsc == MAPPED && w.pa == RAM_BASE + 0x123 && w.device && w.read && w.write);
    w = walk(RAM_BASE, MEM_FETCH, 0);
    cr_expect(w.fsc == MAPPED && !w.device && w.exec);
    // 44 bits of physical address.
    cr_expect_eq(walk(BIT(43), MEM_READ, WALK_EL1).fsc, MAPPED);
    struct a64_walk bad;
    cr_expect(!a64_walk(box.cpu, BIT(44), MEM_READ, WALK_EL1, &bad));
    cr_expect_eq(bad.fsc, 0, "address size fault, level 0");
    cr_expect(!a64_walk(box.cpu, BIT(60) | RAM_BASE, MEM_READ, WALK_EL1, &bad));
    box.cpu->v.r[A64_TCR_EL1] = TCR_TBI0;
    w = walk(BIT(60) | RAM_BASE, MEM_READ, WALK_EL1);
    cr_expect(w.fsc == MAPPED && w.pa == RAM_BASE);
}

Test(mmu, attributes)
{
    static const struct {
        unsigned index, attr, sh_in, sh_out;
        bool device;
    } cases[] = {
        { 0, 0xff, 3, 3, false }, { 0, 0xff, 0, 0, false }, { 1, 0x44, 3, 2, false },
        { 2, 0xbb, 2, 2, false }, { 3, 0x00, 3, 2, true },  { 4, 0x04, 0, 2, true },
    };
    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++)
        for (unsigned ng = 0; ng < 2; ng++) {
            struct place p = {
                &granules[n % 3], 48, 3, false, some_va(48, false), PA & ~mask64(16)
            };
            map(&p, D_AF | D_ATTR(cases[n].index) | D_SH(cases[n].sh_in) | (ng ? D_nG : 0));
            struct a64_walk w = walk(p.va, MEM_READ, WALK_EL1);
            cr_expect_eq(w.attr, cases[n].attr, "case %u: attr %#x", n, w.attr);
            cr_expect_eq(w.sh, cases[n].sh_out, "case %u: sh %u", n, w.sh);
            cr_expect_eq(w.device, cases[n].device, "case %u: device %d", n, w.device);
            cr_expect_eq(w.global, !ng, "case %u: global %d", n, w.global);
        }
}

// Hardware management of dirty state: all combinations of HA, HD, DBM and the read-only bit.
Test(mmu, dirty_state)
{
    struct place p = { &granules[0], 48, 3, false, some_va(48, false), PA };
    for (unsigned n = 0; n < 16; n++) {
        bool ha = n & 1, hd = n & 2, dbm = n & 4, ro = n & 8;
        map(&p, D_AF | (dbm ? D_DBM : 0) | (ro ? D_AP(2) : 0));
        box.cpu->v.r[A64_TCR_EL1] |= (ha ? TCR_HA : 0) | (hd ? TCR_HD : 0);
        uint64_t *leaf = box_word(&box, entry_at(p.g, 48, 3, p.va));
        bool managed = ha && hd && dbm, allowed = !ro || managed;
        struct a64_walk w = walk(p.va, MEM_READ, WALK_EL1 | WALK_UPDATE);
        cr_expect(w.fsc == MAPPED && w.write == allowed && w.clean == (managed && ro), "case %u",
                  n);
        cr_expect_eq(*leaf >> 7 & 1, ro, "case %u: changed by a read", n);
        w = walk(p.va, MEM_WRITE, WALK_EL1);
        cr_expect_eq(w.fsc, allowed ? MAPPED : 15, "case %u: fsc %#x", n, w.fsc);
        cr_expect_eq(*leaf >> 7 & 1, ro, "case %u: changed by a walk without effects", n);
        w = walk(p.va, MEM_WRITE, WALK_EL1 | WALK_UPDATE);
        cr_expect_eq(*leaf >> 7 & 1, ro && !managed, "case %u: after a write %#" PRIx64, n, *leaf);
        cr_expect(!w.clean, "case %u: still clean", n);
    }
    // Read-only by the table stays so.
    map_one(&box, p.g, 48, 3, p.va, PA, D_AF | D_DBM | D_AP(2), BIT(62));
    box.cpu->v.r[A64_TCR_EL1] |= TCR_HA | TCR_HD;
    cr_expect_eq(walk(p.va, MEM_WRITE, WALK_EL1 | WALK_UPDATE).fsc, 15);
}

// The same by instruction: a store to a clean page after a load from it has cached it.
Test(mmu, dirty_state_by_store)
{
    struct place p = { &granules[0], 48, 3, false, 0x400000, RAM_BASE + 0x800000 };
    map(&p, D_DBM | D_AP(2));
    box.cpu->v.r[A64_TCR_EL1] |= TCR_HA | TCR_HD;
    settle(&box);
    uint64_t *leaf = box_word(&box, entry_at(p.g, 48, 3, p.va)), v = 77;
    cr_expect(mem_load(&box.cpu->v, p.va, 8, 0, &v) && v == 0);
    cr_expect((*leaf & (D_AF | D_AP(2))) == (D_AF | D_AP(2)), "after a load %#" PRIx64, *leaf);
    v = 77;
    cr_expect(mem_probe(&box.cpu->v, p.va, 8, MEM_READ, 0));
    cr_expect(mem_store(&box.cpu->v, p.va + 8, 8, 0, &v));
    cr_expect((*leaf & (D_AF | D_AP(2))) == D_AF, "after a store %#" PRIx64, *leaf);
    cr_expect_eq(*box_word(&box, p.pa + 8), 77);
}

// Reserved TG0 and TG1 encodings are 4K.
Test(mmu, reserved_granule)
{
    struct place p = { &granules[0], 48, 3, false, some_va(48, false), PA };
    map(&p, D_AF);
    box.cpu->v.r[A64_TCR_EL1] = deposit64(box.cpu->v.r[A64_TCR_EL1], 14, 2, 3);
    cr_expect_eq(walk(p.va, MEM_READ, WALK_EL1).fsc, MAPPED);
    p = (struct place){ &granules[0], 48, 3, true, some_va(48, true), PA };
    map(&p, D_AF);
    box.cpu->v.r[A64_TCR_EL1] = deposit64(box.cpu->v.r[A64_TCR_EL1], 30, 2, 0);
    cr_expect_eq(walk(p.va, MEM_READ, WALK_EL1).fsc, MAPPED);
}
