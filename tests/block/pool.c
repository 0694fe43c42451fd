// SPDX-License-Identifier: GPL-3.0-or-later
// The threads of a disk over a back end that the test holds at every step.
#include "devices/block/block.h"
#include "devices/block/pool.h"
#include "disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

TestSuite(pool, .timeout = 30);

#define REQUESTS 200

// Lets a request end when the test has said so.
struct stepped {
    struct block block;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned inside;  // requests in run()
    unsigned most;    // at a time
    unsigned allowed; // that may still end
    unsigned ended;
    unsigned written; // of the writes: ended
    unsigned covered; // writes that had ended when the last flush began
    bool instant;     // nobody waits
    bool eager;       // attempt() does it
};

static struct stepped s;
static struct mutex machine;
static struct block_request requests[REQUESTS];
static unsigned completed, deliveries;
static bool through; // of what submit() submits
static unsigned order[REQUESTS];
static pthread_t main_thread;

static int stepped_run(struct block *b, struct block_request *req)
{
    pthread_mutex_lock(&s.lock);
    s.inside++;
    if (s.inside > s.most)
        s.most = s.inside;
    if (req->op == BLOCK_FLUSH)
        s.covered = s.written;
    pthread_cond_broadcast(&s.changed);
    while (!s.allowed && !s.instant)
        pthread_cond_wait(&s.changed, &s.lock);
    s.allowed -= !s.instant;
    s.inside--;
    s.ended++;
    s.written += req->op == BLOCK_WRITE;
    pthread_cond_broadcast(&s.changed);
    pthread_mutex_unlock(&s.lock);
    return req->offset == 13 * 512 ? EIO : 0;
}

static int stepped_attempt(struct block *b, struct block_request *req)
{
    return s.eager ? 0 : EAGAIN;
}

static void stepped_close(struct block *b)
{
    pthread_cond_destroy(&s.changed);
}

static void allow(unsigned n)
{
    pthread_mutex_lock(&s.lock);
    s.allowed += n;
    pthread_cond_broadcast(&s.changed);
    pthread_mutex_unlock(&s.lock);
}

static void wait_inside(unsigned n)
{
    pthread_mutex_lock(&s.lock);
    while (s.inside < n)
        pthread_cond_wait(&s.changed, &s.lock);
    pthread_mutex_unlock(&s.lock);
}

static void done(struct block_request *req, int error)
{
    // Under the lock, whoever calls.
    cr_assert_eq(pthread_mutex_trylock(&machine.m), EBUSY);
    cr_assert_eq(error, req->offset == 13 * 512 ? EIO : 0);
    cr_assert_null(req->opaque, "request %td completed twice", req - requests);
    req->opaque = req;
    order[completed++] = (unsigned)(req - requests);
}

static void delivered(void *opaque)
{
    deliveries++;
}

static void begin(void)
{
    static const struct block_ops ops = {
        .run = stepped_run, .attempt = stepped_attempt, .close = stepped_close};
    s = (struct stepped){.block = {.ops = &ops, .size = 1 << 20, .delivered = delivered}};
    pthread_mutex_init(&s.lock, NULL);
    pthread_cond_init(&s.changed, NULL);
    mutex_init(&machine);
    memset(requests, 0, sizeof requests);
    completed = deliveries = 0;
    main_thread = pthread_self();
    block_start(&s.block, &machine);
}

static void submit(unsigned n, enum block_op op)
{
    requests[n] = (struct block_request){.op = op,
                                         .offset = n * 512,
                                         .len = op == BLOCK_FLUSH ? 0 : 512,
                                         .done = done,
                                         .through = through};
    block_submit(&s.block, &requests[n]);
}

static unsigned completed_now(void)
{
    mutex_lock(&machine);
    unsigned n = completed;
    mutex_unlock(&machine);
    return n;
}

static void wait_completed(unsigned n)
{
    while (completed_now() < n)
        sched_yield();
}

// Many reads wait at a time; each completes once, under the lock, though none is asked for.
Test(pool, many_in_flight)
{
    begin();
    mutex_lock(&machine);
    for (unsigned n = 0; n < REQUESTS; n++)
        submit(n, BLOCK_READ);
    block_kick(&s.block);
    cr_assert_eq(completed, 0);
    mutex_unlock(&machine);
    wait_inside(POOL_MAX_THREADS);
    cr_assert_eq(completed_now(), 0);
    allow(1);
    wait_completed(1);
    cr_assert_eq(completed_now(), 1);
    allow(REQUESTS);
    wait_completed(REQUESTS);
    cr_assert_eq(s.most, POOL_MAX_THREADS);
    block_close(&s.block);
    cr_assert_eq(completed, REQUESTS);
}

// Who holds the lock and drains makes the callbacks itself.
Test(pool, drain_under_the_lock)
{
    begin();
    for (unsigned round = 0; round < 50; round++) {
        s.instant = round % 2;
        mutex_lock(&machine);
        completed = 0;
        for (unsigned n = 0; n < 40; n++)
            submit(n, n % 3 ? BLOCK_WRITE : BLOCK_READ);
        if (round % 3)
            block_kick(&s.block);
        if (!s.instant)
            allow(40);
        block_drain(&s.block);
        cr_assert(completed == 40, "round %u: %u completed", round, completed);
        block_drain(&s.block);
        mutex_unlock(&machine);
    }
    block_close(&s.block);
}

// Close waits, too, and needs nobody who asks for completions.
Test(pool, close_drains)
{
    begin();
    mutex_lock(&machine);
    for (unsigned n = 0; n < 100; n++)
        submit(n, BLOCK_WRITE);
    mutex_unlock(&machine);
    s.instant = true;
    block_close(&s.block);
    cr_assert_eq(completed, 100);
}

// A flush covers every write that had completed before it was submitted.
Test(pool, flush_covers_what_completed)
{
    begin();
    through = true; // so that none is expected to be short
    unsigned n = 0, acknowledged = 0;
    for (unsigned round = 0; round < 8; round++) {
        mutex_lock(&machine);
        for (unsigned i = 0; i < 20; i++)
            submit(n++, BLOCK_WRITE);
        block_kick(&s.block);
        mutex_unlock(&machine);
        allow(7); // some of them
        wait_completed(acknowledged + 7);
        mutex_lock(&machine);
        acknowledged = completed;
        submit(n++, BLOCK_FLUSH);
        block_kick(&s.block);
        mutex_unlock(&machine);
        unsigned before = acknowledged - round; // writes, without the flushes
        allow(14);
        wait_completed(n);
        acknowledged = n;
        cr_assert(s.covered >= before, "round %u: covers %u writes of %u", round, s.covered,
                  before);
    }
    block_close(&s.block);
}

// What needs no waiting completes at once, in order.
Test(pool, at_once)
{
    begin();
    s.eager = true;
    mutex_lock(&machine);
    for (unsigned n = 0; n < 13; n++) { // the next one's error would come out of run()
        submit(n, n % 2 ? BLOCK_READ : BLOCK_WRITE);
        cr_assert(completed == n + 1 && order[n] == n, "%u of %u", completed, n);
    }
    mutex_unlock(&machine);
    cr_assert_eq(deliveries, 0); // that is for the caller to do
    block_close(&s.block);
}

// Callbacks that come together are followed by one `delivered`.
Test(pool, groups)
{
    begin();
    s.instant = true;
    mutex_lock(&machine);
    for (unsigned n = 0; n < 100; n++)
        submit(n, BLOCK_WRITE);
    block_kick(&s.block);
    block_drain(&s.block);
    mutex_unlock(&machine);
    cr_assert_eq(completed, 100);
    cr_assert(deliveries >= 1 && deliveries <= 100, "%u", deliveries);
    block_close(&s.block);
}

// Real files, several threads that submit, contents compared.
Test(pool, a_file)
{
    enum { SLOTS = 64, ROUNDS = 40, SIZE = 40960 };
    static uint8_t data[SLOTS][SIZE], back[SLOTS][SIZE];
    static struct iovec iov[SLOTS];
    struct error err;
    disk_setup();
    uint8_t *zeros = calloc(SLOTS, SIZE);
    test_dir_write(&disk_dir, "a.img", zeros, (size_t)SLOTS * SIZE);
    free(zeros);
    begin();
    struct block *b = raw_open(disk_path("a.img"), false, &err);
    cr_assert(b, "%s", err.text);
    block_start(b, &machine);
    for (unsigned round = 0; round < ROUNDS; round++) {
        bool write = round % 2 == 0;
        size_t len = round % 4 < 2 ? 4096 : SIZE;
        mutex_lock(&machine);
        completed = 0;
        for (unsigned n = 0; n < SLOTS; n++) {
            if (write)
                disk_pattern(data[n], len, round * 1000 + n);
            iov[n] = (struct iovec){write ? data[n] : back[n], len};
            requests[n] = (struct block_request){.op = write ? BLOCK_WRITE : BLOCK_READ,
                                                 .offset = n * (uint64_t)SIZE,
                                                 .len = len,
                                                 .iov = &iov[n],
                                                 .iovcnt = 1,
                                                 .done = done};
            block_submit(b, &requests[n]);
        }
        block_kick(b);
        block_drain(b);
        mutex_unlock(&machine);
        cr_assert_eq(completed, SLOTS);
        for (unsigned n = 0; !write && n < SLOTS; n++)
            cr_assert(!memcmp(data[n], back[n], len), "round %u slot %u", round, n);
    }
    block_close(b);
    block_close(&s.block);
    disk_teardown();
}
