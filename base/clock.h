// SPDX-License-Identifier: GPL-3.0-or-later
// Guest time: a virtual clock in nanoseconds and the timers that hang on it.
//
// One `struct clock` a machine. It runs with the host's monotonic clock, stands still while
// stopped, or (for tests and replay) moves only when stepped. Timers are one-shot; their callbacks
// run in the thread that calls clock_run(), which holds the machine lock, never in the caller of
// timer_arm(). clock_now() may be called from any thread without a lock; everything else is under
// the clock's own lock.
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/bits.h"
#include "base/thread.h"

#define CLOCK_NEVER INT64_MAX

struct clock;

struct clock_timer {
    void (*fire)(void *opaque); // runs in clock_run(), the timer already disarmed
    void *opaque;
    int64_t deadline;           // ns of guest time; CLOCK_NEVER while disarmed
    struct clock *clock;
    size_t slot;                // index in the heap, while armed
};

struct clock {
    struct mutex lock;
    bool manual;               // moves by clock_step() only
    bool running;
    int64_t base;              // guest ns = base + (host ns if running and not manual)
    struct clock_timer **heap; // armed timers, earliest first
    size_t count, capacity;
    void (*changed)(void *opaque); // the earliest deadline moved closer; called unlocked
    void *opaque;
};

// Starts stopped at 0. A manual clock is always "running".
void clock_init(struct clock *c, bool manual);
void clock_fini(struct clock *c);
void clock_start(struct clock *c);
void clock_stop(struct clock *c);
void clock_set(struct clock *c, int64_t now);

int64_t clock_now(const struct clock *c);

void timer_init(struct clock_timer *t, struct clock *c, void (*fire)(void *opaque), void *opaque);
void timer_arm(struct clock_timer *t, int64_t deadline); // CLOCK_NEVER disarms
void timer_disarm(struct clock_timer *t);

// The earliest deadline, or CLOCK_NEVER.
int64_t clock_deadline(struct clock *c);
// Fires every timer that is due, in order of deadline.
void clock_run(struct clock *c);
// Moves a manual clock by ns, firing what falls due on the way at its own time.
void clock_step(struct clock *c, int64_t ns);

#endif
