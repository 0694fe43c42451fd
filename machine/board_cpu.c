// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/board_cpu.h"

#include "base/bits.h"
#include "devices/char/terminal.h"
#include "devices/gic.h"
#include "devices/gtimer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

_Static_assert((int)A64_TIMER_PHYS == (int)GTIMER_PHYS && (int)A64_TIMER_VIRT == (int)GTIMER_VIRT,
               "timers have one numbering");
_Static_assert((int)A64_TIMER_CTL == (int)GTIMER_CTL && (int)A64_TIMER_CVAL == (int)GTIMER_CVAL &&
                   (int)A64_TIMER_TVAL == (int)GTIMER_TVAL,
               "so have their registers");

// GIC CPU interface. All its registers are (3, 0, 12, CRm, op2) but PMR, which is (3, 0, 4, 6, 0).

// 1 + enum gic_icc_reg by CRm and op2; 0 where there is none.
static const uint8_t icc_regs[16][8] = {
    [8] = {[0] = 1 + GIC_ICC_IAR0,
           [1] = 1 + GIC_ICC_EOIR0,
           [2] = 1 + GIC_ICC_HPPIR0,
           [3] = 1 + GIC_ICC_BPR0,
           [4] = 1 + GIC_ICC_AP0R0},
    [9] = {[0] = 1 + GIC_ICC_AP1R0},
    [11] = {[1] = 1 + GIC_ICC_DIR,
            [3] = 1 + GIC_ICC_RPR,
            [5] = 1 + GIC_ICC_SGI1R,
            [6] = 1 + GIC_ICC_ASGI1R,
            [7] = 1 + GIC_ICC_SGI0R},
    [12] = {[0] = 1 + GIC_ICC_IAR1,
            [1] = 1 + GIC_ICC_EOIR1,
            [2] = 1 + GIC_ICC_HPPIR1,
            [3] = 1 + GIC_ICC_BPR1,
            [4] = 1 + GIC_ICC_CTLR,
            [5] = 1 + GIC_ICC_SRE,
            [6] = 1 + GIC_ICC_IGRPEN0,
            [7] = 1 + GIC_ICC_IGRPEN1},
};

static bool icc_reg(unsigned reg, enum gic_icc_reg *out)
{
    if (reg == a64_sysreg_id(3, 0, 4, 6, 0)) {
        *out = GIC_ICC_PMR;
        return true;
    }
    unsigned crm = bits64(reg, 3, 4), op2 = bits64(reg, 0, 3), n = icc_regs[crm][op2];
    if (!n || reg != a64_sysreg_id(3, 0, 12, crm, op2))
        return false;
    *out = (enum gic_icc_reg)(n - 1);
    return true;
}

static bool icc_read(void *opaque, unsigned cpu, unsigned reg, uint64_t *value)
{
    struct board_cpu *b = opaque;
    enum gic_icc_reg r;
    if (!icc_reg(reg, &r))
        return false;
    mutex_lock(&b->m->lock);
    *value = gic_icc_read(b->gic, cpu, r);
    mutex_unlock(&b->m->lock);
    return true;
}

static bool icc_write(void *opaque, unsigned cpu, unsigned reg, uint64_t value)
{
    struct board_cpu *b = opaque;
    enum gic_icc_reg r;
    if (!icc_reg(reg, &r))
        return false;
    mutex_lock(&b->m->lock);
    gic_icc_write(b->gic, cpu, r, value);
    mutex_unlock(&b->m->lock);
    return true;
}

// Generic timers

static uint64_t timer_read(void *opaque, unsigned cpu, unsigned which, unsigned reg)
{
    struct board_cpu *b = opaque;
    mutex_lock(&b->m->lock);
    uint64_t v = gtimer_read(b->gtimer, cpu, which, reg);
    mutex_unlock(&b->m->lock);
    return v;
}

static void timer_write(void *opaque, unsigned cpu, unsigned which, unsigned reg, uint64_t value)
{
    struct board_cpu *b = opaque;
    mutex_lock(&b->m->lock);
    gtimer_write(b->gtimer, cpu, which, reg, value);
    mutex_unlock(&b->m->lock);
}

static uint64_t counter(void *opaque, unsigned cpu, unsigned which)
{
    const struct board_cpu *b = opaque;
    return which == A64_TIMER_PHYS ? gtimer_count(b->gtimer) : gtimer_vcount(b->gtimer, cpu);
}

// Performance monitors

static void pmu_irq(void *opaque, unsigned cpu, bool level)
{
    struct board_cpu *b = opaque;
    struct irq_line line = gic_ppi_line(b->gic, cpu, BOARD_PPI_PMU);
    mutex_lock(&b->m->lock);
    irq_set(&line, level);
    mutex_unlock(&b->m->lock);
}

static void pmu_look_after(void *opaque, unsigned cpu, uint64_t ns)
{
    struct board_cpu *b = opaque;
    timer_arm(&b->pmu_timers[cpu], clock_now(&b->m->clock) + (int64_t)ns);
}

static void pmu_fire(void *opaque)
{
    a64_pmu_poke(*(struct a64_cpu **)opaque);
}

// PSCI. The calling CPU must not run on, whatever interrupt comes before the machine's thread acts.

enum { PSCI_SUCCESS = 0, PSCI_INVALID_PARAMETERS = -2, PSCI_ALREADY_ON = -4 };
enum { AFFINITY_ON = 0, AFFINITY_OFF = 1 };

static void system_request(struct board_cpu *b, enum machine_request what)
{
    for (unsigned n = 0; n < b->m->nr_cpus; n++)
        vcpu_thread_ask_stop(&b->m->threads[n]);
    machine_request(b->m, what);
}

static void system_off(void *opaque)
{
    system_request(opaque, MACHINE_POWER_OFF);
}

static void system_reset(void *opaque)
{
    system_request(opaque, MACHINE_RESET);
}

static struct vcpu_thread *find_cpu(const struct board_cpu *b, uint64_t mpidr)
{
    for (unsigned n = 0; n < b->m->nr_cpus; n++)
        if (gic_affinity(n) == mpidr)
            return &b->m->threads[n];
    return NULL;
}

// The machine lock decides between two that want to switch on the same CPU.
static int64_t cpu_on(void *opaque, uint64_t mpidr, uint64_t entry, uint64_t context)
{
    struct board_cpu *b = opaque;
    struct vcpu_thread *t = find_cpu(b, mpidr);
    if (!t)
        return PSCI_INVALID_PARAMETERS;
    mutex_lock(&b->m->lock);
    bool done = vcpu_thread_power_on(t, entry, context);
    mutex_unlock(&b->m->lock);
    return done ? PSCI_SUCCESS : PSCI_ALREADY_ON;
}

static int64_t affinity_info(void *opaque, uint64_t mpidr, uint64_t level)
{
    const struct vcpu_thread *t = find_cpu(opaque, mpidr);
    if (level || !t)
        return PSCI_INVALID_PARAMETERS;
    return __atomic_load_n(&t->cpu->off, __ATOMIC_ACQUIRE) ? AFFINITY_OFF : AFFINITY_ON;
}

static void event(void *opaque)
{
    struct board_cpu *b = opaque;
    for (unsigned n = 0; n < b->m->nr_cpus; n++)
        if (__atomic_load_n(&b->m->threads[n].asleep, __ATOMIC_SEQ_CST))
            vcpu_thread_look(&b->m->threads[n]);
}

// Semihosting. Its text goes to stderr, as QEMU's does.

static void semihost_write(void *opaque, const char *data, size_t len)
{
    fwrite(data, 1, len, stderr);
    terminal_wrote(data, len);
}

static void semihost_exit(void *opaque, int status)
{
    struct board_cpu *b = opaque;
    machine_exit(b->m, status);
}

void board_cpu_init(struct board_cpu *b)
{
    b->m->board = (struct a64_board){
        .opaque = b,
        .timer_read = timer_read,
        .timer_write = timer_write,
        .counter = counter,
        .pmu_irq = pmu_irq,
        .pmu_look_after = pmu_look_after,
        .system_off = system_off,
        .system_reset = system_reset,
        .cpu_on = cpu_on,
        .affinity_info = affinity_info,
        .event = event,
    };
    if (b->m->config->machine.gic_version == 3) {
        b->m->board.icc_read = icc_read;
        b->m->board.icc_write = icc_write;
    }
    if (b->m->config->semihosting) {
        b->m->board.semihost_write = semihost_write;
        b->m->board.semihost_exit = semihost_exit;
    }
    b->pmu_timers = calloc(b->m->nr_cpus, sizeof *b->pmu_timers);
    assert(b->pmu_timers);
    for (unsigned n = 0; n < b->m->nr_cpus; n++)
        timer_init(&b->pmu_timers[n], &b->m->clock, pmu_fire, &b->m->cpus[n]);
}

void board_cpu_fini(struct board_cpu *b)
{
    for (unsigned n = 0; b->pmu_timers && n < b->m->nr_cpus; n++)
        timer_disarm(&b->pmu_timers[n]);
    free(b->pmu_timers);
    b->pmu_timers = NULL;
}
