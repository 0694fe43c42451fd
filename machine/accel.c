// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/accel.h"

#include "devices/char/say.h"
#include "jit/quick.h"
#include "jit/tier.h"
#include "machine/accel_verify.h"

#include <sched.h>

#ifdef HAVE_GCCJIT
#include "jit/gccjit.h"

static void report(void *opaque, const char *line)
{
    say("%s", line);
}

static bool waits(const struct config_machine_props *p)
{
    return (p->accel == CONFIG_ACCEL_VERIFY ? p->verify_engine : p->accel) == CONFIG_ACCEL_GCCJIT;
}

// As many as the host has processors for, beside the vCPUs.
static unsigned nr_workers(const struct machine_config *c)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set) - c->smp;
    if (c->machine.workers)
        n = c->machine.workers;
    return (unsigned)(n < 1 ? 1 : n > COMPILE_MAX_WORKERS ? COMPILE_MAX_WORKERS : n);
}
#endif

static bool with_tier(struct machine *m, struct error *err)
{
#ifdef HAVE_GCCJIT
    // What gccjit_compile.c has code made for.
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi2") || !__builtin_cpu_supports("lzcnt")) {
        say("this processor has no AVX2, FMA, BMI2 or LZCNT: hot code is not compiled again");
        return true;
    }
    char compiler[64];
    gccjit_identity(compiler, sizeof compiler);
    struct tier_options options = { .compile = gccjit_compile, .compiler = compiler, .cache_dir = m->config->cache_dir,
                                    .no_cache = m->config->no_cache, .say = report, .opaque = m,
                                    .nr_workers = nr_workers(m->config), .perf_map = m->perf_map,
                                    .wait = waits(&m->config->machine) };
    m->tier = tier_create(&m->jit, &options, err);
    return m->tier;
#else
    say("built without libgccjit: hot code is not compiled again");
    return true;
#endif
}

bool accel_init(struct machine *m, struct error *err)
{
    enum config_accel accel = m->config->machine.accel;
    if (m->config->perf_map && !(m->perf_map = perf_map_create(NULL, err)))
        return false;
    bool verify = accel == CONFIG_ACCEL_VERIFY;
    if (verify)
        accel = m->config->machine.verify_engine;
    // The compile service forks first, while there is little to fork.
    if (accel != CONFIG_ACCEL_INTERP && accel != CONFIG_ACCEL_QUICK && !with_tier(m, err))
        return false;
    // Regions are compared where the interpreter enters them.
    if (accel != CONFIG_ACCEL_QUICK && (accel != CONFIG_ACCEL_TIERED || verify))
        return true;
    m->jit.quick = m->quick = quick_create(&m->jit, m->perf_map, err);
    if (m->quick && verify)
        quick_verify(m->quick);
    return m->quick;
}

bool accel_start(struct machine *m, struct error *err)
{
    if (m->tier && !m->jit.tier && !tier_start(m->tier, err))
        return false;
    if (m->config->machine.accel == CONFIG_ACCEL_VERIFY && !m->board_log && (m->tier || m->quick))
        m->board_log = accel_verify_start(m);
    return true;
}

void accel_fini(struct machine *m)
{
    accel_verify_stop(m, m->board_log);
    m->board_log = NULL;
    tier_destroy(m->tier);
    m->tier = NULL;
    // The blocks' code with its blocks.
    perf_map_destroy(m->perf_map);
    m->perf_map = NULL;
}
