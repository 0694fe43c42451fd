// SPDX-License-Identifier: GPL-3.0-or-later
#include "jit/ir.h"

#include <assert.h>

const struct ir_op_info ir_op_info[IR_NR_OPS] = {
#define ROW(name, flags, form) [IR_##name] = { #name, (flags), form },
#define IR_INT1(name, flags, ...) ROW(name, flags, IR_FORM_INT1)
#define IR_INT2(name, flags, ...) ROW(name, flags, IR_FORM_INT2)
#define IR_INT3(name, flags, ...) ROW(name, flags, IR_FORM_INT3)
#define IR_FLG2(name, flags, ...) ROW(name, (flags) | IR_F_WR_NZCV, IR_FORM_FLG2)
#define IR_FLG3(name, flags, ...) ROW(name, (flags) | IR_F_WR_NZCV, IR_FORM_FLG3)
#define IR_LOAD(name, ...)        ROW(name, IR_F_BAIL | IR_F_RD_MEM, IR_FORM_LOAD)
#define IR_LOADP(name, ...)       ROW(name, IR_F_BAIL | IR_F_RD_MEM, IR_FORM_LOADP)
#define IR_LOADV(name, ...)       ROW(name, IR_F_BAIL | IR_F_RD_MEM, IR_FORM_LOADV)
#define IR_STORE(name, ...)       ROW(name, IR_F_BAIL | IR_F_WR_MEM, IR_FORM_STORE)
#define IR_STOREP(name, ...)      ROW(name, IR_F_BAIL | IR_F_WR_MEM, IR_FORM_STOREP)
#define IR_STOREV(name, ...)      ROW(name, IR_F_BAIL | IR_F_WR_MEM, IR_FORM_STOREV)
#define IR_LOADVP(name, ...)      ROW(name, IR_F_BAIL | IR_F_RD_MEM, IR_FORM_LOADVP)
#define IR_STOREVP(name, ...)     ROW(name, IR_F_BAIL | IR_F_WR_MEM, IR_FORM_STOREVP)
#define IR_CTL(name, flags, what) ROW(name, flags, IR_FORM_CTL)
#include "jit/ir_ops.def"
#undef ROW
};

static unsigned helper_flags(unsigned h)
{
    return (h & HELPER_BAILS ? IR_F_BAIL : 0) | (h & HELPER_READS_NZCV ? IR_F_RD_NZCV : 0) |
           (h & HELPER_WRITES_NZCV ? IR_F_WR_NZCV : 0) | (h & HELPER_READS_MEM ? IR_F_RD_MEM : 0) |
           (h & HELPER_WRITES_MEM ? IR_F_WR_MEM : 0) | (h & HELPER_FP ? IR_F_FP : 0);
}

unsigned ir_flags(const struct ir *ir, const struct ir_insn *i)
{
    unsigned f = ir_op_info[i->op].flags;
    if (i->op == IR_CALL)
        f |= helper_flags(ir->guest->helpers[i->attr].flags);
    else if (i->op == IR_VEC)
        f |= ir_vop_flags(i->attr);
    return f;
}

void ir_begin(struct ir *ir, const struct guest *guest, unsigned off, uint64_t mode)
{
    ir->guest = guest;
    ir->off = ir->cur_off = off;
    ir->mode = mode;
    ir->debug = NULL;
    ir->max_guest = IR_MAX_GUEST;
    ir->nr = ir->nr_tmp = ir->nr_consts = 0;
    ir->overflow = false;
}

ir_val ir_tmp(struct ir *ir)
{
    if (ir->nr_tmp == VCPU_NR_TMP) {
        ir->overflow = true;
        return IR_KIND_TMP;
    }
    return (ir_val)(IR_KIND_TMP | ir->nr_tmp++);
}

ir_val ir_const(struct ir *ir, uint64_t value)
{
    if (ir->nr_consts == IR_MAX_CONSTS) {
        ir->overflow = true;
        return IR_KIND_CONST;
    }
    ir->consts[ir->nr_consts] = value;
    return (ir_val)(IR_KIND_CONST | ir->nr_consts++);
}

struct ir_insn *ir_emit(struct ir *ir, enum ir_op op, unsigned type, ir_val d, ir_val a, ir_val b,
                        ir_val c, uint64_t imm)
{
    if (ir->nr == IR_MAX_INSNS) {
        ir->overflow = true;
        ir->nr--;
    }
    struct ir_insn *i = &ir->insn[ir->nr++];
    *i = (struct ir_insn){ .op = (uint8_t)op, .type = (uint8_t)type, .d = d, .a = a, .b = b, .c = c,
                           .off = (uint16_t)ir->cur_off, .imm = imm };
    return i;
}

void ir_insn_start(struct ir *ir, unsigned off)
{
    ir->cur_off = off;
    ir_emit(ir, IR_INSN_START, 0, IR_NONE, IR_NONE, IR_NONE, IR_NONE, 0);
}

void ir_load(struct ir *ir, enum ir_op op, unsigned attr, ir_val d, ir_val d2, ir_val base,
             ir_val index, uint64_t imm)
{
    struct ir_insn *i = ir_emit(ir, op, IR_I64, d, base, index, IR_NONE, imm);
    i->attr = (uint16_t)attr;
    i->d2 = d2;
}

void ir_store(struct ir *ir, enum ir_op op, unsigned attr, ir_val v, ir_val v2, ir_val base,
              ir_val index, uint64_t imm)
{
    assert(!(v2 && index));
    ir_emit(ir, op, IR_I64, IR_NONE, base, v2 ? v2 : index, v, imm)->attr = (uint16_t)attr;
}

void ir_probe(struct ir *ir, ir_val address, unsigned size, bool write, unsigned attr)
{
    ir_val b = write ? address : IR_NONE;
    ir_emit(ir, IR_PROBE, IR_I64, IR_NONE, address, b, IR_NONE, size)->attr = (uint16_t)attr;
}

void ir_atomic(struct ir *ir, enum ir_atomic kind, unsigned log2_size, unsigned attr, ir_val d,
               ir_val address, ir_val b, ir_val c)
{
    ir_emit(ir, IR_ATOMIC, log2_size, d, address, b, c, kind)->attr = (uint16_t)attr;
}

void ir_excl(struct ir *ir, enum ir_op op, unsigned log2_size, unsigned attr, ir_val d, ir_val d2,
             ir_val address, ir_val b, ir_val c)
{
    struct ir_insn *i = ir_emit(ir, op, log2_size, d, address, b, c, 0);
    i->attr = (uint16_t)attr;
    i->d2 = d2;
}

void ir_call(struct ir *ir, unsigned helper, ir_val d, ir_val a, ir_val b, ir_val c, uint64_t imm)
{
    ir_emit(ir, IR_CALL, IR_I64, d, a, b, c, imm)->attr = (uint16_t)helper;
}

void ir_vec(struct ir *ir, unsigned vop, unsigned type, ir_val d, ir_val a, ir_val b, ir_val c,
            uint64_t imm)
{
    ir_emit(ir, IR_VEC, type, d, a, b, c, imm)->attr = (uint16_t)vop;
}

void ir_pcrel(struct ir *ir, ir_val d, int64_t distance)
{
    ir_emit(ir, IR_PCREL, IR_I64, d, IR_NONE, IR_NONE, IR_NONE, (uint64_t)distance);
}

void ir_raise(struct ir *ir, uint64_t what)
{
    ir_emit(ir, IR_RAISE, IR_I64, IR_NONE, IR_NONE, IR_NONE, IR_NONE, what);
}

void ir_br(struct ir *ir, int64_t target)
{
    ir_emit(ir, IR_BR, IR_I64, IR_NONE, IR_NONE, IR_NONE, IR_NONE, (uint64_t)target);
}

void ir_br_if(struct ir *ir, enum ir_op op, unsigned type, ir_val a, unsigned attr, int64_t target)
{
    ir_emit(ir, op, type, IR_NONE, a, IR_NONE, IR_NONE, (uint64_t)target)->attr = (uint16_t)attr;
}

void ir_br_ind(struct ir *ir, ir_val a, enum ir_branch_hint hint)
{
    ir_emit(ir, IR_BR_IND, IR_I64, IR_NONE, a, IR_NONE, IR_NONE, 0)->attr = (uint16_t)hint;
}

void ir_exit(struct ir *ir, int64_t target)
{
    ir_emit(ir, IR_EXIT, IR_I64, IR_NONE, IR_NONE, IR_NONE, IR_NONE, (uint64_t)target);
}

void ir_exit_pc(struct ir *ir)
{
    ir_emit(ir, IR_EXIT_PC, IR_I64, IR_NONE, IR_NONE, IR_NONE, IR_NONE, 0);
}

void ir_opt_all(struct ir *ir)
{
    ir_opt_dead_flags(ir);
}
