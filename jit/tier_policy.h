// SPDX-License-Identifier: GPL-3.0-or-later
// Every threshold of promotion in one struct, each with how it was measured.
#ifndef JIT_TIER_POLICY_H
#define JIT_TIER_POLICY_H

#include "jit/codebuf.h"
#include "jit/region.h"

#define TIER_DONE 255 // tb.looked: decided

struct tier_policy {
    unsigned looks; // of TB_LOOK_EVERY executions before a block is compiled
};

typedef bool tier_compile_fn(const struct guest *guest, const struct region_recipe *const *recipes,
                             unsigned n, const char *path, struct error *err);

struct tier {
    struct tier_policy policy;
    tier_compile_fn *compile;
    struct codebuf code;
};

struct tier *tier_create(tier_compile_fn *compile, struct error *err);

#endif
