// SPDX-License-Identifier: GPL-3.0-or-later
// The generic timers of two CPUs: line and status say the same at every moment.
#include "bed.h"
#include "devices/gtimer.h"

#include <assert.h>

#define CPUS 2

static bool level[CPUS * GTIMER_TIMERS];

static void set_level(void *opaque, int n, bool up)
{
    level[n] = up;
}

static void copy(struct gtimer *g)
{
    struct state_writer w;
    struct state_reader r;
    struct error err;
    state_writer_init(&w);
    gtimer_save(g, &w);
    state_reader_init(&r, w.data, w.len);
    bool ok = gtimer_load(g, &r, &err);
    assert(ok);
    state_writer_fini(&w);
}

static void one(const uint8_t *data, size_t len)
{
    struct bed b;
    struct fuzz_input in = {data, len};
    struct irq_line lines[CPUS * GTIMER_TIMERS];
    bed_init(&b);
    for (int n = 0; n < CPUS * GTIMER_TIMERS; n++) {
        lines[n] = (struct irq_line){set_level, NULL, n};
        level[n] = false;
    }
    struct gtimer *g = gtimer_create(&b.clock, CPUS, lines);
    while (in.len) {
        unsigned what = fuzz_below(&in, 16), cpu = fuzz_below(&in, CPUS), id = fuzz_below(&in, GTIMER_TIMERS);
        if (what < 8)
            gtimer_write(g, cpu, id, fuzz_below(&in, 3), fuzz_take(&in, what < 4 ? 2 : 8));
        else if (what < 10)
            gtimer_set_offset(g, cpu, fuzz_take(&in, 8));
        else if (what < 14)
            clock_step(&b.clock, (int64_t)fuzz_take(&in, what < 12 ? 2 : 5));
        else if (what == 14)
            copy(g);
        else
            gtimer_cpu_reset(g, cpu);
        for (cpu = 0; cpu < CPUS; cpu++)
            for (id = 0; id < GTIMER_TIMERS; id++)
                assert(level[cpu * GTIMER_TIMERS + id] == ((gtimer_read(g, cpu, id, GTIMER_CTL) & 7) == 5));
    }
    gtimer_destroy(g);
    bed_fini(&b);
}

const struct fuzz_target fuzz_target = {.name = "gtimer", .max = 4096, .one = one};
