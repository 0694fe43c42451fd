// SPDX-License-Identifier: GPL-3.0-or-later
// The end of a block: where it goes on.
//
// Within a page: a jump that is patched to the next block. Across pages: the same behind a look at
// the instruction TLB, which has to hold the page that the jump was patched for (its number, which
// changes whenever the page's blocks come into doubt). Through a register: code_page.quick of the
// page that the instruction TLB holds.
#include "jit/quick_ctx.h"

#include <assert.h>

// rax = page base + distance.
static void address(struct quick_tr *t, int64_t distance)
{
    struct x86_asm *as = &t->as;
    x86_emit(as, X86_MOV, true, RAX, Q_STATE(pc_page), 0);
    if (distance == (int32_t)distance) {
        if (distance)
            x86_alu_imm(as, X86_G_ADD, true, x86_r(RAX), (int32_t)distance);
    } else {
        x86_mov_imm(as, RCX, (uint64_t)distance);
        x86_rr(as, X86_ADD, true, RAX, RCX);
    }
}

// The stub of an unlinked way out: asks for the block.
static void emit_stub(struct quick_tr *t, struct quick_cold *c)
{
    struct x86_asm *as = &t->as;
    struct tb_link *l = &t->tb->link[c->kind];
    x86_here(as, c->from[0]);
    if (c->from[1])
        x86_here(as, c->from[1]);
    l->stub = as->p;
    x86_mov_imm(as, RAX, (uint64_t)(uintptr_t)t->tb | c->kind);
    x86_jmp(as, t->q->link);
}

static void emit_elsewhere(struct quick_tr *t, struct quick_cold *c)
{
    x86_here(&t->as, c->from[0]);
    address(t, c->imm);
    x86_jmp(&t->as, t->q->lookup);
}

static struct tb_link *new_link(struct quick_tr *t, int64_t to)
{
    assert(t->tb->to[t->nr_links] == to);
    return &t->tb->link[t->nr_links++];
}

// Jumps to the instruction TLB's entry for a page at a distance, if it is the linked one.
static void across(struct quick_tr *t, int64_t to, struct tb_link *l, unsigned number)
{
    struct x86_asm *as = &t->as;
    struct quick_cold *stub = quick_cold(t, emit_stub);
    address(t, to & (int64_t)PAGE_MASK);
    x86_rr(as, X86_MOV, false, RCX, RAX);
    x86_rr(as, X86_MOV, true, RDX, RAX);
    x86_shift_imm(as, X86_G_SHR, false, x86_r(RCX), PAGE_BITS - 5);
    x86_alu_imm(as, X86_G_AND, false, x86_r(RCX), (ITLB_SIZE - 1) << 5);
    x86_emit(as, X86_XOR, true, RDX, Q_STATE(ictx), 0);
    x86_emit(as, X86_CMP, true, RDX, x86_mx(QR_STATE, RCX, 0, Q_DISP(itlb)), 0);
    struct quick_cold *elsewhere = quick_cold(t, emit_elsewhere);
    elsewhere->from[0] = x86_jcc_ahead(as, CC_NE);
    elsewhere->imm = to;
    x86_emit(as, X86_MOV, true, RDX, x86_mx(QR_STATE, RCX, 0, Q_DISP(itlb) + (int32_t)offsetof(struct itlb_entry, page)), 0);
    _Static_assert(offsetof(struct code_page, id) < 128, "its distance takes one byte");
    x86_patchable(as, 3);
    x86_emit(as, X86_ALU_IMM32, false, X86_G_CMP, x86_m(RDX, offsetof(struct code_page, id)), 4);
    x86_imm32(as, 0); // no page's number
    l->guard = as->p;
    stub->from[1] = x86_jcc_ahead(as, CC_NE);
    x86_emit(as, X86_MOV_TO, true, RAX, Q_STATE(pc_page), 0);
    x86_patchable(as, 1);
    stub->from[0] = l->jump = x86_jmp_ahead(as);
    stub->kind = (uint8_t)number;
}

static void emit_across(struct quick_tr *t, struct quick_cold *c)
{
    x86_here(&t->as, c->from[0]);
    across(t, c->imm, &t->tb->link[c->kind], c->kind);
}

static bool in_page(int64_t to)
{
    return to >= 0 && to < (int64_t)PAGE_SIZE;
}

// Goes on at page base + to; by a conditional jump unless cc is CC_ALWAYS.
static void go(struct quick_tr *t, enum x86_cc cc, int64_t to)
{
    struct x86_asm *as = &t->as;
    struct tb_link *l = new_link(t, to);
    unsigned number = t->nr_links - 1;
    if (!in_page(to) && cc == CC_ALWAYS) {
        across(t, to, l, number);
        return;
    }
    struct quick_cold *c = quick_cold(t, in_page(to) ? emit_stub : emit_across);
    if (in_page(to))
        x86_patchable(as, cc == CC_ALWAYS ? 1 : 2);
    c->from[0] = cc == CC_ALWAYS ? x86_jmp_ahead(as) : x86_jcc_ahead(as, cc);
    c->kind = (uint8_t)number;
    c->imm = to;
    if (in_page(to))
        l->jump = c->from[0];
}

static void branch(struct quick_tr *t, const struct ir_insn *i, enum x86_cc cc)
{
    if (cc != CC_ALWAYS)
        go(t, cc, (int64_t)i->imm);
    go(t, CC_ALWAYS, cc == CC_ALWAYS ? (int64_t)i->imm : (int64_t)t->off + 4);
}

static void emit_look(struct quick_tr *t, struct quick_cold *c)
{
    x86_here(&t->as, c->from[0]);
    address(t, c->imm);
    x86_jmp(&t->as, t->q->lookup_slow);
}

// A block that ends behind a helper may end there because interrupts are to be looked at.
static void look_again(struct quick_tr *t, const struct ir_insn *i)
{
    if (!t->n || i[-1].op != IR_CALL)
        return;
    struct quick_cold *c = quick_cold(t, emit_look);
    x86_alu_imm(&t->as, X86_G_CMP, false, Q_STATE(exit_request), 0);
    c->from[0] = x86_jcc_ahead(&t->as, CC_NE);
    c->imm = (int64_t)i->imm;
}

static void test_zero(struct quick_tr *t, const struct ir_insn *i)
{
    bool w = i->type == IR_I64;
    struct x86_rm rm;
    uint64_t imm;
    if (!quick_rm(t, i->a, &rm, &imm)) {
        x86_mov_imm(&t->as, RAX, w ? imm : (uint32_t)imm);
        rm = x86_r(RAX);
    }
    if (x86_is_reg(rm))
        x86_rr(&t->as, X86_TEST, w, rm.reg, rm.reg);
    else
        x86_alu_imm(&t->as, X86_G_CMP, w, rm, 0);
}

static void test_bit(struct quick_tr *t, const struct ir_insn *i)
{
    struct x86_rm rm;
    uint64_t imm;
    if (!quick_rm(t, i->a, &rm, &imm)) {
        x86_mov_imm(&t->as, RAX, imm);
        rm = x86_r(RAX);
    }
    x86_emit(&t->as, X86_BT_IMM, true, 4, rm, 1);
    x86_byte(&t->as, i->attr);
}

// Remembers where an indirect branch went, for the forming of regions.
static void note_target(struct quick_tr *t)
{
    struct x86_asm *as = &t->as;
    t->tb->seen = quick_data(t->q, TB_SEEN * sizeof *t->tb->seen, 32);
    for (unsigned n = 0; n < TB_SEEN; n++)
        t->tb->seen[n] = 0;
    x86_rr(as, X86_MOV, false, RCX, RAX);
    x86_shift_imm(as, X86_G_SHR, false, x86_r(RCX), 2);
    x86_alu_imm(as, X86_G_AND, false, x86_r(RCX), TB_SEEN - 1);
    x86_emit(as, X86_LEA, true, RDX, quick_data_rm(t->q, t->tb->seen, true), 0);
    x86_emit(as, X86_MOV_TO, true, RAX, x86_mx(RDX, RCX, 3, 0), 0);
}

// FAST PATH: to an address of this very page, as a return from a function nearby is; the page and its
// table of blocks are known, since this block is one of them. rax keeps the address for others.
static void within_page(struct quick_tr *t)
{
    struct x86_asm *as = &t->as;
    x86_rr(as, X86_MOV, true, RDX, RAX);
    x86_emit(as, X86_SUB, true, RDX, Q_STATE(pc_page), 0);
    x86_alu_imm(as, X86_G_CMP, true, x86_r(RDX), PAGE_SIZE - 4);
    uint8_t *far = x86_jcc_short(as, CC_A);
    x86_emit(as, X86_TEST8_IMM, false, 0, x86_r(RDX), 1);
    x86_byte(as, 3);
    uint8_t *misaligned = x86_jcc_short(as, CC_NE);
    x86_mov_imm(as, RCX, (uint64_t)(uintptr_t)t->tb->page->quick);
    x86_emit(as, X86_MOV, false, RCX, x86_mx(RCX, RDX, 0, 0), 0);
    x86_emit(as, X86_LEA, true, RDX, x86_at(t->q->code.write), 0);
    x86_rr(as, X86_ADD, true, RDX, RCX);
    x86_emit(as, X86_JMP_RM, false, 4, x86_r(RDX), 0);
    x86_here_short(as, far);
    x86_here_short(as, misaligned);
}

bool quick_lower_end(struct quick_tr *t, const struct ir_insn *i)
{
    struct x86_asm *as = &t->as;
    switch (i->op) {
    case IR_BR:
        look_again(t, i);
        branch(t, i, CC_ALWAYS);
        return true;
    case IR_BR_COND: {
        enum x86_cc cc = quick_condition(t, i->attr);
        branch(t, i, cc);
        return true;
    }
    case IR_BR_Z: test_zero(t, i); branch(t, i, CC_E); return true;
    case IR_BR_NZ: test_zero(t, i); branch(t, i, CC_NE); return true;
    case IR_BR_BIT0: test_bit(t, i); branch(t, i, CC_AE); return true;
    case IR_BR_BIT1: test_bit(t, i); branch(t, i, CC_B); return true;
    case IR_BR_IND:
        quick_load(t, true, RAX, i->a);
        if (i->attr == IR_HINT_RETURN && !t->q->verify)
            within_page(t);
        else if (i->attr != IR_HINT_RETURN && t->q->jit->tier)
            note_target(t);
        // Inline, so that each has the processor's own prediction of where it goes.
        if (t->q->verify)
            x86_jmp(as, t->q->lookup);
        else
            quick_emit_lookup(t->q, as);
        return true;
    case IR_EXIT:
        address(t, (int64_t)i->imm);
        x86_jmp(as, t->q->exit);
        return true;
    case IR_EXIT_PC:
        x86_jmp(as, t->q->exit_pc);
        return true;
    case IR_RAISE: {
        struct quick_call *call = quick_data(t->q, sizeof *call, 16);
        *call = (struct quick_call){ .imm = i->imm, .where = quick_where(t->off, t->left) };
        x86_emit(as, X86_LEA, true, RAX, quick_data_rm(t->q, call, false), 0);
        x86_jmp(as, t->q->raise);
        return true;
    }
    }
    return false;
}
