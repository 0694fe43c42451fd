// SPDX-License-Identifier: GPL-3.0-or-later
// One run of a bench guest, in a forked process that leaves its result in shared memory.
#include "machine/bench.h"

#include "devices/char/char.h"
#include "jit/tier.h"
#include "machine/exit_codes.h"
#include "machine/machine.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIME_LIMIT 600 // seconds
#define GUEST_RAM  (UINT64_C(256) << 20)

// What the child leaves for its parent.
struct shared {
    struct bench_result result;
    struct error err;
};

// The guest's UART ends here.
struct listener {
    struct chardev base;
    struct bench_output output;
    const struct machine *machine;
};

static void listen_write(struct chardev *c, const uint8_t *data, size_t len)
{
    struct listener *l = (struct listener *)c;
    // In the thread of the one vCPU, which is at the store to the UART.
    bench_output_write(&l->output, data, len, l->machine->cpus[0]->v.icount);
}

static void listen_destroy(struct chardev *c) {}

static uint64_t read_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static void collect(struct machine *m, struct bench_result *r)
{
    r->insns = m->cpus[0]->v.icount;
    r->cache_hits = m->cpus[0]->v.stats.regions_cached;
    if (!m->tier)
        return;
    struct compile_stats s;
    struct codebuf_stats code;
    compile_service_stats(m->tier->service, &s);
    codebuf_stats(&m->tier->code, &code);
    r->regions = s.compiled;
    r->compile_us = s.cpu_us;
    r->code_bytes = code.used;
}

// A guest that is no bench guest is one kernel: all of it.
static void whole_run(struct bench_result *r)
{
    r->frequency = 1000000000;
    r->nr_kernels = 1;
    r->kernels[0] = (struct bench_kernel){
        .name = "all", .passes = 1, .best = r->wall_ns, .total = r->wall_ns, .insns = r->insns};
}

static bool run_machine(struct listener *l, const struct machine_config *config,
                        struct bench_result *r, struct error *err)
{
    struct machine m;
    if (!machine_init(&m, config, err))
        return false;
    l->machine = &m;
    uint64_t wall = read_ns(CLOCK_MONOTONIC), cpu = read_ns(CLOCK_PROCESS_CPUTIME_ID);
    int status = machine_run(&m);
    r->wall_ns = read_ns(CLOCK_MONOTONIC) - wall;
    r->cpu_ns = read_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    collect(&m, r);
    machine_fini(&m);
    if (status != EXIT_CODE_POWER_OFF)
        return error_set(err, "the guest did not power off (status %d)", status);
    if (l->output.complaint[0])
        return error_set(err, "the guest says: %s", l->output.complaint);
    if (!r->frequency)
        whole_run(r);
    return r->nr_kernels ? true : error_set(err, "the guest ran no kernel");
}

static bool run_child(const struct bench *b, const struct bench_engine *e, const char *guest,
                      const char *cache_dir, struct shared *s)
{
    static const struct chardev_ops ops = {.write = listen_write, .destroy = listen_destroy};
    struct listener l = {.base.ops = &ops};
    struct machine_config c;
    char append[32];
    machine_config_init(&c);
    snprintf(append, sizeof append, "bench.ms=%u", b->ms);
    bench_output_init(&l.output, &s->result);
    c.machine.accel = e->accel;
    c.ram_size = GUEST_RAM;
    c.kernel = guest;
    c.append = b->ms ? append : NULL;
    c.cache_dir = cache_dir;
    c.no_reboot = true;
    c.chardevs[0] =
        (struct config_chardev){.id = "bench", .backend = CONFIG_CHAR_GIVEN, .given = &l.base};
    c.chardev_count = c.serial_count = 1;
    return run_machine(&l, &c, &s->result, &s->err);
}

static bool await(pid_t pid, const struct shared *s, struct bench_result *result, struct error *err)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return error_set(err, "waitpid: %s", strerror(errno));
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        return error_set(err, "not finished after %d seconds", TIME_LIMIT);
    if (WIFSIGNALED(status))
        return error_set(err, "ended by signal %d (%s)", WTERMSIG(status),
                         strsignal(WTERMSIG(status)));
    if (WEXITSTATUS(status)) {
        *err = s->err;
        return err->text[0] ? false : error_set(err, "ended with status %d", WEXITSTATUS(status));
    }
    *result = s->result;
    return true;
}

bool bench_run(const struct bench *b, const struct bench_engine *e, const char *guest,
               const char *cache_dir, struct bench_result *result, struct error *err)
{
    struct shared *s =
        mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED)
        return error_set(err, "no memory: %s", strerror(errno));
    // Ctrl-C ends the child, which says so; then this process cleans up and leaves.
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    sigaction(SIGINT, &ignore, &before);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        sigaction(SIGINT, &before, NULL);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(EXIT_CODE_ERROR);
        alarm(TIME_LIMIT);
        _exit(run_child(b, e, guest, cache_dir, s) ? EXIT_CODE_POWER_OFF : EXIT_CODE_ERROR);
    }
    bool ok = pid > 0 ? await(pid, s, result, err) : error_set(err, "fork: %s", strerror(errno));
    sigaction(SIGINT, &before, NULL);
    munmap(s, sizeof *s);
    return ok ? true : error_prefix(err, "%s", e->name);
}
