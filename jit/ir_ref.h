// SPDX-License-Identifier: GPL-3.0-or-later
// Reference functions of the scalar rows of ir_ops.def, generated from their expressions: the
// fallback of engines without a lowering, and what tests hold every lowering to.
#ifndef JIT_IR_REF_H
#define JIT_IR_REF_H

#include "jit/ir.h"

// By op and type (IR_I32, IR_I64); NULL for ops that are no plain function of their operands.
extern ir_fn *const ir_ref_fn[IR_NR_OPS][2];

#endif
