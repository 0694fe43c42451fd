// SPDX-License-Identifier: GPL-3.0-or-later
#include "virtio_driver.h"

#include <string.h>

#define PAGE 4096

static void features(struct driver *d)
{
    uint64_t offered = 0, wanted = d->features | (d->legacy ? 0 : BIT(VIRTIO_F_VERSION_1));
    for (unsigned i = 0; i < 2; i++) {
        wr(d->b, 0x14, i);
        offered |= (uint64_t)rd(d->b, 0x10) << 32 * i;
        wr(d->b, 0x24, i);
        wr(d->b, 0x20, (uint32_t)(wanted >> 32 * i));
    }
    cr_assert((offered & wanted) == wanted, "offered 0x%llx, wanted 0x%llx",
              (unsigned long long)offered, (unsigned long long)wanted);
}

static void queue_legacy(struct driver *d)
{
    wr(d->b, 0x28, PAGE);
    wr(d->b, 0x30, 0);
    EXPECT(rd(d->b, 0x40), 0);
    wr(d->b, 0x38, d->size);
    wr(d->b, 0x3c, PAGE);
    wr(d->b, 0x40, (uint32_t)(d->desc / PAGE));
}

static void queue_modern(struct driver *d)
{
    gpa_t parts[3] = {d->desc, d->avail, d->used};
    wr(d->b, 0x30, d->queue);
    EXPECT(rd(d->b, 0x44), 0);
    wr(d->b, 0x38, d->size);
    for (unsigned i = 0; i < 3; i++) {
        wr(d->b, 0x80 + 0x10 * i, (uint32_t)parts[i]);
        wr(d->b, 0x84 + 0x10 * i, (uint32_t)(parts[i] >> 32));
    }
    wr(d->b, 0x44, 1);
}

void driver_restart(struct driver *d)
{
    d->avail_index = 0;
    memset(dma_ptr(&d->b->bus, d->desc, 3 * PAGE, true), 0, 3 * PAGE);
    if (d->legacy && !d->features) {
        queue_legacy(d);
        return;
    }
    wr(d->b, 0x70, 1);
    wr(d->b, 0x70, 3);
    features(d);
    if (!d->legacy) {
        wr(d->b, 0x70, 11);
        EXPECT(rd(d->b, 0x70), 11);
    }
    if (d->legacy)
        queue_legacy(d);
    else
        queue_modern(d);
    wr(d->b, 0x70, d->legacy ? 7 : 15);
}

void driver_start(struct driver *d, struct bench *b, bool legacy, unsigned size, gpa_t at,
                  uint64_t wanted)
{
    *d = (struct driver){.b = b, .legacy = legacy, .size = size, .features = wanted};
    cr_assert(size <= 128);
    d->desc = at;
    d->avail = at + 16 * size;
    d->used = at + (16 * size + 2 * size + 6 + PAGE - 1) / PAGE * PAGE;
    EXPECT(rd(b, 0), 0x74726976);
    EXPECT(rd(b, 4), legacy ? 1 : 2);
    driver_restart(d);
}

void driver_add_queue(struct driver *more, const struct driver *d, unsigned queue, unsigned size,
                      gpa_t at)
{
    *more = (struct driver){.b = d->b, .size = size, .queue = queue, .desc = at};
    more->avail = at + 16 * size;
    more->used = at + (16 * size + 2 * size + 6 + PAGE - 1) / PAGE * PAGE;
    memset(dma_ptr(&d->b->bus, at, 3 * PAGE, true), 0, 3 * PAGE);
    queue_modern(more);
}

void desc_at(struct bench *b, gpa_t table, unsigned i, gpa_t addr, uint32_t len, uint16_t flags,
             uint16_t next)
{
    gpa_t at = table + 16 * i;
    bench_write(b, at, 8, addr);
    bench_write(b, at + 8, 4, len);
    bench_write(b, at + 12, 2, flags);
    bench_write(b, at + 14, 2, next);
}

void driver_desc(struct driver *d, unsigned i, gpa_t addr, uint32_t len, uint16_t flags,
                 uint16_t next)
{
    desc_at(d->b, d->desc, i, addr, len, flags, next);
}

void driver_offer(struct driver *d, uint16_t head)
{
    bench_write(d->b, d->avail + 4 + 2 * (d->avail_index++ % d->size), 2, head);
    bench_write(d->b, d->avail + 2, 2, d->avail_index);
}

void driver_kick(struct driver *d)
{
    wr(d->b, 0x50, d->queue);
}

uint16_t driver_used_index(struct driver *d)
{
    return (uint16_t)bench_read(d->b, d->used + 2, 2);
}

struct used driver_used(struct driver *d, unsigned i)
{
    gpa_t at = d->used + 4 + 8 * (i % d->size);
    return (struct used){(uint32_t)bench_read(d->b, at, 4), (uint32_t)bench_read(d->b, at + 4, 4)};
}

uint32_t driver_status(struct driver *d)
{
    return rd(d->b, 0x70);
}
