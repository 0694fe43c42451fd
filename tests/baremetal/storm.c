// SPDX-License-Identifier: GPL-3.0-or-later
// Interrupts that hit running code wherever they like: its results must be those of an undisturbed
// run. A timer interrupts a few pieces of code again and again, at EL1 and EL0; the handler spoils
// flags and the exclusive monitor. Printed are the results with and without interrupts, and whether
// there were enough of them.
#include "gic.h"
#include "tables.h"

#define CODE   (ARENA + 0x10000)
#define DATA   ARENA
#define EL1_X  0x0000456780000000ull
#define EL0_X  0x0000456780010000ull
#define CELLS  0x0000456780020000ull // EL0 may
#define ROUNDS 30000ull

static volatile unsigned taken;
static volatile bool disturb;

static void arm_timer(void)
{
    // Not the same distance always, so that it is not always the same instruction.
    msr(cntv_tval_el0, 300 + taken * 37 % 400);
    isb();
}

void irq_handler(u64 vector, u64 *frame)
{
    u64 id = mrs(icc_iar1_el1);
    taken++;
    asm volatile("subs xzr, xzr, xzr" ::: "cc");
    if (disturb)
        arm_timer();
    else
        msr(cntv_ctl_el0, 0);
    isb();
    if (id < 1020)
        msr(icc_eoir1_el1, id);
    isb();
    (void)vector;
    (void)frame;
}

// Each runs x0 rounds over the cells at x1, and leaves its result in x0. x2-x6 start as 2, 3, ...
static const char name[][12] = {"flags",   "carry", "exclusive", "lse",
                                "vectors", "pairs", "calls",     "pages"};

static unsigned piece(unsigned which, u32 *to)
{
    u32 flags[] = {
        INSN("adds x2, x2, x3"),      INSN("adc x3, x3, x0"),         INSN("subs x4, x4, x2"),
        INSN("sbc x5, x5, x3"),       INSN("csel x6, x2, x3, hi"),    INSN("ccmp x4, x6, #9, lt"),
        INSN("csinc x5, x5, x2, vs"), INSN("eor x2, x2, x6, ror #7"), INSN("sub x0, x0, #1"),
        INSN("cbnz x0, .-36"),        INSN("add x0, x2, x5"),         INSN("eor x0, x0, x6")};
    u32 carry[] = {INSN("cmp x0, #77"),      INSN("ldr x4, [x1]"),     INSN("adcs x4, x4, x0"),
                   INSN("str x4, [x1]"),     INSN("ldr x5, [x1, #8]"), INSN("adcs x5, x5, x3"),
                   INSN("str x5, [x1, #8]"), INSN("cinc x3, x3, cs"),  INSN("sub x0, x0, #1"),
                   INSN("cbnz x0, .-36"),    INSN("add x0, x4, x5")};
    u32 exclusive[] = {INSN("ldaxr x2, [x1]"),        INSN("add x2, x2, x0"),
                       INSN("stlxr w3, x2, [x1]"),    INSN("cbnz w3, .-12"),
                       INSN("ldxp x4, x5, [x1, #0]"), INSN("add x5, x5, x4, lsr #3"),
                       INSN("stxp w3, x4, x5, [x1]"), INSN("cbnz w3, .-12"),
                       INSN("sub x0, x0, #1"),        INSN("cbnz x0, .-36"),
                       INSN("ldp x2, x3, [x1]"),      INSN("eor x0, x2, x3")};
    u32 lse[] = {INSN("ldadd x0, x2, [x1]"), INSN("ldeor x2, x3, [x1]"), INSN("swp x3, x4, [x1]"),
                 INSN("cas x4, x0, [x1]"),   INSN("stadd x3, [x1]"),     INSN("sub x0, x0, #1"),
                 INSN("cbnz x0, .-24"),      INSN("ldr x0, [x1]")};
    u32 vectors[] = {INSN("dup v0.2d, x2"),
                     INSN("dup v1.4s, w3"),
                     INSN("ld1 {v2.16b, v3.16b}, [x1]"),
                     INSN("add v0.4s, v0.4s, v2.4s"),
                     INSN("mla v1.4s, v0.4s, v3.4s"),
                     INSN("ext v2.16b, v1.16b, v0.16b, #5"),
                     INSN("scvtf v4.4s, v2.4s"),
                     INSN("fcvtzs v3.4s, v4.4s"),
                     INSN("st1 {v2.16b, v3.16b}, [x1]"),
                     INSN("sub x0, x0, #1"),
                     INSN("cbnz x0, .-32"),
                     INSN("eor v0.16b, v0.16b, v1.16b"),
                     INSN("umov x0, v0.d[0]"),
                     INSN("umov x2, v0.d[1]"),
                     INSN("eor x0, x0, x2")};
    u32 pairs[] = {
        INSN("ldp x2, x3, [x1], #16"),  INSN("add x4, x4, x2"),     INSN("eor x5, x5, x3, ror #3"),
        INSN("stp x5, x4, [x1, #-16]"), INSN("and x6, x0, #7"),     INSN("sub x1, x1, x6, lsl #1"),
        INSN("bfi x1, xzr, #0, #4"),    INSN("bfi x1, x0, #4, #5"), INSN("sub x0, x0, #1"),
        INSN("cbnz x0, .-36"),          INSN("add x0, x4, x5")};
    u32 calls[] = {INSN("mov x5, x30"),
                   INSN("bl .+28"),
                   INSN("tbz x0, #0, .+8"),
                   INSN("bl .+20"),
                   INSN("sub x0, x0, #1"),
                   INSN("cbnz x0, .-16"),
                   INSN("b .+16"),
                   INSN("nop"),
                   INSN("add x2, x2, x0, lsl #2"),
                   INSN("ret"),
                   INSN("mov x30, x5"),
                   INSN("mov x0, x2")};
    u32 pages[] = {INSN("sub x6, x1, #8"), INSN("add x6, x6, #0xfe0"), INSN("ldr x2, [x6, #36]"),
                   INSN("add x2, x2, x0"), INSN("stur x2, [x6, #35]"), INSN("ldrh w3, [x6, #39]"),
                   INSN("add x4, x4, x3"), INSN("sub x0, x0, #1"),     INSN("cbnz x0, .-24"),
                   INSN("add x0, x2, x4")};
    u32 *from[] = {flags, carry, exclusive, lse, vectors, pairs, calls, pages};
    static const u8 size[] = {12, 11, 12, 8, 15, 11, 12, 10};
    for (unsigned n = 0; n < size[which]; n++)
        to[n] = from[which][n];
    return size[which];
}

static u64 play(unsigned which, unsigned el, bool interrupts)
{
    u32 code[16];
    unsigned n = piece(which, code);
    volatile u32 *to = phys(CODE);
    for (unsigned i = 0; i < n; i++)
        to[i] = code[i];
    to[n] = el ? 0xd65f03c0 : 0xd4000001 | 0x7fff << 5;
    sync_code((u64)to, 128);
    volatile u64 *m = phys(DATA);
    for (unsigned i = 0; i < 1024; i++)
        m[i] = (u64)i * 0x0123456789abcdef;
    disturb = interrupts;
    taken = 0;
    exc.in_spsr = (el ? 5 : 0) | (interrupts ? 0x340 : 0x3c0);
    exc.in_sp = (u64)el0_stack_top;
    if (interrupts) {
        arm_timer();
        msr(cntv_ctl_el0, 1);
        isb();
    }
    entered(el ? EL1_X : EL0_X, ROUNDS, CELLS, 2, 3, 4, 5, 6);
    disturb = false;
    msr(cntv_ctl_el0, 0);
    isb();
    u64 sum = exc.x[0];
    if (exc.taken && exc.esr != ESR(0x15, 0x7fff))
        sum = exc.esr | BIT(63);
    for (unsigned i = 0; i < 1024; i++)
        sum = (sum << 3 | sum >> 61) + m[i];
    return sum;
}

void program(void)
{
    struct tt t;
    tt_init(&t, 12, 16, ARENA + 0x1000000);
    tt_map(&t, EL1_X, 3, CODE | D_NORMAL);
    tt_map(&t, EL0_X, 3, CODE | D_NORMAL | D_USER | D_RO);
    tt_map(&t, CELLS, 3, DATA | D_NORMAL | D_USER);
    tt_map(&t, CELLS + 0x1000, 3, (DATA + 0x1000) | D_NORMAL | D_USER);
    tt_use(&t, 0, 0, 0);
    gic_reset();
    gic_set(ISENABLER, 27);
    for (unsigned which = 0; which < ARRAY_SIZE(name); which++)
        for (unsigned el = 0; el < 2; el++) {
            u64 quiet = play(which, el, false);
            unsigned count = 0, wrong = 0;
            // On a busy host interrupts come seldom; 5 s are enough for any.
            u64 from = mrs(cntvct_el0);
            while (count < 20 && mrs(cntvct_el0) - from < 5 * 62500000ull) {
                wrong += play(which, el, true) != quiet;
                count += taken;
            }
            print("%s EL%d: %x, disturbed %d, wrong %d\n", (u64)name[which], el, quiet, count >= 20,
                  wrong);
        }
    tt_restore();
}
