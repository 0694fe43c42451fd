// SPDX-License-Identifier: GPL-3.0-or-later
// GICv3 distributor registers, Arm IHI 0069 12.8-12.9, with GICD_CTLR.DS = ARE = 1: the words
// for SGIs and PPIs, ITARGETSR, NSACR, IGRPMODR and the SGI registers read as zero and ignore
// writes. Registers are 32 bits wide; IPRIORITYR takes bytes too, IROUTER 64 bits too. Any other
// size reads as zero and does nothing.
#include "devices/gic_state.h"

// One security state, affinity level 3, 16-bit INTIDs, 1 of N, no LPIs, GIC_INTIDS of them.
#define GICD_TYPER_VALUE (BIT(24) | 0xf << 19 | (GIC_WORDS - 1))

static void bad(struct gic *g, const char *what, unsigned offset, unsigned size)
{
    log_printf(g->config.log, LOG_GUEST_ERROR, "gic-dist: %u-byte %s at 0x%x\n", size, what,
               offset);
}

static bool is_priority(unsigned offset)
{
    return offset >= 0x420 && offset < 0x400 + GIC_INTIDS;
}

static bool is_router(unsigned offset)
{
    return offset >= 0x6000 + 8 * 32 && offset < 0x6000 + 8 * GIC_INTIDS;
}

// The bank that a register of one bit an interrupt is about, or NULL.
static struct gic_bank *bank_of(struct gic *g, unsigned offset)
{
    unsigned word = (offset & 0x7f) / 4;
    if (offset < 0x80 || offset >= 0x400 || word == 0 || word >= GIC_WORDS)
        return NULL;
    return &g->d.bank[word];
}

static struct gic_bank *config_of(struct gic *g, unsigned offset)
{
    unsigned word = (offset - 0xc00) / 8;
    if (offset < 0xc08 || word >= GIC_WORDS)
        return NULL;
    return &g->d.bank[word];
}

static uint32_t read_word(struct gic *g, unsigned offset)
{
    uint32_t value = 0;
    struct gic_bank *b;
    if (offset == 0)
        return g->d.ctlr | GICD_CTLR_ARE | GICD_CTLR_DS;
    if (offset == 4)
        return GICD_TYPER_VALUE;
    if (offset == 8)
        return GIC_IIDR;
    if (offset >= 0xffd0)
        return gic_id_register(offset, 0x92);
    if ((b = bank_of(g, offset)))
        gic_bank_read(b, offset, &value);
    else if ((b = config_of(g, offset)))
        value = gic_bank_config(b, offset >> 2 & 1);
    return value;
}

static void write_word(struct gic *g, unsigned offset, uint32_t value)
{
    struct gic_bank *b;
    if (offset == 0) {
        g->d.ctlr = value & (GICD_CTLR_ENABLE_GRP0 | GICD_CTLR_ENABLE_GRP1);
        gic_update_all(g);
    } else if ((b = bank_of(g, offset))) {
        gic_bank_write(b, offset, value);
        gic_update_all(g);
    } else if ((b = config_of(g, offset))) {
        gic_bank_set_config(b, offset >> 2 & 1, value);
        gic_update_all(g);
    }
}

static void write_router(struct gic *g, unsigned intid, uint64_t value)
{
    g->d.router[intid] = value & GIC_ROUTER_MASK;
    gic_update_all(g);
}

uint64_t gic_dist_read(void *opaque, uint64_t off, unsigned size)
{
    struct gic *g = opaque;
    unsigned offset = (unsigned)off;
    uint64_t value = 0;
    if (is_priority(offset) && (size == 1 || size == 4)) {
        for (unsigned i = 0; i < size; i++)
            value |= (uint64_t)g->d.prio[offset - 0x400 + i] << 8 * i;
    } else if (is_router(offset) && size >= 4) {
        value = g->d.router[(offset - 0x6000) / 8] >> 8 * (offset & 4);
    } else if (size == 4) {
        value = read_word(g, offset);
    } else {
        bad(g, "read", offset, size);
    }
    return value;
}

void gic_dist_write(void *opaque, uint64_t off, unsigned size, uint64_t value)
{
    struct gic *g = opaque;
    unsigned offset = (unsigned)off;
    if (is_priority(offset) && (size == 1 || size == 4)) {
        for (unsigned i = 0; i < size; i++)
            g->d.prio[offset - 0x400 + i] = value >> 8 * i & GIC_PRIO_MASK;
        gic_update_all(g);
    } else if (is_router(offset) && size >= 4) {
        unsigned intid = (offset - 0x6000) / 8;
        if (size == 4)
            value = deposit64(g->d.router[intid], 8 * (offset & 4), 32, value);
        write_router(g, intid, value);
    } else if (size == 4) {
        write_word(g, offset, (uint32_t)value);
    } else {
        bad(g, "write", offset, size);
    }
}
