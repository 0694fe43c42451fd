// SPDX-License-Identifier: GPL-3.0-or-later
// The compile service with the compiler of worker_fake.h, and what came of each recipe: products
// are loaded and run. The service's thread fills a worker_bed in; the test's reads it.
#ifndef TESTS_JIT_WORKER_BED_H
#define TESTS_JIT_WORKER_BED_H

#include "base/thread.h"
#include "jit/cache.h"
#include "jit/codebuf.h"
#include "jit/worker.h"
#include "tests/jit/worker_fake.h"

#include <sys/types.h>

#define MAX_RECIPES 256

struct worker_bed {
    struct compile_service *s;
    struct codebuf code;
    struct mutex lock;
    unsigned done[MAX_RECIPES];
    enum compile_status status[MAX_RECIPES];
    uint32_t value[MAX_RECIPES];
    char err[MAX_RECIPES][64];
    unsigned order[MAX_RECIPES], nr_done;
    unsigned stored;
    char unavailable[256], not_stored[256];
    char last_file[CACHE_NAME_SIZE];
    uint64_t heat[MAX_RECIPES]; // atomic; by cookie
};

// A service that has been started. Of the options it sets `compile`, and `collect_ms` to 1 if that
// is 0. What fails fails the test.
struct worker_bed *worker_bed_create(struct compile_options o);
struct worker_bed *worker_bed_create_by_heat(struct compile_options o); // it asks for heat[]
void worker_bed_destroy(struct worker_bed *b);

// Hands in recipe n (below MAX_RECIPES), for which the compiler does `action`.
enum compile_submit worker_bed_submit(struct worker_bed *b, unsigned n, unsigned action);
// Recipe n has had one answer, this one; if it was compiled, it returns what it should. What b has
// of it does not change any more.
void worker_bed_expect(struct worker_bed *b, unsigned n, enum compile_status status);
struct compile_stats worker_bed_stats(struct worker_bed *b);
// Waits for so many files in the cache; returns how many there are, and the last one's name.
unsigned worker_bed_wait_stored(struct worker_bed *b, unsigned want,
                                char name[static CACHE_NAME_SIZE]);

// The processes that a process has begun, at most max.
unsigned worker_bed_children(pid_t parent, pid_t *out, unsigned max);
void worker_bed_sleep(unsigned ms);

#endif
