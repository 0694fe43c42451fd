// SPDX-License-Identifier: GPL-3.0-or-later
// The table of system registers, and what reading and writing the simple ones means.
#include "frontend/sysreg.h"

#include "frontend/cpu_models.h"
#include "jit/fp_host.h"
#include "jit/tlb.h"

enum {
    RO1 = SYSREG_EL1_R,
    WO1 = SYSREG_EL1_W,
    RW1 = SYSREG_EL1_R | SYSREG_EL1_W,
    RO0 = SYSREG_EL0_R | SYSREG_EL1_R,
    WO0 = SYSREG_EL0_W | SYSREG_EL1_W,
    RW0 = RO0 | WO0,
    R0W1 = SYSREG_EL0_R | RW1,
};

#define CHANGED_NONE                NULL
#define ID(op0, op1, crn, crm, op2) ((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

// clang-format off
const struct sysreg a64_sysregs[A64_NR_SYSREGS] = {
#define REG_STORED(name_, op0, op1, crn, crm, op2, access_, gate_, reset_, mask_, changed_)     \
    { .name = #name_, .id = ID(op0, op1, crn, crm, op2), .kind = SYSREG_STORED,                 \
      .access = access_, .gate = gate_, .slot = A64_##name_, .reset = reset_, .mask = mask_,    \
      .changed = changed_ },
#define REG_MODEL(name_, op0, op1, crn, crm, op2, access_, gate_)                               \
    { .name = #name_, .id = ID(op0, op1, crn, crm, op2), .kind = SYSREG_MODEL,                  \
      .access = access_, .gate = gate_, .slot = A64_MODEL_##name_ },
#define REG_HOOK(name_, op0, op1, crn, crm, op2, access_, gate_, arg_, read_, write_)           \
    { .name = #name_, .id = ID(op0, op1, crn, crm, op2), .kind = SYSREG_HOOK,                   \
      .access = access_, .gate = gate_, .arg = arg_, .read = read_, .write = write_ },
#define REG_SPECIAL(name_, op0, op1, crn, crm, op2, access_, gate_)                             \
    { .name = #name_, .id = ID(op0, op1, crn, crm, op2), .kind = SYSREG_SPECIAL,                \
      .access = access_, .gate = gate_ },
#define SYS_OP(name_, op1, crn, crm, op2, access_, gate_, arg_, fn_)                            \
    { .name = #name_, .id = ID(1, op1, crn, crm, op2), .kind = SYSREG_OP,                       \
      .access = access_, .gate = gate_, .arg = arg_, .write = fn_ },
#include "frontend/sysregs.def"
};

const struct sysreg *a64_sysreg_find(unsigned id)
{
    switch (id) {
#define CASE(name, id) case id: return &a64_sysregs[A64_SYSREG_##name];
#define REG_STORED(name, op0, op1, crn, crm, op2, ...)  CASE(name, ID(op0, op1, crn, crm, op2))
#define REG_MODEL(name, op0, op1, crn, crm, op2, ...)   CASE(name, ID(op0, op1, crn, crm, op2))
#define REG_HOOK(name, op0, op1, crn, crm, op2, ...)    CASE(name, ID(op0, op1, crn, crm, op2))
#define REG_SPECIAL(name, op0, op1, crn, crm, op2, ...) CASE(name, ID(op0, op1, crn, crm, op2))
#define SYS_OP(name, op1, crn, crm, op2, ...)           CASE(name, ID(1, op1, crn, crm, op2))
#include "frontend/sysregs.def"
    default: return NULL;
    }
}
// clang-format on

static const uint8_t needs[A64_NR_SYSREGS] = {
#define NEEDS(name, feature) [A64_SYSREG_##name] = A64_FEATURE_##feature,
#include "frontend/sysregs.def"
};

static const struct {
    uint16_t reg;
    uint8_t feature;
    uint64_t bits, fixed;
} fields[] = {
#define FIELD(name, bits, fixed, feature) { A64_SYSREG_##name, A64_FEATURE_##feature, bits, fixed },
#include "frontend/sysregs.def"
};

bool a64_sysreg_exists(const struct sysreg *reg, uint64_t lacks)
{
    return !(lacks >> needs[reg - a64_sysregs] & 1);
}

uint64_t a64_sysreg_mask(const struct sysreg *reg, uint64_t lacks)
{
    uint64_t mask = reg->mask;
    for (unsigned n = 0; lacks && n < ARRAY_SIZE(fields); n++)
        if (fields[n].reg == reg - a64_sysregs && lacks >> fields[n].feature & 1)
            mask &= ~fields[n].bits;
    return mask;
}

uint64_t a64_sysreg_fixed(const struct sysreg *reg, uint64_t lacks)
{
    uint64_t fixed = reg->reset & ~reg->mask;
    for (unsigned n = 0; lacks && n < ARRAY_SIZE(fields); n++)
        if (fields[n].reg == reg - a64_sysregs && lacks >> fields[n].feature & 1)
            fixed |= fields[n].fixed;
    return fixed;
}

// op0 3, op1 0, 1 or 3, CRn 0, CRm below 8
bool a64_sysreg_in_id_space(unsigned id)
{
    unsigned op1 = id >> 11 & 7;
    return id >> 14 == 3 && (op1 == 0 || op1 == 1 || op1 == 3) && !(id >> 6 & 31);
}

bool a64_sysreg_is_raz(unsigned id)
{
    return id >= ID(3, 0, 0, 1, 0) && id <= ID(3, 0, 0, 7, 7);
}

uint32_t a64_sysreg_iss(unsigned id, unsigned rt, bool read)
{
    unsigned op0 = id >> 14, op1 = id >> 11 & 7, crn = id >> 7 & 15, crm = id >> 3 & 15;
    return op0 << 20 | (id & 7) << 17 | op1 << 14 | crn << 10 | rt << 5 | crm << 1 | read;
}

bool a64_sysreg_gate_open(const struct a64_cpu *cpu, enum sysreg_gate gate, bool read)
{
    uint64_t pmu = cpu->v.r[A64_PMUSERENR_EL0];
    uint64_t sctlr = cpu->v.r[A64_SCTLR_EL1], cntkctl = cpu->v.r[A64_CNTKCTL_EL1];
    switch (gate) {
    case GATE_NONE:
    case GATE_FP:
        return true;
    case GATE_UCT:
        return sctlr & SCTLR_UCT;
    case GATE_UCI:
        return sctlr & SCTLR_UCI;
    case GATE_UMA:
        return sctlr & SCTLR_UMA;
    case GATE_DZE:
        return sctlr & SCTLR_DZE;
    case GATE_TDCC:
        return !(cpu->v.r[A64_MDSCR_EL1] & MDSCR_TDCC);
    case GATE_CNTFRQ:
        return cntkctl & (BIT(0) | BIT(1));
    case GATE_PCTEN:
        return cntkctl & BIT(0);
    case GATE_VCTEN:
        return cntkctl & BIT(1);
    case GATE_VTEN:
        return cntkctl & BIT(8);
    case GATE_PTEN:
        return cntkctl & BIT(9);
    case GATE_PMU:
        return pmu & BIT(0);
    case GATE_PMU_SW:
        return pmu & (BIT(0) | BIT(1));
    case GATE_PMU_CR:
        return pmu & (read ? BIT(0) | BIT(2) : BIT(0));
    case GATE_PMU_ER:
        return pmu & (read ? BIT(0) | BIT(3) : BIT(0));
    case GATE_PMU_SEL:
        return pmu & (BIT(0) | BIT(3));
    }
    return false;
}

void a64_sysreg_reset(struct a64_cpu *cpu)
{
    for (unsigned n = 0; n < A64_NR_SYSREGS; n++)
        if (a64_sysregs[n].kind == SYSREG_STORED)
            cpu->v.r[a64_sysregs[n].slot] = a64_sysregs[n].reset;
}

static uint64_t model_value(const struct a64_cpu *cpu, unsigned id)
{
    uint64_t value = cpu->model->id[id];
    if (id == A64_MODEL_ID_AA64PFR0_EL1 && !(cpu->board && cpu->board->icc_read))
        value = deposit64(value, 24, 4, 0); // a GIC without system registers
    return value;
}

static uint64_t special_value(const struct a64_cpu *cpu, const struct sysreg *reg)
{
    switch (reg - a64_sysregs) {
    case A64_SYSREG_SP_EL0:
        return cpu->v.r[A64_SP_EL0];
    case A64_SYSREG_SPSel:
        return cpu->spsel;
    case A64_SYSREG_CurrentEL:
        return (uint64_t)cpu->el << 2;
    case A64_SYSREG_DAIF:
        return (uint64_t)cpu->daif << 6;
    default: // NZCV
        return (uint64_t)cpu->v.nzcv << 28;
    }
}

static void set_special(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    switch (reg - a64_sysregs) {
    case A64_SYSREG_SP_EL0:
        cpu->v.r[A64_SP_EL0] = value;
        break;
    case A64_SYSREG_SPSel:
        cpu->spsel = value & 1;
        a64_update_mode(cpu);
        break;
    case A64_SYSREG_DAIF:
        a64_set_daif(cpu, value >> 6 & 15);
        break;
    default: // NZCV
        cpu->v.nzcv = value >> 28 & 15;
    }
}

bool a64_sysreg_get(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value)
{
    if (!(reg->access & SYSREG_EL1_R) || !a64_sysreg_exists(reg, cpu->lacks))
        return false;
    switch (reg->kind) {
    case SYSREG_STORED:
        *value = cpu->v.r[reg->slot];
        return true;
    case SYSREG_MODEL:
        *value = model_value(cpu, reg->slot);
        return true;
    case SYSREG_HOOK:
        return reg->read(cpu, reg, value);
    default:
        *value = special_value(cpu, reg);
        return true;
    }
}

bool a64_sysreg_set(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    if (!(reg->access & SYSREG_EL1_W) || !a64_sysreg_exists(reg, cpu->lacks))
        return false;
    if (reg->kind == SYSREG_SPECIAL) {
        set_special(cpu, reg, value);
        return true;
    }
    if (reg->kind != SYSREG_STORED)
        return reg->write(cpu, reg, value);
    uint64_t old = cpu->v.r[reg->slot];
    cpu->v.r[reg->slot] =
        (value & a64_sysreg_mask(reg, cpu->lacks)) | a64_sysreg_fixed(reg, cpu->lacks);
    if (reg->changed)
        reg->changed(cpu, reg, old);
    return true;
}

// After writes -----------------------------------------------------------------------------------

// The TLB may hold what these registers said before; the architecture lets it, but nobody gains.
static void flush_if(struct a64_cpu *cpu, uint64_t changed)
{
    if (changed)
        tlb_flush_all(&cpu->v);
}

void sysreg_changed_sctlr(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t old)
{
    flush_if(cpu, (old ^ cpu->v.r[reg->slot]) & (SCTLR_M | SCTLR_WXN));
    a64_update_mode(cpu);
}

void sysreg_changed_mode(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t old)
{
    a64_update_mode(cpu);
}

void sysreg_changed_regime(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t old)
{
    flush_if(cpu, old ^ cpu->v.r[reg->slot]);
    a64_update_context(cpu);
}

// A new address space: contexts with an ASID keep what they have, those without lose what was not
// global.
void sysreg_changed_ttbr(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t old)
{
    if (old == cpu->v.r[reg->slot])
        return;
    tlb_drop_nonglobal(&cpu->v);
    a64_update_context(cpu);
}

// Hooks ------------------------------------------------------------------------------------------

bool sysreg_read_zero(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value)
{
    *value = 0;
    return true;
}

bool sysreg_write_ignore(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    return true;
}

// Geometry of the cache that CSSELR_EL1 selects: sets - 1, ways - 1, log2(line) - 4.
bool sysreg_read_ccsidr(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value)
{
    uint64_t n = cpu->v.r[A64_CSSELR_EL1];
    *value = n < ARRAY_SIZE(cpu->model->ccsidr) ? cpu->model->ccsidr[n] : 0;
    return true;
}

// Blocks of 64 bytes; DZP says whether this EL may.
bool sysreg_read_dczid(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value)
{
    bool prohibited = cpu->el == 0 && !a64_sysreg_gate_open(cpu, GATE_DZE, false);
    *value = 4 | (uint64_t)prohibited << 4;
    return true;
}

bool sysreg_read_isr(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value)
{
    unsigned lines = __atomic_load_n(&cpu->irq_lines, __ATOMIC_ACQUIRE);
    *value = (lines & A64_LINE_IRQ ? BIT(7) : 0) | (lines & A64_LINE_FIQ ? BIT(6) : 0);
    return true;
}

// PAN, UAO, DIT, SSBS: arg is the field's bit, in the register as in SPSR.
static bool *pstate_field(struct a64_cpu *cpu, const struct sysreg *reg)
{
    switch (reg->arg) {
    case 22:
        return &cpu->pan;
    case 23:
        return &cpu->uao;
    case 24:
        return &cpu->dit;
    default:
        return &cpu->ssbs;
    }
}

bool sysreg_read_pstate(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value)
{
    *value = (uint64_t)*pstate_field(cpu, reg) << reg->arg;
    return true;
}

bool sysreg_write_pstate(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    *pstate_field(cpu, reg) = value >> reg->arg & 1;
    a64_update_mode(cpu);
    return true;
}

bool sysreg_read_fpcr(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value)
{
    *value = cpu->v.fp.fpcr;
    return true;
}

bool sysreg_write_fpcr(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    if (cpu->lacks & BIT(A64_FEATURE_FP16))
        value &= ~(uint64_t)FPCR_FZ16;
    fp_host_set_fpcr(&cpu->v.fp, (uint32_t)value);
    a64_update_mode(cpu);
    return true;
}

bool sysreg_read_fpsr(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value)
{
    fp_host_sync(&cpu->v.fp);
    *value = cpu->v.fp.fpsr;
    return true;
}

bool sysreg_write_fpsr(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    fp_host_sync(&cpu->v.fp);
    cpu->v.fp.fpsr = (uint32_t)value & FPSR_MASK;
    return true;
}
