// SPDX-License-Identifier: GPL-3.0-or-later
// The compile service, with a compiler that does what the recipe tells it: compile, crash, hang,
// lie. Products are loaded and run.
#include "base/thread.h"
#include "jit/loader.h"
#include "jit/worker.h"
#include "jit/worker_wire.h"
#include "tests/jit/recipes.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// What the compiler is to do, in blocks[0].weight; the rest of the weight is what the compiled
// region returns.
enum {
    DO_COMPILE,
    DO_SEGV,
    DO_HANG,
    DO_FAIL,    // return false for the whole batch
    DO_GARBAGE, // leave something that is no object
    DO_TALK,    // write nonsense into the protocol
    DO_EXIT,
    DO_EAT_MEMORY,
    DO_BURN,       // CPU time without end
    DO_UNDEFINED,  // code that needs a symbol
    DO_SLOW,       // 20 ms
    DO_LEAK,       // more resident memory each time
    DO_HANG_CHILD, // in a process of its own
    DO_LIE,        // answer in the compiler's place, wrongly: lies[value]
    DO_LOOK,       // fail if the process has what it should not have
    DO_TOIL,       // 200 ms of CPU time
};
#define WEIGHT(action, value) ((uint32_t)(action) << 24 | (value))

static void sleep_ms(unsigned ms)
{
    struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};
    while (nanosleep(&t, &t) && errno == EINTR)
        ;
}

// Is the worker as bare as it should be?
static bool look_around(struct error *err)
{
    struct rlimit r;
    DIR *d = opendir("/proc/self/fd");
    struct dirent *e;
    unsigned nr = 0;
    while (d && (e = readdir(d)))
        nr += e->d_name[0] != '.';
    if (d)
        closedir(d);
    if (nr != 5) // 0, 1, 2, the socket and this directory
        return error_set(err, "%u files are open", nr);
    if (getrlimit(RLIMIT_CORE, &r) || r.rlim_cur)
        return error_set(err, "it may dump core");
    if (getpriority(PRIO_PROCESS, 0) < 5)
        return error_set(err, "nice is %d", getpriority(PRIO_PROCESS, 0));
    if (getpgrp() != getpid())
        return error_set(err, "not the leader of its group");
    const char *tmp = getenv("TMPDIR");
    if (!tmp || access(tmp, W_OK))
        return error_set(err, "TMPDIR is %s", tmp ? tmp : "not set");
    return true;
}

// Answers to a batch of one that no worker gives.
static const struct {
    struct wire_reply reply;
    struct wire_product product;
} lies[] = {
    {{WIRE_REPLY, 2, sizeof(struct wire_product), true, false, 0}, {true, 8, 1, 0}},
    {{WIRE_REPLY, 0, sizeof(struct wire_product), true, false, 0}, {true, 8, 1, 0}},
    {{WIRE_REPLY, 1, WIRE_MAX_REPLY + 1, true, false, 0}, {true, 8, 1, 0}},
    {{WIRE_REPLY, 1, UINT32_MAX, true, false, 0}, {true, 8, 1, 0}},
    {{WIRE_REPLY, 1, sizeof(struct wire_product) - 1, true, false, 0}, {true, 0, 1, 0}},
    {{WIRE_REPLY, 1, sizeof(struct wire_product), true, false, 0}, {true, 8, 1, 0}},
    {{WIRE_REPLY, 1, sizeof(struct wire_product) + 8, true, false, 0}, {true, 7, 1, 0}},
    {{WIRE_REPLY, 1, sizeof(struct wire_product) + 8, true, false, 0}, {true, 9, 1, 0}},
    {{WIRE_REPLY, 1, sizeof(struct wire_product) + 8, true, false, 0}, {true, 8, 3, 0}},
    {{WIRE_REPLY, 1, sizeof(struct wire_product) + 8, true, false, 0}, {true, 8, 8192, 0}},
    {{WIRE_REPLY, 1, sizeof(struct wire_product) + 8, true, false, 0}, {true, 8, 1, 8}},
    {{WIRE_REPLY, 1, sizeof(struct wire_product), true, false, 0}, {true, 0, 1, 0}},
    {{WIRE_REPLY, 1, sizeof(struct wire_product) + 8, true, false, 0}, {false, UINT32_MAX, 1, 0}},
    {{WIRE_STORED, 1, WIRE_MAX_TEXT + 1, true, false, 0}, {0}},
};

static void lie(unsigned n)
{
    static const uint8_t image[512] = {0xc3};
    wire_write(3, &lies[n].reply, sizeof lies[n].reply);
    wire_write(3, &lies[n].product, sizeof lies[n].product);
    wire_write(3, image, sizeof image);
}

static bool misbehave(unsigned action, uint32_t value, struct error *err)
{
    static uint8_t *leaked;
    switch (action) {
    case DO_SEGV:
        signal(SIGSEGV, SIG_DFL); // the sanitizer's is slow to speak
        raise(SIGSEGV);
        break;
    case DO_HANG:
        for (;;)
            pause();
    case DO_FAIL:
        return error_set(err, "told to fail");
    case DO_TALK:
        for (unsigned i = 0; i < 100; i++)
            (void)!write(3, "nonsense", 8);
        break;
    case DO_EXIT:
        _exit(0);
    case DO_EAT_MEMORY:
        for (;;)
            if (mmap(NULL, 16 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                MAP_FAILED)
                return error_set(err, "no more memory");
    case DO_BURN:
        for (volatile unsigned i = 0;; i++)
            ;
    case DO_SLOW:
        sleep_ms(20);
        break;
    case DO_LEAK:
        leaked = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(leaked, 1, 4 << 20);
        break;
    case DO_HANG_CHILD:
        if (fork() == 0)
            execlp("sleep", "sleep", "1000", (char *)NULL);
        wait(NULL);
        break;
    case DO_LIE:
        lie(value);
        pause();
        break;
    case DO_LOOK:
        return look_around(err);
    case DO_TOIL:
        for (clock_t begun = clock(); clock() - begun < CLOCKS_PER_SEC / 5;)
            ;
        break;
    }
    return true;
}

static bool fake_compile(const struct guest *guest, const struct region_recipe *const *recipes,
                         unsigned n, const char *path, struct error *err)
{
    char command[256];
    bool garbage = false;
    for (unsigned i = 0; i < n; i++) {
        uint32_t w = recipes[i]->blocks[0].weight;
        unsigned action = w >> 24;
        if (!misbehave(action, w & 0xffffff, err))
            return false;
        garbage |= action == DO_GARBAGE;
    }
    snprintf(command, sizeof command, garbage ? "cat >%s" : "as -o %s", path);
    FILE *as = popen(command, "w");
    if (!as)
        return error_set(err, "no as");
    for (unsigned i = 0; i < n; i++) {
        uint32_t w = recipes[i]->blocks[0].weight;
        fprintf(as,
                ".section .text.r%u,\"ax\"\n.globl region_%u\n.type region_%u,@function\n"
                "region_%u: mov .Lc%u(%%rip), %%eax\nadd %%edx, %%eax\nret\n%s"
                ".section .rodata.r%u,\"a\"\n.Lc%u: .long %u\n",
                i, i, i, i, i, w >> 24 == DO_UNDEFINED ? "call elsewhere\n" : "", i, i,
                w & 0xffffff);
    }
    return pclose(as) == 0 || error_set(err, "as failed");
}

// The other side: what came of each recipe.
#define MAX_RECIPES 256

struct bench {
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

static uint64_t tell_heat(void *opaque, void *cookie)
{
    struct bench *b = opaque;
    return __atomic_load_n(&b->heat[(uintptr_t)cookie], __ATOMIC_RELAXED);
}

static void take_result(void *opaque, const struct compile_result *r)
{
    struct bench *b = opaque;
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
    struct bench *b = opaque;
    cr_assert(!b->unavailable[0], "said twice: %s, %s", b->unavailable, why);
    snprintf(b->unavailable, sizeof b->unavailable, "%s", why);
}

static void take_stored(void *opaque, const char *name)
{
    struct bench *b = opaque;
    mutex_lock(&b->lock);
    b->stored++;
    snprintf(b->last_file, sizeof b->last_file, "%s", name);
    mutex_unlock(&b->lock);
}

// Waits for so many; returns how many there are, and the last one's name.
static unsigned wait_stored(struct bench *b, unsigned want, char name[static CACHE_NAME_SIZE])
{
    unsigned stored = 0;
    for (unsigned i = 0; i < 1000 && stored < want; i++) {
        if (i)
            sleep_ms(5);
        mutex_lock(&b->lock);
        stored = b->stored;
        memcpy(name, b->last_file, CACHE_NAME_SIZE);
        mutex_unlock(&b->lock);
    }
    return stored;
}

static void take_not_stored(void *opaque, const char *why)
{
    struct bench *b = opaque;
    cr_assert(!b->not_stored[0], "said twice: %s, %s", b->not_stored, why);
    snprintf(b->not_stored, sizeof b->not_stored, "%s", why);
}

static struct bench *create(struct compile_options o, bool by_heat)
{
    struct bench *b = calloc(1, sizeof *b);
    struct error err;
    struct compile_hooks hooks = {.done = take_result, .unavailable = take_unavailable,
                                  .stored = take_stored, .not_stored = take_not_stored, .opaque = b};
    hooks.heat = by_heat ? tell_heat : NULL;
    o.compile = fake_compile;
    if (!o.collect_ms)
        o.collect_ms = 1;
    mutex_init(&b->lock);
    b->s = compile_service_create(&o, &err);
    cr_assert(b->s, "%s", err.text);
    cr_assert(codebuf_init(&b->code, 0, &err), "%s", err.text);
    cr_assert(compile_service_start(b->s, &hooks, &err), "%s", err.text);
    return b;
}

static struct bench *bench_create(struct compile_options o)
{
    return create(o, false);
}

static void bench_destroy(struct bench *b)
{
    compile_service_destroy(b->s);
    codebuf_fini(&b->code);
    mutex_fini(&b->lock);
    free(b);
}

static enum compile_submit submit(struct bench *b, unsigned n, unsigned action)
{
    struct region_recipe *r = malloc(sizeof *r);
    recipe_make(r, n, 1 + n % 5, 3);
    r->blocks[0].weight = WEIGHT(action, n * 3);
    enum compile_submit result = compile_service_submit(b->s, r, (void *)(uintptr_t)n);
    free(r);
    return result;
}

// What b has of recipe n does not change any more once its answer has been seen.
static void expect(struct bench *b, unsigned n, enum compile_status status)
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

static struct compile_stats stats(struct bench *b)
{
    struct compile_stats s;
    compile_service_stats(b->s, &s);
    return s;
}

Test(worker, batches_are_compiled_and_run)
{
    struct bench *b = bench_create((struct compile_options){.nr_workers = 2, .max_batch = 8});
    for (unsigned n = 0; n < 40; n++)
        cr_assert_eq(submit(b, n, DO_COMPILE), COMPILE_ACCEPTED);
    compile_service_drain(b->s);
    for (unsigned n = 0; n < 40; n++)
        expect(b, n, COMPILE_OK);
    struct compile_stats s = stats(b);
    cr_assert_eq(s.compiled, 40);
    cr_assert_eq(s.retries + s.failed + s.crashed, 0);
    cr_assert(s.batches >= 5 && s.batches <= 12, "%u batches", (unsigned)s.batches);
    cr_assert(s.cpu_us > 0 && s.insns > 40 && s.queued == 0 && s.busy == 0);
    bench_destroy(b);
}

Test(worker, alone_and_late)
{
    struct bench *b = bench_create((struct compile_options){.collect_ms = 3600000, .max_batch = 4});
    cr_assert_eq(submit(b, 7, DO_COMPILE), COMPILE_ACCEPTED);
    sleep_ms(30);
    cr_assert_eq(stats(b).batches, 0, "did not wait for more");
    compile_service_drain(b->s);
    expect(b, 7, COMPILE_OK);
    // A full batch goes at once, with nobody flushing.
    for (unsigned n = 8; n < 12; n++)
        submit(b, n, DO_COMPILE);
    for (unsigned i = 0; i < 1000 && stats(b).compiled < 5; i++)
        sleep_ms(10);
    for (unsigned n = 8; n < 12; n++)
        expect(b, n, COMPILE_OK);
    bench_destroy(b);
}

// One bad recipe among good ones costs itself alone.
static void one_offender(unsigned action, enum compile_status status, struct compile_options o)
{
    o.max_batch = 8;
    struct bench *b = bench_create(o);
    for (unsigned n = 0; n < 16; n++)
        submit(b, n, n == 5 ? action : DO_COMPILE);
    compile_service_drain(b->s);
    for (unsigned n = 0; n < 16; n++)
        expect(b, n, n == 5 ? status : COMPILE_OK);
    cr_assert_eq(submit(b, 5, action), COMPILE_KNOWN_BAD);
    cr_assert_eq(submit(b, 5, DO_COMPILE), COMPILE_ACCEPTED, "another recipe");
    compile_service_drain(b->s);
    cr_assert_str_eq(b->unavailable, "");
    struct compile_stats s = stats(b);
    cr_assert_eq(s.failed + s.crashed, 1);
    cr_assert_eq(s.listed, 1);
    bench_destroy(b);
}

Test(worker, crash)
{
    one_offender(DO_SEGV, COMPILE_CRASHED, (struct compile_options){.nr_workers = 2});
}

Test(worker, exits)
{
    one_offender(DO_EXIT, COMPILE_CRASHED, (struct compile_options){0});
}

Test(worker, hang)
{
    one_offender(DO_HANG, COMPILE_CRASHED, (struct compile_options){.time_limit_ms = 300});
}

Test(worker, hang_of_what_it_runs)
{
    one_offender(DO_HANG_CHILD, COMPILE_CRASHED, (struct compile_options){.time_limit_ms = 300});
}

Test(worker, fails)
{
    one_offender(DO_FAIL, COMPILE_FAILED, (struct compile_options){0});
}

Test(worker, leaves_garbage)
{
    one_offender(DO_GARBAGE, COMPILE_FAILED, (struct compile_options){0});
}

Test(worker, talks_nonsense)
{
    one_offender(DO_TALK, COMPILE_CRASHED, (struct compile_options){0});
}

Test(worker, eats_memory)
{
    one_offender(DO_EAT_MEMORY, COMPILE_FAILED,
                 (struct compile_options){.memory_limit = 128 << 20});
}

Test(worker, undefined_symbol)
{
    one_offender(DO_UNDEFINED, COMPILE_FAILED, (struct compile_options){0});
}

// None of the lies is believed, and none of them keeps the next from being compiled.
Test(worker, lies)
{
    struct bench *b = bench_create((struct compile_options){.max_batch = 1, .time_limit_ms = 2000});
    struct region_recipe r;
    submit(b, 100, DO_COMPILE);
    for (unsigned n = 0; n < ARRAY_SIZE(lies); n++) {
        recipe_make(&r, n, 1, 3);
        r.blocks[0].weight = WEIGHT(DO_LIE, n);
        cr_assert_eq(compile_service_submit(b->s, &r, (void *)(uintptr_t)n), COMPILE_ACCEPTED);
    }
    submit(b, 101, DO_COMPILE);
    compile_service_drain(b->s);
    expect(b, 100, COMPILE_OK);
    expect(b, 101, COMPILE_OK);
    for (unsigned n = 0; n < ARRAY_SIZE(lies); n++)
        expect(b, n, COMPILE_CRASHED);
    cr_assert_eq(stats(b).workers_killed, 0, "a lie was waited for");
    bench_destroy(b);
}

Test(worker, burns_cpu, .timeout = 120)
{
    struct bench *b = bench_create((struct compile_options){.cpu_limit_s = 1});
    submit(b, 1, DO_BURN);
    compile_service_drain(b->s);
    expect(b, 1, COMPILE_CRASHED);
    cr_assert(stats(b).cpu_us > 1000000, "%u us", (unsigned)stats(b).cpu_us);
    bench_destroy(b);
}

Test(worker, has_nothing_it_should_not)
{
    int fd = open("/dev/null", O_RDWR); // without CLOEXEC
    struct bench *b = bench_create((struct compile_options){0});
    submit(b, 1, DO_LOOK);
    compile_service_drain(b->s);
    expect(b, 1, COMPILE_OK);
    close(fd);
    bench_destroy(b);
}

Test(worker, invalid_recipe)
{
    struct bench *b = bench_create((struct compile_options){.max_batch = 4});
    struct region_recipe r;
    recipe_make(&r, 2, 3, 3);
    r.blocks[1].off = 2; // not an instruction's
    cr_assert_eq(compile_service_submit(b->s, &r, (void *)2), COMPILE_ACCEPTED);
    r.nr_pages = REGION_MAX_PAGES + 1;
    cr_assert_neq(compile_service_submit(b->s, &r, (void *)3), COMPILE_ACCEPTED);
    submit(b, 1, DO_COMPILE);
    compile_service_drain(b->s);
    expect(b, 1, COMPILE_OK);
    expect(b, 2, COMPILE_FAILED);
    cr_assert_eq(b->done[3], 0);
    bench_destroy(b);
}

Test(worker, queue_is_bounded)
{
    struct bench *b = bench_create(
        (struct compile_options){.max_queue = 10, .max_batch = 4, .collect_ms = 3600000});
    unsigned accepted = 0, full = 0;
    for (unsigned n = 0; n < 60; n++) {
        enum compile_submit r = submit(b, n, DO_SLOW);
        accepted += r == COMPILE_ACCEPTED;
        full += r == COMPILE_FULL;
    }
    cr_assert(full > 0 && accepted + full == 60, "%u accepted, %u refused", accepted, full);
    compile_service_drain(b->s);
    struct compile_stats s = stats(b);
    cr_assert_eq(s.compiled, accepted);
    cr_assert_eq(s.refused, full);
    cr_assert_eq(s.max_queued, 10);
    bench_destroy(b);
}

Test(worker, what_is_hot_goes_first_and_what_is_cold_waits)
{
    struct bench *b = create((struct compile_options){.nr_workers = 1, .max_batch = 1}, true);
    for (unsigned n = 0; n < 6; n++)
        cr_assert_eq(submit(b, n, DO_COMPILE), COMPILE_ACCEPTED);
    sleep_ms(50);
    cr_assert_eq(stats(b).batches, 0, "compiles what is cold");
    __atomic_store_n(&b->heat[1], 9, __ATOMIC_RELAXED);
    __atomic_store_n(&b->heat[3], 5, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < 1000 && stats(b).compiled < 2; i++)
        sleep_ms(10);
    cr_assert(b->nr_done == 2 && b->order[0] == 1 && b->order[1] == 3, "%u done, first %u, then %u", b->nr_done,
              b->order[0], b->order[1]);
    compile_service_drain(b->s);
    for (unsigned n = 0; n < 6; n++)
        expect(b, n, COMPILE_OK);
    bench_destroy(b);
}

static unsigned children_of(pid_t parent, pid_t *out, unsigned max)
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

// A recipe that is at work by the time this returns.
static void begin_toil(struct bench *b, unsigned n)
{
    uint64_t batches = stats(b).batches;
    __atomic_store_n(&b->heat[n], COMPILE_LASTING | 5, __ATOMIC_RELAXED);
    cr_assert_eq(submit(b, n, DO_TOIL), COMPILE_ACCEPTED);
    for (unsigned i = 0; i < 2000 && stats(b).batches == batches; i++)
        sleep_ms(1);
    cr_assert_eq(stats(b).batches, batches + 1, "recipe %u is not begun", n);
}

static void wait_done(struct bench *b, unsigned n)
{
    for (unsigned i = 0; i < 4000; i++) {
        mutex_lock(&b->lock);
        bool done = b->done[n];
        mutex_unlock(&b->lock);
        if (done)
            return;
        sleep_ms(5);
    }
}

Test(worker, what_has_become_cold_is_set_aside, .timeout = 60)
{
    struct bench *b = create((struct compile_options){.nr_workers = 1, .max_batch = 1}, true);
    begin_toil(b, 0);
    __atomic_store_n(&b->heat[1], COMPILE_LASTING | 9, __ATOMIC_RELAXED);
    cr_assert_eq(submit(b, 1, DO_COMPILE), COMPILE_ACCEPTED);
    sleep_ms(50);
    cr_assert_eq(stats(b).set_aside, 0, "what is still hot was interrupted");
    __atomic_store_n(&b->heat[0], 0, __ATOMIC_RELAXED);
    wait_done(b, 1);
    cr_assert_eq(stats(b).set_aside, 1);
    mutex_lock(&b->lock);
    unsigned nr_done = b->nr_done;
    mutex_unlock(&b->lock);
    cr_assert_eq(nr_done, 1, "the one that was interrupted came first");
    wait_done(b, 0); // nobody asks for it: it goes on by itself
    expect(b, 0, COMPILE_OK);
    expect(b, 1, COMPILE_OK);
    // Nothing is interrupted for what may be over in a moment.
    begin_toil(b, 2);
    __atomic_store_n(&b->heat[2], 0, __ATOMIC_RELAXED);
    __atomic_store_n(&b->heat[3], 9, __ATOMIC_RELAXED);
    cr_assert_eq(submit(b, 3, DO_COMPILE), COMPILE_ACCEPTED);
    wait_done(b, 3);
    cr_assert_eq(b->order[2], 2);
    cr_assert_eq(stats(b).set_aside, 1);
    cr_assert_eq(stats(b).busy, 0);
    bench_destroy(b);
}

Test(worker, of_many_that_are_set_aside_the_first_is_given_up, .timeout = 60)
{
    enum { nr = 6 }; // four wait, one is at work
    struct bench *b = create((struct compile_options){.nr_workers = 1, .max_batch = 1}, true);
    for (unsigned n = 0; n < nr; n++) {
        begin_toil(b, n);
        __atomic_store_n(&b->heat[n], 0, __ATOMIC_RELAXED);
    }
    compile_service_drain(b->s);
    cr_assert_eq(stats(b).set_aside, nr - 1);
    cr_assert_eq(stats(b).workers_died, 0);
    for (unsigned n = 0; n < nr; n++)
        expect(b, n, n ? COMPILE_OK : COMPILE_CANCELLED);
    bench_destroy(b);
}

// Somebody kills the worker that stands still: what it had is compiled by another.
Test(worker, killed_while_set_aside, .timeout = 60)
{
    struct bench *b = create((struct compile_options){.nr_workers = 1, .max_batch = 1}, true);
    pid_t zygote, worker;
    cr_assert_eq(children_of(getpid(), &zygote, 1), 1);
    begin_toil(b, 0);
    while (children_of(zygote, &worker, 1) != 1)
        sleep_ms(1);
    __atomic_store_n(&b->heat[0], 0, __ATOMIC_RELAXED);
    begin_toil(b, 1);
    cr_assert_eq(stats(b).set_aside, 1);
    char path[64], state = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", worker);
    for (unsigned i = 0; i < 1000 && state != 'T'; i++) {
        FILE *f = fopen(path, "r");
        cr_assert(f && fscanf(f, "%*d (%*[^)]) %c", &state) == 1);
        fclose(f);
        sleep_ms(1);
    }
    cr_assert_eq(state, 'T', "it is in state %c", state);
    cr_assert_eq(kill(worker, SIGKILL), 0);
    compile_service_drain(b->s);
    expect(b, 0, COMPILE_OK);
    expect(b, 1, COMPILE_OK);
    cr_assert_eq(stats(b).workers_died, 1);
    bench_destroy(b);
}

Test(worker, what_waited_longest_makes_room)
{
    struct bench *b = create((struct compile_options){.max_queue = 4, .max_batch = 1}, true);
    for (unsigned n = 0; n < 6; n++)
        cr_assert_eq(submit(b, n, DO_COMPILE), COMPILE_ACCEPTED, "recipe %u is not accepted", n);
    compile_service_drain(b->s);
    for (unsigned n = 0; n < 6; n++)
        expect(b, n, n < 2 ? COMPILE_CANCELLED : COMPILE_OK);
    bench_destroy(b);
}

Test(worker, recycled_by_count_and_by_memory)
{
    struct bench *b = bench_create((struct compile_options){.recycle_compiles = 3, .max_batch = 1});
    for (unsigned n = 0; n < 10; n++)
        submit(b, n, DO_COMPILE);
    compile_service_drain(b->s);
    for (unsigned n = 0; n < 10; n++)
        expect(b, n, COMPILE_OK);
    cr_assert_eq(stats(b).workers_recycled, 3, "%u", (unsigned)stats(b).workers_recycled);
    cr_assert_eq(stats(b).workers_died, 0);
    bench_destroy(b);
    b = bench_create((struct compile_options){.recycle_bytes = 6 << 20, .max_batch = 1});
    for (unsigned n = 0; n < 6; n++)
        submit(b, n, DO_LEAK);
    compile_service_drain(b->s);
    cr_assert(stats(b).workers_recycled >= 2, "%u", (unsigned)stats(b).workers_recycled);
    bench_destroy(b);
}

Test(worker, idle_ones_are_let_go)
{
    struct bench *b = bench_create((struct compile_options){.idle_ms = 20});
    for (unsigned n = 0; n < 3; n++) {
        submit(b, n, DO_COMPILE);
        compile_service_drain(b->s);
        expect(b, n, COMPILE_OK);
        sleep_ms(80);
    }
    cr_assert_eq(stats(b).workers_started, 3, "%u", (unsigned)stats(b).workers_started);
    cr_assert_eq(stats(b).workers_died, 0);
    bench_destroy(b);
}

Test(worker, destroyed_in_the_middle)
{
    struct bench *b = bench_create((struct compile_options){.nr_workers = 2, .max_batch = 2});
    struct timespec t0, t1;
    for (unsigned n = 0; n < 20; n++)
        submit(b, n, DO_HANG); // whichever goes first
    sleep_ms(50);
    clock_gettime(CLOCK_MONOTONIC, &t0);
    compile_service_destroy(b->s);
    clock_gettime(CLOCK_MONOTONIC, &t1);
    cr_assert(t1.tv_sec - t0.tv_sec <= 2, "took %ld s", (long)(t1.tv_sec - t0.tv_sec));
    for (unsigned n = 0; n < 20; n++)
        expect(b, n, COMPILE_CANCELLED);
    b->s = NULL;
    bench_destroy(b);
}

Test(worker, no_assembler)
{
    char *path = strdup(getenv("PATH"));
    setenv("PATH", "/nonexistent", 1);
    struct bench *b = bench_create((struct compile_options){.needs_assembler = true});
    setenv("PATH", path, 1);
    free(path);
    for (unsigned n = 0; n < 5; n++)
        submit(b, n, DO_COMPILE);
    for (unsigned i = 0; i < 1000 && !b->unavailable[0]; i++)
        sleep_ms(5);
    compile_service_drain(b->s);
    cr_assert(strstr(b->unavailable, "assembler"), "said: %s", b->unavailable);
    cr_assert_eq(submit(b, 9, DO_COMPILE), COMPILE_UNAVAILABLE);
    bench_destroy(b);
}

Test(worker, a_compiler_that_never_works)
{
    struct bench *b = bench_create((struct compile_options){.max_batch = 4});
    for (unsigned n = 0; n < 60; n++)
        submit(b, n, DO_FAIL);
    compile_service_drain(b->s);
    cr_assert(strstr(b->unavailable, "told to fail"), "said: %s", b->unavailable);
    for (unsigned n = 0; n < 60; n++)
        cr_assert_eq(b->done[n], 1);
    cr_assert_eq(submit(b, 70, DO_COMPILE), COMPILE_UNAVAILABLE);
    bench_destroy(b);
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
    struct bench *b = bench_create(o);
    struct region_recipe r;
    struct cache_ref ref;
    struct cache_entry e;
    for (unsigned n = 0; n < 16; n++)
        submit(b, n, n == 3 ? DO_UNDEFINED : DO_COMPILE);
    compile_service_drain(b->s);
    char last[CACHE_NAME_SIZE];
    cr_assert_eq(wait_stored(b, 2, last), 2);
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
        submit(b, n, DO_COMPILE);
    compile_service_drain(b->s);
    for (unsigned n = 20; n < 40; n++)
        expect(b, n, COMPILE_OK);
    for (unsigned i = 0; i < 1000 && !b->not_stored[0]; i++)
        sleep_ms(5);
    cr_assert(strstr(b->not_stored, "No such file"), "said: %s", b->not_stored);
    bench_destroy(b);
}

// Somebody kills workers all the time: everything is compiled all the same.
Test(worker, killed_at_random, .timeout = 120)
{
    struct bench *b = bench_create((struct compile_options){.nr_workers = 3, .max_batch = 8});
    pid_t zygote, workers[16];
    unsigned killed = 0, lost = 0, nr = 150;
    cr_assert_eq(children_of(getpid(), &zygote, 1), 1);
    for (unsigned n = 0; n < nr; n++)
        submit(b, n, n % 4 ? DO_COMPILE : DO_SLOW);
    compile_service_flush(b->s);
    for (unsigned i = 0; i < 60; i++) {
        unsigned c = children_of(zygote, workers, 16);
        if (c && kill(workers[(i * 7 + 3) % c], SIGKILL) == 0)
            killed++;
        sleep_ms(3 + i * 5 % 11);
    }
    compile_service_drain(b->s);
    for (unsigned n = 0; n < nr; n++) {
        // Three kills in a row may hit the same one while it is alone.
        if (b->status[n] == COMPILE_CRASHED)
            lost++;
        else
            expect(b, n, COMPILE_OK);
    }
    cr_assert(killed > 10 && lost <= nr / 10, "%u killed, %u of %u lost", killed, lost, nr);
    cr_assert_str_eq(b->unavailable, "");
    bench_destroy(b);
}

Test(worker, zygote_killed)
{
    struct bench *b = bench_create((struct compile_options){.nr_workers = 2, .max_batch = 2});
    pid_t zygote;
    cr_assert_eq(children_of(getpid(), &zygote, 1), 1);
    submit(b, 1, DO_COMPILE);
    compile_service_drain(b->s);
    expect(b, 1, COMPILE_OK);
    kill(zygote, SIGKILL);
    for (unsigned n = 2; n < 8; n++)
        submit(b, n, DO_SLOW);
    compile_service_drain(b->s);
    for (unsigned i = 0; i < 1000 && !b->unavailable[0]; i++)
        sleep_ms(5);
    cr_assert(b->unavailable[0]);
    cr_assert_eq(submit(b, 9, DO_COMPILE), COMPILE_UNAVAILABLE);
    bench_destroy(b);
}

// What the process that is to be killed leaves behind, if it leaves something.
struct traces {
    pid_t zygote, worker;
    char tmp[128]; // the worker's directory
};

static void killed_armlet(int out, bool zygote_too)
{
    struct bench *b = bench_create((struct compile_options){.nr_workers = 2, .max_batch = 1});
    struct traces t = {0};
    char link[64];
    submit(b, 1, DO_HANG);
    submit(b, 2, DO_HANG_CHILD);
    children_of(getpid(), &t.zygote, 1);
    for (unsigned i = 0; i < 400 && children_of(t.zygote, &t.worker, 1) != 1; i++)
        sleep_ms(5);
    snprintf(link, sizeof link, "/proc/%d/cwd", t.worker);
    for (unsigned i = 0; i < 400 && !strstr(t.tmp, "armlet-cc-"); i++) {
        memset(t.tmp, 0, sizeof t.tmp);
        (void)!readlink(link, t.tmp, sizeof t.tmp - 1);
        sleep_ms(5);
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
        sleep_ms(5);
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
        sleep_ms(5);
    cr_assert(!alive(t.worker), "worker %d still runs", t.worker);
    struct bench *b = bench_create((struct compile_options){.nr_workers = 1});
    for (unsigned i = 0; i < 1000 && access(t.tmp, F_OK) == 0; i++)
        sleep_ms(5);
    cr_assert(access(t.tmp, F_OK) != 0, "%s is left", t.tmp);
    submit(b, 1, DO_COMPILE);
    compile_service_drain(b->s);
    expect(b, 1, COMPILE_OK);
    bench_destroy(b);
}
