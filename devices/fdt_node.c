// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/fdt_node.h"

#include <stdio.h>

int fdt_node_begin(void *fdt, const char *type, const struct fdt_place *place, uint64_t size,
                   const char *compatible, int compatible_len, int irq_flags)
{
    char name[64];
    snprintf(name, sizeof name, "%s@%llx", type, (unsigned long long)place->base);
    fdt64_t reg[2] = {cpu_to_fdt64(place->base), cpu_to_fdt64(size)};
    fdt32_t irq[3] = {0, cpu_to_fdt32((uint32_t)place->spi), cpu_to_fdt32((uint32_t)irq_flags)};
    int e = fdt_begin_node(fdt, name);
    if (place->phandle)
        e = e ? e : fdt_property_u32(fdt, "phandle", place->phandle);
    e = e ? e : fdt_property(fdt, "compatible", compatible, compatible_len);
    e = e ? e : fdt_property(fdt, "reg", reg, sizeof reg);
    if (place->spi >= 0)
        e = e ? e : fdt_property(fdt, "interrupts", irq, sizeof irq);
    return e;
}

int fdt_node_apb_clock(void *fdt, const struct fdt_place *place)
{
    int e = fdt_property_u32(fdt, "clocks", place->clock_phandle);
    return e ? e : fdt_property_string(fdt, "clock-names", "apb_pclk");
}
