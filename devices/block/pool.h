// SPDX-License-Identifier: GPL-3.0-or-later
// The threads that run a disk's requests.
//
// A request goes through three states, each guarded by the pool's lock: queued, running (in a
// thread), finished. Finished ones are delivered, that is their callbacks made, under the machine
// lock by whoever gets there first: a thread of the pool, or the drain. A thread never waits for
// the machine lock while it runs a request, so a drain, which holds that lock, always ends.
//
// Few threads as long as requests are short, more when they wait: a thread that is about to do
// something that may sleep sees to it that another one looks at the queue. They are made when
// first needed and stay.
#ifndef DEVICES_BLOCK_POOL_H
#define DEVICES_BLOCK_POOL_H

#include "devices/block/block.h"

#define POOL_MAX_THREADS 16

struct block_pool *pool_create(struct block *block, struct mutex *lock);

// Not under the machine lock. Drains.
void pool_destroy(struct block_pool *p);

// These three under the machine lock.
void pool_submit(struct block_pool *p, struct block_request *req);
void pool_kick(struct block_pool *p);
void pool_drain(struct block_pool *p);

#endif
