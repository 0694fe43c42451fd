// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/block/pool.h"

#include <stdlib.h>
#include <time.h>

#define SHORT_BYTES 32768u // a write up to this is expected not to wait
#define SHORT_NS    100000 // unless writes have lately taken longer than this
#define BATCH       8      // finished requests that are delivered at the latest

struct list {
    struct block_request *first, **last;
};

struct block_pool {
    struct block *block;
    struct mutex *machine;   // delivers under it
    struct mutex lock;       // all below
    pthread_cond_t work;     // `called` was raised, or quit
    pthread_cond_t finished; // for the drain
    struct list queue, done;
    unsigned undelivered; // in done
    unsigned running;     // requests
    unsigned count;       // threads
    unsigned idle;        // threads that sleep and have not been called
    unsigned called;      // threads that have been called and not yet woken
    unsigned waiting;     // threads in what may sleep
    bool draining, quit;
    bool delivering;  // a thread waits for the machine lock
    int64_t write_ns; // what a short write took lately
    pthread_t threads[POOL_MAX_THREADS];
};

static void list_init(struct list *l)
{
    l->first = NULL;
    l->last = &l->first;
}

static void list_append(struct list *l, struct block_request *r)
{
    r->next = NULL;
    *l->last = r;
    l->last = &r->next;
}

static struct block_request *list_take(struct list *l)
{
    struct block_request *r = l->first;
    l->first = r->next;
    if (!l->first)
        l->last = &l->first;
    return r;
}

// Machine lock held, the pool's not. A thread that had announced itself (`announced`) takes that
// back; nobody else does, so that at most one thread waits for the machine lock.
static void deliver(struct block_pool *p, bool announced)
{
    mutex_lock(&p->lock);
    struct block_request *r = p->done.first;
    list_init(&p->done);
    p->undelivered = 0;
    p->delivering &= !announced;
    mutex_unlock(&p->lock);
    if (!r)
        return;
    for (struct block_request *next; r; r = next) {
        next = r->next;
        r->done(r, r->error);
    }
    if (p->block->delivered)
        p->block->delivered(p->block->delivered_opaque);
}

static void *work(void *opaque);

// Pool lock held. Sees to it that a thread looks at the queue soon.
static void call(struct block_pool *p)
{
    if (!p->queue.first || p->count - p->idle > p->waiting)
        return; // nothing to do, or somebody is awake and comes by
    if (p->idle) {
        p->idle--;
        p->called++;
        pthread_cond_signal(&p->work);
    } else if (p->count < POOL_MAX_THREADS &&
               !pthread_create(&p->threads[p->count], NULL, work, p)) {
        p->count++;
    }
}

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

// Pool lock held. Writes of a few pages go to the host's cache and seldom wait, and none does to a file
// in memory, whose pages two threads would only get in each other's way to make. Reads that come here
// have been found not to be in it.
static bool may_sleep(const struct block_pool *p, const struct block_request *r)
{
    if (r->op != BLOCK_WRITE)
        return true;
    return !p->block->memory && (r->through || r->len > SHORT_BYTES || p->write_ns > SHORT_NS);
}

// Pool lock held; released while it runs.
static void run(struct block_pool *p, struct block_request *r)
{
    bool sleeps = may_sleep(p, r), is_short = r->op == BLOCK_WRITE && r->len <= SHORT_BYTES;
    p->running++;
    if (sleeps) {
        p->waiting++;
        call(p);
    }
    mutex_unlock(&p->lock);
    int64_t began = is_short ? now() : 0;
    r->error = block_perform(p->block, r);
    int64_t took = is_short ? now() - began : 0;
    mutex_lock(&p->lock);
    if (is_short)
        p->write_ns += (took - p->write_ns) / 8;
    p->waiting -= sleeps;
    p->running--;
    list_append(&p->done, r);
    p->undelivered++;
    if (p->draining)
        pthread_cond_signal(&p->finished);
}

// Pool lock held. Whether this thread goes to the machine lock now: not if another one is on its
// way there, nor between short requests.
static bool time_to_deliver(const struct block_pool *p)
{
    return p->undelivered && !p->delivering &&
           (!p->queue.first || p->undelivered >= BATCH || may_sleep(p, p->queue.first));
}

static void *work(void *opaque)
{
    struct block_pool *p = opaque;
    mutex_lock(&p->lock);
    while (!p->quit) {
        if (time_to_deliver(p)) {
            p->delivering = true;
            p->waiting++; // the machine lock may be held for long
            call(p);
            mutex_unlock(&p->lock);
            mutex_lock(p->machine);
            deliver(p, true);
            mutex_unlock(p->machine);
            mutex_lock(&p->lock);
            p->waiting--;
        } else if (p->queue.first) {
            run(p, list_take(&p->queue));
        } else {
            p->idle++;
            while (!p->called && !p->quit)
                pthread_cond_wait(&p->work, &p->lock.m);
            p->called -= p->called > 0;
        }
    }
    mutex_unlock(&p->lock);
    return NULL;
}

struct block_pool *pool_create(struct block *block, struct mutex *lock)
{
    struct block_pool *p = calloc(1, sizeof *p);
    assert(p);
    p->block = block;
    p->machine = lock;
    mutex_init(&p->lock);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->finished, NULL);
    list_init(&p->queue);
    list_init(&p->done);
    return p;
}

void pool_submit(struct block_pool *p, struct block_request *req)
{
    mutex_lock(&p->lock);
    list_append(&p->queue, req);
    mutex_unlock(&p->lock);
}

// Without any thread (the host refuses them) the caller does the work.
static void run_all(struct block_pool *p)
{
    while (p->queue.first)
        run(p, list_take(&p->queue));
}

void pool_kick(struct block_pool *p)
{
    mutex_lock(&p->lock);
    call(p);
    bool alone = p->queue.first && !p->count;
    if (alone)
        run_all(p);
    mutex_unlock(&p->lock);
    if (alone)
        deliver(p, false);
}

void pool_drain(struct block_pool *p)
{
    pool_kick(p);
    mutex_lock(&p->lock);
    p->draining = true;
    while (p->queue.first || p->running || p->done.first) {
        if (p->done.first) {
            mutex_unlock(&p->lock);
            deliver(p, false);
            mutex_lock(&p->lock);
        } else {
            pthread_cond_wait(&p->finished, &p->lock.m);
        }
    }
    p->draining = false;
    mutex_unlock(&p->lock);
}

void pool_destroy(struct block_pool *p)
{
    mutex_lock(p->machine);
    pool_drain(p);
    mutex_unlock(p->machine);
    mutex_lock(&p->lock);
    p->quit = true;
    pthread_cond_broadcast(&p->work);
    mutex_unlock(&p->lock);
    for (unsigned n = 0; n < p->count; n++)
        pthread_join(p->threads[n], NULL);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->finished);
    mutex_fini(&p->lock);
    free(p);
}
