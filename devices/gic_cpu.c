// SPDX-License-Identifier: GPL-3.0-or-later
// GICv3 CPU interface: the ICC_*_EL1 registers' meanings, Arm IHI 0069 4.7-4.8 and 12.2.
// 5 priority and preemption bits, so one active-priorities word a group; priorities are not
// shifted since there is one security state; PMHE, SEIS, RSS are not there.
#include "devices/gic_state.h"

// A3V, 24-bit INTIDs, 5 priority bits.
#define ICC_CTLR_FIXED (BIT(15) | 1 << 11 | 4 << 8)

// Bit n of an active-priorities word stands for group priority n << 3.
static unsigned lowest_active(uint32_t apr)
{
    return apr ? ctz64(apr) << 3 : GIC_PRIO_IDLE;
}

static unsigned running_priority(const struct gic_cpu_state *s)
{
    return lowest_active(s->apr[0] | s->apr[1]);
}

// The bits of a priority that decide preemption in a group. Group 1's binary point counts one
// further, unless the common one (group 0's) is used.
static unsigned preemption_mask(const struct gic_cpu_state *s, unsigned group)
{
    bool own = group == 1 && !(s->ctlr & ICC_CTLR_CBPR);
    return ~0u << (own ? s->bpr[1] : s->bpr[0] + 1);
}

bool gic_cpu_signals(const struct gic_cpu *c)
{
    if (c->best.intid == GIC_SPURIOUS || c->best.prio >= c->s.pmr)
        return false;
    unsigned running = running_priority(&c->s);
    unsigned mask = preemption_mask(&c->s, c->best.group);
    return running == GIC_PRIO_IDLE || (c->best.prio & mask) < (running & mask);
}

static uint64_t acknowledge(struct gic *g, unsigned cpu, unsigned group)
{
    struct gic_cpu *c = &g->cpu[cpu];
    if (!gic_cpu_signals(c) || c->best.group != group)
        return GIC_SPURIOUS;
    unsigned intid = c->best.intid;
    struct gic_bank *b = gic_bank(g, cpu, intid);
    uint32_t bit = 1u << intid % 32;
    b->latch &= ~bit;
    b->active |= bit;
    c->s.apr[group] |= 1u << ((c->best.prio & preemption_mask(&c->s, group) & 0xff) >> 3);
    gic_update_intid(g, cpu, intid);
    gic_update_cpu(g, cpu);
    return intid;
}

static void deactivate(struct gic *g, unsigned cpu, unsigned intid)
{
    gic_bank(g, cpu, intid)->active &= ~(1u << intid % 32);
    gic_update_intid(g, cpu, intid);
}

static void end_of_interrupt(struct gic *g, unsigned cpu, unsigned group, uint64_t value)
{
    struct gic_cpu_state *s = &g->cpu[cpu].s;
    unsigned intid = value & 0xffffff;
    if (intid >= GIC_INTIDS)
        return;
    // The priority that drops is the running one; it must be of the register's own group.
    if (lowest_active(s->apr[group]) != running_priority(s) || !s->apr[group])
        return;
    s->apr[group] &= s->apr[group] - 1;
    if (!(s->ctlr & ICC_CTLR_EOIMODE))
        deactivate(g, cpu, intid);
    gic_update_cpu(g, cpu);
}

static void deactivate_register(struct gic *g, unsigned cpu, uint64_t value)
{
    unsigned intid = value & 0xffffff;
    if (intid < GIC_INTIDS && (g->cpu[cpu].s.ctlr & ICC_CTLR_EOIMODE))
        deactivate(g, cpu, intid);
}

static void send_sgi(struct gic *g, unsigned cpu, unsigned intid, unsigned group)
{
    struct gic_bank *b = &g->cpu[cpu].s.bank;
    if ((b->group >> intid & 1) != group)
        return;
    b->latch |= 1u << intid;
    gic_update_cpu(g, cpu);
}

// A write to one of the SGI registers: to all others, or to a list of 16 in one Aff1 cluster.
static void generate_sgi(struct gic *g, unsigned self, unsigned group, uint64_t value)
{
    unsigned intid = bits64(value, 24, 4), list = value & 0xffff;
    uint64_t aff1 = bits64(value, 16, 8);
    if (value & BIT(40)) {
        for (unsigned i = 0; i < g->cpus; i++)
            if (i != self)
                send_sgi(g, i, intid, group);
        return;
    }
    // Aff3, Aff2 and the range selector: nobody lives there.
    if (bits64(value, 48, 8) || bits64(value, 32, 8) || bits64(value, 44, 4))
        return;
    for (; list; list &= list - 1) {
        uint64_t cpu = aff1 * 16 + ctz64(list);
        if (cpu < g->cpus)
            send_sgi(g, (unsigned)cpu, intid, group);
    }
}

static uint64_t highest_pending(const struct gic_cpu *c, unsigned group)
{
    return c->best.intid != GIC_SPURIOUS && c->best.group == group ? c->best.intid : GIC_SPURIOUS;
}

static uint64_t read_bpr1(const struct gic_cpu_state *s)
{
    if (!(s->ctlr & ICC_CTLR_CBPR))
        return s->bpr[1];
    return s->bpr[0] < 7 ? s->bpr[0] + 1 : 7;
}

uint64_t gic_icc_read(struct gic *g, unsigned cpu, enum gic_icc_reg reg)
{
    struct gic_cpu *c = &g->cpu[cpu];
    switch (reg) {
    case GIC_ICC_PMR:
        return c->s.pmr;
    case GIC_ICC_IAR0:
        return acknowledge(g, cpu, 0);
    case GIC_ICC_IAR1:
        return acknowledge(g, cpu, 1);
    case GIC_ICC_HPPIR0:
        return highest_pending(c, 0);
    case GIC_ICC_HPPIR1:
        return highest_pending(c, 1);
    case GIC_ICC_BPR0:
        return c->s.bpr[0];
    case GIC_ICC_BPR1:
        return read_bpr1(&c->s);
    case GIC_ICC_AP0R0:
        return c->s.apr[0];
    case GIC_ICC_AP1R0:
        return c->s.apr[1];
    case GIC_ICC_RPR:
        return running_priority(&c->s);
    case GIC_ICC_CTLR:
        return c->s.ctlr | ICC_CTLR_FIXED;
    case GIC_ICC_SRE:
        return 7; // system registers only, no bypass
    case GIC_ICC_IGRPEN0:
        return c->s.igrpen[0];
    case GIC_ICC_IGRPEN1:
        return c->s.igrpen[1];
    default:
        return 0;
    }
}

static uint32_t at_least(uint64_t value, uint32_t min)
{
    return value < min ? min : (uint32_t)value;
}

void gic_icc_write(struct gic *g, unsigned cpu, enum gic_icc_reg reg, uint64_t value)
{
    struct gic_cpu_state *s = &g->cpu[cpu].s;
    switch (reg) {
    case GIC_ICC_PMR:
        s->pmr = value & GIC_PRIO_MASK;
        break;
    case GIC_ICC_EOIR0:
        end_of_interrupt(g, cpu, 0, value);
        return;
    case GIC_ICC_EOIR1:
        end_of_interrupt(g, cpu, 1, value);
        return;
    case GIC_ICC_DIR:
        deactivate_register(g, cpu, value);
        return;
    case GIC_ICC_BPR0:
        s->bpr[0] = at_least(value & 7, GIC_MIN_BPR0);
        break;
    case GIC_ICC_BPR1:
        if (!(s->ctlr & ICC_CTLR_CBPR))
            s->bpr[1] = at_least(value & 7, GIC_MIN_BPR1);
        break;
    case GIC_ICC_AP0R0:
        s->apr[0] = (uint32_t)value;
        break;
    case GIC_ICC_AP1R0:
        s->apr[1] = (uint32_t)value;
        break;
    case GIC_ICC_SGI0R:
    case GIC_ICC_ASGI1R: // "the other security state's" group 1 is group 0 here
        generate_sgi(g, cpu, 0, value);
        return;
    case GIC_ICC_SGI1R:
        generate_sgi(g, cpu, 1, value);
        return;
    case GIC_ICC_CTLR:
        s->ctlr = value & (ICC_CTLR_CBPR | ICC_CTLR_EOIMODE);
        break;
    case GIC_ICC_IGRPEN0:
    case GIC_ICC_IGRPEN1:
        s->igrpen[reg == GIC_ICC_IGRPEN1] = value & 1;
        gic_update_all(g); // 1 of N may move
        return;
    default:
        return;
    }
    // Masks and binary points move nothing but this CPU's own lines.
    gic_update_cpu(g, cpu);
}
