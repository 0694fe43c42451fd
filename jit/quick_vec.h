// SPDX-License-Identifier: GPL-3.0-or-later
// What the files of the quick engine's vector lowerings share.
//
// Vector registers are in the state, in slots of 16 aligned bytes: an operation loads a into an
// xmm, takes b from memory, and stores all of d; xmm0 to xmm5 are its own, the others hold copies
// of slots (quick_vec_held.c). Constants may stand for any operand, general
// registers for scalars. Hosts without SSE4.2 call functions.
#ifndef JIT_QUICK_VEC_H
#define JIT_QUICK_VEC_H

#include "jit/ir_vec.h"
#include "jit/quick_ctx.h"

static inline unsigned quick_vec_lane(const struct ir_insn *i)
{
    return i->type & 3;
}

static inline unsigned quick_vec_shape(const struct ir_insn *i)
{
    return i->type & ~3u;
}

// 16 bytes of constants in memory.
struct x86_rm quick_vec_const(struct quick_tr *t, uint64_t lo, uint64_t hi);
// The low `bits` of value, in every lane.
struct x86_rm quick_vec_splat(struct quick_tr *t, unsigned lane, uint64_t value);
// A memory operand's place, `bytes` on.
struct x86_rm quick_vec_further(struct x86_rm rm, unsigned bytes);

// A vector operand in memory, aligned to 16; not for scalars.
struct x86_rm quick_vec_mem(struct quick_tr *t, ir_val v);
// All 16 bytes of it as an operand, a register or memory.
struct x86_rm quick_vec_full(struct quick_tr *t, ir_val v);
// xmm = what i's type says of v, zero above.
void quick_vec_load(struct quick_tr *t, const struct ir_insn *i, int xmm, ir_val v);
// The same as an operand; what is above may be anything. Scalars are in `scratch`.
struct x86_rm quick_vec_rm(struct quick_tr *t, const struct ir_insn *i, ir_val v, int scratch);
// A scalar of `bytes` as an operand: memory, or `scratch`.
struct x86_rm quick_vec_scalar(struct quick_tr *t, unsigned bytes, ir_val v, int scratch);
// d = xmm, zero above what i's type says. Scalars: of 64 bits.
void quick_vec_store(struct quick_tr *t, const struct ir_insn *i, int xmm);
// d = xmm, all of it.
void quick_vec_store_all(struct quick_tr *t, ir_val d, int xmm);

static inline void quick_vec_op(struct quick_tr *t, unsigned op, int xmm, struct x86_rm rm)
{
    x86_emit(&t->as, op, false, xmm, rm, 0);
}

static inline void quick_vec_rr(struct quick_tr *t, unsigned op, int xmm, int other)
{
    x86_emit(&t->as, op, false, xmm, x86_r(other), 0);
}

static inline void quick_vec_imm(struct quick_tr *t, unsigned op, int xmm, struct x86_rm rm,
                                 unsigned imm)
{
    x86_emit(&t->as, op, false, xmm, rm, 1);
    x86_byte(&t->as, imm & 0xff);
}

// Shifts 128 bits by bytes (X86_G_PSRLDQ, X86_G_PSLLDQ).
static inline void quick_vec_shift_bytes(struct quick_tr *t, unsigned group, int xmm,
                                         unsigned bytes)
{
    if (bytes)
        quick_vec_imm(t, X86_PSHIFTQ, (int)group, x86_r(xmm), bytes);
}

// xmm's lanes shifted by n (X86_G_PSRL, _PSRA, _PSLL), any lane width, n 0 up to its bits.
void quick_vec_shift(struct quick_tr *t, unsigned group, unsigned lane, int xmm, unsigned n);
// ... to the right, rounded half up. xmm4 is lost.
void quick_vec_shift_round(struct quick_tr *t, bool sign, unsigned lane, int xmm, unsigned n);

// By lane width, 0 where there is no such instruction.
extern const uint32_t quick_vec_padd[4], quick_vec_psub[4];

// Lowerings of a subject. False: none, nothing was emitted.
bool quick_vec_int(struct quick_tr *t, const struct ir_insn *i);  // lanes in place
bool quick_vec_wide(struct quick_tr *t, const struct ir_insn *i); // widening, narrowing, folding
bool quick_vec_sat(struct quick_tr *t, const struct ir_insn *i);  // saturating
bool quick_vec_move(struct quick_tr *t, const struct ir_insn *i); // moves and permutations
bool quick_fp(struct quick_tr *t, const struct ir_insn *i);
bool quick_fp_convert(struct quick_tr *t, const struct ir_insn *i);

// xmm0 = lanes of a and b in the order of a permutation (an enum ir_vop without other operands).
// xmm1 is lost.
void quick_vec_permute(struct quick_tr *t, const struct ir_insn *i, unsigned vop, ir_val a,
                       ir_val b);

// Slots that registers hold too (quick_vec_held.c) ------------------------------------------------

// The register, or X86_NO_REG.
int quick_vec_held(const struct quick_tr *t, ir_val v);
// xmm is all of v from now on: it has just been stored there.
void quick_vec_hold(struct quick_tr *t, ir_val v, int xmm);
void quick_vec_forget(struct quick_tr *t, ir_val v);
void quick_vec_forget_all(struct quick_tr *t);
// After a call out of line, for the code at c->back.
void quick_vec_reload(struct quick_tr *t, const struct quick_cold *c);

// Floating point (quick_fp.c) ------------------------------------------------------------------

// Work of i's that goes to its function unless the host's arithmetic is what it wants: emits the
// test for that where it is not known. The cold path may get a second way in.
struct quick_cold *quick_fp_begin(struct quick_tr *t, const struct ir_insn *i);
// Everything is done: where the cold path goes on.
void quick_fp_end(struct quick_tr *t, struct quick_cold *c);
// Is there room for a cold path?
bool quick_fp_room(const struct quick_tr *t);
// How doubt in xmm0, a result, is settled: goes to the cold path.
void quick_fp_check_nan(struct quick_tr *t, struct quick_cold *c, unsigned lane, unsigned shape);
void quick_fp_check_tiny(struct quick_tr *t, struct quick_cold *c, unsigned lane, unsigned shape);
// The suffix of an instruction: X86_PS ... X86_SD.
unsigned quick_fp_suffix(unsigned lane, unsigned shape);

#endif
