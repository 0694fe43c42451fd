// SPDX-License-Identifier: GPL-3.0-or-later
// Performance monitors (PMUv3): registers, EL0's access, software increments, overflow and its
// interrupt (PPI 7). QEMU counts no instructions without -icount, and cycles by the host's clock:
// of counts only what holds for both is printed; tests/system/pmu.c has the figures.
#include "gic.h"

#define PMU_INTID 23

static void stop(void)
{
    msr(pmcr_el0, 0x46); // LC, and both resets
    msr(pmcntenclr_el0, 0xffffffff);
    msr(pmintenclr_el1, 0xffffffff);
    msr(pmovsclr_el0, 0xffffffff);
    msr(pmselr_el0, 0);
    msr(pmuserenr_el0, 0);
    isb();
}

static void registers(void)
{
    stop();
    print("PMCR N %d\n", mrs(pmcr_el0) >> 11 & 31);
    msr(pmcntenset_el0, 0xffffffff);
    print("PMCNTEN %x %x\n", mrs(pmcntenset_el0), mrs(pmcntenclr_el0));
    msr(pmcntenclr_el0, 0x80000005);
    print("PMCNTEN %x\n", mrs(pmcntenset_el0));
    msr(pmovsset_el0, 0xffffffff);
    print("PMOVS %x %x\n", mrs(pmovsset_el0), mrs(pmovsclr_el0));
    msr(pmovsclr_el0, 0x3);
    print("PMOVS %x\n", mrs(pmovsset_el0));
    msr(pmintenset_el1, 0xffffffff);
    print("PMINTEN %x %x\n", mrs(pmintenset_el1), mrs(pmintenclr_el1));
    stop();
    msr(pmuserenr_el0, ~0ull);
    print("PMUSERENR %x\n", mrs(pmuserenr_el0));
    stop();
    for (u64 n = 0; n < 32; n++) {
        msr(pmselr_el0, n | 0x100);
        isb();
        msr(pmxevtyper_el0, 0xc0000123 + n);
        msr(pmxevcntr_el0, 0x12345678 + n);
        print("sel %d: %x type %x counter %x\n", n, mrs(pmselr_el0), mrs(pmxevtyper_el0),
              mrs(pmxevcntr_el0));
    }
    print("PMEVTYPER3 %x PMEVCNTR3 %x PMCCFILTR %x\n", mrs(pmevtyper3_el0), mrs(pmevcntr3_el0),
          mrs(pmccfiltr_el0));
    msr(pmevtyper5_el0, 0x80000008);
    msr(pmevcntr5_el0, 0xffffffff55555555);
    // Event counters are 32 bits wide; QEMU's are 64.
    print("PMEVTYPER5 %x PMEVCNTR5 %x\n", mrs(pmevtyper5_el0), mrs(pmevcntr5_el0) & 0xffffffff);
    msr(pmccntr_el0, 0xfedcba9876543210);
    print("PMCCNTR %x\n", mrs(pmccntr_el0));
    msr(pmcr_el0, 0x42); // P
    print("P: PMEVCNTR5 %x PMCCNTR %x\n", mrs(pmevcntr5_el0), mrs(pmccntr_el0));
    msr(pmcr_el0, 0x44); // C
    print("C: PMCCNTR %x PMCR %x\n", mrs(pmccntr_el0), mrs(pmcr_el0) & 0x7f);
    for (unsigned n = 0; n < 6; n++) {
        msr(pmselr_el0, n);
        isb();
        msr(pmxevtyper_el0, 0);
    }
    msr(pmccfiltr_el0, 0);
    stop();
}

static void access(void)
{
    u32 insn[] = {INSN("mrs x0, pmcr_el0"),        INSN("msr pmcr_el0, x0"),
                  INSN("mrs x0, pmcntenset_el0"),  INSN("msr pmcntenclr_el0, x0"),
                  INSN("mrs x0, pmovsclr_el0"),    INSN("msr pmovsset_el0, xzr"),
                  INSN("msr pmswinc_el0, xzr"),    INSN("mrs x0, pmselr_el0"),
                  INSN("msr pmselr_el0, xzr"),     INSN("mrs x0, pmceid0_el0"),
                  INSN("mrs x0, pmceid1_el0"),     INSN("mrs x0, pmccntr_el0"),
                  INSN("msr pmccntr_el0, xzr"),    INSN("mrs x0, pmxevtyper_el0"),
                  INSN("msr pmxevtyper_el0, xzr"), INSN("mrs x0, pmxevcntr_el0"),
                  INSN("msr pmxevcntr_el0, xzr"),  INSN("mrs x0, pmuserenr_el0"),
                  INSN("msr pmuserenr_el0, xzr"),  INSN("mrs x0, pmintenset_el1"),
                  INSN("msr pmintenclr_el1, xzr"), INSN("mrs x0, pmevcntr2_el0"),
                  INSN("msr pmevcntr2_el0, xzr"),  INSN("mrs x0, pmevtyper2_el0"),
                  INSN("msr pmevtyper2_el0, xzr"), INSN("mrs x0, pmccfiltr_el0"),
                  INSN("msr pmccfiltr_el0, xzr"),  INSN("msr pmceid0_el0, x0"),
                  INSN("mrs x0, pmswinc_el0"),     INSN("mrs x0, pmevcntr6_el0"),
                  INSN("msr pmevtyper30_el0, x0")};
    for (u64 enable = 0; enable < 16; enable++)
        for (unsigned n = 0; n < ARRAY_SIZE(insn); n++) {
            msr(pmuserenr_el0, enable);
            isb();
            run(EL0, insn[n], 0, 0, 0, 0);
            print("PMUSERENR %x insn %d ", enable, n);
            report("");
        }
    for (unsigned n = 0; n < ARRAY_SIZE(insn); n++) {
        run(EL1, insn[n], 0, 0, 0, 0);
        print("EL1 insn %d ", n);
        report("");
    }
    stop();
}

// P and U of software increments, at both levels.
static void increments(void)
{
    u32 inc = INSN("msr pmswinc_el0, x0");
    for (u64 filter = 0; filter < 4; filter++) {
        stop();
        msr(pmevtyper0_el0, filter << 30);
        msr(pmevtyper4_el0, filter << 30);
        msr(pmcntenset_el0, 0x11);
        msr(pmcr_el0, 0x41);
        msr(pmuserenr_el0, 2);
        isb();
        for (unsigned el = 0; el < 2; el++) {
            run(el, inc, 0x3f, 0, 0, 0);
            run(el, inc, 0x10, 0, 0, 0);
            print("filter %d after EL%d: %x %x %x\n", filter, el, mrs(pmevcntr0_el0),
                  mrs(pmevcntr1_el0), mrs(pmevcntr4_el0));
        }
    }
    stop();
    msr(pmevtyper0_el0, 0);
    msr(pmevtyper4_el0, 0);
    msr(pmcntenset_el0, 1);
    msr(pmswinc_el0, 1);
    print("disabled %x\n", mrs(pmevcntr0_el0));
    msr(pmevcntr0_el0, 0xffffffff);
    msr(pmcr_el0, 0x41);
    isb();
    msr(pmswinc_el0, 1);
    print("overflow %x PMOVS %x\n", mrs(pmevcntr0_el0) & 0xffffffff, mrs(pmovsset_el0));
    stop();
}

static u64 seen;

void irq_handler(u64 vector, u64 *frame)
{
    u64 intid = mrs(icc_iar1_el1);
    seen = intid << 32 | mrs(pmovsset_el0);
    msr(pmovsclr_el0, 0xffffffff);
    isb();
    msr(icc_eoir1_el1, intid);
    isb();
}

static void show(const char *what)
{
    seen = 0;
    gic_window();
    // QEMU forgets the interrupt when PMCR_EL0.E is set.
    if (what[2] == '1')
        arm_says("E 1: interrupt 23 PMOVS 1 pending 0");
    print("%s: interrupt %d PMOVS %x pending %d\n", (u64)what, seen >> 32, seen & 0xffffffff,
          gic_get(ISPENDR, PMU_INTID));
}

static void interrupts(void)
{
    stop();
    gic_reset();
    gic_write(gic_bits(IGROUPR, PMU_INTID), 1u << PMU_INTID);
    gic_set(ISENABLER, PMU_INTID);
    msr(pmcntenset_el0, 1);
    msr(pmcr_el0, 0x41);
    isb();
    show("nothing");
    msr(pmovsset_el0, 1);
    show("not enabled");
    msr(pmintenset_el1, 1);
    show("enabled");
    show("again");
    msr(pmcr_el0, 0x40);
    msr(pmovsset_el0, 1);
    show("E 0");
    msr(pmcr_el0, 0x41);
    show("E 1");
    msr(pmevcntr0_el0, 0xffffffff);
    isb();
    msr(pmswinc_el0, 1);
    show("increment");
    msr(pmintenset_el1, 0x80000000);
    msr(pmovsset_el0, 0x80000000);
    show("cycles");
    msr(pmovsset_el0, 1);
    msr(pmintenclr_el1, 1);
    show("taken back");
    stop();
}

// Cycles go on in a loop at either level, unless filtered.
static void cycles(void)
{
    u32 loop[] = {INSN("subs x0, x0, #1"), INSN("b.ne .-4")};
    for (u64 filter = 0; filter < 4; filter++)
        for (unsigned el = 0; el < 2; el++) {
            stop();
            msr(pmccfiltr_el0, filter << 30);
            msr(pmcntenset_el0, 0x80000000);
            msr(pmcr_el0, 0x41);
            isb();
            u64 before = mrs(pmccntr_el0);
            run_n(el, loop, 2, 200000, 0, 0, 0);
            bool went = mrs(pmccntr_el0) - before > 100000;
            // At EL0 filtered for EL0 there is EL1 around it, and the other way round.
            print("filter %d EL%d: %s\n", filter, el, (u64)(went ? "counts" : "few"));
        }
    stop();
    msr(pmccfiltr_el0, 0);
    u64 before = mrs(pmccntr_el0);
    print("stopped: %x\n", mrs(pmccntr_el0) - before);
}

// An overflow while the code runs interrupts it.
static void overflow(void)
{
    stop();
    msr(pmcntenset_el0, 0x80000000);
    msr(pmintenset_el1, 0x80000000);
    msr(pmccntr_el0, -300000ull);
    msr(pmcr_el0, 0x41);
    isb();
    seen = 0;
    asm volatile("msr daifclr, #3" ::: "memory");
    for (unsigned n = 0; n < 2000000000 && !*(volatile u64 *)&seen; n++)
        ;
    asm volatile("msr daifset, #3" ::: "memory");
    print("overflow: interrupt %d PMOVS %x\n", seen >> 32, seen & 0xffffffff);
    stop();
}

void program(void)
{
    registers();
    access();
    increments();
    interrupts();
    cycles();
    overflow();
}
