// SPDX-License-Identifier: GPL-3.0-or-later
// Performance monitors: what is counted, to the instruction; filters, overflow, its interrupt.
#include "box.h"

#include "frontend/cpu_state.h"

#define S(op0, op1, crn, crm, op2) ((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))
#define PMCR                       S(3, 3, 9, 12, 0)
#define PMCNTENSET                 S(3, 3, 9, 12, 1)
#define PMCNTENCLR                 S(3, 3, 9, 12, 2)
#define PMOVSCLR                   S(3, 3, 9, 12, 3)
#define PMSWINC                    S(3, 3, 9, 12, 4)
#define PMCCNTR                    S(3, 3, 9, 13, 0)
#define PMINTENSET                 S(3, 0, 9, 14, 1)
#define PMOVSSET                   S(3, 3, 9, 14, 3)
#define PMCCFILTR                  S(3, 3, 14, 15, 7)
#define PMEVCNTR(n)                S(3, 3, 14, 8, n)
#define PMEVTYPER(n)               S(3, 3, 14, 12, n)

#define INST_RETIRED 0x08
#define CPU_CYCLES   0x11
#define CHAIN        0x1e
#define NOT_EL1      0x80000000u
#define NOT_EL0      0x40000000u

static struct box box;

static void setup(void)
{
    box_init(&box);
}

static void teardown(void)
{
    box_fini(&box);
}

TestSuite(pmu, .init = setup, .fini = teardown);

static void set(unsigned id, uint64_t value)
{
    const struct sysreg *reg = a64_sysreg_find(id);
    cr_assert(reg && a64_sysreg_set(box.cpu, reg, value), "%#x", id);
}

static uint64_t get(unsigned id)
{
    uint64_t value = 0;
    const struct sysreg *reg = a64_sysreg_find(id);
    cr_assert(reg && a64_sysreg_get(box.cpu, reg, &value), "%#x", id);
    return value;
}

static void expect(const char *what, uint64_t got, uint64_t want)
{
    cr_expect_eq(got, want, "%s: %#" PRIx64 " not %#" PRIx64, what, got, want);
}

// Counter 0 instructions, 1 cycles, and the cycle counter, all on.
static void start(uint32_t filter)
{
    set(PMEVTYPER(0), INST_RETIRED | filter);
    set(PMEVTYPER(1), CPU_CYCLES | filter);
    set(PMCCFILTR, filter);
    set(PMCNTENSET, 0x80000003);
    set(PMCR, 1);
}

static void run_at(unsigned el, const uint32_t *code, unsigned n)
{
    box_code(&box, CODE, code, n);
    box.cpu->el = (uint8_t)el;
    box.cpu->spsel = 1;
    a64_update_mode(box.cpu);
    box_run(&box, CODE);
}

// From one read to the next, in the middle of straight code: the instructions between, and one.
Test(pmu, straight_code)
{
    uint32_t code[40];
    for (unsigned gap = 0; gap < 30; gap++) {
        unsigned n = 0;
        code[n++] = INSN_NOP;
        code[n++] = INSN_MRS(PMEVCNTR(0), 1);
        for (unsigned k = 0; k < gap; k++)
            code[n++] = INSN_NOP;
        code[n++] = INSN_MRS(PMEVCNTR(0), 2);
        code[n++] = INSN_MRS(PMCCNTR, 3);
        code[n++] = INSN_MRS(PMEVCNTR(1), 4);
        code[n++] = INSN_NOP;
        code[n++] = INSN_WFI;
        start(0);
        run_at(1, code, n);
        const uint64_t *r = box.cpu->v.r;
        expect("instructions", r[2] - r[1], gap + 1);
        expect("cycles", r[3] - r[2], 1);
        expect("cycles, as an event", r[4] - r[3], 1);
        a64_cpu_reset(box.cpu, 0, 0);
        box.cpu->v.r[A64_VBAR_EL1] = VECTORS;
    }
}

// mov x0, #1000; 1: subs x0, x0, #1; b.ne 1b; mrs
Test(pmu, loop)
{
    const uint32_t code[] = {INSN_MRS(PMEVCNTR(0), 1), 0xd2807d00, 0xf1000400, 0x54ffffe1,
                             INSN_MRS(PMEVCNTR(0), 2), INSN_WFI};
    start(0);
    run_at(1, code, ARRAY_SIZE(code));
    expect("instructions", box.cpu->v.r[2] - box.cpu->v.r[1], 1 + 2000 + 1);
}

// Set up by instructions: the one that starts counting is not counted, the one that stops is.
Test(pmu, by_instructions)
{
    const uint32_t code[] = {INSN_MSR(PMEVTYPER(2), 1),
                             INSN_MSR(PMCNTENSET, 2),
                             INSN_MSR(PMCR, 3),
                             INSN_NOP,
                             INSN_NOP,
                             INSN_MSR(PMCNTENCLR, 2),
                             INSN_NOP,
                             INSN_MRS(PMEVCNTR(2), 4),
                             INSN_WFI};
    box.cpu->v.r[1] = INST_RETIRED;
    box.cpu->v.r[2] = 4;
    box.cpu->v.r[3] = 1;
    run_at(1, code, ARRAY_SIZE(code));
    expect("instructions", box.cpu->v.r[4], 3);
}

// EL0 runs six instructions, the SVC among them; the vector's WFI is EL1's.
Test(pmu, filters)
{
    const uint32_t code[] = {INSN_NOP, INSN_NOP, INSN_NOP, INSN_NOP, INSN_NOP, INSN_SVC(1)};
    static const struct {
        uint32_t filter;
        uint64_t want;
    } cases[] = {{0, 7}, {NOT_EL1, 6}, {NOT_EL0, 1}, {NOT_EL0 | NOT_EL1, 0}};
    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
        a64_cpu_reset(box.cpu, 0, 0);
        box.cpu->v.r[A64_VBAR_EL1] = VECTORS;
        box.cpu->el = 0;
        start(cases[n].filter);
        run_at(0, code, ARRAY_SIZE(code));
        expect("instructions", get(PMEVCNTR(0)), cases[n].want);
        expect("cycles", get(PMCCNTR), cases[n].want);
        expect("cycles, as an event", get(PMEVCNTR(1)), cases[n].want);
    }
}

// An access that faults has not been executed, an instruction that raises has.
Test(pmu, exceptions)
{
    const uint32_t load[] = {INSN_NOP, 0xf9400000 /* ldr x0, [x0] */};
    const uint32_t brk[] = {INSN_NOP, INSN_BRK(1)};
    for (unsigned n = 0; n < 2; n++) {
        a64_cpu_reset(box.cpu, 0, 0);
        box.cpu->v.r[A64_VBAR_EL1] = VECTORS;
        start(0);
        box.cpu->v.r[A64_X0] = UINT64_C(1) << 60;
        run_at(1, n ? brk : load, 2);
        expect(n ? "brk" : "fault", get(PMEVCNTR(0)), 1 + n + 1);
    }
}

Test(pmu, stopped_and_reset)
{
    const uint32_t code[] = {INSN_NOP, INSN_NOP, INSN_WFI};
    start(0);
    run_at(1, code, 3);
    set(PMCR, 0);
    run_at(1, code, 3);
    expect("off", get(PMEVCNTR(0)), 3);
    set(PMCR, 1 | 2); // P: events alone
    expect("P", get(PMEVCNTR(0)), 0);
    expect("P", get(PMCCNTR), 3);
    set(PMCR, 1 | 4); // C
    expect("C", get(PMCCNTR), 0);
    set(PMCNTENCLR, 1);
    run_at(1, code, 3);
    expect("disabled", get(PMEVCNTR(0)), 0);
    expect("enabled", get(PMEVCNTR(1)), 3);
    set(PMEVTYPER(0), 0x1234);
    set(PMCNTENSET, 1);
    run_at(1, code, 3);
    expect("an event that is not there", get(PMEVCNTR(0)), 0);
}

Test(pmu, overflow_and_chain)
{
    const uint32_t code[] = {INSN_NOP, INSN_NOP, INSN_NOP, INSN_NOP, INSN_WFI};
    start(0);
    set(PMEVTYPER(2), INST_RETIRED);
    set(PMEVTYPER(3), CHAIN);
    set(PMEVTYPER(5), CHAIN); // its neighbour does not count
    set(PMCNTENSET, 0x2c);
    set(PMEVCNTR(2), 0xfffffffd);
    set(PMEVCNTR(3), 0xffffffff);
    set(PMCCNTR, UINT64_MAX - 1);
    run_at(1, code, 5);
    expect("counter 2", get(PMEVCNTR(2)), 2);
    expect("counter 3", get(PMEVCNTR(3)), 0);
    expect("counter 5", get(PMEVCNTR(5)), 0);
    expect("cycles", get(PMCCNTR), 3);
    expect("PMOVS", get(PMOVSSET), 0x8000000c);
    set(PMOVSCLR, 0x80000004);
    expect("PMOVS", get(PMOVSSET), 8);
    // Beyond 32 bits the cycle counter goes on.
    set(PMCCNTR, 0xffffffff);
    run_at(1, code, 5);
    expect("cycles", get(PMCCNTR), UINT64_C(0x100000004));
    expect("PMOVS", get(PMOVSSET), 8);
}

Test(pmu, software_increment)
{
    set(PMEVTYPER(0), 0);
    set(PMEVTYPER(1), 0);
    set(PMCNTENSET, 1);
    set(PMSWINC, 3);
    expect("off", get(PMEVCNTR(0)), 0);
    set(PMCR, 1);
    set(PMSWINC, 3);
    set(PMSWINC, 0xffffffff);
    expect("enabled", get(PMEVCNTR(0)), 2);
    expect("not enabled", get(PMEVCNTR(1)), 0);
    set(PMEVTYPER(0), NOT_EL1);
    set(PMSWINC, 1);
    expect("filtered", get(PMEVCNTR(0)), 2);
}

// The line is up while an overflow is there, wanted and PMCR.E is set.
Test(pmu, interrupt)
{
    set(PMCNTENSET, 1);
    set(PMCR, 1);
    set(PMEVCNTR(0), 0xffffffff);
    set(PMSWINC, 1);
    expect("overflow", get(PMOVSSET), 1);
    expect("not wanted", box.said.pmu_level, 0);
    set(PMINTENSET, 1);
    expect("wanted", box.said.pmu_level, 1);
    set(PMCR, 0);
    expect("E 0", box.said.pmu_level, 0);
    set(PMCR, 1);
    expect("E 1", box.said.pmu_level, 1);
    set(PMOVSCLR, 1);
    expect("cleared", box.said.pmu_level, 0);
    set(PMOVSSET, 1);
    expect("set", box.said.pmu_level, 1);
    expect("changes", box.said.pmu_irqs, 5);
}

// The board pokes the CPU at about the time; the overflow is found then, or when EL changes.
Test(pmu, overflow_while_running)
{
    const uint32_t code[] = {0xf1000400, 0x54ffffe1, INSN_WFI}; // 1: subs x0, x0, #1; b.ne 1b
    start(0);
    set(PMINTENSET, 1);
    set(PMEVCNTR(0), 0xfff00000);
    cr_expect(box.said.pmu_ns > 500000 && box.said.pmu_ns < 2000000, "%" PRIu64 " ns for 2^20",
              box.said.pmu_ns);
    box.cpu->v.r[A64_X0] = 0x40000;
    run_at(1, code, 3);
    box.said.pmu_ns = 0;
    a64_pmu_poke(box.cpu);
    run_at(1, code + 2, 1);
    expect("half way", box.said.pmu_level, 0);
    cr_expect(box.said.pmu_ns > 0, "asked again");
    box.cpu->v.r[A64_X0] = 0x50000;
    run_at(1, code, 3);
    expect("nobody looked", box.said.pmu_level, 0);
    a64_pmu_poke(box.cpu);
    run_at(1, code + 2, 1);
    expect("over", box.said.pmu_level, 1);
    expect("counter", get(PMEVCNTR(0)), (0x90000 * 2 + 1 + 1 + 1 + 1) - 0x100000);
}

// A saved state carries the counters, and counting goes on.
Test(pmu, state)
{
    const uint32_t code[] = {INSN_NOP, INSN_NOP, INSN_WFI};
    struct a64_state s;
    struct error err = {0};
    start(0);
    run_at(1, code, 3);
    a64_state_get(box.cpu, &s);
    a64_cpu_reset(box.cpu, 0, 0);
    cr_assert(a64_state_set(box.cpu, &s, &err));
    run_at(1, code, 3);
    expect("instructions", get(PMEVCNTR(0)), 6);
    s.pmu.counter[3] = BIT(32);
    cr_expect(!a64_state_set(box.cpu, &s, &err), "a counter of 33 bits");
}
