// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/jit/insns.h"

static void emit(struct toy *t, struct ir *ir, uint32_t arg)
{
    int64_t off = ir->cur_off;
    unsigned op = t->word >> 24;
    switch (op) {
    case OP_INC:
        ir_ADD(ir, IR_I64, ir_r(arg), ir_r(arg), ir_const(ir, 1));
        break;
    case OP_LOOP:
        ir_SUBS(ir, IR_I64, ir_r(1), ir_r(1), ir_const(ir, 1));
        ir_br_if(ir, IR_BR_COND, 0, IR_NONE, 0x0f0f, off - 4 * (int64_t)arg);
        break;
    case OP_LOOP_NZ:
        ir_SUB(ir, IR_I64, ir_r(1), ir_r(1), ir_const(ir, 1));
        ir_br_if(ir, IR_BR_NZ, IR_I64, ir_r(1), 0, off - 4 * (int64_t)arg);
        break;
    case OP_BR:
        ir_br(ir, off + sext64(arg, 24));
        break;
    case OP_IND:
        ir_br_ind(ir, ir_r(2), IR_HINT_JUMP);
        break;
    case OP_STORE:
        ir_store(ir, IR_ST32, 0, ir_r(3), IR_NONE, ir_r(4), IR_NONE, 0);
        break;
    case OP_EXIT:
        ir_exit(ir, off + 4);
        break;
    case OP_CALL:
    case OP_CALL_EXIT:
    case OP_CALL_PC:
        ir_call(ir, TOY_HELPER_FREE + arg, IR_NONE, IR_NONE, IR_NONE, IR_NONE, 0);
        if (op == OP_CALL_EXIT)
            ir_exit(ir, off + 4);
        if (op == OP_CALL_PC)
            ir_exit_pc(ir);
        break;
    case OP_SET:
        ir_MOV(ir, IR_I64, ir_r(6), ir_const(ir, arg), 0);
        break;
    }
}

struct toy *insns_machine(void)
{
    struct toy *t = toy_create();
    for (unsigned n = 1; n < OP_LAST; n++)
        t->emit[n] = emit;
    return t;
}

void insns_helper(struct toy *t, unsigned n, ir_fn *fn)
{
    t->helpers[TOY_HELPER_FREE + n] =
        (struct helper){"test", fn, HELPER_READS_REGS | HELPER_WRITES_REGS};
}

struct vcpu_stats insns_run(struct toy *t, gva_t pc, uint64_t icount)
{
    struct vcpu_stats was = t->cpu.stats, now;
    unsigned faults = t->nr_faults;
    uint64_t count = toy_run(t, pc);
    cr_expect_eq(count, icount, "from %#lx: %lu instructions, not %lu", pc, count, icount);
    cr_expect_eq(t->nr_faults, faults, "from %#lx: a fault, %d at %#lx", pc, t->fault.kind,
                 t->fault.va);
    now = t->cpu.stats;
#define STAT(name, help) now.name -= was.name;
#include "jit/stats.def"
#undef STAT
    return now;
}

bool insns_translated(struct toy *t)
{
    mutex_lock(&t->jit.lock);
    bool any = t->cpu.stats.tb_translated;
    mutex_unlock(&t->jit.lock);
    return any;
}
