// SPDX-License-Identifier: GPL-3.0-or-later
// From guest clusters to host clusters: L1 table, L2 tables and what their entries mean.
#include "devices/block/qcow2.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static bool overlaps(uint64_t at, uint64_t len, uint64_t table, uint64_t bytes)
{
    return at < table + bytes && table < at + len;
}

// A host cluster of data that is aligned and is none of the tables that every image has.
static bool good_host(const struct qcow2 *q, uint64_t at)
{
    return at && !(at & (q->cluster_size - 1)) && at < QCOW2_MAX_OFFSET &&
           !overlaps(at, q->cluster_size, q->h.l1_offset, (uint64_t)q->h.l1_size * 8) &&
           !overlaps(at, q->cluster_size, q->h.reftable_offset, q->reftable_entries * 8);
}

void qcow2_packed_place(const struct qcow2 *q, uint64_t entry, uint64_t *at, uint64_t *len)
{
    unsigned bits = 62 - (q->h.cluster_bits - 8);
    *at = entry & mask64(bits);
    uint64_t sectors = bits64(entry, bits, 62 - bits) + 1;
    *len = sectors * 512 - (*at & 511);
}

enum qcow2_kind qcow2_entry_kind(const struct qcow2 *q, uint64_t entry)
{
    uint64_t host = entry & QCOW2_OFFSET;
    if (entry & QCOW2_COMPRESSED) {
        uint64_t at, len;
        qcow2_packed_place(q, entry, &at, &len);
        return at >= q->cluster_size && at + len < QCOW2_MAX_OFFSET ? QCOW2_PACKED : QCOW2_BAD;
    }
    if (host && !good_host(q, host))
        return QCOW2_BAD;
    if (q->h.version > 2 && (entry & QCOW2_ZERO))
        return QCOW2_ZEROS;
    return host ? QCOW2_DATA : QCOW2_NOTHING;
}

static uint64_t l1_index(const struct qcow2 *q, uint64_t cluster)
{
    return cluster >> q->l2_bits;
}

// Where the entry of a guest cluster lies in the file; 0: there is no L2 table. EIO: nowhere.
static int entry_place(const struct qcow2 *q, uint64_t cluster, uint64_t *at)
{
    assert(l1_index(q, cluster) < q->h.l1_size);
    uint64_t table = q->l1[l1_index(q, cluster)] & QCOW2_OFFSET;
    *at = table ? table + (cluster & mask64(q->l2_bits)) * 8 : 0;
    return table && !good_host(q, table) ? EIO : 0;
}

// What the entries from `index` on of a piece say of a guest offset. clusters: how many of them
// belong to the request.
static int describe(const struct qcow2 *q, const struct cache_piece *p, unsigned index,
                    uint64_t offset, uint64_t len, struct qcow2_extent *x)
{
    uint64_t skip = offset & (q->cluster_size - 1), entry = get64(p->data + 8 * index);
    unsigned end = q->l2.size / 8;
    *x = (struct qcow2_extent){.kind = qcow2_entry_kind(q, entry),
                               .own = entry & QCOW2_COPIED && entry & QCOW2_OFFSET,
                               .host = entry & QCOW2_OFFSET,
                               .entry = entry};
    if (x->kind == QCOW2_BAD)
        return EIO;
    uint64_t n = 1;
    for (; x->kind != QCOW2_PACKED && index + n < end && (n << q->h.cluster_bits) < skip + len;
         n++) {
        uint64_t next = get64(p->data + 8 * (index + n));
        bool own = next & QCOW2_COPIED && next & QCOW2_OFFSET;
        uint64_t host = x->kind == QCOW2_DATA ? x->host + (n << q->h.cluster_bits) : 0;
        if (qcow2_entry_kind(q, next) != x->kind || own != x->own ||
            (x->kind == QCOW2_DATA && (next & QCOW2_OFFSET) != host))
            break;
    }
    if (x->kind == QCOW2_DATA)
        x->host += skip;
    x->len = (n << q->h.cluster_bits) - skip;
    if (x->len > len)
        x->len = len;
    return 0;
}

static int map(struct qcow2 *q, uint64_t offset, uint64_t len, bool cached, struct qcow2_extent *x)
{
    uint64_t cluster = offset >> q->h.cluster_bits, at;
    int e = entry_place(q, cluster, &at);
    if (e)
        return e;
    if (!at) { // all that the table would map
        uint64_t next = (l1_index(q, cluster) + 1) << (q->l2_bits + q->h.cluster_bits);
        *x = (struct qcow2_extent){.kind = QCOW2_NOTHING};
        x->len = next - offset < len ? next - offset : len;
        return 0;
    }
    struct cache_piece *p = cached ? cache_peek(&q->l2, at) : NULL;
    if (cached && !p)
        return EAGAIN;
    e = p ? 0 : cache_get(&q->l2, at, &p);
    return e ? e : describe(q, p, (unsigned)(at - p->at) / 8, offset, len, x);
}

int qcow2_map(struct qcow2 *q, uint64_t offset, uint64_t len, struct qcow2_extent *x)
{
    return map(q, offset, len, false, x);
}

int qcow2_map_cached(struct qcow2 *q, uint64_t offset, uint64_t len, struct qcow2_extent *x)
{
    return map(q, offset, len, true, x);
}

// Writable tables --------------------------------------------------------------------------------

// What a new L2 table starts with: nothing, or what the shared one has.
static int first_contents(struct qcow2 *q, uint64_t old, uint64_t at)
{
    if (!old)
        return file_write_zeros(&q->file, at, q->cluster_size);
    uint8_t *bytes = malloc(q->cluster_size);
    assert(bytes);
    int e = file_read(&q->file, bytes, old, q->cluster_size);
    e = e ? e : file_write(&q->file, bytes, at, q->cluster_size);
    free(bytes);
    return e;
}

// The L1 entry is written after the contents are durable, as every reference is.
static int make_table(struct qcow2 *q, uint64_t i)
{
    uint64_t old = q->l1[i] & QCOW2_OFFSET, cluster, got;
    bool fresh;
    int e = qcow2_allocate(q, 1, &cluster, &got, &fresh);
    if (e)
        return e;
    uint64_t at = cluster << q->h.cluster_bits;
    e = first_contents(q, old, at);
    if (e) {
        qcow2_unallocate(q, cluster, 1);
        return e;
    }
    cache_drop(&q->l2, at, q->cluster_size);
    q->l1[i] = at | QCOW2_COPIED;
    q->l1_dirty[i / 64] = 1;
    if (old)
        qcow2_give_up(q, old >> q->h.cluster_bits, 1);
    return 0;
}

int qcow2_get_entry(struct qcow2 *q, uint64_t cluster, struct cache_piece **piece, unsigned *index)
{
    uint64_t i = l1_index(q, cluster), at;
    int e = entry_place(q, cluster, &at);
    if (!e && (!at || !(q->l1[i] & QCOW2_COPIED))) {
        e = make_table(q, i);
        e = e ? e : entry_place(q, cluster, &at);
    }
    e = e ? e : cache_get(&q->l2, at, piece);
    if (e)
        return e;
    (*piece)->pins++;
    *index = (unsigned)(at - (*piece)->at) / 8;
    return 0;
}

void qcow2_give_up_entry(struct qcow2 *q, uint64_t entry)
{
    uint64_t at = entry & QCOW2_OFFSET, len = 1;
    if (entry & QCOW2_COMPRESSED) {
        qcow2_packed_place(q, entry, &at, &len);
        qcow2_forget_unpacked(q, entry);
    }
    uint64_t first = at >> q->h.cluster_bits, last = (at + len - 1) >> q->h.cluster_bits;
    if (at)
        qcow2_give_up(q, first, last - first + 1);
}
