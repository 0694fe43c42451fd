// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/dma.h"

#include <string.h>

uint8_t *dma_ptr(const struct bus *bus, gpa_t gpa, uint64_t len, bool write)
{
    const struct bus_region *r = bus_find(bus, gpa);
    if (!r || !r->ram || (write && r->readonly) || len > r->size - (gpa - r->base))
        return NULL;
    return r->ram + (gpa - r->base);
}

void dma_written(const struct bus *bus, gpa_t gpa, uint64_t len)
{
    if (len && bus->ram_written)
        bus->ram_written(bus->ram_written_opaque, gpa, len);
}

bool dma_read(const struct bus *bus, gpa_t gpa, void *to, uint64_t len)
{
    const uint8_t *p = dma_ptr(bus, gpa, len, false);
    if (!p)
        return false;
    memcpy(to, p, len);
    return true;
}

bool dma_write(const struct bus *bus, gpa_t gpa, const void *from, uint64_t len)
{
    uint8_t *p = dma_ptr(bus, gpa, len, true);
    if (!p)
        return false;
    memcpy(p, from, len);
    dma_written(bus, gpa, len);
    return true;
}
