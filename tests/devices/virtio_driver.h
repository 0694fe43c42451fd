// SPDX-License-Identifier: GPL-3.0-or-later
// A small virtio-mmio driver for tests, legacy and modern, that can also break every rule.
#ifndef TESTS_DEVICES_VIRTIO_DRIVER_H
#define TESTS_DEVICES_VIRTIO_DRIVER_H

#include "bench.h"
#include "devices/virtio/mmio.h"

enum { V_NEXT = 1, V_WRITE = 2, V_INDIRECT = 4 };

struct driver {
    struct bench *b;
    bool legacy;
    unsigned size;           // of the queue
    unsigned queue;          // its number
    gpa_t desc, avail, used; // where the ring lies
    uint16_t avail_index;
    uint64_t features; // to be negotiated
};

// The ring goes to `at` (a page). Does everything up to DRIVER_OK. For a legacy device without
// features only what bare-metal suites do: no status, no features.
void driver_start(struct driver *d, struct bench *b, bool legacy, unsigned size, gpa_t at,
                  uint64_t features);
// A further queue of a modern device that has been started by d: its own rings, at `at`.
void driver_add_queue(struct driver *more, const struct driver *d, unsigned queue, unsigned size,
                      gpa_t at);
void driver_restart(struct driver *d); // after a reset, with the same ring, emptied

void driver_desc(struct driver *d, unsigned i, gpa_t addr, uint32_t len, uint16_t flags,
                 uint16_t next);
void desc_at(struct bench *b, gpa_t table, unsigned i, gpa_t addr, uint32_t len, uint16_t flags,
             uint16_t next);
void driver_offer(struct driver *d, uint16_t head); // into the available ring
void driver_kick(struct driver *d);

uint16_t driver_used_index(struct driver *d);
struct used {
    uint32_t id, len;
} driver_used(struct driver *d, unsigned i);

uint32_t driver_status(struct driver *d);

#endif
