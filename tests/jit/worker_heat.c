// SPDX-License-Identifier: GPL-3.0-or-later
// The compile service when it is told how hot recipes are: what goes first, what waits, what is set
// aside and what is given up.
#include "tests/jit/worker_bed.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

Test(worker, what_is_hot_goes_first_and_what_is_cold_waits)
{
    struct worker_bed *b =
        worker_bed_create_by_heat((struct compile_options){.nr_workers = 1, .max_batch = 1});
    for (unsigned n = 0; n < 6; n++)
        cr_assert_eq(worker_bed_submit(b, n, DO_COMPILE), COMPILE_ACCEPTED);
    worker_bed_sleep(50);
    cr_assert_eq(worker_bed_stats(b).batches, 0, "compiles what is cold");
    __atomic_store_n(&b->heat[1], 9, __ATOMIC_RELAXED);
    __atomic_store_n(&b->heat[3], 5, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < 1000 && worker_bed_stats(b).compiled < 2; i++)
        worker_bed_sleep(10);
    cr_assert(b->nr_done == 2 && b->order[0] == 1 && b->order[1] == 3, "%u done, first %u, then %u",
              b->nr_done, b->order[0], b->order[1]);
    compile_service_drain(b->s);
    for (unsigned n = 0; n < 6; n++)
        worker_bed_expect(b, n, COMPILE_OK);
    worker_bed_destroy(b);
}

// A recipe that is at work by the time this returns.
static void begin_toil(struct worker_bed *b, unsigned n)
{
    uint64_t batches = worker_bed_stats(b).batches;
    __atomic_store_n(&b->heat[n], COMPILE_LASTING | 5, __ATOMIC_RELAXED);
    cr_assert_eq(worker_bed_submit(b, n, DO_TOIL), COMPILE_ACCEPTED);
    for (unsigned i = 0; i < 2000 && worker_bed_stats(b).batches == batches; i++)
        worker_bed_sleep(1);
    cr_assert_eq(worker_bed_stats(b).batches, batches + 1, "recipe %u is not begun", n);
}

static void wait_done(struct worker_bed *b, unsigned n)
{
    for (unsigned i = 0; i < 4000; i++) {
        mutex_lock(&b->lock);
        bool done = b->done[n];
        mutex_unlock(&b->lock);
        if (done)
            return;
        worker_bed_sleep(5);
    }
}

Test(worker, what_has_become_cold_is_set_aside, .timeout = 60)
{
    struct worker_bed *b =
        worker_bed_create_by_heat((struct compile_options){.nr_workers = 1, .max_batch = 1});
    begin_toil(b, 0);
    __atomic_store_n(&b->heat[1], COMPILE_LASTING | 9, __ATOMIC_RELAXED);
    cr_assert_eq(worker_bed_submit(b, 1, DO_COMPILE), COMPILE_ACCEPTED);
    worker_bed_sleep(50);
    cr_assert_eq(worker_bed_stats(b).set_aside, 0, "what is still hot was interrupted");
    __atomic_store_n(&b->heat[0], 0, __ATOMIC_RELAXED);
    wait_done(b, 1);
    cr_assert_eq(worker_bed_stats(b).set_aside, 1);
    mutex_lock(&b->lock);
    unsigned nr_done = b->nr_done;
    mutex_unlock(&b->lock);
    cr_assert_eq(nr_done, 1, "the one that was interrupted came first");
    wait_done(b, 0); // nobody asks for it: it goes on by itself
    worker_bed_expect(b, 0, COMPILE_OK);
    worker_bed_expect(b, 1, COMPILE_OK);
    // Nothing is interrupted for what may be over in a moment.
    begin_toil(b, 2);
    __atomic_store_n(&b->heat[2], 0, __ATOMIC_RELAXED);
    __atomic_store_n(&b->heat[3], 9, __ATOMIC_RELAXED);
    cr_assert_eq(worker_bed_submit(b, 3, DO_COMPILE), COMPILE_ACCEPTED);
    wait_done(b, 3);
    cr_assert_eq(b->order[2], 2);
    cr_assert_eq(worker_bed_stats(b).set_aside, 1);
    cr_assert_eq(worker_bed_stats(b).busy, 0);
    worker_bed_destroy(b);
}

Test(worker, of_many_that_are_set_aside_the_first_is_given_up, .timeout = 60)
{
    enum { nr = 6 }; // four wait, one is at work
    struct worker_bed *b =
        worker_bed_create_by_heat((struct compile_options){.nr_workers = 1, .max_batch = 1});
    for (unsigned n = 0; n < nr; n++) {
        begin_toil(b, n);
        __atomic_store_n(&b->heat[n], 0, __ATOMIC_RELAXED);
    }
    compile_service_drain(b->s);
    cr_assert_eq(worker_bed_stats(b).set_aside, nr - 1);
    cr_assert_eq(worker_bed_stats(b).workers_died, 0);
    for (unsigned n = 0; n < nr; n++)
        worker_bed_expect(b, n, n ? COMPILE_OK : COMPILE_CANCELLED);
    worker_bed_destroy(b);
}

// Somebody kills the worker that stands still: what it had is compiled by another.
Test(worker, killed_while_set_aside, .timeout = 60)
{
    struct worker_bed *b =
        worker_bed_create_by_heat((struct compile_options){.nr_workers = 1, .max_batch = 1});
    pid_t zygote, worker;
    cr_assert_eq(worker_bed_children(getpid(), &zygote, 1), 1);
    begin_toil(b, 0);
    while (worker_bed_children(zygote, &worker, 1) != 1)
        worker_bed_sleep(1);
    __atomic_store_n(&b->heat[0], 0, __ATOMIC_RELAXED);
    begin_toil(b, 1);
    cr_assert_eq(worker_bed_stats(b).set_aside, 1);
    char path[64], state = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", worker);
    for (unsigned i = 0; i < 1000 && state != 'T'; i++) {
        FILE *f = fopen(path, "r");
        cr_assert(f && fscanf(f, "%*d (%*[^)]) %c", &state) == 1);
        fclose(f);
        worker_bed_sleep(1);
    }
    cr_assert_eq(state, 'T', "it is in state %c", state);
    cr_assert_eq(kill(worker, SIGKILL), 0);
    compile_service_drain(b->s);
    worker_bed_expect(b, 0, COMPILE_OK);
    worker_bed_expect(b, 1, COMPILE_OK);
    cr_assert_eq(worker_bed_stats(b).workers_died, 1);
    worker_bed_destroy(b);
}

Test(worker, what_waited_longest_makes_room)
{
    struct worker_bed *b =
        worker_bed_create_by_heat((struct compile_options){.max_queue = 4, .max_batch = 1});
    for (unsigned n = 0; n < 6; n++)
        cr_assert_eq(worker_bed_submit(b, n, DO_COMPILE), COMPILE_ACCEPTED,
                     "recipe %u is not accepted", n);
    compile_service_drain(b->s);
    for (unsigned n = 0; n < 6; n++)
        worker_bed_expect(b, n, n < 2 ? COMPILE_CANCELLED : COMPILE_OK);
    worker_bed_destroy(b);
}
