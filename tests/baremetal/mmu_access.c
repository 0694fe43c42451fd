// SPDX-License-Identifier: GPL-3.0-or-later
// Permissions: AP, UXN, PXN, PAN, WXN, hierarchical controls and HPD, unprivileged access and UAO,
// E0PD; and the addresses themselves: tags, non-canonical ones, accesses across their borders.
#include "tables.h"

static u64 high_bits(unsigned half)
{
    return half ? 0xffff000000000000 : 0;
}

#define VA 0x0000456780000000ull

static void stamp(void)
{
    for (unsigned n = 0; n < 16; n++)
        page_stamp(ARENA + n * 0x1000);
}

static u64 ap(unsigned n)
{
    return (n & 1 ? D_USER : 0) | (n & 2 ? D_RO : 0);
}

// PAN is set for the accesses themselves: an exception may have set it, guarded() restores it.
static void all_kinds(u64 va)
{
    probe(va);
    probe1('R', EL1, va);
    probe1('W', EL1, va);
}

static void matrix(unsigned half)
{
    struct tt t;
    tt_init(&t, 12, 16, ARENA + 0x1000000);
    u64 va = high_bits(half) | VA;
    for (unsigned m = 0; m < 16; m++)
        tt_map(&t, va + m * 0x1000, 3,
               (ARENA + m * 0x1000) | D_NORMAL | ap(m & 3) | (m & 4 ? D_UXN : 0) |
                   (m & 8 ? D_PXN : 0));
    tt_use(&t, half, 0, 0);
    for (unsigned wxn = 0; wxn < 2; wxn++)
        for (unsigned pan = 0; pan < 2; pan++)
            for (unsigned uao = 0; uao < 2; uao++)
                for (unsigned m = 0; m < 16; m++) {
                    msr(sctlr_el1, RT_SCTLR | (wxn ? BIT(19) : 0));
                    isb();
                    msr(pan, pan << 22);
                    msr(uao, uao << 23);
                    print("half %d wxn %d pan %d uao %d ap %d uxn %d pxn %d:", half, wxn, pan, uao,
                          m & 3, m >> 2 & 1, m >> 3);
                    all_kinds(va + m * 0x1000);
                    print(" at");
                    for (unsigned op = 0; op < 6; op++)
                        print(" %x", at(op, va + m * 0x1000) & 0xfff);
                    print("\n");
                    msr(pan, 0);
                    msr(uao, 0);
                }
    msr(sctlr_el1, RT_SCTLR);
    tt_restore();
}

// Without TLB maintenance in between: what PAN, UAO and EL change is in effect at once.
static void toggles(unsigned half)
{
    struct tt t;
    tt_init(&t, 12, 16, ARENA + 0x1000000);
    u64 va = high_bits(half) | VA;
    tt_map(&t, va, 3, ARENA | D_NORMAL | D_USER);
    tt_map(&t, va + 0x1000, 3, (ARENA + 0x1000) | D_NORMAL);
    tt_use(&t, half, 0, 0);
    for (unsigned n = 0; n < 32; n++) {
        unsigned g = n ^ n >> 1; // Gray code: one thing at a time
        msr(pan, (g & 1) << 22);
        msr(uao, (g >> 1 & 1) << 23);
        print("toggle pan %d uao %d:", g & 1, g >> 1 & 1);
        probe1(g & 4 ? 'r' : 'w', EL1, va);
        probe1(g & 8 ? 'R' : 'W', EL1, va);
        probe1(g & 4 ? 'w' : 'r', EL0, va);
        probe1(g & 16 ? 'R' : 'W', EL1, va + 0x1000);
        probe1('r', EL1, va + 0x1000);
        print("\n");
        msr(pan, 0);
        msr(uao, 0);
    }
    tt_restore();
}

static void hierarchy(unsigned half)
{
    struct tt t;
    u64 va = high_bits(half) | VA;
    for (unsigned level = 0; level < 3; level++)
        for (unsigned hpd = 0; hpd < 2; hpd++)
            for (unsigned m = 0; m < 16; m++) {
                u64 table = (m & 1 ? D_APT0 : 0) | (m & 2 ? D_APT1 : 0) | (m & 4 ? D_UXNT : 0) |
                            (m & 8 ? D_PXNT : 0);
                tt_init(&t, 12, 16, ARENA + 0x1000000);
                for (unsigned leaf = 0; leaf < 4; leaf++)
                    tt_map(&t, va + leaf * 0x1000, 3,
                           (ARENA + leaf * 0x1000) | D_NORMAL | ap(leaf));
                volatile u64 *e = tt_entry(&t, va, level, 0);
                *e |= table;
                tt_use(&t, half, hpd ? BIT(half ? 42 : 41) : 0, 0);
                for (unsigned leaf = 0; leaf < 4; leaf++) {
                    print("table half %d level %d hpd %d apt %d uxnt %d pxnt %d ap %d:", half,
                          level, hpd, m & 3, m >> 2 & 1, m >> 3, leaf);
                    probe(va + leaf * 0x1000);
                    print("\n");
                }
            }
    tt_restore();
}

static void e0pd(unsigned half)
{
    struct tt t;
    tt_init(&t, 12, 16, ARENA + 0x1000000);
    u64 va = high_bits(half) | VA;
    tt_map(&t, va, 3, ARENA | D_NORMAL | D_USER);
    tt_map(&t, va + 0x1000, 3, (ARENA + 0x1000) | D_NORMAL);
    for (unsigned e = 0; e < 4; e++) {
        // EL0's own code is in the other half; what E0PD takes from it there is seen by 'x'.
        tt_use(&t, half, (e & 1 ? BIT(55) : 0) | (e & 2 ? BIT(56) : 0), 0);
        print("half %d e0pd %d:", half, e);
        probe1('r', EL1, va);
        probe1('R', EL1, va);
        probe1('W', EL1, va);
        probe1('x', EL0, va);
        probe1('R', EL1, va + 0x1000);
        probe1('x', EL0, va + 0x2000);
        if (e == (half ? 2u : 1u)) {
            probe1('r', EL0, va);
            probe1('w', EL0, va + 0x2000);
        }
        msr(uao, BIT(23));
        probe1('R', EL1, va);
        msr(uao, 0);
        print(" at %x %x %x\n", at(0, va), at(2, va), at(3, va));
    }
    tt_restore();
}

static void tags(unsigned half)
{
    struct tt t;
    u64 high = high_bits(half), va = high | VA;
    for (unsigned tbi = 0; tbi < 4; tbi++) {
        tt_init(&t, 12, 16, ARENA + 0x1000000);
        tt_map(&t, va, 3, ARENA | D_NORMAL | D_USER);
        tt_map(&t, va + 0x1000, 3, (ARENA + 0x1000) | D_NORMAL | D_RO);
        tt_map(&t, high, 3, (ARENA + 0x2000) | D_NORMAL | D_USER | D_RO);
        tt_map(&t, high | 0xfffffffff000, 3, (ARENA + 0x3000) | D_NORMAL | D_USER | D_RO);
        tt_use(&t, half, (tbi & 1 ? BIT(37) : 0) | (tbi & 2 ? BIT(38) : 0), 0);
        for (unsigned n = 0; n < 12; n++) {
            static const u8 tag[] = {0, 1, 0x7f, 0x80, 0xfe, 0xff, 0xa5, 0x5a};
            u64 a = n < 8 ? (va & ~(0xffull << 56)) | (u64)tag[n] << 56
                          : va ^ BIT(47 + n - 8 + (n > 8));
            print("half %d tbi %d %x:", half, tbi, a);
            probe(a);
            probe1('r', EL1, a + 0x1000);
            probe1('w', EL1, a + 0x1000);
            probe1('R', EL1, a);
            probe1('r', EL0, a + 0x5000);
            print(" par %x\n", at(0, a));
        }
        // The program counter never holds a tag that is ignored.
        for (unsigned n = 0; n < 3; n++) {
            u64 a = (va & ~(0xffull << 56)) | (n == 0 ? 0 : n == 1 ? 0xa5ull << 56 : 0xffull << 56);
            print("half %d tbi %d branch %x:", half, tbi, a);
            run2(EL1, INSN("mov x9, x30"), INSN("br x1"), 0, a + 0x1000 + 8, 0, 0);
            print(" EL1 esr %x elr %x", exc.esr, exc.elr);
            run(EL0, INSN("br x1"), 0, a + 8, 0, 0);
            print(" EL0 esr %x elr %x", exc.esr, exc.elr);
            enter_el0(a + 8, 0, 0, 0, 0);
            print(" eret esr %x elr %x\n", exc.esr, exc.elr);
        }
        // Across the upper border of the half: the next byte is not mapped, or the other half's.
        u64 end = (high | 0x0000ffffffffffffull) - 3;
        u32 cross[] = {INSN("ldr x0, [x1]"), INSN("ldr w0, [x1]"), INSN("ldp x0, x2, [x1]"),
                       INSN("ldr q0, [x1]"), INSN("ldp w0, w2, [x1]")};
        for (unsigned n = 0; n < ARRAY_SIZE(cross); n++)
            for (unsigned el = 0; el < (half ? 1 : 2); el++) { // EL1 would see flash at 0
                run(el, cross[n], 0, n == 2 ? end - 4 : end, 0, 0);
                print("half %d tbi %d EL%d across %d: taken %d", half, tbi, el, n, exc.taken);
                if (exc.taken)
                    print(" esr %x far %x", exc.esr, exc.far);
                print("\n");
            }
    }
    tt_restore();
}

// Accesses over a page's end, each page being everything in turn: who faults, and with what FAR.
static void crossing(unsigned half)
{
    struct tt t;
    tt_init(&t, 12, 16, ARENA + 0x1000000);
    u64 va = high_bits(half) | VA;
    static const char name[][8] = {"ok", "ro", "none", "kernel"};
    u32 insn[] = {INSN("ldr x0, [x1]"),
                  INSN("str x0, [x1]"),
                  INSN("ldp x0, x2, [x1]"),
                  INSN("stp x0, x2, [x1]"),
                  INSN("ldr q0, [x1]"),
                  INSN("str q0, [x1]"),
                  INSN("ldp q0, q1, [x1]"),
                  INSN("stp q0, q1, [x1]"),
                  INSN("ldrh w0, [x1]"),
                  INSN("strh w0, [x1]"),
                  INSN("ld4 {v0.16b-v3.16b}, [x1]"),
                  INSN("st4 {v0.16b-v3.16b}, [x1]"),
                  INSN("ld1 {v0.2d, v1.2d}, [x1]"),
                  INSN("st3 {v0.d, v1.d, v2.d}[1], [x1]"),
                  INSN("ldp x0, x1, [x1]"),
                  INSN("ldpsw x1, x0, [x1], #8"),
                  INSN("str x1, [x1, #8]!")};
    for (unsigned a = 0; a < 4; a++)
        for (unsigned b = 0; b < 4; b++) {
            u64 attr[4] = {D_USER | 3, D_USER | D_RO | 3, 0, 3};
            *tt_entry(&t, va, 3, 0) = ARENA | D_NORMAL | attr[a];
            *tt_entry(&t, va + 0x1000, 3, 0) = (ARENA + 0x1000) | D_NORMAL | attr[b];
            tt_use(&t, half, 0, 0);
            for (unsigned n = 0; n < ARRAY_SIZE(insn); n++)
                for (unsigned el = 0; el < 2; el++)
                    for (unsigned back = 1; back < 64; back += back < 4 ? 1 : back < 16 ? 3 : 15) {
                        u64 at = va + 0x1000 - back;
                        run(el, insn[n], 0x1122334455667788, at, 0x99, 0);
                        if (!exc.taken)
                            continue;
                        print("half %d %s|%s insn %d EL%d -%d: esr %x far +%x\n", half,
                              (u64)name[a], (u64)name[b], n, el, back, exc.esr, exc.far - va);
                        if (exc.x[1] != at)
                            print("base register has changed to %x\n", exc.x[1]);
                    }
        }
    tt_restore();
}

static u64 all(u64 half)
{
    stamp();
    matrix(half);
    toggles(half);
    hierarchy(half);
    e0pd(half);
    tags(half);
    stamp();
    crossing(half);
    return 0;
}

void program(void)
{
    all(0);
    rt_in_low(all, 1);
}
