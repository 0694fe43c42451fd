// SPDX-License-Identifier: GPL-3.0-or-later
// When the window is drawn: the pacer, a thread.
//
// It waits for the guest to draw (viewer.wake_fd) or for the time to look by itself, brings the
// viewer's copy up to date, and if that has changed says so by an SDL event, sixty times a second
// at most; it goes on when that has been served. So a vCPU that draws writes to a descriptor and
// never waits, whatever the window system does, and looks that find nothing wake neither SDL nor
// the X server.
#include "devices/display/sdl_window.h"

#include <assert.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

enum { FRAME_US = 16000 };

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static void push(struct sdl *s, int event)
{
    SDL_Event e = {.type = s->first_event + (uint32_t)event};
    SDL_PushEvent(&e);
}

// Until the last refresh has been served.
static void wait_served(struct sdl *s)
{
    mutex_lock(&s->pace.lock);
    while (!s->pace.served && !s->pace.stop)
        pthread_cond_wait(&s->pace.changed, &s->pace.lock.m);
    s->pace.served = false;
    mutex_unlock(&s->pace.lock);
}

bool sdl_pace_stopped(struct sdl *s)
{
    mutex_lock(&s->pace.lock);
    bool stop = s->pace.stop;
    mutex_unlock(&s->pace.lock);
    return stop;
}

// Brings the picture up to date; true: it has changed. Says when to do so again.
static bool look(struct sdl *s, int *poll_ms)
{
    mutex_lock(&s->viewer_lock);
    bool changed = viewer_update(&s->viewer, &s->change);
    *poll_ms = viewer_poll_ms(&s->viewer);
    mutex_unlock(&s->viewer_lock);
    return changed;
}

static void sleep_us(int64_t us)
{
    if (us > 0)
        nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
}

static void wait_woken(const struct sdl *s, int64_t us)
{
    struct pollfd p = {s->viewer.wake_fd, POLLIN, 0};
    if (us > 0)
        ppoll(&p, 1, &(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
}

// All times count from the last look, not from when it had been served; a beat that came late is
// made up for by the next, so that sleeps that are a little too long do not add up.
static void *run_pacer(void *opaque)
{
    struct sdl *s = opaque;
    int64_t last = now_us(), title = 0;
    while (!sdl_pace_stopped(s)) {
        int poll_ms;
        bool changed = look(s, &poll_ms);
        if (changed || last - title >= TITLE_MS * INT64_C(1000)) {
            title = last;
            push(s, EVENT_REFRESH);
            wait_served(s);
        }
        poll_ms = poll_ms < 0 || poll_ms > TITLE_MS ? TITLE_MS : poll_ms;
        wait_woken(s, last + poll_ms * INT64_C(1000) - now_us());
        sleep_us(last + FRAME_US - now_us());
        int64_t now = now_us();
        last = now - last < 2 * FRAME_US ? last + FRAME_US : now;
    }
    return NULL;
}

void sdl_pace_served(struct sdl *s)
{
    mutex_lock(&s->pace.lock);
    s->pace.served = true;
    pthread_cond_signal(&s->pace.changed);
    mutex_unlock(&s->pace.lock);
}

void sdl_pace_init(struct sdl *s)
{
    mutex_init(&s->viewer_lock);
    mutex_init(&s->pace.lock);
    pthread_cond_init(&s->pace.changed, NULL);
}

void sdl_pace_start(struct sdl *s)
{
    int r = pthread_create(&s->pace.thread, NULL, run_pacer, s);
    assert(r == 0);
    (void)r;
}

void sdl_pace_stop(struct sdl *s)
{
    mutex_lock(&s->pace.lock);
    s->pace.stop = true;
    pthread_cond_signal(&s->pace.changed);
    mutex_unlock(&s->pace.lock);
    uint64_t one = 1;
    (void)!write(s->viewer.wake_fd, &one, sizeof one);
    push(s, EVENT_STOP);
}

void sdl_pace_fini(struct sdl *s)
{
    if (s->pace.thread) {
        sdl_pace_stop(s);
        pthread_join(s->pace.thread, NULL);
    }
    pthread_cond_destroy(&s->pace.changed);
    mutex_fini(&s->pace.lock);
    mutex_fini(&s->viewer_lock);
}
