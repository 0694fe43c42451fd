// SPDX-License-Identifier: GPL-3.0-or-later
// The virtual clock: order of timers, stepping, timers armed from callbacks, the real clock's
// pauses.
#include "base/clock.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <time.h>

#define TIMERS 200

struct probe {
    struct clock_timer timer;
    struct clock *clock;
    int64_t fired_at; // -1: not yet
    unsigned times;
    int64_t again; // when to arm itself anew, from now; 0: not
    struct probe *disarms, *arms;
    int64_t arms_in;
};

static unsigned fired; // in all
static int64_t last;   // deadline of the last one that fired
static bool disordered;

static void fire(void *opaque)
{
    struct probe *p = opaque;
    fired++;
    p->times++;
    p->fired_at = clock_now(p->clock);
    disordered |= p->fired_at < last;
    last = p->fired_at;
    if (p->again)
        timer_arm(&p->timer, p->fired_at + p->again);
    if (p->disarms)
        timer_disarm(&p->disarms->timer);
    if (p->arms)
        timer_arm(&p->arms->timer, p->fired_at + p->arms_in);
}

static void probe_init(struct probe *p, struct clock *c)
{
    *p = (struct probe){.clock = c, .fired_at = -1};
    timer_init(&p->timer, c, fire, p);
}

static uint64_t draw(uint64_t *state)
{
    *state = *state * 6364136223846793005 + 1442695040888963407;
    return *state >> 33;
}

Test(clock, timers_fire_in_order_at_their_time)
{
    struct clock c;
    static struct probe p[TIMERS];
    int64_t want[TIMERS];
    uint64_t state = 1;
    clock_init(&c, true);
    for (unsigned n = 0; n < TIMERS; n++) {
        probe_init(&p[n], &c);
        timer_arm(&p[n].timer, (int64_t)(draw(&state) % 1000) + 1);
    }
    // Moved, taken out, put back.
    for (unsigned n = 0; n < 5 * TIMERS; n++) {
        struct probe *x = &p[draw(&state) % TIMERS];
        if (draw(&state) % 4)
            timer_arm(&x->timer, (int64_t)(draw(&state) % 1000) + 1);
        else
            timer_disarm(&x->timer);
    }
    unsigned armed = 0;
    int64_t first = CLOCK_NEVER;
    for (unsigned n = 0; n < TIMERS; n++) {
        want[n] = p[n].timer.deadline;
        armed += want[n] != CLOCK_NEVER;
        first = want[n] < first ? want[n] : first;
    }
    cr_expect_eq(clock_deadline(&c), first, "%ld, not %ld", clock_deadline(&c), first);
    for (unsigned n = 0; n < 11; n++) {
        clock_step(&c, 100);
        cr_expect_eq(clock_now(&c), 100 * (n + 1));
        for (unsigned k = 0; k < TIMERS; k++) {
            bool due = want[k] <= clock_now(&c);
            cr_expect_eq(p[k].fired_at, due ? want[k] : -1, "timer for %ld fired at %ld, now %ld",
                         want[k], p[k].fired_at, clock_now(&c));
        }
    }
    cr_expect_eq(fired, armed, "%u fired of %u", fired, armed);
    cr_expect(!disordered, "out of order");
    cr_expect_eq(clock_deadline(&c), CLOCK_NEVER);
    clock_fini(&c);
}

Test(clock, callbacks_arm_and_disarm)
{
    struct clock c;
    struct probe periodic, victim, late, killer, starter;
    clock_init(&c, true);
    probe_init(&periodic, &c);
    probe_init(&victim, &c);
    probe_init(&late, &c);
    probe_init(&killer, &c);
    probe_init(&starter, &c);
    periodic.again = 10;
    killer.disarms = &victim;
    starter.arms = &late;
    starter.arms_in = 5;
    timer_arm(&periodic.timer, 10);
    timer_arm(&victim.timer, 50);
    timer_arm(&killer.timer, 49);
    timer_arm(&starter.timer, 30);
    clock_step(&c, 100);
    cr_expect_eq(periodic.times, 10, "%u periods in 100 of 10", periodic.times);
    cr_expect_eq(periodic.fired_at, 100);
    cr_expect_eq(victim.times, 0, "a disarmed timer fired");
    cr_expect_eq(late.fired_at, 35, "armed in a callback, within the step: at %ld", late.fired_at);
    cr_expect_eq(clock_deadline(&c), 110);
    // In the past: due at once, at the time it is.
    timer_disarm(&periodic.timer);
    timer_arm(&victim.timer, 7);
    clock_run(&c);
    cr_expect(victim.times == 1 && victim.fired_at == 100);
    timer_arm(&victim.timer, 100);
    clock_step(&c, 0);
    cr_expect_eq(victim.times, 2, "a step of nothing fires what is due");
    timer_disarm(&victim.timer);
    timer_disarm(&victim.timer); // twice is once
    clock_step(&c, 1000);
    cr_expect_eq(victim.times, 2);
    clock_fini(&c);
}

Test(clock, equal_deadlines_all_fire)
{
    struct clock c;
    static struct probe p[40];
    clock_init(&c, true);
    for (unsigned n = 0; n < 40; n++) {
        probe_init(&p[n], &c);
        timer_arm(&p[n].timer, 5);
    }
    clock_step(&c, 4);
    cr_expect_eq(fired, 0);
    clock_step(&c, 1);
    cr_expect_eq(fired, 40, "%u of 40", fired);
    clock_fini(&c);
}

static unsigned changes;

static void changed(void *opaque)
{
    struct clock *c = opaque;
    clock_deadline(c); // unlocked: this must not hang
    changes++;
}

Test(clock, tells_when_the_earliest_deadline_moves_closer)
{
    struct clock c;
    struct probe a, b;
    clock_init(&c, true);
    c.changed = changed;
    c.opaque = &c;
    probe_init(&a, &c);
    probe_init(&b, &c);
    timer_arm(&a.timer, 100);
    cr_expect_eq(changes, 1);
    timer_arm(&b.timer, 200);
    cr_expect_eq(changes, 1, "a later one is no news");
    timer_arm(&b.timer, 50);
    cr_expect_eq(changes, 2);
    timer_disarm(&b.timer);
    timer_disarm(&a.timer);
    cr_expect_eq(changes, 2);
    clock_fini(&c);
}

Test(clock, the_real_one_runs_and_pauses)
{
    struct clock c;
    clock_init(&c, false);
    cr_expect_eq(clock_now(&c), 0, "starts stopped at 0");
    clock_set(&c, 1000000);
    cr_expect_eq(clock_now(&c), 1000000);
    clock_start(&c);
    int64_t a = clock_now(&c), b;
    cr_expect(a >= 1000000 && a < 1000000 + INT64_C(5000000000), "%ld after the start", a);
    while ((b = clock_now(&c)) == a) {
    }
    cr_expect_gt(b, a);
    clock_start(&c); // again: nothing
    clock_stop(&c);
    a = clock_now(&c);
    struct timespec t = {.tv_nsec = 2000000};
    nanosleep(&t, NULL);
    cr_expect_eq(clock_now(&c), a, "runs while stopped");
    clock_start(&c);
    b = clock_now(&c);
    cr_expect(b >= a && b < a + INT64_C(5000000000), "jumped by %ld", b - a);
    clock_set(&c, 77);
    b = clock_now(&c);
    cr_expect(b >= 77 && b < INT64_C(5000000000), "set while running: %ld", b);
    struct probe p;
    probe_init(&p, &c);
    timer_arm(&p.timer, b);
    clock_run(&c);
    cr_expect_eq(p.times, 1);
    clock_fini(&c);
}
