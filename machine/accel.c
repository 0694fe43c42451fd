// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/accel.h"

#include "jit/tier.h"

#ifdef HAVE_GCCJIT
#include "jit/gccjit.h"
#endif

static void say(void *opaque, const char *line)
{
    fprintf(stderr, "armlet: %s\r\n", line);
}

bool accel_init(struct machine *m, struct error *err)
{
    if (m->config->machine.accel == CONFIG_ACCEL_INTERP)
        return true;
#ifdef HAVE_GCCJIT
    struct tier_options options = { .compile = gccjit_compile, .cache_dir = m->config->cache_dir,
                                    .no_cache = m->config->no_cache, .say = say, .opaque = m,
                                    .wait = m->config->machine.accel == CONFIG_ACCEL_GCCJIT };
    m->tier = tier_create(&m->jit, &options, err);
    return m->tier;
#else
    say(m, "built without libgccjit: everything is interpreted");
    return true;
#endif
}

bool accel_start(struct machine *m, struct error *err)
{
    return !m->tier || m->jit.tier || tier_start(m->tier, err);
}

void accel_fini(struct machine *m)
{
    tier_destroy(m->tier);
    m->tier = NULL;
}
