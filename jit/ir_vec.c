// SPDX-License-Identifier: GPL-3.0-or-later
// The tables of ir_vec.def: which functions there are, and what is known about each operation.
#include "jit/ir_vec_expand.h"

enum { IRV_NONE = 0, IRV_AB = IRV_A | IRV_B, IRV_AC = IRV_A | IRV_C, IRV_ABC = IRV_AB | IRV_C };

const struct ir_vop_info ir_vop_info[IR_NR_VOPS] = {
#define VOP_ROW(name, kind, operands, set, flags)                                                  \
    [IRV_##name] = {#name, flags, IRV_KIND_##kind, IRV_##operands},
#include "jit/ir_vec_rows.h"
#undef VOP_ROW
};

#define IRV_ENTRY(B, shape, name) [IRV_LANE_##B | IRV_SHAPE_##shape] = IRV_FN_NAME(name, B, shape),

ir_fn *const ir_vec_fn[IR_NR_VOPS][IR_NR_VEC_TYPES] = {
#define VOP_ROW(name, kind, operands, set, flags) [IRV_##name] = {IRV_SET_##set(IRV_ENTRY, name)},
#include "jit/ir_vec_rows.h"
#undef VOP_ROW
};

unsigned ir_vop_flags(unsigned vop)
{
    return ir_vop_info[vop].flags;
}
