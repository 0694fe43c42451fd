// SPDX-License-Identifier: GPL-3.0-or-later
// The host side: the same conversation with armlet's GIC on a bare bus.
#include "scenario.h"
#include "devices/bus.h"
#include "devices/gic.h"

#include <stdio.h>

static struct gic *gic;
static struct bus bus;
static unsigned level;

static void cpu_irq(void *opaque, unsigned cpu, bool irq, bool fiq)
{
    level = (unsigned)irq << 1 | fiq;
}

// The two lists have their own order.
static const enum gic_icc_reg reg_of[] = {
#define X(name, encoding) [ICC_##name] = GIC_ICC_##name,
    ICC_REGISTERS(X)
#undef X
};

uint64_t icc_read(enum icc reg)
{
    return gic_icc_read(gic, 0, reg_of[reg]);
}

void icc_write(enum icc reg, uint64_t value)
{
    gic_icc_write(gic, 0, reg_of[reg], value);
}

uint32_t read32(uint64_t gpa)
{
    uint64_t value = 0;
    bus_read(&bus, gpa, 4, &value);
    return (uint32_t)value;
}

void write32(uint64_t gpa, uint32_t value)
{
    bus_write(&bus, gpa, 4, value);
}

void write8(uint64_t gpa, uint8_t value)
{
    bus_write(&bus, gpa, 1, value);
}

unsigned levels(void)
{
    return level;
}

void print(const char *name, uint64_t value)
{
    printf("%s %016llx\n", name, (unsigned long long)value);
}

int main(void)
{
    struct gic_config config = {.cpus = 1, .cpu_irq = cpu_irq};
    struct error err;
    gic = gic_create(&config);
    bus_init(&bus, NULL);
    if (!bus_map(&bus, GICD, gic_dist(gic), &err) || !bus_map(&bus, GICR, gic_redist(gic), &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    scenario();
    bus_fini(&bus);
    gic_destroy(gic);
    return 0;
}
