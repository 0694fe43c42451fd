// SPDX-License-Identifier: GPL-3.0-or-later
// What the translation of FP and Advanced SIMD shares: from instructions to vector operations.
#ifndef FRONTEND_TR_SIMD_H
#define FRONTEND_TR_SIMD_H

#include "frontend/translate.h"
#include "jit/ir_vec.h"

// The IR operation of an instruction whose lanes it works on as the instruction does; 0 if it has
// none (IRV_AND, number 0, is never looked up here).
extern const uint8_t tr_vop[A64_OP_COUNT];

// Lanes of 2^size bytes in a vector of 64 (Q 0) or 128 bits; one lane of 64 bits is a scalar.
static inline unsigned tr_vector(int size, int Q)
{
    return (unsigned)size | (Q ? IR_FULL : size == 3 ? IR_SCALAR : IR_HALF);
}

static inline unsigned tr_scalar(int size)
{
    return (unsigned)size | IR_SCALAR;
}

// 64 or 128 bits without lanes.
static inline unsigned tr_bits(int Q)
{
    return IR_LANE64 | (Q ? IR_FULL : IR_SCALAR);
}

// vop on registers: d from a, b and, if the operation has an accumulator, d.
static inline bool tr_vec(struct tr *t, unsigned vop, unsigned type, int d, ir_val a, ir_val b,
                          uint64_t imm)
{
    unsigned operands = ir_vop_info[vop].operands;
    ir_vec(&t->ir, vop, type, tr_v(d), a, operands & IRV_B ? b : IR_NONE,
           operands & IRV_C ? tr_v(d) : IR_NONE, imm);
    return true;
}

// The rounding an instruction's name spells: N, P, M, Z, A; X and I are FPCR's.
unsigned tr_rounding(enum a64_op op);

// The imm of IRV_FRINTB for FRINT32Z, FRINT32X, FRINT64Z, FRINT64X; false for other instructions.
bool tr_bounded_rounding(enum a64_op op, uint64_t *imm);

// A widening operation of tr_vop[], or a doubling multiplication that accumulates
// (tr_simd_three_diff.c).
bool tr_long_multiply(struct tr *t, enum a64_op op, int size, unsigned shape, int d, ir_val n,
                      ir_val m, uint64_t part);

// VFPExpandImm for 2^size bytes.
uint64_t tr_fp_imm(unsigned imm8, int size);

#endif
