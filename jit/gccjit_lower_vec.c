// SPDX-License-Identifier: GPL-3.0-or-later
// Vector and floating-point ops that have a better form than a call.
#include "jit/gccjit_ctx.h"

bool gc_lower_vec(struct gc *g, const struct ir_insn *i)
{
    return false;
}
