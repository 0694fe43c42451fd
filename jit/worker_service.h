// SPDX-License-Identifier: GPL-3.0-or-later
// The compile service inside: what the queue (worker_queue.c), the dealings with workers
// (worker_slots.c) and the service thread (worker.c) share. Within jit/worker*.c only.
//
// Everything below `lock` in the struct is under it; slots and batches belong to the service
// thread. Hooks are called with no lock held.
#ifndef JIT_WORKER_SERVICE_H
#define JIT_WORKER_SERVICE_H

#include "base/thread.h"
#include "jit/worker.h"
#include "jit/worker_wire.h"

#include <time.h>

#define KNOWN_BAD_SIZE 4096u // entries, a power of two
#define NS_PER_MS      INT64_C(1000000)
#define HEAT_LOOK_MS   3 // between two looks at the heat of what waits and what is compiled
#define COLD_LOOK_MS   24 // at most, while nothing is compiled and nothing is hot: guests idle for hours
#define COLD_MS        10 // after which what is compiled may be set aside
#define MOST_ASIDE     4u // workers; they keep their memory
#define MOST_DYING     2u // that do not keep another from being started

struct request {
    struct request *next;
    struct region_recipe *recipe;
    uint32_t size;
    unsigned strikes; // workers lost with it alone
    uint64_t hash;
    int64_t submitted, begun; // ns; handed in, sent to a worker
    void *cookie;
};

struct batch {
    struct batch *next;
    unsigned n;
    struct request *reqs[COMPILE_MAX_BATCH];
};

enum slot_state {
    SLOT_EMPTY,
    SLOT_IDLE,
    SLOT_BUSY,
    SLOT_ASIDE,   // stopped in the middle of a batch, for a hotter one
    SLOT_LEAVING, // it wants to be replaced; its last words are read until it closes
    SLOT_DYING,   // its socket is closed, its end not yet reported
};

struct slot {
    enum slot_state state;
    uint32_t serial;
    int fd;
    struct batch *batch;
    int64_t deadline;  // BUSY: ns by which to be done; IDLE: to be let go; ASIDE: how long it has left
    int64_t warm;      // BUSY: when its batch was hot last, or begun, ns
    int64_t aside;     // ASIDE: since when, ns
    uint64_t cpu_seen; // us, of what it has reported itself
    uint8_t *out;      // rest of what is to be written
    size_t out_at, out_size;
    uint8_t *in; // a message being read
    size_t in_at, in_room;
};

#define MAX_SLOTS (COMPILE_MAX_WORKERS + MOST_ASIDE + MOST_DYING)

struct compile_service {
    struct compile_options options;
    struct compile_hooks hooks;
    pid_t zygote;
    int control, wake;
    bool started;
    pthread_t thread;

    // The service thread's.
    struct slot slots[MAX_SLOTS];
    unsigned nr_slots;
    struct batch *retry;
    uint32_t serial;
    unsigned look_ms;  // until the next look at heat
    unsigned hopeless; // batches failed since the start while nothing succeeded
    bool not_stored;   // said so
    char why_down[WIRE_MAX_TEXT + 64];

    struct mutex lock;
    pthread_cond_t idle; // outstanding == 0
    struct request *head, **tail;
    uint64_t outstanding; // accepted and not yet done
    bool stop, flush, down;
    uint64_t known_bad[KNOWN_BAD_SIZE]; // hashes, open addressing; 0: free
    unsigned nr_known_bad;
    struct compile_stats stats;
};

static inline int64_t worker_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

// Makes the service thread look again. Any thread.
void worker_wake(struct compile_service *s);

// worker_queue.c. The service thread, or nobody else any more.

// Tells the owner of a request what came of it, and lets go of it.
void worker_finish(struct compile_service *s, struct request *r, struct compile_result *result);
void worker_cancel_batch(struct compile_service *s, struct batch *b);
// Everything that waits or runs.
void worker_cancel_all(struct compile_service *s);
// From now on nothing is compiled.
void worker_go_down(struct compile_service *s, const char *why);
// The batch was no success as a whole: halves are tried, a lone recipe is given up in the end.
void worker_batch_failed(struct compile_service *s, struct batch *b, enum compile_status status,
                         const char *text);
// A batch that it is time for, or NULL; *due is when there will be one, ns.
struct batch *worker_take_batch(struct compile_service *s, int64_t now, int64_t *due);
// How hot the hottest is of what waits; 0: nothing that should be compiled now.
uint64_t worker_heat_waiting(struct compile_service *s);
uint64_t worker_heat_of(struct compile_service *s, const struct batch *b);

// worker_slots.c. The service thread.

// Deals out what can be dealt out. Returns when to look again, ns.
int64_t worker_dispatch(struct compile_service *s, int64_t now);
// Sends what is left of a batch, as much as the worker takes.
void worker_feed(struct compile_service *s, struct slot *slot);
// Reads what a worker has to say. False: nothing at the moment, or nothing any more.
bool worker_hear(struct compile_service *s, struct slot *slot, int64_t now);
void worker_hear_zygote(struct compile_service *s);
// Has done with a worker. expected: not because something is wrong with it.
void worker_lose(struct compile_service *s, struct slot *slot, bool expected, const char *text);
void worker_close(struct slot *slot);

#endif
