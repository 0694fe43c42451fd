// SPDX-License-Identifier: GPL-3.0-or-later
// What a TLB must forget and what it may keep: TLBI of every form, ASIDs of 8 and 16 bits chosen by
// either TTBR, global and non-global entries, blocks broken up, one page at several addresses; and
// what hardware writes into descriptors: access flag and dirty state.
//
// After a change nothing is looked at before the TLBI that covers it: until then both answers are
// right.
#include "tables.h"

#define VA    0x0000456780000000ull
#define PA(n) (ARENA + (n)*0x1000ull)

static u64 high_bits(unsigned half)
{
    return half ? 0xffff000000000000 : 0;
}

static void stamp(void)
{
    for (unsigned n = 0; n < 64; n++)
        page_stamp(PA(n));
}

// TLBI by name; the operand is made of va and asid.
struct tlbi {
    char name[12];
    u32 insn;
    bool last_level, by_asid_alone, all;
};

static u64 operand(u64 va, u64 asid)
{
    return asid << 48 | (va >> 12 & (BIT(44) - 1));
}

static void touch_all(u64 va)
{
    touch('r', EL1, va, NULL);
    touch('w', EL1, va, NULL);
    touch('x', EL1, va, NULL);
    touch('r', EL0, va, NULL);
    touch('w', EL0, va, NULL);
    touch('x', EL0, va, NULL);
    touch('R', EL1, va, NULL);
}

static void show(const char *what, u64 va)
{
    print("%s", (u64)what);
    probe(va);
    probe1('R', EL1, va);
    print(" par %x\n", at(0, va));
}

// One kind of access alone has filled the TLB before the change, and looks after it.
static void each_kind(const struct tlbi *f, unsigned half, bool ng, u64 va)
{
    static const char kinds[][2] = {"r1", "w1", "x1", "r0", "w0", "x0", "R1", "W1"};
    u64 asid = 0x31, op = f->by_asid_alone ? asid << 48 : operand(va, asid);
    print("half %d %s ng %d:", half, (u64)f->name, ng);
    for (unsigned k = 0; k < ARRAY_SIZE(kinds); k++) {
        char kind = kinds[k][0];
        unsigned el = kinds[k][1] - '0';
        bool write = (kind | 32) == 'w';
        struct tt t;
        tt_init(&t, 12, 16, ARENA + 0x1000000);
        u64 attr =
            D_NORMAL | (ng ? D_NG : 0) | (write ? 0 : D_RO) | (kind == 'x' && el ? 0 : D_USER);
        tt_map(&t, va, 3, PA(0) | attr);
        tt_use(&t, half, half ? BIT(22) : 0, asid);
        for (unsigned n = 0; n < 3; n++) {
            probe1(kind, el, va);
            *tt_entry(&t, va, 3, 0) = PA(n + 1) | attr | (n & 1 ? 0 : D_PXN | D_UXN) | D_PAGE;
            dsb();
            run2(EL1, f->insn, INSN("dsb sy"), 0, op, 0, 0);
            isb();
            volatile u64 *was = phys(PA(n) + 24), *is = phys(PA(n + 1) + 24);
            *was = *is = 0;
            probe1(kind, el, va);
            print(" %x %x", *was, *is);
        }
        tt_restore();
    }
    print("\n");
}

static void forms(unsigned half)
{
    struct tlbi form[] = {
        {"vmalle1", INSN("tlbi vmalle1"), 0, 0, 1},
        {"vmalle1is", INSN("tlbi vmalle1is"), 0, 0, 1},
        {"vae1", INSN("tlbi vae1, x1"), 0, 0, 0},
        {"vae1is", INSN("tlbi vae1is, x1"), 0, 0, 0},
        {"vaae1", INSN("tlbi vaae1, x1"), 0, 0, 0},
        {"vaae1is", INSN("tlbi vaae1is, x1"), 0, 0, 0},
        {"vale1", INSN("tlbi vale1, x1"), 1, 0, 0},
        {"vale1is", INSN("tlbi vale1is, x1"), 1, 0, 0},
        {"vaale1", INSN("tlbi vaale1, x1"), 1, 0, 0},
        {"vaale1is", INSN("tlbi vaale1is, x1"), 1, 0, 0},
        {"aside1", INSN("tlbi aside1, x1"), 0, 1, 0},
        {"aside1is", INSN("tlbi aside1is, x1"), 0, 1, 0},
    };
    u64 va = high_bits(half) | VA;
    for (unsigned f = 0; f < ARRAY_SIZE(form); f++)
        for (unsigned ng = 0; ng < 2; ng++) {
            if (form[f].by_asid_alone && !ng)
                continue; // global entries need not go
            each_kind(&form[f], half, ng, va);
            struct tt t;
            tt_init(&t, 12, 16, ARENA + 0x1000000);
            u64 attr = D_NORMAL | D_USER | D_RO | (ng ? D_NG : 0), asid = 0x25;
            tt_map(&t, va, 3, PA(0) | attr);
            // A1 = 1: the ASID is TTBR1's; with half 0 it is TTBR0's.
            tt_use(&t, half, half ? BIT(22) : 0, asid);
            print("half %d %s ng %d:\n", half, (u64)form[f].name, ng);
            show(" first", va);
            touch_all(va);
            static const u64 change[] = {D_RO, 0, D_PXN, D_UXN | D_PXN, D_RO | D_UXN};
            for (unsigned n = 0; n < ARRAY_SIZE(change); n++) {
                u64 a = (attr & ~D_RO) | change[n];
                *tt_entry(&t, va, 3, 0) = PA(n + 1) | (n == 2 ? a & ~D_USER : a) | D_PAGE;
                dsb();
                run2(EL1, form[f].insn, INSN("dsb sy"), 0,
                     form[f].by_asid_alone ? asid << 48 : operand(va, asid), 0, 0);
                isb();
                show(" then", va);
                touch_all(va);
            }
            // Gone, and back.
            *tt_entry(&t, va, 3, 0) = 0;
            dsb();
            run2(EL1, form[f].insn, INSN("dsb sy"), 0,
                 form[f].by_asid_alone ? asid << 48 : operand(va, asid), 0, 0);
            isb();
            show(" gone", va);
            *tt_entry(&t, va, 3, 0) = PA(9) | attr | D_PAGE;
            dsb();
            isb();
            show(" back", va); // a fault is never cached
            // A table taken away: not for the last-level forms.
            if (!form[f].last_level) {
                touch_all(va);
                *tt_entry(&t, va, 2, 0) = 0;
                dsb();
                run2(EL1, form[f].insn, INSN("dsb sy"), 0,
                     form[f].by_asid_alone ? asid << 48 : operand(va, asid), 0, 0);
                isb();
                show(" no table", va);
            }
            tt_restore();
        }
}

// A 2 MiB block, used here and there, becomes a table; one TLBI for an address inside it.
static void break_block(unsigned half, unsigned granule)
{
    struct tt t;
    u64 va = high_bits(half) | VA;
    tt_init(&t, granule, 16, ARENA + 0x2000000);
    unsigned shift = tt_shift(&t, 2);
    u64 pa = (ARENA + 0x100000) & ~(BIT(shift) - 1), in = (ARENA & (BIT(shift) - 1)) & ~0xffffull;
    volatile u64 *e = tt_entry(&t, va, 2, 0);
    for (unsigned which = 0; which < 3; which++) {
        *e = pa | D_NORMAL | D_USER | D_RO | D_NG | D_BLOCK;
        tt_use(&t, half, half ? BIT(22) : 0, 7);
        for (unsigned n = 0; n < 4; n++) {
            print("half %d granule %d block %d:", half, granule, n);
            probe(va + in + n * 0x10000);
            print("\n");
        }
        u64 table = page_alloc(&t, BIT(granule));
        for (unsigned n = 0; n < BIT(granule - 3); n++)
            ((volatile u64 *)phys(table))[n] =
                (pa + ((n * BIT(granule)) ^ 0x10000)) | D_NORMAL | D_USER | D_RO | D_NG | D_PAGE;
        *e = 0;
        dsb();
        static const u64 where[] = {0, 0x30000, 0x12000};
        u64 op = operand(va + in + where[which], 7);
        if (which == 0)
            run2(EL1, INSN("tlbi vae1, x1"), INSN("dsb sy"), 0, op, 0, 0);
        else
            run2(EL1, INSN("tlbi vaae1is, x1"), INSN("dsb sy"), 0, op, 0, 0);
        isb();
        *e = table | D_PAGE;
        dsb();
        isb();
        for (unsigned n = 0; n < 4; n++) {
            print("half %d granule %d pages %d:", half, granule, n);
            probe(va + in + n * 0x10000);
            print("\n");
        }
    }
    tt_restore();
}

// Two address spaces with ASIDs and no TLBI between them.
static void asids(unsigned half, unsigned sixteen, unsigned a1)
{
    struct tt t[4];
    u64 va = high_bits(half) | VA;
    static const u16 wide[] = {0x0101, 0x0201, 0xff01, 0x0001}, narrow[] = {1, 2, 0xff, 0x80};
    for (unsigned n = 0; n < 4; n++) {
        tt_init(&t[n], 12, 16, ARENA + 0x1000000 + n * 0x100000);
        tt_map(&t[n], va, 3, PA(n) | D_NORMAL | D_USER | D_RO | D_NG);   // own
        tt_map(&t[n], va + 0x1000, 3, PA(8) | D_NORMAL | D_USER | D_RO); // global, the same
        tt_map(&t[n], va + 0x2000, 3, PA(10 + n) | D_NORMAL | (n & 1 ? D_USER : 0) | D_NG);
        if (n & 1)
            tt_map(&t[n], va + 0x3000, 3, PA(14 + n) | D_NORMAL | D_NG); // not everywhere
    }
    u64 tcr = tt_tcr(&t[0], half) | (sixteen ? BIT(36) : 0) | (a1 ? BIT(22) : 0);
    u64 other = half ? mrs(ttbr0_el1) : mrs(ttbr1_el1);
    dsb();
    msr(tcr_el1, tcr);
    isb();
    tlbi_all();
    for (unsigned round = 0; round < 40; round++) {
        unsigned n = (round * 7 + round / 4) % 4;
        u64 asid = (u64)(sixteen ? wide[n] : narrow[n]) << 48;
        u64 mine = t[n].root | (a1 == half ? asid : 0), its = other | (a1 != half ? asid : 0);
        if (half) {
            msr(ttbr1_el1, mine);
            msr(ttbr0_el1, its);
        } else {
            msr(ttbr0_el1, mine);
            msr(ttbr1_el1, its);
        }
        isb();
        print("half %d sixteen %d a1 %d space %d:", half, sixteen, a1, n);
        for (unsigned p = 0; p < 4; p++) {
            print(" |");
            probe1('r', EL1, va + p * 0x1000);
            probe1('r', EL0, va + p * 0x1000);
            probe1('x', EL1, va + p * 0x1000);
            probe1('x', EL0, va + p * 0x1000);
            probe1('w', EL1, va + p * 0x1000);
        }
        print("\n");
        // Now and then a mapping of one space changes, and is told to the TLB in one way or
        // another.
        if (round % 5 == 4) {
            *tt_entry(&t[n], va, 3, 0) = PA(20 + round) | D_NORMAL | D_USER | D_RO | D_NG | D_PAGE;
            dsb();
            u64 id = asid;
            if (round % 3 == 0)
                asm volatile("tlbi aside1is, %0" ::"r"(id));
            else if (round % 3 == 1)
                asm volatile("tlbi vae1, %0" ::"r"(id | operand(va, 0)));
            else
                asm volatile("tlbi vaale1is, %0" ::"r"(operand(va, 0)));
            dsb();
            isb();
        }
    }
    tt_restore();
}

// The same address with different tags is one page, and TLBI forgets it under every tag.
static void tagged(unsigned half)
{
    struct tt t;
    u64 va = high_bits(half) | VA;
    static const u8 tag[] = {0, 0xff, 0x5a, 0xa5, 0x81};
    tt_init(&t, 12, 16, ARENA + 0x1000000);
    tt_map(&t, va, 3, PA(0) | D_NORMAL | D_USER | D_NG);
    tt_use(&t, half, BIT(37) | BIT(38), 3);
    for (unsigned round = 0; round < 12; round++) {
        for (unsigned n = 0; n < ARRAY_SIZE(tag); n++) {
            u64 a = (va & ~(0xffull << 56)) | (u64)tag[n] << 56;
            print("tag %x:", tag[n]);
            probe1('r', EL1, a);
            probe1('w', EL0, a);
            probe1('x', EL0, a);
            probe1('R', EL1, a);
            print("\n");
        }
        *tt_entry(&t, va, 3, 0) = PA(round + 1) | D_NORMAL | (round % 3 == 2 ? 0 : D_USER) |
                                  (round % 2 ? D_RO : 0) | D_NG | D_PAGE;
        dsb();
        asm volatile("tlbi vaae1is, %0" ::"r"(operand(va, 0)));
        dsb();
        isb();
    }
    tt_restore();
}

// One physical page at several addresses, with different neighbours and rights.
static void aliases(unsigned half)
{
    struct tt t;
    u64 va = high_bits(half) | VA;
    tt_init(&t, 12, 16, ARENA + 0x1000000);
    u64 place[4] = {va, va + 0x40201000, va + 0x1fe00000, va + 0x7000};
    for (unsigned n = 0; n < 4; n++)
        tt_map(&t, place[n], 3, PA(1) | D_NORMAL | (n & 1 ? D_USER : 0) | (n == 2 ? D_RO : 0));
    for (unsigned n = 0; n < 3; n++)
        tt_map(&t, place[n] + 0x1000, 3, PA(2 + n) | D_NORMAL);
    tt_use(&t, half, 0, 0);
    for (unsigned n = 0; n < 4; n++) {
        run(EL1, INSN("str x0, [x1]"), 0xabc00 + n, place[n] + 0xff0, 0, 0);
        print("alias %d write taken %d:", n, exc.taken);
        for (unsigned m = 0; m < 4; m++) {
            run(EL1, INSN("ldr x0, [x1]"), 0, place[m] + 0xff0, 0, 0);
            print(" %x", exc.x[0]);
        }
        print(" across:");
        for (unsigned m = 0; m < 4; m++) {
            run(EL1, INSN("ldp x0, x2, [x1]"), 0, place[m] + 0xff8, 0, 0);
            if (exc.taken)
                print(" (%x)", exc.far - va);
            else
                print(" %x", exc.x[2]);
        }
        print("\n");
    }
    // Atomics and exclusives see one location.
    u64 seen[3];
    for (unsigned n = 0; n < 2; n++) {
        run(EL1, INSN("ldadd x0, x2, [x1]"), 0x10, place[n] + 0xff0, 0, 0);
        seen[n] = exc.x[2];
    }
    print("ldadd %x %x\n", seen[0], seen[1]);
    // A neighbour goes, and comes back as another page.
    *tt_entry(&t, place[0] + 0x1000, 3, 0) = 0;
    tlbi_all();
    run(EL1, INSN("ldp x0, x2, [x1]"), 0, place[0] + 0xff8, 0, 0);
    print("neighbour gone: taken %d far +%x\n", exc.taken, exc.far - va);
    *tt_entry(&t, place[0] + 0x1000, 3, 0) = PA(6) | D_NORMAL | D_PAGE;
    dsb();
    isb();
    run(EL1, INSN("ldp x0, x2, [x1]"), 0, place[0] + 0xff8, 0, 0);
    print("neighbour back: taken %d %x\n", exc.taken, exc.x[2]);
    tt_restore();
}

// Sixteen pages with the contiguous bit, read, changed together, and invalidated one by one.
static void contiguous(unsigned half)
{
    struct tt t;
    u64 va = high_bits(half) | VA;
    tt_init(&t, 12, 16, ARENA + 0x1000000);
    for (unsigned n = 0; n < 16; n++)
        tt_map(&t, va + n * 0x1000, 3, PA(n) | D_NORMAL | D_USER | D_RO | D_CONT);
    tt_use(&t, half, 0, 0);
    print("contiguous:");
    for (unsigned n = 0; n < 16; n++)
        probe1('r', EL0, va + n * 0x1000);
    for (unsigned n = 0; n < 16; n++)
        *tt_entry(&t, va + n * 0x1000, 3, 0) = 0;
    dsb();
    for (unsigned n = 0; n < 16; n++)
        asm volatile("tlbi vaae1is, %0" ::"r"(operand(va + n * 0x1000, 0)));
    dsb();
    for (unsigned n = 0; n < 16; n++)
        *tt_entry(&t, va + n * 0x1000, 3, 0) = PA(n + 32) | D_NORMAL | D_USER | D_RO | D_PAGE;
    dsb();
    isb();
    for (unsigned n = 0; n < 16; n++)
        probe1('r', EL0, va + n * 0x1000);
    print("\n");
    tt_restore();
}

// TCR_EL1.HA and HD. What a fault leaves in the access flag is nobody's promise, so only accesses
// that worked are looked at.
static void hardware_update(unsigned half)
{
    u64 va = high_bits(half) | VA;
    u32 insn[] = {
        INSN("ldr x0, [x1]"),        INSN("str x0, [x1]"),         INSN("ldr x0, [x1, #8]!"),
        INSN("ldtr x0, [x1]"),       INSN("sttr x0, [x1]"),        INSN("ldadd x0, x2, [x1]"),
        INSN("stp q0, q1, [x1]"),    INSN("ldxr x0, [x1]"),        INSN("dc zva, x1"),
        INSN("st1 {v0.b}[3], [x1]"), INSN("prfm pstl1keep, [x1]"), INSN("swpb w0, w2, [x1]")};
    for (unsigned h = 0; h < 4; h++)
        for (unsigned n = 0; n < ARRAY_SIZE(insn); n++)
            for (unsigned el = 0; el < 2; el++)
                for (unsigned d = 0; d < 16; d++) {
                    struct tt t;
                    tt_init(&t, 12, 16, ARENA + 0x1000000);
                    u64 attr = D_ATTR(1) | D_SH | D_USER | (d & 1 ? D_AF : 0) |
                               (d & 2 ? D_DBM : 0) | (d & 4 ? D_RO : 0) | (d & 8 ? D_NG : 0);
                    tt_map(&t, va, 3, PA(5) | attr);
                    tt_use(&t, half, (h & 1 ? BIT(39) : 0) | (h & 2 ? BIT(40) : 0), 0);
                    msr(sctlr_el1, RT_SCTLR | BIT(14));
                    isb();
                    run(el, insn[n], 1, va + 0x100, 0, 0);
                    print("half %d ha %d hd %d insn %d", half, h & 1, h >> 1, n);
                    print(" EL%d af %d dbm %d ro %d ng %d: ", el, d & 1, d >> 1 & 1, d >> 2 & 1,
                          d >> 3);
                    u64 after = *tt_entry(&t, va, 3, 0);
                    if (!exc.taken) {
                        if (n == 10)
                            after = 0; // a prefetch may set the flag or not
                        print("descriptor %x", after);
                        // Dirty now, or still clean and to become so: a second access, without
                        // TLBI.
                        run(el, INSN("str x0, [x1]"), 1, va + 0x180, 0, 0);
                        after = *tt_entry(&t, va, 3, 0);
                        if (!exc.taken)
                            print(" then %x\n", after);
                        else
                            print(" then esr %x\n", exc.esr);
                    } else {
                        // WnR of atomics: see exceptions.c.
                        print("esr %x\n", exc.esr & ~(n == 5 || n == 11 ? BIT(6) : 0));
                    }
                    tt_restore();
                }
    // A block, a store over two clean pages, and cleaning again.
    struct tt t;
    tt_init(&t, 12, 16, ARENA + 0x1000000);
    u64 clean = D_ATTR(1) | D_SH | D_RO | D_DBM;
    tt_map(&t, va, 3, PA(5) | clean);
    tt_map(&t, va + 0x1000, 3, PA(6) | clean);
    tt_map(&t, va + 0x40000000, 2, ARENA | clean);
    tt_use(&t, half, BIT(39) | BIT(40), 0);
    run(EL1, INSN("str x0, [x1]"), 1, va + 0xffc, 0, 0);
    print("two pages: taken %d %x %x\n", exc.taken, *tt_entry(&t, va, 3, 0),
          *tt_entry(&t, va + 0x1000, 3, 0));
    run(EL1, INSN("str x0, [x1]"), 1, va + 0x40001000, 0, 0);
    print("block: taken %d %x\n", exc.taken, *tt_entry(&t, va + 0x40000000, 2, 0));
    // AT writes nothing of the dirty state; QEMU's does.
    *tt_entry(&t, va, 3, 0) = PA(5) | clean | D_PAGE;
    tlbi_all();
    u64 par = at(1, va);
    arm_begins();
    print("at: fault %d clean 1\n", par & 1);
    print("at: fault %d clean %d\n", par & 1, *tt_entry(&t, va, 3, 0) >> 7 & 1);
    // With HD a clean page counts as writable for what is derived from that: EL1 does not execute
    // what EL0 can write, and with WXN nothing writable is executed (AArch64.S1Translate(): the
    // permissions "already reflect a configuration permitting writes"). QEMU goes by AP[2].
    for (unsigned n = 0; n < 4; n++) {
        bool wxn = n & 1, user = n & 2;
        *tt_entry(&t, va, 3, 0) = PA(5) | clean | (user ? D_USER : 0) | D_PAGE;
        msr(sctlr_el1, wxn ? RT_SCTLR | BIT(19) : RT_SCTLR);
        isb();
        tlbi_all();
        print("fetch from a clean page, wxn %d user %d:", wxn, user);
        arm_begins();
        print(" x1:%s x0:%s\n", (u64)(wxn || user ? "f" : "-"), (u64)(wxn && user ? "f" : "-"));
        probe1('x', EL1, va);
        probe1('x', EL0, va);
        print("\n");
    }
    msr(sctlr_el1, RT_SCTLR);
    isb();
    tlbi_all();
    for (unsigned n = 0; n < 3; n++) {
        *tt_entry(&t, va, 3, 0) = PA(5) | clean | D_PAGE;
        dsb();
        asm volatile("tlbi vae1, %0" ::"r"(operand(va, 0)));
        dsb();
        isb();
        run(EL1, INSN("ldr x0, [x1]"), 1, va + 8, 0, 0);
        print("cleaned: %x", *tt_entry(&t, va, 3, 0));
        run(EL1, INSN("str x0, [x1]"), 1, va + 8, 0, 0);
        print(" then %x\n", *tt_entry(&t, va, 3, 0));
    }
    tt_restore();
}

static u64 all(u64 half)
{
    stamp();
    forms(half);
    break_block(half, 12);
    break_block(half, 14);
    for (unsigned n = 0; n < 4; n++)
        asids(half, n & 1, n >> 1);
    tagged(half);
    aliases(half);
    stamp();
    contiguous(half);
    hardware_update(half);
    return 0;
}

// With the MMU off every address is physical, and data is Device: unaligned accesses fault.
// QEMU 7.2 lets them pass; alignment.c has those.
static u64 mmu_off(u64 unused)
{
    stamp();
    // The code has to stand before: with the MMU off there is no second alias to write it through.
    touch('r', EL1, PA(3), NULL);
    touch('r', EL0, PA(3), NULL);
    at(0, PA(3));
    at(3, PA(3));
    msr(sctlr_el1, RT_SCTLR & ~1ull);
    isb();
    u64 seen = 0, iss = touch('r', EL1, PA(3), &seen), high = touch('r', EL1, 1ull << 52, NULL);
    u64 el0 = touch('r', EL0, PA(4), &seen), par = at(0, PA(3) + 0x123), par0 = at(3, PA(3));
    u64 fetch = touch('x', EL1, PA(3), NULL);
    msr(sctlr_el1, RT_SCTLR);
    isb();
    tlbi_all();
    // Device memory is outer shareable; QEMU leaves SH 0.
    arm_begins();
    print("mmu off: %x %x %x %x par %x %x x %x\n", iss, seen, high & 0x3f, el0, PA(3) | 0xb00,
          PA(3) | 0xb00, fetch);
    print("mmu off: %x %x %x %x par %x %x x %x\n", iss, seen, high & 0x3f, el0, par, par0, fetch);
    return unused;
}

void program(void)
{
    all(0);
    rt_in_low(all, 1);
    rt_in_low(mmu_off, 0);
}
