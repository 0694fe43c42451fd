// SPDX-License-Identifier: GPL-3.0-or-later
// Vector and floating-point operations in SSE.
#include "jit/quick_ctx.h"

bool quick_lower_vec(struct quick_tr *t, const struct ir_insn *i)
{
    (void)t;
    (void)i;
    return false;
}
