// SPDX-License-Identifier: GPL-3.0-or-later
// Translation of A64 to IR: one function per shape of encoding, called by the generated dispatch.
//
// A translate function emits the instruction's IR and returns true, or returns false without having
// emitted anything when this encoding is not allocated (the caller then raises Undefined). It
// reads nothing of the CPU but t->mode.
#ifndef FRONTEND_TRANSLATE_H
#define FRONTEND_TRANSLATE_H

#include "frontend/cpu.h"
#include "frontend/cpu_features.h"
#include "frontend/helpers.h"
#include "jit/ir.h"

#include "a64_decode.h"

struct tr {
    struct ir ir;      // first: what is being built
    uint64_t mode;     // A64_MODE_*
    unsigned off;      // page offset of this instruction
    bool end;          // this instruction ended the block
    bool sp_checked;   // SP is known to be 16-byte aligned here
    // A MOVZ, MOVN or MOVK has just put movk_value into register movk_rd; a MOVK at movk_off
    // goes on with it.
    unsigned movk_rd, movk_off;
    uint64_t movk_value;
};

// Operands -------------------------------------------------------------------------------------

// X or W register n as a source; 31 is zero. A W source may carry junk in its upper half: i32 ops
// ignore it.
static inline ir_val tr_x(struct tr *t, unsigned n)
{
    return n == 31 ? ir_const(&t->ir, 0) : ir_r(n);
}

// X or W register n as a destination; 31 is discarded (IR_NONE).
static inline ir_val tr_xd(unsigned n)
{
    return n == 31 ? IR_NONE : ir_r(n);
}

// As above, but 31 is the current stack pointer, source or destination.
static inline ir_val tr_xsp(struct tr *t, unsigned n)
{
    return n != 31 ? ir_r(n) : ir_r(t->mode & A64_MODE_SPSEL ? A64_SP_EL1 : A64_SP_EL0);
}

static inline ir_val tr_v(unsigned n)
{
    return ir_v(n);
}

static inline unsigned tr_type(unsigned sf)
{
    return sf ? IR_I64 : IR_I32;
}

// The 16-bit set of NZCV values for which condition cond (0..15) holds.
uint16_t tr_cond_mask(unsigned cond);

// Memory ---------------------------------------------------------------------------------------

// Base register of an access: Xn or SP; emits the SP alignment check when it is due.
ir_val tr_base(struct tr *t, unsigned rn);

// Attributes that the mode gives every access.
static inline unsigned tr_attr(const struct tr *t)
{
    return t->mode & A64_MODE_ALIGN ? MEM_ALIGNED : 0;
}

// rn += offset after a pre- or post-indexed access; idx is an enum a64_idx.
void tr_writeback(struct tr *t, unsigned rn, int64_t offset, unsigned idx);

// Control --------------------------------------------------------------------------------------

static inline unsigned tr_el(const struct tr *t)
{
    return t->mode & A64_MODE_EL1 ? 1 : 0;
}

// Features that the CPU does not have, by bit; whether it has one (A64_FEATURE_NONE: yes).
static inline uint64_t tr_lacks(const struct tr *t)
{
    return t->mode >> A64_MODE_LACKS;
}

static inline bool tr_has(const struct tr *t, unsigned feature)
{
    return !(tr_lacks(t) >> feature & 1);
}

// Raises an exception at this instruction and ends the block; always returns true.
bool tr_raise(struct tr *t, uint64_t what);
bool tr_undefined(struct tr *t);
// True if FP and SIMD are usable; otherwise the trap has been emitted and the caller returns true.
bool tr_fp_enabled(struct tr *t);
// Distance of the next instruction from the page base.
static inline int64_t tr_next(const struct tr *t)
{
    return (int64_t)t->off + 4;
}
// Ends the block: look again at interrupts, mode and contexts, then go on with the next
// instruction.
void tr_exit_next(struct tr *t);

// guest.translate_block; ir is the head of a struct tr.
void a64_translate_block(struct ir *ir, const uint8_t *page, uint32_t *n_insns);

#include "a64_translate_protos.h"

#endif
