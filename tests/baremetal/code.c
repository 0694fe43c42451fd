// SPDX-License-Identifier: GPL-3.0-or-later
// Self-modifying code: what DC CVAU, IC IVAU, IC IALLU and ISB oblige a CPU to see, through one
// address, through two, from EL0 and EL1, in the middle of loops, across pages.
//
// Nothing is printed of code that was changed without the maintenance.
#include "tables.h"

#define VA 0x0000456780000000ull

static u32 movz(unsigned rd, unsigned imm)
{
    return 0xd2800000 | imm << 5 | rd;
}
static u32 add_imm(unsigned rd, unsigned imm)
{
    return 0x91000000 | imm << 10 | rd << 5 | rd;
}
static u32 branch(int words)
{
    return 0x14000000 | ((u32)words & 0x3ffffff);
}
#define RET 0xd65f03c0u

// Three views of one physical page: writable, executable at EL1 (two), executable at EL0.
#define W  (VA + 0x0000)
#define X1 (VA + 0x10000)
#define X2 (VA + 0x43000)
#define X0 (VA + 0x70000)

static void map(struct tt *t)
{
    tt_init(t, 12, 16, ARENA + 0x1000000);
    for (unsigned p = 0; p < 3; p++) {
        u64 pa = ARENA + p * 0x1000;
        tt_map(t, W + p * 0x1000, 3, pa | D_NORMAL | D_PXN | D_UXN);
        tt_map(t, X1 + p * 0x1000, 3, pa | D_NORMAL);
        tt_map(t, X2 + p * 0x1000, 3, pa | D_NORMAL);
        tt_map(t, X0 + p * 0x1000, 3, pa | D_NORMAL | D_USER | D_RO);
    }
    tt_use(t, 0, 0, 0);
}

static void put(u64 va, u32 insn)
{
    *(volatile u32 *)va = insn;
}

// The ways to make it visible: by the address written, by the one executed, all.
static void visible(unsigned way, u64 w, u64 x, u64 size)
{
    for (u64 o = 0; o < size; o += 4)
        asm volatile("dc cvau, %0" ::"r"(w + o) : "memory");
    dsb();
    for (u64 o = 0; o < size; o += 4) {
        if (way == 0)
            asm volatile("ic ivau, %0" ::"r"(w + o) : "memory");
        else if (way == 1)
            asm volatile("ic ivau, %0" ::"r"(x + o) : "memory");
    }
    if (way == 2)
        asm volatile("ic iallu" ::: "memory");
    else if (way == 3)
        asm volatile("ic ialluis" ::: "memory");
    dsb();
    isb();
}

static u64 call(u64 pc)
{
    guarded(pc, 1, 2, 3, 4, 5, 6, 7);
    return exc.taken ? exc.esr | BIT(63) : exc.x[0];
}

static u64 call0(u64 pc)
{
    enter_el0(pc, 1, 2, 3, 4);
    return exc.taken ? exc.esr | BIT(63) : exc.x[0];
}

static void simple(void)
{
    struct tt t;
    map(&t);
    for (unsigned way = 0; way < 4; way++)
        for (unsigned n = 0; n < 12; n++) {
            unsigned value = way * 100 + n;
            put(W + 0x100, movz(0, value));
            put(W + 0x104, n % 3 ? add_imm(0, 7) : 0xd503201f);
            put(W + 0x108, RET);
            put(W + 0x200, movz(0, value + 0x1000));
            put(W + 0x204, 0xd4000001 | 0x7fff << 5);
            visible(way, W + 0x100, n & 1 ? X1 + 0x100 : X2 + 0x100, 12);
            visible(way, W + 0x200, X0 + 0x200, 8);
            print("way %d: %x %x", way, call(X1 + 0x100), call(X2 + 0x100));
            print(" entry in the middle %x EL0 %x\n", call(X1 + 0x104), call0(X0 + 0x200));
        }
    tt_restore();
}

// A loop that changes itself: the body is counted up by its own store.
static void loop(void)
{
    struct tt t;
    map(&t);
    // x0 sum, x1 instruction's writable address, x2 executable one, x3 count
    u32 code[] = {
        add_imm(0, 1), // 0: changed each time round
        INSN("ldr w5, [x1]"),
        INSN("add w5, w5, #0x400"), // imm + 1
        INSN("str w5, [x1]"),
        INSN("dc cvau, x1"),
        INSN("dsb ish"),
        INSN("ic ivau, x2"),
        INSN("dsb ish"),
        INSN("isb"),
        INSN("subs x3, x3, #1"),
        0x54000000 | ((u32)-10 & 0x7ffff) << 5 | 1,
        RET,
    };
    for (unsigned page = 0; page < 2; page++) {
        // In the page's middle, then across its end.
        u64 at = page ? 0xff8 : 0x800;
        for (unsigned n = 0; n < ARRAY_SIZE(code); n++)
            put(W + at + 4 * n, code[n]);
        visible(2, W + at, X1 + at, sizeof code);
        guarded(X1 + at, 0, W + at, X1 + at, 20, 0, 0, 0);
        print("loop %d: taken %d sum %d\n", page, exc.taken, exc.x[0]);
        guarded(X2 + at, 0, W + at, X1 + at, 20, 0, 0, 0);
        print("loop %d, other address: taken %d sum %d\n", page, exc.taken, exc.x[0]);
    }
    tt_restore();
}

// Code just ahead of the store, in the same stretch: after the ISB the new instruction runs.
static void ahead(void)
{
    struct tt t;
    map(&t);
    u32 code[] = {
        INSN("str w0, [x1, #40]"),
        INSN("add x4, x1, #40"),
        INSN("add x5, x2, #40"),
        INSN("dc cvau, x4"),
        INSN("dsb sy"),
        INSN("ic ivau, x5"),
        INSN("dsb sy"),
        INSN("isb"),
        INSN("mov x0, #0"),
        INSN("mov x6, #1"),
        0 /* 40: replaced */,
        INSN("add x0, x0, #0x100"),
        RET,
    };
    for (unsigned n = 0; n < 8; n++) {
        code[10] = add_imm(0, 0x11);
        for (unsigned i = 0; i < ARRAY_SIZE(code); i++)
            put(W + 0x400 + 4 * i, code[i]);
        visible(1, W + 0x400, X1 + 0x400, sizeof code);
        u32 replacement = n % 4 == 0   ? add_imm(0, n)
                          : n % 4 == 1 ? branch(2)
                          : n % 4 == 2 ? 0x00000000
                                       : RET;
        guarded(X1 + 0x400, replacement, W + 0x400, X1 + 0x400, 0, 0, 0, 0);
        print("ahead %d: taken %d ", n, exc.taken);
        if (exc.taken)
            print("ec %x elr +%x\n", exc.esr >> 26, exc.elr - X1);
        else
            print("x0 %x\n", exc.x[0]);
    }
    tt_restore();
}

// A function called in a loop, patched between a branch and a NOP: as kernels do with their keys.
static void patched_calls(void)
{
    struct tt t;
    map(&t);
    // +0 the caller: calls +0x1800 (another page) x3 times
    u32 caller[] = {INSN("mov x9, x30"),
                    INSN("mov x0, #0"),
                    INSN("blr x1"),
                    INSN("subs x3, x3, #1"),
                    0x54000000 | ((u32)-2 & 0x7ffff) << 5 | 1,
                    INSN("ret x9")};
    u32 callee[] = {0xd503201f, add_imm(0, 1), RET, add_imm(0, 0x10), branch(-2)};
    for (unsigned i = 0; i < ARRAY_SIZE(caller); i++)
        put(W + 4 * i, caller[i]);
    for (unsigned i = 0; i < ARRAY_SIZE(callee); i++)
        put(W + 0x1800 + 4 * i, callee[i]);
    visible(3, W, X1, 0x1900);
    for (unsigned n = 0; n < 10; n++) {
        put(W + 0x1800, n & 1 ? branch(3) : 0xd503201f);
        visible(n % 4, W + 0x1800, X1 + 0x1800, 4);
        guarded(X1, 0, X1 + 0x1800, 0, 25, 0, 0, 0);
        print("patched %d: %x", n, exc.x[0]);
        guarded(X2, 0, X1 + 0x1800, 0, 3, 0, 0, 0);
        print(" %x", exc.x[0]);
        guarded(X2, 0, X2 + 0x1800, 0, 3, 0, 0, 0);
        print(" %x\n", exc.x[0]);
    }
    tt_restore();
}

// The page behind an address changes; only TLBI is needed, the code there has long been fetched.
static void remapped(void)
{
    struct tt t;
    map(&t);
    for (unsigned p = 0; p < 3; p++) {
        put(W + p * 0x1000 + 0xffc, movz(0, 0x40 + p));
        put(W + p * 0x1000, add_imm(0, 0x100 * p));
        put(W + p * 0x1000 + 4, RET);
    }
    visible(2, W, X1, 0x3000);
    for (unsigned n = 0; n < 9; n++) {
        // X1's first page is n % 3, its second n / 3: what runs across is one of nine.
        tt_map(&t, X1, 3, (ARENA + n % 3 * 0x1000) | D_NORMAL);
        tt_map(&t, X1 + 0x1000, 3, (ARENA + n / 3 * 0x1000) | D_NORMAL);
        dsb();
        asm volatile("tlbi vaae1is, %0" ::"r"(X1 >> 12));
        asm volatile("tlbi vaae1is, %0" ::"r"((X1 + 0x1000) >> 12));
        dsb();
        isb();
        print("remapped %d: %x %x\n", n, call(X1 + 0xffc), call(X1 + 0xffc));
    }
    // The second page gone: the fault is the second instruction's.
    *tt_entry(&t, X1 + 0x1000, 3, 0) = 0;
    dsb();
    asm volatile("tlbi vaae1is, %0" ::"r"((X1 + 0x1000) >> 12));
    dsb();
    isb();
    guarded(X1 + 0xffc, 1, 2, 3, 4, 5, 6, 7);
    print("gone: esr %x far +%x elr +%x x0 %x\n", exc.esr, exc.far - X1, exc.elr - X1, exc.x[0]);
    // And the same page twice in a row.
    tt_map(&t, X1 + 0x1000, 3, ARENA | D_NORMAL);
    tt_map(&t, X1, 3, ARENA | D_NORMAL);
    tlbi_all();
    print("twice: %x\n", call(X1 + 0xffc));
    tt_restore();
}

// Code brought by others: zeroed with DC ZVA, and by atomics, exclusives, SIMD stores, pairs.
static void other_stores(void)
{
    struct tt t;
    map(&t);
    u64 two = (u64)RET << 32, spot = W + 0x600, x = X1 + 0x600;
    for (unsigned n = 0; n < 7; n++) {
        put(spot, movz(0, 0xdead));
        put(spot + 4, RET);
        visible(0, spot, x, 8);
        u64 before = call(x), want = two | movz(0, 0x30 + n);
        switch (n) {
        case 0:
            run(EL1, INSN("str x0, [x1]"), want, spot, 0, 0);
            break;
        case 1:
            run(EL1, INSN("stp w0, w2, [x1]"), want, spot, RET, 0);
            break;
        case 2:
            run(EL1, INSN("swp x0, x2, [x1]"), want, spot, 0, 0);
            break;
        case 3:
            run2(EL1, INSN("ldxr x2, [x1]"), INSN("stxr w3, x0, [x1]"), want, spot, 0, 0);
            break;
        case 4:
            run2(EL1, INSN("fmov d0, x0"), INSN("str d0, [x1]"), want, spot, 0, 0);
            break;
        case 5:
            run2(EL1, INSN("fmov d0, x0"), INSN("st1 {v0.1d}, [x1]"), want, spot, 0, 0);
            break;
        default:
            run(EL1, INSN("dc zva, x1"), 0, spot, 0, 0);
        }
        visible(0, spot, x, 8);
        u64 after = call(x);
        print("store %d: %x then %x\n", n, before, after);
    }
    tt_restore();
}

// Without address translation of its own: the first bytes of a program that decompresses itself.
static void big(void)
{
    struct tt t;
    map(&t);
    for (unsigned round = 0; round < 3; round++) {
        // A page full of additions, 1000 of them, ending in RET.
        for (unsigned n = 0; n < 1000; n++)
            put(W + 4 * n, add_imm(0, n % (round + 5)));
        put(W + 4000, RET);
        visible(round, W, X1, 4096);
        guarded(X1, 0, 0, 0, 0, 0, 0, 0);
        print("big %d: %x", round, exc.x[0]);
        guarded(X1 + 2000, 0, 0, 0, 0, 0, 0, 0);
        print(" %x\n", exc.x[0]);
    }
    tt_restore();
}

void program(void)
{
    simple();
    loop();
    ahead();
    patched_calls();
    remapped();
    other_stores();
    big();
}
