// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/virtio/ring.h"
#include "base/bits.h"
#include "devices/dma.h"

#include <assert.h>
#include <string.h>

#define DESC_SIZE          16
#define AVAIL_NO_INTERRUPT 1

struct desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
};

// The three parts of the ring as host addresses.
struct parts {
    const uint8_t *desc, *avail;
    uint8_t *used;
};

static bool map(const struct virtq *q, struct parts *p, const char **why)
{
    const struct virtq_state *s = q->s;
    if (!s->size || s->size > VIRTQ_MAX_SIZE || (s->size & (s->size - 1)) || (s->desc & 15) ||
        (s->avail & 1) || (s->used & 3)) {
        *why = "bad queue size or ring alignment";
        return false;
    }
    // The last two bytes of avail and used are the event indices.
    p->desc = dma_ptr(q->bus, s->desc, (uint64_t)s->size * DESC_SIZE, false);
    p->avail = dma_ptr(q->bus, s->avail, 4 + 2 * (uint64_t)s->size + 2, false);
    p->used = dma_ptr(q->bus, s->used, 4 + 8 * (uint64_t)s->size + 2, true);
    *why = "ring outside RAM";
    return p->desc && p->avail && p->used;
}

// Ring indices are naturally aligned (checked) and shared with running CPUs.
static uint16_t load16(const uint8_t *p)
{
    return __atomic_load_n((const uint16_t *)(const void *)p, __ATOMIC_ACQUIRE);
}

static void store16(uint8_t *p, uint16_t v)
{
    __atomic_store_n((uint16_t *)(void *)p, v, __ATOMIC_RELEASE);
}

// A copy that the compiler cannot read again behind our back.
static struct desc fetch(const uint8_t *table, unsigned i)
{
    struct desc d;
    memcpy(&d, table + (size_t)i * DESC_SIZE, sizeof d);
    __asm__ volatile("" : "+m"(d) : : "memory");
    return d;
}

// Adds one data descriptor; NULL or what is wrong with it.
static const char *add(struct virtq *q, struct virtq_chain *c, const struct desc *d)
{
    bool write = d->flags & VIRTQ_DESC_WRITE;
    int n = c->out_num + c->in_num;
    if (n >= q->s->size)
        return "chain longer than the queue";
    if (!d->len)
        return "descriptor of no length";
    if (!write && c->in_num)
        return "readable descriptor after a writable one";
    if (c->out_len + c->in_len + d->len > UINT32_MAX)
        return "chain of more than 4 GiB";
    uint8_t *p = dma_ptr(q->bus, d->addr, d->len, write);
    if (!p)
        return "buffer outside RAM";
    c->iov[n] = (struct iovec){p, d->len};
    c->gpa[n] = d->addr;
    if (write) {
        c->in_num++;
        c->in_len += d->len;
    } else {
        c->out_num++;
        c->out_len += d->len;
    }
    return NULL;
}

static const char *walk_indirect(struct virtq *q, struct virtq_chain *c, const struct desc *head)
{
    if (!q->indirect)
        return "indirect table that was not negotiated";
    if (head->flags & VIRTQ_DESC_NEXT)
        return "descriptor both indirect and chained";
    if (!head->len || head->len % DESC_SIZE)
        return "indirect table of bad length";
    const uint8_t *table = dma_ptr(q->bus, head->addr, head->len, false);
    if (!table)
        return "indirect table outside RAM";
    uint32_t count = head->len / DESC_SIZE;
    for (uint32_t i = 0;;) {
        struct desc d = fetch(table, i);
        if (d.flags & VIRTQ_DESC_INDIRECT)
            return "indirect table inside an indirect table";
        const char *why = add(q, c, &d);
        if (why)
            return why;
        if (!(d.flags & VIRTQ_DESC_NEXT))
            return NULL;
        if (d.next >= count)
            return "next outside the indirect table";
        i = d.next;
    }
}

static const char *walk(struct virtq *q, const struct parts *p, struct virtq_chain *c)
{
    for (unsigned i = c->head;;) {
        struct desc d = fetch(p->desc, i);
        if (d.flags & VIRTQ_DESC_INDIRECT)
            return walk_indirect(q, c, &d);
        const char *why = add(q, c, &d); // bounds the walk: a loop makes the chain too long
        if (why)
            return why;
        if (!(d.flags & VIRTQ_DESC_NEXT))
            return NULL;
        if (d.next >= q->s->size)
            return "next outside the queue";
        i = d.next;
    }
}

enum virtq_result virtq_pop(struct virtq *q, struct virtq_chain *chain, const char **why)
{
    struct virtq_state *s = q->s;
    struct parts p;
    if (!s->ready)
        return VIRTQ_EMPTY;
    if (!map(q, &p, why))
        return VIRTQ_BROKEN;
    uint16_t index = load16(p.avail + 2);
    if (index == s->last_avail && q->event_idx) {
        // Ask for a kick at the next entry, then look whether it came in between.
        store16(p.used + 4 + 8 * s->size, s->last_avail);
        dma_written(q->bus, s->used + 4 + 8 * s->size, 2);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        index = load16(p.avail + 2);
    }
    if (index == s->last_avail)
        return VIRTQ_EMPTY;
    if ((uint16_t)(index - s->last_avail) > s->size) {
        *why = "more available than the queue holds";
        return VIRTQ_BROKEN;
    }
    chain->out_num = chain->in_num = 0;
    chain->out_len = chain->in_len = 0;
    chain->head = load16(p.avail + 4 + 2 * (s->last_avail & (s->size - 1)));
    *why = chain->head >= s->size ? "head outside the queue" : walk(q, &p, chain);
    if (*why)
        return VIRTQ_BROKEN;
    s->last_avail++;
    return VIRTQ_CHAIN;
}

bool virtq_fill(struct virtq *q, uint16_t head, uint32_t written, unsigned n)
{
    struct virtq_state *s = q->s;
    struct parts p;
    const char *why;
    if (!s->ready || !map(q, &p, &why))
        return false;
    uint32_t entry[2] = {head, written};
    uint64_t at = 4 + 8 * (uint64_t)((s->used_index + n) & (s->size - 1u));
    memcpy(p.used + at, entry, sizeof entry);
    dma_written(q->bus, s->used + at, sizeof entry);
    return true;
}

void virtq_flush(struct virtq *q, unsigned count)
{
    struct virtq_state *s = q->s;
    struct parts p;
    const char *why;
    if (!count || !s->ready || !map(q, &p, &why))
        return;
    s->used_index = (uint16_t)(s->used_index + count);
    store16(p.used + 2, s->used_index);
    dma_written(q->bus, s->used + 2, 2);
}

bool virtq_push(struct virtq *q, const struct virtq_chain *chain, uint32_t written)
{
    assert(written <= chain->in_len);
    if (!virtq_fill(q, chain->head, written, 0))
        return false;
    virtq_flush(q, 1);
    return true;
}

void virtq_unpop(struct virtq *q, unsigned count)
{
    q->s->last_avail = (uint16_t)(q->s->last_avail - count);
}

bool virtq_should_signal(struct virtq *q)
{
    struct virtq_state *s = q->s;
    struct parts p;
    const char *why;
    if (!s->ready || !map(q, &p, &why))
        return false;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!q->event_idx)
        return !(load16(p.avail) & AVAIL_NO_INTERRUPT);
    uint16_t event = load16(p.avail + 4 + 2 * s->size);
    uint16_t old = s->signalled, new = s->used_index;
    bool valid = s->signalled_valid;
    s->signalled = new;
    s->signalled_valid = 1;
    return !valid || (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

size_t virtq_read(const struct virtq_chain *chain, size_t skip, void *to, size_t len)
{
    size_t done = 0;
    for (int i = 0; i < chain->out_num && done < len; i++) {
        const struct iovec *v = &chain->iov[i];
        if (skip >= v->iov_len) {
            skip -= v->iov_len;
            continue;
        }
        size_t n = v->iov_len - skip;
        n = n < len - done ? n : len - done;
        memcpy((uint8_t *)to + done, (const uint8_t *)v->iov_base + skip, n);
        done += n;
        skip = 0;
    }
    __asm__ volatile("" : : "r"(to) : "memory");
    return done;
}

size_t virtq_write(struct virtq *q, const struct virtq_chain *chain, size_t skip, const void *from,
                   size_t len)
{
    size_t done = 0;
    for (int i = chain->out_num; i < chain->out_num + chain->in_num && done < len; i++) {
        const struct iovec *v = &chain->iov[i];
        if (skip >= v->iov_len) {
            skip -= v->iov_len;
            continue;
        }
        size_t n = v->iov_len - skip;
        n = n < len - done ? n : len - done;
        memcpy((uint8_t *)v->iov_base + skip, (const uint8_t *)from + done, n);
        dma_written(q->bus, chain->gpa[i] + skip, n);
        done += n;
        skip = 0;
    }
    return done;
}

void virtq_written(struct virtq *q, const struct virtq_chain *chain, uint64_t len)
{
    for (int i = chain->out_num; i < chain->out_num + chain->in_num && len; i++) {
        uint64_t n = chain->iov[i].iov_len < len ? chain->iov[i].iov_len : len;
        dma_written(q->bus, chain->gpa[i], n);
        len -= n;
    }
}
