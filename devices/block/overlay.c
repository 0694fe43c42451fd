// SPDX-License-Identifier: GPL-3.0-or-later
// A disk whose writes are forgotten (`-snapshot`): the base is only read, what is written lies in
// an unlinked sparse temporary file at the same offsets. A bit a cluster says which of the two
// holds it; a cluster that is written in part is copied up first.
#include "devices/block/block.h"
#include "devices/block/iov.h"

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
    int fd;
    uint8_t *present; // bit a cluster: it is in the temporary file
};

static struct overlay *of(struct block *b)
{
    return (struct overlay *)b;
}

static bool is_present(const struct overlay *o, uint64_t cluster)
{
    return o->present[cluster / 8] >> (cluster % 8) & 1;
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
    while (len) {
        struct iovec v[BATCH];
        uint64_t got;
        int n = iov_peek(c, len, v, BATCH, &got);
        if (!n)
            return EINVAL;
        ssize_t done =
            write ? pwritev(o->fd, v, n, (off_t)offset) : preadv(o->fd, v, n, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done ? errno : EIO;
        iov_advance(c, (uint64_t)done);
        offset += (uint64_t)done;
        len -= (uint64_t)done;
    }
    return 0;
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
        int e = o->base->ops->run(o->base, &req);
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
        o->present[cluster / 8] |= (uint8_t)(1u << cluster % 8);
    return e;
}

// Copies up the clusters at both ends of a range where it covers them only in part.
static int prepare(struct overlay *o, const struct block_request *req)
{
    uint64_t end = req->offset + req->len;
    int e = req->offset % CLUSTER ? copy_up(o, req->offset / CLUSTER) : 0;
    return e || !(end % CLUSTER) ? e : copy_up(o, end / CLUSTER);
}

static void mark(struct overlay *o, const struct block_request *req)
{
    uint64_t last = (req->offset + req->len - 1) / CLUSTER;
    for (uint64_t i = req->offset / CLUSTER; i <= last; i++)
        o->present[i / 8] |= (uint8_t)(1u << i % 8);
}

static int overlay_write(struct overlay *o, struct block_request *req)
{
    struct iov_cursor c = {req->iov, req->iovcnt, 0};
    int e = req->len ? prepare(o, req) : 0;
    e = e ? e : move_own(o, true, &c, req->offset, req->len);
    if (!e && req->len)
        mark(o, req);
    return e;
}

static int overlay_zero(struct overlay *o, struct block_request *req)
{
    int e = req->len ? prepare(o, req) : 0;
    if (e || !req->len)
        return e;
    while (fallocate(o->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)req->offset,
                     (off_t)req->len))
        if (errno != EINTR)
            return errno;
    mark(o, req);
    return 0;
}

static int overlay_run(struct block *b, struct block_request *req)
{
    switch (req->op) {
    case BLOCK_READ:
        return overlay_read(of(b), req);
    case BLOCK_WRITE:
        return overlay_write(of(b), req);
    case BLOCK_WRITE_ZEROES:
        return overlay_zero(of(b), req);
    default: // nothing is to last; a discard may keep the bytes
        return 0;
    }
}

static void overlay_close(struct block *b)
{
    struct overlay *o = of(b);
    block_close(o->base);
    if (o->fd >= 0)
        close(o->fd);
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
    static const struct block_ops ops = {.run = overlay_run, .close = overlay_close};
    struct overlay *o = calloc(1, sizeof *o);
    assert(o);
    o->block = (struct block){.ops = &ops, .size = base->size};
    snprintf(o->block.name, sizeof o->block.name, "%s", base->name);
    o->base = base;
    o->fd = temporary_file(err);
    o->present = calloc(1, base->size / CLUSTER / 8 + 1);
    assert(o->present);
    if (o->fd >= 0 && ftruncate(o->fd, (off_t)base->size)) {
        error_set(err, "temporary file for the snapshot of %s: %s", base->name, strerror(errno));
        close(o->fd);
        o->fd = -1;
    }
    if (o->fd < 0) {
        overlay_close(&o->block);
        return NULL;
    }
    return &o->block;
}
