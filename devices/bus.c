// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/bus.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void bus_init(struct bus *bus, const struct log *log)
{
    *bus = (struct bus){.log = log};
}

void bus_fini(struct bus *bus)
{
    free(bus->regions);
    *bus = (struct bus){0};
}

// Index of the first region that begins above gpa.
static size_t above(const struct bus *bus, gpa_t gpa)
{
    size_t lo = 0, hi = bus->count;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (bus->regions[mid].base <= gpa)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static const char *region_name(const struct bus_region *r)
{
    return r->dev ? r->dev->name : "RAM";
}

static bool add(struct bus *bus, const struct bus_region *new, struct error *err)
{
    size_t at = above(bus, new->base);
    if (!new->size || new->base + (new->size - 1) < new->base)
        return error_set(err, "%s at 0x%" PRIx64 ": bad size 0x%" PRIx64, region_name(new),
                         new->base, new->size);
    const struct bus_region *below = at ? &bus->regions[at - 1] : NULL;
    const struct bus_region *after = at < bus->count ? &bus->regions[at] : NULL;
    const struct bus_region *other = NULL;
    if (below && new->base - below->base < below->size)
        other = below;
    else if (after && after->base - new->base < new->size)
        other = after;
    if (other)
        return error_set(err, "%s at 0x%" PRIx64 " overlaps %s at 0x%" PRIx64, region_name(new),
                         new->base, region_name(other), other->base);

    bus->regions = realloc(bus->regions, (bus->count + 1) * sizeof *bus->regions);
    assert(bus->regions);
    memmove(bus->regions + at + 1, bus->regions + at, (bus->count - at) * sizeof *bus->regions);
    bus->regions[at] = *new;
    bus->count++;
    return true;
}

bool bus_map(struct bus *bus, gpa_t base, struct device *dev, struct error *err)
{
    return add(bus, &(struct bus_region){.base = base, .size = dev->size, .dev = dev}, err);
}

bool bus_map_ram(struct bus *bus, gpa_t base, uint64_t size, uint8_t *host, bool readonly,
                 struct error *err)
{
    struct bus_region r = {.base = base, .size = size, .ram = host, .readonly = readonly};
    return add(bus, &r, err);
}

const struct bus_region *bus_find(const struct bus *bus, gpa_t gpa)
{
    size_t i = above(bus, gpa);
    if (!i || gpa - bus->regions[i - 1].base >= bus->regions[i - 1].size)
        return NULL;
    return &bus->regions[i - 1];
}

// As bus_find(), for a whole access, with the hint.
static const struct bus_region *lookup(struct bus *bus, gpa_t gpa, unsigned size)
{
    const struct bus_region *r = bus->last < bus->count ? &bus->regions[bus->last] : NULL;
    if (!r || gpa - r->base >= r->size) {
        r = bus_find(bus, gpa);
        if (!r)
            return NULL;
        bus->last = (size_t)(r - bus->regions);
    }
    return r->size - (gpa - r->base) >= size ? r : NULL;
}

static bool allowed(const struct device *dev, uint64_t offset, unsigned size)
{
    return size >= dev->ops->access_min && size <= dev->ops->access_max && !(offset & (size - 1));
}

static bool refuse(const struct bus *bus, const struct bus_region *r, const char *what, gpa_t gpa,
                   unsigned size)
{
    log_printf(bus->log, LOG_GUEST_ERROR, "bus: %u-byte %s at 0x%" PRIx64 ": %s%s\n", size, what,
               gpa, r ? region_name(r) : "nothing there", r ? " does not take it" : "");
    return false;
}

bool bus_read(struct bus *bus, gpa_t gpa, unsigned size, uint64_t *value)
{
    assert(size && size <= 8 && !(size & (size - 1)));
    const struct bus_region *r = lookup(bus, gpa, size);
    if (!r)
        return refuse(bus, r, "read", gpa, size);
    uint64_t offset = gpa - r->base;
    if (r->dev) {
        if (!allowed(r->dev, offset, size))
            return refuse(bus, r, "read", gpa, size);
        *value = r->dev->ops->read(r->dev->opaque, offset, size) & mask64(8 * size);
    } else {
        *value = 0;
        memcpy(value, r->ram + offset, size);
    }
    return true;
}

bool bus_write(struct bus *bus, gpa_t gpa, unsigned size, uint64_t value)
{
    assert(size && size <= 8 && !(size & (size - 1)));
    const struct bus_region *r = lookup(bus, gpa, size);
    if (!r || r->readonly)
        return refuse(bus, r, "write", gpa, size);
    uint64_t offset = gpa - r->base;
    if (r->dev) {
        if (!allowed(r->dev, offset, size))
            return refuse(bus, r, "write", gpa, size);
        r->dev->ops->write(r->dev->opaque, offset, size, value & mask64(8 * size));
    } else {
        memcpy(r->ram + offset, &value, size);
        if (bus->ram_written)
            bus->ram_written(bus->ram_written_opaque, gpa, size);
    }
    return true;
}
