// SPDX-License-Identifier: GPL-3.0-or-later
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void ram_written(void *opaque, gpa_t gpa, uint64_t len)
{
    struct bench *b = opaque;
    b->written += len;
    b->writes++;
    b->last_written = gpa;
}

void bench_init(struct bench *b)
{
    struct error err = {0};
    *b = (struct bench){0};
    clock_init(&b->clock, true);
    bus_init(&b->bus, NULL);
    b->ram = calloc(1, RAM_SIZE);
    b->rom = calloc(1, ROM_SIZE);
    cr_assert(bus_map_ram(&b->bus, RAM_BASE, RAM_SIZE, b->ram, false, &err), "%s", err.text);
    cr_assert(bus_map_ram(&b->bus, ROM_BASE, ROM_SIZE, b->rom, true, &err), "%s", err.text);
    b->bus.ram_written = ram_written;
    b->bus.ram_written_opaque = b;
}

void bench_fini(struct bench *b)
{
    bus_fini(&b->bus);
    clock_fini(&b->clock);
    free(b->ram);
    free(b->rom);
}

static void set_wire(void *opaque, int n, bool level)
{
    struct wire *w = &((struct bench *)opaque)->wire[n];
    w->rises += level && !w->level;
    w->level = level;
}

struct irq_line bench_wire(struct bench *b, int n)
{
    return (struct irq_line){set_wire, b, n};
}

uint64_t bench_read(struct bench *b, gpa_t gpa, unsigned size)
{
    uint64_t value = 0;
    cr_assert(bus_read(&b->bus, gpa, size, &value), "%u-byte read at 0x%llx refused", size,
              (unsigned long long)gpa);
    return value;
}

void bench_write(struct bench *b, gpa_t gpa, unsigned size, uint64_t value)
{
    cr_assert(bus_write(&b->bus, gpa, size, value), "%u-byte write at 0x%llx refused", size,
              (unsigned long long)gpa);
}

void bench_copy_state(struct device *from, struct device *to)
{
    struct state_writer w;
    struct state_reader r;
    struct error err = {0};
    state_writer_init(&w);
    device_save(from, &w);
    state_reader_init(&r, w.data, w.len);
    cr_assert(device_load(to, &r, &err), "load refused: %s", err.text);
    EXPECT(r.pos, r.len);
    // What was loaded saves to the same bytes.
    struct state_writer again;
    state_writer_init(&again);
    device_save(to, &again);
    EXPECT(again.len, w.len);
    cr_assert(!memcmp(again.data, w.data, w.len), "the loaded state saves differently");
    state_writer_fini(&again);
    state_writer_fini(&w);
}

// The layout of a section (devices/state.c): tag 32, version 4, checksum 4, length 8, body.
#define HEAD 48

bool bench_load_damaged(struct device *from, struct device *to, unsigned section, size_t offset,
                        uint8_t xor)
{
    struct state_writer w;
    struct state_reader r;
    struct error err = {0};
    state_writer_init(&w);
    device_save(from, &w);
    uint8_t *s = w.data;
    uint64_t len;
    for (;; section--) {
        memcpy(&len, s + 40, sizeof len);
        if (!section)
            break;
        s += HEAD + len;
    }
    cr_assert(offset < len, "section has only %llu bytes", (unsigned long long)len);
    s[HEAD + offset] ^= xor;
    uint32_t crc = (uint32_t)crc32_z(0, s + HEAD, len);
    memcpy(s + 36, &crc, sizeof crc);
    state_reader_init(&r, w.data, w.len);
    bool ok = device_load(to, &r, &err);
    state_writer_fini(&w);
    return ok;
}

void bench_refuses_corruption(struct device *dev)
{
    struct state_writer w;
    struct state_reader r;
    struct error err;
    state_writer_init(&w);
    device_save(dev, &w);
    size_t step = w.len / 500 + 1;
    for (size_t i = 0; i < w.len; i += step) {
        uint8_t *cut = malloc(i + 1); // so that a sanitizer sees reads beyond
        memcpy(cut, w.data, i);
        state_reader_init(&r, cut, i);
        cr_assert(!device_load(dev, &r, &err), "%s: %zu of %zu bytes accepted", dev->name, i,
                  w.len);
        free(cut);
        w.data[i] ^= 0x80;
        state_reader_init(&r, w.data, w.len);
        cr_assert(!device_load(dev, &r, &err), "%s: byte %zu flipped and accepted", dev->name, i);
        w.data[i] ^= 0x80;
    }
    state_writer_fini(&w);
}
