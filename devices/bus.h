// SPDX-License-Identifier: GPL-3.0-or-later
// The bus: which guest-physical address is RAM, which is a device, which is nothing.
//
// Regions never overlap; they are added while the machine is built and stay until bus_fini().
// bus_read() and bus_write() reach devices and RAM alike and are called under the machine lock.
// bus_ram() and devices/dma.h only look at what was fixed at build time (plus the two callbacks)
// and need no lock.
//
// An access that nothing answers (no region, a size or alignment the device refuses, a write to
// read-only RAM) returns false: the CPU side makes a synchronous external abort of it. The bus
// logs it as guest_error; it never changes anything then.
#ifndef DEVICES_BUS_H
#define DEVICES_BUS_H

#include "base/log.h"
#include "devices/device.h"

struct bus_region {
    gpa_t base;
    uint64_t size;
    struct device *dev; // or NULL: RAM
    uint8_t *ram;       // host address of RAM
    bool readonly;
};

struct bus {
    struct bus_region *regions; // sorted by base
    size_t count;
    size_t last; // index of the region that was hit last (a hint)
    const struct log *log;
    // RAM was written behind the CPUs' back (DMA); called after the bytes are there, by the
    // thread that wrote them. The CPU side drops translations of that range.
    void (*ram_written)(void *opaque, gpa_t gpa, uint64_t len);
    void *ram_written_opaque;
};

void bus_init(struct bus *bus, const struct log *log);
void bus_fini(struct bus *bus); // devices and RAM are the caller's to destroy

// Fails when the region is empty, wraps or overlaps another.
bool bus_map(struct bus *bus, gpa_t base, struct device *dev, struct error *err);
bool bus_map_ram(struct bus *bus, gpa_t base, uint64_t size, uint8_t *host, bool readonly,
                 struct error *err);

// size in {1, 2, 4, 8}; the value is zero-extended. Machine lock.
bool bus_read(struct bus *bus, gpa_t gpa, unsigned size, uint64_t *value);
bool bus_write(struct bus *bus, gpa_t gpa, unsigned size, uint64_t value);

// The region at gpa, or NULL. Any thread.
const struct bus_region *bus_find(const struct bus *bus, gpa_t gpa);

#endif
