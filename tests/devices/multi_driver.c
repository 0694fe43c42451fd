// SPDX-License-Identifier: GPL-3.0-or-later
#include "multi_driver.h"
#include "tests/support/random.h"

#include <string.h>

#define NEXT  1
#define WRITE 2

static gpa_t avail_of(const struct multi *m, unsigned n)
{
    return MULTI_RING(n) + 16 * m->size;
}

static gpa_t used_of(const struct multi *m, unsigned n)
{
    return MULTI_RING(n) + 0x2000;
}

void multi_start(struct multi *m, struct bench *b, uint64_t features, unsigned queues,
                 unsigned size)
{
    *m = (struct multi){.b = b, .queues = queues, .size = size};
    features |= BIT(VIRTIO_F_VERSION_1);
    memset(dma_ptr(&b->bus, RAM_BASE, MULTI_DATA - RAM_BASE, true), 0, MULTI_DATA - RAM_BASE);
    wr(b, 0x70, 0);
    wr(b, 0x70, 3);
    for (unsigned i = 0; i < 2; i++) {
        wr(b, 0x24, i);
        wr(b, 0x20, (uint32_t)(features >> 32 * i));
    }
    wr(b, 0x70, 11);
    EXPECT(rd(b, 0x70), 11);
    for (unsigned n = 0; n < queues; n++) {
        gpa_t parts[3] = {MULTI_RING(n), avail_of(m, n), used_of(m, n)};
        wr(b, 0x30, n);
        wr(b, 0x38, size);
        for (unsigned i = 0; i < 3; i++)
            wr(b, 0x80 + 0x10 * i, (uint32_t)parts[i]);
        wr(b, 0x44, 1);
        EXPECT(rd(b, 0x44), 1);
    }
    wr(b, 0x70, 15);
}

uint16_t multi_offer_list(struct multi *m, unsigned n, const struct piece *list)
{
    uint16_t head = m->q[n].slot, slot = head;
    for (unsigned i = 0; i < 16 && list[i].len; i++) {
        bool more = i < 15 && list[i + 1].len;
        uint16_t next = (uint16_t)((slot + 1) % m->size);
        gpa_t at = MULTI_RING(n) + 16 * slot;
        bench_write(m->b, at, 8, list[i].at);
        bench_write(m->b, at + 8, 4, list[i].len);
        bench_write(m->b, at + 12, 2, (more ? NEXT : 0u) | (list[i].write ? WRITE : 0u));
        bench_write(m->b, at + 14, 2, next);
        slot = next;
    }
    m->q[n].slot = slot;
    bench_write(m->b, avail_of(m, n) + 4 + 2 * (m->q[n].avail++ % m->size), 2, head);
    bench_write(m->b, avail_of(m, n) + 2, 2, m->q[n].avail);
    return head;
}

void multi_kick(struct multi *m, unsigned n)
{
    wr(m->b, 0x50, n);
}

bool multi_used(struct multi *m, unsigned n, uint32_t *len)
{
    uint16_t index = (uint16_t)bench_read(m->b, used_of(m, n) + 2, 2);
    if (index == m->q[n].used)
        return false;
    gpa_t at = used_of(m, n) + 4 + 8 * (m->q[n].used++ % m->size);
    *len = (uint32_t)bench_read(m->b, at + 4, 4);
    return true;
}

uint32_t multi_expect(struct multi *m, unsigned n)
{
    uint32_t len = 0;
    cr_assert(multi_used(m, n, &len), "queue %u gave nothing back; status 0x%x", n,
              multi_status(m));
    return len;
}

uint32_t multi_status(struct multi *m)
{
    return rd(m->b, 0x70);
}

static struct piece random_piece(uint64_t *x, bool write)
{
    static const uint32_t sizes[] = {1, 2, 4, 7, 8, 12, 16, 64, 100, 256, 1514, 4096, 0x10000};
    struct piece p = {.write = write};
    p.at = MULTI_DATA + random_next(x) % (RAM_BASE + RAM_SIZE - MULTI_DATA - 0x10000);
    p.len = sizes[random_next(x) % 13];
    switch (random_next(x) % 64) {
    case 0:
        p.at = random_next(x);
        break;
    case 1:
        p.at = RAM_BASE + RAM_SIZE - random_next(x) % 4096;
        break;
    case 2:
        p.len = (uint32_t)random_next(x);
        break;
    case 3:
        p.write = !write;
        break;
    default:
        break;
    }
    return p;
}

static void random_chain(struct multi *m, uint64_t *x)
{
    struct piece list[16] = {{0}};
    unsigned out = (unsigned)(random_next(x) % 4), in = (unsigned)(random_next(x) % 4);
    for (unsigned i = 0; i < out + in; i++) {
        list[i] = random_piece(x, i >= out);
        // The guest's bytes; most begin with small numbers, which are what commands look like.
        uint8_t *p = dma_ptr(&m->b->bus, list[i].at, list[i].len, true);
        for (uint32_t j = 0; p && j < list[i].len && j < 64; j++)
            p[j] = random_next(x) & 1 ? (uint8_t)(random_next(x) % 16) : (uint8_t)random_next(x);
    }
    if (out + in)
        multi_offer_list(m, (unsigned)(random_next(x) % m->queues), list);
}

void multi_fuzz(struct bench *b, struct device *dev, uint64_t features, unsigned queues,
                uint64_t seed, unsigned rounds, void (*each)(void))
{
    struct multi m;
    uint64_t x = seed, value;
    multi_start(&m, b, features, queues, MULTI_SIZE);
    for (unsigned i = 0; i < rounds; i++) {
        random_chain(&m, &x);
        if (random_next(&x) % 4 == 0)
            multi_kick(&m, (unsigned)(random_next(&x) % (queues + 1)));
        if (random_next(&x) % 16 == 0)
            bus_read(&b->bus, DEV_BASE + random_next(&x) % 0x110, 1, &value);
        if (random_next(&x) % 64 == 0)
            bus_write(&b->bus, DEV_BASE + 0x100 + random_next(&x) % 16, 1, random_next(&x));
        if (random_next(&x) % 256 == 0) // somewhere in the rings
            bus_write(&b->bus, RAM_BASE + random_next(&x) % (MULTI_RING(queues) - RAM_BASE) / 4 * 4,
                      4, random_next(&x));
        if (random_next(&x) % 8 == 0)
            clock_step(&b->clock, 1000);
        if (each)
            each();
        if ((multi_status(&m) & 0x40) || random_next(&x) % 512 == 0) {
            bench_copy_state(dev, dev);
            features = random_next(&x) % 8 ? features : 0;
            multi_start(&m, b, features, queues, MULTI_SIZE);
        }
    }
}
