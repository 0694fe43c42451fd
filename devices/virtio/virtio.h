// SPDX-License-Identifier: GPL-3.0-or-later
// What a virtio device is to its transport: features, configuration space, queues.
//
// A device model fills in `struct virtio_ops` and embeds `struct virtio`; the transport
// (virtio-mmio) does the register dance, the ring code (ring.h) walks guest memory. Everything is
// called under the machine lock.
#ifndef DEVICES_VIRTIO_VIRTIO_H
#define DEVICES_VIRTIO_VIRTIO_H

#include "base/clock.h"
#include "base/log.h"
#include "devices/bus.h"
#include "devices/state.h"
#include "devices/virtio/ring.h"

#include <stdbool.h>
#include <stdint.h>

#define VIRTIO_MAX_QUEUES 32 // virtio_state.unfinished has a bit for each

// Feature bits common to all devices.
#define VIRTIO_F_NOTIFY_ON_EMPTY 24
#define VIRTIO_F_ANY_LAYOUT      27
#define VIRTIO_F_INDIRECT_DESC   28
#define VIRTIO_F_EVENT_IDX       29
#define VIRTIO_F_VERSION_1       32

// Device status.
#define VIRTIO_S_ACKNOWLEDGE 0x01
#define VIRTIO_S_DRIVER      0x02
#define VIRTIO_S_DRIVER_OK   0x04
#define VIRTIO_S_FEATURES_OK 0x08
#define VIRTIO_S_NEEDS_RESET 0x40
#define VIRTIO_S_FAILED      0x80

struct virtio;

struct virtio_ops {
    uint32_t id;          // device ID of the specification
    unsigned queues;      // how many
    uint16_t queue_max;   // size of each, a power of two
    uint64_t features;    // offered, without the common ring and VERSION_1 bits
    unsigned config_size; // bytes of configuration space
    bool modern_only;     // the legacy interface never had it: its slot is always version 2
    // offset + size lies inside config_size.
    uint64_t (*config_read)(struct virtio *v, unsigned offset, unsigned size);
    void (*config_write)(struct virtio *v, unsigned offset, unsigned size, uint64_t value);
    void (*notify)(struct virtio *v, unsigned queue); // the driver kicked
    void (*reset)(struct virtio *v);                  // let go of what is in flight
    // From here on the device's own threads may enter it, under `lock`. Optional.
    void (*start)(struct virtio *v, struct mutex *lock);
    void (*drain)(struct virtio *v); // returns when nothing is in flight. Optional
    void (*save)(struct virtio *v, struct state_writer *w);
    bool (*load)(struct virtio *v, struct state_reader *r, struct error *err);
    void (*destroy)(struct virtio *v);
};

// The guest-visible state that every transport shares; plain, saved as it is.
struct virtio_state {
    uint64_t driver_features; // as negotiated
    uint32_t status;
    uint32_t isr;        // bit 0 used buffer, bit 1 configuration change
    uint32_t generation; // of the configuration
    uint32_t unfinished; // queues whose share of work ran out: bit per queue
    struct virtq_state queue[VIRTIO_MAX_QUEUES];
};

struct virtio {
    const struct virtio_ops *ops;
    const char *name;      // "virtio-blk"
    uint64_t features;     // what this instance offers of its own bits
    const struct bus *bus; // given by the transport
    bool legacy;           // by the transport: the driver speaks virtio 0.9
    const struct log *log;
    struct virtio_state s;
    struct virtq queue[VIRTIO_MAX_QUEUES];
    void (*irq)(void *opaque); // the transport's: s.isr may have changed
    void *irq_opaque;
    unsigned budget;          // chains that the present notification may still take
    struct clock_timer again; // comes back to s.unfinished
};

static inline bool virtio_has(const struct virtio *v, unsigned feature)
{
    return v->s.driver_features >> feature & 1;
}

void virtio_init(struct virtio *v, const struct virtio_ops *ops, const char *name);
void virtio_destroy(struct virtio *v); // accepts NULL
void virtio_start(struct virtio *v, struct mutex *lock); // see the operation
void virtio_drain(struct virtio *v);

// For the device model. virtio_pop() takes the next request: true with a checked chain, or false
// when there is none or the driver has broken the queue (NEEDS_RESET is then set).
bool virtio_pop(struct virtio *v, unsigned queue, struct virtq_chain *chain);
void virtio_push(struct virtio *v, unsigned queue, const struct virtq_chain *chain,
                 uint32_t written);
// Puts the last `count` chains back: they are taken again at the next notification. Only what
// virtio_pop() gave since the last virtio_push(), and only while the driver is not broken.
void virtio_unpop(struct virtio *v, unsigned queue, unsigned count);
// The device does not go on with this queue until it calls virtio_notify() itself (its back end has
// no room). A saved state remembers, and goes on after the load.
void virtio_stall(struct virtio *v, unsigned queue);
void virtio_signal(struct virtio *v, unsigned queue); // interrupt, if the driver wants one
void virtio_config_changed(struct virtio *v);
void virtio_broken(struct virtio *v, const char *why); // NEEDS_RESET; goes quiet

// For the transport. attach wires a device to it, once.
void virtio_attach(struct virtio *v, const struct bus *bus, struct clock *clock, bool legacy,
                   void (*irq)(void *opaque), void *opaque, const struct log *log);
void virtio_save(struct virtio *v, struct state_writer *w);
bool virtio_load(struct virtio *v, struct state_reader *r, struct error *err);
uint64_t virtio_offered(const struct virtio *v); // all 64 feature bits
void virtio_reset(struct virtio *v);
void virtio_notify(struct virtio *v, unsigned queue); // any number; checked here

#endif
