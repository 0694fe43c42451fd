// SPDX-License-Identifier: GPL-3.0-or-later
// Self-hosted debug: the OS lock, claim tags, and software step (Arm ARM D2.12). What breakpoints and
// watchpoints match is in debug_match.c.
//
// Stepping: with PSTATE.SS set a block is one instruction. The step_begin helper announces it; when
// interrupts are looked at next without an exception in between it has completed and PSTATE.SS
// falls, which makes the step exception due before the next instruction.
#include "frontend/debug_regs.h"

#include "frontend/sysreg.h"
#include "jit/debug.h"
#include "jit/tlb.h"

_Static_assert(A64_MODE_LACKS > 17 && VCPU_MODE_DEBUG > A64_MODE_BREAK, "bits of the mode are used once");

void debug_changed_mdscr(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t old)
{
    if ((old ^ cpu->v.r[reg->slot]) & MDSCR_MDE)
        tlb_flush_all(&cpu->v);
    a64_update_mode(cpu);
}

// Other pages than before hold breakpoints or watched bytes.
void debug_changed_match(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t old)
{
    if (old == cpu->v.r[reg->slot] || !(cpu->v.r[A64_MDSCR_EL1] & MDSCR_MDE))
        return;
    tlb_flush_all(&cpu->v);
    a64_update_context(cpu);
}

// The bits above the address are its sign.
void debug_changed_dbgwvr(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t old)
{
    cpu->v.r[reg->slot] = (uint64_t)sext64(cpu->v.r[reg->slot], 49);
    debug_changed_match(cpu, reg, old);
}

bool debug_write_oslar(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    cpu->v.r[A64_OSLSR_EL1] = deposit64(cpu->v.r[A64_OSLSR_EL1], 1, 1, value & 1);
    a64_update_mode(cpu);
    return true;
}

// Reading CLAIMSET says which tags exist, CLAIMCLR which are set.
bool debug_read_claimset(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value)
{
    *value = 0xff;
    return true;
}

bool debug_read_claimclr(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value)
{
    *value = cpu->claim;
    return true;
}

bool debug_write_claimset(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    cpu->claim |= (uint8_t)value;
    return true;
}

bool debug_write_claimclr(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    cpu->claim &= (uint8_t)~value;
    return true;
}

// Translation ------------------------------------------------------------------------------------

// A debugger outside the guest, on this page: breakpoints before what the guest itself may want.
static void outside_debugger(struct tr *t)
{
    const struct debug_set *s = t->ir.debug;
    bool asks = debug_set_asks(s, t->off);
    if (!asks && !s->trace)
        return;
    ir_val pc = ir_tmp(&t->ir);
    ir_pcrel(&t->ir, pc, (int64_t)t->off);
    if (asks)
        ir_call(&t->ir, A64_HELPER_debug_check, IR_NONE, pc, IR_NONE, IR_NONE, 0);
    if (s->trace)
        ir_call(&t->ir, A64_HELPER_debug_trace, IR_NONE, pc, IR_NONE, IR_NONE, 0);
}

bool tr_debug_before(struct tr *t)
{
    if (likely(!(t->mode & (A64_MODE_STEP | A64_MODE_STEP_PENDING | A64_MODE_BREAK | A64_MODE_IL |
                            VCPU_MODE_DEBUG))))
        return false;
    if (t->mode & A64_MODE_STEP_PENDING)
        return tr_raise(t, A64_EXC(EC_STEP, 0));
    if (t->ir.debug)
        outside_debugger(t);
    if (t->mode & A64_MODE_BREAK) {
        ir_val pc = ir_tmp(&t->ir);
        ir_pcrel(&t->ir, pc, (int64_t)t->off);
        ir_call(&t->ir, A64_HELPER_break_check, IR_NONE, pc, IR_NONE, IR_NONE, 0);
    }
    if (t->mode & A64_MODE_IL)
        return tr_raise(t, A64_EXC(EC_ILLEGAL_STATE, 0));
    if (t->mode & A64_MODE_STEP)
        ir_call(&t->ir, A64_HELPER_step_begin, IR_NONE, IR_NONE, IR_NONE, IR_NONE, 0);
    return false;
}

void tr_debug_after(struct tr *t)
{
    if (likely(!(t->mode & A64_MODE_STEP)))
        return;
    // The syndrome tells a load-exclusive: stepping into the loop around it would never end.
    struct ir_insn *begin = NULL;
    for (unsigned n = 0; n < t->ir.nr; n++) {
        struct ir_insn *i = &t->ir.insn[n];
        if (i->op == IR_CALL && i->attr == A64_HELPER_step_begin)
            begin = i;
        if (i->op == IR_LDX && begin)
            begin->imm = 1;
    }
    tr_exit_next(t);
}
