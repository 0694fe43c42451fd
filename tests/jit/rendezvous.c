// SPDX-License-Identifier: GPL-3.0-or-later
// vCPUs that want something of each other, without any guest: threads that are inside most of the
// time and look at their requests as an engine does.
#include "jit/rendezvous.h"

#include "jit/jit.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <stdlib.h>

#define CPUS 4

static struct jit jit;
static struct guest guest;
static struct log quiet;
static struct vcpu *cpus[CPUS];
static pthread_t threads[CPUS];
static uint64_t done_by[CPUS]; // by work, in the vCPU's own thread
static unsigned flushes;       // atomic
static bool over;              // atomic
static uint64_t beats[CPUS];   // atomic: how often it has been round, inside

static void count_flush(struct vcpu *cpu)
{
    __atomic_add_fetch(&flushes, 1, __ATOMIC_SEQ_CST);
}

static void add(struct vcpu *cpu, uint64_t arg)
{
    __atomic_add_fetch(&done_by[cpu->index], arg, __ATOMIC_SEQ_CST);
}

static uint64_t done(unsigned cpu)
{
    return __atomic_load_n(&done_by[cpu], __ATOMIC_SEQ_CST);
}

static void init(void)
{
    guest = (struct guest){ .name = "none", .translator_size = 64, .flush_tlb = count_flush };
    jit_init(&jit, &guest, &quiet);
    for (unsigned n = 0; n < CPUS; n++) {
        cpus[n] = calloc(1, sizeof *cpus[n]);
        cr_assert(cpus[n]);
        cpus[n]->index = n;
        jit_add_cpu(&jit, cpus[n]);
    }
}

static void fini(void)
{
    jit_fini(&jit);
    for (unsigned n = 0; n < CPUS; n++)
        free(cpus[n]);
}

TestSuite(rendezvous, .init = init, .fini = fini, .timeout = 60);

static void look(struct vcpu *cpu)
{
    if (__atomic_exchange_n(&cpu->exit_request, 0, __ATOMIC_SEQ_CST) & EXIT_REQ_WORK)
        rendezvous_serve(cpu);
}

// A vCPU that only runs.
static void *runner(void *opaque)
{
    struct vcpu *cpu = opaque;
    rendezvous_enter(cpu);
    while (!__atomic_load_n(&over, __ATOMIC_SEQ_CST)) {
        __atomic_add_fetch(&beats[cpu->index], 1, __ATOMIC_SEQ_CST);
        look(cpu);
    }
    rendezvous_leave(cpu);
    return NULL;
}

// Starts all but the first, and waits until they run.
static void start(void *(*fn)(void *opaque))
{
    for (unsigned n = 1; n < CPUS; n++)
        cr_assert(!pthread_create(&threads[n], NULL, fn, cpus[n]));
    for (unsigned n = 1; n < CPUS; n++)
        while (!__atomic_load_n(&beats[n], __ATOMIC_SEQ_CST))
            sched_yield();
}

static void join(void)
{
    __atomic_store_n(&over, true, __ATOMIC_SEQ_CST);
    for (unsigned n = 1; n < CPUS; n++)
        pthread_join(threads[n], NULL);
}

Test(rendezvous, work_is_done_when_awaited)
{
    start(runner);
    rendezvous_enter(cpus[0]);
    for (uint64_t round = 1; round <= 500; round++) {
        rendezvous_ask(&jit, cpus[0], add, 1);
        rendezvous_await(cpus[0]);
        for (unsigned n = 1; n < CPUS; n++)
            cr_assert(done(n) == round, "round %lu: CPU %u has done %lu", round, n, done(n));
    }
    rendezvous_leave(cpus[0]);
    cr_expect(done(0) == 0, "the asking CPU did it too");
    join();
}

Test(rendezvous, nobody_waits_for_who_is_outside)
{
    rendezvous_enter(cpus[0]);
    rendezvous_ask(&jit, cpus[0], add, 7);
    rendezvous_await(cpus[0]); // or this hangs
    cr_expect(done(1) == 0, "CPU 1 does not run");
    rendezvous_enter(cpus[1]);
    cr_expect(done(1) == 7, "work left for a sleeping CPU: %lu", done(1));
    rendezvous_leave(cpus[1]);
    rendezvous_leave(cpus[0]);
}

Test(rendezvous, too_much_becomes_a_flush)
{
    for (unsigned n = 0; n < ARRAY_SIZE(cpus[1]->work.item); n++)
        rendezvous_ask(&jit, cpus[0], add, 1);
    rendezvous_enter(cpus[1]);
    cr_expect(done(1) == ARRAY_SIZE(cpus[1]->work.item) && !flushes, "%lu, %u flushes", done(1), flushes);
    for (unsigned n = 0; n < 1000; n++)
        rendezvous_ask(&jit, NULL, add, 1000);
    rendezvous_serve(cpus[1]);
    cr_expect(done(1) == ARRAY_SIZE(cpus[1]->work.item) && flushes == 1, "%lu, %u flushes", done(1), flushes);
    rendezvous_ask(&jit, NULL, add, 1);
    rendezvous_serve(cpus[1]);
    cr_expect(done(1) == ARRAY_SIZE(cpus[1]->work.item) + 1 && flushes == 1, "the queue is good again");
    rendezvous_leave(cpus[1]);
}

// The device that a vCPU writes to may ask all of them, it included.
Test(rendezvous, own_work_within_an_instruction)
{
    rendezvous_enter(cpus[2]);
    rendezvous_ask(&jit, NULL, add, 3);
    cr_expect(cpus[2]->exit_request & EXIT_REQ_WORK);
    rendezvous_catch_up(cpus[2]);
    cr_expect(done(2) == 3);
    rendezvous_leave(cpus[2]);
}

enum { ROUNDS = 1000 };

// Everybody asks everybody, and waits.
static void *asker(void *opaque)
{
    struct vcpu *cpu = opaque;
    rendezvous_enter(cpu);
    __atomic_add_fetch(&beats[cpu->index], 1, __ATOMIC_SEQ_CST);
    for (unsigned n = 0; n < ROUNDS; n++) {
        rendezvous_ask(&jit, cpu, add, 1);
        if (n % 3)
            rendezvous_await(cpu);
        look(cpu);
    }
    rendezvous_leave(cpu);
    return NULL;
}

Test(rendezvous, all_wait_for_each_other)
{
    start(asker);
    asker(cpus[0]);
    join();
    for (unsigned n = 0; n < CPUS; n++) {
        rendezvous_enter(cpus[n]); // what came after it had left
        const struct vcpu_work *w = &cpus[n]->work;
        cr_expect(w->asked == (CPUS - 1) * ROUNDS && w->done == w->asked, "CPU %u: asked %lu, done %lu", n, w->asked, w->done);
        cr_expect(flushes || done(n) == w->asked, "CPU %u: %lu done", n, done(n));
        rendezvous_leave(cpus[n]);
    }
}

Test(rendezvous, others_stand_still)
{
    start(runner);
    rendezvous_enter(cpus[0]);
    for (unsigned round = 0; round < 100; round++) {
        uint64_t before[CPUS];
        rendezvous_stop_others(cpus[0]);
        for (unsigned n = 1; n < CPUS; n++)
            before[n] = __atomic_load_n(&beats[n], __ATOMIC_SEQ_CST);
        sched_yield();
        for (unsigned n = 1; n < CPUS; n++)
            cr_assert(__atomic_load_n(&beats[n], __ATOMIC_SEQ_CST) == before[n], "round %u: CPU %u runs", round, n);
        rendezvous_let_go(cpus[0]);
        look(cpus[0]);
    }
    rendezvous_leave(cpus[0]);
    join();
}

static uint64_t alone; // not atomic: by whoever has stopped the others

// Stops, asks and waits in an order of its own.
static void *restless(void *opaque)
{
    struct vcpu *cpu = opaque;
    uint32_t dice = cpu->index * 2654435761u + 1;
    rendezvous_enter(cpu);
    __atomic_add_fetch(&beats[cpu->index], 1, __ATOMIC_SEQ_CST);
    for (unsigned n = 0; n < ROUNDS; n++) {
        dice = dice * 1664525 + 1013904223;
        switch (dice >> 29) {
        case 0:
            rendezvous_stop_others(cpu);
            alone++;
            rendezvous_let_go(cpu);
            __atomic_add_fetch(&done_by[0], 1, __ATOMIC_SEQ_CST);
            break;
        case 1:
            rendezvous_leave(cpu);
            rendezvous_enter(cpu);
            break;
        case 2:
            rendezvous_ask(&jit, cpu, add, 0);
            rendezvous_await(cpu);
            break;
        default:
            break;
        }
        look(cpu);
    }
    rendezvous_leave(cpu);
    return NULL;
}

Test(rendezvous, restless)
{
    start(restless);
    restless(cpus[0]);
    join();
    cr_expect(alone == done(0) && alone > 0, "%lu times alone, counted %lu", done(0), alone);
}
