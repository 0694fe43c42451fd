// SPDX-License-Identifier: GPL-3.0-or-later
// The frontend's helpers: what is too special for an IR op. ONE ROW A HELPER in helpers.def.
#ifndef FRONTEND_HELPERS_H
#define FRONTEND_HELPERS_H

#include "jit/guest.h"

enum a64_helper {
#define HELPER(name, flags) A64_HELPER_##name,
#include "frontend/helpers.def"
#undef HELPER
    A64_NR_HELPERS
};

#define HELPER(name, flags) ir_fn a64_helper_##name;
#include "frontend/helpers.def"
#undef HELPER

// What MSR (immediate) writes; imm of pstate_set.
enum a64_pstate_imm {
    A64_PSTATE_DAIFSET,
    A64_PSTATE_DAIFCLR,
    A64_PSTATE_SPSEL,
    A64_PSTATE_PAN,
    A64_PSTATE_UAO,
    A64_PSTATE_DIT,
    A64_PSTATE_SSBS,
};

extern const struct helper a64_helpers[A64_NR_HELPERS];

#endif
