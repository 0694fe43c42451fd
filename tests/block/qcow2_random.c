// SPDX-License-Identifier: GPL-3.0-or-later
// Random requests in flight together, through the disk's threads, against a model in memory. Each
// slot of the disk has at most one request at a time, so that the model knows what it holds; slots
// are smaller than clusters, so that requests meet in tables and in clusters.
#include "devices/block/qcow2.h"
#include "disk.h"

#include <stdlib.h>
#include <string.h>

TestSuite(qcow2_random, .init = disk_setup, .fini = disk_teardown, .timeout = 170);

#define SLOT  5120u // bytes
#define SLOTS 1000u
#define JOBS  48u

struct job {
    struct block_request req;
    struct iovec iov[4];
    uint8_t data[8 * SLOT];
    unsigned slot, count;
    bool busy;
};

struct run {
    struct block *b;
    struct mutex lock;
    struct job jobs[JOBS];
    bool taken[SLOTS];
    uint8_t model[SLOTS * SLOT];
    uint64_t x;
    unsigned started, ended, limit;
    bool discards; // the model knows what they leave
};

static struct run r;

static void start(struct job *j);

static void finished(struct block_request *req, int error)
{
    struct job *j = req->opaque;
    uint8_t *model = r.model + j->slot * SLOT;
    size_t len = (size_t)req->len;
    cr_assert(!error, "op %d at slot %u: %s", req->op, j->slot, strerror(error));
    switch (req->op) {
    case BLOCK_READ:
        for (size_t n = 0; n < len; n++)
            cr_assert(j->data[n] == model[n], "request %u: byte %zu of slot %u is %02x, not %02x",
                      r.ended, n, j->slot, j->data[n], model[n]);
        break;
    case BLOCK_WRITE:
        memcpy(model, j->data, len);
        break;
    case BLOCK_WRITE_ZEROES:
        memset(model, 0, len);
        break;
    default:
        break;
    }
    memset(&r.taken[j->slot], 0, j->count);
    j->busy = false;
    r.ended++;
    if (r.started < r.limit)
        start(j);
}

static bool take(struct job *j)
{
    j->count = (unsigned)(random_next(&r.x) % 8) + 1;
    j->slot = (unsigned)(random_next(&r.x) % (SLOTS - j->count + 1));
    for (unsigned n = 0; n < j->count; n++)
        if (r.taken[j->slot + n])
            return false;
    memset(&r.taken[j->slot], 1, j->count);
    return true;
}

static void start(struct job *j)
{
    static const enum block_op kinds[] = {BLOCK_READ,  BLOCK_READ,        BLOCK_READ,
                                          BLOCK_WRITE, BLOCK_WRITE,       BLOCK_WRITE,
                                          BLOCK_WRITE, BLOCK_WRITE_ZEROES};
    while (!take(j))
        ;
    uint64_t len = j->count * (uint64_t)SLOT, cut = random_next(&r.x) % (len / 4) + 1;
    j->req = (struct block_request){.op = kinds[random_next(&r.x) % ARRAY_SIZE(kinds)],
                                    .offset = j->slot * (uint64_t)SLOT,
                                    .len = len,
                                    .unmap = random_next(&r.x) & 1,
                                    .through = random_next(&r.x) % 16 == 0,
                                    .iov = j->iov,
                                    .iovcnt = 4,
                                    .done = finished,
                                    .opaque = j};
    for (unsigned n = 0; n < 4; n++)
        j->iov[n] = (struct iovec){j->data + n * cut, n < 3 ? cut : len - 3 * cut};
    if (random_next(&r.x) % 40 == 0)
        j->req.op = BLOCK_FLUSH;
    if (j->req.op == BLOCK_WRITE)
        disk_pattern(j->data, len, r.started);
    j->busy = true;
    r.started++;
    block_submit(r.b, &j->req);
}

static void kick(void *opaque)
{
    block_kick(r.b);
}

static void run_requests(unsigned count)
{
    r.started = r.ended = 0;
    r.limit = count;
    r.b->delivered = kick;
    block_start(r.b, &r.lock);
    mutex_lock(&r.lock);
    for (unsigned n = 0; n < JOBS; n++)
        start(&r.jobs[n]);
    block_kick(r.b);
    mutex_unlock(&r.lock);
    for (unsigned ended = 0; ended < count;) {
        sched_yield();
        mutex_lock(&r.lock);
        ended = r.ended;
        mutex_unlock(&r.lock);
    }
    block_close(r.b);
}

static void expect_all(const char *name, bool backing)
{
    struct error err;
    struct qcow2_check result;
    r.b = backing ? disk_open_backed(name, true) : disk_open(name, true);
    disk_expect(r.b, 0, r.model, sizeof r.model);
    cr_assert(qcow2_check_image(qcow2_of(r.b), false, &result, stderr, &err), "%s", err.text);
    cr_assert(!result.errors && !result.leaks, "%llu errors, %llu leaks",
              (unsigned long long)result.errors, (unsigned long long)result.leaks);
    block_close(r.b);
    if (disk_have_qemu_img())
        disk_shell(0, "qemu-img check -q %s", name);
}

static void begin(uint64_t seed)
{
    memset(&r, 0, sizeof r);
    mutex_init(&r.lock);
    r.x = seed;
}

Test(qcow2_random, in_flight_together)
{
    static const struct qcow2_create_options kinds[] = {
        {.version = 3, .cluster_bits = 16, .refcount_order = 4},
        {.version = 3, .cluster_bits = 12, .refcount_order = 4},
        {.version = 3, .cluster_bits = 9, .refcount_order = 6},
        {.version = 2, .cluster_bits = 14, .refcount_order = 4},
        {.version = 3, .cluster_bits = 21, .refcount_order = 0},
    };
    struct error err;
    struct block_file file;
    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
        struct qcow2_create_options o = kinds[k];
        o.size = SLOTS * SLOT;
        cr_assert(file_create(&file, disk_path("a.qcow2"), true, &err), "%s", err.text);
        cr_assert(qcow2_format_file(&file, &o, &err), "%s", err.text);
        file_close(&file);
        begin(k + 1);
        for (unsigned round = 0; round < 3; round++) { // each time with what is there
            r.b = disk_open("a.qcow2", false);
            run_requests(1500);
            expect_all("a.qcow2", false);
        }
    }
}

Test(qcow2_random, compressed_and_backed)
{
    NEEDS_QEMU_IMG();
    begin(77);
    for (size_t n = 0; n < sizeof r.model; n++)
        r.model[n] = (uint8_t)(n / 10000);
    test_dir_write(&disk_dir, "raw.img", r.model, sizeof r.model);
    QEMU_IMG("convert -c -O qcow2 raw.img a.qcow2");
    r.b = disk_open("a.qcow2", false);
    run_requests(2000);
    expect_all("a.qcow2", false);
    QEMU_IMG("convert -c -O qcow2 a.qcow2 base.qcow2");
    QEMU_IMG("create -q -f qcow2 -b base.qcow2 -F qcow2 over.qcow2");
    r.b = disk_open_backed("over.qcow2", false);
    run_requests(2000);
    expect_all("over.qcow2", true);
}

// Raw files and snapshots of them in the same way.
Test(qcow2_random, raw_and_overlay)
{
    struct error err;
    begin(78);
    test_dir_write(&disk_dir, "raw.img", r.model, sizeof r.model);
    r.b = disk_open("raw.img", false);
    run_requests(3000);
    r.b = overlay_open(disk_open("raw.img", true), &err);
    cr_assert(r.b, "%s", err.text);
    run_requests(3000);
}
