// SPDX-License-Identifier: GPL-3.0-or-later
// Dead flags: a setter whose NZCV is overwritten before anybody can see it becomes the plain
// operation, or nothing at all when nobody wants its result either.
//
// Somebody can see the flags at a reader, at the block's end, and at any op that may bail out: the
// guest's exception handler gets them in its saved status.
#include "jit/ir.h"

static const uint8_t plain[IR_NR_OPS] = {
    [IR_ADDS] = IR_ADD,  [IR_SUBS] = IR_SUB, [IR_ANDS] = IR_AND,
    [IR_BICS] = IR_ANDN, [IR_ADCS] = IR_ADC, [IR_SBCS] = IR_SBC,
};

void ir_opt_dead_flags(struct ir *ir)
{
    bool live = true;
    bool drop[IR_MAX_INSNS];
    for (unsigned n = ir->nr; n-- > 0;) {
        struct ir_insn *i = &ir->insn[n];
        unsigned form = ir_op_info[i->op].form;
        drop[n] = false;
        if (!live && form == IR_FORM_FLG3) {
            drop[n] = true;
            continue;
        }
        if (!live && form == IR_FORM_FLG2) {
            i->op = plain[i->op];
            drop[n] = i->d == IR_NONE;
        }
        unsigned flags = ir_flags(ir, i);
        if (flags & IR_F_WR_NZCV)
            live = false;
        if (!drop[n] && flags & (IR_F_RD_NZCV | IR_F_BAIL | IR_F_END))
            live = true;
    }
    unsigned kept = 0;
    for (unsigned n = 0; n < ir->nr; n++)
        if (!drop[n])
            ir->insn[kept++] = ir->insn[n];
    ir->nr = kept;
}
