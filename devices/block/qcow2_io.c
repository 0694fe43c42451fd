// SPDX-License-Identifier: GPL-3.0-or-later
// Reading and writing.
//
// A write into a cluster that is the image's own goes straight there. Any other makes new host
// clusters: what the request does not cover of them is filled with the old contents, all is
// written, then the L2 entries change. Nothing is filled where the file is known to read as zeros.
#include "devices/block/qcow2_io.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define PIECES 256

// Who works without the lock ---------------------------------------------------------------------

// Lock held.
static void user_enter(struct qcow2 *q, struct qcow2_user *u)
{
    *u = (struct qcow2_user){.next = q->users, .link = &q->users, .began = q->now};
    if (q->users)
        q->users->link = &u->next;
    q->users = u;
}

static void user_leave(struct qcow2_user *u)
{
    *u->link = u->next;
    if (u->next)
        u->next->link = u->link;
}

static bool is_changing(const struct qcow2 *q, uint64_t first, uint64_t count)
{
    for (const struct qcow2_change *c = q->changes; c; c = c->next)
        if (first < c->first + c->count && c->first < first + count)
            return true;
    return false;
}

static void change_begin(struct qcow2 *q, struct qcow2_change *c, uint64_t first, uint64_t count)
{
    *c = (struct qcow2_change){q->changes, first, count};
    q->changes = c;
}

static void change_end(struct qcow2 *q, struct qcow2_change *c)
{
    struct qcow2_change **link = &q->changes;
    while (*link != c)
        link = &(*link)->next;
    *link = c->next;
    pthread_cond_broadcast(&q->changed);
}

bool qcow2_wait_for(struct qcow2 *q, uint64_t cluster)
{
    if (!is_changing(q, cluster, 1))
        return false;
    pthread_cond_wait(&q->changed, &q->lock.m);
    return true;
}

// Reading ----------------------------------------------------------------------------------------

// What the backing file has; beyond its end it has zeros.
static int read_backing(struct qcow2 *q, uint64_t offset, struct iov_cursor *c, uint64_t len)
{
    while (q->backing && len && offset < q->backing->size) {
        uint64_t left = q->backing->size - offset, got;
        struct iovec v[PIECES];
        int n = iov_peek(c, len < left ? len : left, v, PIECES, &got);
        struct block_request req = {
            .op = BLOCK_READ, .offset = offset, .len = got, .iov = v, .iovcnt = n};
        int e = n ? block_run(q->backing, &req) : EINVAL;
        if (e)
            return e;
        iov_advance(c, got);
        offset += got;
        len -= got;
    }
    return iov_zero(c, len) ? 0 : EINVAL;
}

// Lock not held; the caller is a user or announces a change.
static int read_extent(struct qcow2 *q, const struct qcow2_extent *x, uint64_t offset,
                       struct iov_cursor *c, uint64_t len)
{
    switch (x->kind) {
    case QCOW2_NOTHING:
        return read_backing(q, offset, c, len);
    case QCOW2_ZEROS:
        return iov_zero(c, len) ? 0 : EINVAL;
    case QCOW2_DATA:
        return file_readv(&q->file, c, x->host, len, 0);
    case QCOW2_PACKED:
        return qcow2_unpack(q, x->entry, offset & (q->cluster_size - 1), c, len);
    default:
        return EIO;
    }
}

static int read_range(struct qcow2 *q, struct iov_cursor *c, uint64_t offset, uint64_t len)
{
    struct qcow2_user user;
    struct qcow2_extent x;
    int e = 0;
    mutex_lock(&q->lock);
    user_enter(q, &user);
    while (!e && len) {
        e = qcow2_map(q, offset, len, &x);
        if (e)
            break;
        mutex_unlock(&q->lock);
        e = read_extent(q, &x, offset, c, x.len);
        mutex_lock(&q->lock);
        offset += x.len;
        len -= x.len;
    }
    user_leave(&user);
    mutex_unlock(&q->lock);
    return e;
}

// Writing ----------------------------------------------------------------------------------------

// A write that gets new host clusters (or one that waits behind zeros).
struct placement {
    struct qcow2_change change;
    struct cache_piece *piece; // with the entries, pinned
    unsigned index;            // of the first
    uint64_t host;             // byte in the file
    bool fresh;                // which reads as zeros
    bool reused;               // the host cluster was there
    uint64_t len;              // guest bytes of the request
};

bool qcow2_reads_as_zeros(const struct qcow2 *q, const struct qcow2_extent *x, uint64_t cluster)
{
    return x->kind == QCOW2_ZEROS ||
           (x->kind == QCOW2_NOTHING &&
            (!q->backing || cluster << q->h.cluster_bits >= q->backing->size));
}

// Puts the old contents [from, to) of a guest cluster into its new place.
static int copy_old(struct qcow2 *q, uint64_t entry, uint64_t from, uint64_t to, uint64_t host,
                    bool fresh)
{
    uint64_t inside = from & (q->cluster_size - 1), len = to - from;
    struct qcow2_extent x = {.kind = qcow2_entry_kind(q, entry),
                             .host = (entry & QCOW2_OFFSET) + inside,
                             .entry = entry};
    if (!len)
        return 0;
    if (qcow2_reads_as_zeros(q, &x, from >> q->h.cluster_bits))
        return fresh ? 0 : file_write_zeros(&q->file, host + inside, len);
    uint8_t *bytes = malloc(len);
    assert(bytes);
    struct iovec v = {bytes, len};
    struct iov_cursor c = {&v, 1, 0};
    int e = read_extent(q, &x, from, &c, len);
    e = e ? e : file_write(&q->file, bytes, host + inside, len);
    free(bytes);
    return e;
}

// Lock held. How many entries from `index` on need new clusters, too.
static uint64_t run_to_place(const struct qcow2 *q, const struct placement *p, uint64_t most)
{
    uint64_t n = 1;
    while (n < most && p->index + n < q->l2.size / 8) {
        uint64_t entry = get64(p->piece->data + 8 * (p->index + n));
        enum qcow2_kind kind = qcow2_entry_kind(q, entry);
        bool own = entry & QCOW2_COPIED && entry & QCOW2_OFFSET;
        if (kind == QCOW2_BAD || ((kind == QCOW2_DATA || kind == QCOW2_ZEROS) && own) ||
            is_changing(q, p->change.first + n, 1))
            break;
        n++;
    }
    return n;
}

// Lock held. Finds host clusters for a write at offset and announces the change.
static int place(struct qcow2 *q, const struct qcow2_extent *x, uint64_t offset, uint64_t len,
                 struct placement *p)
{
    uint64_t first = offset >> q->h.cluster_bits, skip = offset & (q->cluster_size - 1);
    uint64_t most = (skip + len + q->cluster_size - 1) >> q->h.cluster_bits, cluster, got = 1;
    *p = (struct placement){.change = {.first = first}};
    int e = q->failed ? q->failed : qcow2_get_entry(q, first, &p->piece, &p->index);
    if (e)
        return e;
    if (x->kind == QCOW2_ZEROS && x->own) {
        p->host = x->host;
        p->reused = true;
    } else {
        e = qcow2_allocate(q, run_to_place(q, p, most), &cluster, &got, &p->fresh);
        if (e) {
            p->piece->pins--;
            return e;
        }
        p->host = cluster << q->h.cluster_bits;
    }
    p->len = (got << q->h.cluster_bits) - skip;
    if (p->len > len)
        p->len = len;
    change_begin(q, &p->change, first, got);
    return 0;
}

// Lock not held.
static int write_placed(struct qcow2 *q, const struct placement *p, struct iov_cursor *c,
                        uint64_t offset)
{
    uint64_t mask = q->cluster_size - 1, begin = offset & ~mask, end = offset + p->len;
    uint64_t last = p->change.count - 1, round = (end + mask) & ~mask;
    int e = copy_old(q, get64(p->piece->data + 8 * p->index), begin, offset, p->host, p->fresh);
    if (!e)
        e = copy_old(q, get64(p->piece->data + 8 * (p->index + last)), end, round,
                     p->host + (last << q->h.cluster_bits), p->fresh);
    return e ? e : file_writev(&q->file, c, p->host + (offset - begin), p->len, false);
}

// Lock held. The entries change, or all is as before.
static void settle(struct qcow2 *q, struct placement *p, int e)
{
    uint64_t count = p->change.count;
    for (uint64_t n = 0; !e && n < count; n++) {
        uint8_t *entry = p->piece->data + 8 * (p->index + n);
        if (!p->reused)
            qcow2_give_up_entry(q, get64(entry));
        put64(entry, (p->host + (n << q->h.cluster_bits)) | QCOW2_COPIED);
    }
    if (!e)
        cache_dirty(&q->l2, p->piece);
    else if (!p->reused)
        qcow2_unallocate(q, p->host >> q->h.cluster_bits, count);
    p->piece->pins--;
    change_end(q, &p->change);
}

// Lock held on entry and exit. Writes the first part; *done bytes of it.
static int write_part(struct qcow2 *q, struct iov_cursor *c, uint64_t offset, uint64_t len,
                      uint64_t *done)
{
    struct qcow2_extent x;
    struct placement p;
    *done = 0;
    int e = qcow2_map(q, offset, len, &x);
    if (e)
        return e;
    if (x.kind == QCOW2_DATA && x.own) {
        mutex_unlock(&q->lock);
        e = file_writev(&q->file, c, x.host, x.len, false);
        mutex_lock(&q->lock);
        *done = x.len;
        return e;
    }
    if (qcow2_wait_for(q, offset >> q->h.cluster_bits))
        return 0;
    e = place(q, &x, offset, len, &p);
    if (e)
        return e;
    mutex_unlock(&q->lock);
    e = write_placed(q, &p, c, offset);
    mutex_lock(&q->lock);
    settle(q, &p, e);
    *done = p.len;
    return e;
}

int qcow2_write_range(struct qcow2 *q, struct iov_cursor *c, uint64_t offset, uint64_t len)
{
    struct qcow2_user user;
    uint64_t done = 0;
    int e = 0;
    mutex_lock(&q->lock);
    user_enter(q, &user);
    for (; !e && len; offset += done, len -= done)
        e = write_part(q, c, offset, len, &done);
    user_leave(&user);
    mutex_unlock(&q->lock);
    return e;
}

// Requests ---------------------------------------------------------------------------------------

// After a change: what must be durable, or too much is in memory.
static int after_change(struct qcow2 *q, bool through)
{
    mutex_lock(&q->lock);
    bool pressed = qcow2_pressed(q);
    mutex_unlock(&q->lock);
    if (!through && !pressed)
        return 0;
    int e = qcow2_checkpoint(q);
    return through ? e : 0; // a later flush says the same
}

int qcow2_run(struct block *b, struct block_request *req)
{
    struct qcow2 *q = qcow2_of(b);
    struct iov_cursor c = {req->iov, req->iovcnt, 0};
    int e;
    switch (req->op) {
    case BLOCK_READ:
        return read_range(q, &c, req->offset, req->len);
    case BLOCK_WRITE:
        e = qcow2_write_range(q, &c, req->offset, req->len);
        return e ? e : after_change(q, req->through);
    case BLOCK_FLUSH:
        return b->readonly ? 0 : qcow2_checkpoint(q);
    case BLOCK_DISCARD:
    case BLOCK_WRITE_ZEROES:
        e = qcow2_zero_or_discard(q, req);
        return e ? e : after_change(q, req->through && req->op == BLOCK_WRITE_ZEROES);
    }
    return EINVAL;
}

// A request within one extent whose L2 entry is in memory. The lock is held over the transfer,
// which does not wait.
int qcow2_attempt(struct block *b, struct block_request *req)
{
    struct qcow2 *q = qcow2_of(b);
    bool write = req->op == BLOCK_WRITE;
    struct qcow2_extent x;
    if (!req->len || pthread_mutex_trylock(&q->lock.m))
        return EAGAIN;
    int e = qcow2_map_cached(q, req->offset, req->len, &x);
    struct iov_cursor c = {req->iov, req->iovcnt, 0};
    if (e || x.len != req->len)
        e = EAGAIN;
    else if (x.kind == QCOW2_DATA && (x.own || !write))
        e = file_attempt(&q->file, write, req->iov, req->iovcnt, x.host, req->len);
    else if (!write && qcow2_reads_as_zeros(q, &x, req->offset >> q->h.cluster_bits))
        e = iov_zero(&c, req->len) ? 0 : EINVAL;
    else
        e = EAGAIN;
    mutex_unlock(&q->lock);
    return e;
}
