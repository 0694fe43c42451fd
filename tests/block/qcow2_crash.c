// SPDX-License-Identifier: GPL-3.0-or-later
// qcow2 images after the worst moment. The system calls that change the file are recorded (the
// linker puts the functions here in front of them). Loss of power then is: everything up to the
// last completed fdatasync, and of what came later any sectors. SIGKILL is a real one.
//
// Every image that comes out must be free of errors (leaks are allowed), and every sector must be
// what the last completed flush covered, or something written to it later.
#include "devices/block/qcow2.h"
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(qcow2_crash, .init = disk_setup, .fini = disk_teardown, .timeout = 170);

#define SECTOR 512u

// Recording --------------------------------------------------------------------------------------

enum { RECORD_WRITE, RECORD_ZERO, RECORD_SYNC };

struct record {
    int kind;
    uint64_t at, len;
    uint8_t *data;
};

static struct record *records;
static size_t record_count, record_capacity;
static bool recording;

static struct record *record(int kind, uint64_t at, uint64_t len)
{
    if (record_count == record_capacity) {
        record_capacity = record_capacity ? 2 * record_capacity : 1024;
        records = realloc(records, record_capacity * sizeof *records);
    }
    struct record *r = &records[record_count++];
    *r = (struct record){kind, at, len, len && kind == RECORD_WRITE ? malloc(len) : NULL};
    return r;
}

ssize_t __real_pwritev64v2(int fd, const struct iovec *iov, int n, off_t at, int flags);
ssize_t __wrap_pwritev64v2(int fd, const struct iovec *iov, int n, off_t at, int flags);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_fallocate64(int fd, int mode, off_t at, off_t len);
int __wrap_fallocate64(int fd, int mode, off_t at, off_t len);

ssize_t __wrap_pwritev64v2(int fd, const struct iovec *iov, int n, off_t at, int flags)
{
    ssize_t done = __real_pwritev64v2(fd, iov, n, at, flags);
    if (recording && done > 0) {
        struct record *r = record(RECORD_WRITE, (uint64_t)at, (uint64_t)done);
        uint64_t used = 0;
        for (int i = 0; used < (uint64_t)done; i++) {
            size_t part = iov[i].iov_len;
            if (part > (uint64_t)done - used)
                part = (size_t)((uint64_t)done - used);
            memcpy(r->data + used, iov[i].iov_base, part);
            used += part;
        }
    }
    return done;
}

// Nothing is gained by waiting for a disk here.
int __wrap_fdatasync(int fd)
{
    if (!recording)
        return __real_fdatasync(fd);
    record(RECORD_SYNC, 0, 0);
    return 0;
}

int __wrap_fallocate64(int fd, int mode, off_t at, off_t len)
{
    int e = __real_fallocate64(fd, mode, at, len);
    if (recording && !e)
        record(RECORD_ZERO, (uint64_t)at, (uint64_t)len);
    return e;
}

static void forget_records(void)
{
    for (size_t n = 0; n < record_count; n++)
        free(records[n].data);
    record_count = 0;
}

// What was done to the disk ----------------------------------------------------------------------

#define DISK_SECTORS 4096u
#define MAX_OPS      400u

struct op {
    enum block_op op;
    uint64_t first, count; // sectors
    size_t begun;          // records before it
    size_t flushed;        // FLUSH: records when it had completed
};

static struct op ops[MAX_OPS + 1]; // from 1: the number is what is written
static unsigned op_count;

static void fill(uint8_t *data, uint64_t sector, uint64_t op)
{
    for (unsigned n = 0; n < SECTOR; n += 16) {
        memcpy(data + n, &sector, 8);
        memcpy(data + n + 8, &op, 8);
    }
}

static void do_op(struct block *b, uint64_t *x, uint8_t *data)
{
    static const enum block_op kinds[] = {BLOCK_WRITE, BLOCK_WRITE,        BLOCK_WRITE,
                                          BLOCK_WRITE, BLOCK_WRITE_ZEROES, BLOCK_DISCARD,
                                          BLOCK_FLUSH};
    struct op *o = &ops[++op_count];
    *o = (struct op){.op = kinds[random_next(x) % ARRAY_SIZE(kinds)], .begun = record_count};
    o->count = random_next(x) % (random_next(x) % 4 ? 12 : 300) + 1;
    o->first = random_next(x) % (DISK_SECTORS - o->count);
    if (o->op == BLOCK_FLUSH)
        o->first = o->count = 0;
    for (uint64_t n = 0; n < o->count; n++)
        fill(data + n * SECTOR, o->first + n, op_count);
    int e = disk_run(b, o->op, random_next(x) & 1, o->first * SECTOR, data, o->count * SECTOR);
    cr_assert(!e, "op %u: %s", op_count, strerror(e));
    o->flushed = record_count;
}

static bool covers(const struct op *o, uint64_t sector)
{
    return sector - o->first < o->count;
}

// Whether a sector may hold what was written by op `version` (0: zeros) after a crash that came
// when `records_done` had been made.
static bool acceptable(uint64_t sector, uint64_t version, size_t records_done)
{
    unsigned flush = 0;
    for (unsigned n = 1; n <= op_count; n++)
        if (ops[n].op == BLOCK_FLUSH && ops[n].flushed <= records_done)
            flush = n;
    for (unsigned n = op_count; n; n--) {
        const struct op *o = &ops[n];
        if (!covers(o, sector) || o->begun > records_done)
            continue;
        if (version == (o->op == BLOCK_WRITE ? n : 0))
            return true;
        if (n < flush && o->op != BLOCK_DISCARD)
            return false; // this is what the flush covered
    }
    return version == 0;
}

// Whether the bytes are a version of that sector.
static bool version_of(const uint8_t *data, uint64_t sector, uint64_t *version)
{
    uint8_t want[SECTOR];
    static const uint8_t zeros[SECTOR];
    memcpy(version, data + 8, 8);
    if (!memcmp(data, zeros, SECTOR))
        return true;
    fill(want, sector, *version);
    return *version && *version <= op_count && !memcmp(data, want, SECTOR);
}

// Loss of power ----------------------------------------------------------------------------------

struct file_copy {
    uint8_t *data;
    size_t len, capacity;
};

static void apply(struct file_copy *f, const struct record *r, uint64_t *x)
{
    if (r->at + r->len > f->capacity) {
        size_t more = 2 * (r->at + r->len);
        f->data = realloc(f->data, more);
        memset(f->data + f->capacity, 0, more - f->capacity);
        f->capacity = more;
    }
    for (uint64_t n = 0, part; n < r->len; n += part) {
        part = SECTOR - (r->at + n) % SECTOR;
        part = part < r->len - n ? part : r->len - n;
        if (x && random_next(x) & 1)
            continue; // this sector did not get to the disk
        if (r->kind == RECORD_ZERO)
            memset(f->data + r->at + n, 0, part);
        else
            memcpy(f->data + r->at + n, r->data + n, part);
        if (r->kind == RECORD_WRITE && r->at + n + part > f->len)
            f->len = r->at + n + part;
    }
}

static void judge(size_t crash, uint8_t *bytes, bool ask_qemu)
{
    struct error err;
    struct qcow2_check result;
    struct block *b = disk_open("crashed.qcow2", true);
    cr_assert(qcow2_check_image(qcow2_of(b), false, &result, NULL, &err), "%s", err.text);
    cr_assert(!result.errors, "crash after %zu: %llu errors", crash,
              (unsigned long long)result.errors);
    disk_read(b, 0, bytes, DISK_SECTORS * SECTOR);
    for (uint64_t s = 0; s < DISK_SECTORS; s++) {
        uint64_t version = 0;
        bool whole = version_of(bytes + s * SECTOR, s, &version);
        cr_assert(whole && acceptable(s, version, crash),
                  "crash after %zu records: sector %llu has version %llu (whole: %d)", crash,
                  (unsigned long long)s, (unsigned long long)version, whole);
    }
    block_close(b);
    if (ask_qemu) // 3: leaks
        disk_shell(0, "qemu-img check -q crashed.qcow2; test $? = 0 -o $? = 3");
}

// Nothing of it, but an image goes on working after it.
static void go_on(uint64_t seed)
{
    uint64_t x = seed;
    static uint8_t data[300 * SECTOR];
    struct error err;
    struct qcow2_check result;
    struct block *b = disk_open("crashed.qcow2", false);
    for (unsigned n = 0; n < 30; n++) {
        uint64_t count = random_next(&x) % 300 + 1;
        disk_pattern(data, count * SECTOR, n);
        disk_write(b, random_next(&x) % (DISK_SECTORS - count) * SECTOR, data, count * SECTOR);
    }
    block_close(b);
    b = disk_open("crashed.qcow2", true);
    cr_assert(qcow2_check_image(qcow2_of(b), false, &result, NULL, &err), "%s", err.text);
    cr_assert_eq(result.errors, 0);
    block_close(b);
}

static void lose_power(const uint8_t *start, size_t start_len, unsigned crashes, uint64_t seed)
{
    uint64_t x = seed;
    uint8_t *bytes = malloc(DISK_SECTORS * SECTOR);
    for (unsigned n = 0; n < crashes; n++) {
        size_t crash = random_next(&x) % (record_count + 1), synced = 0;
        struct file_copy f = {malloc(start_len), start_len, start_len};
        memcpy(f.data, start, start_len);
        for (size_t i = 0; i < crash; i++)
            if (records[i].kind == RECORD_SYNC)
                synced = i;
        for (size_t i = 0; i < crash; i++)
            apply(&f, &records[i], i < synced ? NULL : &x);
        test_dir_write(&disk_dir, "crashed.qcow2", f.data, f.len);
        judge(crash, bytes, disk_have_qemu_img() && n % 20 == 0);
        if (n % 10 == 0)
            go_on(x | 1);
        free(f.data);
    }
    free(bytes);
}

static void one_image(struct qcow2_create_options o, uint64_t seed, unsigned crashes)
{
    struct error err;
    struct block_file file;
    uint64_t x = seed;
    size_t len;
    static uint8_t data[400 * SECTOR];
    o.size = DISK_SECTORS * SECTOR;
    cr_assert(file_create(&file, disk_path("a.qcow2"), true, &err), "%s", err.text);
    cr_assert(qcow2_format_file(&file, &o, &err), "%s", err.text);
    file_close(&file);
    uint8_t *start = disk_load("a.qcow2", &len);
    forget_records();
    op_count = 0;
    recording = true;
    struct block *b = disk_open("a.qcow2", false);
    while (op_count < MAX_OPS)
        do_op(b, &x, data);
    block_close(b);
    recording = false;
    lose_power(start, len, crashes, seed + 1);
    forget_records();
    free(start);
}

Test(qcow2_crash, loss_of_power)
{
    static const struct qcow2_create_options kinds[] = {
        {.version = 3, .cluster_bits = 16, .refcount_order = 4},
        {.version = 3, .cluster_bits = 12, .refcount_order = 4},
        {.version = 2, .cluster_bits = 12, .refcount_order = 4},
        {.version = 3, .cluster_bits = 9, .refcount_order = 6}, // the refcount table grows
        {.version = 3, .cluster_bits = 9, .refcount_order = 0},
        {.version = 3, .cluster_bits = 14, .refcount_order = 3, .lazy_refcounts = true},
    };
    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
        one_image(kinds[k], 1000 + k, 40);
}

// The judge is not blind: if no fdatasync had been waited for there would be errors.
Test(qcow2_crash, the_test_finds_wrong_orders)
{
    struct error err;
    struct block_file file;
    struct qcow2_create_options o = {
        .version = 3, .cluster_bits = 12, .refcount_order = 4, .size = DISK_SECTORS * SECTOR};
    struct qcow2_check result;
    uint64_t x = 5;
    size_t len, errors = 0;
    static uint8_t data[400 * SECTOR];
    cr_assert(file_create(&file, disk_path("a.qcow2"), true, &err), "%s", err.text);
    cr_assert(qcow2_format_file(&file, &o, &err), "%s", err.text);
    file_close(&file);
    uint8_t *start = disk_load("a.qcow2", &len);
    recording = true;
    struct block *b = disk_open("a.qcow2", false);
    while (op_count < 100)
        do_op(b, &x, data);
    block_close(b);
    recording = false;
    for (unsigned n = 0; n < 100; n++) {
        size_t crash = random_next(&x) % record_count;
        struct file_copy f = {malloc(len), len, len};
        memcpy(f.data, start, len);
        for (size_t i = 0; i < crash; i++)
            apply(&f, &records[i], &x);
        test_dir_write(&disk_dir, "crashed.qcow2", f.data, f.len);
        b = disk_open("crashed.qcow2", true);
        cr_assert(qcow2_check_image(qcow2_of(b), false, &result, NULL, &err), "%s", err.text);
        errors += result.errors > 0;
        block_close(b);
        free(f.data);
    }
    cr_assert(errors > 3, "%zu of 100", errors);
    forget_records();
    free(start);
}

// SIGKILL ----------------------------------------------------------------------------------------

#define KILL_SLOTS 512u // of 8 sectors

struct job {
    struct block_request req;
    struct iovec iov;
    uint8_t data[8 * SECTOR];
    uint64_t slot, number;
    struct writer *w;
    bool idle;
};

// The child: as many writes in flight as there are jobs, a flush now and then; what a flush covers
// is told to the parent when it has completed.
struct writer {
    struct block *b;
    struct mutex lock;
    struct job jobs[16];
    struct block_request flush;
    uint64_t next, x;
    uint64_t completed[4096], covered[4096]; // slot << 40 | number
    unsigned completed_count, covered_count;
    bool flushing;
    int fd;
};

static void start_flush(struct writer *w);

static void start_job(struct writer *w, struct job *j)
{
    j->w = w;
    j->idle = false;
    j->number = ++w->next;
    // Slots of jobs that run together differ: what is written last is known.
    j->slot = random_next(&w->x) % (KILL_SLOTS / ARRAY_SIZE(w->jobs)) * ARRAY_SIZE(w->jobs) +
              (uint64_t)(j - w->jobs);
    for (unsigned n = 0; n < 8; n++)
        fill(j->data + n * SECTOR, j->slot * 8 + n, j->number);
    j->iov = (struct iovec){j->data, sizeof j->data};
    j->req.iov = &j->iov;
    j->req.offset = j->slot * 8 * SECTOR;
    block_submit(w->b, &j->req);
}

static void job_done(struct block_request *req, int error)
{
    struct job *j = req->opaque;
    struct writer *w = j->w;
    if (error)
        _exit(3);
    w->completed[w->completed_count++] = j->slot << 40 | j->number;
    if (!w->flushing && w->completed_count > 20)
        start_flush(w);
    j->idle = w->completed_count + ARRAY_SIZE(w->jobs) > ARRAY_SIZE(w->completed);
    if (!j->idle) // else when the flush has made room
        start_job(w, j);
}

static void flush_done(struct block_request *req, int error)
{
    struct writer *w = req->opaque;
    size_t len = w->covered_count * sizeof *w->covered;
    if (error || write(w->fd, w->covered, len) != (ssize_t)len)
        _exit(4);
    w->flushing = false;
    if (w->completed_count > 20)
        start_flush(w);
    for (size_t n = 0; n < ARRAY_SIZE(w->jobs); n++)
        if (w->jobs[n].idle)
            start_job(w, &w->jobs[n]);
}

static void start_flush(struct writer *w)
{
    memcpy(w->covered, w->completed, sizeof w->covered);
    w->covered_count = w->completed_count;
    w->completed_count = 0;
    w->flushing = true;
    block_submit(w->b, &w->flush);
}

static void kick(void *opaque)
{
    block_kick(((struct writer *)opaque)->b);
}

static void write_until_killed(int fd, uint64_t seed, uint64_t first)
{
    static struct writer w;
    alarm(30); // never without a parent
    w = (struct writer){.b = disk_open("k.qcow2", false), .x = seed, .next = first, .fd = fd};
    mutex_init(&w.lock);
    w.b->delivered = kick;
    w.b->delivered_opaque = &w;
    w.flush = (struct block_request){.op = BLOCK_FLUSH, .done = flush_done, .opaque = &w};
    block_start(w.b, &w.lock);
    mutex_lock(&w.lock);
    for (size_t n = 0; n < ARRAY_SIZE(w.jobs); n++) {
        w.jobs[n].req = (struct block_request){.op = BLOCK_WRITE,
                                               .len = 8 * SECTOR,
                                               .iovcnt = 1,
                                               .done = job_done,
                                               .opaque = &w.jobs[n]};
        start_job(&w, &w.jobs[n]);
    }
    block_kick(w.b);
    mutex_unlock(&w.lock);
    for (;;)
        pause();
}

// Reads what the child says until it is gone; kills it after some of that.
static void watch(pid_t child, int fd, unsigned reports, uint64_t *acknowledged)
{
    uint64_t got;
    bool killed = false;
    while (read(fd, &got, sizeof got) == sizeof got) {
        uint64_t slot = got >> 40, number = got & mask64(40);
        cr_assert_lt(slot, KILL_SLOTS);
        if (acknowledged[slot] < number)
            acknowledged[slot] = number;
        if (!killed && reports-- == 0) {
            killed = true;
            kill(child, SIGKILL);
        }
    }
    if (!killed)
        kill(child, SIGKILL);
    int status;
    waitpid(child, &status, 0);
    cr_assert(WIFSIGNALED(status), "the writer ended by itself: 0x%x", status);
}

static void after_kill(const uint64_t *acknowledged, unsigned round)
{
    static uint8_t bytes[KILL_SLOTS * 8 * SECTOR];
    struct error err;
    struct qcow2_check result;
    struct block *b = disk_open("k.qcow2", true);
    cr_assert(qcow2_check_image(qcow2_of(b), false, &result, NULL, &err), "%s", err.text);
    cr_assert_eq(result.errors, 0);
    disk_read(b, 0, bytes, sizeof bytes);
    block_close(b);
    for (uint64_t slot = 0; slot < KILL_SLOTS; slot++) {
        uint64_t sector, number;
        memcpy(&sector, bytes + slot * 8 * SECTOR, 8);
        memcpy(&number, bytes + slot * 8 * SECTOR + 8, 8);
        cr_assert(number >= acknowledged[slot] && (!number || sector == slot * 8),
                  "round %u: slot %llu has write %llu, %llu was acknowledged", round,
                  (unsigned long long)slot, (unsigned long long)number,
                  (unsigned long long)acknowledged[slot]);
    }
    if (disk_have_qemu_img())
        disk_shell(0, "qemu-img check -q k.qcow2; test $? = 0 -o $? = 3");
}

Test(qcow2_crash, sigkill)
{
    static uint64_t acknowledged[KILL_SLOTS];
    struct error err;
    struct block_file file;
    uint64_t x = 99;
    for (unsigned round = 0; round < 50; round++) {
        if (round % 10 == 0) {
            struct qcow2_create_options o = {.version = 3,
                                             .cluster_bits = 12 + 4 * (round / 10 % 2),
                                             .refcount_order = 4,
                                             .size = KILL_SLOTS * 8 * SECTOR};
            cr_assert(file_create(&file, disk_path("k.qcow2"), true, &err), "%s", err.text);
            cr_assert(qcow2_format_file(&file, &o, &err), "%s", err.text);
            file_close(&file);
            memset(acknowledged, 0, sizeof acknowledged);
        }
        int fds[2];
        cr_assert_eq(pipe(fds), 0);
        pid_t child = fork();
        if (!child) {
            close(fds[0]);
            write_until_killed(fds[1], random_next(&x), (round % 10 + 1) * UINT64_C(1000000));
        }
        close(fds[1]);
        watch(child, fds[0], (unsigned)(random_next(&x) % 400), acknowledged);
        close(fds[0]);
        after_kill(acknowledged, round);
        random_next(&x);
    }
}
