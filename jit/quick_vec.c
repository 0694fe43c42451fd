// SPDX-License-Identifier: GPL-3.0-or-later
// Vector operations of the quick engine: operands, and who lowers what.
#include "jit/quick_vec.h"

#include <assert.h>

const uint32_t quick_vec_padd[4] = {X86_PADDB, X86_PADDW, X86_PADDD, X86_PADDQ};
const uint32_t quick_vec_psub[4] = {X86_PSUBB, X86_PSUBW, X86_PSUBD, X86_PSUBQ};

// Blocks share constants as long as the buffer stands.
struct x86_rm quick_vec_const(struct quick_tr *t, uint64_t lo, uint64_t hi)
{
    struct quick *q = t->q;
    uint64_t hash = (lo ^ hi * 3) * UINT64_C(0x9e3779b97f4a7c15) >> 57;
    assert(hash < QUICK_VEC_CONSTS);
    if (!q->vec_const[hash].at || q->vec_const[hash].lo != lo || q->vec_const[hash].hi != hi) {
        uint64_t *data = quick_data(q, 16, 16);
        data[0] = lo;
        data[1] = hi;
        q->vec_const[hash].lo = lo;
        q->vec_const[hash].hi = hi;
        q->vec_const[hash].at = data;
    }
    return quick_data_rm(q, q->vec_const[hash].at, false);
}

struct x86_rm quick_vec_splat(struct quick_tr *t, unsigned lane, uint64_t value)
{
    static const uint64_t ones[4] = {UINT64_C(0x0101010101010101), UINT64_C(0x0001000100010001),
                                     UINT64_C(0x0000000100000001), 1};
    uint64_t word = (value & mask64(8u << lane)) * ones[lane];
    return quick_vec_const(t, word, word);
}

struct x86_rm quick_vec_further(struct x86_rm rm, unsigned bytes)
{
    if (rm.base == X86_RIP)
        rm.at += bytes;
    else
        rm.disp += (int32_t)bytes;
    return rm;
}

struct x86_rm quick_vec_mem(struct quick_tr *t, ir_val v)
{
    uint64_t imm;
    if (v != IR_NONE && quick_const(t, v, &imm))
        return quick_vec_const(t, imm, 0);
    return quick_mem(t, v);
}

struct x86_rm quick_vec_full(struct quick_tr *t, ir_val v)
{
    int held = quick_vec_held(t, v);
    return held != X86_NO_REG ? x86_r(held) : quick_vec_mem(t, v);
}

static bool is_word(ir_val v)
{
    return ir_kind(v) == IR_KIND_R && !ir_is_v(v);
}

void quick_vec_load(struct quick_tr *t, const struct ir_insn *i, int xmm, ir_val v)
{
    unsigned lane = quick_vec_lane(i), shape = quick_vec_shape(i);
    int host = quick_host_of(t, v), held = quick_vec_held(t, v);
    if (shape == IR_FULL) {
        quick_vec_op(t, X86_MOVAPS, xmm, quick_vec_full(t, v));
        return;
    }
    if (shape == IR_HALF)
        lane = IR_LANE64;
    if (held != X86_NO_REG && lane >= IR_LANE32) {
        if (lane == IR_LANE64)
            quick_vec_rr(t, X86_MOVQ, xmm, held);
        else
            quick_vec_imm(t, X86_INSERTPS, xmm, x86_r(held), 0x0e); // lane 0, the others zero
        return;
    }
    struct x86_rm rm = host != X86_NO_REG ? x86_r(host) : quick_vec_mem(t, v);
    if (lane < IR_LANE32) {
        x86_emit(&t->as, lane == IR_LANE8 ? X86_MOVZX8 : X86_MOVZX16, false, RAX, rm, 0);
        rm = x86_r(RAX);
    }
    if (x86_is_reg(rm))
        x86_emit(&t->as, X86_MOVD, lane == IR_LANE64, xmm, rm, 0);
    else
        quick_vec_op(t, lane == IR_LANE64 ? X86_MOVQ : X86_MOVSS, xmm, rm);
}

struct x86_rm quick_vec_rm(struct quick_tr *t, const struct ir_insn *i, ir_val v, int scratch)
{
    int held = quick_vec_held(t, v);
    if (held != X86_NO_REG)
        return x86_r(held);
    if (quick_vec_shape(i) != IR_SCALAR && !is_word(v))
        return quick_vec_mem(t, v);
    quick_vec_load(t, i, scratch, v);
    return x86_r(scratch);
}

struct x86_rm quick_vec_scalar(struct quick_tr *t, unsigned bytes, ir_val v, int scratch)
{
    int host = quick_host_of(t, v), held = quick_vec_held(t, v);
    if (held != X86_NO_REG)
        return x86_r(held);
    if (host == X86_NO_REG)
        return quick_vec_mem(t, v);
    x86_emit(&t->as, X86_MOVD, bytes == 8, scratch, x86_r(host), 0);
    return x86_r(scratch);
}

void quick_vec_store_all(struct quick_tr *t, ir_val d, int xmm)
{
    struct x86_rm rm = d == IR_NONE ? Q_STATE(sink) : x86_m(QR_STATE, quick_disp(t, d));
    quick_vec_op(t, X86_MOVAPS_TO, xmm, rm);
    if (d != IR_NONE)
        quick_vec_hold(t, d, xmm);
}

void quick_vec_store(struct quick_tr *t, const struct ir_insn *i, int xmm)
{
    if (quick_vec_shape(i) != IR_FULL)
        quick_vec_rr(t, X86_MOVQ, xmm, xmm);
    quick_vec_store_all(t, i->d, xmm);
}

// Bytes have no shifts of their own: those of words, and the bits that came across removed.
// Neither have words of 64 bits arithmetic ones: (x ^ m) - m extends the sign that came to bit m.
void quick_vec_shift(struct quick_tr *t, unsigned group, unsigned lane, int xmm, unsigned n)
{
    static const uint32_t op[4] = {X86_PSHIFTW, X86_PSHIFTW, X86_PSHIFTD, X86_PSHIFTQ};
    unsigned bits = 8u << lane;
    if (!n)
        return;
    if (group == X86_G_PSRA && n >= bits)
        n = bits - 1;
    if (n >= bits) {
        quick_vec_rr(t, X86_PXOR, xmm, xmm);
        return;
    }
    bool extend = group == X86_G_PSRA && (lane == IR_LANE8 || lane == IR_LANE64);
    quick_vec_imm(t, op[lane], (int)(extend ? X86_G_PSRL : group), x86_r(xmm), n);
    if (lane == IR_LANE8)
        quick_vec_op(t, X86_PAND, xmm,
                     quick_vec_splat(t, lane, group == X86_G_PSLL ? 0xffu << n : 0xffu >> n));
    if (extend) {
        struct x86_rm m = quick_vec_splat(t, lane, UINT64_C(1) << (bits - 1 - n));
        quick_vec_op(t, X86_PXOR, xmm, m);
        quick_vec_op(t, quick_vec_psub[lane], xmm, m);
    }
}

// The bit below the last one kept is added.
void quick_vec_shift_round(struct quick_tr *t, bool sign, unsigned lane, int xmm, unsigned n)
{
    unsigned bits = 8u << lane;
    quick_vec_rr(t, X86_MOVAPS, 4, xmm);
    quick_vec_shift(t, X86_G_PSLL, lane, 4, bits - n);
    quick_vec_shift(t, X86_G_PSRL, lane, 4, bits - 1);
    quick_vec_shift(t, sign ? X86_G_PSRA : X86_G_PSRL, lane, xmm, n);
    quick_vec_op(t, quick_vec_padd[lane], xmm, x86_r(4));
}

bool quick_lower_vec(struct quick_tr *t, const struct ir_insn *i)
{
    if (!t->q->sse42)
        return false;
    return quick_fp(t, i) || quick_fp_convert(t, i) || quick_vec_int(t, i) ||
           quick_vec_move(t, i) || quick_vec_wide(t, i) || quick_vec_sat(t, i);
}
