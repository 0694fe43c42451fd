// SPDX-License-Identifier: GPL-3.0-or-later
// Copies an image into another format. Clusters of zeros are not written, so the result is as
// small as its contents allow.
#include "machine/disk.h"

#include "devices/block/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (2u << 20) // bytes, a multiple of every cluster
#define GRAIN 4096u      // of zeros in a raw image

static bool is_zero(const uint8_t *p, size_t len)
{
    return !len || (!p[0] && !memcmp(p, p + 1, len - 1));
}

static int transfer(struct block *b, enum block_op op, uint64_t offset, uint8_t *data, uint64_t len)
{
    struct iovec v = {data, len};
    struct block_request req = {.op = op, .offset = offset, .len = len, .iov = &v, .iovcnt = 1};
    return block_run(b, &req);
}

// What of a chunk is written in one go.
struct target {
    struct block *block;
    uint32_t grain; // bytes that are written or left out together
    bool packed;    // compress
    bool sparse;    // what is not written is zeros
};

static int write_packed(const struct target *t, uint64_t offset, uint8_t *data, size_t len)
{
    if (len < t->grain) // the end of a disk that is no multiple
        memset(data + len, 0, t->grain - len);
    int e = qcow2_write_packed(qcow2_of(t->block), offset, data);
    return e == EAGAIN ? transfer(t->block, BLOCK_WRITE, offset, data, len) : e;
}

static int write_chunk(const struct target *t, uint64_t offset, uint8_t *data, size_t len)
{
    for (size_t at = 0, n; at < len; at += n) {
        n = len - at < t->grain ? len - at : t->grain;
        if (t->sparse && is_zero(data + at, n))
            continue;
        int e;
        if (t->packed) {
            e = write_packed(t, offset + at, data + at, n);
        } else { // as far as there are no zeros
            for (size_t more; at + n < len; n += more) {
                more = len - at - n < t->grain ? len - at - n : t->grain;
                if (t->sparse && is_zero(data + at + n, more))
                    break;
            }
            e = transfer(t->block, BLOCK_WRITE, offset + at, data + at, n);
        }
        if (e)
            return e;
    }
    return 0;
}

static bool copy(struct block *from, const struct target *t, struct error *err)
{
    uint8_t *data = malloc(CHUNK);
    assert(data);
    int e = 0;
    for (uint64_t at = 0; !e && at < from->size; at += CHUNK) {
        uint64_t len = from->size - at < CHUNK ? from->size - at : CHUNK;
        e = transfer(from, BLOCK_READ, at, data, len);
        if (e) {
            error_set(err, "%s: at %llu: %s", from->name, (unsigned long long)at, strerror(e));
            break;
        }
        e = write_chunk(t, at, data, len);
        if (e)
            error_set(err, "%s: at %llu: %s", t->block->name, (unsigned long long)at, strerror(e));
    }
    free(data);
    if (!e) {
        e = transfer(t->block, BLOCK_FLUSH, 0, NULL, 0);
        if (e)
            error_set(err, "%s: %s", t->block->name, strerror(e));
    }
    return !e;
}

bool disk_convert(const struct disk_arguments *given, FILE *out, struct error *err)
{
    struct disk_arguments a = *given;
    struct block_options options = {
        .format = (enum block_format)a.format, .readonly = true, .backing = a.follow};
    bool raw = a.new_format == BLOCK_FORMAT_RAW;
    if (a.compress && raw)
        return error_set(err, "-c goes with -O qcow2");
    struct block *from = image_open(a.file, &options, err);
    if (!from)
        return false;
    a.qcow2.size = from->size;
    struct block *to = disk_make(a.second, &a, err);
    bool ok = false;
    if (to) {
        struct target t = {.block = to,
                           .grain = raw ? GRAIN : qcow2_of(to)->cluster_size,
                           .packed = a.compress,
                           .sparse = !raw || raw_is_file(to)};
        ok = copy(from, &t, err);
        bool remove = !raw || raw_is_file(to);
        block_close(to);
        if (!ok && remove)
            unlink(a.second); // half of it is of no use
    }
    block_close(from);
    return ok;
}
