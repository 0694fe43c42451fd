// SPDX-License-Identifier: GPL-3.0-or-later
// The GIC's core: wires in, routing and choice of the best pending interrupt, levels out, state.
// Arm IHI 0069: 4 (life of an interrupt), 4.8 (priorities), 3 (routing).
#include "devices/gic_state.h"

#include <assert.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#define STATE_VERSION 2
#define NO_CPU        (-1)

uint64_t gic_affinity(unsigned cpu)
{
    return (uint64_t)(cpu / 16) << 8 | cpu % 16;
}

static bool is_v3(const struct gic *g)
{
    return g->config.version != 2;
}

// Routing

static int cpu_of_affinity(const struct gic *g, uint64_t router)
{
    uint64_t aff0 = router & 0xff, aff1 = router >> 8 & 0xff;
    uint64_t n = aff1 * 16 + aff0;
    return aff0 < 16 && n < g->cpus && !(router >> 16 & ~BIT(15)) ? (int)n : NO_CPU;
}

// "1 of N": the first CPU that is awake and takes the group.
static int any_cpu(const struct gic *g, unsigned group)
{
    for (unsigned i = 0; i < g->cpus; i++) {
        const struct gic_cpu_state *s = &g->cpu[i].s;
        if (!(s->waker & GICR_WAKER_PROCESSOR_SLEEP) && s->igrpen[group])
            return (int)i;
    }
    return NO_CPU;
}

// The one CPU that an SPI of GICv3's goes to.
static int target(const struct gic *g, unsigned intid)
{
    uint64_t router = g->d.router[intid];
    if (router & GIC_ROUTER_IRM)
        return any_cpu(g, g->d.bank[intid / 32].group >> (intid % 32) & 1);
    return cpu_of_affinity(g, router);
}

// Whether an SPI may go to that CPU. GICv2's goes to all of a list, and to who acknowledges it
// first.
static bool goes_to(const struct gic *g, unsigned intid, unsigned cpu)
{
    if (is_v3(g))
        return target(g, intid) == (int)cpu;
    return g->cpus == 1 || g->d.router[intid] >> cpu & 1;
}

// Choice

// Which of a bank's interrupts the enabled groups let through.
static uint32_t candidates(const struct gic_bank *b, const bool group_on[2])
{
    uint32_t groups = (group_on[1] ? b->group : 0) | (group_on[0] ? ~b->group : 0);
    return gic_bank_pending(b) & b->enabled & ~b->active & groups;
}

static void consider(struct gic_best *best, const struct gic_bank *b, unsigned intid, uint8_t prio)
{
    if (prio < best->prio)
        *best = (struct gic_best){intid, prio, b->group >> (intid % 32) & 1};
}

static struct gic_best find_best(const struct gic *g, unsigned cpu)
{
    const struct gic_cpu_state *s = &g->cpu[cpu].s;
    struct gic_best best = {GIC_SPURIOUS, GIC_PRIO_IDLE, 0};
    bool on[2];
    for (unsigned i = 0; i < 2; i++)
        on[i] = s->igrpen[i] && (g->d.ctlr >> i & 1);
    for (uint32_t m = candidates(&s->bank, on); m; m &= m - 1) {
        unsigned intid = ctz64(m);
        consider(&best, &s->bank, intid, s->prio[intid]);
    }
    for (unsigned w = 1; w < GIC_WORDS; w++) {
        for (uint32_t m = candidates(&g->d.bank[w], on); m; m &= m - 1) {
            unsigned intid = w * 32 + ctz64(m);
            if (goes_to(g, intid, cpu))
                consider(&best, &g->d.bank[w], intid, g->d.prio[intid]);
        }
    }
    return best;
}

void gic_update_cpu(struct gic *g, unsigned cpu)
{
    struct gic_cpu *c = &g->cpu[cpu];
    c->best = find_best(g, cpu);
    bool signals = gic_cpu_signals(c);
    bool fiq = signals && c->best.group == 0 && (is_v3(g) || c->s.ctlr & GICV2_CTLR_FIQ_EN);
    bool irq = signals && !fiq;
    if (irq == c->irq && fiq == c->fiq)
        return;
    c->irq = irq;
    c->fiq = fiq;
    if (g->config.cpu_irq)
        g->config.cpu_irq(g->config.opaque, cpu, irq, fiq);
}

void gic_update_all(struct gic *g)
{
    for (unsigned i = 0; i < g->cpus; i++)
        gic_update_cpu(g, i);
}

void gic_update_intid(struct gic *g, unsigned cpu, unsigned intid)
{
    if (intid < 32) {
        gic_update_cpu(g, cpu);
    } else if (!is_v3(g) || (g->d.router[intid] & GIC_ROUTER_IRM)) {
        gic_update_all(g);
    } else {
        int t = target(g, intid);
        if (t != NO_CPU)
            gic_update_cpu(g, (unsigned)t);
    }
}

// Wires

static void set_wire(struct gic *g, unsigned cpu, unsigned intid, bool level)
{
    struct gic_bank *b = gic_bank(g, cpu, intid);
    uint32_t bit = 1u << intid % 32;
    if (level == !!(b->level & bit))
        return;
    b->level ^= bit;
    if (level && (b->edge & bit))
        b->latch |= bit;
    gic_update_intid(g, cpu, intid);
}

static void set_spi(void *opaque, int n, bool level)
{
    set_wire(opaque, 0, (unsigned)n + 32, level);
}

static void set_ppi(void *opaque, int n, bool level)
{
    set_wire(opaque, (unsigned)n / 16, 16 + (unsigned)n % 16, level);
}

struct irq_line gic_spi_line(struct gic *g, unsigned spi)
{
    assert(spi < GIC_SPIS);
    return (struct irq_line){set_spi, g, (int)spi};
}

struct irq_line gic_ppi_line(struct gic *g, unsigned cpu, unsigned ppi)
{
    assert(cpu < g->cpus && ppi < 16);
    return (struct irq_line){set_ppi, g, (int)(cpu * 16 + ppi)};
}

// Registers shared by both kinds of frames

bool gic_bank_read(const struct gic_bank *b, unsigned offset, uint32_t *value)
{
    switch (offset & ~0x7fu) {
    case 0x080:
        *value = b->group;
        return true;
    case 0x100:
    case 0x180:
        *value = b->enabled;
        return true;
    case 0x200:
    case 0x280:
        *value = gic_bank_pending(b);
        return true;
    case 0x300:
    case 0x380:
        *value = b->active;
        return true;
    default:
        return false;
    }
}

bool gic_bank_write(struct gic_bank *b, unsigned offset, uint32_t value)
{
    switch (offset & ~0x7fu) {
    case 0x080:
        b->group = value;
        return true;
    case 0x100:
        b->enabled |= value;
        return true;
    case 0x180:
        b->enabled &= ~value;
        return true;
    case 0x200:
        b->latch |= value;
        return true;
    case 0x280:
        b->latch &= ~value;
        return true;
    case 0x300:
        b->active |= value;
        return true;
    case 0x380:
        b->active &= ~value;
        return true;
    default:
        return false;
    }
}

uint32_t gic_bank_config(const struct gic_bank *b, unsigned half)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < 16; i++)
        value |= (b->edge >> (half * 16 + i) & 1) << (2 * i + 1);
    return value;
}

void gic_bank_set_config(struct gic_bank *b, unsigned half, uint32_t value)
{
    for (unsigned i = 0; i < 16; i++) {
        uint32_t bit = 1u << (half * 16 + i);
        b->edge = value >> (2 * i + 1) & 1 ? b->edge | bit : b->edge & ~bit;
    }
}

uint32_t gic_id_register(unsigned offset, uint8_t part)
{
    // PIDR4-7, PIDR0-3 (architecture revision 3 in PIDR2), CIDR0-3.
    static const uint8_t ids[12] = {0x44, 0, 0, 0, 0, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1};
    unsigned i = (offset - 0xffd0) / 4;
    return i == 4 ? part : ids[i];
}

// State

void gic_cpu_reset(struct gic *g, unsigned cpu)
{
    struct gic_cpu_state *s = &g->cpu[cpu].s;
    s->pmr = s->ctlr = 0;
    s->bpr[0] = GIC_MIN_BPR0;
    s->bpr[1] = GIC_MIN_BPR1;
    for (unsigned i = 0; i < 2; i++)
        s->apr[i] = s->igrpen[i] = 0;
    gic_update_all(g);
}

// Everything but the level of the wires, which are others'.
static void gic_reset(void *opaque)
{
    struct gic *g = opaque;
    struct gic_dist_state d = {.ctlr = 0};
    for (unsigned w = 0; w < GIC_WORDS; w++)
        d.bank[w].level = g->d.bank[w].level;
    g->d = d;
    for (unsigned i = 0; i < g->cpus; i++) {
        struct gic_cpu_state *s = &g->cpu[i].s;
        uint32_t level = s->bank.level;
        *s = (struct gic_cpu_state){.bank = {.edge = 0xffff, .level = level}};
        if (is_v3(g))
            s->waker = GICR_WAKER_PROCESSOR_SLEEP | GICR_WAKER_CHILDREN_ASLEEP;
        else
            s->bank.enabled = 0xffff;
    }
    for (unsigned i = 0; i < g->cpus; i++)
        gic_cpu_reset(g, i);
}

static void gic_save(void *opaque, struct state_writer *w)
{
    struct gic *g = opaque;
    state_put(w, "gic.dist", STATE_VERSION, &g->d, sizeof g->d);
    for (unsigned i = 0; i < g->cpus; i++)
        state_put(w, "gic.cpu", STATE_VERSION, &g->cpu[i].s, sizeof g->cpu[i].s);
}

static bool prios_valid(const uint8_t *prio, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (prio[i] & ~GIC_PRIO_MASK)
            return false;
    return true;
}

static bool dist_valid(const struct gic *g, const struct gic_dist_state *d)
{
    uint64_t router = is_v3(g) ? GIC_ROUTER_MASK : gicv2_cpu_mask(g);
    for (unsigned i = 0; i < GIC_INTIDS; i++)
        if (d->router[i] & ~router)
            return false;
    const struct gic_bank zero = {0};
    return !(d->ctlr & ~3u) && prios_valid(d->prio, GIC_INTIDS) &&
           !memcmp(&d->bank[0], &zero, sizeof zero);
}

// Who sent an SGI exists, and it is pending if there is one.
static bool senders_valid(const struct gic *g, const struct gic_cpu_state *s)
{
    unsigned mask = is_v3(g) ? 0 : gicv2_cpu_mask(g);
    for (unsigned i = 0; i < 16; i++)
        if (s->sgi_from[i] & ~mask ||
            (!is_v3(g) && (s->sgi_from[i] != 0) != (s->bank.latch >> i & 1)))
            return false;
    return true;
}

static bool cpu_valid(const struct gic *g, const struct gic_cpu_state *s)
{
    uint32_t ctlr = ICC_CTLR_CBPR | ICC_CTLR_EOIMODE;
    if (!is_v3(g))
        ctlr |= GICV2_CTLR_ACK_CTL | GICV2_CTLR_FIQ_EN;
    return prios_valid(s->prio, 32) && !(s->pmr & ~GIC_PRIO_MASK) && !(s->ctlr & ~ctlr) &&
           s->bpr[0] >= GIC_MIN_BPR0 && s->bpr[0] <= 7 && s->bpr[1] >= GIC_MIN_BPR1 &&
           s->bpr[1] <= 7 && s->igrpen[0] <= 1 && s->igrpen[1] <= 1 &&
           (s->waker == 0 || (s->waker == 6 && is_v3(g))) && (s->bank.edge & 0xffff) == 0xffff &&
           senders_valid(g, s);
}

static bool gic_load(void *opaque, struct state_reader *r, struct error *err)
{
    struct gic *g = opaque;
    struct gic_dist_state d;
    struct gic_cpu_state *s = calloc(g->cpus, sizeof *s);
    assert(s);
    bool ok = state_get(r, "gic.dist", STATE_VERSION, &d, sizeof d, err);
    if (ok && !dist_valid(g, &d))
        ok = error_set(err, "saved state: section \"gic.dist\" is damaged");
    for (unsigned i = 0; ok && i < g->cpus; i++) {
        ok = state_get(r, "gic.cpu", STATE_VERSION, &s[i], sizeof *s, err);
        if (ok && !cpu_valid(g, &s[i]))
            ok = error_set(err, "saved state: section \"gic.cpu\" %u is damaged", i);
    }
    if (ok) {
        g->d = d;
        for (unsigned i = 0; i < g->cpus; i++)
            g->cpu[i].s = s[i];
        gic_update_all(g);
    }
    free(s);
    return ok;
}

struct gic *gic_create(const struct gic_config *config)
{
    static const struct device_ops dist_ops = {
        .read = gic_dist_read,
        .write = gic_dist_write,
        .access_min = 1,
        .access_max = 8,
        .reset = gic_reset,
        .save = gic_save,
        .load = gic_load,
    };
    static const struct device_ops redist_ops = {
        .read = gic_redist_read,
        .write = gic_redist_write,
        .access_min = 1,
        .access_max = 8,
    };
    static const struct device_ops v2_dist_ops = {
        .read = gicv2_dist_read,
        .write = gicv2_dist_write,
        .access_min = 1,
        .access_max = 8,
        .reset = gic_reset,
        .save = gic_save,
        .load = gic_load,
    };
    static const struct device_ops v2_cpu_ops = {
        .read = gicv2_cpu_read,
        .write = gicv2_cpu_write,
        .access_min = 4,
        .access_max = 4,
    };
    assert(config->cpus && config->cpus <= GIC_MAX_CPUS);
    assert(config->version != 2 || config->cpus <= GICV2_MAX_CPUS);
    assert(config->version != 2 || config->cpus == 1 || config->accessor);
    struct gic *g = calloc(1, sizeof *g);
    assert(g);
    g->config = *config;
    g->cpus = config->cpus;
    g->cpu = calloc(g->cpus, sizeof *g->cpu);
    assert(g->cpu);
    if (is_v3(g)) {
        device_init(&g->dist, &dist_ops, g, 0x10000, "gic-dist");
        device_init(&g->redist, &redist_ops, g, (uint64_t)g->cpus * GIC_REDIST_SIZE, "gic-redist");
    } else {
        device_init(&g->dist, &v2_dist_ops, g, 0x1000, "gic-dist");
        device_init(&g->redist, &v2_cpu_ops, g, 0x2000, "gic-cpu");
    }
    gic_reset(g);
    return g;
}

void gic_destroy(struct gic *g)
{
    if (!g)
        return;
    free(g->cpu);
    free(g);
}

struct device *gic_dist(struct gic *g)
{
    return &g->dist;
}

struct device *gic_redist(struct gic *g)
{
    return &g->redist;
}

struct device *gic_cpu_interface(struct gic *g)
{
    assert(!is_v3(g));
    return &g->redist;
}

int gic_fdt_node(const struct gic *g, void *fdt, gpa_t dist, gpa_t second, uint32_t phandle,
                 int (*children)(void *opaque, void *fdt), void *opaque)
{
    char name[32];
    snprintf(name, sizeof name, "intc@%llx", (unsigned long long)dist);
    // The redistributors' size is that of the board's window; the last one says that it is.
    fdt64_t reg[4] = {cpu_to_fdt64(dist), cpu_to_fdt64(0x10000), cpu_to_fdt64(second),
                      cpu_to_fdt64(is_v3(g) ? GIC_MAX_CPUS * GIC_REDIST_SIZE : 0x10000)};
    int e = fdt_begin_node(fdt, name);
    e = e ? e : fdt_property_u32(fdt, "phandle", phandle);
    e = e ? e
          : fdt_property_string(fdt, "compatible", is_v3(g) ? "arm,gic-v3" : "arm,cortex-a15-gic");
    e = e ? e : fdt_property_u32(fdt, "#interrupt-cells", 3);
    e = e ? e : fdt_property(fdt, "interrupt-controller", NULL, 0);
    e = e ? e : fdt_property_u32(fdt, "#address-cells", 2);
    e = e ? e : fdt_property_u32(fdt, "#size-cells", 2);
    e = e ? e : fdt_property(fdt, "ranges", NULL, 0);
    if (is_v3(g))
        e = e ? e : fdt_property_u32(fdt, "#redistributor-regions", 1);
    e = e ? e : fdt_property(fdt, "reg", reg, sizeof reg);
    if (children)
        e = e ? e : children(opaque, fdt);
    return e ? e : fdt_end_node(fdt);
}
