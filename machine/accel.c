// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/accel.h"

#include "jit/tier.h"
#include "machine/accel_verify.h"

#ifdef HAVE_GCCJIT
#include "jit/gccjit.h"
#endif

static void say(void *opaque, const char *line)
{
    fprintf(stderr, "armlet: %s\r\n", line);
}

static bool waits(const struct config_machine_props *p)
{
    return (p->accel == CONFIG_ACCEL_VERIFY ? p->verify_engine : p->accel) == CONFIG_ACCEL_GCCJIT;
}

bool accel_init(struct machine *m, struct error *err)
{
    if (m->config->machine.accel == CONFIG_ACCEL_INTERP)
        return true;
#ifdef HAVE_GCCJIT
    // What gccjit_compile.c has code made for.
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi2")) {
        say(m, "this processor has no AVX2, FMA or BMI2: everything is interpreted");
        return true;
    }
    char compiler[64];
    gccjit_identity(compiler, sizeof compiler);
    struct tier_options options = { .compile = gccjit_compile, .compiler = compiler, .cache_dir = m->config->cache_dir,
                                    .no_cache = m->config->no_cache, .say = say, .opaque = m,
                                    .wait = waits(&m->config->machine) };
    m->tier = tier_create(&m->jit, &options, err);
    return m->tier;
#else
    say(m, "built without libgccjit: everything is interpreted");
    return true;
#endif
}

bool accel_start(struct machine *m, struct error *err)
{
    if (!m->tier || m->jit.tier)
        return true;
    if (!tier_start(m->tier, err))
        return false;
    if (m->config->machine.accel == CONFIG_ACCEL_VERIFY)
        m->board_log = accel_verify_start(m);
    return true;
}

void accel_fini(struct machine *m)
{
    accel_verify_stop(m, m->board_log);
    m->board_log = NULL;
    tier_destroy(m->tier);
    m->tier = NULL;
}
