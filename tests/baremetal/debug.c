// SPDX-License-Identifier: GPL-3.0-or-later
// Hardware breakpoints and watchpoints (Arm ARM D2.8 to D2.10): which match where, enables, links,
// syndromes, and that nothing of the instruction has happened.
#include "tables.h"

#define MDE      BIT(15)
#define KDE      BIT(13)
#define SS       BIT(21)
#define EL0_SPSR 0x3c0ull
#define EL1_SPSR 0x1c5ull // D clear

#define SET(n)                                                                                     \
    case n:                                                                                        \
        msr(dbgbvr##n##_el1, value);                                                               \
        msr(dbgbcr##n##_el1, control);                                                             \
        break
static void breakpoint(unsigned n, u64 value, u64 control)
{
    switch (n) {
        SET(0);
        SET(1);
        SET(2);
        SET(3);
        SET(4);
        SET(5);
    }
    isb();
}
#undef SET
#define SET(n)                                                                                     \
    case n:                                                                                        \
        msr(dbgwvr##n##_el1, value);                                                               \
        msr(dbgwcr##n##_el1, control);                                                             \
        break
static void watchpoint(unsigned n, u64 value, u64 control)
{
    switch (n) {
        SET(0);
        SET(1);
        SET(2);
        SET(3);
    }
    isb();
}

static void clear(void)
{
    for (unsigned n = 0; n < 6; n++)
        breakpoint(n, 0, 0);
    for (unsigned n = 0; n < 4; n++)
        watchpoint(n, 0, 0);
    msr(contextidr_el1, 0);
    msr(mdscr_el1, 0);
    isb();
}

static void enable(u64 mdscr)
{
    msr(mdscr_el1, mdscr);
    isb();
}

static void go(unsigned el, u64 pc, u64 spsr, u64 x0, u64 x1)
{
    exc.in_spsr = spsr ? spsr : el ? EL1_SPSR : EL0_SPSR;
    exc.in_sp = (u64)el0_stack_top;
    entered(pc, x0, x1, 2, 3, 4, 5, 6);
    if (exc.esr == (0x15u << 26 | BIT(25) | 0x7fff))
        exc.taken = 0;
}

// Breakpoints ------------------------------------------------------------------------------------

#define BCR(pmc) (1 | (u64)(pmc) << 1 | 0xf << 5)
static u32 four[4];

static void positions(void)
{
    enable(MDE | KDE);
    for (unsigned el = 0; el < 2; el++)
        for (unsigned n = 0; n < 6; n++)
            for (unsigned k = 0; k < 5; k++) {
                u64 pc = code_at(el, four, 4);
                breakpoint(n, pc + 4 * k, BCR(3));
                go(el, pc, 0, 0, 0);
                print("EL%d breakpoint %d at %d x0 %x ", el, n, k, exc.x[0]);
                report("");
                breakpoint(n, 0, 0);
            }
    // Two; the first that is reached.
    for (unsigned el = 0; el < 2; el++) {
        u64 pc = code_at(el, four, 4);
        breakpoint(1, pc + 12, BCR(3));
        breakpoint(3, pc + 8, BCR(3));
        go(el, pc, 0, 0, 0);
        report("two");
        breakpoint(3, pc + 0x1000, BCR(3));
        go(el, pc, 0, 0, 0);
        report("one of them in another page");
        clear();
        enable(MDE | KDE);
    }
    clear();
}

// HMC, SSC and PMC choose the exception level.
static void state(void)
{
    enable(MDE | KDE);
    for (unsigned hmc = 0; hmc < 2; hmc++)
        for (unsigned ssc = 0; ssc < 4; ssc++)
            for (unsigned pmc = 0; pmc < 4; pmc++)
                for (unsigned el = 0; el < 2; el++) {
                    u64 pc = code_at(el, four, 4);
                    breakpoint(2, pc + 4, BCR(pmc) | hmc << 13 | ssc << 14);
                    go(el, pc, 0, 0, 0);
                    print("HMC %d SSC %d PMC %d EL%d ", hmc, ssc, pmc, el);
                    report("");
                }
    clear();
}

static void enables(void)
{
    for (unsigned el = 0; el < 2; el++)
        for (unsigned n = 0; n < 8; n++) {
            u64 pc = code_at(el, four, 4), spsr = el ? EL1_SPSR : EL0_SPSR & ~0x200ull;
            breakpoint(0, pc + 8, BCR(3));
            watchpoint(0, (u64)el0_page, 1 | 3 << 1 | 3 << 3 | 0xff << 5);
            enable((n & 1 ? MDE : 0) | (n & 2 ? KDE : 0));
            go(el, pc, spsr | (n & 4 ? 0x200 : 0), 0, 0);
            print("EL%d MDE %d KDE %d D %d ", el, n & 1, n >> 1 & 1, n >> 2);
            report("breakpoint");
            breakpoint(0, 0, 0);
            u32 load = INSN("ldr x0, [x1]");
            go(el, code_at(el, &load, 1), spsr | (n & 4 ? 0x200 : 0), 0, (u64)el0_page);
            report("watchpoint");
            clear();
        }
    // Disabled by E; the OS lock. QEMU looks at another bit than OSLK.
    for (unsigned el = 0; el < 2; el++) {
        u64 pc = code_at(el, four, 4);
        enable(MDE | KDE);
        breakpoint(0, pc + 8, BCR(3) & ~1ull);
        go(el, pc, 0, 0, 0);
        report("E 0");
        breakpoint(0, pc + 8, BCR(3));
        msr(oslar_el1, 1);
        isb();
        go(el, pc, 0, 0, 0);
        report_none("OS lock");
        msr(oslar_el1, 0);
        isb();
        go(el, pc, 0, 0, 0);
        report("no OS lock");
        clear();
    }
}

static void links(void)
{
    enable(MDE | KDE);
    for (unsigned el = 0; el < 2; el++)
        for (unsigned lbn = 0; lbn < 8; lbn++)
            for (unsigned context = 0; context < 2; context++) {
                u64 pc = code_at(el, four, 4);
                msr(contextidr_el1, 0x12345678 + context);
                breakpoint(0, pc + 4, BCR(3) | 1 << 20 | (u64)lbn << 16);
                breakpoint(lbn, lbn ? 0x12345679 : pc + 4, BCR(3) | (lbn ? 3 : 1) << 20);
                go(el, pc, 0, 0, 0);
                print("EL%d LBN %d context %d ", el, lbn, context);
                report("");
                clear();
                enable(MDE | KDE);
            }
    // What a link does not follow: other types, a disabled one. A linked context alone never fires.
    for (unsigned type = 0; type < 16; type++) {
        u64 pc = code_at(EL0, four, 4);
        breakpoint(1, pc + 4, BCR(3) | 1 << 20 | 5 << 16);
        breakpoint(5, 0, BCR(0) | (u64)type << 20);
        // The others are EL2's; QEMU has some of them without EL2 as well.
        if (type < 4) {
            go(EL0, pc, 0, 0, 0);
            print("link to type %d ", type);
            report("");
        }
        clear();
        enable(MDE | KDE);
    }
    u64 pc = code_at(EL0, four, 4);
    breakpoint(1, pc + 4, BCR(3) | 1 << 20 | 5 << 16);
    breakpoint(5, 0, (BCR(3) | 3 << 20) & ~1ull);
    go(EL0, pc, 0, 0, 0);
    report("link to a disabled one");
    breakpoint(1, 0, 0);
    breakpoint(5, 0, BCR(3) | 3 << 20);
    go(EL0, pc, 0, 0, 0);
    report("linked context alone");
    // A context without a link matches every instruction; QEMU does not have it.
    for (unsigned n = 0; n < 6; n++)
        for (unsigned context = 0; context < 2; context++) {
            clear();
            enable(MDE);
            msr(contextidr_el1, 0x8000000f + context);
            breakpoint(n, 0x80000010, BCR(2) | 2 << 20);
            go(EL0, pc, 0, 0, 0);
            print("breakpoint %d context %d ", n, context);
            if (n >= 4 && context)
                report_as("", EL0, ESR(0x30, 0x22), 0, 0);
            else
                report("");
        }
    clear();
}

// Together with software step and an illegal state.
static void with_others(void)
{
    for (unsigned el = 0; el < 2; el++)
        for (unsigned ss = 0; ss < 2; ss++)
            for (unsigned k = 0; k < 2; k++) {
                u64 pc = code_at(el, four, 4);
                breakpoint(0, pc + 4 * k, BCR(3));
                enable(MDE | KDE | 1);
                go(el, pc, (el ? EL1_SPSR : EL0_SPSR) | (ss ? SS : 0), 0, 0);
                print("EL%d SS %d breakpoint at %d ", el, ss, k);
                report("");
                clear();
            }
    u64 pc = code_at(EL0, four, 4);
    breakpoint(0, pc, BCR(3));
    enable(MDE);
    go(EL0, pc, EL0_SPSR | BIT(20), 0, 0);
    report("IL");
    clear();
    // Before the instruction's own exceptions, after those of its fetch.
    u32 own[] = {0, INSN("svc #1"), INSN("brk #2"), INSN("mrs x0, daif")};
    for (unsigned n = 0; n < ARRAY_SIZE(own); n++) {
        pc = code_at(EL0, &own[n], 1);
        breakpoint(0, pc, BCR(3));
        enable(MDE);
        go(EL0, pc, 0, 0, 0);
        print("own %d ", n);
        report("");
        clear();
    }
    breakpoint(0, 0x123400000000, BCR(3));
    enable(MDE);
    go(EL0, 0x123400000000, 0, 0, 0);
    // The fetch's own faults come first (TranslateAddress()); QEMU looks at breakpoints before it
    // fetches.
    report_as("nowhere", EL0, ESR(0x20, 4), 0x123400000000, 0x123400000000);
    clear();
}

// Set and cleared while the code goes round: what has been translated knows.
static void changes(void)
{
    u32 loop[] = {INSN("add x0, x0, #1"), INSN("cmp x0, #40"), INSN("b.ne .-8"), INSN("svc #1")};
    for (unsigned round = 0; round < 3; round++) {
        u64 pc = code_at(EL0, loop, 4);
        enable(MDE);
        go(EL0, pc, 0, 0, 0);
        print("round %d x0 %d ", round, exc.x[0]);
        report("without");
        breakpoint(0, pc + 4, BCR(2));
        go(EL0, pc, 0, 0, 0);
        print("round %d x0 %d ", round, exc.x[0]);
        report("with");
        go(EL0, exc.elr + 4, 0, exc.x[0], 0);
        print("round %d x0 %d ", round, exc.x[0]);
        report("again");
        enable(0);
        go(EL0, pc, 0, 0, 0);
        print("round %d x0 %d ", round, exc.x[0]);
        report("disabled");
        clear();
    }
    // By the code itself, at EL1.
    u32 self[] = {INSN("msr dbgbvr0_el1, x0"),
                  INSN("msr dbgbcr0_el1, x1"),
                  INSN("isb"),
                  INSN("nop"),
                  INSN("nop"),
                  INSN("svc #2")};
    u64 pc = code_at(EL1, self, ARRAY_SIZE(self));
    enable(MDE | KDE);
    go(EL1, pc, 0, pc + 16, BCR(1));
    report("self");
    clear();
}

// Watchpoints ------------------------------------------------------------------------------------

#define WCR(pac, lsc, bas) (1 | (u64)(pac) << 1 | (u64)(lsc) << 3 | (u64)(bas) << 5)
#define DATA               ((u64)el0_page + 0x800)

static u64 far; // of the next access, where QEMU's is wrong; 0: it is right

// One access; the memory must be as before if the watchpoint hit.
static void touch_at(const char *what, unsigned el, u32 insn, u64 at)
{
    volatile u64 *p = (volatile u64 *)((DATA & ~63ull) + RW_ALIAS);
    for (unsigned n = 0; n < 8; n++)
        p[n] = 0x1111111111111111 * n;
    go(el, code_at(el, &insn, 1), 0, 0x77, at + (el ? RW_ALIAS : 0));
    u64 sum = 0;
    for (unsigned n = 0; n < 8; n++)
        sum += p[n] * (n + 1);
    print("%s x0 %x x1 %s memory %x ", (u64)what, exc.x[0],
          (u64)(exc.x[1] == at + (el ? RW_ALIAS : 0) ? "same" : "other"), sum);
    // FAR is not below the access (D2.10.5); QEMU makes aligned ones of it.
    if (exc.taken && far && exc.far != far) {
        report_spsr = exc.spsr;
        report_as("", el, exc.esr, 0, far);
    } else {
        report("");
    }
    far = 0;
}

static void byte_select(void)
{
    u32 load[] = {INSN("ldrb w0, [x1]"), INSN("ldrh w0, [x1]"), INSN("ldr w0, [x1]"),
                  INSN("ldr x0, [x1]")};
    static const u8 bas[] = {0x01, 0x02, 0x80, 0x0f, 0xf0, 0x3c, 0xff, 0x00};
    enable(MDE);
    for (unsigned b = 0; b < ARRAY_SIZE(bas); b++) {
        watchpoint(1, DATA, WCR(3, 3, bas[b]));
        for (unsigned size = 0; size < 4; size++)
            for (unsigned off = 0; off < 20; off += 1 << size) {
                print("BAS %x size %d at %d ", bas[b], size, off);
                touch_at("", EL0, load[size], DATA - 8 + off);
            }
    }
    // A value that is only 4-aligned: BAS[3:0] count.
    watchpoint(1, DATA + 4, WCR(3, 3, 0xf2));
    for (unsigned off = 0; off < 16; off++) {
        print("4-aligned at %d ", off);
        touch_at("", EL0, load[0], DATA + off);
    }
    clear();
}

static void masks(void)
{
    u32 load = INSN("ldrb w0, [x1]");
    enable(MDE);
    for (unsigned mask = 1; mask < 13; mask++) {
        watchpoint(2, DATA & ~((1ull << mask) - 1), WCR(3, 1, 0xff) | (u64)mask << 24);
        // Not where the stack and the code's data are: they are not EL0's.
        for (unsigned k = 0; k < 4; k++) {
            u64 base = DATA & ~((1ull << mask) - 1), at = k == 0   ? base - 1
                                                          : k == 1 ? base
                                                          : k == 2 ? base + (1ull << mask) - 1
                                                                   : base + (1ull << mask);
            if (at < (u64)el0_page || at >= (u64)el0_page + 8192)
                continue;
            print("MASK %d place %d ", mask, k);
            touch_at("", EL0, load, at);
        }
    }
    watchpoint(2, 0, WCR(3, 3, 0xff) | 31 << 24);
    touch_at("2 GiB elsewhere", EL0, load, DATA);
    watchpoint(2, DATA & ~0x7fffffffull, WCR(3, 3, 0xff) | 31 << 24);
    touch_at("2 GiB", EL0, load, DATA);
    clear();
}

struct op {
    u32 insn;
    u8 kind; // LSC bits that it is: 1 load, 2 store
};

static void accesses(void)
{
    struct op ops[] = {
        {INSN("ldrb w0, [x1]"), 1},          {INSN("ldrsh x0, [x1]"), 1},
        {INSN("ldr w0, [x1]"), 1},           {INSN("ldr x0, [x1], #8"), 1},
        {INSN("ldr x0, [x1, #8]!"), 1},      {INSN("ldp x0, x2, [x1]"), 1},
        {INSN("ldp w0, w2, [x1, #-8]!"), 1}, {INSN("ldpsw x0, x2, [x1]"), 1},
        {INSN("ldr q0, [x1]"), 1},           {INSN("ldp q0, q1, [x1, #-16]"), 1},
        {INSN("ldur x0, [x1, #-3]"), 1},     {INSN("ldur x0, [x1, #1]"), 1},
        {INSN("ldar x0, [x1]"), 1},          {INSN("ldapr x0, [x1]"), 1},
        {INSN("ldxr x0, [x1]"), 1},          {INSN("ldxp x0, x2, [x1]"), 1},
        {INSN("ldtr x0, [x1]"), 1},          {INSN("ldnp x0, x2, [x1]"), 1},
        {INSN("strb w0, [x1]"), 2},          {INSN("strh w0, [x1]"), 2},
        {INSN("str x0, [x1], #8"), 2},       {INSN("str x0, [x1, #-8]!"), 2},
        {INSN("stp x0, x0, [x1, #-8]"), 2},  {INSN("stur x0, [x1, #-5]"), 2},
        {INSN("stlr x0, [x1]"), 2},          {INSN("sttr x0, [x1]"), 2},
        {INSN("str q0, [x1, #-16]"), 2},     {INSN("stp q0, q1, [x1]"), 2},
        {INSN("prfm pldl1keep, [x1]"), 0},   {INSN("nop"), 0},
        {INSN("dc civac, x1"), 0},           {INSN("ic ivau, x1"), 0},
    };
    msr(sctlr_el1, mrs(sctlr_el1) | BIT(26));
    enable(MDE | KDE);
    for (unsigned el = 0; el < 2; el++)
        for (unsigned lsc = 0; lsc < 4; lsc++)
            for (unsigned n = 0; n < ARRAY_SIZE(ops); n++) {
                watchpoint(0, DATA + (el ? RW_ALIAS : 0), WCR(3, lsc, 0xff));
                print("EL%d LSC %d insn %d ", el, lsc, n);
                far = ops[n].insn == ops[11].insn ? DATA + (el ? RW_ALIAS : 0) + 1 : 0;
                touch_at("", el, ops[n].insn, DATA);
            }
    clear();
}

// Loads and stores in one: a watchpoint of loads counts as the load.
static void atomics(void)
{
    u32 insn[] = {INSN("ldadd x0, x2, [x1]"), INSN("stset x0, [x1]"), INSN("swp x0, x2, [x1]"),
                  INSN("cas x0, x2, [x1]"), INSN("caspal x2, x3, x4, x5, [x1]")};
    enable(MDE | KDE);
    for (unsigned lsc = 0; lsc < 4; lsc++)
        for (unsigned n = 0; n < ARRAY_SIZE(insn); n++)
            for (unsigned el = 0; el < 2; el++) {
                u64 at = DATA + (el ? RW_ALIAS : 0);
                watchpoint(0, at, WCR(3, lsc, 0xff));
                go(el, code_at(el, &insn[n], 1), 0, 0x77, at);
                print("atomic %d LSC %d EL%d ", n, lsc, el);
                // A watchpoint of loads and stores counts as the load (ESR_EL1.WnR).
                report_spsr = el ? EL1_SPSR : EL0_SPSR;
                if (lsc)
                    report_as("", el, ESR(0x34 + el, lsc == 2 ? 0x62 : 0x22), 0, at);
                else
                    report("");
            }
    // An exclusive pair: the load with its watchpoint, the store with its own.
    u32 pair[] = {INSN("ldxr x2, [x1]"), INSN("add x2, x2, #1"), INSN("stxr w3, x2, [x1]")};
    for (unsigned lsc = 1; lsc < 3; lsc++) {
        watchpoint(0, DATA, WCR(3, lsc, 0xff));
        go(EL0, code_at(EL0, pair, 3), 0, 0, DATA);
        print("pair LSC %d ", lsc);
        report("");
    }
    clear();
}

static void wide(void)
{
    u32 insn[] = {INSN("ld1 {v0.16b, v1.16b, v2.16b, v3.16b}, [x1]"),
                  INSN("st4 {v0.8b, v1.8b, v2.8b, v3.8b}, [x1]"),
                  INSN("ld3 {v0.b, v1.b, v2.b}[3], [x1]"),
                  INSN("dc zva, x1"),
                  INSN("ldp q0, q1, [x1]"),
                  INSN("ldur x0, [x1, #4]")};
    msr(sctlr_el1, mrs(sctlr_el1) | BIT(14));
    enable(MDE);
    for (unsigned n = 0; n < ARRAY_SIZE(insn); n++)
        for (unsigned k = 0; k < 2; k++) {
            u64 at = DATA & ~63ull;
            watchpoint(3, at + 8 * (k ? 3 : 0), WCR(2, 3, 0xff));
            go(EL0, code_at(EL0, &insn[n], 1), 0, 0, at);
            // FAR is anywhere between the access's first byte and the watched ones.
            bool near = exc.far >= at && exc.far <= at + 32;
            exc.far = near ? at : exc.far;
            print("wide %d at %d ", n, k);
            report("");
        }
    // Across a page, with either part watched.
    u32 load = INSN("ldr x0, [x1]"), store = INSN("str x0, [x1]");
    u64 edge = (u64)el0_page + 4096;
    for (unsigned n = 0; n < 4; n++) {
        watchpoint(0, n & 1 ? edge : edge - 8, WCR(2, 3, n & 1 ? 0x07 : 0xe0));
        go(EL0, code_at(EL0, n & 2 ? &store : &load, 1), 0, 0, edge - 3);
        print("crossing %d ", n);
        report("");
    }
    clear();
}

// PAC by the access: unprivileged ones are EL0's.
static void privilege(void)
{
    u32 insn[] = {INSN("ldr x0, [x1]"), INSN("ldtr x0, [x1]"), INSN("sttr x0, [x1]"),
                  INSN("str x0, [x1]")};
    for (unsigned pac = 0; pac < 4; pac++)
        for (unsigned hmc = 0; hmc < 2; hmc++)
            for (unsigned ssc = 0; ssc < 4; ssc++)
                for (unsigned el = 0; el < 2; el++)
                    for (unsigned n = 0; n < 4; n++) {
                        watchpoint(0, (u64)el0_page, WCR(pac, 3, 0xff) | hmc << 13 | ssc << 14);
                        enable(MDE | KDE);
                        go(el, code_at(el, &insn[n], 1), 0, 0, (u64)el0_page);
                        print("PAC %d HMC %d SSC %d EL%d insn %d ", pac, hmc, ssc, el, n);
                        report("");
                    }
    clear();
}

static void watch_links(void)
{
    u32 load = INSN("ldr x0, [x1]");
    enable(MDE);
    for (unsigned lbn = 0; lbn < 16; lbn++)
        for (unsigned context = 0; context < 2; context++) {
            msr(contextidr_el1, 0x12345678 + context);
            breakpoint(lbn, 0x12345679, BCR(3) | 3 << 20);
            watchpoint(0, DATA, WCR(3, 3, 0xff) | 1 << 20 | (u64)lbn << 16);
            go(EL0, code_at(EL0, &load, 1), 0, 0, DATA);
            print("watchpoint LBN %d context %d ", lbn, context);
            report("");
        }
    clear();
}

// Faults of the access come first; tags take no part; a tagged address is reported with its tag.
static void faults(void)
{
    u32 load = INSN("ldr x0, [x1]"), pair = INSN("ldxr x0, [x1]");
    enable(MDE);
    watchpoint(0, 0x123400000000, WCR(3, 3, 0xff));
    go(EL0, code_at(EL0, &load, 1), 0, 0, 0x123400000000);
    report("unmapped");
    watchpoint(0, DATA, WCR(3, 3, 0xff));
    go(EL0, code_at(EL0, &pair, 1), 0, 0, DATA + 4);
    report("misaligned");
    msr(tcr_el1, RT_TCR | BIT(38) | BIT(37));
    isb();
    tlbi_all();
    go(EL0, code_at(EL0, &load, 1), 0, 0, DATA ^ 0x5500000000000000);
    // QEMU compares the tag.
    report_as("tagged", EL0, ESR(0x34, 0x22), 0, DATA ^ 0x5500000000000000);
    msr(tcr_el1, RT_TCR);
    isb();
    tlbi_all();
    // Stepped: the watchpoint's instruction has not completed.
    enable(MDE | 1);
    go(EL0, code_at(EL0, &load, 1), EL0_SPSR | SS, 0, DATA);
    report("stepped");
    clear();
}

static void registers(void)
{
    breakpoint(4, 0x1234567812345677, ~0ull); // context IDs have all bits
    watchpoint(3, 0xffff567812345677, ~0ull);
    print("DBGBVR %x DBGBCR %x\n", mrs(dbgbvr4_el1), mrs(dbgbcr4_el1) & 0xf001e7);
    print("DBGWVR %x\n", mrs(dbgwvr3_el1));
    watchpoint(3, 0x00007fffffffffff, 0);
    print("DBGWVR %x\n", mrs(dbgwvr3_el1));
    clear();
}

void program(void)
{
    u32 insns[4] = {INSN("add x0, x0, #1"), INSN("add x0, x0, #2"), INSN("add x0, x0, #4"),
                    INSN("add x0, x0, #8")};
    for (unsigned n = 0; n < 4; n++)
        four[n] = insns[n];
    msr(oslar_el1, 0);
    isb();
    clear();
    registers();
    positions();
    state();
    enables();
    links();
    with_others();
    changes();
    byte_select();
    masks();
    accesses();
    atomics();
    wide();
    privilege();
    watch_links();
    faults();
}
