// SPDX-License-Identifier: GPL-3.0-or-later
// The compile service: regions are compiled in processes of their own, several at once, and come
// back as images that the loader puts into the code buffer.
//
// Processes. compile_service_create() forks one small process, the zygote, while armlet has one
// thread and no guest memory; whenever a worker is wanted the zygote forks it. A worker reads a
// batch, compiles it, links it, answers, waits for the next. Workers are niced, bounded in memory
// and CPU time, die with armlet, and are replaced after some hundred compiles. A worker that
// crashes, hangs or answers nonsense is killed; its batch is tried again in halves, and a lone
// region that does it again is left out from then on. The guest never notices.
//
// Threads. One thread of armlet's (the service thread, started by compile_service_start()) deals
// out batches and calls `done`; it sleeps but for that. compile_service_submit() and the other
// functions may be called from any thread and never wait for a compile.
//
// See docs/compile-service.md.
#ifndef JIT_WORKER_H
#define JIT_WORKER_H

#include "base/error.h"
#include "jit/cache.h"
#include "jit/region.h"

#define COMPILE_MAX_WORKERS 32
#define COMPILE_MAX_BATCH   64

struct compile_service;

// gccjit_compile, or a test's.
typedef bool compile_fn(const struct guest *guest, const struct region_recipe *const *recipes,
                        unsigned n, const char *path, struct error *err);

// Zero stands for the default everywhere.
struct compile_options {
    const struct guest *guest;
    compile_fn *compile;
    unsigned nr_workers;    // at most this many compile at once: 1
    unsigned max_batch;     // recipes in one compile: 16
    unsigned max_insns;     // guest instructions in one compile, unless it is one recipe: 4096
    unsigned collect_ms;    // how long a batch that is not full waits for more: 20
    unsigned max_queue;     // recipes waiting, above which submit refuses: 1024
    unsigned time_limit_ms; // wall clock for a batch: 30000
    unsigned cpu_limit_s;   // CPU time of a batch, and again for each 256 instructions in it: 2
    uint64_t memory_limit;  // bytes of address space a worker may add to what it starts with: 1 GiB
    unsigned recycle_compiles; // batches after which a worker is replaced: 300
    uint64_t recycle_bytes;    // or growth of its resident memory: 256 MiB
    unsigned idle_ms;          // after which an idle worker is let go: 10000
    int nice;                  // added to armlet's own: 5
    bool needs_assembler;      // say so and compile nothing if there is no `as`
    bool log_stderr;           // let the compiler's messages through, instead of to /dev/null
    const struct cache_target *cache; // workers keep their products here; NULL: nowhere
};

enum compile_status {
    COMPILE_OK,
    COMPILE_FAILED,    // the compiler or the loader said no: err
    COMPILE_CRASHED,   // a worker died of it, or never finished it
    COMPILE_CANCELLED, // the service ended, or can no longer compile
};

// Everything it points to belongs to the service and is good until `done` returns.
struct compile_result {
    enum compile_status status;
    void *cookie;
    const struct region_recipe *recipe;
    const uint8_t *image;        // for loader_place(); COMPILE_OK only
    uint32_t size, align, entry; // bytes, bytes, offset of the region_fn
    uint32_t compile_us;         // this region's share of its batch's CPU time
    uint32_t waited_us, took_us; // wall clock: in the queue; from there until its result
    const char *err;             // why not, or ""
};

#define COMPILE_LASTING BIT(63) // in a heat: this has been hot for a while, and so will be for another

struct compile_hooks {
    // A recipe is done with; called once for each that submit accepted. Service thread, or the
    // caller of compile_service_destroy().
    void (*done)(void *opaque, const struct compile_result *result);
    // How hot the code of a recipe is by now. The hottest goes first, what is cold (0) waits; what has
    // become cold while it is compiled is set aside for what has COMPILE_LASTING. Asked every few milliseconds
    // while something waits. Service thread, with the service's lock held: to be quick. NULL: the
    // newest goes first.
    uint64_t (*heat)(void *opaque, void *cookie);
    // There will be no compiled code; why in one line. At most once, service thread. May be NULL.
    void (*unavailable)(void *opaque, const char *why);
    // A worker has added this file to the cache. Service thread. May be NULL.
    void (*stored)(void *opaque, const char *name);
    // A worker could not add to the cache; why in one line. At most once. May be NULL.
    void (*not_stored)(void *opaque, const char *why);
    void *opaque;
};

struct compile_stats {
    uint64_t submitted, refused; // recipes; refused: the queue was full
    uint64_t batches, retries;   // sent to workers; of them, halves of one that failed
    uint64_t set_aside;          // times that a worker was stopped for a hotter batch
    uint64_t compiled, failed, crashed, cancelled; // recipes, by outcome
    uint64_t listed;                               // submissions of recipes known to crash
    uint64_t insns;                                // guest instructions compiled
    uint64_t image_bytes;
    uint64_t workers_started, workers_died, workers_killed, workers_recycled;
    uint64_t cpu_us;       // user and system time of the workers and what they ran
    uint64_t stored;       // cache files written
    unsigned queued, busy; // now: recipes waiting, workers with a batch
    unsigned max_queued;
};

enum compile_submit {
    COMPILE_ACCEPTED,
    COMPILE_FULL,        // ask again later
    COMPILE_KNOWN_BAD,   // crashed before
    COMPILE_UNAVAILABLE, // nothing is compiled any more
};

// Forks the zygote: to be called while the process has one thread. The options are copied, what
// they point to must stay. NULL on failure.
struct compile_service *compile_service_create(const struct compile_options *options,
                                               struct error *err);
// Starts the service thread. False: nothing will be compiled.
bool compile_service_start(struct compile_service *s, const struct compile_hooks *hooks,
                           struct error *err);
// Ends everything: running compiles are killed, what is not done is cancelled. NULL is fine.
void compile_service_destroy(struct compile_service *s);

// Hands in a copy of the recipe. Never waits.
enum compile_submit compile_service_submit(struct compile_service *s,
                                           const struct region_recipe *recipe, void *cookie);
// What waits for a batch to fill up waits no longer.
void compile_service_flush(struct compile_service *s);
// Flushes, then waits until everything accepted so far is done. For -accel gccjit and tests; not
// from `done`.
void compile_service_drain(struct compile_service *s);

void compile_service_stats(struct compile_service *s, struct compile_stats *out);

#endif
