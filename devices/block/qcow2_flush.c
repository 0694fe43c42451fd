// SPDX-License-Identifier: GPL-3.0-or-later
// Checkpoints: what is changed in memory goes to the file in an order that keeps it consistent
// (qcow2.h says which). One at a time; who asks while one runs waits for the next, which then is
// for all who wait.
//
// The lock is not held while the host syncs. L2 entries that are made meanwhile must not get into
// the file, since their refcounts are not durable: what is written is a copy made at the beginning,
// and its pieces stay in memory until it is in the file.
#include "devices/block/qcow2.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define L1_SECTOR 64u // entries

struct copy {
    struct cache_piece *piece; // pinned
    uint8_t *data;
};

struct checkpoint {
    struct copy *l2;
    size_t l2_count;
    uint64_t *l1; // indices of the first entries of changed sectors, then their copies
    size_t l1_count;
    uint8_t *l1_data;
    uint8_t *reftable; // as in the file, or NULL
    uint64_t reftable_at, reftable_bytes;
};

static void take_l2(struct qcow2 *q, struct checkpoint *c)
{
    c->l2 = calloc(q->l2.dirty_count + 1, sizeof *c->l2);
    assert(c->l2);
    for (struct cache_piece *p = cache_take_dirty(&q->l2); p; p = p->next_dirty) {
        struct copy *copy = &c->l2[c->l2_count++];
        *copy = (struct copy){p, malloc(q->l2.size)};
        assert(copy->data);
        memcpy(copy->data, p->data, q->l2.size);
        p->pins++;
    }
}

static void take_l1(struct qcow2 *q, struct checkpoint *c)
{
    size_t sectors = (q->h.l1_size + L1_SECTOR - 1) / L1_SECTOR;
    for (size_t s = 0; s < sectors; s++)
        c->l1_count += q->l1_dirty[s];
    c->l1 = calloc(c->l1_count + 1, sizeof *c->l1);
    c->l1_data = calloc(c->l1_count + 1, L1_SECTOR * 8);
    assert(c->l1 && c->l1_data);
    for (size_t s = 0, n = 0; n < c->l1_count; s++) {
        if (!q->l1_dirty[s])
            continue;
        q->l1_dirty[s] = 0;
        c->l1[n] = s * L1_SECTOR;
        for (size_t i = 0; i < L1_SECTOR && s * L1_SECTOR + i < q->h.l1_size; i++)
            put64(c->l1_data + (n * L1_SECTOR + i) * 8, q->l1[s * L1_SECTOR + i]);
        n++;
    }
}

static void take_reftable(struct qcow2 *q, struct checkpoint *c)
{
    if (!q->reftable_dirty)
        return;
    c->reftable_at = q->h.reftable_offset;
    c->reftable_bytes = q->reftable_entries * 8;
    c->reftable = malloc(c->reftable_bytes);
    assert(c->reftable);
    for (uint64_t n = 0; n < q->reftable_entries; n++)
        put64(c->reftable + 8 * n, q->reftable[n]);
    q->reftable_dirty = false;
}

static int sync_file(struct qcow2 *q)
{
    int e = file_sync(&q->file);
    if (!e)
        return 0;
    // The host may have dropped what it could not write, and says so once.
    mutex_lock(&q->lock);
    q->failed = e;
    mutex_unlock(&q->lock);
    return e;
}

// The table may have been moved to a larger place meanwhile, with all that is in it.
static int write_reftable(struct qcow2 *q, const struct checkpoint *c)
{
    int e = 0;
    mutex_lock(&q->lock);
    if (q->h.reftable_offset == c->reftable_at)
        e = file_write(&q->file, c->reftable, c->reftable_at, c->reftable_bytes);
    q->reftable_dirty |= e != 0;
    mutex_unlock(&q->lock);
    return e;
}

static int write_references(struct qcow2 *q, const struct checkpoint *c)
{
    int e = 0;
    for (size_t n = 0; !e && n < c->l2_count; n++)
        e = file_write(&q->file, c->l2[n].data, c->l2[n].piece->at, q->l2.size);
    for (size_t n = 0; !e && n < c->l1_count; n++) {
        size_t left = q->h.l1_size - c->l1[n];
        e = file_write(&q->file, c->l1_data + n * L1_SECTOR * 8, q->h.l1_offset + 8 * c->l1[n],
                       8 * (left < L1_SECTOR ? left : L1_SECTOR));
    }
    return e;
}

// Lock held. After an error all that was taken is to be written again.
static void finish(struct qcow2 *q, struct checkpoint *c, int e)
{
    for (size_t n = 0; n < c->l2_count; n++) {
        c->l2[n].piece->pins--;
        if (e)
            cache_dirty(&q->l2, c->l2[n].piece);
        free(c->l2[n].data);
    }
    for (size_t n = 0; n < c->l1_count; n++)
        q->l1_dirty[c->l1[n] / L1_SECTOR] |= e != 0;
    q->reftable_dirty |= e && c->reftable && q->h.reftable_offset == c->reftable_at;
    if (e)
        q->free_sealed = 0;
    else
        qcow2_release(q);
    free(c->l2);
    free(c->l1);
    free(c->l1_data);
    free(c->reftable);
}

static int write_all(struct qcow2 *q, const struct checkpoint *c, int e)
{
    bool references = c->l2_count || c->l1_count;
    if (!e && (c->reftable || references))
        e = sync_file(q);
    if (!e && c->reftable) {
        e = write_reftable(q, c);
        if (!e && references)
            e = sync_file(q);
    }
    e = e ? e : write_references(q, c);
    return e ? e : sync_file(q);
}

static int run(struct qcow2 *q)
{
    struct checkpoint c = {0};
    mutex_lock(&q->lock);
    int e = q->failed ? q->failed : qcow2_write_refcounts(q);
    take_l2(q, &c);
    take_l1(q, &c);
    take_reftable(q, &c);
    q->free_sealed = q->free_count;
    mutex_unlock(&q->lock);
    e = write_all(q, &c, e);
    mutex_lock(&q->lock);
    finish(q, &c, e);
    mutex_unlock(&q->lock);
    return e;
}

int qcow2_checkpoint(struct qcow2 *q)
{
    mutex_lock(&q->lock);
    uint64_t mine = q->checkpoints_begun + 1;
    while (q->checkpoints_done < mine) {
        if (q->checkpoints_begun > q->checkpoints_done) {
            pthread_cond_wait(&q->changed, &q->lock.m);
            continue;
        }
        q->checkpoints_begun++;
        mutex_unlock(&q->lock);
        int e = run(q);
        mutex_lock(&q->lock);
        q->checkpoint_error = e;
        q->checkpoints_done++;
        pthread_cond_broadcast(&q->changed);
    }
    int e = q->checkpoint_error;
    mutex_unlock(&q->lock);
    return e;
}

bool qcow2_pressed(const struct qcow2 *q)
{
    return cache_pressed(&q->l2) || cache_pressed(&q->refs) || q->free_count > 65536;
}
