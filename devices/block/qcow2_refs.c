// SPDX-License-Identifier: GPL-3.0-or-later
// Refcounts: which clusters of the file are in use, and finding free ones.
//
// A cluster without a refcount block is free. A new block describes itself: it lies in the range
// that it is for. The refcount table grows behind everything it can describe.
#include "devices/block/qcow2.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define MAX_SEARCH BIT(28) // clusters

uint64_t qcow2_get_refcount(const uint8_t *block, unsigned order, uint64_t index)
{
    switch (order) {
    case 3:
        return block[index];
    case 4:
        return get16(block + 2 * index);
    case 5:
        return get32(block + 4 * index);
    case 6:
        return get64(block + 8 * index);
    default: { // parts of a byte, the lowest bits first
        unsigned bit = (unsigned)(index << order) & 7;
        return block[index << order >> 3] >> bit & mask64(1u << order);
    }
    }
}

void qcow2_set_refcount(uint8_t *block, unsigned order, uint64_t index, uint64_t value)
{
    switch (order) {
    case 3:
        block[index] = (uint8_t)value;
        break;
    case 4:
        put16(block + 2 * index, (uint16_t)value);
        break;
    case 5:
        put32(block + 4 * index, (uint32_t)value);
        break;
    case 6:
        put64(block + 8 * index, value);
        break;
    default: {
        uint8_t *byte = &block[index << order >> 3];
        *byte = (uint8_t)deposit64(*byte, (unsigned)(index << order) & 7, 1u << order, value);
    }
    }
}

static uint64_t max_refcount(const struct qcow2 *q)
{
    return mask64(1u << q->h.refcount_order);
}

// The piece of a refcount block with a cluster's count, and the count's index in it. NULL: there
// is no block.
static int find(struct qcow2 *q, uint64_t cluster, struct cache_piece **piece, uint64_t *index)
{
    uint64_t block = cluster >> q->block_bits, at, byte;
    *piece = NULL;
    if (block >= q->reftable_entries || !(at = q->reftable[block]))
        return 0;
    if (at & (q->cluster_size - 1) || at >= QCOW2_MAX_OFFSET)
        return EIO;
    *index = cluster & mask64(q->block_bits);
    byte = *index << q->h.refcount_order >> 3;
    at += byte - byte % q->refs.size;
    *index &= ((uint64_t)q->refs.size << 3 >> q->h.refcount_order) - 1;
    return cache_get(&q->refs, at, piece);
}

int qcow2_refcount(struct qcow2 *q, uint64_t cluster, uint64_t *count)
{
    struct cache_piece *p;
    uint64_t index;
    int e = find(q, cluster, &p, &index);
    *count = e || !p ? 0 : qcow2_get_refcount(p->data, q->h.refcount_order, index);
    return e;
}

static int make_block(struct qcow2 *q, uint64_t cluster);

int qcow2_add_refcount(struct qcow2 *q, uint64_t cluster, int64_t add)
{
    struct cache_piece *p;
    uint64_t index;
    int e = find(q, cluster, &p, &index);
    if (e || !p)
        return e ? e : ERANGE;
    uint64_t old = qcow2_get_refcount(p->data, q->h.refcount_order, index);
    if (add < 0 ? old < (uint64_t)-add : max_refcount(q) - old < (uint64_t)add)
        return ERANGE;
    qcow2_set_refcount(p->data, q->h.refcount_order, index, old + (uint64_t)add);
    cache_dirty(&q->refs, p);
    if (old + (uint64_t)add == 0 && cluster < q->hint)
        q->hint = cluster;
    return 0;
}

// Clusters from `cluster` on have been taken: whether they were never written, and from now on are.
static bool take_fresh(struct qcow2 *q, uint64_t cluster, uint64_t count)
{
    bool fresh = cluster >= q->end;
    if (q->end < cluster + count)
        q->end = cluster + count;
    return fresh;
}

// A refcount block in `cluster`, which is free and which it describes.
static int make_block(struct qcow2 *q, uint64_t cluster)
{
    uint64_t at = cluster << q->h.cluster_bits, block = cluster >> q->block_bits;
    int e = file_write_zeros(&q->file, at, q->cluster_size);
    if (e)
        return e;
    take_fresh(q, cluster, 1);
    cache_drop(&q->refs, at, q->cluster_size);
    q->reftable[block] = at;
    q->reftable_dirty = true;
    return qcow2_add_refcount(q, cluster, 1);
}

// Refcount table ---------------------------------------------------------------------------------

// What the new table and the blocks for itself and them take, in clusters, behind all that the old
// table can describe.
struct growth {
    uint64_t first, blocks, table;
};

static struct growth plan(const struct qcow2 *q)
{
    uint64_t per_cluster = q->cluster_size / 8;
    struct growth g = {.first = q->reftable_entries << q->block_bits, .blocks = 1};
    for (;;) {
        uint64_t entries = q->reftable_entries + q->reftable_entries / 2 + g.blocks + 1;
        g.table = (entries + per_cluster - 1) / per_cluster;
        uint64_t needed = ((g.blocks + g.table - 1) >> q->block_bits) + 1;
        if (needed <= g.blocks)
            return g;
        g.blocks = needed;
    }
}

static int write_growth(struct qcow2 *q, const struct growth *g, uint64_t *table)
{
    uint64_t used = g->blocks + g->table, entries = g->table * q->cluster_size / 8;
    uint64_t at = g->first << q->h.cluster_bits;
    uint8_t *bytes = malloc(q->cluster_size);
    assert(bytes);
    int e = 0;
    for (uint64_t n = 0; !e && n < g->blocks; n++) {
        memset(bytes, 0, q->cluster_size);
        for (uint64_t i = 0; i < BIT(q->block_bits) && (n << q->block_bits) + i < used; i++)
            qcow2_set_refcount(bytes, q->h.refcount_order, i, 1);
        table[q->reftable_entries + n] = at + (n << q->h.cluster_bits);
        e = file_write(&q->file, bytes, table[q->reftable_entries + n], q->cluster_size);
    }
    at += g->blocks << q->h.cluster_bits;
    for (uint64_t n = 0; !e && n < entries; n += q->cluster_size / 8) {
        for (uint64_t i = 0; i < q->cluster_size / 8; i++)
            put64(bytes + 8 * i, table[n + i]);
        e = file_write(&q->file, bytes, at + 8 * n, q->cluster_size);
    }
    free(bytes);
    return e;
}

int qcow2_write_refcounts(struct qcow2 *q)
{
    int first = 0;
    for (struct cache_piece *p = cache_take_dirty(&q->refs), *next; p; p = next) {
        next = p->next_dirty;
        int e = file_write(&q->file, p->data, p->at, q->refs.size);
        if (e) {
            cache_dirty(&q->refs, p);
            first = first ? first : e;
        }
    }
    return first;
}

static int grow_table(struct qcow2 *q)
{
    struct growth g = plan(q);
    uint64_t entries = g.table * q->cluster_size / 8;
    if (entries * 8 > QCOW2_MAX_REFTABLE ||
        (g.first + g.blocks + g.table) << q->h.cluster_bits >= QCOW2_MAX_OFFSET)
        return EFBIG;
    uint64_t *table = calloc(entries, 8);
    assert(table);
    memcpy(table, q->reftable, q->reftable_entries * 8);
    struct qcow2_header old = q->h;
    int e = qcow2_write_refcounts(q); // the new table refers to these blocks
    e = e ? e : write_growth(q, &g, table);
    e = e ? e : file_sync(&q->file);
    if (!e) {
        q->h.reftable_offset = (g.first + g.blocks) << q->h.cluster_bits;
        q->h.reftable_clusters = (uint32_t)g.table;
        e = qcow2_update_header(q);
        if (e)
            q->failed = e; // which of the two counts is not known
    }
    if (e) {
        free(table);
        return e;
    }
    cache_drop(&q->refs, g.first << q->h.cluster_bits, g.blocks << q->h.cluster_bits);
    take_fresh(q, g.first, g.blocks + g.table);
    free(q->reftable);
    q->reftable = table;
    q->reftable_entries = entries;
    q->reftable_dirty = false;
    for (uint64_t n = 0; n < old.reftable_clusters; n++)
        qcow2_add_refcount(q, (old.reftable_offset >> q->h.cluster_bits) + n, -1);
    return 0;
}

// Finding free clusters --------------------------------------------------------------------------

static int find_free(struct qcow2 *q, uint64_t *cluster)
{
    for (uint64_t n = q->hint; n - q->hint < MAX_SEARCH; n++) {
        struct cache_piece *p;
        uint64_t index, limit = (uint64_t)q->refs.size << 3 >> q->h.refcount_order;
        if ((n + 1) << q->h.cluster_bits >= QCOW2_MAX_OFFSET)
            return EFBIG;
        if (n >> q->block_bits >= q->reftable_entries) {
            int e = grow_table(q);
            if (e)
                return e;
        }
        int e = find(q, n, &p, &index);
        if (!e && !p)
            e = make_block(q, n); // n is taken now
        if (e)
            return e;
        for (; p && index < limit; index++, n++) {
            if (!qcow2_get_refcount(p->data, q->h.refcount_order, index)) {
                *cluster = q->hint = n;
                return 0;
            }
        }
        n -= p != NULL;
    }
    return EIO; // such counts nobody makes by using an image
}

int qcow2_allocate(struct qcow2 *q, uint64_t want, uint64_t *cluster, uint64_t *got, bool *fresh)
{
    int e = q->failed ? q->failed : find_free(q, cluster);
    if (e)
        return e;
    uint64_t n = 0;
    for (; n < want; n++) {
        struct cache_piece *p;
        uint64_t index;
        if ((*cluster + n + 1) << q->h.cluster_bits >= QCOW2_MAX_OFFSET ||
            find(q, *cluster + n, &p, &index) || !p ||
            qcow2_get_refcount(p->data, q->h.refcount_order, index))
            break;
        // Either all that is taken together was written before, or nothing of it.
        if (n && (*cluster + n >= q->end) != (*cluster >= q->end))
            break;
        qcow2_set_refcount(p->data, q->h.refcount_order, index, 1);
        cache_dirty(&q->refs, p);
    }
    if (!n)
        return EIO;
    *got = n;
    *fresh = take_fresh(q, *cluster, n);
    q->hint = *cluster + n;
    return 0;
}

void qcow2_unallocate(struct qcow2 *q, uint64_t cluster, uint64_t count)
{
    for (uint64_t n = 0; n < count; n++)
        qcow2_add_refcount(q, cluster + n, -1);
}

// Giving back ------------------------------------------------------------------------------------

void qcow2_give_up(struct qcow2 *q, uint64_t cluster, uint64_t count)
{
    struct qcow2_free *last = q->free_count > q->free_sealed ? &q->frees[q->free_count - 1] : NULL;
    q->now++;
    if (last && last->cluster + last->count == cluster) {
        last->count += count;
        last->when = q->now;
        return;
    }
    if (q->free_count == q->free_capacity) {
        q->free_capacity = q->free_capacity ? 2 * q->free_capacity : 64;
        q->frees = realloc(q->frees, q->free_capacity * sizeof *q->frees);
        assert(q->frees);
    }
    q->frees[q->free_count++] = (struct qcow2_free){cluster, count, q->now};
}

static bool still_used(const struct qcow2 *q, const struct qcow2_free *f)
{
    for (const struct qcow2_user *u = q->users; u; u = u->next)
        if (u->began < f->when)
            return true;
    return false;
}

// The space goes back to the host before anybody else can get the cluster.
static void release(struct qcow2 *q, const struct qcow2_free *f)
{
    for (uint64_t n = 0, run = 0; n <= f->count; n++) {
        uint64_t count = 0;
        bool last = n < f->count && !qcow2_refcount(q, f->cluster + n, &count) && count == 1;
        if (last) {
            run++;
            continue;
        }
        if (run)
            file_punch(&q->file, (f->cluster + n - run) << q->h.cluster_bits,
                       run << q->h.cluster_bits);
        run = 0;
    }
    for (uint64_t n = 0; n < f->count; n++)
        qcow2_add_refcount(q, f->cluster + n, -1);
}

void qcow2_release(struct qcow2 *q)
{
    size_t kept = 0;
    for (size_t n = 0; n < q->free_count; n++) {
        if (n < q->free_sealed && !still_used(q, &q->frees[n]))
            release(q, &q->frees[n]);
        else
            q->frees[kept++] = q->frees[n];
    }
    q->free_count = kept;
    q->free_sealed = 0;
}
