// SPDX-License-Identifier: GPL-3.0-or-later
// A raw image or a block device through pread and pwrite.
//
// The image is locked by an open-file-description lock, which also holds against a second opening
// by the same process. A file whose size is no multiple of 512 reads as zeros up to the next one.
#include "devices/block/block.h"
#include "devices/block/iov.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH 256u // buffers a system call

struct raw {
    struct block base;
    int fd;
    uint64_t file_size; // at opening
};

static struct raw *of(struct block *b)
{
    return (struct raw *)b;
}

// The rest of a read at the end of the file: zeros up to the disk's size, an error before.
static int read_tail(struct raw *r, struct iov_cursor *c, uint64_t at, uint64_t left)
{
    if (at < r->file_size)
        return EIO; // somebody has cut the file short
    while (left) {
        struct iovec v;
        uint64_t got;
        if (!iov_peek(c, left, &v, 1, &got))
            return EINVAL;
        memset(v.iov_base, 0, v.iov_len);
        iov_advance(c, got);
        left -= got;
    }
    return 0;
}

static int transfer(struct raw *r, struct block_request *req)
{
    struct iov_cursor c = {req->iov, req->iovcnt, 0};
    bool write = req->op == BLOCK_WRITE;
    for (uint64_t at = req->offset, left = req->len; left;) {
        struct iovec v[BATCH];
        uint64_t got;
        int n = iov_peek(&c, left, v, BATCH, &got);
        if (!n)
            return EINVAL;
        ssize_t done = write ? pwritev2(r->fd, v, n, (off_t)at, req->through ? RWF_DSYNC : 0)
                             : preadv(r->fd, v, n, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return errno;
        if (done == 0)
            return write ? ENOSPC : read_tail(r, &c, at, left);
        iov_advance(&c, (uint64_t)done);
        at += (uint64_t)done;
        left -= (uint64_t)done;
    }
    return 0;
}

static int write_zero_bytes(struct raw *r, uint64_t at, uint64_t left)
{
    static const uint8_t zeros[65536];
    while (left) {
        size_t n = left < sizeof zeros ? (size_t)left : sizeof zeros;
        ssize_t done = pwrite(r->fd, zeros, n, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done ? errno : ENOSPC;
        at += (uint64_t)done;
        left -= (uint64_t)done;
    }
    return 0;
}

static bool allocate(struct raw *r, int mode, const struct block_request *req)
{
    int e;
    do {
        e = fallocate(r->fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)req->offset, (off_t)req->len);
    } while (e && errno == EINTR);
    return !e;
}

static int write_zeroes(struct raw *r, const struct block_request *req)
{
    bool fast = req->unmap && allocate(r, FALLOC_FL_PUNCH_HOLE, req);
    if (!fast && !allocate(r, FALLOC_FL_ZERO_RANGE, req)) {
        int e = write_zero_bytes(r, req->offset, req->len);
        if (e)
            return e;
    }
    return req->through && fdatasync(r->fd) ? errno : 0;
}

static int raw_run(struct block *b, struct block_request *req)
{
    struct raw *r = of(b);
    switch (req->op) {
    case BLOCK_READ:
    case BLOCK_WRITE:
        return transfer(r, req);
    case BLOCK_FLUSH:
        return !b->readonly && fdatasync(r->fd) ? errno : 0;
    case BLOCK_DISCARD:
        if (req->len)
            allocate(r, FALLOC_FL_PUNCH_HOLE, req); // a hint; a host that cannot keeps the bytes
        return 0;
    case BLOCK_WRITE_ZEROES:
        return req->len ? write_zeroes(r, req) : 0;
    }
    return EINVAL;
}

static void raw_close(struct block *b)
{
    close(of(b)->fd);
    free(b);
}

static int open_file(const char *path, bool readonly, struct error *err)
{
    int fd = open(path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd >= 0)
        return fd;
    if (!readonly && (errno == EACCES || errno == EROFS || errno == EPERM))
        error_set(err, "%s: not writable: %s (readonly=on or -snapshot would do)", path,
                  strerror(errno));
    else
        error_set(err, "%s: %s", path, strerror(errno));
    return -1;
}

static bool lock_file(int fd, const char *path, bool readonly, struct error *err)
{
    struct flock l = {.l_type = readonly ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &l) && (errno == EAGAIN || errno == EACCES))
        return error_set(err, "%s: in use by another armlet (locked)", path);
    return true; // a file system without locks is no reason to refuse
}

static bool examine(int fd, const char *path, uint64_t *size, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st))
        return error_set(err, "%s: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return error_set(err, "%s: is a directory, not a disk image", path);
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return error_set(err, "%s: neither a file nor a block device", path);
    off_t end = lseek(fd, 0, SEEK_END);
    if (end < 0)
        return error_set(err, "%s: %s", path, strerror(errno));
    if (end == 0)
        return error_set(err, "%s: is empty", path);
    *size = (uint64_t)end;
    return true;
}

struct block *raw_open(const char *path, bool readonly, struct error *err)
{
    static const struct block_ops ops = {.run = raw_run, .close = raw_close};
    uint64_t size = 0;
    int fd = open_file(path, readonly, err);
    if (fd < 0)
        return NULL;
    if (!examine(fd, path, &size, err) || !lock_file(fd, path, readonly, err)) {
        close(fd);
        return NULL;
    }
    struct raw *r = calloc(1, sizeof *r);
    assert(r);
    r->base =
        (struct block){.ops = &ops, .size = (size + 511) & ~UINT64_C(511), .readonly = readonly};
    snprintf(r->base.name, sizeof r->base.name, "%s", path);
    r->fd = fd;
    r->file_size = size;
    return &r->base;
}
