// SPDX-License-Identifier: GPL-3.0-or-later
// Compressed clusters: a raw deflate stream (window 2^12) or a zstd frame, at any byte of the file,
// several in a host cluster.
//
// A damaged or hostile stream gives an error or some bytes, never more than a cluster of them.
// Guests read a cluster in pieces, so the last few that were decompressed are kept.
#include "devices/block/qcow2.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#define ZSTD_MAX_WINDOW 22 // log2: what a decompressor may be made to allocate

static int inflate_zlib(const uint8_t *from, size_t n, uint8_t *to, size_t room)
{
    z_stream z = {.next_in = (uint8_t *)(uintptr_t)from,
                  .avail_in = (uInt)n,
                  .next_out = to,
                  .avail_out = (uInt)room};
    if (inflateInit2(&z, -15) != Z_OK)
        return ENOMEM;
    int r = inflate(&z, Z_FINISH);
    bool whole = !z.avail_out && (r == Z_STREAM_END || r == Z_BUF_ERROR || r == Z_OK);
    inflateEnd(&z);
    return whole ? 0 : EIO;
}

static int inflate_zstd(const uint8_t *from, size_t n, uint8_t *to, size_t room)
{
    ZSTD_DCtx *z = ZSTD_createDCtx();
    if (!z)
        return ENOMEM;
    ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, ZSTD_MAX_WINDOW);
    ZSTD_inBuffer in = {from, n, 0};
    ZSTD_outBuffer out = {to, room, 0};
    size_t before, r = 1;
    do {
        before = in.pos + out.pos;
        r = ZSTD_decompressStream(z, &out, &in);
    } while (!ZSTD_isError(r) && out.pos < room && in.pos + out.pos > before);
    ZSTD_freeDCtx(z);
    return !ZSTD_isError(r) && out.pos == room ? 0 : EIO;
}

static int copy_out(const uint8_t *from, struct iov_cursor *c, uint64_t len)
{
    while (len) {
        struct iovec v;
        uint64_t got;
        if (!iov_peek(c, len, &v, 1, &got))
            return EINVAL;
        memcpy(v.iov_base, from, got);
        iov_advance(c, got);
        from += got;
        len -= got;
    }
    return 0;
}

static struct qcow2_inflated *find(struct qcow2 *q, uint64_t entry)
{
    for (unsigned n = 0; n < QCOW2_INFLATED; n++)
        if (q->inflated[n].data && q->inflated[n].entry == entry)
            return &q->inflated[n];
    return NULL;
}

void qcow2_forget_unpacked(struct qcow2 *q, uint64_t entry)
{
    struct qcow2_inflated *i = find(q, entry);
    if (!i)
        return;
    free(i->data);
    *i = (struct qcow2_inflated){0};
}

static void keep(struct qcow2 *q, uint64_t entry, uint8_t *data)
{
    mutex_lock(&q->lock);
    struct qcow2_inflated *i = &q->inflated[q->next_inflated++ % QCOW2_INFLATED];
    uint8_t *old = i->data;
    *i = (struct qcow2_inflated){entry, data};
    mutex_unlock(&q->lock);
    free(old);
}

static int load(struct qcow2 *q, uint64_t entry, uint8_t *to)
{
    uint64_t at, len;
    qcow2_packed_place(q, entry, &at, &len);
    uint8_t *from = malloc(len);
    assert(from);
    int e = file_read(&q->file, from, at, len);
    if (!e)
        e = q->h.compression == QCOW2_ZSTD ? inflate_zstd(from, len, to, q->cluster_size)
                                           : inflate_zlib(from, len, to, q->cluster_size);
    free(from);
    return e;
}

int qcow2_unpack(struct qcow2 *q, uint64_t entry, uint64_t skip, struct iov_cursor *c, uint64_t len)
{
    mutex_lock(&q->lock);
    const struct qcow2_inflated *i = find(q, entry);
    int e = i ? copy_out(i->data + skip, c, len) : 0;
    mutex_unlock(&q->lock);
    if (i)
        return e;
    uint8_t *data = malloc(q->cluster_size);
    assert(data);
    e = load(q, entry, data);
    if (e) {
        free(data);
        return e;
    }
    e = copy_out(data + skip, c, len);
    keep(q, entry, data);
    return e;
}

// Writing ----------------------------------------------------------------------------------------

static size_t deflate_zlib(const uint8_t *from, size_t n, uint8_t *to, size_t room)
{
    z_stream z = {.next_in = (uint8_t *)(uintptr_t)from,
                  .avail_in = (uInt)n,
                  .next_out = to,
                  .avail_out = (uInt)room};
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -12, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    bool ok = deflate(&z, Z_FINISH) == Z_STREAM_END;
    deflateEnd(&z);
    return ok ? room - z.avail_out : 0;
}

size_t qcow2_pack(const struct qcow2 *q, const uint8_t *from, uint8_t *to)
{
    size_t room = q->cluster_size - 1;
    if (q->h.compression == QCOW2_ZLIB)
        return deflate_zlib(from, q->cluster_size, to, room);
    size_t n = ZSTD_compress(to, room, from, q->cluster_size, ZSTD_CLEVEL_DEFAULT);
    return ZSTD_isError(n) ? 0 : n;
}

// Room for n bytes: behind the last compressed cluster, or in a new host cluster.
static int place(struct qcow2 *q, size_t n, uint64_t *at)
{
    uint64_t cluster, got, used = q->packed & (q->cluster_size - 1);
    uint64_t last = q->packed >> q->h.cluster_bits;
    bool fresh, shared = used && !qcow2_add_refcount(q, last, 1);
    if (shared && n <= q->cluster_size - used) {
        *at = q->packed;
    } else {
        int e = qcow2_allocate(q, 1, &cluster, &got, &fresh);
        if (!e && shared && cluster == last + 1) {
            *at = q->packed;
        } else {
            if (shared)
                qcow2_add_refcount(q, last, -1);
            if (e)
                return e;
            *at = cluster << q->h.cluster_bits;
        }
    }
    q->packed = *at + n;
    return 0;
}

int qcow2_write_packed(struct qcow2 *q, uint64_t offset, const uint8_t *data)
{
    struct cache_piece *p;
    unsigned index;
    uint64_t at;
    uint8_t *bytes = malloc(q->cluster_size);
    assert(bytes);
    size_t n = qcow2_pack(q, data, bytes);
    if (!n) {
        free(bytes);
        return EAGAIN;
    }
    mutex_lock(&q->lock);
    int e = qcow2_get_entry(q, offset >> q->h.cluster_bits, &p, &index);
    if (!e) {
        e = place(q, n, &at);
        e = e ? e : file_write(&q->file, bytes, at, n);
        if (!e) {
            uint64_t sectors = ((at + n - 1) >> 9) - (at >> 9);
            qcow2_give_up_entry(q, get64(p->data + 8 * index));
            put64(p->data + 8 * index,
                  at | sectors << (62 - (q->h.cluster_bits - 8)) | QCOW2_COMPRESSED);
            cache_dirty(&q->l2, p);
        }
        p->pins--;
    }
    mutex_unlock(&q->lock);
    free(bytes);
    return e;
}
