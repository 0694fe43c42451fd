// SPDX-License-Identifier: GPL-3.0-or-later
// The service thread, and the service's beginning and end.
#include "jit/worker.h"

#include "jit/worker_service.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

void worker_wake(struct compile_service *s)
{
    uint64_t one = 1;
    (void)!write(s->wake, &one, sizeof one);
}

static bool has_deadline(const struct slot *slot)
{
    return slot->state != SLOT_EMPTY && slot->state != SLOT_ASIDE && slot->state != SLOT_DYING;
}

// Kills who is late, lets go who is idle.
static void check_deadlines(struct compile_service *s, int64_t now)
{
    for (unsigned i = 0; i < s->nr_slots; i++) {
        struct slot *slot = &s->slots[i];
        if (!has_deadline(slot) || now < slot->deadline)
            continue;
        if (slot->state == SLOT_IDLE) {
            worker_lose(s, slot, true, "");
            continue;
        }
        mutex_lock(&s->lock);
        s->stats.workers_killed++;
        mutex_unlock(&s->lock);
        worker_lose(s, slot, false, "the compiler took too long");
    }
}

// When the next worker is late or idle for too long, ns.
static int64_t next_deadline(const struct compile_service *s)
{
    int64_t next = INT64_MAX;
    for (unsigned i = 0; i < s->nr_slots; i++) {
        const struct slot *slot = &s->slots[i];
        if (has_deadline(slot) && slot->deadline < next)
            next = slot->deadline;
    }
    return next;
}

static int poll_timeout(int64_t until, int64_t now)
{
    if (until == INT64_MAX)
        return -1;
    return until <= now ? 0 : (int)((until - now + NS_PER_MS - 1) / NS_PER_MS);
}

static void wait_and_serve(struct compile_service *s, int64_t until, int64_t now)
{
    struct pollfd fds[MAX_SLOTS + 2];
    struct slot *who[MAX_SLOTS + 2] = {NULL};
    nfds_t n = 0;
    fds[n++] = (struct pollfd){s->wake, POLLIN, 0};
    fds[n++] = (struct pollfd){s->why_down[0] ? -1 : s->control, POLLIN, 0};
    for (unsigned i = 0; i < s->nr_slots; i++) {
        struct slot *slot = &s->slots[i];
        if (slot->state == SLOT_EMPTY || slot->state == SLOT_DYING)
            continue;
        who[n] = slot;
        fds[n++] = (struct pollfd){slot->fd, (short)(POLLIN | (slot->out ? POLLOUT : 0)), 0};
    }
    if (poll(fds, n, poll_timeout(until, now)) <= 0)
        return;
    if (fds[0].revents) {
        uint64_t count;
        (void)!read(s->wake, &count, sizeof count);
    }
    now = worker_now();
    for (nfds_t i = 2; i < n; i++) {
        if (fds[i].revents & POLLOUT)
            worker_feed(s, who[i]);
        if ((fds[i].revents & ~POLLOUT) && who[i]->fd >= 0)
            worker_hear(s, who[i], now);
    }
    if (fds[1].revents)
        worker_hear_zygote(s);
}

static void *service_thread(void *opaque)
{
    struct compile_service *s = opaque;
    bool announced = false;
    prctl(PR_SET_NAME, "compile-service");
    for (;;) {
        mutex_lock(&s->lock);
        bool stop = s->stop;
        mutex_unlock(&s->lock);
        if (stop)
            return NULL;
        if (s->why_down[0] && !announced) {
            announced = true;
            worker_go_down(s, s->why_down);
        }
        int64_t now = worker_now();
        check_deadlines(s, now);
        int64_t due = announced ? INT64_MAX : worker_dispatch(s, now);
        int64_t until = next_deadline(s);
        if (!s->why_down[0] || announced)
            wait_and_serve(s, due < until ? due : until, now);
    }
}

// Beginning and end -----------------------------------------------------------------------------

static void set_defaults(struct compile_options *o)
{
    const struct {
        unsigned *field;
        unsigned value;
    } defaults[] = {
        {&o->nr_workers, 1},  {&o->max_batch, 16},         {&o->max_insns, 4096},
        {&o->collect_ms, 20}, {&o->max_queue, 1024},       {&o->time_limit_ms, 30000},
        {&o->cpu_limit_s, 2}, {&o->recycle_compiles, 300}, {&o->idle_ms, 10000},
    };
    for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
        if (!*defaults[i].field)
            *defaults[i].field = defaults[i].value;
    if (!o->memory_limit)
        o->memory_limit = UINT64_C(1) << 30;
    if (!o->recycle_bytes)
        o->recycle_bytes = UINT64_C(256) << 20;
    if (!o->nice)
        o->nice = 5;
    if (o->nr_workers > COMPILE_MAX_WORKERS)
        o->nr_workers = COMPILE_MAX_WORKERS;
    if (o->max_batch > COMPILE_MAX_BATCH)
        o->max_batch = COMPILE_MAX_BATCH;
}

struct compile_service *compile_service_create(const struct compile_options *options,
                                               struct error *err)
{
    int pair[2] = {-1, -1};
    struct compile_service *s = calloc(1, sizeof *s);
    if (!s) {
        error_set(err, "compile service: out of memory");
        return NULL;
    }
    s->options = *options;
    set_defaults(&s->options);
    s->nr_slots = s->options.nr_workers + MOST_ASIDE + MOST_DYING;
    s->tail = &s->head;
    mutex_init(&s->lock);
    pthread_cond_init(&s->idle, NULL);
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->wake >= 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0)
        s->zygote = fork();
    else
        s->zygote = -1;
    if (s->zygote == 0)
        zygote_main(&s->options, pair[1]);
    s->control = pair[0];
    if (pair[1] >= 0)
        close(pair[1]);
    if (s->zygote < 0) {
        error_set(err, "compile service: %s", strerror(errno));
        compile_service_destroy(s);
        return NULL;
    }
    return s;
}

bool compile_service_start(struct compile_service *s, const struct compile_hooks *hooks,
                           struct error *err)
{
    sigset_t all, old;
    s->hooks = *hooks;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int r = pthread_create(&s->thread, NULL, service_thread, s);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    s->started = r == 0;
    if (r)
        return error_set(err, "compile service: %s", strerror(r));
    return true;
}

// Waits for the zygote, which ends when its socket does.
static void bury_zygote(struct compile_service *s)
{
    struct timespec pause = {0, 1000000};
    for (unsigned ms = 0; ms < 2000; ms++) {
        if (waitpid(s->zygote, NULL, WNOHANG) != 0)
            return;
        nanosleep(&pause, NULL);
    }
    kill(s->zygote, SIGKILL);
    waitpid(s->zygote, NULL, 0);
}

void compile_service_destroy(struct compile_service *s)
{
    if (!s)
        return;
    mutex_lock(&s->lock);
    s->stop = true;
    mutex_unlock(&s->lock);
    if (s->started) {
        worker_wake(s);
        pthread_join(s->thread, NULL);
    }
    worker_cancel_all(s);
    for (unsigned i = 0; i < ARRAY_SIZE(s->slots); i++)
        if (s->slots[i].state != SLOT_EMPTY && s->slots[i].state != SLOT_DYING)
            worker_close(&s->slots[i]);
    if (s->control >= 0)
        close(s->control);
    if (s->zygote > 0)
        bury_zygote(s);
    if (s->wake >= 0)
        close(s->wake);
    pthread_cond_destroy(&s->idle);
    mutex_fini(&s->lock);
    free(s);
}

void compile_service_flush(struct compile_service *s)
{
    mutex_lock(&s->lock);
    s->flush = true;
    mutex_unlock(&s->lock);
    worker_wake(s);
}

void compile_service_drain(struct compile_service *s)
{
    compile_service_flush(s);
    mutex_lock(&s->lock);
    while (s->outstanding)
        pthread_cond_wait(&s->idle, &s->lock.m);
    mutex_unlock(&s->lock);
}

void compile_service_stats(struct compile_service *s, struct compile_stats *out)
{
    mutex_lock(&s->lock);
    *out = s->stats;
    mutex_unlock(&s->lock);
}
