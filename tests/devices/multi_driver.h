// SPDX-License-Identifier: GPL-3.0-or-later
// A modern virtio-mmio driver for devices with several queues, for tests. The queue n lies at
// MULTI_RING(n); chains are offered with descriptors in order, and everything can be wrong on
// purpose by writing to the ring oneself.
#ifndef TESTS_DEVICES_MULTI_DRIVER_H
#define TESTS_DEVICES_MULTI_DRIVER_H

#include "bench.h"
#include "devices/virtio/mmio.h"

#define MULTI_QUEUES  8
#define MULTI_SIZE    64
#define MULTI_RING(n) (RAM_BASE + 0x4000 * (uint64_t)(n))
#define MULTI_DATA    (RAM_BASE + 0x40000) // behind all rings

struct multi {
    struct bench *b;
    unsigned queues, size;
    struct {
        uint16_t slot, avail, used;
    } q[MULTI_QUEUES];
};

struct piece {
    gpa_t at;
    uint32_t len;
    bool write;
};

// Everything up to DRIVER_OK, with `queues` queues of `size`.
void multi_start(struct multi *m, struct bench *b, uint64_t features, unsigned queues,
                 unsigned size);
// Offers a chain of up to 16 pieces (a length of 0 ends the list). Returns its head.
#define multi_offer(m, n, ...) multi_offer_list(m, n, (struct piece[16]){__VA_ARGS__})
uint16_t multi_offer_list(struct multi *m, unsigned n, const struct piece *list);
void multi_kick(struct multi *m, unsigned n);
// The next chain that came back; false: none.
bool multi_used(struct multi *m, unsigned n, uint32_t *len);
// The same, which has to be there. Returns its length.
uint32_t multi_expect(struct multi *m, unsigned n);
uint32_t multi_status(struct multi *m);

// Random traffic: chains of random pieces (some outside RAM, some huge, some wrong) on all queues,
// random registers and bytes in memory; the device is reset when it has had enough. `seed` is not
// zero. each() runs between rounds and may be NULL.
void multi_fuzz(struct bench *b, struct device *dev, uint64_t features, unsigned queues,
                uint64_t seed, unsigned rounds, void (*each)(void));

#endif
