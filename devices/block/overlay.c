// SPDX-License-Identifier: GPL-3.0-or-later
// A disk whose writes are forgotten (`-snapshot`): the base is only read, what is written lies in
// an unlinked sparse temporary file at the same offsets. A bit a cluster says which of the two
// holds it; a cluster that is written in part is copied up first.
//
// Several threads: a cluster changes its place once, under the lock, together with what is written
// into it then. Who finds all clusters of a write in the temporary file needs no lock.
#include "devices/block/block.h"
#include "devices/block/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLUSTER 4096u
#define BATCH   64

struct overlay {
    struct block block;
    struct block *base;
    struct block_file file;
    struct mutex lock;
    uint8_t *present; // bit a cluster: it is in the temporary file; set atomically
};

static struct overlay *of(struct block *b)
{
    return (struct overlay *)b;
}

static bool is_present(const struct overlay *o, uint64_t cluster)
{
    return __atomic_load_n(&o->present[cluster / 8], __ATOMIC_ACQUIRE) >> (cluster % 8) & 1;
}

// Bytes from offset on, at most len, that all lie in the same place.
static uint64_t run_length(const struct overlay *o, uint64_t offset, uint64_t len)
{
    bool where = is_present(o, offset / CLUSTER);
    uint64_t end = offset / CLUSTER + 1;
    while (end * CLUSTER - offset < len && is_present(o, end) == where)
        end++;
    uint64_t n = end * CLUSTER - offset;
    return n < len ? n : len;
}

// Moves len bytes at offset between the temporary file and the buffers. Beyond its end (the last
// cluster may reach past it) there are zeros.
static int move_own(struct overlay *o, bool write, struct iov_cursor *c, uint64_t offset,
                    uint64_t len)
{
    return write ? file_writev(&o->file, c, offset, len, false)
                 : file_readv(&o->file, c, offset, len, o->block.size);
}

static int read_base(struct overlay *o, struct iov_cursor *c, uint64_t offset, uint64_t len)
{
    while (len) {
        struct iovec v[BATCH];
        uint64_t got;
        int n = iov_peek(c, len, v, BATCH, &got);
        if (!n)
            return EINVAL;
        struct block_request req = {
            .op = BLOCK_READ, .offset = offset, .len = got, .iov = v, .iovcnt = n};
        int e = block_run(o->base, &req);
        if (e)
            return e;
        iov_advance(c, got);
        offset += got;
        len -= got;
    }
    return 0;
}

static int overlay_read(struct overlay *o, struct block_request *req)
{
    struct iov_cursor c = {req->iov, req->iovcnt, 0};
    for (uint64_t at = req->offset, left = req->len; left;) {
        uint64_t n = run_length(o, at, left);
        int e =
            is_present(o, at / CLUSTER) ? move_own(o, false, &c, at, n) : read_base(o, &c, at, n);
        if (e)
            return e;
        at += n;
        left -= n;
    }
    return 0;
}

static void set_present(struct overlay *o, uint64_t cluster)
{
    __atomic_or_fetch(&o->present[cluster / 8], (uint8_t)(1u << cluster % 8), __ATOMIC_RELEASE);
}

// Makes a cluster the temporary file's own, with the base's contents.
static int copy_up(struct overlay *o, uint64_t cluster)
{
    uint8_t bytes[CLUSTER];
    uint64_t at = cluster * CLUSTER;
    if (is_present(o, cluster))
        return 0;
    uint64_t n = o->block.size - at < CLUSTER ? o->block.size - at : CLUSTER;
    struct iovec v = {bytes, n};
    struct iov_cursor in = {&v, 1, 0}, out = {&v, 1, 0};
    int e = read_base(o, &in, at, n);
    e = e ? e : move_own(o, true, &out, at, n);
    if (!e)
        set_present(o, cluster);
    return e;
}

// Copies up the clusters at both ends of a range where it covers them only in part.
static int prepare(struct overlay *o, const struct block_request *req)
{
    uint64_t end = req->offset + req->len;
    int e = req->offset % CLUSTER ? copy_up(o, req->offset / CLUSTER) : 0;
    return e || !(end % CLUSTER) ? e : copy_up(o, end / CLUSTER);
}

static bool all_present(const struct overlay *o, uint64_t offset, uint64_t len)
{
    return is_present(o, offset / CLUSTER) && run_length(o, offset, len) == len;
}

static int put(struct overlay *o, const struct block_request *req)
{
    if (req->op == BLOCK_WRITE) {
        struct iov_cursor c = {req->iov, req->iovcnt, 0};
        return move_own(o, true, &c, req->offset, req->len);
    }
    return file_punch(&o->file, req->offset, req->len)
               ? 0
               : file_write_zeros(&o->file, req->offset, req->len);
}

static int overlay_change(struct overlay *o, const struct block_request *req)
{
    if (!req->len)
        return 0;
    if (all_present(o, req->offset, req->len))
        return put(o, req);
    mutex_lock(&o->lock);
    int e = prepare(o, req);
    e = e ? e : put(o, req);
    uint64_t last = (req->offset + req->len - 1) / CLUSTER;
    for (uint64_t i = req->offset / CLUSTER; !e && i <= last; i++)
        set_present(o, i);
    mutex_unlock(&o->lock);
    return e;
}

static int overlay_attempt(struct block *b, struct block_request *req)
{
    struct overlay *o = of(b);
    bool write = req->op == BLOCK_WRITE;
    if (!req->len || run_length(o, req->offset, req->len) != req->len)
        return EAGAIN;
    if (is_present(o, req->offset / CLUSTER))
        return file_attempt(&o->file, write, req->iov, req->iovcnt, req->offset, req->len);
    return write || !o->base->ops->attempt ? EAGAIN : o->base->ops->attempt(o->base, req);
}

static int overlay_run(struct block *b, struct block_request *req)
{
    switch (req->op) {
    case BLOCK_READ:
        return overlay_read(of(b), req);
    case BLOCK_WRITE:
    case BLOCK_WRITE_ZEROES:
        return overlay_change(of(b), req);
    default: // nothing is to last; a discard may keep the bytes
        return 0;
    }
}

static void overlay_close(struct block *b)
{
    struct overlay *o = of(b);
    block_close(o->base);
    file_close(&o->file);
    mutex_fini(&o->lock);
    free(o->present);
    free(o);
}

static int temporary_file(struct error *err)
{
    const char *dir = getenv("TMPDIR");
    char path[PATH_MAX];
    if (!dir || !*dir)
        dir = "/var/tmp";
    int fd = open(dir, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    snprintf(path, sizeof path, "%s/armlet.XXXXXX", dir);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    else
        error_set(err, "%s: no temporary file for the snapshot: %s", dir, strerror(errno));
    return fd;
}

struct block *overlay_open(struct block *base, struct error *err)
{
    static const struct block_ops ops = {
        .run = overlay_run, .attempt = overlay_attempt, .close = overlay_close};
    struct overlay *o = calloc(1, sizeof *o);
    assert(o);
    o->block = (struct block){.ops = &ops, .size = base->size};
    snprintf(o->block.name, sizeof o->block.name, "%s", base->name);
    o->base = base;
    mutex_init(&o->lock);
    o->present = calloc(1, base->size / CLUSTER / 8 + 1);
    o->file = (struct block_file){.fd = temporary_file(err)};
    bool ok = o->file.fd >= 0;
    if (ok && !o->present)
        ok = error_set(err, "%s: too large for -snapshot", base->name);
    if (ok && ftruncate(o->file.fd, (off_t)base->size))
        ok = error_set(err, "temporary file for the snapshot of %s: %s", base->name,
                       strerror(errno));
    if (!ok) {
        overlay_close(&o->block);
        return NULL;
    }
    file_examine(&o->file);
    return &o->block;
}
