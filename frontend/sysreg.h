// SPDX-License-Identifier: GPL-3.0-or-later
// System registers and system instructions as data: the table that sysregs.def expands to.
//
// The table is constant. Access rights that depend on the exception level alone are the
// translator's to check; a gate (a control bit that traps EL0) and hooks that may refuse are
// checked when the access runs, in a64_helper_sysreg_read() and its neighbours.
#ifndef FRONTEND_SYSREG_H
#define FRONTEND_SYSREG_H

#include "frontend/cpu.h"

// Who may read and write.
enum sysreg_access {
    SYSREG_EL0_R = 1,
    SYSREG_EL0_W = 2,
    SYSREG_EL1_R = 4,
    SYSREG_EL1_W = 8,
};

// The control that traps an access from EL0 which sysreg_access would allow.
enum sysreg_gate {
    GATE_NONE,
    GATE_UCT,    // SCTLR_EL1.UCT
    GATE_UCI,    // SCTLR_EL1.UCI
    GATE_UMA,    // SCTLR_EL1.UMA
    GATE_DZE,    // SCTLR_EL1.DZE
    GATE_TDCC,   // MDSCR_EL1.TDCC
    GATE_CNTFRQ, // CNTKCTL_EL1.EL0PCTEN or EL0VCTEN
    GATE_PCTEN,  // CNTKCTL_EL1.EL0PCTEN
    GATE_VCTEN,  // CNTKCTL_EL1.EL0VCTEN
    GATE_PTEN,   // CNTKCTL_EL1.EL0PTEN
    GATE_VTEN,   // CNTKCTL_EL1.EL0VTEN
    GATE_PMU,    // PMUSERENR_EL0.EN
    GATE_PMU_SW, // PMUSERENR_EL0.EN or SW
    GATE_PMU_CR, // PMUSERENR_EL0.EN, or CR for reads
    GATE_PMU_ER, // PMUSERENR_EL0.EN, or ER for reads
    GATE_PMU_SEL, // PMUSERENR_EL0.EN or ER
    GATE_FP,     // CPACR_EL1.FPEN, at EL1 too; emitted by the translator
};

enum sysreg_kind { SYSREG_STORED, SYSREG_MODEL, SYSREG_HOOK, SYSREG_SPECIAL, SYSREG_OP };

struct sysreg {
    const char *name;
    uint16_t id;     // a64_sysreg_id()
    uint8_t kind;    // enum sysreg_kind
    uint8_t access;  // enum sysreg_access
    uint8_t gate;    // enum sysreg_gate
    uint16_t slot;   // STORED: of vcpu.r[]; MODEL: of a64_model.id[]
    uint16_t arg;    // HOOK, OP: the row's own
    uint64_t reset, mask;
    void (*changed)(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t old);
    // False: an exception has been recorded with a64_fail().
    bool (*read)(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value);
    bool (*write)(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value); // HOOK, OP
};

// Index into a64_sysregs[].
enum a64_sysreg_index {
#define REG_STORED(name, ...)  A64_SYSREG_##name,
#define REG_MODEL(name, ...)   A64_SYSREG_##name,
#define REG_HOOK(name, ...)    A64_SYSREG_##name,
#define REG_SPECIAL(name, ...) A64_SYSREG_##name,
#define SYS_OP(name, ...)      A64_SYSREG_##name,
#include "frontend/sysregs.def"
    A64_NR_SYSREGS
};

extern const struct sysreg a64_sysregs[A64_NR_SYSREGS];

// The row of an encoding, or NULL.
const struct sysreg *a64_sysreg_find(unsigned id);
// Is there such a register on a CPU that lacks these features?
bool a64_sysreg_exists(const struct sysreg *reg, uint64_t lacks);
// Which bits of a stored register are writable on a CPU that lacks these features, and what the
// others are.
uint64_t a64_sysreg_mask(const struct sysreg *reg, uint64_t lacks);
uint64_t a64_sysreg_fixed(const struct sysreg *reg, uint64_t lacks);
// Is this in the feature ID space, reads of which FEAT_IDST traps from EL0?
bool a64_sysreg_in_id_space(unsigned id);
// Is this an unassigned place of the ID space, which reads as zero at EL1?
bool a64_sysreg_is_raz(unsigned id);
// ISS of the exception that a trapped MSR, MRS or SYS takes.
uint32_t a64_sysreg_iss(unsigned id, unsigned rt, bool read);
// Does the gate let EL0 pass?
bool a64_sysreg_gate_open(const struct a64_cpu *cpu, enum sysreg_gate gate, bool read);

// As the guest would, at EL1, without the exceptions: for debuggers and tests. False: there is no
// such access.
bool a64_sysreg_get(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value);
bool a64_sysreg_set(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value);

// Reset values into the slots.
void a64_sysreg_reset(struct a64_cpu *cpu);

// SCTLR_EL1
#define SCTLR_M     BIT(0)
#define SCTLR_A     BIT(1)
#define SCTLR_C     BIT(2)
#define SCTLR_SA    BIT(3)
#define SCTLR_SA0   BIT(4)
#define SCTLR_UMA   BIT(9)
#define SCTLR_I     BIT(12)
#define SCTLR_DZE   BIT(14)
#define SCTLR_UCT   BIT(15)
#define SCTLR_nTWI  BIT(16)
#define SCTLR_nTWE  BIT(18)
#define SCTLR_WXN   BIT(19)
#define SCTLR_SPAN  BIT(23)
#define SCTLR_UCI   BIT(26)
#define SCTLR_DSSBS BIT(44)
#define A64_SCTLR_MASK                                                                           \
    (SCTLR_M | SCTLR_A | SCTLR_C | SCTLR_SA | SCTLR_SA0 | SCTLR_UMA | SCTLR_I | SCTLR_DZE |      \
     SCTLR_UCT | SCTLR_nTWI | SCTLR_nTWE | SCTLR_WXN | SCTLR_SPAN | SCTLR_UCI | SCTLR_DSSBS)

// TCR_EL1; the fields of TTBR1's half are 16 bits up where not named.
#define TCR_EPD0    BIT(7)
#define TCR_A1      BIT(22)
#define TCR_EPD1    BIT(23)
#define TCR_AS      BIT(36)
#define TCR_TBI0    BIT(37)
#define TCR_TBI1    BIT(38)
#define TCR_HA      BIT(39)
#define TCR_HD      BIT(40)
#define TCR_HPD0    BIT(41)
#define TCR_HPD1    BIT(42)
#define TCR_HWU     (UINT64_C(0xff) << 43)
#define TCR_E0PD0   BIT(55)
#define TCR_E0PD1   BIT(56)
#define A64_TCR_MASK (UINT64_C(0x01807ff7ffffffbf))

// MDSCR_EL1
#define MDSCR_SS    BIT(0)
#define MDSCR_TDCC  BIT(12)
#define MDSCR_KDE   BIT(13)
#define MDSCR_MDE   BIT(15)

// Hooks (sysreg.c, timer_regs.c, debug_regs.c, pmu.c, helpers_system.c, tlbi.c) --------------------------

typedef bool sysreg_read_fn(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value);
typedef bool sysreg_write_fn(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value);
typedef void sysreg_changed_fn(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t old);

sysreg_changed_fn sysreg_changed_sctlr, sysreg_changed_mode, sysreg_changed_ttbr,
    sysreg_changed_regime;
sysreg_read_fn sysreg_read_zero, sysreg_read_ccsidr, sysreg_read_dczid, sysreg_read_isr,
    sysreg_read_pstate, sysreg_read_fpcr, sysreg_read_fpsr;
sysreg_write_fn sysreg_write_ignore, sysreg_write_pstate, sysreg_write_fpcr,
    sysreg_write_fpsr;

#define TIMER_ARG(which, reg) (A64_TIMER_##which << 4 | A64_TIMER_##reg)
sysreg_read_fn timer_read_counter, timer_read_reg, icc_read;
sysreg_write_fn timer_write_reg, icc_write;
sysreg_read_fn debug_read_claimset, debug_read_claimclr;
sysreg_changed_fn debug_changed_mdscr, debug_changed_match, debug_changed_dbgwvr;
sysreg_write_fn debug_write_claimset, debug_write_claimclr, debug_write_oslar;

enum {
    PMU_ENABLED = 0,
    PMU_OVERFLOW = 2,
    PMU_INTERRUPT = 4,
    PMU_CLEAR = 1,
    PMU_SELECTED = 0x80,
    PMU_NONE = 0x81,
};
sysreg_read_fn pmu_read_pmcr, pmu_read_set, pmu_read_selr, pmu_read_ceid, pmu_read_counter,
    pmu_read_type;
sysreg_write_fn pmu_write_pmcr, pmu_write_set, pmu_write_selr, pmu_write_swinc, pmu_write_counter,
    pmu_write_type;

enum { AT_EL1 = 1, AT_WRITE = 2, AT_PAN = 4 };
sysreg_write_fn sysop_ic_all, sysop_ic_va, sysop_dc_va, sysop_dc_setway, sysop_dc_zva, sysop_at;
sysreg_write_fn tlbi_all, tlbi_va, tlbi_asid;

#endif
