// SPDX-License-Identifier: GPL-3.0-or-later
// What a memory-mapped device is to the bus and to the board.
//
// A device embeds one `struct device` for each register window it has. It sees offsets, never its
// own base address; it never sees a vCPU. The bus calls read and write only with a size the
// device allows (a power of two from access_min to access_max) at an offset that is a multiple of
// the size and wholly inside the window. Every call into a device is made under the machine lock,
// by a vCPU thread or by the thread that runs the clock.
//
// All guest-visible state lives in one plain struct (no pointers), which save() writes and load()
// reads, checks and takes over; after load() the device raises its lines to the level that the
// state implies.
#ifndef DEVICES_DEVICE_H
#define DEVICES_DEVICE_H

#include "base/error.h"
#include "devices/state.h"

#include <stdint.h>

typedef uint64_t gpa_t;

// Where the board has put a device: what its device-tree node needs to know.
struct fdt_place {
    gpa_t base;
    int spi;                // number in the tree (INTID - 32), or -1 for none
    uint32_t phandle;       // for the node itself; 0 for none
    uint32_t clock_phandle; // the 24 MHz APB clock of PrimeCell devices
};

struct device_ops {
    uint64_t (*read)(void *opaque, uint64_t offset, unsigned size);
    void (*write)(void *opaque, uint64_t offset, unsigned size, uint64_t value);
    uint8_t access_min, access_max; // bytes

    // The rest may be NULL.
    void (*reset)(void *opaque); // to the state after power-on; lines fall
    void (*drain)(void *opaque); // waits for what the host still does for it, before a save
    void (*save)(void *opaque, struct state_writer *w);
    bool (*load)(void *opaque, struct state_reader *r, struct error *err);
    // Writes the node with libfdt's sequential-write functions at the present place in the tree
    // (the root is open). Returns 0 or the first libfdt error.
    int (*fdt_node)(void *opaque, void *fdt, const struct fdt_place *place);
    void (*destroy)(void *opaque);
};

struct device {
    const struct device_ops *ops;
    void *opaque;
    char name[24]; // unique in a machine: log lines, section of the saved state
    uint64_t size; // bytes of the register window
};

// These accept devices without the operation (and destroy accepts NULL).
void device_init(struct device *dev, const struct device_ops *ops, void *opaque, uint64_t size,
                 const char *name);
void device_reset(struct device *dev);
void device_drain(struct device *dev);
void device_save(struct device *dev, struct state_writer *w);
bool device_load(struct device *dev, struct state_reader *r, struct error *err);
void device_destroy(struct device *dev);

#endif
