// SPDX-License-Identifier: GPL-3.0-or-later
// Zeroing and discarding: whole clusters change their entry, parts of clusters get zeros written.
#include "devices/block/qcow2_io.h"

#include <errno.h>

static const uint8_t zeros[65536];

static int write_zero_bytes(struct qcow2 *q, uint64_t offset, uint64_t len)
{
    while (len) {
        uint64_t n = len < sizeof zeros ? len : sizeof zeros;
        struct iovec v = {(void *)(uintptr_t)zeros, n};
        struct iov_cursor c = {&v, 1, 0};
        int e = qcow2_write_range(q, &c, offset, n);
        if (e)
            return e;
        offset += n;
        len -= n;
    }
    return 0;
}

enum fate { KEEP, FREE, FREE_ZERO, MARK_ZERO, WRITE_ZEROS };

// What a whole cluster's entry becomes.
static enum fate fate_of(const struct qcow2 *q, const struct block_request *req, uint64_t entry,
                         uint64_t cluster)
{
    struct qcow2_extent x = {.kind = qcow2_entry_kind(q, entry)};
    bool covers = q->backing && cluster << q->h.cluster_bits < q->backing->size;
    bool v3 = q->h.version > 2;
    if (x.kind == QCOW2_BAD)
        return KEEP; // whoever reads it gets the error
    if (req->op == BLOCK_DISCARD) {
        if (x.kind == QCOW2_NOTHING)
            return KEEP;
        if (covers) // what was under it must not come to light
            return v3 && entry & (QCOW2_OFFSET | QCOW2_COMPRESSED) ? FREE_ZERO : KEEP;
        return FREE;
    }
    if (qcow2_reads_as_zeros(q, &x, cluster))
        return req->unmap && entry & QCOW2_OFFSET ? FREE_ZERO : KEEP;
    if (x.kind == QCOW2_NOTHING)
        return v3 ? FREE_ZERO : WRITE_ZEROS;
    if (!req->unmap && x.kind == QCOW2_DATA)
        return v3 ? MARK_ZERO : WRITE_ZEROS;
    if (v3)
        return FREE_ZERO;
    return covers ? WRITE_ZEROS : FREE;
}

// Lock held. Changes one cluster; WRITE_ZEROS is left to the caller.
static int change_cluster(struct qcow2 *q, const struct block_request *req, uint64_t cluster,
                          enum fate *fate)
{
    struct cache_piece *p;
    struct qcow2_extent x;
    unsigned index;
    int e = qcow2_map(q, cluster << q->h.cluster_bits, q->cluster_size, &x);
    if (e)
        return req->op == BLOCK_DISCARD ? 0 : e;
    *fate = fate_of(q, req, x.entry, cluster);
    if (*fate == KEEP || *fate == WRITE_ZEROS)
        return 0;
    e = q->failed ? q->failed : qcow2_get_entry(q, cluster, &p, &index);
    if (e)
        return e;
    uint8_t *at = p->data + 8 * index;
    uint64_t old = get64(at);
    if (*fate == MARK_ZERO) {
        put64(at, old | QCOW2_ZERO);
    } else {
        qcow2_give_up_entry(q, old);
        put64(at, *fate == FREE_ZERO && q->h.version > 2 ? QCOW2_ZERO : 0);
    }
    cache_dirty(&q->l2, p);
    p->pins--;
    return 0;
}

// Whole clusters that nothing maps, up to `limit`: there is nothing to do for a table that is not.
static uint64_t skip_unmapped(struct qcow2 *q, const struct block_request *req, uint64_t cluster,
                              uint64_t limit)
{
    struct qcow2_extent x;
    uint64_t at = cluster << q->h.cluster_bits, len = (limit - cluster) << q->h.cluster_bits;
    if (q->backing && req->op != BLOCK_DISCARD)
        return 0;
    if (qcow2_map(q, at, len, &x) || x.kind != QCOW2_NOTHING)
        return 0;
    return x.len >> q->h.cluster_bits;
}

static int change_clusters(struct qcow2 *q, const struct block_request *req, uint64_t cluster,
                           uint64_t end)
{
    int e = 0;
    mutex_lock(&q->lock);
    while (!e && cluster < end) {
        enum fate fate = KEEP;
        uint64_t skip = skip_unmapped(q, req, cluster, end);
        if (skip) {
            cluster += skip;
            continue;
        }
        if (qcow2_wait_for(q, cluster))
            continue;
        e = change_cluster(q, req, cluster, &fate);
        if (!e && fate == WRITE_ZEROS) {
            mutex_unlock(&q->lock);
            e = write_zero_bytes(q, cluster << q->h.cluster_bits, q->cluster_size);
            mutex_lock(&q->lock);
        }
        cluster++;
    }
    mutex_unlock(&q->lock);
    return e;
}

// The part of a cluster that a WRITE_ZEROES covers.
static int zero_part(struct qcow2 *q, uint64_t offset, uint64_t len)
{
    struct qcow2_extent x;
    mutex_lock(&q->lock);
    while (qcow2_wait_for(q, offset >> q->h.cluster_bits))
        ;
    int e = qcow2_map(q, offset, len, &x);
    bool already = !e && qcow2_reads_as_zeros(q, &x, offset >> q->h.cluster_bits);
    mutex_unlock(&q->lock);
    return e || already || !len ? e : write_zero_bytes(q, offset, len);
}

int qcow2_zero_or_discard(struct qcow2 *q, const struct block_request *req)
{
    uint64_t mask = q->cluster_size - 1, begin = req->offset, end = begin + req->len;
    // The disk may end inside a cluster, of which that is the whole then.
    uint64_t first = (begin + mask) >> q->h.cluster_bits;
    uint64_t limit =
        end == q->block.size ? (end + mask) >> q->h.cluster_bits : end >> q->h.cluster_bits;
    int e = 0;
    if (!req->len)
        return 0;
    if (first > limit) // inside one
        return req->op == BLOCK_DISCARD ? 0 : zero_part(q, begin, req->len);
    if (req->op == BLOCK_WRITE_ZEROES && begin & mask)
        e = zero_part(q, begin, (first << q->h.cluster_bits) - begin);
    if (!e && req->op == BLOCK_WRITE_ZEROES && limit << q->h.cluster_bits < end)
        e = zero_part(q, limit << q->h.cluster_bits, end - (limit << q->h.cluster_bits));
    return e ? e : change_clusters(q, req, first, limit);
}
