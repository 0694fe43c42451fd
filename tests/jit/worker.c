// SPDX-License-Identifier: GPL-3.0-or-later
// What becomes of recipes in the compile service: batches, a compiler that crashes, hangs or lies
// about one of them, a queue that is full.
#include "tests/jit/recipes.h"
#include "tests/jit/worker_bed.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <unistd.h>

Test(worker, batches_are_compiled_and_run)
{
    struct worker_bed *b =
        worker_bed_create((struct compile_options){.nr_workers = 2, .max_batch = 8});
    for (unsigned n = 0; n < 40; n++)
        cr_assert_eq(worker_bed_submit(b, n, DO_COMPILE), COMPILE_ACCEPTED);
    compile_service_drain(b->s);
    for (unsigned n = 0; n < 40; n++)
        worker_bed_expect(b, n, COMPILE_OK);
    struct compile_stats s = worker_bed_stats(b);
    cr_assert_eq(s.compiled, 40);
    cr_assert_eq(s.retries + s.failed + s.crashed, 0);
    cr_assert(s.batches >= 5 && s.batches <= 12, "%u batches", (unsigned)s.batches);
    cr_assert(s.cpu_us > 0 && s.insns > 40 && s.queued == 0 && s.busy == 0);
    worker_bed_destroy(b);
}

Test(worker, alone_and_late)
{
    struct worker_bed *b =
        worker_bed_create((struct compile_options){.collect_ms = 3600000, .max_batch = 4});
    cr_assert_eq(worker_bed_submit(b, 7, DO_COMPILE), COMPILE_ACCEPTED);
    worker_bed_sleep(30);
    cr_assert_eq(worker_bed_stats(b).batches, 0, "did not wait for more");
    compile_service_drain(b->s);
    worker_bed_expect(b, 7, COMPILE_OK);
    // A full batch goes at once, with nobody flushing.
    for (unsigned n = 8; n < 12; n++)
        worker_bed_submit(b, n, DO_COMPILE);
    for (unsigned i = 0; i < 1000 && worker_bed_stats(b).compiled < 5; i++)
        worker_bed_sleep(10);
    for (unsigned n = 8; n < 12; n++)
        worker_bed_expect(b, n, COMPILE_OK);
    worker_bed_destroy(b);
}

// One bad recipe among good ones costs itself alone.
static void one_offender(unsigned action, enum compile_status status, struct compile_options o)
{
    o.max_batch = 8;
    struct worker_bed *b = worker_bed_create(o);
    for (unsigned n = 0; n < 16; n++)
        worker_bed_submit(b, n, n == 5 ? action : DO_COMPILE);
    compile_service_drain(b->s);
    for (unsigned n = 0; n < 16; n++)
        worker_bed_expect(b, n, n == 5 ? status : COMPILE_OK);
    cr_assert_eq(worker_bed_submit(b, 5, action), COMPILE_KNOWN_BAD);
    cr_assert_eq(worker_bed_submit(b, 5, DO_COMPILE), COMPILE_ACCEPTED, "another recipe");
    compile_service_drain(b->s);
    cr_assert_str_eq(b->unavailable, "");
    struct compile_stats s = worker_bed_stats(b);
    cr_assert_eq(s.failed + s.crashed, 1);
    cr_assert_eq(s.listed, 1);
    worker_bed_destroy(b);
}

Test(worker, crash)
{
    one_offender(DO_SEGV, COMPILE_CRASHED, (struct compile_options){.nr_workers = 2});
}

Test(worker, exits)
{
    one_offender(DO_EXIT, COMPILE_CRASHED, (struct compile_options){0});
}

Test(worker, hang)
{
    one_offender(DO_HANG, COMPILE_CRASHED, (struct compile_options){.time_limit_ms = 300});
}

Test(worker, hang_of_what_it_runs)
{
    one_offender(DO_HANG_CHILD, COMPILE_CRASHED, (struct compile_options){.time_limit_ms = 300});
}

Test(worker, fails)
{
    one_offender(DO_FAIL, COMPILE_FAILED, (struct compile_options){0});
}

Test(worker, leaves_garbage)
{
    one_offender(DO_GARBAGE, COMPILE_FAILED, (struct compile_options){0});
}

Test(worker, talks_nonsense)
{
    one_offender(DO_TALK, COMPILE_CRASHED, (struct compile_options){0});
}

Test(worker, eats_memory)
{
    one_offender(DO_EAT_MEMORY, COMPILE_FAILED,
                 (struct compile_options){.memory_limit = 128 << 20});
}

Test(worker, undefined_symbol)
{
    one_offender(DO_UNDEFINED, COMPILE_FAILED, (struct compile_options){0});
}

// None of the lies is believed, and none of them keeps the next from being compiled.
Test(worker, lies)
{
    struct worker_bed *b =
        worker_bed_create((struct compile_options){.max_batch = 1, .time_limit_ms = 2000});
    struct region_recipe r;
    worker_bed_submit(b, 100, DO_COMPILE);
    for (unsigned n = 0; n < worker_fake_nr_lies; n++) {
        recipe_make(&r, n, 1, 3);
        r.blocks[0].weight = WEIGHT(DO_LIE, n);
        cr_assert_eq(compile_service_submit(b->s, &r, (void *)(uintptr_t)n), COMPILE_ACCEPTED);
    }
    worker_bed_submit(b, 101, DO_COMPILE);
    compile_service_drain(b->s);
    worker_bed_expect(b, 100, COMPILE_OK);
    worker_bed_expect(b, 101, COMPILE_OK);
    for (unsigned n = 0; n < worker_fake_nr_lies; n++)
        worker_bed_expect(b, n, COMPILE_CRASHED);
    cr_assert_eq(worker_bed_stats(b).workers_killed, 0, "a lie was waited for");
    worker_bed_destroy(b);
}

Test(worker, burns_cpu, .timeout = 120)
{
    struct worker_bed *b = worker_bed_create((struct compile_options){.cpu_limit_s = 1});
    worker_bed_submit(b, 1, DO_BURN);
    compile_service_drain(b->s);
    worker_bed_expect(b, 1, COMPILE_CRASHED);
    cr_assert(worker_bed_stats(b).cpu_us > 1000000, "%u us", (unsigned)worker_bed_stats(b).cpu_us);
    worker_bed_destroy(b);
}

Test(worker, has_nothing_it_should_not)
{
    int fd = open("/dev/null", O_RDWR); // without CLOEXEC
    struct worker_bed *b = worker_bed_create((struct compile_options){0});
    worker_bed_submit(b, 1, DO_LOOK);
    compile_service_drain(b->s);
    worker_bed_expect(b, 1, COMPILE_OK);
    close(fd);
    worker_bed_destroy(b);
}

Test(worker, invalid_recipe)
{
    struct worker_bed *b = worker_bed_create((struct compile_options){.max_batch = 4});
    struct region_recipe r;
    recipe_make(&r, 2, 3, 3);
    r.blocks[1].off = 2; // not an instruction's
    cr_assert_eq(compile_service_submit(b->s, &r, (void *)2), COMPILE_ACCEPTED);
    r.nr_pages = REGION_MAX_PAGES + 1;
    cr_assert_neq(compile_service_submit(b->s, &r, (void *)3), COMPILE_ACCEPTED);
    worker_bed_submit(b, 1, DO_COMPILE);
    compile_service_drain(b->s);
    worker_bed_expect(b, 1, COMPILE_OK);
    worker_bed_expect(b, 2, COMPILE_FAILED);
    cr_assert_eq(b->done[3], 0);
    worker_bed_destroy(b);
}

Test(worker, queue_is_bounded)
{
    struct worker_bed *b = worker_bed_create(
        (struct compile_options){.max_queue = 10, .max_batch = 4, .collect_ms = 3600000});
    unsigned accepted = 0, full = 0;
    for (unsigned n = 0; n < 60; n++) {
        enum compile_submit r = worker_bed_submit(b, n, DO_SLOW);
        accepted += r == COMPILE_ACCEPTED;
        full += r == COMPILE_FULL;
    }
    cr_assert(full > 0 && accepted + full == 60, "%u accepted, %u refused", accepted, full);
    compile_service_drain(b->s);
    struct compile_stats s = worker_bed_stats(b);
    cr_assert_eq(s.compiled, accepted);
    cr_assert_eq(s.refused, full);
    cr_assert_eq(s.max_queued, 10);
    worker_bed_destroy(b);
}
