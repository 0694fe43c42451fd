// SPDX-License-Identifier: GPL-3.0-or-later
// What the quick engine has no code for of its own: functions, called with pointers to the
// operands' slots by a thunk that a description beside the code tells what to do.
#include "jit/quick_vec.h"

#include "jit/atomic.h"
#include "jit/interp_ops.h"
#include "jit/ir_ref.h"
#include "jit/ir_vec.h"

#include <assert.h>

// Offset of an operand's slot from the vcpu; a host register's value is put there first.
static int32_t source(struct quick_tr *t, ir_val v)
{
    uint64_t imm;
    if (v == IR_NONE)
        return offsetof(struct vcpu, zero);
    if (quick_const(t, v, &imm)) {
        if (!imm)
            return offsetof(struct vcpu, zero);
        // Beyond the block's own temporaries.
        assert(t->scratch < IR_SCRATCH_TMP);
        struct x86_rm rm = x86_m(QR_STATE, Q_DISP(tmp) + 16 * (int32_t)(VCPU_NR_TMP + t->scratch++));
        if (imm == (uint64_t)(int32_t)imm) {
            x86_emit(&t->as, X86_MOV_IMM, true, 0, rm, 4);
            x86_imm32(&t->as, (uint32_t)imm);
        } else {
            x86_mov_imm(&t->as, RAX, imm);
            x86_emit(&t->as, X86_MOV_TO, true, RAX, rm, 0);
        }
        return rm.disp + QUICK_BIAS;
    }
    return quick_mem(t, v).disp + QUICK_BIAS;
}

static int32_t dest(struct quick_tr *t, ir_val v)
{
    return v == IR_NONE ? (int32_t)offsetof(struct vcpu, sink) : quick_disp(t, v) + QUICK_BIAS;
}

// What a function has put into a slot that lives in a host register.
static void fetch(struct quick_tr *t, ir_val d)
{
    int host = d == IR_NONE ? X86_NO_REG : quick_host_of(t, d);
    if (host != X86_NO_REG)
        x86_emit(&t->as, X86_MOV, true, host, x86_m(QR_STATE, quick_disp(t, d)), 0);
}

#define NZCV_OR_BAIL (HELPER_BAILS | HELPER_READS_NZCV | HELPER_WRITES_NZCV)
#define ALL_REGS     (HELPER_READS_REGS | HELPER_WRITES_REGS)

struct quick_call *quick_call_fn(struct quick_tr *t, const struct ir_insn *i, ir_fn *fn, unsigned flags, uint64_t imm)
{
    assert(fn);
    struct quick_call *call = quick_data(t->q, sizeof *call, 16);
    t->scratch = 0;
    *call = (struct quick_call){ .fn = fn, .imm = imm, .where = quick_where(t->off, t->left), .flags = (uint16_t)flags };
    call->a = source(t, i->a);
    call->b = source(t, i->b);
    call->c = source(t, i->c);
    call->d = dest(t, i->d);
    if (i->op == IR_CASP) { // reads what it writes
        quick_mem(t, i->d);
        quick_mem(t, i->d2);
    }
    x86_emit(&t->as, X86_LEA, true, RAX, quick_data_rm(t->q, call, false), 0);
    const struct quick *q = t->q;
    // A helper without a result is there for its effect, which may want to be looked at.
    bool effect = i->op == IR_CALL && i->d == IR_NONE;
    x86_call(&t->as, flags & ALL_REGS ? q->call_full : flags & NZCV_OR_BAIL || effect ? q->call : q->call_vec);
    t->as.eflags = false;
    t->checked_sp = VCPU_NR_R;
    quick_vec_forget_all(t);
    if (!(flags & ALL_REGS)) {
        fetch(t, i->d);
        fetch(t, i->d2);
    } else if (t->tmp0_in_reg && (i->d == (ir_val)IR_KIND_TMP || i->d2 == (ir_val)IR_KIND_TMP)) {
        fetch(t, IR_KIND_TMP);
    }
    return call;
}

static unsigned helper_flags(const struct ir_vop_info *v)
{
    return (v->flags & IR_F_RD_NZCV ? HELPER_READS_NZCV : 0) | (v->flags & IR_F_WR_NZCV ? HELPER_WRITES_NZCV : 0);
}

static unsigned op_flags(unsigned op)
{
    unsigned f = ir_op_info[op].flags;
    return (f & IR_F_RD_NZCV ? HELPER_READS_NZCV : 0) | (f & IR_F_WR_NZCV ? HELPER_WRITES_NZCV : 0) |
           (f & IR_F_BAIL ? HELPER_BAILS : 0);
}

static uint16_t slot(struct quick_tr *t, ir_val v)
{
    return (uint16_t)(dest(t, v) / 8);
}

static void emit_bad_sp(struct quick_tr *t, struct quick_cold *c)
{
    struct x86_asm *as = &t->as;
    x86_here(as, c->from[0]);
    x86_mov_imm(as, RAX, c->where | 1); // what: see quick_do_fault()
    x86_emit(as, X86_MOV, true, RCX, c->rm, 0);
    x86_emit(as, X86_MOV_TO, true, RCX, Q_STATE(xfer), 0);
    x86_jmp(as, t->q->fault);
}

// Once known to be aligned, a stack pointer moved by multiples of 16 needs no other look.
static void check_sp(struct quick_tr *t, const struct ir_insn *i)
{
    struct x86_rm rm;
    uint64_t imm;
    if (ir_kind(i->a) == IR_KIND_R && t->checked_sp == ir_num(i->a))
        return;
    if (!quick_rm(t, i->a, &rm, &imm)) {
        quick_call_fn(t, i, NULL, 0, 0); // never: stack pointers are registers
        return;
    }
    x86_emit(&t->as, X86_TEST8_IMM, false, 0, rm, 1);
    x86_byte(&t->as, 15);
    struct quick_cold *c = quick_cold(t, emit_bad_sp);
    c->from[0] = x86_jcc_ahead(&t->as, CC_NE);
    c->rm = rm;
    if (ir_kind(i->a) == IR_KIND_R)
        t->checked_sp = ir_num(i->a);
}

void quick_lower_call(struct quick_tr *t, const struct ir_insn *i)
{
    const struct helper *h;
    switch (i->op) {
    case IR_INSN_START: return;
    case IR_PCREL: case IR_PCREL_PAGE: quick_set_relative(t, i->d, i->imm); return;
    case IR_GET_NZCV: quick_flags_get(t, i->d); return;
    case IR_SET_NZCV: quick_flags_set(t, i->a); return;
    case IR_CHECK_SP: check_sp(t, i); return;
    case IR_CLREX:
        x86_emit(&t->as, X86_MOV_IMM, false, 0, Q_STATE(excl_size), 4);
        x86_imm32(&t->as, 0);
        return;
    case IR_CALL:
        h = &t->ir->guest->helpers[i->attr];
        quick_call_fn(t, i, h->fn, h->flags, i->imm)->helper = i->attr + 1;
        return;
    case IR_VEC:
        quick_call_fn(t, i, ir_vec_fn[i->attr][i->type], helper_flags(&ir_vop_info[i->attr]), i->imm);
        return;
    case IR_PROBE:
        quick_call_fn(t, i, atomic_probe, HELPER_BAILS, i->imm | (uint64_t)i->attr << 32 | (i->b ? BIT(63) : 0));
        return;
    case IR_ATOMIC: case IR_CASP: case IR_LDX: case IR_STX:
        quick_call_fn(t, i, atomic_fn(i), HELPER_BAILS, atomic_imm(i, slot(t, i->d2)));
        return;
    }
    unsigned form = ir_op_info[i->op].form;
    if (form >= IR_FORM_LOAD && form < IR_FORM_CTL) {
        bool pair = form == IR_FORM_LOADP || form == IR_FORM_STOREP || form == IR_FORM_LOADVP || form == IR_FORM_STOREVP;
        bool indexed = !pair && i->b != IR_NONE;
        uint64_t imm = indexed ? i->imm : (uint32_t)i->imm;
        quick_call_fn(t, i, mem_fn(i->op, indexed), HELPER_BAILS,
                      (uint64_t)slot(t, i->d2) << 48 | (uint64_t)i->attr << 32 | (uint32_t)imm);
        return;
    }
    quick_call_fn(t, i, ir_ref_fn[i->op][i->type], op_flags(i->op), i->imm);
}
