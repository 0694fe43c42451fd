// SPDX-License-Identifier: GPL-3.0-or-later
// The floating-point rows of ir_vec.def as functions: every calculation is jit/fp's.
#include "jit/ir_vec_expand.h"

#include <string.h>

// The function of jit/fp for the lane type.
#define F(op)    _Generic((T)0, uint16_t : fp16_##op, uint32_t : fp32_##op, uint64_t : fp64_##op)
#define F_SD(op) _Generic((T)0, uint32_t : fp32_##op, default : fp64_##op)
// To and from the format of twice the width.
#define F_WIDEN(e, v) _Generic((T)0, uint16_t : fp16_to_fp32, default : fp32_to_fp64)(e, v)
#define F_NARROW(e, v)                                                                             \
    _Generic((T)0, uint16_t : fp32_to_fp16, default : fp64_to_fp32)(e, (__typeof__(v))(v))

static inline enum fp_rounding irv_rounding(const struct fp_env *fp, unsigned rounding)
{
    return rounding == IRV_ROUND_FPCR ? fp_rounding(fp) : (enum fp_rounding)rounding;
}

static inline uint64_t fjcvtzs(struct vcpu *cpu, uint64_t v)
{
    uint64_t r = fp64_to_int32_js(&cpu->fp, v);

    cpu->nzcv = r >> 32 & 1 ? NZCV_Z : 0;
    return r;
}

// clang-format off
#define VOP_FLANES(name, operands, set, flags, ...)  IRV_SET_##set(IRV_FN_LANES, name, __VA_ARGS__)
#define VOP_FLONG(name, operands, set, flags, ...)   IRV_SET_##set(IRV_FN_LONG, name, __VA_ARGS__)
#define VOP_FNARROW(name, operands, set, flags, ...) IRV_SET_##set(IRV_FN_NARROW, name, __VA_ARGS__)
#define VOP_FFOLD(name, set, flags, R, element, ...) IRV_SET_##set(IRV_FN_FOLD, name, R, element, __VA_ARGS__)
#define VOP_FTOWORD(name, operands, set, flags, ...) IRV_SET_##set(IRV_FN_TOWORD, name, __VA_ARGS__)
#define VOP_FWORD(name, operands, set, flags, ...)   IRV_SET_##set(IRV_FN_WORD, name, __VA_ARGS__)
#define VOP_FFLAGS(name, operands, set, flags, ...)  IRV_SET_##set(IRV_FN_FLAGS, name, __VA_ARGS__)
// clang-format on
#include "jit/ir_vec.def"
