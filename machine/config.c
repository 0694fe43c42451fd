// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/config.h"

#include "base/bits.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void machine_config_init(struct machine_config *c)
{
    *c = (struct machine_config){
        .machine.gic_version = 3,
        .smp = 1,
        .ram_size = UINT64_C(1) << 30,
        .virtio_legacy = true,
    };
}

void machine_config_fini(struct machine_config *c)
{
    for (size_t i = 0; i < c->pool_count; i++)
        free(c->pool[i]);
    free(c->pool);
    *c = (struct machine_config){0};
}

const char *machine_config_strndup(struct machine_config *c, const char *s, size_t n)
{
    char **pool = realloc(c->pool, (c->pool_count + 1) * sizeof *pool);
    char *copy = malloc(n + 1);
    assert(pool && copy);
    memcpy(copy, s, n);
    copy[n] = 0;
    c->pool = pool;
    c->pool[c->pool_count++] = copy;
    return copy;
}
