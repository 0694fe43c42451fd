// SPDX-License-Identifier: GPL-3.0-or-later
// The guest's flags in the host's.
//
// Within quick code NZCV is kept as LAHF and SETO leave it: bits 15 and 14 are N and Z, bit 8 is C
// inverted (x86 subtracts with a borrow where Arm subtracts with a carry, and comparisons are what
// flags are mostly made by), bit 0 is V. Where the flags were set just now, EFLAGS still have them.
#include "jit/quick_ctx.h"

uint32_t quick_flags_from(uint32_t nzcv)
{
    return (nzcv & NZCV_N) << 12 | (nzcv & NZCV_Z) << 12 | (uint32_t)!(nzcv & NZCV_C) << 8 | (nzcv & NZCV_V);
}

uint32_t quick_flags_to(uint32_t qflags)
{
    return (qflags >> 12 & (NZCV_N | NZCV_Z)) | (qflags >> 8 & 1 ? 0 : NZCV_C) | (qflags & NZCV_V);
}

// On EFLAGS as quick_flags_want() leaves them. CC_NEVER: none of Arm's conditions.
static enum x86_cc condition(unsigned mask)
{
    switch (mask) {
    case 0xf0f0: return CC_E;
    case 0x0f0f: return CC_NE;
    case 0xcccc: return CC_AE;
    case 0x3333: return CC_B;
    case 0xff00: return CC_S;
    case 0x00ff: return CC_NS;
    case 0xaaaa: return CC_O;
    case 0x5555: return CC_NO;
    case 0x0c0c: return CC_A;
    case 0xf3f3: return CC_BE;
    case 0xaa55: return CC_GE;
    case 0x55aa: return CC_L;
    case 0x0a05: return CC_G;
    case 0xf5fa: return CC_LE;
    }
    return CC_NEVER;
}

// Are the flags only looked at by a conditional comparison that comes next, and sets them anew?
bool quick_flags_pass(const struct quick_tr *t)
{
    const struct ir *ir = t->ir;
    unsigned n = t->n + 1, form = ir_op_info[ir->insn[t->n].op].form;
    if (form != IR_FORM_FLG2 && form != IR_FORM_FLG3)
        return false; // others may have called a function, whose flags are in the state alone
    while (n < ir->nr && ir->insn[n].op == IR_INSN_START)
        n++;
    if (n == ir->nr || ir_op_info[ir->insn[n].op].form != IR_FORM_FLG3)
        return false;
    unsigned mask = ir->insn[n].imm & 0xffff;
    return mask == 0xffff || condition(mask) != CC_NEVER;
}

static bool leaves_eflags(const struct quick_tr *t, const struct ir_insn *i)
{
    return i->op == IR_INSN_START || ((i->op == IR_MUL || i->op == IR_UMULH) && t->q->bmi2) ||
           (i->op == IR_MOV && ir_kind(i->a) == IR_KIND_R);
}

bool quick_flags_pass_carry(const struct quick_tr *t)
{
    const struct ir *ir = t->ir;
    unsigned n = t->n + 1;
    while (n < ir->nr && leaves_eflags(t, &ir->insn[n]))
        n++;
    return n < ir->nr && (ir->insn[n].op == IR_ADCS || ir->insn[n].op == IR_SBCS);
}

void quick_flags_keep(struct quick_tr *t)
{
    if (t->only != QUICK_FLAGS_KEPT || quick_flags_pass(t)) {
        t->as.eflags = true;
        return;
    }
    x86_byte(&t->as, 0x9f); // lahf
    x86_setcc(&t->as, CC_O, RAX);
    x86_emit(&t->as, X86_MOV_TO, false, RAX, Q_STATE(qflags), 0);
    t->as.eflags = true;
}

void quick_flags_want(struct quick_tr *t)
{
    assert(t->only == QUICK_FLAGS_KEPT);
    if (t->as.eflags)
        return;
    if (t->flags_in_rax != t->as.p)
        x86_emit(&t->as, X86_MOV, false, RAX, Q_STATE(qflags), 0);
    x86_byte(&t->as, 0x04); // add al, 0x7f: overflows where bit 0 is set
    x86_byte(&t->as, 0x7f);
    x86_byte(&t->as, 0x9e); // sahf
    t->as.eflags = true;
}

// eax = NZCV as four bits. rcx and rdx are lost.
static void pack(struct quick_tr *t)
{
    struct x86_asm *as = &t->as;
    x86_emit(as, X86_MOV, false, RAX, Q_STATE(qflags), 0);
    x86_rr(as, X86_MOV, false, RCX, RAX);
    x86_rr(as, X86_MOV, false, RDX, RAX);
    x86_shift_imm(as, X86_G_SHR, false, x86_r(RCX), 12);
    x86_alu_imm(as, X86_G_AND, false, x86_r(RCX), NZCV_N | NZCV_Z);
    x86_shift_imm(as, X86_G_SHR, false, x86_r(RDX), 7);
    x86_alu_imm(as, X86_G_AND, false, x86_r(RDX), NZCV_C);
    x86_alu_imm(as, X86_G_XOR, false, x86_r(RDX), NZCV_C);
    x86_alu_imm(as, X86_G_AND, false, x86_r(RAX), NZCV_V);
    x86_rr(as, X86_OR, false, RAX, RCX);
    x86_rr(as, X86_OR, false, RAX, RDX);
}

enum x86_cc quick_condition(struct quick_tr *t, unsigned mask)
{
    enum x86_cc cc = condition(mask);
    if (mask == 0xffff)
        return CC_ALWAYS;
    if (cc != CC_NEVER) {
        quick_flags_want(t);
        return cc;
    }
    pack(t);
    x86_mov_imm(&t->as, RDX, mask);
    x86_emit(&t->as, X86_BT, false, RAX, x86_r(RDX), 0);
    return CC_B;
}

void quick_flags_get(struct quick_tr *t, ir_val d)
{
    pack(t);
    x86_shift_imm(&t->as, X86_G_SHL, false, x86_r(RAX), 28);
    quick_store(t, d, RAX);
}

void quick_flags_set(struct quick_tr *t, ir_val a)
{
    struct x86_asm *as = &t->as;
    quick_load(t, false, RAX, a);
    x86_rr(as, X86_MOV, false, RCX, RAX);
    x86_rr(as, X86_MOV, false, RDX, RAX);
    x86_shift_imm(as, X86_G_SHR, false, x86_r(RCX), 16);
    x86_alu_imm(as, X86_G_AND, false, x86_r(RCX), 0xc000);
    x86_shift_imm(as, X86_G_SHR, false, x86_r(RDX), 21);
    x86_alu_imm(as, X86_G_AND, false, x86_r(RDX), 0x100);
    x86_alu_imm(as, X86_G_XOR, false, x86_r(RDX), 0x100);
    x86_shift_imm(as, X86_G_SHR, false, x86_r(RAX), 28);
    x86_alu_imm(as, X86_G_AND, false, x86_r(RAX), 1);
    x86_rr(as, X86_OR, false, RAX, RCX);
    x86_rr(as, X86_OR, false, RAX, RDX);
    x86_emit(as, X86_MOV_TO, false, RAX, Q_STATE(qflags), 0);
}
