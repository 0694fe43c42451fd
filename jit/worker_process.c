// SPDX-License-Identifier: GPL-3.0-or-later
// A compile worker: reads a batch, compiles it, links each region out of the object, answers, adds
// the products to the cache, waits for the next. It has one thread and expects to be killed at any
// moment; whatever goes wrong in here is no worse than that.
#include "jit/loader.h"
#include "jit/worker_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE   (UINT64_C(256) << 20) // bytes of any file a compile writes
#define MAX_OBJECT (UINT64_C(64) << 20)
#define PAGE_BYTES 4096u

struct job {
    uint32_t n;
    struct region_recipe *recipes[COMPILE_MAX_BATCH]; // owned; NULL: not valid
    struct loader_image images[COMPILE_MAX_BATCH];
    char text[COMPILE_MAX_BATCH][WIRE_MAX_TEXT]; // why there is no image
    bool compiled;
    uint32_t cpu_limit_s;
};

struct worker {
    const struct compile_options *options;
    int fd;
    char object[128]; // path
    unsigned batches;
    bool retiring;
    uint64_t rss_at_start, cpu_us;
};

bool wire_read(int fd, void *buf, size_t size)
{
    for (uint8_t *p = buf; size;) {
        ssize_t n = read(fd, p, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        size -= (size_t)n;
    }
    return true;
}

bool wire_write(int fd, const void *buf, size_t size)
{
    for (const uint8_t *p = buf; size;) {
        ssize_t n = write(fd, p, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        size -= (size_t)n;
    }
    return true;
}

// Pages of the process: 0 all, 1 resident.
static uint64_t memory_bytes(unsigned which)
{
    unsigned long long v[2] = {0, 0};
    FILE *f = fopen("/proc/self/statm", "r");
    if (f) {
        if (fscanf(f, "%llu %llu", &v[0], &v[1]) != 2)
            v[0] = v[1] = 0;
        fclose(f);
    }
    return v[which] * PAGE_BYTES;
}

static uint64_t cpu_us(void)
{
    static const int who[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
    uint64_t us = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(who); i++) {
        struct rusage u;
        if (getrusage(who[i], &u))
            continue;
        us += (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
              (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
    }
    return us;
}

static void limit(int what, uint64_t value)
{
    struct rlimit r;
    if (getrlimit(what, &r))
        return;
    r.rlim_cur = r.rlim_max == RLIM_INFINITY || value < r.rlim_max ? value : r.rlim_max;
    setrlimit(what, &r);
}

static void limit_process(const struct compile_options *o, const char *tmp)
{
    struct sched_param param = {0};
    setenv("TMPDIR", tmp, 1);
    unsetenv("GCC_EXEC_PREFIX");
    unsetenv("COMPILER_PATH");
    if (chdir(tmp))
        _exit(1);
    sched_setscheduler(0, SCHED_BATCH, &param);
    errno = 0;
    setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + o->nice);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, MAX_FILE);
    limit(RLIMIT_AS, memory_bytes(0) + o->memory_limit);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_NAME, "armlet-compile");
    // If memory runs out, this is what to do without.
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        wire_write(fd, "500", 3);
        close(fd);
    }
}

// False: nothing more comes.
static bool read_job(struct worker *w, struct job *job)
{
    struct wire_batch b;
    memset(job, 0, sizeof *job);
    if (!wire_read(w->fd, &b, sizeof b) || b.magic != WIRE_BATCH || !b.n || b.n > COMPILE_MAX_BATCH)
        return false;
    job->n = b.n;
    job->cpu_limit_s = b.cpu_limit_s;
    for (uint32_t i = 0; i < b.n; i++) {
        struct wire_recipe r;
        // One buffer size for all: whatever a recipe says of itself, it is inside.
        job->recipes[i] = calloc(1, sizeof *job->recipes[i]);
        if (!job->recipes[i] || !wire_read(w->fd, &r, sizeof r) ||
            r.size > sizeof *job->recipes[i] || !wire_read(w->fd, job->recipes[i], r.size))
            return false;
        if (!region_recipe_valid(job->recipes[i], r.size)) {
            free(job->recipes[i]);
            job->recipes[i] = NULL;
            snprintf(job->text[i], sizeof job->text[i], "not a valid recipe");
        }
    }
    return true;
}

static uint8_t *read_object(const char *path, size_t *size, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    uint8_t *bytes = NULL;
    if (fd < 0 || fstat(fd, &st) || st.st_size <= 0 || (uint64_t)st.st_size > MAX_OBJECT) {
        error_set(err, "the compiler left no object");
    } else {
        bytes = malloc((size_t)st.st_size);
        if (!bytes || !wire_read(fd, bytes, (size_t)st.st_size)) {
            error_set(err, "the object cannot be read");
            free(bytes);
            bytes = NULL;
        }
        *size = (size_t)st.st_size;
    }
    if (fd >= 0)
        close(fd);
    return bytes;
}

static void fail_all(struct job *job, const struct error *err)
{
    for (uint32_t i = 0; i < job->n; i++)
        if (!job->text[i][0])
            snprintf(job->text[i], sizeof job->text[i], "%.250s", err->text);
}

static void compile(struct worker *w, struct job *job)
{
    const struct region_recipe *valid[COMPILE_MAX_BATCH];
    uint32_t index[COMPILE_MAX_BATCH];
    unsigned n = 0;
    size_t size = 0;
    struct error err = {0};
    for (uint32_t i = 0; i < job->n; i++) {
        if (!job->recipes[i])
            continue;
        index[n] = i;
        valid[n++] = job->recipes[i];
    }
    job->compiled = true;
    if (!n)
        return;
    limit(RLIMIT_CPU, cpu_us() / 1000000 + 1 + job->cpu_limit_s);
    job->compiled = w->options->compile(w->options->guest, valid, n, w->object, &err);
    uint8_t *object = job->compiled ? read_object(w->object, &size, &err) : NULL;
    unlink(w->object);
    if (!object) {
        job->compiled = false;
        fail_all(job, &err);
        return;
    }
    job->compiled = false; // if nothing of it is any good, the batch has failed as one
    for (unsigned i = 0; i < n; i++) {
        char name[32];
        const char *names[1] = {name};
        snprintf(name, sizeof name, "region_%u", i);
        if (loader_link(object, size, names, 1, &job->images[index[i]], &err))
            job->compiled = true;
        else
            snprintf(job->text[index[i]], sizeof job->text[0], "%.250s", err.text);
    }
    free(object);
}

static bool reply(struct worker *w, const struct job *job)
{
    struct wire_reply r = {.magic = WIRE_REPLY, .n = job->n, .ok = job->compiled};
    uint64_t now = cpu_us();
    r.cpu_us = now - w->cpu_us;
    w->cpu_us = now;
    w->batches++;
    // Nor is a compiler that has failed one to go on with: who knows what it has left behind.
    w->retiring = !job->compiled || w->batches >= w->options->recycle_compiles ||
                  memory_bytes(1) > w->rss_at_start + w->options->recycle_bytes;
    r.retiring = w->retiring;
    for (uint32_t i = 0; i < job->n; i++)
        r.size += (uint32_t)(sizeof(struct wire_product) +
                             (job->images[i].bytes ? job->images[i].size : strlen(job->text[i])));
    if (!wire_write(w->fd, &r, sizeof r))
        return false;
    for (uint32_t i = 0; i < job->n; i++) {
        const struct loader_image *m = &job->images[i];
        struct wire_product p = {
            .ok = !!m->bytes, .size = m->size, .align = m->align, .entry = m->entry[0]};
        if (!m->bytes)
            p.size = (uint32_t)strlen(job->text[i]);
        if (!wire_write(w->fd, &p, sizeof p) ||
            !wire_write(w->fd, m->bytes ? (const void *)m->bytes : job->text[i], p.size))
            return false;
    }
    return true;
}

// After the answer, so that nobody waits for the disk.
static bool store(struct worker *w, const struct job *job)
{
    struct cache_item items[COMPILE_MAX_BATCH];
    char name[CACHE_NAME_SIZE] = "";
    struct error err = {0};
    unsigned n = 0;
    for (uint32_t i = 0; i < job->n; i++) {
        const struct loader_image *m = &job->images[i];
        if (m->bytes)
            items[n++] =
                (struct cache_item){job->recipes[i], m->bytes, m->size, m->align, m->entry[0]};
    }
    if (!w->options->cache || !n)
        return true;
    bool ok = cache_write(w->options->cache, items, n, name, &err);
    const char *text = ok ? name : err.text;
    struct wire_reply r = {.magic = WIRE_STORED, .ok = ok, .size = (uint32_t)strlen(text)};
    if (r.size > WIRE_MAX_TEXT)
        r.size = WIRE_MAX_TEXT;
    return wire_write(w->fd, &r, sizeof r) && wire_write(w->fd, text, r.size);
}

void worker_main(const struct compile_options *options, int fd, const char *tmp)
{
    struct worker w = {.options = options, .fd = fd};
    struct job *job = malloc(sizeof *job);
    limit_process(options, tmp);
    snprintf(w.object, sizeof w.object, "%s/batch.o", tmp);
    w.rss_at_start = memory_bytes(1);
    w.cpu_us = cpu_us();
    while (job && read_job(&w, job)) {
        compile(&w, job);
        if (!reply(&w, job) || !store(&w, job) || w.retiring)
            break;
        for (uint32_t i = 0; i < job->n; i++) {
            free(job->recipes[i]);
            loader_image_free(&job->images[i]);
        }
    }
    _exit(0);
}
