// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/jit/worker_bed.h"

#include "jit/loader.h"
#include "tests/jit/recipes.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void worker_bed_sleep(unsigned ms)
{
    struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};
    while (nanosleep(&t, &t) && errno == EINTR)
        ;
}

static uint64_t tell_heat(void *opaque, void *cookie)
{
    struct worker_bed *b = opaque;
    return __atomic_load_n(&b->heat[(uintptr_t)cookie], __ATOMIC_RELAXED);
}

static void take_result(void *opaque, const struct compile_result *r)
{
    struct worker_bed *b = opaque;
    size_t n = (uintptr_t)r->cookie;
    uint32_t value = 0;
    if (r->status == COMPILE_OK) {
        struct codebuf_span span;
        cr_assert(loader_place(&b->code, r->image, r->size, r->align, &span));
        value = ((region_fn *)(uintptr_t)(span.exec + r->entry))(NULL, 0, 1000);
        codebuf_free(&b->code, &span);
    }
    mutex_lock(&b->lock);
    b->done[n]++;
    b->status[n] = r->status;
    b->value[n] = value;
    snprintf(b->err[n], sizeof b->err[n], "%s", r->err);
    b->order[b->nr_done++ % MAX_RECIPES] = (unsigned)n;
    mutex_unlock(&b->lock);
}

static void take_unavailable(void *opaque, const char *why)
{
    struct worker_bed *b = opaque;
    cr_assert(!b->unavailable[0], "said twice: %s, %s", b->unavailable, why);
    snprintf(b->unavailable, sizeof b->unavailable, "%s", why);
}

static void take_stored(void *opaque, const char *name)
{
    struct worker_bed *b = opaque;
    mutex_lock(&b->lock);
    b->stored++;
    snprintf(b->last_file, sizeof b->last_file, "%s", name);
    mutex_unlock(&b->lock);
}

unsigned worker_bed_wait_stored(struct worker_bed *b, unsigned want,
                                char name[static CACHE_NAME_SIZE])
{
    unsigned stored = 0;
    for (unsigned i = 0; i < 1000 && stored < want; i++) {
        if (i)
            worker_bed_sleep(5);
        mutex_lock(&b->lock);
        stored = b->stored;
        memcpy(name, b->last_file, CACHE_NAME_SIZE);
        mutex_unlock(&b->lock);
    }
    return stored;
}

static void take_not_stored(void *opaque, const char *why)
{
    struct worker_bed *b = opaque;
    cr_assert(!b->not_stored[0], "said twice: %s, %s", b->not_stored, why);
    snprintf(b->not_stored, sizeof b->not_stored, "%s", why);
}

static struct worker_bed *create(struct compile_options o,
                                 uint64_t (*heat)(void *opaque, void *cookie))
{
    struct worker_bed *b = calloc(1, sizeof *b);
    struct error err;
    struct compile_hooks hooks = {.done = take_result,
                                  .unavailable = take_unavailable,
                                  .stored = take_stored,
                                  .not_stored = take_not_stored,
                                  .heat = heat,
                                  .opaque = b};
    o.compile = worker_fake_compile;
    if (!o.collect_ms)
        o.collect_ms = 1;
    mutex_init(&b->lock);
    b->s = compile_service_create(&o, &err);
    cr_assert(b->s, "%s", err.text);
    cr_assert(codebuf_init(&b->code, 0, &err), "%s", err.text);
    cr_assert(compile_service_start(b->s, &hooks, &err), "%s", err.text);
    return b;
}

struct worker_bed *worker_bed_create(struct compile_options o)
{
    return create(o, NULL);
}

struct worker_bed *worker_bed_create_by_heat(struct compile_options o)
{
    return create(o, tell_heat);
}

void worker_bed_destroy(struct worker_bed *b)
{
    compile_service_destroy(b->s);
    codebuf_fini(&b->code);
    mutex_fini(&b->lock);
    free(b);
}

enum compile_submit worker_bed_submit(struct worker_bed *b, unsigned n, unsigned action)
{
    struct region_recipe *r = malloc(sizeof *r);
    recipe_make(r, n, 1 + n % 5, 3);
    r->blocks[0].weight = WEIGHT(action, n * 3);
    enum compile_submit result = compile_service_submit(b->s, r, (void *)(uintptr_t)n);
    free(r);
    return result;
}

void worker_bed_expect(struct worker_bed *b, unsigned n, enum compile_status status)
{
    mutex_lock(&b->lock);
    unsigned done = b->done[n];
    mutex_unlock(&b->lock);
    cr_assert_eq(done, 1, "recipe %u: %u answers", n, done);
    cr_assert_eq(b->status[n], status, "recipe %u: status %d, not %d (%s)", n, b->status[n], status,
                 b->err[n]);
    if (status == COMPILE_OK)
        cr_assert_eq(b->value[n], n * 3 + 1000, "recipe %u returns %u", n, b->value[n]);
    else if (status != COMPILE_CANCELLED)
        cr_assert(b->err[n][0], "recipe %u: no reason", n);
}

struct compile_stats worker_bed_stats(struct worker_bed *b)
{
    struct compile_stats s;
    compile_service_stats(b->s, &s);
    return s;
}

unsigned worker_bed_children(pid_t parent, pid_t *out, unsigned max)
{
    DIR *d = opendir("/proc");
    struct dirent *e;
    unsigned n = 0;
    while (d && (e = readdir(d)) && n < max) {
        char path[300];
        int ppid = 0;
        snprintf(path, sizeof path, "/proc/%s/stat", e->d_name);
        FILE *f = e->d_name[0] >= '1' && e->d_name[0] <= '9' ? fopen(path, "r") : NULL;
        if (!f)
            continue;
        if (fscanf(f, "%*d (%*[^)]) %*c %d", &ppid) == 1 && ppid == parent)
            out[n++] = atoi(e->d_name);
        fclose(f);
    }
    if (d)
        closedir(d);
    return n;
}
