// SPDX-License-Identifier: GPL-3.0-or-later
// Which engine a suite runs blocks on: $ARMLET_TEST_ENGINE, interp (the default) or quick. The suites
// that know no difference are registered once for each.
#ifndef TESTS_SUPPORT_ENGINE_H
#define TESTS_SUPPORT_ENGINE_H

#include "jit/quick.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline bool engine_is_quick(void)
{
    const char *name = getenv("ARMLET_TEST_ENGINE");
    return name && !strcmp(name, "quick");
}

// Before any block is made; jit_init() has been called.
static inline void engine_init(struct jit *jit)
{
    struct error err;
    if (!engine_is_quick())
        return;
    jit->quick = quick_create(jit, NULL, &err);
    if (!jit->quick) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
}

// In place of jit_fini().
static inline void engine_fini(struct jit *jit)
{
    struct quick *quick = jit->quick;
    jit_fini(jit);
    quick_destroy(quick);
}

#endif
