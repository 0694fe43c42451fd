// SPDX-License-Identifier: GPL-3.0-or-later
// Translation table walks: granules, sizes of the address space, every level, every fault, memory
// attributes as AT reports them, in both halves of the address space.
#include "tables.h"

static u64 high_bits(unsigned half, unsigned tsz)
{
    return half ? ~0ull << (64 - tsz) : 0;
}

static const u8 granules[] = {12, 14, 16};

// A name for the lines that follow.
static void head(const char *what, unsigned half, unsigned granule, unsigned tsz)
{
    print("%s half %d granule %d tsz %d", (u64)what, half, granule, tsz);
}

static void sizes(unsigned half, unsigned granule, unsigned tsz)
{
    struct tt t;
    tt_init(&t, granule, tsz, ARENA + 0x1000000);
    u64 high = high_bits(half, tsz), space = BIT(64 - tsz), page = BIT(granule);
    u64 va[3] = {0, 0xa5a5a5a5a5a5a5a5 & (space - 1) & ~(page - 1), space - page};
    for (unsigned n = 0; n < 3; n++)
        tt_map(&t, high | va[n], 3, (ARENA + n * 0x10000) | D_NORMAL | D_USER);
    tt_use(&t, half, 0, 0);
    head("size", half, granule, tsz);
    for (unsigned n = 0; n < 3; n++) {
        probe1('r', EL1, high | va[n]);
        probe1('w', EL0, high | va[n]);
    }
    print(" par %x", at(0, high | va[1]));
    // Just outside, and with every bit above the input wrong in turn.
    print(" outside");
    probe1('r', EL1, half ? high - page : space);
    probe1('x', EL0, half ? high - page : space);
    for (unsigned bit = 64 - tsz; bit < 64; bit++)
        if (bit != 55)
            print(" %x", touch('r', EL1, high ^ va[1] ^ BIT(bit), NULL));
    print("\n");
    tt_restore();
}

// Sizes that do not exist are level 0 translation faults.
static void bad_sizes(unsigned half)
{
    struct tt t;
    tt_init(&t, 12, 16, ARENA + 0x1000000);
    for (unsigned tsz = 0; tsz < 16; tsz++) {
        t.tsz = tsz;
        head("bad size", half, 12, tsz);
        tt_use(&t, half, 0, 0);
        probe1('r', EL1, half ? ~0xfffull : 0);
        probe1('x', EL0, half ? ~0xfffull : 0);
        print(" %x\n", at(0, half ? ~0xfffull : 0));
        tt_restore();
    }
}

// Where the start level's table is smaller than a page it need only be aligned to its size.
static void small_tables(unsigned half)
{
    for (unsigned g = 0; g < 3; g++)
        for (unsigned entries = 2; entries <= 64; entries *= 2) {
            unsigned stride = granules[g] - 3, bits = __builtin_ctz(entries);
            unsigned in = granules[g] + stride + bits; // two levels
            if (in < 25)
                in += stride;
            struct tt t;
            tt_init(&t, granules[g], 64 - in, ARENA + 0x1000000);
            u64 high = high_bits(half, 64 - in), va = high | (BIT(in) - BIT(granules[g]));
            tt_map(&t, va, 3, ARENA | D_NORMAL | D_USER);
            u64 size = entries * 8 < 64 ? 64 : entries * 8;
            u64 to = t.root + BIT(granules[g]) - size;
            for (unsigned n = 0; n < entries; n++)
                ((volatile u64 *)phys(to))[n] = ((volatile u64 *)phys(t.root))[n];
            if (to != t.root)
                for (unsigned n = 0; n < entries; n++)
                    ((volatile u64 *)phys(t.root))[n] = 0;
            t.root = to;
            tt_use(&t, half, 0, 0);
            head("small", half, granules[g], 64 - in);
            print(" entries %d", entries);
            probe(va);
            print("\n");
            tt_restore();
        }
}

static const char kind_name[][12] = {"good",      "invalid", "reserved", "no-af",
                                     "read-only", "kernel",  "too-high", "contiguous"};

static u64 make(unsigned kind, unsigned level, unsigned shift)
{
    u64 pa = ARENA & ~(BIT(shift) - 1),
        d = pa | D_NORMAL | D_USER | (level == 3 ? D_PAGE : D_BLOCK);
    switch (kind) {
    case 1:
        return d & ~1ull;
    case 2: // 01 at level 3, and where blocks do not exist
        return d & ~2ull;
    case 3:
        return d & ~D_AF;
    case 4:
        return d | D_RO;
    case 5:
        return d & ~D_USER;
    case 6:
        return d | BIT(44);
    case 7:
        return d | D_CONT;
    default:
        return d;
    }
}

// Every kind of leaf at every level.
static void leaves(unsigned half, unsigned granule, unsigned tsz)
{
    struct tt t;
    for (unsigned level = 0; level < 4; level++) {
        tt_init(&t, granule, tsz, ARENA + 0x1000000);
        if (level < tt_start(&t))
            continue;
        unsigned shift = tt_shift(&t, level);
        u64 va = high_bits(half, tsz) |
                 (0x0000321043210000ull & (BIT(64 - tsz) - 1) & ~(BIT(shift) - 1));
        u64 in = shift > 12 ? ARENA & (BIT(shift) - 1) : 0;
        volatile u64 *e = tt_entry(&t, va, level, 0);
        for (unsigned kind = 0; kind < ARRAY_SIZE(kind_name); kind++) {
            *e = make(kind, level, shift);
            tt_use(&t, half, 0, 0);
            head("leaf", half, granule, tsz);
            print(" level %d %s", level, (u64)kind_name[kind]);
            // Without FEAT_LPA(2) there are blocks at level 2, and at level 1 with 4K. QEMU has
            // them everywhere.
            if (level < 2 && !(level == 1 && granule == 12)) {
                u64 fsc = 4 + level, par = 0x801 | fsc << 1;
                arm_begins();
                print(" r1:%x w1:%x x1:%x r0:%x w0:%x x0:%x at", fsc, fsc | 0x40, fsc, fsc,
                      fsc | 0x40, fsc);
                print(" %x %x %x %x\n", par, par, par, par);
            }
            probe(va + in);
            probe_at(va + in);
            print("\n");
        }
        tt_restore();
    }
}

// A table descriptor that points nowhere, at each level it may stand.
static void table_faults(unsigned half, unsigned granule, unsigned tsz)
{
    struct tt t;
    tt_init(&t, granule, tsz, ARENA + 0x1000000);
    u64 va = high_bits(half, tsz) | (0x0000321043210000ull & (BIT(64 - tsz) - 1));
    tt_map(&t, va, 3, ARENA | D_NORMAL | D_USER);
    for (unsigned level = tt_start(&t); level < 3; level++) {
        volatile u64 *e = tt_entry(&t, va, level, 0);
        u64 was = *e;
        static const u64 where[] = {1ull << 44, 1ull << 47, 0x60000000};
        for (unsigned n = 0; n < ARRAY_SIZE(where); n++) {
            *e = where[n] | D_PAGE;
            tt_use(&t, half, 0, 0);
            head("table", half, granule, tsz);
            print(" level %d at %x", level, where[n]);
            probe(va);
            if (n < 2)
                probe_at(va);
            print("\n");
        }
        *e = was;
    }
    static const u64 root[] = {1ull << 44, 1ull << 47, 0x60000000};
    for (unsigned n = 0; n < ARRAY_SIZE(root); n++) {
        struct tt bad = t;
        bad.root = root[n];
        tt_use(&bad, half, 0, 0);
        head("root", half, granule, tsz);
        print(" at %x", root[n]);
        probe(va);
        print("\n");
    }
    // Disabled by EPD; the low bits of a root (CnP, and reserved ones) do not count.
    tt_use(&t, half, half ? BIT(23) : BIT(7), 0);
    head("epd", half, granule, tsz);
    probe(va);
    print("\n");
    tt_restore();
}

// The size that TCR_EL1.IPS allows, in blocks, pages and tables.
static void output_sizes(unsigned half)
{
    static const u8 bits[] = {32, 36, 40, 42, 44};
    struct tt t;
    for (unsigned ips = 0; ips < 5; ips++)
        for (unsigned bit = 32; bit < 48; bit += 2) {
            tt_init(&t, 12, 16, ARENA + 0x1000000);
            u64 va = high_bits(half, 16) | 0x12345000;
            tt_map(&t, va, 3, BIT(bit) | D_NORMAL | D_USER);
            tt_map(&t, va + BIT(30), 2, BIT(bit) | D_NORMAL | D_USER);
            tt_map(&t, va + BIT(31), 1, BIT(bit) | D_NORMAL | D_USER);
            tt_use(&t, half, 0, 0);
            msr(tcr_el1, (tt_tcr(&t, half) & ~(7ull << 32)) | (u64)ips << 32);
            tlbi_all();
            head("ips", half, 12, 16);
            print(" %d output %d: %x %x %x\n", bits[ips], bit, at(0, va), at(0, va + BIT(30)),
                  at(0, va + BIT(31)));
            tt_restore();
        }
}

// What AT says of memory types, with every shareability.
static void attributes(unsigned half)
{
    struct tt t;
    tt_init(&t, 12, 16, ARENA + 0x1000000);
    u64 va = high_bits(half, 16) | 0x12345000;
    static const u64 mairs[] = {RT_MAIR, 0x4f4bf4fb484284ffull};
    for (unsigned m = 0; m < 2; m++)
        for (unsigned index = 0; index < 8; index++)
            for (u64 sh = 0; sh < 4; sh++) {
                if (sh == 1)
                    continue; // reserved
                tt_map(&t, va, 3, ARENA | D_AF | D_ATTR(index) | sh << 8);
                tt_use(&t, half, 0, 0);
                msr(mair_el1, mairs[m]);
                tlbi_all();
                u64 attr = mairs[m] >> index * 8 & 0xff;
                print("mair %x sh %d", attr, sh);
                // Device and non-cacheable memory is outer shareable (PAREncodeShareability());
                // QEMU gives the descriptor's field.
                if (!(attr & 0xf0) || attr == 0x44) {
                    arm_begins();
                    print(" par %x\n", attr << 56 | ARENA | 0xb00);
                }
                print(" par %x\n", at(0, va));
            }
    tt_restore();
}

static u64 all(u64 half)
{
    for (unsigned n = 0; n < 8; n++)
        page_stamp(ARENA + n * 0x10000);
    for (unsigned g = 0; g < 3; g++) {
        for (unsigned tsz = 16; tsz < 40; tsz++)
            sizes(half, granules[g], tsz);
        static const u8 tszs[] = {16, 22, 25, 28, 34, 39};
        for (unsigned n = 0; n < ARRAY_SIZE(tszs); n++) {
            leaves(half, granules[g], tszs[n]);
            table_faults(half, granules[g], tszs[n]);
        }
    }
    bad_sizes(half);
    small_tables(half);
    output_sizes(half);
    attributes(half);
    return 0;
}

void program(void)
{
    all(0);
    rt_in_low(all, 1);
}
