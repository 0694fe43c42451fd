// SPDX-License-Identifier: GPL-3.0-or-later
// New qcow2 images: header, refcount table, refcount blocks for what is there, L1 table, in this
// order; the header is written last.
#include "devices/block/qcow2.h"

#include <errno.h>
#include <stdlib.h>

// In clusters.
struct layout {
    uint64_t reftable, blocks, l1, total;
};

static uint64_t div_up(uint64_t n, uint64_t by)
{
    return n / by + !!(n % by);
}

static struct layout plan(const struct qcow2_create_options *o)
{
    uint64_t size = BIT(o->cluster_bits), per_block = BIT(o->cluster_bits + 3 - o->refcount_order);
    struct layout l = {.reftable = 1, .blocks = 1};
    l.l1 = div_up(qcow2_l1_entries(o->size, o->cluster_bits) * 8, size);
    for (;;) {
        l.total = 1 + l.reftable + l.blocks + l.l1;
        uint64_t blocks = div_up(l.total, per_block), reftable = div_up(blocks * 8, size);
        if (blocks <= l.blocks && reftable <= l.reftable)
            return l;
        l.blocks = blocks;
        l.reftable = reftable;
    }
}

static int write_blocks(const struct block_file *f, const struct qcow2_create_options *o,
                        const struct layout *l)
{
    uint64_t size = BIT(o->cluster_bits), per_block = BIT(o->cluster_bits + 3 - o->refcount_order);
    uint8_t *bytes = calloc(1, size), entry[8];
    assert(bytes);
    int e = 0;
    for (uint64_t n = 0; !e && n < l->blocks; n++) {
        uint64_t at = (1 + l->reftable + n) << o->cluster_bits;
        memset(bytes, 0, size);
        for (uint64_t i = 0; i < per_block && n * per_block + i < l->total; i++)
            qcow2_set_refcount(bytes, o->refcount_order, i, 1);
        put64(entry, at);
        e = file_write(f, bytes, at, size);
        e = e ? e : file_write(f, entry, size + 8 * n, sizeof entry);
    }
    free(bytes);
    return e;
}

static int write_image(const struct block_file *f, const struct qcow2_create_options *o,
                       const struct layout *l, const struct qcow2_header *h)
{
    uint64_t size = BIT(o->cluster_bits);
    uint8_t *bytes = calloc(1, size);
    assert(bytes);
    int e = file_write_zeros(f, size, l->reftable << o->cluster_bits);
    e = e ? e : write_blocks(f, o, l);
    e = e ? e : file_write_zeros(f, h->l1_offset, l->l1 << o->cluster_bits);
    if (!e && !qcow2_header_write(h, bytes, size))
        e = ENAMETOOLONG;
    e = e ? e : file_write(f, bytes, 0, size);
    e = e ? e : file_sync(f);
    free(bytes);
    return e;
}

bool qcow2_format_file(const struct block_file *file, const struct qcow2_create_options *o,
                       struct error *err)
{
    struct layout l = plan(o);
    uint64_t entries = qcow2_l1_entries(o->size, o->cluster_bits);
    if (!o->size || o->size > INT64_MAX - 512 || entries * 8 > QCOW2_MAX_L1)
        return error_set(err, "a disk of %llu bytes is not possible with clusters of %llu",
                         (unsigned long long)o->size, (unsigned long long)BIT(o->cluster_bits));
    struct qcow2_header h = {
        .version = o->version,
        .cluster_bits = o->cluster_bits,
        .size = o->size,
        .l1_offset = (1 + l.reftable + l.blocks) << o->cluster_bits,
        .l1_size = (uint32_t)entries,
        .reftable_offset = BIT(o->cluster_bits),
        .reftable_clusters = (uint32_t)l.reftable,
        .refcount_order = o->refcount_order,
        .compression = o->compression,
        .incompatible = o->compression ? QCOW2_COMPRESSION : 0,
        .compatible = o->lazy_refcounts ? QCOW2_LAZY_REFCOUNTS : 0,
    };
    if (o->backing && strlen(o->backing) >= sizeof h.backing)
        return error_set(err, "the backing file's name is too long");
    if (o->backing)
        snprintf(h.backing, sizeof h.backing, "%s", o->backing);
    if (o->backing_format)
        snprintf(h.backing_format, sizeof h.backing_format, "%s", o->backing_format);
    int e = write_image(file, o, &l, &h);
    return e ? error_set(err, "%s", strerror(e)) : true;
}
