// SPDX-License-Identifier: GPL-3.0-or-later
#include "frontend/translate.h"

#include "frontend/debug_regs.h"

#include <string.h>

#include "a64_translate.inc"

uint16_t tr_cond_mask(unsigned cond)
{
    // By cond >> 1, Arm ARM ConditionHolds(): EQ, CS, MI, VS, HI, GE, GT, AL.
    static const uint16_t holds[8] = { 0xf0f0, 0xcccc, 0xff00, 0xaaaa, 0x0c0c, 0xaa55, 0x0a05, 0xffff };
    uint16_t mask = holds[cond >> 1];
    return cond & 1 && cond != 15 ? (uint16_t)~mask : mask;
}

ir_val tr_base(struct tr *t, unsigned rn)
{
    if (rn == 31 && t->mode & A64_MODE_SP_ALIGN && !t->sp_checked) {
        ir_emit(&t->ir, IR_CHECK_SP, IR_I64, IR_NONE, tr_xsp(t, 31), IR_NONE, IR_NONE, 0);
        t->sp_checked = true;
    }
    return tr_xsp(t, rn);
}

bool tr_raise(struct tr *t, uint64_t what)
{
    ir_raise(&t->ir, what);
    t->end = true;
    return true;
}

bool tr_undefined(struct tr *t)
{
    return tr_raise(t, A64_EXC(EC_UNKNOWN, 0));
}

bool tr_fp_enabled(struct tr *t)
{
    if (!(t->mode & A64_MODE_FP_TRAP))
        return true;
    // COND 14, CV 1: as for an unconditional instruction.
    tr_raise(t, A64_EXC(EC_FP_TRAP, 0x1e00000));
    return false;
}

void tr_exit_next(struct tr *t)
{
    ir_exit(&t->ir, tr_next(t));
    t->end = true;
}

static void translate_one(struct tr *t, uint32_t insn)
{
    union a64_fields f;
    unsigned nr = t->ir.nr;
    enum a64_op op = a64_decode(insn, &f);
    if (op != A64_UNALLOCATED && tr_has(t, a64_needs(op, insn)) && a64_translate(t, op, &f))
        return;
    // A translate function that refuses has not emitted anything.
    t->ir.nr = nr;
    ir_call(&t->ir, A64_HELPER_unallocated, IR_NONE, IR_NONE, IR_NONE, IR_NONE, insn);
    tr_undefined(t);
}

// One instruction's worst case has to fit.
static bool room(const struct tr *t)
{
    return t->ir.nr + IR_MAX_PER_GUEST < IR_MAX_INSNS && t->ir.nr_consts + IR_MAX_PER_GUEST < IR_MAX_CONSTS;
}

void a64_translate_block(struct ir *ir, const uint8_t *page, uint32_t *n_insns)
{
    struct tr *t = container_of(ir, struct tr, ir);
    uint32_t n = 0;
    t->mode = ir->mode;
    t->end = t->sp_checked = false;
    t->movk_rd = 31;
    for (t->off = ir->off; !t->end; t->off += 4) {
        uint32_t insn;
        memcpy(&insn, page + t->off, sizeof insn);
        ir->nr_tmp = 0; // temporaries live within one instruction
        ir_insn_start(ir, t->off);
        n++;
        if (tr_debug_before(t))
            break;
        translate_one(t, insn);
        if (!t->end)
            tr_debug_after(t);
        if (!t->end && (t->off + 4 == PAGE_SIZE || n == ir->max_guest || !room(t))) {
            ir_br(ir, tr_next(t));
            t->end = true;
        }
    }
    *n_insns = n;
}
