// SPDX-License-Identifier: GPL-3.0-or-later
#include "bed.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUES  8
#define RING(n) (BED_RAM + 0x4000 * (uint64_t)(n)) // descriptors; available at +0x1000, used at +0x2000
#define DATA    (BED_RAM + 0x40000)

static void ram_written(void *opaque, gpa_t gpa, uint64_t len)
{
    assert(gpa >= BED_RAM && len <= BED_RAM_SIZE && gpa - BED_RAM <= BED_RAM_SIZE - len);
}

void bed_init(struct bed *b)
{
    struct error err;
    *b = (struct bed){0};
    clock_init(&b->clock, true);
    bus_init(&b->bus, NULL);
    b->ram = calloc(1, BED_RAM_SIZE);
    bool ok = bus_map_ram(&b->bus, BED_RAM, BED_RAM_SIZE, b->ram, false, &err);
    assert(ok);
    b->bus.ram_written = ram_written;
}

void bed_fini(struct bed *b)
{
    bus_fini(&b->bus);
    clock_fini(&b->clock);
    free(b->ram);
}

static void set_wire(void *opaque, int n, bool level) {}

struct irq_line bed_wire(struct bed *b)
{
    return (struct irq_line){set_wire, b, 0};
}

void bed_map(struct bed *b, gpa_t at, struct device *dev)
{
    struct error err;
    bool ok = bus_map(&b->bus, at, dev, &err);
    assert(ok);
}

void bed_copy_state(struct device *dev)
{
    struct state_writer w, again;
    struct state_reader r;
    struct error err = {0};
    state_writer_init(&w);
    state_writer_init(&again);
    device_save(dev, &w);
    state_reader_init(&r, w.data, w.len);
    if (!device_load(dev, &r, &err)) {
        fprintf(stderr, "%s: its own state is refused: %s\n", dev->name, err.text);
        abort();
    }
    device_save(dev, &again);
    assert(r.pos == r.len && again.len == w.len && !memcmp(again.data, w.data, w.len));
    state_writer_fini(&again);
    state_writer_fini(&w);
}

// An offset in the window; small ones more often, where most registers are.
static uint64_t offset_in(const struct device *dev, struct fuzz_input *in, unsigned size)
{
    uint64_t how = fuzz_take(in, 1), offset = fuzz_take(in, how & 1 ? 1 : how & 2 ? 2 : 4);
    return offset % dev->size & ~(uint64_t)(size - 1);
}

static void any_access(struct bed *b, struct device *dev, struct fuzz_input *in, bool write)
{
    unsigned size = 1u << fuzz_below(in, 4);
    uint64_t offset = offset_in(dev, in, size), value;
    if (write)
        bus_write(&b->bus, BED_DEVICE + offset, size, fuzz_take(in, size));
    else
        bus_read(&b->bus, BED_DEVICE + offset, size, &value);
}

static void play(struct bed *b, struct device *dev, struct fuzz_input *in, unsigned what)
{
    uint64_t at;
    switch (what) {
    case 0:
        clock_step(&b->clock, (int64_t)(fuzz_take(in, 2) << fuzz_take(in, 1) % 20));
        return;
    case 1:
    case 2:
        at = fuzz_take(in, 2) % (BED_RAM_SIZE - 8);
        at = fuzz_take(in, 1) & 1 ? at : at & 0x3fff;
        memcpy(b->ram + at, &(uint64_t){fuzz_take(in, 8)}, 8);
        return;
    case 3:
        if (!b->keeps_no_state)
            bed_copy_state(dev);
        return;
    case 4:
        if (fuzz_below(in, 4) == 0)
            device_reset(dev);
        return;
    case 5:
    case 6:
        if (b->extra)
            b->extra(b, in);
        return;
    default:
        any_access(b, dev, in, what & 1);
    }
}

void bed_play(struct bed *b, struct device *dev, struct fuzz_input *in)
{
    while (in->len)
        play(b, dev, in, fuzz_below(in, 16));
    bed_copy_state(dev);
}

// virtio

struct driver {
    struct bed *b;
    struct device *dev;
    unsigned queues, size;
    bool legacy;
    uint16_t slot[QUEUES], avail[QUEUES];
};

static void set(struct driver *d, unsigned offset, uint32_t value)
{
    bus_write(&d->b->bus, BED_DEVICE + offset, 4, value);
}

static uint8_t *ram(struct driver *d, gpa_t at)
{
    return d->b->ram + (at - BED_RAM);
}

// A legacy ring is one piece: with an alignment of 4096 the available ring is right behind the descriptors.
static gpa_t avail_of(const struct driver *d, unsigned q)
{
    return d->legacy ? RING(q) + 16 * d->size : RING(q) + 0x1000;
}

static void start_queue(struct driver *d, unsigned q)
{
    gpa_t parts[3] = {RING(q), avail_of(d, q), RING(q) + 0x2000};
    set(d, 0x30, q);
    set(d, 0x38, d->size);
    if (d->legacy) {
        set(d, 0x3c, 4096);
        set(d, 0x40, (uint32_t)(RING(q) / 4096));
        return;
    }
    for (unsigned i = 0; i < 3; i++)
        set(d, 0x80 + 0x10 * i, (uint32_t)parts[i]);
    set(d, 0x44, 1);
}

// Everything up to DRIVER_OK, with features of the input's choice.
static void start(struct driver *d, struct fuzz_input *in)
{
    uint64_t features = fuzz_take(in, 1) & 1 ? fuzz_take(in, 4) : UINT32_MAX;
    memset(d->slot, 0, sizeof d->slot);
    memset(d->avail, 0, sizeof d->avail);
    memset(ram(d, BED_RAM), 0, DATA - BED_RAM);
    d->size = 16u << fuzz_below(in, 4);
    set(d, 0x70, 0);
    set(d, 0x70, 3);
    set(d, 0x28, 4096);
    for (uint32_t i = 0; i < 2; i++) {
        uint64_t offered;
        set(d, 0x14, i);
        bus_read(&d->b->bus, BED_DEVICE + 0x10, 4, &offered);
        set(d, 0x24, i);
        set(d, 0x20, i ? (uint32_t)offered : (uint32_t)(offered & features));
    }
    set(d, 0x70, 11);
    for (unsigned q = 0; q < d->queues; q++)
        start_queue(d, q);
    set(d, 0x70, 15);
}

struct descriptor {
    uint64_t at;
    uint32_t len;
    uint16_t flags, next;
};

// A buffer, mostly in RAM and of a common length, with the input's bytes at its beginning.
static struct descriptor buffer(struct driver *d, struct fuzz_input *in, bool write)
{
    static const uint32_t sizes[] = {1, 8, 12, 16, 24, 32, 64, 100, 512, 1514, 4096, 0x8000};
    unsigned how = (unsigned)fuzz_take(in, 1);
    struct descriptor p = {.len = sizes[how % 12], .flags = write ? 2 : 0};
    p.at = DATA + fuzz_take(in, 2) * 11 % (BED_RAM + BED_RAM_SIZE - DATA - 0x8000);
    if (how >= 250) // something is wrong with it
        switch (how) {
        case 250:
            p.at = fuzz_take(in, 8);
            break;
        case 251:
            p.at = BED_RAM + BED_RAM_SIZE - fuzz_take(in, 2);
            break;
        case 252:
            p.len = (uint32_t)fuzz_take(in, 4);
            break;
        case 253:
            p.flags ^= 2;
            break;
        case 254:
            p.flags ^= 4; // an indirect table: the bytes below
            break;
        default:
            p.at = RING(fuzz_take(in, 1) % 8) + fuzz_take(in, 2) % 0x3000;
        }
    size_t n = write ? 0 : fuzz_take(in, 1) % 80;
    n = n < in->len ? n : in->len;
    uint8_t *to = dma_ptr(&d->b->bus, p.at, p.len, true);
    if (to && n)
        memcpy(to, in->data, n < p.len ? n : p.len);
    in->data += n;
    in->len -= n;
    return p;
}

static void offer(struct driver *d, struct fuzz_input *in)
{
    unsigned q = fuzz_below(in, d->queues), out = fuzz_below(in, 4), count = out + fuzz_below(in, 4);
    uint16_t head = d->slot[q];
    for (unsigned i = 0; i < count; i++) {
        struct descriptor p = buffer(d, in, i >= out);
        uint16_t slot = d->slot[q];
        d->slot[q] = (uint16_t)((slot + 1) % d->size);
        p.next = d->slot[q];
        p.flags |= i + 1 < count;
        memcpy(ram(d, RING(q) + 16 * slot), &p, sizeof p);
    }
    if (!count)
        return;
    gpa_t avail = avail_of(d, q);
    memcpy(ram(d, avail + 4 + 2 * (d->avail[q]++ % d->size)), &head, 2);
    memcpy(ram(d, avail + 2), &d->avail[q], 2);
}

void bed_play_virtio(struct bed *b, struct virtio *v, unsigned queues, struct fuzz_input *in)
{
    struct driver d = {.b = b, .queues = queues < QUEUES ? queues : QUEUES, .legacy = fuzz_take(in, 1) & 1};
    d.legacy = d.legacy && !v->ops->modern_only;
    d.dev = virtio_mmio_create("virtio-mmio", &b->bus, &b->clock, bed_wire(b), d.legacy, v, NULL);
    bed_map(b, BED_DEVICE, d.dev);
    start(&d, in);
    while (in->len) {
        unsigned what = fuzz_below(in, 32);
        if (what < 14)
            offer(&d, in);
        else if (what < 19)
            set(&d, 0x50, fuzz_below(in, d.queues + 1));
        else if (what < 20)
            start(&d, in);
        else
            play(b, d.dev, in, what - 20);
    }
    device_drain(d.dev);
    bed_copy_state(d.dev);
    if (b->before_end)
        b->before_end(b);
    device_destroy(d.dev);
}
