// SPDX-License-Identifier: GPL-3.0-or-later
// PMUv3 (Arm ARM D13): six event counters and the cycle counter.
//
// Everything counted is counted in instructions: one instruction takes one cycle, nothing takes one
// else, and a CPU that waits stands still. So counts are exact and repeatable, whatever engine
// runs, and a counter is a number and the instruction count (vcpu.icount) up to which it holds. It
// is brought up to date when it is read, when what it counts changes, and when the exception level
// does. An instruction that raises an exception of its own counts, one whose access faults does
// not.
//
// An overflow is found when counters are brought up to date. For interrupts the board is asked to
// poke the CPU at about the time, by the rate at which it has executed lately; it may come late (as
// on hardware), but the counter goes on from the overflow, so that nothing is lost.
#include "frontend/pmu.h"

#include "frontend/cpu_models.h"
#include "frontend/sysreg.h"

#define PMCR_E        BIT(0)
#define PMCR_P        BIT(1)
#define PMCR_C        BIT(2)
#define PMCR_X        BIT(4)
#define PMCR_DP       BIT(5)
#define PMCR_LC       BIT(6) // RES1 without AArch32
#define PMCR_WRITABLE (PMCR_E | PMCR_X | PMCR_DP)

#define TYPE_P     BIT(31) // not at EL1
#define TYPE_U     BIT(30) // not at EL0
#define CYCLES_BIT BIT(31)
#define EVENTS     (mask64(PMU_COUNTERS))
#define ALL        (EVENTS | CYCLES_BIT)

enum {
    EVENT_SW_INCR = 0x00,
    EVENT_INST_RETIRED = 0x08,
    EVENT_CPU_CYCLES = 0x11,
    EVENT_CHAIN = 0x1e,
    EVENT_STALL_FRONTEND = 0x23, // never, as the next
    EVENT_STALL_BACKEND = 0x24,
};

enum {
    LOOK_NS_LEAST = 20000,
    LOOK_NS_MOST = 1000000000,
    RATE_USUAL = 16, // 1 instruction a ns
    RATE_MOST = 64,
};

static bool filtered(const struct a64_cpu *cpu, unsigned n)
{
    return cpu->pmu.s.type[n] & (cpu->el ? TYPE_P : TYPE_U);
}

static unsigned event(const struct a64_pmu_state *s, unsigned n)
{
    return (unsigned)(s->type[n] & 0xffff);
}

static bool counts_instructions(const struct a64_pmu_state *s, unsigned n)
{
    return event(s, n) == EVENT_INST_RETIRED || event(s, n) == EVENT_CPU_CYCLES;
}

// Counting ---------------------------------------------------------------------------------------

// An event counter goes on by `by`; an odd one that chains counts its neighbour's overflows.
static void advance(struct a64_cpu *cpu, unsigned n, uint64_t by)
{
    struct a64_pmu_state *s = &cpu->pmu.s;
    uint64_t sum = s->counter[n] + by, over = sum >> 32;
    s->counter[n] = (uint32_t)sum;
    if (likely(!over))
        return;
    s->overflow |= BIT(n);
    unsigned odd = n + 1;
    if (!(n & 1) && s->enabled & BIT(odd) && event(s, odd) == EVENT_CHAIN && !filtered(cpu, odd))
        advance(cpu, odd, over);
}

static void set_line(struct a64_cpu *cpu)
{
    struct a64_pmu *p = &cpu->pmu;
    bool level = p->s.pmcr & PMCR_E && p->s.overflow & p->s.interrupt;
    if (likely(level == p->line))
        return;
    p->line = level;
    if (cpu->board && cpu->board->pmu_irq)
        cpu->board->pmu_irq(cpu->board->opaque, cpu->v.index, level);
}

void a64_pmu_sync(struct a64_cpu *cpu)
{
    struct a64_pmu_state *s = &cpu->pmu.s;
    uint64_t by = cpu->v.icount - s->since;
    s->since = cpu->v.icount;
    if (!cpu->pmu.counting || !by)
        return;
    for (unsigned n = 0; n < PMU_COUNTERS; n++)
        if (s->enabled & BIT(n) && counts_instructions(s, n) && !filtered(cpu, n))
            advance(cpu, n, by);
    if (s->enabled & CYCLES_BIT && !filtered(cpu, PMU_CYCLES)) {
        s->counter[PMU_CYCLES] += by;
        if (s->counter[PMU_CYCLES] < by)
            s->overflow |= CYCLES_BIT;
    }
    set_line(cpu);
}

// Instructions until the next overflow that interrupts, if all of them count.
static uint64_t until_overflow(const struct a64_pmu_state *s)
{
    uint64_t least = UINT64_MAX, wanted = s->enabled & s->interrupt & ~s->overflow;
    for (unsigned n = 0; n < PMU_COUNTERS; n++) {
        uint64_t left = UINT64_MAX;
        if (!(wanted & BIT(n)))
            continue;
        if (counts_instructions(s, n))
            left = BIT(32) - s->counter[n];
        else if (n & 1 && event(s, n) == EVENT_CHAIN && s->enabled & BIT(n - 1) &&
                 counts_instructions(s, n - 1))
            left = ((UINT64_C(0xffffffff) - s->counter[n]) << 32) + (BIT(32) - s->counter[n - 1]);
        least = left < least ? left : least;
    }
    if (wanted & CYCLES_BIT && -s->counter[PMU_CYCLES] < least)
        least = -s->counter[PMU_CYCLES];
    return least;
}

static void ask_board(struct a64_cpu *cpu)
{
    struct a64_pmu *p = &cpu->pmu;
    uint64_t left = until_overflow(&p->s), ns = LOOK_NS_MOST;
    if (!p->counting || left == UINT64_MAX || !cpu->board || !cpu->board->pmu_look_after)
        return;
    if (left < (uint64_t)LOOK_NS_MOST * RATE_MOST / 16)
        ns = left * 16 / p->rate;
    ns = ns < LOOK_NS_LEAST ? LOOK_NS_LEAST : ns > LOOK_NS_MOST ? LOOK_NS_MOST : ns;
    p->armed_at = cpu->v.icount;
    p->armed_ns = ns;
    cpu->board->pmu_look_after(cpu->board->opaque, cpu->v.index, ns);
}

void a64_pmu_look(struct a64_cpu *cpu)
{
    struct a64_pmu *p = &cpu->pmu;
    bool poked = __atomic_exchange_n(&p->poked, false, __ATOMIC_ACQUIRE);
    if (likely(!p->counting && p->line != PMU_LINE_UNKNOWN))
        return;
    a64_pmu_sync(cpu);
    set_line(cpu);
    if (!poked)
        return;
    uint64_t ran = cpu->v.icount - p->armed_at, rate = p->armed_ns ? ran * 16 / p->armed_ns : 0;
    p->rate = rate < 1 ? 1 : rate > RATE_MOST ? RATE_MOST : (uint32_t)rate;
    ask_board(cpu);
}

void a64_pmu_poke(struct a64_cpu *cpu)
{
    __atomic_store_n(&cpu->pmu.poked, true, __ATOMIC_RELEASE);
    vcpu_kick(&cpu->v, EXIT_REQ_INTERRUPT);
}

// After a register was written, with everything counted before it was.
static void changed(struct a64_cpu *cpu)
{
    struct a64_pmu *p = &cpu->pmu;
    p->counting = p->s.pmcr & PMCR_E && p->s.enabled;
    set_line(cpu);
    ask_board(cpu);
}

void a64_pmu_settle(struct a64_cpu *cpu)
{
    struct a64_pmu *p = &cpu->pmu;
    p->counting = p->s.pmcr & PMCR_E && p->s.enabled;
    p->line = PMU_LINE_UNKNOWN;
    p->poked = true;
    p->rate = RATE_USUAL;
    p->armed_at = cpu->v.icount;
    p->armed_ns = 0;
}

void a64_pmu_reset(struct a64_cpu *cpu)
{
    struct a64_pmu *p = &cpu->pmu;
    bool was_up = p->line != 0;
    p->s = (struct a64_pmu_state){.since = cpu->v.icount};
    p->counting = p->poked = false;
    p->rate = RATE_USUAL;
    if (was_up) {
        p->line = PMU_LINE_UNKNOWN;
        vcpu_kick(&cpu->v, EXIT_REQ_INTERRUPT);
    }
}

static uint64_t type_mask(const struct a64_cpu *cpu, unsigned n)
{
    if (n == PMU_CYCLES)
        return TYPE_P | TYPE_U;
    return TYPE_P | TYPE_U | mask64(cpu->lacks & BIT(A64_FEATURE_PMU3P1) ? 10 : 16);
}

bool a64_pmu_valid(const struct a64_cpu *cpu, const struct a64_pmu_state *s, uint64_t icount)
{
    bool ok = !(s->pmcr & ~PMCR_WRITABLE) && !((s->enabled | s->overflow | s->interrupt) & ~ALL) &&
              s->selected < 32 && s->since <= icount;
    for (unsigned n = 0; n <= PMU_COUNTERS; n++)
        ok =
            ok && !(s->type[n] & ~type_mask(cpu, n)) && (n == PMU_CYCLES || !(s->counter[n] >> 32));
    return ok;
}

// Registers --------------------------------------------------------------------------------------

bool pmu_read_pmcr(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value)
{
    *value = cpu->pmu.s.pmcr | PMCR_LC | PMU_COUNTERS << 11 | cpu->model->pmcr;
    return true;
}

bool pmu_write_pmcr(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    struct a64_pmu_state *s = &cpu->pmu.s;
    a64_pmu_sync(cpu);
    s->pmcr = value & PMCR_WRITABLE;
    for (unsigned n = 0; value & PMCR_P && n < PMU_COUNTERS; n++)
        s->counter[n] = 0;
    if (value & PMCR_C)
        s->counter[PMU_CYCLES] = 0;
    changed(cpu);
    return true;
}

// arg: PMU_ENABLED, PMU_OVERFLOW or PMU_INTERRUPT, | PMU_CLEAR
static uint64_t *bit_set(struct a64_cpu *cpu, const struct sysreg *reg)
{
    struct a64_pmu_state *s = &cpu->pmu.s;
    switch (reg->arg & ~(unsigned)PMU_CLEAR) {
    case PMU_ENABLED:
        return &s->enabled;
    case PMU_OVERFLOW:
        return &s->overflow;
    default:
        return &s->interrupt;
    }
}

bool pmu_read_set(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value)
{
    a64_pmu_sync(cpu);
    *value = *bit_set(cpu, reg);
    return true;
}

bool pmu_write_set(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    a64_pmu_sync(cpu);
    if (reg->arg & PMU_CLEAR)
        *bit_set(cpu, reg) &= ~value;
    else
        *bit_set(cpu, reg) |= value & ALL;
    changed(cpu);
    return true;
}

bool pmu_write_swinc(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    struct a64_pmu_state *s = &cpu->pmu.s;
    a64_pmu_sync(cpu);
    for (unsigned n = 0; s->pmcr & PMCR_E && n < PMU_COUNTERS; n++)
        if (value & s->enabled & BIT(n) && event(s, n) == EVENT_SW_INCR && !filtered(cpu, n))
            advance(cpu, n, 1);
    changed(cpu);
    return true;
}

bool pmu_read_selr(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value)
{
    *value = cpu->pmu.s.selected;
    return true;
}

bool pmu_write_selr(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    cpu->pmu.s.selected = value & 31;
    return true;
}

// arg: which half of the common events
bool pmu_read_ceid(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value)
{
    if (reg->arg == 0)
        *value =
            BIT(EVENT_SW_INCR) | BIT(EVENT_INST_RETIRED) | BIT(EVENT_CPU_CYCLES) | BIT(EVENT_CHAIN);
    else
        *value = cpu->lacks & BIT(A64_FEATURE_PMU3P1)
                     ? 0
                     : BIT(EVENT_STALL_FRONTEND - 32) | BIT(EVENT_STALL_BACKEND - 32);
    return true;
}

// The counter that a register is about: its arg, or PMU_SELECTED. PMU_NONE: it reads as zero.
static unsigned counter_of(const struct a64_cpu *cpu, const struct sysreg *reg, bool type)
{
    if (reg->arg != PMU_SELECTED)
        return reg->arg;
    uint64_t n = cpu->pmu.s.selected;
    return n < PMU_COUNTERS ? (unsigned)n : n == 31 && type ? PMU_CYCLES : PMU_NONE;
}

bool pmu_read_counter(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value)
{
    unsigned n = counter_of(cpu, reg, false);
    a64_pmu_sync(cpu);
    *value = n == PMU_NONE ? 0 : cpu->pmu.s.counter[n];
    return true;
}

bool pmu_write_counter(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    unsigned n = counter_of(cpu, reg, false);
    a64_pmu_sync(cpu);
    if (n != PMU_NONE)
        cpu->pmu.s.counter[n] = n == PMU_CYCLES ? value : (uint32_t)value;
    changed(cpu);
    return true;
}

bool pmu_read_type(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value)
{
    unsigned n = counter_of(cpu, reg, true);
    *value = n == PMU_NONE ? 0 : cpu->pmu.s.type[n];
    return true;
}

bool pmu_write_type(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    unsigned n = counter_of(cpu, reg, true);
    a64_pmu_sync(cpu);
    if (n != PMU_NONE)
        cpu->pmu.s.type[n] = value & type_mask(cpu, n);
    changed(cpu);
    return true;
}
