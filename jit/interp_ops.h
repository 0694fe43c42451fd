// SPDX-License-Identifier: GPL-3.0-or-later
// The interpreter's own form of code, shared by its compiler (interp_compile.c) and its loop
// (interp.c): which handlers there are, and what one instruction looks like.
#ifndef JIT_INTERP_OPS_H
#define JIT_INTERP_OPS_H

#include "jit/ir.h"
#include "jit/tb.h"

// One threaded instruction. Operands are offsets from the vcpu in 8-byte units.
struct iop {
    const void *handler; // label in interp_run()
    uint16_t d, a, b, c;
    uint64_t imm;
    union {
        ir_fn *fn;       // CALL
        struct tb *link; // GOTO: the block there, once known
        uint64_t aux;
    };
};

// Handlers, by name. Integer ops have i32 and i64 forms, with the second operand in a slot (R) or
// immediate (I); memory ops have a plain form (a + imm) and an indexed one (a + (b << imm)); what
// has attributes goes through functions.
enum interp_handler {
#define IR_INT1(name, ...)  H_##name##_32, H_##name##_64,
#define IR_INT2(name, ...)  H_##name##_32R, H_##name##_32I, H_##name##_64R, H_##name##_64I,
#define IR_INT3(name, ...)  H_##name##_32, H_##name##_64,
#define IR_FLG2(name, ...)                                                                       \
    H_##name##_32R, H_##name##_32I, H_##name##_64R, H_##name##_64I,                              \
    H_##name##_BR_32R, H_##name##_BR_32I, H_##name##_BR_64R, H_##name##_BR_64I,
#define IR_FLG3(name, ...)  H_##name##_32, H_##name##_64,
#define IR_LOAD(name, ...)  H_##name, H_##name##_X,
#define IR_STORE(name, ...) H_##name, H_##name##_X,
#define IR_LOADP(name, ...)  H_##name,
#define IR_STOREP(name, ...) H_##name,
#define IR_LOADV(name, ...)  H_##name, H_##name##_X,
#define IR_STOREV(name, ...) H_##name, H_##name##_X,
#define IR_LOADVP(name, ...)  H_##name,
#define IR_STOREVP(name, ...) H_##name,
#include "jit/ir_ops.def"
    H_MOVI, H_PCREL, H_SET_NZCV, H_GET_NZCV, H_CHECK_SP, H_FENCE, H_CLREX,
    H_CALL, H_CALL_BAIL,
    H_GOTO, H_GOTO_FAR, H_BR_COND, H_BR_Z_32, H_BR_Z_64, H_BR_NZ_32, H_BR_NZ_64, H_BR_BIT0, H_BR_BIT1,
    H_BR_IND, H_EXIT, H_EXIT_PC, H_RAISE, H_REGION,
    H_NR
};

// The handlers' addresses.
extern const void *const *interp_handlers(void);

// Slots in 8-byte units from the vcpu.
#define SLOT(field) ((uint16_t)(offsetof(struct vcpu, field) / 8))

#endif
