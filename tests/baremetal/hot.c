// SPDX-License-Identifier: GPL-3.0-or-later
// Loops that run often enough for any engine to think them worth its best, and what then happens to
// them: pages change, fault, go and come back; the code itself is patched, unmapped, run at another
// address and at another EL; traps are switched on; single steps; tags; misaligned and
// page-crossing data. After each the registers, flags and memory are printed.
#include "tables.h"

#define CODE  (ARENA + 0x10000)
#define X1A   0x0000456780000000ull // the code at EL1, at two addresses; at EL0
#define X1B   0x0000456790003000ull
#define X0A   0x00004567a0000000ull
#define DATA  0x00004567c0000000ull // 16 pages EL0 may, from ARENA
#define ROUND 12000ull

static struct tt t;

static void map_data(unsigned page, unsigned pa, u64 attr)
{
    *tt_entry(&t, DATA + page * 0x1000, 3, 0) =
        (ARENA + pa * 0x1000) | D_NORMAL | D_USER | attr | D_PAGE;
    dsb();
    asm volatile("tlbi vaae1is, %0" ::"r"((DATA + page * 0x1000) >> 12));
    dsb();
    isb();
}

static void fill(void)
{
    for (unsigned p = 0; p < 16; p++) {
        volatile u64 *m = phys(ARENA + p * 0x1000);
        for (unsigned n = 0; n < 512; n++)
            m[n] = (u64)(p * 512 + n + 1) * 0x9e3779b97f4a7c15;
    }
}

static u64 memory(void)
{
    u64 sum = 0;
    for (unsigned p = 0; p < 16; p++) {
        volatile u64 *m = phys(ARENA + p * 0x1000);
        for (unsigned n = 0; n < 512; n++)
            sum = (sum << 7 | sum >> 57) + m[n];
    }
    return sum;
}

static void put_code(const u32 *insns, unsigned n)
{
    volatile u32 *to = phys(CODE);
    for (unsigned i = 0; i < n; i++)
        to[i] = insns[i];
    sync_code((u64)to, 4 * n);
}

static u64 x[7], pc, flags;

// On from where it stopped, at EL `el`.
static void go(const char *what, unsigned el)
{
    exc.in_spsr = flags | (el ? 0x3c5 : 0x3c0);
    exc.in_sp = (u64)el0_stack_top;
    entered(pc, x[0], x[1], x[2], x[3], x[4], x[5], x[6]);
    for (unsigned n = 0; n < 7; n++)
        x[n] = exc.x[n];
    flags = exc.spsr & 0xf0000000;
    print("%s EL%d: esr %x elr +%x", (u64)what, el, exc.esr, exc.elr & 0xffff);
    unsigned ec = exc.esr >> 26;
    if (ec >= 0x20 && ec <= 0x25)
        print(" far %x", exc.far);
    print(" flags %x", flags >> 28);
    for (unsigned n = 0; n < 7; n++)
        print(" %x", x[n]);
    print(" memory %x\n", memory());
    pc = exc.elr;
}

static void start(u64 at, u64 data)
{
    static const u64 first[7] = {ROUND, 0, 2, 3, 4, 5, 6};
    for (unsigned n = 0; n < 7; n++)
        x[n] = first[n];
    x[1] = data;
    pc = at;
    flags = 0;
    fill();
}

// One round more in the same loop: the code after the SVC branches back.
static void again(const char *what, unsigned el)
{
    x[0] = ROUND;
    go(what, el);
}

// x0 rounds; x1 the place; sums, flags and a store each time.
static void mixed(u64 at, unsigned el)
{
    u32 loop[] = {INSN("ldr x2, [x1]"),
                  INSN("adds x3, x3, x2"),
                  INSN("adc x4, x4, x0"),
                  INSN("str x4, [x1, #8]"),
                  INSN("ldp x5, x6, [x1]"),
                  INSN("eor x3, x3, x5, ror #9"),
                  INSN("subs x0, x0, #1"),
                  INSN("csinc x4, x4, x6, ne"),
                  INSN("b.ne .-32"),
                  INSN("svc #1"),
                  INSN("b .-40")};
    put_code(loop, ARRAY_SIZE(loop));
    start(at, DATA);
    go("mixed", el);
    again("again", el);
    map_data(0, 3, 0);
    again("remapped", el);
    map_data(0, 4, D_RO);
    again("read-only", el); // at the store of the first round
    map_data(0, 4, 0);
    go("writable", el);
    pc = at; // after the loop's end
    *tt_entry(&t, DATA, 3, 0) = 0;
    tlbi_all();
    again("gone", el);
    map_data(0, 0, 0);
    go("back", el);
    // Over the end of a page, then with the second one missing.
    x[1] = DATA + 0xffc;
    again("crossing", el);
    *tt_entry(&t, DATA + 0x1000, 3, 0) = 0;
    tlbi_all();
    again("half gone", el);
    map_data(1, 5, 0);
    go("half back", el);
    // Misaligned with the check on.
    msr(sctlr_el1, RT_SCTLR | BIT(1));
    isb();
    again("A", el);
    msr(sctlr_el1, RT_SCTLR);
    isb();
    go("A off", el);
    // Tagged.
    x[1] = DATA | 0x5aull << 56;
    again("tag", el);
    msr(tcr_el1, tt_tcr(&t, 0) | BIT(37));
    isb();
    tlbi_all();
    go("tag ignored", el);
    x[1] = DATA + 0x40;
    again("no tag", el);
    msr(tcr_el1, tt_tcr(&t, 0));
    isb();
    tlbi_all();
    // Patched: the addition becomes a subtraction, then the branch leaves early.
    u32 patch = INSN("subs x3, x3, x2");
    ((volatile u32 *)phys(CODE))[1] = patch;
    sync_code((u64)phys(CODE + 4), 4);
    again("patched", el);
    ((volatile u32 *)phys(CODE))[5] = INSN("cbz xzr, .+16");
    sync_code((u64)phys(CODE + 20), 4);
    again("patched more", el);
    put_code(loop, ARRAY_SIZE(loop));
    again("unpatched", el);
    // A step in the middle of it.
    msr(oslar_el1, 0);
    msr(mdscr_el1, el ? 1 | BIT(13) : 1);
    isb();
    x[0] = ROUND;
    for (unsigned n = 0; n < 4; n++) {
        exc.in_spsr = flags | BIT(21) | (el ? 0x1c5 : 0x3c0);
        exc.in_sp = (u64)el0_stack_top;
        entered(pc, x[0], x[1], x[2], x[3], x[4], x[5], x[6]);
        for (unsigned r = 0; r < 7; r++)
            x[r] = exc.x[r];
        flags = exc.spsr & 0xf0000000;
        pc = exc.elr;
        print("stepped to +%x, x0 %x\n", pc & 0xfff, x[0]);
    }
    msr(mdscr_el1, 0);
    isb();
    go("after steps", el);
}

// A walk over the pages; each is brought when it is asked for.
static void demand(u64 at, unsigned el)
{
    u32 loop[] = {INSN("ldr x2, [x1], #40"), INSN("add x3, x3, x2"),
                  INSN("sub x5, x1, x6"),    INSN("str x3, [x1]"),
                  INSN("cmp x5, x4"),        INSN("b.lo .-20"),
                  INSN("mov x1, x6"),        INSN("sub x0, x0, #1"),
                  INSN("cbnz x0, .-32"),     INSN("svc #2")};
    put_code(loop, ARRAY_SIZE(loop));
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned p = 0; p < 16; p++)
            *tt_entry(&t, DATA + p * 0x1000, 3, 0) = 0;
        tlbi_all();
        start(at, DATA);
        x[0] = round ? 20 : 3;
        x[4] = 0xff00;
        x[6] = DATA;
        u64 sum = 0;
        unsigned faults = 0;
        for (; faults < 100; faults++) {
            exc.in_spsr = flags | (el ? 0x3c5 : 0x3c0);
            exc.in_sp = (u64)el0_stack_top;
            entered(pc, x[0], x[1], x[2], x[3], x[4], x[5], x[6]);
            for (unsigned n = 0; n < 7; n++)
                x[n] = exc.x[n];
            flags = exc.spsr & 0xf0000000;
            pc = exc.elr;
            if ((exc.esr >> 26 & 0x3e) != 0x24)
                break;
            sum = sum * 31 + exc.far + exc.elr + exc.esr + x[1];
            unsigned page = (exc.far - DATA) >> 12;
            map_data(page, page ^ round, 0);
        }
        print("demand EL%d: %d faults %x, esr %x x1 +%x x3 %x memory %x\n", el, faults, sum,
              exc.esr, x[1] - DATA, x[3], memory());
    }
    for (unsigned p = 0; p < 16; p++)
        map_data(p, p, 0);
}

// FP, vectors and their trap, in a loop over two pages of code.
static void vectors(u64 at, unsigned el)
{
    u32 loop[] = {INSN("ld1 {v0.4s, v1.4s}, [x1]"),
                  INSN("add v2.4s, v2.4s, v0.4s"),
                  INSN("mul v3.4s, v1.4s, v2.4s"),
                  INSN("scvtf v4.2d, v3.2d"),
                  INSN("fadd v5.2d, v5.2d, v4.2d"),
                  INSN("fmov x2, d5"),
                  INSN("add x3, x3, x2"),
                  INSN("subs x0, x0, #1"),
                  INSN("b.ne .-32"),
                  INSN("svc #3"),
                  INSN("b .-40")};
    put_code(loop, ARRAY_SIZE(loop));
    u32 clear[] = {INSN("movi v2.2d, #0"), INSN("movi v5.2d, #0"), INSN("msr fpsr, xzr"),
                   INSN("msr fpcr, xzr")};
    run_n(EL1, clear, 4, 0, 0, 0, 0);
    start(at, DATA);
    go("vectors", el);
    again("again", el);
    msr(cpacr_el1, 0);
    isb();
    again("trapped", el);
    msr(cpacr_el1, 3 << 20);
    isb();
    go("open", el);
    // Another rounding mode, and flushing.
    run(EL1, INSN("msr fpcr, x0"), 3 << 22 | BIT(24), 0, 0, 0);
    again("fpcr", el);
    run2(EL1, INSN("msr fpcr, xzr"), INSN("mrs x0, fpsr"), 0, 0, 0, 0);
    print("fpsr %x\n", exc.x[0]);
}

// EL1 on a page that EL0 may use: PAN comes and goes.
static void pan(void)
{
    u32 loop[] = {INSN("ldr x2, [x1]"),
                  INSN("ldtr x4, [x1, #8]"),
                  INSN("add x3, x3, x2"),
                  INSN("add x3, x3, x4"),
                  INSN("sttr x3, [x1, #16]"),
                  INSN("sub x0, x0, #1"),
                  INSN("cbnz x0, .-24"),
                  INSN("svc #4"),
                  INSN("b .-32")};
    put_code(loop, ARRAY_SIZE(loop));
    start(X1A, DATA);
    go("pan", EL1);
    flags |= BIT(22);
    again("pan on", EL1);
    go("pan off", EL1);
    flags |= BIT(23);
    again("uao", EL1);
    map_data(0, 0, 0);
    *tt_entry(&t, DATA, 3, 0) &= ~(u64)D_USER;
    tlbi_all();
    again("kernel's page", EL1);
    flags |= BIT(23);
    go("uao", EL1);
    map_data(0, 0, 0);
}

// The page of the code goes from under it, and comes back.
static void unmapped(void)
{
    u32 loop[] = {INSN("add x3, x3, x0"), INSN("subs x0, x0, #1"), INSN("b.ne .-8"), INSN("svc #5"),
                  INSN("b .-16")};
    put_code(loop, ARRAY_SIZE(loop));
    start(X1A, DATA);
    go("code", EL1);
    *tt_entry(&t, X1A, 3, 0) = 0;
    tlbi_all();
    again("unmapped", EL1);
    pc = X1B;
    again("elsewhere", EL1);
    tt_map(&t, X1A, 3, CODE | D_NORMAL | D_RO);
    pc = X1A;
    again("back", EL1);
    pc = X0A;
    again("EL0's", EL0);
    pc = X0A;
    again("not for EL1", EL1);
    pc = X1A;
    again("not for EL0", EL0);
}

// A loop that changes under itself what it reads and writes through one register.
static void remapping(const char *what, u32 tlbi, u64 operand, u64 attr)
{
    u32 loop[] = {INSN("ldr x7, [x1]"),
                  INSN("add x6, x6, x7"),
                  INSN("str x3, [x2]"),
                  INSN("dsb ish"),
                  tlbi,
                  INSN("dsb ish"),
                  INSN("ldr x7, [x1]"),
                  INSN("eor x6, x7, x6, ror #7"),
                  INSN("str x6, [x1, #8]"),
                  INSN("mov x7, x3"),
                  INSN("mov x3, x4"),
                  INSN("mov x4, x7"),
                  INSN("subs x0, x0, #1"),
                  INSN("b.ne .-52"),
                  INSN("svc #6")};
    put_code(loop, ARRAY_SIZE(loop));
    start(X1A, DATA);
    x[2] = (u64)tt_entry(&t, DATA, 3, 0);
    x[3] = (ARENA + 0x3000) | D_NORMAL | D_USER | D_PAGE | attr;
    x[4] = (ARENA + 0x7000) | D_NORMAL | D_USER | D_PAGE | attr;
    x[5] = operand;
    tt_map(&t, DATA, 3, x[4]);
    tlbi_all();
    go(what, EL1);
    map_data(0, 0, 0);
}

void program(void)
{
    tt_init(&t, 12, 16, ARENA + 0x1000000);
    tt_map(&t, X1A, 3, CODE | D_NORMAL | D_RO | D_UXN);
    tt_map(&t, X1B, 3, CODE | D_NORMAL | D_RO | D_UXN);
    tt_map(&t, X0A, 3, CODE | D_NORMAL | D_RO | D_USER | D_PXN);
    for (unsigned p = 0; p < 16; p++)
        map_data(p, p, 0);
    tt_use(&t, 0, 0, 0);
    mixed(X1A, EL1);
    mixed(X1B, EL1);
    mixed(X0A, EL0);
    demand(X1A, EL1);
    demand(X0A, EL0);
    vectors(X1A, EL1);
    vectors(X0A, EL0);
    pan();
    unmapped();
    remapping("tlbi vaae1is", INSN("tlbi vaae1is, x5"), DATA >> 12, 0);
    remapping("tlbi vale1", INSN("tlbi vale1, x5"), DATA >> 12, 0);
    remapping("tlbi aside1", INSN("tlbi aside1, x5"), 0, D_NG);
    remapping("tlbi vmalle1", INSN("tlbi vmalle1"), 0, 0);
    tt_restore();
}
