// SPDX-License-Identifier: GPL-3.0-or-later
// A device on a bare bus, driven by an input: register accesses of any size anywhere, words in RAM,
// steps of the clock, resets, saved and loaded states. For a virtio device also a driver that keeps
// most of the rules, so that chains reach the device, and breaks each of them now and then.
#ifndef TESTS_FUZZ_BED_H
#define TESTS_FUZZ_BED_H

#include "base/clock.h"
#include "devices/bus.h"
#include "devices/dma.h"
#include "devices/irq.h"
#include "devices/virtio/mmio.h"
#include "fuzz.h"

#define BED_RAM      UINT64_C(0x40000000)
#define BED_RAM_SIZE UINT64_C(0x100000)
#define BED_DEVICE   UINT64_C(0x10000000)

struct bed {
    struct clock clock;
    struct bus bus;
    uint8_t *ram;
    // What else may happen: a byte of the input says what. May be NULL.
    void (*extra)(struct bed *b, struct fuzz_input *in);
    void (*before_end)(struct bed *b); // of a virtio device, while it is still there; may be NULL
    void *opaque;
    bool keeps_no_state; // saving takes too long to be done often
};

void bed_init(struct bed *b);
void bed_fini(struct bed *b);
struct irq_line bed_wire(struct bed *b); // where an interrupt ends
void bed_map(struct bed *b, gpa_t at, struct device *dev);
// Saves and loads; what was saved must load, and save to the same.
void bed_copy_state(struct device *dev);

// Plays the input to its end.
void bed_play(struct bed *b, struct device *dev, struct fuzz_input *in);
// The same for a virtio device of that many queues (at most 8 are driven), which is destroyed then.
void bed_play_virtio(struct bed *b, struct virtio *v, unsigned queues, struct fuzz_input *in);

#endif
