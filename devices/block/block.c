// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/block/block.h"
#include "devices/block/pool.h"
#include "devices/char/say.h"

#include <errno.h>
#include <string.h>

#define ATTEMPT_MAX 32768u // bytes: more is worth a thread, also when nothing waits

// What every back end may rely on.
static int check(const struct block *b, const struct block_request *req)
{
    if (req->op == BLOCK_FLUSH)
        return 0;
    if (req->op != BLOCK_READ && b->readonly)
        return EROFS;
    if (req->offset > b->size || req->len > b->size - req->offset)
        return EIO;
    return 0;
}

int block_run(struct block *b, struct block_request *req)
{
    int error = check(b, req);
    return error ? error : b->ops->run(b, req);
}

int block_perform(struct block *b, struct block_request *req)
{
    static const char *const names[] = {
        [BLOCK_READ] = "reading",         [BLOCK_WRITE] = "writing",
        [BLOCK_FLUSH] = "flushing",       [BLOCK_DISCARD] = "discarding",
        [BLOCK_WRITE_ZEROES] = "zeroing",
    };
    int error = b->ops->run(b, req);
    if (error && !__atomic_exchange_n(&b->reported, true, __ATOMIC_RELAXED))
        say("%s: %s failed: %s (the guest is told, now and from now on)", b->name, names[req->op],
            strerror(error));
    return error;
}

// EAGAIN: a thread has to do it.
static int attempt(struct block *b, struct block_request *req)
{
    bool moves = req->op == BLOCK_READ || (req->op == BLOCK_WRITE && !req->through);
    if (!moves || req->len > ATTEMPT_MAX || !b->ops->attempt)
        return EAGAIN;
    return b->ops->attempt(b, req);
}

void block_submit(struct block *b, struct block_request *req)
{
    int error = check(b, req);
    if (!error && b->ops->submit) {
        b->ops->submit(b, req);
        return;
    }
    if (!error && b->pool) {
        error = attempt(b, req);
        if (error == EAGAIN) {
            pool_submit(b->pool, req);
            return;
        }
    } else if (!error) {
        error = block_perform(b, req);
    }
    req->done(req, error);
}

void block_kick(struct block *b)
{
    if (b->pool)
        pool_kick(b->pool);
}

void block_start(struct block *b, struct mutex *lock)
{
    assert(!b->pool);
    if (!b->ops->submit)
        b->pool = pool_create(b, lock);
}

void block_drain(struct block *b)
{
    if (b->ops->drain)
        b->ops->drain(b);
    else if (b->pool)
        pool_drain(b->pool);
}

void block_close(struct block *b)
{
    if (!b)
        return;
    if (b->pool)
        pool_destroy(b->pool);
    b->ops->close(b);
}
