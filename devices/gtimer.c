// SPDX-License-Identifier: GPL-3.0-or-later
// Generic timer, Arm ARM D11.2. A timer's condition is (count - offset) - CVAL >= 0 in unsigned
// 64-bit arithmetic taken modulo 2^64, that is: count - offset has reached CVAL, until it wraps.
// One clock_timer a comparator sleeps until the condition changes next.
#include "devices/gtimer.h"

#include <assert.h>
#include <libfdt.h>
#include <stdlib.h>

#define STATE_VERSION 1

#define CTL_ENABLE  1u
#define CTL_IMASK   2u
#define CTL_ISTATUS 4u

struct gtimer_state { // of one CPU
    uint64_t cval[GTIMER_TIMERS];
    uint32_t ctl[GTIMER_TIMERS]; // ENABLE and IMASK; ISTATUS follows from the count
    uint32_t reserved;
    uint64_t voff;
};

struct comparator {
    struct gtimer *g;
    unsigned cpu;
    enum gtimer_id id;
    struct clock_timer timer;
    struct irq_line line;
    bool level; // as last told
};

struct gtimer_cpu {
    struct gtimer_state s;
    struct comparator comparator[GTIMER_TIMERS];
};

struct gtimer {
    struct clock *clock;
    unsigned cpus;
    struct gtimer_cpu *cpu;
};

uint64_t gtimer_count(const struct gtimer *g)
{
    return (uint64_t)clock_now(g->clock) / GTIMER_NS_A_TICK;
}

uint64_t gtimer_vcount(const struct gtimer *g, unsigned cpu)
{
    return gtimer_count(g) - g->cpu[cpu].s.voff;
}

static uint64_t offset_of(const struct gtimer_state *s, enum gtimer_id id)
{
    return id == GTIMER_VIRT ? s->voff : 0;
}

// The guest time at which `ticks` more have passed, or CLOCK_NEVER.
static int64_t deadline(uint64_t count, uint64_t ticks)
{
    uint64_t at, ns;
    if (__builtin_add_overflow(count, ticks, &at) ||
        __builtin_mul_overflow(at, (uint64_t)GTIMER_NS_A_TICK, &ns) || ns >= CLOCK_NEVER)
        return CLOCK_NEVER;
    return (int64_t)ns;
}

static void update(struct comparator *c)
{
    const struct gtimer_state *s = &c->g->cpu[c->cpu].s;
    uint32_t ctl = s->ctl[c->id];
    int64_t next = CLOCK_NEVER;
    bool level = false;
    if (ctl & CTL_ENABLE) {
        uint64_t now = gtimer_count(c->g), seen = now - offset_of(s, c->id);
        bool met = seen >= s->cval[c->id];
        level = met && !(ctl & CTL_IMASK);
        // Until it is reached, or until the count wraps and is below again.
        if (met ? seen != 0 : true)
            next = deadline(now, met ? -seen : s->cval[c->id] - seen);
    }
    timer_arm(&c->timer, next);
    if (level != c->level) {
        c->level = level;
        irq_set(&c->line, level);
    }
}

static void fire(void *opaque)
{
    update(opaque);
}

static void update_cpu(struct gtimer *g, unsigned cpu)
{
    for (unsigned id = 0; id < GTIMER_TIMERS; id++)
        update(&g->cpu[cpu].comparator[id]);
}

uint64_t gtimer_read(const struct gtimer *g, unsigned cpu, enum gtimer_id id, enum gtimer_reg reg)
{
    const struct gtimer_state *s = &g->cpu[cpu].s;
    uint64_t seen = gtimer_count(g) - offset_of(s, id);
    switch (reg) {
    case GTIMER_CTL:
        if ((s->ctl[id] & CTL_ENABLE) && seen >= s->cval[id])
            return s->ctl[id] | CTL_ISTATUS;
        return s->ctl[id];
    case GTIMER_CVAL:
        return s->cval[id];
    default:
        return (uint32_t)(s->cval[id] - seen);
    }
}

void gtimer_write(struct gtimer *g, unsigned cpu, enum gtimer_id id, enum gtimer_reg reg,
                  uint64_t value)
{
    struct gtimer_state *s = &g->cpu[cpu].s;
    switch (reg) {
    case GTIMER_CTL:
        s->ctl[id] = value & (CTL_ENABLE | CTL_IMASK);
        break;
    case GTIMER_CVAL:
        s->cval[id] = value;
        break;
    default:
        s->cval[id] = gtimer_count(g) - offset_of(s, id) + (uint64_t)(int64_t)(int32_t)value;
        break;
    }
    update(&g->cpu[cpu].comparator[id]);
}

uint64_t gtimer_offset(const struct gtimer *g, unsigned cpu)
{
    return g->cpu[cpu].s.voff;
}

void gtimer_set_offset(struct gtimer *g, unsigned cpu, uint64_t offset)
{
    g->cpu[cpu].s.voff = offset;
    update_cpu(g, cpu);
}

void gtimer_cpu_reset(struct gtimer *g, unsigned cpu)
{
    g->cpu[cpu].s = (struct gtimer_state){.voff = 0};
    update_cpu(g, cpu);
}

void gtimer_reset(struct gtimer *g)
{
    for (unsigned i = 0; i < g->cpus; i++)
        gtimer_cpu_reset(g, i);
}

void gtimer_save(struct gtimer *g, struct state_writer *w)
{
    for (unsigned i = 0; i < g->cpus; i++)
        state_put(w, "gtimer", STATE_VERSION, &g->cpu[i].s, sizeof g->cpu[i].s);
}

bool gtimer_load(struct gtimer *g, struct state_reader *r, struct error *err)
{
    struct gtimer_state *s = calloc(g->cpus, sizeof *s);
    assert(s);
    bool ok = true;
    for (unsigned i = 0; ok && i < g->cpus; i++) {
        ok = state_get(r, "gtimer", STATE_VERSION, &s[i], sizeof *s, err);
        for (unsigned id = 0; ok && id < GTIMER_TIMERS; id++)
            if (s[i].ctl[id] & ~(CTL_ENABLE | CTL_IMASK))
                ok = error_set(err, "saved state: section \"gtimer\" %u is damaged", i);
    }
    for (unsigned i = 0; ok && i < g->cpus; i++) {
        g->cpu[i].s = s[i];
        update_cpu(g, i);
    }
    free(s);
    return ok;
}

struct gtimer *gtimer_create(struct clock *clock, unsigned cpus, const struct irq_line *lines)
{
    struct gtimer *g = calloc(1, sizeof *g);
    assert(g);
    g->clock = clock;
    g->cpus = cpus;
    g->cpu = calloc(cpus, sizeof *g->cpu);
    assert(g->cpu);
    for (unsigned i = 0; i < cpus; i++) {
        for (unsigned id = 0; id < GTIMER_TIMERS; id++) {
            struct comparator *c = &g->cpu[i].comparator[id];
            *c = (struct comparator){
                .g = g, .cpu = i, .id = (enum gtimer_id)id, .line = lines[i * GTIMER_TIMERS + id]};
            timer_init(&c->timer, clock, fire, c);
        }
    }
    return g;
}

void gtimer_destroy(struct gtimer *g)
{
    if (!g)
        return;
    for (unsigned i = 0; i < g->cpus; i++)
        for (unsigned id = 0; id < GTIMER_TIMERS; id++)
            timer_disarm(&g->cpu[i].comparator[id].timer);
    free(g->cpu);
    free(g);
}

int gtimer_fdt_node(void *fdt, uint32_t ppi_flags)
{
    static const uint32_t ppis[4] = {GTIMER_PPI_SEC, GTIMER_PPI_PHYS, GTIMER_PPI_VIRT,
                                     GTIMER_PPI_HYP};
    fdt32_t irq[12];
    for (unsigned i = 0; i < 4; i++) {
        irq[3 * i] = cpu_to_fdt32(1); // PPI
        irq[3 * i + 1] = cpu_to_fdt32(ppis[i]);
        irq[3 * i + 2] = cpu_to_fdt32(4 | ppi_flags); // level, high
    }
    int e = fdt_begin_node(fdt, "timer");
    e = e ? e : fdt_property(fdt, "compatible", "arm,armv8-timer\0arm,armv7-timer", 32);
    e = e ? e : fdt_property(fdt, "always-on", NULL, 0);
    e = e ? e : fdt_property(fdt, "interrupts", irq, sizeof irq);
    return e ? e : fdt_end_node(fdt);
}
