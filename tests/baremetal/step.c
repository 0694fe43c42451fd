// SPDX-License-Identifier: GPL-3.0-or-later
// Software step (Arm ARM D2.12): the state machine at EL0 and EL1, what an instruction's own
// exception does to it, syndromes, PSTATE.SS and MDSCR_EL1.SS, the OS lock, PSTATE.D; and BRK.
#include "tables.h"

#define SS       BIT(21)
#define KDE      BIT(13)
#define EL0_SPSR 0x3c0ull
#define EL1_SPSR 0x1c5ull // D clear

// Steps through code until it ends, by whatever exception; x0-x6 go along.
static void steps(const char *what, unsigned el, const u32 *code, unsigned n, u64 mdscr, u64 spsr,
                  unsigned limit)
{
    u64 pc = code_at(el, code, n),
        x[7] = {1, (u64)el0_page, 3, 4, 5, 0x123400000000, 0x123400001000};
    if (el)
        x[1] += RW_ALIAS;
    msr(mdscr_el1, mdscr);
    isb();
    exc.in_sp = (u64)el0_stack_top;
    for (unsigned i = 0; i < limit; i++) {
        exc.in_spsr = spsr;
        entered(pc, x[0], x[1], x[2], x[3], x[4], x[5], x[6]);
        print("%s step %d x0 %x ss %d ", (u64)what, i, exc.x[0], exc.spsr >> 21 & 1);
        report("");
        unsigned ec = exc.esr >> 26 & 0x3f;
        if (!exc.taken || (ec != 0x32 && ec != 0x33))
            break;
        pc = exc.elr;
        spsr = exc.spsr | SS;
        for (unsigned r = 0; r < 7; r++)
            x[r] = exc.x[r];
    }
    msr(mdscr_el1, 0);
    isb();
}
#define STEPS(what, el, code, mdscr, spsr) steps(what, el, code, ARRAY_SIZE(code), mdscr, spsr, 30)

static void plain(void)
{
    u32 code[] = {INSN("add x0, x0, #1"),
                  INSN("nop"),
                  INSN("ldr x2, [x1]"),
                  INSN("str x2, [x1, #8]"),
                  INSN("b .+8"),
                  INSN("mov x0, #99"),
                  INSN("cbz xzr, .+8"),
                  INSN("mov x0, #98"),
                  INSN("ldadd x2, x3, [x1]"),
                  INSN("isb"),
                  INSN("yield"),
                  INSN("subs x0, x0, #2"),
                  INSN("b.eq .+4"),
                  INSN("svc #1")};
    STEPS("el0", EL0, code, 1, EL0_SPSR | SS);
    STEPS("el1", EL1, code, 1 | KDE, EL1_SPSR | SS);
    // Pending at once.
    STEPS("el0 pending", EL0, code, 1, EL0_SPSR);
    STEPS("el1 pending", EL1, code, 1 | KDE, EL1_SPSR);
    // Disabled in one way or another.
    STEPS("el0 without SS", EL0, code, 0, EL0_SPSR | SS);
    STEPS("el1 without KDE", EL1, code, 1, EL1_SPSR | SS);
    STEPS("el1 with D", EL1, code, 1 | KDE, 0x3c5 | SS);
    STEPS("el0 with KDE", EL0, code, 1 | KDE, EL0_SPSR | SS);
    msr(oslar_el1, 1);
    isb();
    // QEMU looks at another bit than OSLK.
    for (unsigned el = 0; el < 2; el++) {
        msr(mdscr_el1, el ? 1 | KDE : 1);
        isb();
        exc.in_spsr = (el ? EL1_SPSR : EL0_SPSR) | SS;
        exc.in_sp = (u64)el0_stack_top;
        u64 pc = code_at(el, code, ARRAY_SIZE(code));
        entered(pc, 1, (u64)el0_page + (el ? RW_ALIAS : 0), 3, 4, 5, 6, 7);
        report_spsr = el ? EL1_SPSR : EL0_SPSR;
        report_as("locked", el, ESR(0x15, 1), pc + 0x38, 0);
    }
    msr(mdscr_el1, 0);
    msr(oslar_el1, 0);
    isb();
}

static void exclusives(void)
{
    u32 code[] = {INSN("ldxr x2, [x1]"),      INSN("add x2, x2, #1"), INSN("stxr w3, x2, [x1]"),
                  INSN("ldaxp x2, x4, [x1]"), INSN("clrex"),          INSN("ldaxrb w2, [x1]"),
                  INSN("ldar x2, [x1]"),      INSN("svc #2")};
    STEPS("exclusive", EL0, code, 1, EL0_SPSR | SS);
    STEPS("exclusive", EL1, code, 1 | KDE, EL1_SPSR | SS);
}

// An instruction that takes an exception of its own: SPSR says whether it has been stepped.
static void own_exceptions(void)
{
    u32 insn[] = {INSN("svc #3"),       INSN("brk #4"), 0x00000000,    INSN("ldr x0, [x5]"),
                  INSN("mrs x0, daif"), INSN("hlt #1"), INSN("br x6"), INSN("smc #0")};
    for (unsigned n = 0; n < ARRAY_SIZE(insn); n++)
        for (unsigned el = 0; el < 2; el++) {
            u32 code[] = {insn[n], INSN("svc #5")};
            print("own %d ", n);
            STEPS("", el, code, el ? 1 | KDE : 1, (el ? EL1_SPSR : EL0_SPSR) | SS);
            print("own pending %d ", n);
            STEPS("", el, code, el ? 1 | KDE : 1, el ? EL1_SPSR : EL0_SPSR);
            print("own off %d ", n);
            STEPS("", el, code, 0, (el ? EL1_SPSR : EL0_SPSR) | SS);
        }
    // A WFI that traps; QEMU makes a stepped WFI a NOP.
    msr(sctlr_el1, RT_SCTLR & ~BIT(16));
    msr(mdscr_el1, 1);
    isb();
    u32 wfi = INSN("wfi");
    exc.in_spsr = EL0_SPSR | SS;
    entered(code_at(EL0, &wfi, 1), 0, 0, 0, 0, 0, 0, 0);
    report_spsr = EL0_SPSR | SS;
    report_as("wfi", EL0, ESR(1, 0x1e00000), exc.elr & ~63ull, 0);
    msr(sctlr_el1, RT_SCTLR);
    msr(mdscr_el1, 0);
    isb();
}

// PSTATE.D and MDSCR changed while stepping, and returns from within.
static void changes(void)
{
    u32 mask[] = {INSN("nop"), INSN("msr daifset, #8"), INSN("add x0, x0, #1"),
                  INSN("add x0, x0, #1"), INSN("svc #6")};
    // Once D is set debug exceptions are disabled, and the step of the MSR itself is not reported;
    // QEMU reports it.
    msr(mdscr_el1, 1 | KDE);
    isb();
    exc.in_spsr = EL1_SPSR | SS;
    u64 at = code_at(EL1, mask, ARRAY_SIZE(mask));
    entered(at + 4, 0, 0, 0, 0, 0, 0, 0);
    report_spsr = 0x3c5;
    report_as("mask", EL1, ESR(0x15, 6), at + 20, 0);
    msr(mdscr_el1, 0);
    isb();
    u32 unmask[] = {INSN("nop"), INSN("msr daifclr, #8"), INSN("add x0, x0, #1"), INSN("svc #7")};
    STEPS("unmask", EL1, unmask, 1 | KDE, 0x3c5 | SS);
    u32 daif[] = {INSN("nop"), INSN("msr daif, x2"), INSN("add x0, x0, #1"), INSN("svc #7")};
    STEPS("daif", EL1, daif, 1 | KDE, EL1_SPSR | SS);
    u32 spsel[] = {INSN("msr spsel, #0"), INSN("add x0, x0, #1"), INSN("msr spsel, #1"),
                   INSN("svc #8")};
    STEPS("spsel", EL1, spsel, 1 | KDE, EL1_SPSR | SS);
    // An ERET that is stepped: debug exceptions are enabled at its source, so SS is 0 after it.
    u32 eret[] = {INSN("adr x2, .+20"), INSN("msr elr_el1, x2"), INSN("msr spsr_el1, x3"),
                  INSN("eret"),         INSN("mov x0, #77"),     INSN("add x0, x0, #1"),
                  INSN("svc #9")};
    u64 pc = code_at(EL1, eret, ARRAY_SIZE(eret));
    for (u64 s = 0; s < 4; s++) {
        msr(mdscr_el1, 1 | KDE);
        isb();
        u64 spsr = EL1_SPSR | (s & 1 ? SS : 0) | (s & 2 ? 0x200 : 0), next = pc, x0 = 1, x2 = 0,
            from = EL1_SPSR | SS;
        for (unsigned i = 0; i < 12; i++) {
            exc.in_spsr = from;
            entered(next, x0, 0, x2, spsr, 0, 0, 0);
            print("eret to %x step %d x0 %x ss %d ", spsr, i, exc.x[0], exc.spsr >> 21 & 1);
            report("");
            if (exc.esr >> 26 != 0x33)
                break;
            next = exc.elr;
            x0 = exc.x[0];
            x2 = exc.x[2];
            from = exc.spsr | SS;
            // ELR_EL1 and SPSR_EL1 were taken by the step exception itself; the ERET needs its own.
            if (i >= 2)
                break;
        }
        msr(mdscr_el1, 0);
        isb();
    }
    // A fetch that faults, stepped into: pending comes before the fault, active takes the fault.
    u32 away[] = {INSN("br x5")};
    for (unsigned el = 0; el < 2; el++) {
        msr(mdscr_el1, el ? 1 | KDE : 1);
        isb();
        for (u64 s = 0; s < 2; s++)
            for (unsigned odd = 0; odd < 4; odd += 2) {
                exc.in_spsr = (el ? EL1_SPSR : EL0_SPSR) | (s ? SS : 0);
                exc.in_sp = (u64)el0_stack_top;
                u64 to = 0x123400000000 + odd;
                entered(code_at(el, away, 1), 0, 0, 0, 0, 0, to, 0);
                print("branch away ss %d ", s);
                report("");
                exc.in_spsr = (el ? EL1_SPSR : EL0_SPSR) | (s ? SS : 0);
                entered(to, 0, 0, 0, 0, 0, 0, 0);
                print("eret away ss %d after %d ", s, exc.spsr >> 21 & 1);
                // PC alignment comes after a step that is due, and before the fetch's own faults;
                // QEMU fetches first.
                report_spsr = (el ? EL1_SPSR : EL0_SPSR) | (s ? SS : 0);
                if (!s)
                    report_as("", el, ESR(el ? 0x33 : 0x32, 0x22), to, 0);
                else if (odd)
                    report_as("", el, ESR(0x22, 0), to, to);
                else
                    report("");
            }
        msr(mdscr_el1, 0);
        isb();
    }
}

static void illegal_state(void)
{
    u32 code[] = {INSN("nop"), INSN("svc #1")};
    STEPS("il", EL0, code, 1, EL0_SPSR | SS | BIT(20));
    STEPS("il pending", EL0, code, 1, EL0_SPSR | BIT(20));
}

static void breakpoints(void)
{
    u32 code[] = {INSN("brk #0x1234"), INSN("nop"), INSN("svc #1")};
    for (unsigned lock = 0; lock < 2; lock++) {
        msr(oslar_el1, lock);
        isb();
        STEPS("brk el0", EL0, code, 0, EL0_SPSR);
        STEPS("brk el1", EL1, code, 0, EL1_SPSR);
        STEPS("brk el1 with D", EL1, code, 0, 0x3c5);
    }
    msr(oslar_el1, 0);
    isb();
}

void program(void)
{
    msr(oslar_el1, 0);
    isb();
    plain();
    exclusives();
    own_exceptions();
    changes();
    illegal_state();
    breakpoints();
}
