// SPDX-License-Identifier: GPL-3.0-or-later
// virtio-blk, virtio 1.1 5.2. Data goes straight between guest RAM and the disk; a request is an
// object that completes by callback, so that the block layer may take its time; what completes
// together is signalled together. A reset waits for what is in flight, because the driver may use
// its buffers for something else then, and tells the driver nothing of it.
//
// A write is durable before it completes unless the driver took responsibility for the cache:
// it negotiated FLUSH, and with CONFIG_WCE left the cache in write-back mode.
#include "devices/virtio/blk.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define STATE_VERSION    1
#define QUEUE_SIZE       256
#define SECTOR           512u
#define ID_SIZE          20
#define MAX_DISCARD      0x3fffff // sectors
#define MAX_WRITE_ZEROES 0x10000  // sectors: 32 MiB, in case they have to be written out

enum { // feature bits
    F_SEG_MAX = 2,
    F_RO = 5,
    F_BLK_SIZE = 6,
    F_FLUSH = 9,
    F_CONFIG_WCE = 11,
    F_DISCARD = 13,
    F_WRITE_ZEROES = 14,
};

enum { // request types
    T_IN = 0,
    T_OUT = 1,
    T_FLUSH = 4,
    T_GET_ID = 8,
    T_DISCARD = 11,
    T_WRITE_ZEROES = 13,
};

enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2 };

struct header {
    uint32_t type, reserved;
    uint64_t sector;
};

struct range { // of DISCARD and WRITE_ZEROES
    uint64_t sector;
    uint32_t sectors, flags;
};

struct config {
    uint64_t capacity;
    uint32_t size_max, seg_max;
    uint8_t geometry[4];
    uint32_t blk_size;
    uint8_t topology[8];
    uint8_t writeback, unused0;
    uint16_t num_queues;
    uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
    uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
    uint8_t write_zeroes_may_unmap, unused1[3];
} __attribute__((packed));

_Static_assert(sizeof(struct config) == 60, "virtio 1.1 5.2.4");

struct blk_state {
    uint32_t writeback; // configuration field: the cache mode the driver chose
    uint32_t reserved;
    uint64_t sectors; // of the disk: compared when the state is loaded
};

struct request {
    struct request *next; // while free
    struct virtio_blk *blk;
    unsigned queue;
    uint32_t epoch;  // of the device when it was taken
    uint8_t *status; // last byte of the writable part
    uint64_t data;   // bytes between header and status in the direction of the request
    struct virtq_chain chain;
    struct iovec iov[VIRTQ_MAX_SIZE];
    struct block_request io;
};

struct virtio_blk {
    struct virtio v;
    struct blk_state s;
    struct block *block;
    char serial[ID_SIZE];
    struct request *free;   // pool
    uint32_t epoch;         // counts resets: what completes after one is dropped
    bool signal;            // something has completed since the last signal
};

static struct virtio_blk *of(struct virtio *v)
{
    return container_of(v, struct virtio_blk, v);
}

static struct request *request_get(struct virtio_blk *b)
{
    struct request *r = b->free;
    if (r) {
        b->free = r->next;
    } else {
        r = malloc(sizeof *r);
        assert(r);
    }
    r->blk = b;
    return r;
}

static void request_put(struct request *r)
{
    r->next = r->blk->free;
    r->blk->free = r;
}

static void complete(struct request *r, uint8_t status)
{
    struct virtio_blk *b = r->blk;
    if (r->epoch == b->epoch) {
        // Bytes count from the beginning of the writable part: when data in front of the status
        // was not written, nothing counts.
        bool whole = status == S_OK || r->chain.in_len == 1;
        virtq_write(&b->v.queue[r->queue], &r->chain, r->chain.in_len - 1, &status, 1);
        virtio_push(&b->v, r->queue, &r->chain, whole ? (uint32_t)r->chain.in_len : 0);
        b->signal = true;
    }
    request_put(r);
}

static void signal_completed(void *opaque)
{
    struct virtio_blk *b = opaque;
    if (b->signal)
        virtio_signal(&b->v, 0);
    b->signal = false;
}

static void io_done(struct block_request *io, int error)
{
    struct request *r = io->opaque;
    if (io->op == BLOCK_READ && !error && r->epoch == r->blk->epoch)
        virtq_written(&r->blk->v.queue[r->queue], &r->chain, r->data);
    complete(r, error ? S_IOERR : S_OK);
}

// r->iov: `len` bytes of `n` buffers from, after `skip` bytes.
static int slice(struct request *r, const struct iovec *from, int n, size_t skip, uint64_t len)
{
    int count = 0;
    for (int i = 0; i < n && len; i++) {
        if (skip >= from[i].iov_len) {
            skip -= from[i].iov_len;
            continue;
        }
        struct iovec v = {(uint8_t *)from[i].iov_base + skip, from[i].iov_len - skip};
        if (v.iov_len > len)
            v.iov_len = len;
        r->iov[count++] = v;
        len -= v.iov_len;
        skip = 0;
    }
    return count;
}

static bool write_through(const struct virtio_blk *b)
{
    if (virtio_has(&b->v, F_CONFIG_WCE))
        return !b->s.writeback;
    return !virtio_has(&b->v, F_FLUSH);
}

static void submit(struct request *r, enum block_op op, uint64_t offset, uint64_t len)
{
    r->io.op = op;
    r->io.offset = offset;
    r->io.len = len;
    r->io.iov = r->iov;
    r->io.through = write_through(r->blk);
    r->io.done = io_done;
    r->io.opaque = r;
    block_submit(r->blk->block, &r->io);
}

static void transfer(struct request *r, bool write, uint64_t sector)
{
    const struct virtq_chain *c = &r->chain;
    r->data = write ? c->out_len - sizeof(struct header) : c->in_len - 1;
    if (!r->data || r->data % SECTOR || sector > UINT64_MAX / SECTOR) {
        complete(r, S_IOERR);
        return;
    }
    if (write)
        r->io.iovcnt = slice(r, c->iov, c->out_num, sizeof(struct header), r->data);
    else
        r->io.iovcnt = slice(r, c->iov + c->out_num, c->in_num, 0, r->data);
    submit(r, write ? BLOCK_WRITE : BLOCK_READ, sector * SECTOR, r->data);
}

static void discard_or_zero(struct request *r, bool zero)
{
    struct range range;
    unsigned feature = zero ? F_WRITE_ZEROES : F_DISCARD;
    uint32_t max = zero ? MAX_WRITE_ZEROES : MAX_DISCARD;
    if (!virtio_has(&r->blk->v, feature)) {
        complete(r, S_UNSUPP);
    } else if (r->chain.out_len != sizeof(struct header) + sizeof range ||
               virtq_read(&r->chain, sizeof(struct header), &range, sizeof range) != sizeof range) {
        complete(r, S_IOERR);
    } else if (range.flags & ~(zero ? 1u : 0u)) {
        complete(r, S_UNSUPP);
    } else if (range.sectors > max || range.sector > UINT64_MAX / SECTOR) {
        complete(r, S_IOERR);
    } else {
        r->io.unmap = range.flags & 1;
        submit(r, zero ? BLOCK_WRITE_ZEROES : BLOCK_DISCARD, range.sector * SECTOR,
               (uint64_t)range.sectors * SECTOR);
    }
}

static void get_id(struct request *r)
{
    uint64_t room = r->chain.in_len - 1;
    if (room < ID_SIZE) {
        complete(r, S_IOERR);
        return;
    }
    // Room beyond the identification is cleared, so that all that is said to be written is.
    static const uint8_t zeros[SECTOR];
    if (room > SECTOR) {
        complete(r, S_IOERR);
        return;
    }
    struct virtq *q = &r->blk->v.queue[r->queue];
    virtq_write(q, &r->chain, 0, r->blk->serial, ID_SIZE);
    virtq_write(q, &r->chain, ID_SIZE, zeros, room - ID_SIZE);
    complete(r, S_OK);
}

static void start(struct request *r, const struct header *h)
{
    switch (h->type) {
    case T_IN:
        transfer(r, false, h->sector);
        break;
    case T_OUT:
        transfer(r, true, h->sector);
        break;
    case T_FLUSH:
        submit(r, BLOCK_FLUSH, 0, 0);
        break;
    case T_GET_ID:
        get_id(r);
        break;
    case T_DISCARD:
        discard_or_zero(r, false);
        break;
    case T_WRITE_ZEROES:
        discard_or_zero(r, true);
        break;
    default:
        complete(r, S_UNSUPP);
        break;
    }
}

static void blk_notify(struct virtio *v, unsigned queue)
{
    struct virtio_blk *b = of(v);
    for (;;) {
        struct request *r = request_get(b);
        struct header h;
        if (!virtio_pop(v, queue, &r->chain)) {
            request_put(r);
            break;
        }
        if (!r->chain.in_len || virtq_read(&r->chain, 0, &h, sizeof h) != sizeof h) {
            request_put(r);
            virtio_broken(v, "request without header or status");
            break;
        }
        r->queue = queue;
        r->epoch = b->epoch;
        memset(&r->io, 0, sizeof r->io);
        start(r, &h);
    }
    block_kick(b->block);
    signal_completed(b);
}

static uint64_t blk_config_read(struct virtio *v, unsigned offset, unsigned size)
{
    struct virtio_blk *b = of(v);
    struct config c = {
        .capacity = b->block->size / SECTOR,
        .seg_max = QUEUE_SIZE - 2,
        .blk_size = SECTOR,
        .writeback = (uint8_t)b->s.writeback,
        .num_queues = 1,
        .max_discard_sectors = MAX_DISCARD,
        .max_discard_seg = 1,
        .discard_sector_alignment = 1,
        .max_write_zeroes_sectors = MAX_WRITE_ZEROES,
        .max_write_zeroes_seg = 1,
        .write_zeroes_may_unmap = 1,
    };
    uint64_t value = 0;
    memcpy(&value, (const uint8_t *)&c + offset, size);
    return value;
}

static void blk_config_write(struct virtio *v, unsigned offset, unsigned size, uint64_t value)
{
    if (offset == offsetof(struct config, writeback) && size == 1 && virtio_has(v, F_CONFIG_WCE))
        of(v)->s.writeback = value & 1;
}

static void blk_reset(struct virtio *v)
{
    of(v)->epoch++;
    block_drain(of(v)->block);
    of(v)->signal = false;
    of(v)->s.writeback = v->features >> F_FLUSH & 1;
}

static void blk_start(struct virtio *v, struct mutex *lock)
{
    block_start(of(v)->block, lock);
}

static void blk_drain(struct virtio *v)
{
    block_drain(of(v)->block);
}

static void blk_save(struct virtio *v, struct state_writer *w)
{
    state_put(w, "virtio-blk.cache", STATE_VERSION, &of(v)->s, sizeof of(v)->s);
}

static bool blk_load(struct virtio *v, struct state_reader *r, struct error *err)
{
    struct blk_state s;
    if (!state_get(r, "virtio-blk.cache", STATE_VERSION, &s, sizeof s, err))
        return false;
    if (s.writeback > 1)
        return error_set(err, "saved state: section \"virtio-blk.cache\" is damaged");
    if (s.sectors != of(v)->s.sectors)
        return error_set(err, "%s: the disk of the saved state had %llu sectors, this one has %llu",
                         of(v)->block->name, (unsigned long long)s.sectors,
                         (unsigned long long)of(v)->s.sectors);
    of(v)->s = s;
    return true;
}

static void blk_destroy(struct virtio *v)
{
    struct virtio_blk *b = of(v);
    block_close(b->block);
    for (struct request *r = b->free, *next; r; r = next) {
        next = r->next;
        free(r);
    }
    free(b);
}

struct virtio *virtio_blk_create(const struct virtio_blk_config *config)
{
    static const struct virtio_ops ops = {
        .id = 2,
        .queues = 1,
        .queue_max = QUEUE_SIZE,
        .features = BIT(F_SEG_MAX) | BIT(F_BLK_SIZE),
        .config_size = sizeof(struct config),
        .config_read = blk_config_read,
        .config_write = blk_config_write,
        .notify = blk_notify,
        .reset = blk_reset,
        .start = blk_start,
        .drain = blk_drain,
        .save = blk_save,
        .load = blk_load,
        .destroy = blk_destroy,
    };
    struct virtio_blk *b = calloc(1, sizeof *b);
    assert(b);
    virtio_init(&b->v, &ops, "virtio-blk");
    b->block = config->block;
    b->block->delivered = signal_completed;
    b->block->delivered_opaque = b;
    b->s.sectors = config->block->size / SECTOR;
    if (config->serial)
        memcpy(b->serial, config->serial, strnlen(config->serial, ID_SIZE));
    if (config->block->readonly)
        b->v.features |= BIT(F_RO);
    else
        b->v.features |= BIT(F_DISCARD) | BIT(F_WRITE_ZEROES);
    if (config->write_cache)
        b->v.features |= BIT(F_FLUSH) | BIT(F_CONFIG_WCE);
    return &b->v;
}
