// SPDX-License-Identifier: GPL-3.0-or-later
// GICv3 redistributor registers, Arm IHI 0069 12.10-12.11: for each CPU a 64 KiB frame for the
// redistributor itself (RD_base) and one for its SGIs and PPIs (SGI_base). No LPIs.
#include "devices/gic_state.h"

#define SGI_FRAME 0x10000u

static void bad(struct gic *g, unsigned cpu, const char *what, unsigned offset, unsigned size)
{
    log_printf(g->config.log, LOG_GUEST_ERROR, "gic-redist %u: %u-byte %s at 0x%x\n", cpu, size,
               what, offset);
}

static uint64_t typer(const struct gic *g, unsigned cpu)
{
    uint64_t common_lpi_affinity = BIT(24), last = cpu == g->cpus - 1 ? BIT(4) : 0;
    return gic_affinity(cpu) << 32 | common_lpi_affinity | cpu << 8 | last;
}

static bool is_priority(unsigned offset)
{
    return offset >= SGI_FRAME + 0x400 && offset < SGI_FRAME + 0x420;
}

static uint32_t read_rd(struct gic *g, unsigned cpu, unsigned offset)
{
    switch (offset) {
    case 0x04:
        return GIC_IIDR;
    case 0x08:
        return (uint32_t)typer(g, cpu);
    case 0x0c:
        return (uint32_t)(typer(g, cpu) >> 32);
    case 0x14:
        return g->cpu[cpu].s.waker;
    default:
        return offset >= 0xffd0 ? gic_id_register(offset, 0x93) : 0;
    }
}

static uint32_t read_sgi(struct gic *g, unsigned cpu, unsigned offset)
{
    struct gic_bank *b = &g->cpu[cpu].s.bank;
    uint32_t value = 0;
    if (offset == 0xc00 || offset == 0xc04)
        value = gic_bank_config(b, offset >> 2 & 1);
    else if (offset < 0x400 && !(offset & 0x7f)) // only the first word of each array exists
        gic_bank_read(b, offset, &value);
    return value;
}

static void write_rd(struct gic *g, unsigned cpu, unsigned offset, uint32_t value)
{
    if (offset != 0x14)
        return;
    // The interface is always as quiet as it is asked to be.
    bool sleep = value & GICR_WAKER_PROCESSOR_SLEEP;
    g->cpu[cpu].s.waker = sleep ? GICR_WAKER_PROCESSOR_SLEEP | GICR_WAKER_CHILDREN_ASLEEP : 0;
    gic_update_all(g);
}

static void write_sgi(struct gic *g, unsigned cpu, unsigned offset, uint32_t value)
{
    struct gic_bank *b = &g->cpu[cpu].s.bank;
    if (offset == 0xc04) // SGIs are always edge-triggered
        gic_bank_set_config(b, 1, value);
    else if (offset < 0x400 && !(offset & 0x7f))
        gic_bank_write(b, offset, value);
    gic_update_cpu(g, cpu);
}

uint64_t gic_redist_read(void *opaque, uint64_t off, unsigned size)
{
    struct gic *g = opaque;
    unsigned cpu = (unsigned)(off / GIC_REDIST_SIZE), offset = (unsigned)(off % GIC_REDIST_SIZE);
    uint64_t value = 0;
    if (is_priority(offset) && (size == 1 || size == 4)) {
        for (unsigned i = 0; i < size; i++)
            value |= (uint64_t)g->cpu[cpu].s.prio[(offset & 31) + i] << 8 * i;
    } else if (offset == 8 && size == 8) {
        value = typer(g, cpu);
    } else if (size == 4) {
        value = offset < SGI_FRAME ? read_rd(g, cpu, offset) : read_sgi(g, cpu, offset - SGI_FRAME);
    } else if (size != 8) {
        bad(g, cpu, "read", offset, size);
    }
    return value;
}

void gic_redist_write(void *opaque, uint64_t off, unsigned size, uint64_t value)
{
    struct gic *g = opaque;
    unsigned cpu = (unsigned)(off / GIC_REDIST_SIZE), offset = (unsigned)(off % GIC_REDIST_SIZE);
    if (is_priority(offset) && (size == 1 || size == 4)) {
        for (unsigned i = 0; i < size; i++)
            g->cpu[cpu].s.prio[(offset & 31) + i] = value >> 8 * i & GIC_PRIO_MASK;
        gic_update_cpu(g, cpu);
    } else if (size == 4 && offset < SGI_FRAME) {
        write_rd(g, cpu, offset, (uint32_t)value);
    } else if (size == 4) {
        write_sgi(g, cpu, offset - SGI_FRAME, (uint32_t)value);
    } else if (size != 8) { // the 64-bit registers here belong to LPIs and ignore writes
        bad(g, cpu, "write", offset, size);
    }
}
