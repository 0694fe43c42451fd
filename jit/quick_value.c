// SPDX-License-Identifier: GPL-3.0-or-later
// Operands of the quick engine: which are in host registers, where the others are.
#include "jit/quick_vec.h"

#include <assert.h>
#include <string.h>

bool quick_const(const struct quick_tr *t, ir_val v, uint64_t *value)
{
    if (v == IR_NONE) {
        *value = 0;
        return true;
    }
    if (ir_kind(v) != IR_KIND_CONST)
        return false;
    *value = t->ir->consts[ir_num(v)];
    return true;
}

bool quick_imm32(const struct quick_tr *t, ir_val v, int32_t *imm)
{
    uint64_t value;
    if (!quick_const(t, v, &value) || value != (uint64_t)(int32_t)value)
        return false;
    *imm = (int32_t)value;
    return true;
}

int quick_host_of(const struct quick_tr *t, ir_val v)
{
    if (ir_kind(v) == IR_KIND_TMP)
        return ir_num(v) == 0 && t->tmp0_in_reg ? QR_TMP : X86_NO_REG;
    if (ir_kind(v) != IR_KIND_R || ir_is_v(v))
        return X86_NO_REG;
    return ir_num(v) == t->mode_slot ? QR_MODE : t->q->host_of[ir_num(v)];
}

int32_t quick_disp(const struct quick_tr *t, ir_val v)
{
    (void)t;
    if (ir_kind(v) == IR_KIND_TMP)
        return Q_DISP(tmp) + 16 * (int32_t)ir_num(v);
    assert(ir_kind(v) == IR_KIND_R);
    return ir_is_v(v) ? Q_DISP(v) + 16 * (int32_t)ir_num(v) : Q_DISP(r) + 8 * (int32_t)ir_num(v);
}

bool quick_rm(struct quick_tr *t, ir_val v, struct x86_rm *rm, uint64_t *imm)
{
    if (quick_const(t, v, imm))
        return false;
    int host = quick_host_of(t, v);
    *rm = host != X86_NO_REG ? x86_r(host) : x86_m(QR_STATE, quick_disp(t, v));
    return true;
}

void quick_load(struct quick_tr *t, bool w, int reg, ir_val v)
{
    struct x86_rm rm;
    uint64_t imm;
    if (!quick_rm(t, v, &rm, &imm))
        x86_mov_imm(&t->as, reg, w ? imm : (uint32_t)imm);
    else if (rm.reg != reg || !w) // a 32-bit move clears what is above
        x86_emit(&t->as, X86_MOV, w, reg, rm, 0);
}

int quick_reg(struct quick_tr *t, bool w, ir_val v, int scratch)
{
    int host = quick_host_of(t, v);
    if (host != X86_NO_REG)
        return host;
    quick_load(t, w, scratch, v);
    return scratch;
}

int quick_dest(struct quick_tr *t, ir_val d, ir_val b, ir_val c)
{
    int host = d == IR_NONE ? X86_NO_REG : quick_host_of(t, d);
    if (host == X86_NO_REG || d == b || d == c)
        return RAX;
    return host;
}

void quick_store(struct quick_tr *t, ir_val d, int reg)
{
    if (d == IR_NONE)
        return;
    int host = quick_host_of(t, d);
    if (host != X86_NO_REG)
        x86_mov(&t->as, true, host, reg);
    else
        x86_emit(&t->as, X86_MOV_TO, true, reg, x86_m(QR_STATE, quick_disp(t, d)), 0);
    quick_vec_forget(t, d);
}

struct x86_rm quick_mem(struct quick_tr *t, ir_val v)
{
    uint64_t imm;
    if (v == IR_NONE)
        return Q_STATE(zero);
    if (quick_const(t, v, &imm)) {
        // Two words, so that a vector's upper half is zero.
        uint64_t *data = quick_data(t->q, 16, 16);
        data[0] = imm;
        data[1] = 0;
        return quick_data_rm(t->q, data, false);
    }
    struct x86_rm rm = x86_m(QR_STATE, quick_disp(t, v));
    int host = quick_host_of(t, v);
    if (host != X86_NO_REG)
        x86_emit(&t->as, X86_MOV_TO, true, host, rm, 0);
    return rm;
}

void quick_note_constant(struct quick_tr *t, ir_val d, uint64_t value, bool relative, uint8_t *from)
{
    t->constant.d = d;
    t->constant.value = value;
    t->constant.relative = relative;
    t->constant.from = from;
    t->constant.to = t->as.p;
}

void *quick_data(struct quick *q, size_t size, size_t align)
{
    uint8_t *p = (uint8_t *)ALIGN_UP((uintptr_t)q->data_top, align);
    assert(p + size <= q->data.write + q->data.size);
    q->data_top = p + size;
    return p;
}

// What is only read is read where it lies beside the code; what is written, through the write view.
struct x86_rm quick_data_rm(const struct quick *q, const void *data, bool writable)
{
    return x86_at((const uint8_t *)data - (writable ? q->to_exec : 0));
}

struct quick_cold *quick_cold(struct quick_tr *t, void (*emit)(struct quick_tr *, struct quick_cold *))
{
    assert(t->nr_cold < QUICK_MAX_COLD);
    struct quick_cold *c = &t->cold[t->nr_cold++];
    *c = (struct quick_cold){ .emit = emit, .where = quick_where(t->off, t->left) };
    memcpy(c->held, t->held, sizeof c->held);
    for (unsigned w = 0; w < QUICK_NR_MERGED; w++)
        c->merged |= (uint8_t)((t->word_busy[w] > t->n) << w);
    return c;
}
