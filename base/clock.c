// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/clock.h"

#include <stdlib.h>
#include <time.h>

static int64_t host_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

void clock_init(struct clock *c, bool manual)
{
    *c = (struct clock){ .manual = manual, .running = manual };
    mutex_init(&c->lock);
}

void clock_fini(struct clock *c)
{
    free(c->heap);
    mutex_fini(&c->lock);
}

int64_t clock_now(const struct clock *c)
{
    int64_t base = __atomic_load_n(&c->base, __ATOMIC_RELAXED);
    if (c->manual || !__atomic_load_n(&c->running, __ATOMIC_RELAXED))
        return base;
    return base + host_now();
}

static void set_now(struct clock *c, int64_t now)
{
    int64_t base = c->running && !c->manual ? now - host_now() : now;
    __atomic_store_n(&c->base, base, __ATOMIC_RELAXED);
}

void clock_set(struct clock *c, int64_t now)
{
    mutex_lock(&c->lock);
    set_now(c, now);
    mutex_unlock(&c->lock);
}

static void set_running(struct clock *c, bool on)
{
    mutex_lock(&c->lock);
    if (!c->manual && c->running != on) {
        int64_t now = clock_now(c);
        __atomic_store_n(&c->running, on, __ATOMIC_RELAXED);
        set_now(c, now);
    }
    mutex_unlock(&c->lock);
}

void clock_start(struct clock *c)
{
    set_running(c, true);
}

void clock_stop(struct clock *c)
{
    set_running(c, false);
}

// The heap: a timer knows its slot, so that it can be moved or taken out in place.

static void put(struct clock *c, size_t i, struct clock_timer *t)
{
    c->heap[i] = t;
    t->slot = i;
}

static void sift(struct clock *c, size_t i)
{
    struct clock_timer *t = c->heap[i];
    while (i && c->heap[(i - 1) / 2]->deadline > t->deadline) {
        put(c, i, c->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    for (size_t kid = 2 * i + 1; kid < c->count; kid = 2 * i + 1) {
        if (kid + 1 < c->count && c->heap[kid + 1]->deadline < c->heap[kid]->deadline)
            kid++;
        if (c->heap[kid]->deadline >= t->deadline)
            break;
        put(c, i, c->heap[kid]);
        i = kid;
    }
    put(c, i, t);
}

static void remove_locked(struct clock_timer *t)
{
    struct clock *c = t->clock;
    if (t->deadline == CLOCK_NEVER)
        return;
    t->deadline = CLOCK_NEVER;
    struct clock_timer *last = c->heap[--c->count];
    if (last != t) {
        put(c, t->slot, last);
        sift(c, last->slot);
    }
}

static void insert_locked(struct clock_timer *t, int64_t deadline)
{
    struct clock *c = t->clock;
    if (c->count == c->capacity) {
        c->capacity = c->capacity ? 2 * c->capacity : 16;
        c->heap = realloc(c->heap, c->capacity * sizeof *c->heap);
        assert(c->heap);
    }
    t->deadline = deadline;
    put(c, c->count++, t);
    sift(c, t->slot);
}

void timer_init(struct clock_timer *t, struct clock *c, void (*fire)(void *opaque), void *opaque)
{
    *t = (struct clock_timer){ .fire = fire, .opaque = opaque, .deadline = CLOCK_NEVER, .clock = c };
}

void timer_arm(struct clock_timer *t, int64_t deadline)
{
    struct clock *c = t->clock;
    mutex_lock(&c->lock);
    remove_locked(t);
    bool earliest = false;
    if (deadline != CLOCK_NEVER) {
        insert_locked(t, deadline);
        earliest = t->slot == 0;
    }
    mutex_unlock(&c->lock);
    if (earliest && c->changed)
        c->changed(c->opaque);
}

void timer_disarm(struct clock_timer *t)
{
    timer_arm(t, CLOCK_NEVER);
}

int64_t clock_deadline(struct clock *c)
{
    mutex_lock(&c->lock);
    int64_t d = c->count ? c->heap[0]->deadline : CLOCK_NEVER;
    mutex_unlock(&c->lock);
    return d;
}

// Takes the earliest timer due at `now` off the heap, or NULL.
static struct clock_timer *pop_due(struct clock *c, int64_t now)
{
    mutex_lock(&c->lock);
    struct clock_timer *t = c->count && c->heap[0]->deadline <= now ? c->heap[0] : NULL;
    if (t)
        remove_locked(t);
    mutex_unlock(&c->lock);
    return t;
}

void clock_run(struct clock *c)
{
    struct clock_timer *t;
    while ((t = pop_due(c, clock_now(c))))
        t->fire(t->opaque);
}

void clock_step(struct clock *c, int64_t ns)
{
    assert(c->manual);
    int64_t end = clock_now(c) + ns;
    for (int64_t d = clock_deadline(c); d <= end; d = clock_deadline(c)) {
        if (d > clock_now(c))
            clock_set(c, d);
        clock_run(c);
    }
    clock_set(c, end);
}
