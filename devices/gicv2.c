// SPDX-License-Identifier: GPL-3.0-or-later
// GICv2 registers, Arm IHI 0048B 4.3 (distributor) and 4.4 (CPU interface), before the same core as
// GICv3's: one security state, two groups, 5 priority bits. SGIs are always enabled.
//
// All CPUs use the same addresses and each sees its own interface, SGIs and PPIs there: whose
// access it is says config.accessor. With one CPU there is nobody to choose, ITARGETSR reads as
// zero. An SGI remembers its senders and is acknowledged once for each.
//
// All registers are 32 bits wide; IPRIORITYR and the SGI pending registers take bytes too. Any
// other size reads as zero and does nothing.
#include "devices/gic_state.h"

enum { // distributor
    GICD_CTLR = 0x000,
    GICD_TYPER = 0x004,
    GICD_IIDR = 0x008,
    GICD_IPRIORITYR = 0x400,
    GICD_ITARGETSR = 0x800,
    GICD_ICFGR = 0xc00,
    GICD_SGIR = 0xf00,
    GICD_CPENDSGIR = 0xf10,
    GICD_SPENDSGIR = 0xf20,
    GICD_ID = 0xfd0,
};

enum { // CPU interface
    GICC_CTLR = 0x00,
    GICC_PMR = 0x04,
    GICC_BPR = 0x08,
    GICC_IAR = 0x0c,
    GICC_EOIR = 0x10,
    GICC_RPR = 0x14,
    GICC_HPPIR = 0x18,
    GICC_ABPR = 0x1c,
    GICC_AIAR = 0x20,
    GICC_AEOIR = 0x24,
    GICC_AHPPIR = 0x28,
    GICC_APR0 = 0xd0,
    GICC_NSAPR0 = 0xe0,
    GICC_IIDR = 0xfc,
    GICC_DIR = 0x1000,
};

enum { // GICC_CTLR
    CTLR_ENABLE_GRP0 = 1 << 0,
    CTLR_ENABLE_GRP1 = 1 << 1,
    CTLR_ACK_CTL = 1 << 2,
    CTLR_FIQ_EN = 1 << 3,
    CTLR_CBPR = 1 << 4,
    CTLR_EOIMODE = 1 << 9,
};

enum {
    OTHER_GROUP = 1022, // what is pending is of group 1, and not to be had here
    GICV2_IIDR = 2 << 16 | GIC_IIDR,
    SGIS = 0xffff, // bits of a bank
    SENDER_SHIFT = 10,
};

static unsigned this_cpu(const struct gic *g)
{
    unsigned cpu = g->cpus > 1 ? g->config.accessor(g->config.opaque) : 0;
    return cpu < g->cpus ? cpu : 0;
}

// Distributor

static struct gic_bank *bank_number(struct gic *g, unsigned word)
{
    return word < GIC_WORDS ? gic_bank(g, this_cpu(g), word * 32) : NULL;
}

// The bank that a register of one bit an interrupt is about, or NULL.
static struct gic_bank *bank_of(struct gic *g, unsigned offset)
{
    return offset >= 0x80 && offset < 0x400 ? bank_number(g, (offset & 0x7f) / 4) : NULL;
}

static struct gic_bank *config_of(struct gic *g, unsigned offset)
{
    unsigned word = (offset - GICD_ICFGR) / 8;
    return offset >= GICD_ICFGR && word < GIC_WORDS ? bank_number(g, word) : NULL;
}

static bool is_priority(unsigned offset)
{
    return offset >= GICD_IPRIORITYR && offset < GICD_IPRIORITYR + GIC_INTIDS;
}

static bool is_target(unsigned offset)
{
    return offset >= GICD_ITARGETSR && offset < GICD_ITARGETSR + GIC_INTIDS;
}

static bool is_sgi_pending(unsigned offset)
{
    return offset >= GICD_CPENDSGIR && offset < GICD_SPENDSGIR + 16;
}

static uint32_t dist_read_word(struct gic *g, unsigned offset)
{
    // PIDR4-7, PIDR0-3 (architecture revision 2 in PIDR2), CIDR0-3.
    static const uint8_t ids[12] = {0x04, 0, 0, 0, 0x90, 0xb4, 0x2b, 0, 0x0d, 0xf0, 0x05, 0xb1};
    const struct gic_bank *b;
    uint32_t value = 0;
    if (offset == GICD_CTLR)
        return g->d.ctlr;
    if (offset == GICD_TYPER)
        return (g->cpus - 1) << 5 | (GIC_WORDS - 1);
    if (offset == GICD_IIDR)
        return GIC_IIDR;
    if (offset >= GICD_ID)
        return ids[(offset - GICD_ID) / 4];
    if ((b = bank_of(g, offset)))
        gic_bank_read(b, offset, &value);
    else if ((b = config_of(g, offset)))
        value = gic_bank_config(b, offset >> 2 & 1);
    return value;
}

// What a write may not change of SGIs: they are enabled, edges, and made pending by GICD_SGIR.
static void restore_sgis(struct gic_bank *b, const struct gic_bank *old)
{
    b->enabled |= SGIS;
    b->edge |= SGIS;
    b->latch = (b->latch & ~(uint32_t)SGIS) | (old->latch & SGIS);
}

static void bank_write(struct gic *g, struct gic_bank *b, unsigned offset, uint32_t value)
{
    struct gic_bank old = *b;
    if (offset >= GICD_ICFGR)
        gic_bank_set_config(b, offset >> 2 & 1, value);
    else
        gic_bank_write(b, offset, value);
    if (b == bank_number(g, 0))
        restore_sgis(b, &old);
}

// The SGI `intid` at CPU `cpu` is pending from those senders.
static void set_senders(struct gic *g, unsigned cpu, unsigned intid, unsigned senders)
{
    struct gic_cpu_state *s = &g->cpu[cpu].s;
    uint32_t bit = 1u << intid;
    s->sgi_from[intid] = (uint8_t)senders;
    s->bank.latch = senders ? s->bank.latch | bit : s->bank.latch & ~bit;
}

// To the CPUs of a list, to all others, or to oneself.
static void send_sgi(struct gic *g, uint32_t value)
{
    unsigned self = this_cpu(g), intid = bits64(value, 0, 4), list = 0;
    switch (bits64(value, 24, 2)) {
    case 0:
        list = bits64(value, 16, 8);
        break;
    case 1:
        list = ~(1u << self);
        break;
    case 2:
        list = 1u << self;
        break;
    default: // reserved
        break;
    }
    for (list &= gicv2_cpu_mask(g); list; list &= list - 1) {
        unsigned cpu = ctz64(list);
        set_senders(g, cpu, intid, g->cpu[cpu].s.sgi_from[intid] | 1u << self);
    }
}

static void dist_write_word(struct gic *g, unsigned offset, uint32_t value)
{
    struct gic_bank *b;
    if (offset == GICD_CTLR)
        g->d.ctlr = value & (GICD_CTLR_ENABLE_GRP0 | GICD_CTLR_ENABLE_GRP1);
    else if (offset == GICD_SGIR)
        send_sgi(g, value);
    else if ((b = bank_of(g, offset)) || (b = config_of(g, offset)))
        bank_write(g, b, offset, value);
}

// Registers of a byte an interrupt. The SGI pending registers have a bit a sender.

static uint8_t sgi_pending_read(struct gic *g, unsigned offset)
{
    return g->cpu[this_cpu(g)].s.sgi_from[offset & 15];
}

static void sgi_pending_write(struct gic *g, unsigned offset, uint8_t value)
{
    unsigned cpu = this_cpu(g), intid = offset & 15, now = g->cpu[cpu].s.sgi_from[intid];
    value &= gicv2_cpu_mask(g);
    set_senders(g, cpu, intid, offset < GICD_SPENDSGIR ? now & ~(unsigned)value : now | value);
}

// What is a CPU's own says which CPU that is: so it learns its number.
static uint8_t target_read(struct gic *g, unsigned intid)
{
    if (g->cpus == 1)
        return 0;
    return intid < 32 ? (uint8_t)(1u << this_cpu(g)) : (uint8_t)g->d.router[intid];
}

static void target_write(struct gic *g, unsigned intid, uint8_t value)
{
    if (g->cpus > 1 && intid >= 32)
        g->d.router[intid] = value & gicv2_cpu_mask(g);
}

static uint8_t byte_read(struct gic *g, unsigned offset)
{
    if (is_priority(offset))
        return *gic_prio(g, this_cpu(g), offset - GICD_IPRIORITYR);
    return is_target(offset) ? target_read(g, offset - GICD_ITARGETSR)
                             : sgi_pending_read(g, offset);
}

static void byte_write(struct gic *g, unsigned offset, uint8_t value)
{
    if (is_priority(offset))
        *gic_prio(g, this_cpu(g), offset - GICD_IPRIORITYR) = value & GIC_PRIO_MASK;
    else if (is_target(offset))
        target_write(g, offset - GICD_ITARGETSR, value);
    else
        sgi_pending_write(g, offset, value);
}

static bool has_bytes(unsigned offset)
{
    return is_priority(offset) || is_target(offset) || is_sgi_pending(offset);
}

static void bad(struct gic *g, const char *what, unsigned offset, unsigned size)
{
    log_printf(g->config.log, LOG_GUEST_ERROR, "gicv2: %u-byte %s at 0x%x\n", size, what, offset);
}

uint64_t gicv2_dist_read(void *opaque, uint64_t off, unsigned size)
{
    struct gic *g = opaque;
    unsigned offset = (unsigned)off;
    bool bytes = has_bytes(offset);
    uint64_t value = 0;
    if (size == 4 && !bytes)
        return dist_read_word(g, offset);
    if (!bytes || size > 4) {
        bad(g, "read", offset, size);
        return 0;
    }
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)byte_read(g, offset + i) << 8 * i;
    return value;
}

void gicv2_dist_write(void *opaque, uint64_t off, unsigned size, uint64_t value)
{
    struct gic *g = opaque;
    unsigned offset = (unsigned)off;
    bool bytes = has_bytes(offset);
    if (size == 4 && !bytes)
        dist_write_word(g, offset, (uint32_t)value);
    else if (!bytes || size > 4)
        return bad(g, "write", offset, size);
    for (unsigned i = 0; bytes && i < size; i++, value >>= 8)
        byte_write(g, offset + i, (uint8_t)value);
    gic_update_all(g);
}

// CPU interface

static uint32_t read_ctlr(const struct gic_cpu_state *s)
{
    return (s->igrpen[0] ? CTLR_ENABLE_GRP0 : 0) | (s->igrpen[1] ? CTLR_ENABLE_GRP1 : 0) |
           (s->ctlr & GICV2_CTLR_ACK_CTL ? CTLR_ACK_CTL : 0) |
           (s->ctlr & GICV2_CTLR_FIQ_EN ? CTLR_FIQ_EN : 0) |
           (s->ctlr & ICC_CTLR_CBPR ? CTLR_CBPR : 0) |
           (s->ctlr & ICC_CTLR_EOIMODE ? CTLR_EOIMODE : 0);
}

static void write_ctlr(struct gic_cpu_state *s, uint32_t value)
{
    s->igrpen[0] = value & CTLR_ENABLE_GRP0;
    s->igrpen[1] = !!(value & CTLR_ENABLE_GRP1);
    s->ctlr = (value & CTLR_ACK_CTL ? GICV2_CTLR_ACK_CTL : 0) |
              (value & CTLR_FIQ_EN ? GICV2_CTLR_FIQ_EN : 0) |
              (value & CTLR_CBPR ? ICC_CTLR_CBPR : 0) |
              (value & CTLR_EOIMODE ? ICC_CTLR_EOIMODE : 0);
}

static bool may_take_group1(const struct gic_cpu *c)
{
    return c->best.group == 0 || c->s.ctlr & GICV2_CTLR_ACK_CTL;
}

// One of an SGI's senders, as IAR and HPPIR name it beside the number; 0 for any other interrupt.
static unsigned sender(const struct gic_cpu *c, uint64_t intid)
{
    return intid < 16 && c->s.sgi_from[intid] ? ctz64(c->s.sgi_from[intid]) : 0;
}

// GICC_IAR (group 0 and, with AckCtl, group 1) and GICC_AIAR. Of an SGI one sender is done; it
// stays pending from the others.
static uint64_t take(struct gic *g, unsigned cpu, enum gic_icc_reg iar)
{
    struct gic_cpu *c = &g->cpu[cpu];
    uint64_t intid = gic_icc_read(g, cpu, iar);
    if (intid >= 16)
        return intid;
    unsigned from = sender(c, intid);
    set_senders(g, cpu, (unsigned)intid, c->s.sgi_from[intid] & ~(1u << from));
    return (uint64_t)from << SENDER_SHIFT | intid;
}

static uint64_t acknowledge(struct gic *g, unsigned cpu)
{
    const struct gic_cpu *c = &g->cpu[cpu];
    if (!gic_cpu_signals(c))
        return GIC_SPURIOUS;
    if (!may_take_group1(c))
        return OTHER_GROUP;
    return take(g, cpu, c->best.group ? GIC_ICC_IAR1 : GIC_ICC_IAR0);
}

static uint64_t with_sender(const struct gic_cpu *c, uint64_t intid)
{
    return (uint64_t)sender(c, intid) << SENDER_SHIFT | intid;
}

static uint64_t highest_pending(const struct gic_cpu *c)
{
    if (c->best.intid == GIC_SPURIOUS)
        return GIC_SPURIOUS;
    return may_take_group1(c) ? with_sender(c, c->best.intid) : OTHER_GROUP;
}

// GICC_EOIR ends what runs, whichever group it is of.
static enum gic_icc_reg running_eoir(const struct gic_cpu_state *s)
{
    if (!s->apr[1])
        return GIC_ICC_EOIR0;
    return s->apr[0] && ctz64(s->apr[0]) <= ctz64(s->apr[1]) ? GIC_ICC_EOIR0 : GIC_ICC_EOIR1;
}

uint64_t gicv2_cpu_read(void *opaque, uint64_t offset, unsigned size)
{
    struct gic *g = opaque;
    unsigned cpu = this_cpu(g);
    const struct gic_cpu *c = &g->cpu[cpu];
    switch (offset) {
    case GICC_CTLR:
        return read_ctlr(&c->s);
    case GICC_PMR:
        return c->s.pmr;
    case GICC_BPR:
        return c->s.bpr[0];
    case GICC_ABPR:
        return gic_icc_read(g, cpu, GIC_ICC_BPR1);
    case GICC_IAR:
        return acknowledge(g, cpu);
    case GICC_AIAR:
        return take(g, cpu, GIC_ICC_IAR1);
    case GICC_RPR:
        return gic_icc_read(g, cpu, GIC_ICC_RPR);
    case GICC_HPPIR:
        return highest_pending(c);
    case GICC_AHPPIR:
        return with_sender(c, gic_icc_read(g, cpu, GIC_ICC_HPPIR1));
    case GICC_APR0:
        return c->s.apr[0];
    case GICC_NSAPR0:
        return c->s.apr[1];
    case GICC_IIDR:
        return GICV2_IIDR;
    default:
        return 0;
    }
}

void gicv2_cpu_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    static const struct {
        unsigned offset;
        enum gic_icc_reg reg;
    } same[] = {
        {GICC_PMR, GIC_ICC_PMR},     {GICC_BPR, GIC_ICC_BPR0},   {GICC_ABPR, GIC_ICC_BPR1},
        {GICC_AEOIR, GIC_ICC_EOIR1}, {GICC_APR0, GIC_ICC_AP0R0}, {GICC_NSAPR0, GIC_ICC_AP1R0},
        {GICC_DIR, GIC_ICC_DIR},
    };
    struct gic *g = opaque;
    unsigned cpu = this_cpu(g);
    struct gic_cpu *c = &g->cpu[cpu];
    if (offset == GICC_EOIR || offset == GICC_AEOIR || offset == GICC_DIR)
        value &= 0x3ff; // without the sender of an SGI
    if (offset == GICC_CTLR) {
        write_ctlr(&c->s, (uint32_t)value);
        gic_update_cpu(g, cpu);
    } else if (offset == GICC_EOIR) {
        gic_icc_write(g, cpu, running_eoir(&c->s), value);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(same); i++)
        if (same[i].offset == offset)
            gic_icc_write(g, cpu, same[i].reg, value);
}
