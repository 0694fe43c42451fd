// SPDX-License-Identifier: GPL-3.0-or-later
// What the board does for a CPU (clock, timers, interrupt controller, PSCI) is done once, for the
// compiled region; the interpreter that repeats it is given the same answers.
#include "machine/accel_verify.h"

#include "jit/verify.h"

#include <stdlib.h>

// What of the board is asked; the number beside it (CPU, register) is in `arg`.
enum request {
    ICC_READ = 1,
    ICC_WRITE,
    TIMER_READ,
    TIMER_WRITE,
    COUNTER,
    SYSTEM_OFF,
    SYSTEM_RESET,
    CPU_ON,
    AFFINITY_INFO,
    PMU_IRQ,
    PMU_LOOK_AFTER,
};

struct board_log {
    struct machine *m;
    struct a64_board board; // the real one
};

static struct vcpu *cpu_of(const struct board_log *b, unsigned cpu)
{
    return &b->m->cpus[cpu]->v;
}

static bool log_icc_read(void *opaque, unsigned cpu, unsigned reg, uint64_t *value)
{
    struct board_log *b = opaque;
    if (verify_outside(cpu_of(b, cpu), ICC_READ, reg, value))
        return true;
    bool ok = b->board.icc_read(b->board.opaque, cpu, reg, value);
    if (ok) // else the instruction is not among those that are repeated
        verify_outside_done(cpu_of(b, cpu), ICC_READ, reg, *value);
    return ok;
}

static bool log_icc_write(void *opaque, unsigned cpu, unsigned reg, uint64_t value)
{
    struct board_log *b = opaque;
    uint64_t ignored;
    if (verify_outside(cpu_of(b, cpu), ICC_WRITE, (uint64_t)reg << 32 ^ value, &ignored))
        return true;
    bool ok = b->board.icc_write(b->board.opaque, cpu, reg, value);
    if (ok)
        verify_outside_done(cpu_of(b, cpu), ICC_WRITE, (uint64_t)reg << 32 ^ value, 0);
    return ok;
}

static uint64_t log_timer_read(void *opaque, unsigned cpu, unsigned which, unsigned reg)
{
    struct board_log *b = opaque;
    uint64_t value, arg = which << 8 | reg;
    if (!verify_outside(cpu_of(b, cpu), TIMER_READ, arg, &value)) {
        value = b->board.timer_read(b->board.opaque, cpu, which, reg);
        verify_outside_done(cpu_of(b, cpu), TIMER_READ, arg, value);
    }
    return value;
}

static void log_timer_write(void *opaque, unsigned cpu, unsigned which, unsigned reg, uint64_t value)
{
    struct board_log *b = opaque;
    uint64_t ignored, arg = (uint64_t)(which << 8 | reg) << 48 ^ value;
    if (verify_outside(cpu_of(b, cpu), TIMER_WRITE, arg, &ignored))
        return;
    b->board.timer_write(b->board.opaque, cpu, which, reg, value);
    verify_outside_done(cpu_of(b, cpu), TIMER_WRITE, arg, 0);
}

static uint64_t log_counter(void *opaque, unsigned cpu, unsigned which)
{
    struct board_log *b = opaque;
    uint64_t value;
    if (!verify_outside(cpu_of(b, cpu), COUNTER, which, &value)) {
        value = b->board.counter(b->board.opaque, cpu, which);
        verify_outside_done(cpu_of(b, cpu), COUNTER, which, value);
    }
    return value;
}

static void log_pmu_irq(void *opaque, unsigned cpu, bool level)
{
    struct board_log *b = opaque;
    uint64_t ignored;
    if (verify_outside(cpu_of(b, cpu), PMU_IRQ, level, &ignored))
        return;
    b->board.pmu_irq(b->board.opaque, cpu, level);
    verify_outside_done(cpu_of(b, cpu), PMU_IRQ, level, 0);
}

static void log_pmu_look_after(void *opaque, unsigned cpu, uint64_t ns)
{
    struct board_log *b = opaque;
    uint64_t ignored;
    if (verify_outside(cpu_of(b, cpu), PMU_LOOK_AFTER, ns, &ignored))
        return;
    b->board.pmu_look_after(b->board.opaque, cpu, ns);
    verify_outside_done(cpu_of(b, cpu), PMU_LOOK_AFTER, ns, 0);
}

// PSCI. Who calls is not told; it is the CPU whose thread runs this, and there it is the one that
// is being verified.
static struct vcpu *caller(const struct board_log *b)
{
    for (unsigned n = 0; n < b->m->nr_cpus; n++)
        if (pthread_equal(b->m->threads[n].thread, pthread_self()))
            return cpu_of(b, n);
    return cpu_of(b, 0);
}

static void log_system_off(void *opaque)
{
    struct board_log *b = opaque;
    uint64_t ignored;
    if (verify_outside(caller(b), SYSTEM_OFF, 0, &ignored))
        return;
    b->board.system_off(b->board.opaque);
    verify_outside_done(caller(b), SYSTEM_OFF, 0, 0);
}

static void log_system_reset(void *opaque)
{
    struct board_log *b = opaque;
    uint64_t ignored;
    if (verify_outside(caller(b), SYSTEM_RESET, 0, &ignored))
        return;
    b->board.system_reset(b->board.opaque);
    verify_outside_done(caller(b), SYSTEM_RESET, 0, 0);
}

static int64_t log_cpu_on(void *opaque, uint64_t mpidr, uint64_t entry, uint64_t context)
{
    struct board_log *b = opaque;
    uint64_t value;
    if (!verify_outside(caller(b), CPU_ON, mpidr ^ entry ^ context, &value)) {
        value = (uint64_t)b->board.cpu_on(b->board.opaque, mpidr, entry, context);
        verify_outside_done(caller(b), CPU_ON, mpidr ^ entry ^ context, value);
    }
    return (int64_t)value;
}

static int64_t log_affinity_info(void *opaque, uint64_t mpidr, uint64_t level)
{
    struct board_log *b = opaque;
    uint64_t value;
    if (!verify_outside(caller(b), AFFINITY_INFO, mpidr ^ level, &value)) {
        value = (uint64_t)b->board.affinity_info(b->board.opaque, mpidr, level);
        verify_outside_done(caller(b), AFFINITY_INFO, mpidr ^ level, value);
    }
    return (int64_t)value;
}

// The guest goes no further than the region that differs.
static void failed(void *opaque)
{
    struct machine *m = opaque;
    for (unsigned n = 0; n < m->nr_cpus; n++)
        vcpu_thread_ask_stop(&m->threads[n]);
    machine_request(m, MACHINE_QUIT);
}

struct board_log *accel_verify_start(struct machine *m)
{
    struct board_log *b = malloc(sizeof *b);
    assert(b);
    *b = (struct board_log){ .m = m, .board = m->board };
    // What the board lacks it goes on lacking.
#define LOGGED(name) m->board.name = m->board.name ? log_##name : NULL
    m->board.opaque = b;
    LOGGED(icc_read);
    LOGGED(icc_write);
    LOGGED(timer_read);
    LOGGED(timer_write);
    LOGGED(counter);
    LOGGED(system_off);
    LOGGED(system_reset);
    LOGGED(cpu_on);
    LOGGED(affinity_info);
    LOGGED(pmu_irq);
    LOGGED(pmu_look_after);
    m->board.event = NULL; // nobody to tell: one CPU is verified
    const struct config_machine_props *p = &m->config->machine;
    struct verify_options options = { .how = (enum verify_how)p->verify_how, .every = (unsigned)p->verify_every,
                                      .failed = failed, .opaque = m };
    verify_init(&m->jit, &options);
    return b;
}

void accel_verify_stop(struct machine *m, struct board_log *b)
{
    if (!b)
        return;
    m->board = b->board;
    verify_fini(&m->jit);
    free(b);
}

bool accel_verify_differed(const struct machine *m)
{
    return verify_counts(&m->jit).differences;
}
