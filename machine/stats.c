// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/stats.h"

#include "jit/tb.h"
#include "jit/tier.h"
#include "jit/verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

struct stats_clock stats_begin(void)
{
    return (struct stats_clock){ read_clock(CLOCK_MONOTONIC), read_clock(CLOCK_PROCESS_CPUTIME_ID) };
}

static const struct {
    const char *name, *help;
} counters[] = {
#define STAT(name, help) { #name, help },
#include "jit/stats.def"
#undef STAT
};

static uint64_t counter(struct machine *m, unsigned cpu, size_t row)
{
    return __atomic_load_n((const uint64_t *)&m->cpus[cpu]->v.stats + row, __ATOMIC_RELAXED);
}

uint64_t stats_instructions(struct machine *m)
{
    uint64_t sum = 0;
    for (unsigned n = 0; n < m->nr_cpus; n++)
        sum += __atomic_load_n(&m->cpus[n]->v.icount, __ATOMIC_RELAXED);
    return sum;
}

void stats_cpu(struct machine *m, unsigned cpu,
               void (*add)(void *opaque, const char *name, uint64_t value), void *opaque)
{
    add(opaque, "instructions", __atomic_load_n(&m->cpus[cpu]->v.icount, __ATOMIC_RELAXED));
    for (size_t r = 0; r < ARRAY_SIZE(counters); r++)
        add(opaque, counters[r].name, counter(m, cpu, r));
}

void stats_vm(struct machine *m, void (*add)(void *opaque, const char *name, uint64_t value),
              void *opaque)
{
    add(opaque, "guest_ns", (uint64_t)clock_now(&m->clock));
    add(opaque, "host_cpu_ns", (uint64_t)stats_begin().cpu);
    add(opaque, "instructions", stats_instructions(m));
    for (size_t r = 0; r < ARRAY_SIZE(counters); r++) {
        uint64_t sum = 0;
        for (unsigned n = 0; n < m->nr_cpus; n++)
            sum += counter(m, n, r);
        add(opaque, counters[r].name, sum);
    }
}

static void report_counters(struct machine *m, struct stats_clock began)
{
    struct stats_clock now = stats_begin();
    const struct log *log = &m->log;
    uint64_t insns = stats_instructions(m);
    int64_t wall = (now.wall - began.wall) / 1000000, cpu = (now.cpu - began.cpu) / 1000000;
    log_printf(log, LOG_STATS, "%-18s %14" PRId64 "  milliseconds of wall time\n", "wall", wall);
    log_printf(log, LOG_STATS, "%-18s %14" PRId64 "  milliseconds of host CPU time\n", "cpu", cpu);
    log_printf(log, LOG_STATS, "%-18s %14" PRIu64 "  guest instructions\n", "instructions", insns);
    log_printf(log, LOG_STATS, "%-18s %14" PRIu64 "  million guest instructions a second of host CPU time\n",
               "mips", cpu ? insns / 1000 / (uint64_t)cpu : 0);
    for (size_t r = 0; r < ARRAY_SIZE(counters); r++) {
        uint64_t sum = 0;
        for (unsigned n = 0; n < m->nr_cpus; n++)
            sum += counter(m, n, r);
        log_printf(log, LOG_STATS, "%-18s %14" PRIu64 "  %s\n", counters[r].name, sum, counters[r].help);
    }
}

// Half of the instructions were translated at this speed or faster; instructions a second.
static uint64_t median_speed(const struct jit *jit)
{
    uint64_t sum = 0, half = 0;
    for (size_t n = 0; n < ARRAY_SIZE(jit->translate_speed); n++)
        sum += jit->translate_speed[n];
    for (size_t n = 0; n < ARRAY_SIZE(jit->translate_speed); n++)
        if (2 * (half += jit->translate_speed[n]) >= sum)
            return 1000000000u / (n * JIT_SPEED_STEP + JIT_SPEED_STEP / 2);
    return 0;
}

static void report_translation(struct machine *m)
{
    log_printf(&m->log, LOG_STATS, "%-18s %14" PRIu64 "  milliseconds of it spent translating blocks\n", "translate",
               m->jit.translate_ns / 1000000);
    log_printf(&m->log, LOG_STATS, "%-18s %14" PRIu64 "  guest instructions translated a second (median)\n", "translate_speed",
               median_speed(&m->jit));
}

static void report_compiler(struct machine *m)
{
    struct compile_stats s;
    struct codebuf_stats code;
    const struct log *log = &m->log;
    compile_service_stats(m->tier->service, &s);
    codebuf_stats(&m->tier->code, &code);
    const struct { const char *name; uint64_t value; const char *help; } rows[] = {
        { "compiled", s.compiled, "regions compiled" },
        { "compile_failed", s.failed + s.crashed, "regions that could not be compiled" },
        { "compile_insns", s.insns, "guest instructions in them" },
        { "compile_cpu", s.cpu_us / 1000, "milliseconds of CPU time of the compile workers" },
        { "compile_queue", s.max_queued, "most regions waiting for a compile" },
        { "compile_set_aside", s.set_aside, "compiles interrupted for what was hotter" },
        { "code_bytes", code.used, "bytes of compiled code in use" },
    };
    for (size_t n = 0; n < ARRAY_SIZE(rows); n++)
        log_printf(log, LOG_STATS, "%-18s %14" PRIu64 "  %s\n", rows[n].name, rows[n].value, rows[n].help);
}

static void report_verified(struct machine *m)
{
    struct verify_counts v = verify_counts(&m->jit);
    log_printf(&m->log, LOG_STATS, "%-18s %14" PRIu64 "  entries into code that were verified\n", "verified", v.entries);
    log_printf(&m->log, LOG_STATS, "%-18s %14" PRIu64 "  guest instructions executed in them\n", "verified_insns", v.insns);
}

// How few of the instructions that run at all make most of what is executed -----------------------

struct use {
    uint64_t executions;
    uint32_t insns;
};

static int by_executions(const void *a, const void *b)
{
    uint64_t x = ((const struct use *)a)->executions, y = ((const struct use *)b)->executions;
    return (x < y) - (x > y);
}

static size_t collect(const struct jit *jit, struct use *uses)
{
    size_t n = 0;
    for (unsigned b = 0; b < JIT_CODE_BUCKETS; b++)
        for (const struct code_page *p = jit->pages[b]; p; p = p->next)
            for (const struct tb *tb = p->all; tb; tb = tb->next)
                if (tb_executions(tb)) {
                    if (uses)
                        uses[n] = (struct use){ tb_executions(tb), tb->n_insns };
                    n++;
                }
    return n;
}

static void report_profile(struct machine *m)
{
    static const unsigned shares[] = { 500, 800, 900, 950, 990, 999 }; // per mille
    size_t n = collect(&m->jit, NULL), share = 0;
    struct use *uses = calloc(n ? n : 1, sizeof *uses);
    assert(uses);
    collect(&m->jit, uses);
    qsort(uses, n, sizeof *uses, by_executions);
    uint64_t total = 0, distinct = 0, sum = 0, used = 0;
    for (size_t i = 0; i < n; i++) {
        total += uses[i].executions * uses[i].insns;
        distinct += uses[i].insns;
    }
    log_printf(&m->log, LOG_PROFILE, "profile: %" PRIu64 " instructions executed, %" PRIu64 " distinct in %zu blocks\n",
               total, distinct, n);
    for (size_t i = 0; i < n && share < ARRAY_SIZE(shares); i++) {
        sum += uses[i].executions * uses[i].insns;
        used += uses[i].insns;
        for (; share < ARRAY_SIZE(shares) && sum * 1000.0L >= (long double)total * shares[share]; share++)
            log_printf(&m->log, LOG_PROFILE, "profile: %u.%u %% of them are made by %" PRIu64 " instructions in %zu blocks\n",
                       shares[share] / 10, shares[share] % 10, used, i + 1);
    }
    free(uses);
}

void stats_report(struct machine *m, struct stats_clock began)
{
    if (log_enabled(&m->log, LOG_STATS)) {
        report_counters(m, began);
        report_translation(m);
        if (m->tier)
            report_compiler(m);
        if (m->jit.verify)
            report_verified(m);
    }
    if (log_enabled(&m->log, LOG_PROFILE))
        report_profile(m);
}
