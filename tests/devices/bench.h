// SPDX-License-Identifier: GPL-3.0-or-later
// The bench that device tests stand on: a bus with a little RAM, a stepped clock, fake wires.
#ifndef TESTS_DEVICES_BENCH_H
#define TESTS_DEVICES_BENCH_H

#include "base/clock.h"
#include "devices/bus.h"
#include "devices/dma.h"
#include "devices/irq.h"

#include <criterion/criterion.h>

#define RAM_BASE UINT64_C(0x40000000)
#define RAM_SIZE UINT64_C(0x100000)
#define ROM_BASE UINT64_C(0x10000)
#define ROM_SIZE UINT64_C(0x1000)
#define DEV_BASE UINT64_C(0x9000000)

struct wire {
    bool level;
    unsigned rises;
};

struct bench {
    struct clock clock;
    struct bus bus;
    struct wire wire[64];
    uint8_t *ram, *rom;       // on the heap, so that a sanitizer sees their ends
    uint64_t written, writes; // bytes and calls of ram_written
    gpa_t last_written;
};

void bench_init(struct bench *b);
void bench_fini(struct bench *b);

// A wire into the bench's wire[n].
struct irq_line bench_wire(struct bench *b, int n);

// Register accesses; the test fails when the bus refuses.
uint64_t bench_read(struct bench *b, gpa_t gpa, unsigned size);
void bench_write(struct bench *b, gpa_t gpa, unsigned size, uint64_t value);
static inline uint32_t rd(struct bench *b, unsigned offset)
{
    return (uint32_t)bench_read(b, DEV_BASE + offset, 4);
}
static inline void wr(struct bench *b, unsigned offset, uint32_t value)
{
    bench_write(b, DEV_BASE + offset, 4, value);
}

// Saves `from`, loads the bytes into `to`; the test fails if that is refused.
void bench_copy_state(struct device *from, struct device *to);
// Saves the device, applies xor to one byte of the n-th section's body at `offset` (and repairs
// the checksum), and returns whether `to` takes it.
bool bench_load_damaged(struct device *from, struct device *to, unsigned section, size_t offset,
                        uint8_t xor);
// Every truncation and every flipped byte of a saved state is refused (checksums untouched).
void bench_refuses_corruption(struct device *dev);

#define EXPECT(got, want)                                                                          \
    do {                                                                                           \
        unsigned long long got_ = (unsigned long long)(got), want_ = (unsigned long long)(want);   \
        cr_assert(got_ == want_, "%s is 0x%llx, not 0x%llx", #got, got_, want_);                   \
    } while (0)

#endif
