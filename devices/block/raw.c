// SPDX-License-Identifier: GPL-3.0-or-later
// A raw image or a block device.
//
// A file whose size is no multiple of 512 reads as zeros up to the next one.
//
// A guest could write another format's first bytes into a disk that was taken for raw because it
// had none, and the next start would take it for that format, with metadata of the guest's making.
// A guarded image refuses such a write. Guest memory may change at any time, so the bytes that are
// looked at are a copy, and the copy is what is written.
#include "devices/block/block.h"
#include "devices/block/file.h"
#include "devices/block/image.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define GUARDED 512u // bytes

struct raw {
    struct block base;
    struct block_file file;
    bool guarded;
};

static struct raw *of(struct block *b)
{
    return (struct raw *)b;
}

static int read_data(struct raw *r, struct block_request *req)
{
    struct iov_cursor c = {req->iov, req->iovcnt, 0};
    return file_readv(&r->file, &c, req->offset, req->len, r->file.size);
}

// The first bytes, looked at and written from a copy.
static int write_guarded(struct raw *r, struct iov_cursor *c, const struct block_request *req,
                         uint64_t *done)
{
    uint8_t copy[GUARDED];
    *done = req->len < sizeof copy ? req->len : sizeof copy;
    for (uint64_t n = 0; n < *done;) {
        struct iovec v;
        uint64_t got;
        if (!iov_peek(c, *done - n, &v, 1, &got))
            return EINVAL;
        memcpy(copy + n, v.iov_base, got);
        iov_advance(c, got);
        n += got;
    }
    __asm__ volatile("" : : "r"(copy) : "memory"); // from here on the copy
    if (image_has_magic(copy, *done))
        return EPERM;
    struct iovec v = {copy, *done};
    struct iov_cursor from = {&v, 1, 0};
    return file_writev(&r->file, &from, 0, *done, req->through);
}

static int write_data(struct raw *r, struct block_request *req)
{
    struct iov_cursor c = {req->iov, req->iovcnt, 0};
    uint64_t done = 0;
    if (r->guarded && req->offset < GUARDED) {
        if (req->offset) // a disk is written in whole sectors; a tool may have other ideas
            return EPERM;
        int e = write_guarded(r, &c, req, &done);
        if (e)
            return e;
    }
    return file_writev(&r->file, &c, req->offset + done, req->len - done, req->through);
}

static int raw_attempt(struct block *b, struct block_request *req)
{
    struct raw *r = of(b);
    bool write = req->op == BLOCK_WRITE;
    if (req->offset + req->len > r->file.size || (write && req->offset < GUARDED))
        return EAGAIN;
    return file_attempt(&r->file, write, req->iov, req->iovcnt, req->offset, req->len);
}

static int write_zeroes(struct raw *r, const struct block_request *req)
{
    bool fast = req->unmap && file_punch(&r->file, req->offset, req->len);
    if (!fast && !file_zero(&r->file, req->offset, req->len)) {
        int e = file_write_zeros(&r->file, req->offset, req->len);
        if (e)
            return e;
    }
    return req->through ? file_sync(&r->file) : 0;
}

static int raw_run(struct block *b, struct block_request *req)
{
    struct raw *r = of(b);
    switch (req->op) {
    case BLOCK_READ:
        return read_data(r, req);
    case BLOCK_WRITE:
        return write_data(r, req);
    case BLOCK_FLUSH:
        return b->readonly ? 0 : file_sync(&r->file);
    case BLOCK_DISCARD:
        if (req->len) // a hint; a host that cannot keeps the bytes
            file_punch(&r->file, req->offset, req->len);
        return 0;
    case BLOCK_WRITE_ZEROES:
        return req->len ? write_zeroes(r, req) : 0;
    }
    return EINVAL;
}

static void raw_close(struct block *b)
{
    file_close(&of(b)->file);
    free(b);
}

static struct block *open_raw(const char *path, bool readonly, bool guarded, struct error *err)
{
    static const struct block_ops ops = {
        .run = raw_run, .attempt = raw_attempt, .close = raw_close};
    struct block_file file;
    if (!file_open(&file, path, readonly, err))
        return NULL;
    if (!file.size) {
        error_set(err, "%s: is empty", path);
        file_close(&file);
        return NULL;
    }
    struct raw *r = calloc(1, sizeof *r);
    assert(r);
    r->base = (struct block){
        .ops = &ops, .size = (file.size + 511) & ~UINT64_C(511), .readonly = readonly,
        .memory = file.memory};
    snprintf(r->base.name, sizeof r->base.name, "%s", path);
    r->file = file;
    r->guarded = guarded;
    return &r->base;
}

bool raw_is_file(const struct block *b)
{
    return ((const struct raw *)b)->file.regular;
}

struct block *raw_open(const char *path, bool readonly, struct error *err)
{
    return open_raw(path, readonly, false, err);
}

struct block *raw_open_guarded(const char *path, bool readonly, struct error *err)
{
    return open_raw(path, readonly, true, err);
}
