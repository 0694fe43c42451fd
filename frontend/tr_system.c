// SPDX-License-Identifier: GPL-3.0-or-later
// Translation of exception generation, hints, barriers, PSTATE, and system registers and
// instructions (Arm ARM C3.2, C5). What exists and who may use it is in sysregs.def.
//
// Registers that are plain storage become a move; whatever has a side effect is a helper call, and
// a write then ends the block: with EXIT so that mode and contexts are looked at again, with a
// plain branch where only an interrupt may have become due (every branch looks at exit requests).
#include "frontend/sysreg.h"
#include "frontend/translate.h"

enum { SEMIHOST_HLT = 0xf000 };

static void branch_next(struct tr *t)
{
    ir_br(&t->ir, tr_next(t));
    t->end = true;
}

// Exceptions -------------------------------------------------------------------------------------

bool tr_svc(struct tr *t, enum a64_op op, const struct a64_exc *f)
{
    return tr_raise(t, A64_EXC(EC_SVC64, f->imm16) | A64_EXC_NEXT);
}

// There is no EL2: what calls itself firmware answers.
bool tr_hvc(struct tr *t, enum a64_op op, const struct a64_exc *f)
{
    if (!tr_el(t))
        return tr_undefined(t);
    ir_call(&t->ir, A64_HELPER_hvc, IR_NONE, IR_NONE, IR_NONE, IR_NONE, 0);
    tr_exit_next(t);
    return true;
}

bool tr_smc(struct tr *t, enum a64_op op, const struct a64_exc *f)
{
    return tr_undefined(t); // no EL3
}

bool tr_brk(struct tr *t, enum a64_op op, const struct a64_exc *f)
{
    return tr_raise(t, A64_EXC(EC_BRK64, f->imm16));
}

// Halting debug does not exist; one number is semihosting's, if the board has it.
bool tr_hlt(struct tr *t, enum a64_op op, const struct a64_exc *f)
{
    if (f->imm16 != SEMIHOST_HLT || !tr_el(t))
        return tr_undefined(t);
    ir_call(&t->ir, A64_HELPER_semihost, IR_NONE, IR_NONE, IR_NONE, IR_NONE, 0);
    tr_exit_next(t);
    return true;
}

bool tr_dcps(struct tr *t, enum a64_op op, const struct a64_exc *f)
{
    return tr_undefined(t);
}

bool tr_drps(struct tr *t, enum a64_op op, const struct a64_none *f)
{
    return tr_undefined(t);
}

bool tr_eret(struct tr *t, enum a64_op op, const struct a64_none *f)
{
    if (!tr_el(t))
        return tr_undefined(t);
    ir_call(&t->ir, A64_HELPER_eret, IR_NONE, IR_NONE, IR_NONE, IR_NONE, 0);
    ir_exit_pc(&t->ir);
    t->end = true;
    return true;
}

// Hints ------------------------------------------------------------------------------------------

bool tr_nop(struct tr *t, enum a64_op op, const struct a64_hint *f)
{
    return true;
}

bool tr_yield(struct tr *t, enum a64_op op, const struct a64_hint *f)
{
    ir_call(&t->ir, A64_HELPER_yield, IR_NONE, IR_NONE, IR_NONE, IR_NONE, 0);
    return true;
}

static bool wait(struct tr *t, enum a64_helper helper)
{
    ir_call(&t->ir, helper, IR_NONE, IR_NONE, IR_NONE, IR_NONE, 0);
    tr_exit_next(t);
    return true;
}

bool tr_wfi(struct tr *t, enum a64_op op, const struct a64_hint *f)
{
    return wait(t, A64_HELPER_wfi);
}

bool tr_wfe(struct tr *t, enum a64_op op, const struct a64_hint *f)
{
    return wait(t, A64_HELPER_wfe);
}

bool tr_sev(struct tr *t, enum a64_op op, const struct a64_hint *f)
{
    ir_call(&t->ir, A64_HELPER_sev, IR_NONE, IR_NONE, IR_NONE, IR_NONE, op == A64_SEVL);
    return true;
}

// Barriers ---------------------------------------------------------------------------------------

bool tr_clrex(struct tr *t, enum a64_op op, const struct a64_barrier *f)
{
    ir_emit(&t->ir, IR_CLREX, IR_I64, IR_NONE, IR_NONE, IR_NONE, IR_NONE, 0);
    return true;
}

static bool fence(struct tr *t)
{
    ir_emit(&t->ir, IR_FENCE, IR_I64, IR_NONE, IR_NONE, IR_NONE, IR_NONE, 0);
    return true;
}

// The host orders loads with loads, and stores with stores; only the full kind costs something.
bool tr_dmb(struct tr *t, enum a64_op op, const struct a64_barrier *f)
{
    unsigned kind = f->crm & 3;
    return kind == 1 || kind == 2 ? true : fence(t);
}

// Maintenance of other CPUs' TLBs is complete behind it.
bool tr_dsb(struct tr *t, enum a64_op op, const struct a64_barrier *f)
{
    fence(t);
    ir_call(&t->ir, A64_HELPER_dsb, IR_NONE, IR_NONE, IR_NONE, IR_NONE, 0);
    return true;
}

bool tr_isb(struct tr *t, enum a64_op op, const struct a64_barrier *f)
{
    // Everything has taken effect when it was written; interrupts are looked at.
    branch_next(t);
    return true;
}

bool tr_sb(struct tr *t, enum a64_op op, const struct a64_none *f)
{
    return true; // nothing is speculated
}

// PSTATE -----------------------------------------------------------------------------------------

static bool trap_el0(struct tr *t, unsigned id, unsigned rt, bool read)
{
    return tr_raise(t, A64_EXC(EC_SYSREG, a64_sysreg_iss(id, rt, read)));
}

// What must follow a write of a field.
enum follow { GO_ON, LOOK_AT_INTERRUPTS, LOOK_AT_MODE };

// The field that MSR (immediate) writes, who may, and what must follow.
static bool pstate_field(enum a64_op op, enum a64_pstate_imm *field, bool *el0, enum follow *follow)
{
    *el0 = false;
    *follow = LOOK_AT_MODE;
    switch (op) {
    case A64_MSR_UAO:
        *field = A64_PSTATE_UAO;
        return true;
    case A64_MSR_PAN:
        *field = A64_PSTATE_PAN;
        return true;
    case A64_MSR_SPSEL:
        *field = A64_PSTATE_SPSEL;
        return true;
    case A64_MSR_SSBS:
    case A64_MSR_DIT:
        *field = op == A64_MSR_DIT ? A64_PSTATE_DIT : A64_PSTATE_SSBS;
        *el0 = true;
        *follow = GO_ON;
        return true;
    case A64_MSR_DAIFSET:
        *field = A64_PSTATE_DAIFSET;
        *el0 = true;     // behind a gate
        *follow = GO_ON; // masking makes nothing due
        return true;
    case A64_MSR_DAIFCLR:
        *field = A64_PSTATE_DAIFCLR;
        *el0 = true;
        *follow = LOOK_AT_INTERRUPTS;
        return true;
    default:
        return false;
    }
}

bool tr_msr_imm(struct tr *t, enum a64_op op, const struct a64_msr_imm *f)
{
    enum a64_pstate_imm field;
    enum follow follow;
    bool el0;
    if (!pstate_field(op, &field, &el0, &follow))
        return false;
    if (!tr_el(t) && !el0)
        return tr_undefined(t);
    bool daif = field == A64_PSTATE_DAIFSET || field == A64_PSTATE_DAIFCLR;
    if (daif && !tr_el(t) && !(t->mode & A64_MODE_UMA))
        return trap_el0(t, a64_sysreg_id(0, f->op1, 4, f->crm, f->op2), 31, false);
    ir_call(&t->ir, A64_HELPER_pstate_set, IR_NONE, IR_NONE, IR_NONE, IR_NONE,
            (uint64_t)field << 4 | f->crm);
    if (follow == LOOK_AT_INTERRUPTS)
        branch_next(t);
    else if (follow == LOOK_AT_MODE)
        tr_exit_next(t);
    return true;
}

// Registers --------------------------------------------------------------------------------------

// Which gates are closed can be read off the mode for these; the others are the helper's.
static bool gate_closed_by_mode(const struct tr *t, enum sysreg_gate gate)
{
    if (tr_el(t))
        return false;
    switch (gate) {
    case GATE_UCT:
        return !(t->mode & A64_MODE_UCT);
    case GATE_UCI:
        return !(t->mode & A64_MODE_UCI);
    case GATE_UMA:
        return !(t->mode & A64_MODE_UMA);
    case GATE_DZE:
        return !(t->mode & A64_MODE_DZE);
    default:
        return false;
    }
}

// Everything that keeps an access from happening. True: the exception has been emitted.
static bool refused(struct tr *t, const struct sysreg *reg, const struct a64_system *f, bool read)
{
    unsigned need = tr_el(t) ? read ? SYSREG_EL1_R : SYSREG_EL1_W
                    : read   ? SYSREG_EL0_R
                             : SYSREG_EL0_W;
    if (!(reg->access & need))
        return tr_undefined(t);
    if (gate_closed_by_mode(t, reg->gate))
        return trap_el0(t, reg->id, f->rt, read);
    return reg->gate == GATE_FP && !tr_fp_enabled(t);
}

// The register's row, or NULL where the CPU has none.
static const struct sysreg *find(const struct tr *t, unsigned id)
{
    const struct sysreg *reg = a64_sysreg_find(id);
    return reg && a64_sysreg_exists(reg, tr_lacks(t)) ? reg : NULL;
}

static bool unknown(struct tr *t, unsigned id, bool read)
{
    ir_call(&t->ir, A64_HELPER_sysreg_unknown, IR_NONE, IR_NONE, IR_NONE, IR_NONE,
            id | (uint64_t)read << 16);
    return tr_undefined(t); // never reached; every block has an end
}

static uint64_t call_imm(const struct sysreg *reg, const struct a64_system *f)
{
    return (uint64_t)(reg - a64_sysregs) | (uint64_t)f->rt << 16;
}

// Can the slot be read and written without asking anybody?
static bool is_plain(const struct tr *t, const struct sysreg *reg)
{
    return reg->kind == SYSREG_STORED && (reg->gate == GATE_NONE || tr_el(t));
}

static bool read_special(struct tr *t, const struct sysreg *reg, ir_val d)
{
    uint64_t value;
    switch (reg - a64_sysregs) {
    case A64_SYSREG_NZCV:
        ir_emit(&t->ir, IR_GET_NZCV, IR_I64, d, IR_NONE, IR_NONE, IR_NONE, 0);
        return true;
    case A64_SYSREG_SP_EL0:
        if (!(t->mode & A64_MODE_SPSEL))
            return tr_undefined(t);
        ir_MOV(&t->ir, IR_I64, d, ir_r(A64_SP_EL0), 0);
        return true;
    case A64_SYSREG_DAIF:
        ir_call(&t->ir, A64_HELPER_daif_read, d, IR_NONE, IR_NONE, IR_NONE, 0);
        return true;
    case A64_SYSREG_SPSel:
        value = t->mode & A64_MODE_SPSEL ? 1 : 0;
        break;
    default: // CurrentEL
        value = 1 << 2;
    }
    ir_MOV(&t->ir, IR_I64, d, ir_const(&t->ir, value), 0);
    return true;
}

// What it reads depends on the instructions executed, which are known at the end of a block.
static bool counts(const struct sysreg *reg)
{
    return reg->kind == SYSREG_HOOK && (reg->read == pmu_read_counter || reg->read == pmu_read_set);
}

bool tr_mrs(struct tr *t, enum a64_op op, const struct a64_system *f)
{
    unsigned id = a64_sysreg_id(f->op0, f->op1, f->crn, f->crm, f->op2);
    const struct sysreg *reg = find(t, id);
    ir_val d = f->rt == 31 ? ir_tmp(&t->ir) : tr_xd(f->rt);
    bool el0_may = reg && reg->access & SYSREG_EL0_R;
    if (!tr_el(t) && !el0_may && a64_sysreg_in_id_space(id))
        return tr_has(t, A64_FEATURE_IDST) ? trap_el0(t, id, f->rt, true) : tr_undefined(t);
    if (!reg && a64_sysreg_is_raz(id)) {
        ir_MOV(&t->ir, IR_I64, d, ir_const(&t->ir, 0), 0);
        return true;
    }
    if (!reg)
        return unknown(t, id, true);
    if (refused(t, reg, f, true))
        return true;
    if (reg->kind == SYSREG_SPECIAL)
        return read_special(t, reg, d);
    if (is_plain(t, reg))
        ir_MOV(&t->ir, IR_I64, d, ir_r(reg->slot), 0);
    else
        ir_call(&t->ir, A64_HELPER_sysreg_read, d, IR_NONE, IR_NONE, IR_NONE, call_imm(reg, f));
    if (counts(reg))
        branch_next(t);
    return true;
}

static bool write_special(struct tr *t, const struct sysreg *reg, const struct a64_system *f)
{
    switch (reg - a64_sysregs) {
    case A64_SYSREG_NZCV:
        ir_emit(&t->ir, IR_SET_NZCV, IR_I64, IR_NONE, tr_x(t, f->rt), IR_NONE, IR_NONE, 0);
        return true;
    case A64_SYSREG_SP_EL0:
        if (!(t->mode & A64_MODE_SPSEL))
            return tr_undefined(t);
        ir_MOV(&t->ir, IR_I64, ir_r(A64_SP_EL0), tr_x(t, f->rt), 0);
        return true;
    case A64_SYSREG_DAIF:
        ir_call(&t->ir, A64_HELPER_daif_write, IR_NONE, tr_x(t, f->rt), IR_NONE, IR_NONE, 0);
        branch_next(t);
        return true;
    default: // SPSel
        ir_call(&t->ir, A64_HELPER_sysreg_write, IR_NONE, tr_x(t, f->rt), IR_NONE, IR_NONE,
                call_imm(reg, f));
        tr_exit_next(t);
        return true;
    }
}

// value & mask | fixed bits, into the slot.
static void write_plain(struct tr *t, const struct sysreg *reg, ir_val value)
{
    ir_val slot = ir_r(reg->slot);
    uint64_t mask = a64_sysreg_mask(reg, tr_lacks(t)), fixed = a64_sysreg_fixed(reg, tr_lacks(t));
    if (mask == ~UINT64_C(0)) {
        ir_MOV(&t->ir, IR_I64, slot, value, 0);
        return;
    }
    ir_val kept = fixed ? ir_tmp(&t->ir) : slot;
    ir_AND(&t->ir, IR_I64, kept, value, ir_const(&t->ir, mask));
    if (fixed)
        ir_OR(&t->ir, IR_I64, slot, kept, ir_const(&t->ir, fixed));
}

// Registers of the board's: at most an interrupt becomes due, or ceases to be.
static bool is_board(const struct sysreg *reg)
{
    return reg->kind == SYSREG_HOOK && (reg->write == icc_write || reg->write == timer_write_reg);
}

bool tr_msr(struct tr *t, enum a64_op op, const struct a64_system *f)
{
    unsigned id = a64_sysreg_id(f->op0, f->op1, f->crn, f->crm, f->op2);
    const struct sysreg *reg = find(t, id);
    if (!reg)
        return unknown(t, id, false);
    if (refused(t, reg, f, false))
        return true;
    if (reg->kind == SYSREG_SPECIAL)
        return write_special(t, reg, f);
    ir_val value = tr_x(t, f->rt);
    if (is_plain(t, reg) && !reg->changed) {
        write_plain(t, reg, value);
        return true;
    }
    ir_call(&t->ir, A64_HELPER_sysreg_write, IR_NONE, value, IR_NONE, IR_NONE, call_imm(reg, f));
    if (is_board(reg))
        branch_next(t);
    else
        tr_exit_next(t);
    return true;
}

// System instructions ----------------------------------------------------------------------------

// Data cache maintenance changes nothing that the block depends on.
static bool ends_block(const struct sysreg *reg)
{
    return reg->write != sysop_dc_va && reg->write != sysop_dc_setway &&
           reg->write != sysop_dc_zva && reg->write != sysop_at;
}

bool tr_sys(struct tr *t, enum a64_op op, const struct a64_system *f)
{
    unsigned id = a64_sysreg_id(1, f->op1, f->crn, f->crm, f->op2);
    const struct sysreg *reg = find(t, id);
    if (!reg)
        return unknown(t, id, false);
    if (refused(t, reg, f, false))
        return true;
    unsigned helper = reg->write == sysop_dc_zva ? A64_HELPER_dc_zva : A64_HELPER_sys_op;
    ir_call(&t->ir, helper, IR_NONE, tr_x(t, f->rt), IR_NONE, IR_NONE, call_imm(reg, f));
    if (ends_block(reg))
        tr_exit_next(t);
    return true;
}

// No system instruction of armlet's has a result.
bool tr_sysl(struct tr *t, enum a64_op op, const struct a64_system *f)
{
    return unknown(t, a64_sysreg_id(1, f->op1, f->crn, f->crm, f->op2), true);
}
