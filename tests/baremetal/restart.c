// SPDX-License-Identifier: GPL-3.0-or-later
// Instructions that fault, are given their page, and are done again: nothing of them may have
// happened the first time (addresses written back, pairs half loaded, flags, vectors, monitors).
//
// Pages start absent, then read-only where something is written; each fault is answered by mapping
// the page it names, as a kernel does, until the instruction is through. The faults and everything
// that can be seen afterwards are printed.
#include "tables.h"

#define VA 0x0000456780000000ull

static struct tt t;

static u64 page_of(u64 va)
{
    return (ARENA + ((va - VA) & ~0xfffull)) | D_NORMAL | D_USER | D_NG;
}

static void absent(void)
{
    for (unsigned p = 0; p < 4; p++)
        *tt_entry(&t, VA + p * 0x1000, 3, 0) = 0;
    tlbi_all();
}

static void fill(void)
{
    for (unsigned p = 0; p < 4; p++) {
        volatile u64 *m = phys(ARENA + p * 0x1000);
        for (unsigned n = 0; n < 512; n++)
            m[n] = 0x0101010101010101ull * ((p * 37 + n) & 0xff) + 0x0706050403020100;
    }
}

static u64 memory(void)
{
    u64 sum = 0;
    for (unsigned p = 0; p < 4; p++) {
        volatile u64 *m = phys(ARENA + p * 0x1000);
        for (unsigned n = 0; n < 512; n++)
            sum = (sum << 5 | sum >> 59) * 3 + m[n];
    }
    return sum;
}

// Runs code from pc with x0-x6 until it ends; the pages it needs come as it asks.
static void demand(unsigned el, u64 pc, u64 *x, bool read_only_first)
{
    u64 spsr = el ? 0xa00003c5 : 0x600003c0;
    print(" faults");
    for (unsigned n = 0; n < 12; n++) {
        exc.in_spsr = spsr;
        exc.in_sp = (u64)el0_stack_top;
        entered(pc, x[0], x[1], x[2], x[3], x[4], x[5], x[6]);
        for (unsigned r = 0; r < 7; r++)
            x[r] = exc.x[r];
        unsigned ec = exc.esr >> 26 & 0x3e;
        if (!exc.taken || ec != 0x24)
            break;
        // WnR of atomics: see exceptions.c.
        print(" %x@%x", exc.esr & 0x3f, exc.far - VA);
        volatile u64 *e = tt_entry(&t, exc.far, 3, 0);
        if ((exc.esr & 0x3c) == 0xc)
            *e &= ~D_RO; // a write to what was mapped for reading
        else
            *e = page_of(exc.far) | (read_only_first ? D_RO : 0) | D_PAGE;
        tlbi_all();
        pc = exc.elr;
        spsr = exc.spsr;
    }
    if (exc.taken && exc.esr != ESR(0x15, 0x7fff))
        print(" esr %x", exc.esr);
}

static void one(unsigned number, const u32 *insns, unsigned n)
{
    static const u16 start[] = {0xfb0, 0xff0, 0xff8, 0xffc, 0x1ff9, 0xfe1};
    for (unsigned s = 0; s < ARRAY_SIZE(start); s++)
        for (unsigned mode = 0; mode < 4; mode++) {
            unsigned el = mode & 1;
            u64 x[7] = {0xa0a1a2a3a4a5a6a7,
                        VA + start[s],
                        0xb0b1b2b3b4b5b6b7,
                        VA + start[s],
                        24,
                        0xc5c5,
                        0xd6d6};
            u32 vectors[] = {INSN("dup v0.2d, x0"), INSN("dup v1.2d, x1"), INSN("dup v2.2d, x2"),
                             INSN("dup v3.2d, x3")};
            run_n(EL1, vectors, 4, 0x0102030405060708, 0x1112131415161718, 0x2122232425262728,
                  0x3132333435363738);
            absent();
            fill();
            print("insn %d at %x EL%d", number, start[s], el);
            demand(el, code_at(el, insns, n), x, mode >> 1);
            print(" flags %x x", exc.spsr >> 28);
            for (unsigned r = 0; r < 7; r++)
                print(" %x", x[r] - (x[r] - VA < 0x4000 ? VA : 0));
            u32 sum[] = {INSN("eor v0.16b, v0.16b, v1.16b"), INSN("add v2.2d, v2.2d, v3.2d"),
                         INSN("add v0.2d, v0.2d, v2.2d"), INSN("umov x0, v0.d[0]"),
                         INSN("umov x1, v0.d[1]")};
            run_n(EL1, sum, 5, 0, 0, 0, 0);
            print(" v %x %x", exc.x[0], exc.x[1]);
            print(" memory %x\n", memory());
        }
}

void program(void)
{
    tt_init(&t, 12, 16, ARENA + 0x1000000);
    for (unsigned p = 0; p < 4; p++)
        tt_entry(&t, VA + p * 0x1000, 3, 0);
    tt_use(&t, 0, 0, 0);
    msr(sctlr_el1, RT_SCTLR | BIT(14));
    isb();
    u32 single[] = {
        INSN("ldr x0, [x1]"),
        INSN("str x0, [x1]"),
        INSN("ldr x0, [x1], #24"),
        INSN("str x0, [x1, #24]!"),
        INSN("ldr x1, [x1]"),
        INSN("ldp x0, x2, [x1]"),
        INSN("stp x0, x2, [x1]"),
        INSN("ldp x1, x0, [x1]"),
        INSN("ldp x0, x1, [x1]"),
        INSN("ldp x0, x2, [x1], #32"),
        INSN("stp x0, x2, [x1, #-32]!"),
        INSN("ldpsw x1, x2, [x3, #4]!"),
        INSN("ldr q0, [x1], #16"),
        INSN("str q0, [x1, #16]!"),
        INSN("ldp q0, q1, [x1], #32"),
        INSN("stp q2, q3, [x1, #-32]!"),
        INSN("ldp d0, d1, [x1]"),
        INSN("ldrsb x0, [x1, x4]"),
        INSN("ldr x1, [x1, x4]"),
        INSN("ld1 {v0.16b-v3.16b}, [x1], #64"),
        INSN("ld2 {v0.4s, v1.4s}, [x1], x4"),
        INSN("ld3 {v0.8h-v2.8h}, [x1]"),
        INSN("ld4 {v0.2d-v3.2d}, [x1], #64"),
        INSN("st1 {v0.2d-v2.2d}, [x1], #48"),
        INSN("st2 {v0.16b, v1.16b}, [x1]"),
        INSN("st3 {v0.4s-v2.4s}, [x1], #48"),
        INSN("st4 {v0.8b-v3.8b}, [x1], x4"),
        INSN("ld1 {v0.s}[2], [x1], #4"),
        INSN("ld4 {v0.d, v1.d, v2.d, v3.d}[1], [x1], #32"),
        INSN("st4 {v0.s, v1.s, v2.s, v3.s}[1], [x1]"),
        INSN("st3 {v0.b, v1.b, v2.b}[9], [x1], #3"),
        INSN("ld2r {v0.2d, v1.2d}, [x1]"),
        INSN("ld4r {v0.8h-v3.8h}, [x1], x4"),
        INSN("ldnp x0, x2, [x1]"),
        INSN("stnp q0, q1, [x1]"),
        INSN("ldur x1, [x1, #5]"),
        INSN("dc zva, x1"),
        INSN("prfm pldl1keep, [x1]"),
        INSN("ldtr x0, [x1]"),
        INSN("sttr x0, [x1, #7]"),
    };
    for (unsigned n = 0; n < ARRAY_SIZE(single); n++)
        one(n, &single[n], 1);
    // Aligned: atomics, exclusives, ordered; the address is made so first.
    u32 align = INSN("and x1, x1, #~15");
    u32 aligned[][4] = {
        {align, INSN("ldadd x0, x2, [x1]"), INSN("nop"), INSN("nop")},
        {align, INSN("ldadd x0, x1, [x1]"), INSN("nop"), INSN("nop")},
        {align, INSN("swpal w2, w0, [x1]"), INSN("stset x2, [x1]"), INSN("nop")},
        {align, INSN("cas x0, x2, [x1]"), INSN("ldr x3, [x1]"), INSN("cas x3, x2, [x1]")},
        {align, INSN("casp x2, x3, x4, x5, [x1]"), INSN("nop"), INSN("nop")},
        {align, INSN("ldaxr x0, [x1]"), INSN("stlxr w4, x2, [x1]"), INSN("nop")},
        {align, INSN("ldxp x0, x1, [x1]"), INSN("nop"), INSN("nop")},
        {align, INSN("stxp w4, x0, x2, [x1]"), INSN("ldar x5, [x1]"), INSN("stlr x0, [x1]")},
        {align, INSN("ldapr x1, [x1]"), INSN("nop"), INSN("nop")},
    };
    for (unsigned n = 0; n < ARRAY_SIZE(aligned); n++)
        one(100 + n, aligned[n], 4);
    // In the middle of other things: what came before has happened, what comes after has not.
    u32 mixed[][8] = {
        {INSN("adds x5, x0, x2"), INSN("ldr x6, [x1]"), INSN("adc x5, x5, x6"),
         INSN("str x5, [x1, #16]"), INSN("subs x4, x4, #24"), INSN("csel x0, x5, x6, eq"),
         INSN("ccmp x0, x5, #2, eq"), INSN("nop")},
        {INSN("str x0, [x1], #8"), INSN("str x2, [x1], #8"), INSN("str x4, [x1], #8"),
         INSN("cmp x1, x3"), INSN("ldp x0, x2, [x1, #-16]"), INSN("cset x4, hi"),
         INSN("ldp x5, x6, [x3]"), INSN("cinc x4, x4, lo")},
        {INSN("subs xzr, x0, x2"), INSN("ldr x0, [x1]"), INSN("csel x5, x0, x2, lo"),
         INSN("strb w5, [x1, #9]"), INSN("bics x6, x5, x0"), INSN("ldrsw x2, [x1, #40]"),
         INSN("cneg x4, x4, ne"), INSN("str q0, [x1, #48]")},
    };
    for (unsigned n = 0; n < ARRAY_SIZE(mixed); n++)
        one(200 + n, mixed[n], 8);
    tt_restore();
}
