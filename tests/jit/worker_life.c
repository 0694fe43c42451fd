// SPDX-License-Identifier: GPL-3.0-or-later
// The processes of the compile service: when they are begun and let go, what is left when they, or
// armlet, are killed, and what they keep in the cache.
#include "jit/loader.h"
#include "tests/jit/recipes.h"
#include "tests/jit/worker_bed.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

Test(worker, recycled_by_count_and_by_memory)
{
    struct worker_bed *b =
        worker_bed_create((struct compile_options){.recycle_compiles = 3, .max_batch = 1});
    for (unsigned n = 0; n < 10; n++)
        worker_bed_submit(b, n, DO_COMPILE);
    compile_service_drain(b->s);
    for (unsigned n = 0; n < 10; n++)
        worker_bed_expect(b, n, COMPILE_OK);
    cr_assert_eq(worker_bed_stats(b).workers_recycled, 3, "%u",
                 (unsigned)worker_bed_stats(b).workers_recycled);
    cr_assert_eq(worker_bed_stats(b).workers_died, 0);
    worker_bed_destroy(b);
    b = worker_bed_create((struct compile_options){.recycle_bytes = 6 << 20, .max_batch = 1});
    for (unsigned n = 0; n < 6; n++)
        worker_bed_submit(b, n, DO_LEAK);
    compile_service_drain(b->s);
    cr_assert(worker_bed_stats(b).workers_recycled >= 2, "%u",
              (unsigned)worker_bed_stats(b).workers_recycled);
    worker_bed_destroy(b);
}

Test(worker, idle_ones_are_let_go)
{
    struct worker_bed *b = worker_bed_create((struct compile_options){.idle_ms = 20});
    for (unsigned n = 0; n < 3; n++) {
        worker_bed_submit(b, n, DO_COMPILE);
        compile_service_drain(b->s);
        worker_bed_expect(b, n, COMPILE_OK);
        worker_bed_sleep(80);
    }
    cr_assert_eq(worker_bed_stats(b).workers_started, 3, "%u",
                 (unsigned)worker_bed_stats(b).workers_started);
    cr_assert_eq(worker_bed_stats(b).workers_died, 0);
    worker_bed_destroy(b);
}

Test(worker, destroyed_in_the_middle)
{
    struct worker_bed *b =
        worker_bed_create((struct compile_options){.nr_workers = 2, .max_batch = 2});
    struct timespec t0, t1;
    for (unsigned n = 0; n < 20; n++)
        worker_bed_submit(b, n, DO_HANG); // whichever goes first
    worker_bed_sleep(50);
    clock_gettime(CLOCK_MONOTONIC, &t0);
    compile_service_destroy(b->s);
    clock_gettime(CLOCK_MONOTONIC, &t1);
    cr_assert(t1.tv_sec - t0.tv_sec <= 2, "took %ld s", (long)(t1.tv_sec - t0.tv_sec));
    for (unsigned n = 0; n < 20; n++)
        worker_bed_expect(b, n, COMPILE_CANCELLED);
    b->s = NULL;
    worker_bed_destroy(b);
}

Test(worker, no_assembler)
{
    char *path = strdup(getenv("PATH"));
    setenv("PATH", "/nonexistent", 1);
    struct worker_bed *b = worker_bed_create((struct compile_options){.needs_assembler = true});
    setenv("PATH", path, 1);
    free(path);
    for (unsigned n = 0; n < 5; n++)
        worker_bed_submit(b, n, DO_COMPILE);
    for (unsigned i = 0; i < 1000 && !b->unavailable[0]; i++)
        worker_bed_sleep(5);
    compile_service_drain(b->s);
    cr_assert(strstr(b->unavailable, "assembler"), "said: %s", b->unavailable);
    cr_assert_eq(worker_bed_submit(b, 9, DO_COMPILE), COMPILE_UNAVAILABLE);
    worker_bed_destroy(b);
}

Test(worker, a_compiler_that_never_works)
{
    struct worker_bed *b = worker_bed_create((struct compile_options){.max_batch = 4});
    for (unsigned n = 0; n < 60; n++)
        worker_bed_submit(b, n, DO_FAIL);
    compile_service_drain(b->s);
    cr_assert(strstr(b->unavailable, "told to fail"), "said: %s", b->unavailable);
    for (unsigned n = 0; n < 60; n++)
        cr_assert_eq(b->done[n], 1);
    cr_assert_eq(worker_bed_submit(b, 70, DO_COMPILE), COMPILE_UNAVAILABLE);
    worker_bed_destroy(b);
}

static void ignore(void *opaque, const char *line)
{
    cr_assert_fail("%s", line);
}

static void remove_directory(const char *dir)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    cr_assert_eq(system(command), 0);
}

// What workers make is found by the next armlet, and by this one when it is told.
Test(worker, keeps_its_products)
{
    char dir[] = "/tmp/armlet-worker-XXXXXX";
    cr_assert(mkdtemp(dir));
    struct cache_options co = {.dir = dir, .say = ignore};
    struct cache *c = cache_open(&co);
    struct compile_options o = {.max_batch = 8, .cache = cache_target(c)};
    struct worker_bed *b = worker_bed_create(o);
    struct region_recipe r;
    struct cache_ref ref;
    struct cache_entry e;
    for (unsigned n = 0; n < 16; n++)
        worker_bed_submit(b, n, n == 3 ? DO_UNDEFINED : DO_COMPILE);
    compile_service_drain(b->s);
    char last[CACHE_NAME_SIZE];
    cr_assert_eq(worker_bed_wait_stored(b, 2, last), 2);
    cache_add(c, last);
    cache_close(c);
    c = cache_open(&co);
    for (unsigned n = 0; n < 16; n++) {
        recipe_make(&r, n, 1 + n % 5, 3);
        uint64_t hash = cache_hash(r.mode, 0, r.pages[0].bytes, 3);
        unsigned found = cache_lookup(c, hash, &ref, 1);
        cr_assert_eq(found, n != 3, "recipe %u", n);
        if (!found)
            continue;
        struct codebuf_span span;
        cr_assert(cache_read(c, &ref, &e));
        cr_assert_eq(e.item.recipe->blocks[0].weight, WEIGHT(DO_COMPILE, n * 3));
        cr_assert(loader_place(&b->code, e.item.image, e.item.size, e.item.align, &span));
        cr_assert_eq(((region_fn *)(uintptr_t)(span.exec + e.item.entry))(NULL, 0, 1), n * 3 + 1);
        cache_entry_free(&e);
    }
    cache_close(c);
    remove_directory(dir);
    // The directory is gone: said once, and everything is compiled all the same.
    for (unsigned n = 20; n < 40; n++)
        worker_bed_submit(b, n, DO_COMPILE);
    compile_service_drain(b->s);
    for (unsigned n = 20; n < 40; n++)
        worker_bed_expect(b, n, COMPILE_OK);
    for (unsigned i = 0; i < 1000 && !b->not_stored[0]; i++)
        worker_bed_sleep(5);
    cr_assert(strstr(b->not_stored, "No such file"), "said: %s", b->not_stored);
    worker_bed_destroy(b);
}

// Somebody kills workers all the time: everything is compiled all the same.
Test(worker, killed_at_random, .timeout = 120)
{
    struct worker_bed *b =
        worker_bed_create((struct compile_options){.nr_workers = 3, .max_batch = 8});
    pid_t zygote, workers[16];
    unsigned killed = 0, lost = 0, nr = 150;
    cr_assert_eq(worker_bed_children(getpid(), &zygote, 1), 1);
    for (unsigned n = 0; n < nr; n++)
        worker_bed_submit(b, n, n % 4 ? DO_COMPILE : DO_SLOW);
    compile_service_flush(b->s);
    for (unsigned i = 0; i < 60; i++) {
        unsigned c = worker_bed_children(zygote, workers, 16);
        if (c && kill(workers[(i * 7 + 3) % c], SIGKILL) == 0)
            killed++;
        worker_bed_sleep(3 + i * 5 % 11);
    }
    compile_service_drain(b->s);
    for (unsigned n = 0; n < nr; n++) {
        // Three kills in a row may hit the same one while it is alone.
        if (b->status[n] == COMPILE_CRASHED)
            lost++;
        else
            worker_bed_expect(b, n, COMPILE_OK);
    }
    cr_assert(killed > 10 && lost <= nr / 10, "%u killed, %u of %u lost", killed, lost, nr);
    cr_assert_str_eq(b->unavailable, "");
    worker_bed_destroy(b);
}

Test(worker, zygote_killed)
{
    struct worker_bed *b =
        worker_bed_create((struct compile_options){.nr_workers = 2, .max_batch = 2});
    pid_t zygote;
    cr_assert_eq(worker_bed_children(getpid(), &zygote, 1), 1);
    worker_bed_submit(b, 1, DO_COMPILE);
    compile_service_drain(b->s);
    worker_bed_expect(b, 1, COMPILE_OK);
    kill(zygote, SIGKILL);
    for (unsigned n = 2; n < 8; n++)
        worker_bed_submit(b, n, DO_SLOW);
    compile_service_drain(b->s);
    for (unsigned i = 0; i < 1000 && !b->unavailable[0]; i++)
        worker_bed_sleep(5);
    cr_assert(b->unavailable[0]);
    cr_assert_eq(worker_bed_submit(b, 9, DO_COMPILE), COMPILE_UNAVAILABLE);
    worker_bed_destroy(b);
}

// What the process that is to be killed leaves behind, if it leaves something.
struct traces {
    pid_t zygote, worker;
    char tmp[128]; // the worker's directory
};

static void killed_armlet(int out, bool zygote_too)
{
    struct worker_bed *b =
        worker_bed_create((struct compile_options){.nr_workers = 2, .max_batch = 1});
    struct traces t = {0};
    char link[64];
    worker_bed_submit(b, 1, DO_HANG);
    worker_bed_submit(b, 2, DO_HANG_CHILD);
    worker_bed_children(getpid(), &t.zygote, 1);
    for (unsigned i = 0; i < 400 && worker_bed_children(t.zygote, &t.worker, 1) != 1; i++)
        worker_bed_sleep(5);
    snprintf(link, sizeof link, "/proc/%d/cwd", t.worker);
    for (unsigned i = 0; i < 400 && !strstr(t.tmp, "armlet-cc-"); i++) {
        memset(t.tmp, 0, sizeof t.tmp);
        (void)!readlink(link, t.tmp, sizeof t.tmp - 1);
        worker_bed_sleep(5);
    }
    (void)!write(out, &t, sizeof t);
    if (zygote_too)
        kill(t.zygote, SIGKILL);
    raise(SIGKILL);
}

static void kill_armlet(struct traces *t, bool zygote_too)
{
    int out[2];
    cr_assert_eq(pipe(out), 0);
    pid_t pid = fork();
    if (pid == 0)
        killed_armlet(out[1], zygote_too);
    cr_assert_eq(read(out[0], t, sizeof *t), (ssize_t)sizeof *t);
    waitpid(pid, NULL, 0);
    cr_assert(strstr(t->tmp, "armlet-cc-"), "the worker is in %s", t->tmp);
    *strrchr(t->tmp, '/') = 0; // the zygote's directory
    close(out[0]);
    close(out[1]);
}

static bool alive(pid_t pid)
{
    return kill(pid, 0) == 0;
}

// When armlet is killed nothing stays: no process, no file.
Test(worker, armlet_killed)
{
    struct traces t;
    kill_armlet(&t, false);
    for (unsigned i = 0; i < 1000 && (alive(t.zygote) || access(t.tmp, F_OK) == 0); i++)
        worker_bed_sleep(5);
    cr_assert(!alive(t.zygote), "zygote %d still runs", t.zygote);
    cr_assert(!alive(t.worker), "worker %d still runs", t.worker);
    cr_assert(access(t.tmp, F_OK) != 0, "%s is left", t.tmp);
}

// When the zygote is killed with it nobody is left to remove files: the next armlet does.
Test(worker, armlet_and_zygote_killed)
{
    struct traces t;
    kill_armlet(&t, true);
    for (unsigned i = 0; i < 1000 && alive(t.worker); i++)
        worker_bed_sleep(5);
    cr_assert(!alive(t.worker), "worker %d still runs", t.worker);
    struct worker_bed *b = worker_bed_create((struct compile_options){.nr_workers = 1});
    for (unsigned i = 0; i < 1000 && access(t.tmp, F_OK) == 0; i++)
        worker_bed_sleep(5);
    cr_assert(access(t.tmp, F_OK) != 0, "%s is left", t.tmp);
    worker_bed_submit(b, 1, DO_COMPILE);
    compile_service_drain(b->s);
    worker_bed_expect(b, 1, COMPILE_OK);
    worker_bed_destroy(b);
}
