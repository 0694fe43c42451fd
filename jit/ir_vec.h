// SPDX-License-Identifier: GPL-3.0-or-later
// Vector and floating-point operations of the IR (rows of ir_vec.def) as functions.
//
// Every function reads all its sources before it writes d, so operands may overlap. d is a vector
// of 16 bytes and written whole (what the shape leaves out becomes zero), except that of kind
// IRV_KIND_TOWORD, a 64-bit word. A scalar operand is read no wider than its lane, so a general
// register or a constant may stand for it. FPSR (QC included) and NZCV are the only other state.
#ifndef JIT_IR_VEC_H
#define JIT_IR_VEC_H

#include "jit/ir.h"

enum ir_vop {
#define VOP_ROW(name, ...) IRV_##name,
#include "jit/ir_vec_rows.h"
#undef VOP_ROW
    IR_NR_VOPS
};

enum ir_vop_kind {
    IRV_KIND_LANES,
    IRV_KIND_LONG,
    IRV_KIND_NARROW,
    IRV_KIND_PAIRL,
    IRV_KIND_FOLD,
    IRV_KIND_TOWORD, // d is a 64-bit word
    IRV_KIND_WORD,   // a is a 64-bit word
    IRV_KIND_FLAGS,  // no d
};

enum ir_vop_operands { IRV_A = 1, IRV_B = 2, IRV_C = 4 };

struct ir_vop_info {
    const char *name;
    uint8_t flags;    // IR_F_FP, IR_F_RD_NZCV, IR_F_WR_NZCV; saturation counts as IR_F_FP
    uint8_t kind;     // enum ir_vop_kind
    uint8_t operands; // enum ir_vop_operands
};

#define IR_NR_VEC_TYPES 12

extern const struct ir_vop_info ir_vop_info[IR_NR_VOPS];
// By enum ir_type; NULL where the operation does not exist for it.
extern ir_fn *const ir_vec_fn[IR_NR_VOPS][IR_NR_VEC_TYPES];

// In place of an enum fp_rounding: what FPCR says.
#define IRV_ROUND_FPCR 7

// imm of FTOI, FTOIW, ITOF, ITOFW. fbits: fraction bits of the integer; is64: width of a word.
static inline uint64_t irv_convert(unsigned fbits, bool is_unsigned, unsigned rounding, bool is64)
{
    return fbits | (unsigned)is_unsigned << 8 | rounding << 9 | (unsigned)is64 << 12;
}

// imm of kinds LONG and NARROW: n and which half.
static inline uint64_t irv_part(unsigned n, bool upper)
{
    return n | (unsigned)upper << 8;
}

#endif
