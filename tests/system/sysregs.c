// SPDX-License-Identifier: GPL-3.0-or-later
// System registers by instruction: who may read and write each, what it resets to, which bits
// stick, what traps EL0. The lists here are written from the Arm ARM, not from sysregs.def.
#include "box.h"

#include <string.h>

// Encoding and rights: r w at EL0, R W at EL1.
struct row {
    const char *name;
    uint8_t op0, op1, crn, crm, op2;
    const char *rights;
};

// clang-format off
static const struct row rows[] = {
    { "MIDR_EL1", 3,0,0,0,0, "R" }, { "MPIDR_EL1", 3,0,0,0,5, "R" }, { "REVIDR_EL1", 3,0,0,0,6, "R" },
    { "ID_AA64PFR0_EL1", 3,0,0,4,0, "R" }, { "ID_AA64PFR1_EL1", 3,0,0,4,1, "R" },
    { "ID_AA64DFR0_EL1", 3,0,0,5,0, "R" }, { "ID_AA64DFR1_EL1", 3,0,0,5,1, "R" },
    { "ID_AA64ISAR0_EL1", 3,0,0,6,0, "R" }, { "ID_AA64ISAR1_EL1", 3,0,0,6,1, "R" },
    { "ID_AA64ISAR2_EL1", 3,0,0,6,2, "R" }, { "ID_AA64MMFR0_EL1", 3,0,0,7,0, "R" },
    { "ID_AA64MMFR1_EL1", 3,0,0,7,1, "R" }, { "ID_AA64MMFR2_EL1", 3,0,0,7,2, "R" },
    { "CCSIDR_EL1", 3,1,0,0,0, "R" }, { "CLIDR_EL1", 3,1,0,0,1, "R" }, { "AIDR_EL1", 3,1,0,0,7, "R" },
    { "CSSELR_EL1", 3,2,0,0,0, "RW" }, { "CTR_EL0", 3,3,0,0,1, "rR" }, { "DCZID_EL0", 3,3,0,0,7, "rR" },
    { "SCTLR_EL1", 3,0,1,0,0, "RW" }, { "ACTLR_EL1", 3,0,1,0,1, "RW" }, { "CPACR_EL1", 3,0,1,0,2, "RW" },
    { "TTBR0_EL1", 3,0,2,0,0, "RW" }, { "TTBR1_EL1", 3,0,2,0,1, "RW" }, { "TCR_EL1", 3,0,2,0,2, "RW" },
    { "SPSR_EL1", 3,0,4,0,0, "RW" }, { "ELR_EL1", 3,0,4,0,1, "RW" }, { "SP_EL0", 3,0,4,1,0, "RW" },
    { "SPSel", 3,0,4,2,0, "RW" }, { "CurrentEL", 3,0,4,2,2, "R" }, { "PAN", 3,0,4,2,3, "RW" },
    { "UAO", 3,0,4,2,4, "RW" }, { "AFSR0_EL1", 3,0,5,1,0, "RW" }, { "AFSR1_EL1", 3,0,5,1,1, "RW" },
    { "ESR_EL1", 3,0,5,2,0, "RW" }, { "FAR_EL1", 3,0,6,0,0, "RW" }, { "PAR_EL1", 3,0,7,4,0, "RW" },
    { "MAIR_EL1", 3,0,10,2,0, "RW" }, { "AMAIR_EL1", 3,0,10,3,0, "RW" }, { "VBAR_EL1", 3,0,12,0,0, "RW" },
    { "LORSA_EL1", 3,0,10,4,0, "RW" }, { "LOREA_EL1", 3,0,10,4,1, "RW" }, { "LORN_EL1", 3,0,10,4,2, "RW" },
    { "LORC_EL1", 3,0,10,4,3, "RW" }, { "LORID_EL1", 3,0,10,4,7, "R" },
    { "RVBAR_EL1", 3,0,12,0,1, "R" }, { "ISR_EL1", 3,0,12,1,0, "R" },
    { "CONTEXTIDR_EL1", 3,0,13,0,1, "RW" }, { "TPIDR_EL1", 3,0,13,0,4, "RW" },
    { "TPIDR_EL0", 3,3,13,0,2, "rwRW" }, { "TPIDRRO_EL0", 3,3,13,0,3, "rRW" },
    { "NZCV", 3,3,4,2,0, "rwRW" }, { "DAIF", 3,3,4,2,1, "rwRW" }, { "DIT", 3,3,4,2,5, "rwRW" },
    { "SSBS", 3,3,4,2,6, "rwRW" }, { "FPCR", 3,3,4,4,0, "rwRW" }, { "FPSR", 3,3,4,4,1, "rwRW" },
    { "CNTKCTL_EL1", 3,0,14,1,0, "RW" }, { "CNTFRQ_EL0", 3,3,14,0,0, "rRW" },
    { "CNTPCT_EL0", 3,3,14,0,1, "rR" }, { "CNTVCT_EL0", 3,3,14,0,2, "rR" },
    { "CNTP_TVAL_EL0", 3,3,14,2,0, "rwRW" }, { "CNTP_CTL_EL0", 3,3,14,2,1, "rwRW" },
    { "CNTP_CVAL_EL0", 3,3,14,2,2, "rwRW" }, { "CNTV_TVAL_EL0", 3,3,14,3,0, "rwRW" },
    { "CNTV_CTL_EL0", 3,3,14,3,1, "rwRW" }, { "CNTV_CVAL_EL0", 3,3,14,3,2, "rwRW" },
    { "ICC_PMR_EL1", 3,0,4,6,0, "RW" }, { "ICC_IAR0_EL1", 3,0,12,8,0, "R" },
    { "ICC_EOIR0_EL1", 3,0,12,8,1, "W" }, { "ICC_HPPIR0_EL1", 3,0,12,8,2, "R" },
    { "ICC_BPR0_EL1", 3,0,12,8,3, "RW" }, { "ICC_AP0R0_EL1", 3,0,12,8,4, "RW" },
    { "ICC_AP0R1_EL1", 3,0,12,8,5, "RW" }, { "ICC_AP0R2_EL1", 3,0,12,8,6, "RW" },
    { "ICC_AP0R3_EL1", 3,0,12,8,7, "RW" }, { "ICC_AP1R0_EL1", 3,0,12,9,0, "RW" },
    { "ICC_AP1R1_EL1", 3,0,12,9,1, "RW" }, { "ICC_AP1R2_EL1", 3,0,12,9,2, "RW" },
    { "ICC_AP1R3_EL1", 3,0,12,9,3, "RW" }, { "ICC_DIR_EL1", 3,0,12,11,1, "W" },
    { "ICC_RPR_EL1", 3,0,12,11,3, "R" }, { "ICC_SGI1R_EL1", 3,0,12,11,5, "W" },
    { "ICC_ASGI1R_EL1", 3,0,12,11,6, "W" }, { "ICC_SGI0R_EL1", 3,0,12,11,7, "W" },
    { "ICC_IAR1_EL1", 3,0,12,12,0, "R" }, { "ICC_EOIR1_EL1", 3,0,12,12,1, "W" },
    { "ICC_HPPIR1_EL1", 3,0,12,12,2, "R" }, { "ICC_BPR1_EL1", 3,0,12,12,3, "RW" },
    { "ICC_CTLR_EL1", 3,0,12,12,4, "RW" }, { "ICC_SRE_EL1", 3,0,12,12,5, "RW" },
    { "ICC_IGRPEN0_EL1", 3,0,12,12,6, "RW" }, { "ICC_IGRPEN1_EL1", 3,0,12,12,7, "RW" },
    { "OSDTRRX_EL1", 2,0,0,0,2, "RW" }, { "MDCCINT_EL1", 2,0,0,2,0, "RW" }, { "MDSCR_EL1", 2,0,0,2,2, "RW" },
    { "OSDTRTX_EL1", 2,0,0,3,2, "RW" }, { "OSECCR_EL1", 2,0,0,6,2, "RW" }, { "MDRAR_EL1", 2,0,1,0,0, "R" },
    { "OSLAR_EL1", 2,0,1,0,4, "W" }, { "OSLSR_EL1", 2,0,1,1,4, "R" }, { "OSDLR_EL1", 2,0,1,3,4, "RW" },
    { "DBGPRCR_EL1", 2,0,1,4,4, "RW" }, { "DBGCLAIMSET_EL1", 2,0,7,8,6, "RW" },
    { "DBGCLAIMCLR_EL1", 2,0,7,9,6, "RW" }, { "DBGAUTHSTATUS_EL1", 2,0,7,14,6, "R" },
    { "MDCCSR_EL0", 2,3,0,1,0, "rR" }, { "DBGDTR_EL0", 2,3,0,4,0, "rwRW" }, { "DBGDTRRX_EL0", 2,3,0,5,0, "rwRW" },
    { "DBGBVR0_EL1", 2,0,0,0,4, "RW" }, { "DBGBCR0_EL1", 2,0,0,0,5, "RW" },
    { "DBGBVR1_EL1", 2,0,0,1,4, "RW" }, { "DBGBCR1_EL1", 2,0,0,1,5, "RW" },
    { "DBGBVR2_EL1", 2,0,0,2,4, "RW" }, { "DBGBCR2_EL1", 2,0,0,2,5, "RW" },
    { "DBGBVR3_EL1", 2,0,0,3,4, "RW" }, { "DBGBCR3_EL1", 2,0,0,3,5, "RW" },
    { "DBGBVR4_EL1", 2,0,0,4,4, "RW" }, { "DBGBCR4_EL1", 2,0,0,4,5, "RW" },
    { "DBGBVR5_EL1", 2,0,0,5,4, "RW" }, { "DBGBCR5_EL1", 2,0,0,5,5, "RW" },
    { "DBGWVR0_EL1", 2,0,0,0,6, "RW" }, { "DBGWCR0_EL1", 2,0,0,0,7, "RW" },
    { "DBGWVR1_EL1", 2,0,0,1,6, "RW" }, { "DBGWCR1_EL1", 2,0,0,1,7, "RW" },
    { "DBGWVR2_EL1", 2,0,0,2,6, "RW" }, { "DBGWCR2_EL1", 2,0,0,2,7, "RW" },
    { "DBGWVR3_EL1", 2,0,0,3,6, "RW" }, { "DBGWCR3_EL1", 2,0,0,3,7, "RW" },
    { "PMCR_EL0", 3,3,9,12,0, "rwRW" }, { "PMCNTENSET_EL0", 3,3,9,12,1, "rwRW" },
    { "PMCNTENCLR_EL0", 3,3,9,12,2, "rwRW" }, { "PMOVSCLR_EL0", 3,3,9,12,3, "rwRW" },
    { "PMSWINC_EL0", 3,3,9,12,4, "wW" }, { "PMSELR_EL0", 3,3,9,12,5, "rwRW" },
    { "PMCEID0_EL0", 3,3,9,12,6, "rR" }, { "PMCEID1_EL0", 3,3,9,12,7, "rR" },
    { "PMCCNTR_EL0", 3,3,9,13,0, "rwRW" }, { "PMXEVTYPER_EL0", 3,3,9,13,1, "rwRW" },
    { "PMXEVCNTR_EL0", 3,3,9,13,2, "rwRW" }, { "PMUSERENR_EL0", 3,3,9,14,0, "rRW" },
    { "PMINTENSET_EL1", 3,0,9,14,1, "RW" }, { "PMINTENCLR_EL1", 3,0,9,14,2, "RW" },
    { "PMOVSSET_EL0", 3,3,9,14,3, "rwRW" }, { "PMCCFILTR_EL0", 3,3,14,15,7, "rwRW" },
    { "PMEVCNTR0_EL0", 3,3,14,8,0, "rwRW" }, { "PMEVTYPER0_EL0", 3,3,14,12,0, "rwRW" },
    { "PMEVCNTR1_EL0", 3,3,14,8,1, "rwRW" }, { "PMEVTYPER1_EL0", 3,3,14,12,1, "rwRW" },
    { "PMEVCNTR2_EL0", 3,3,14,8,2, "rwRW" }, { "PMEVTYPER2_EL0", 3,3,14,12,2, "rwRW" },
    { "PMEVCNTR3_EL0", 3,3,14,8,3, "rwRW" }, { "PMEVTYPER3_EL0", 3,3,14,12,3, "rwRW" },
    { "PMEVCNTR4_EL0", 3,3,14,8,4, "rwRW" }, { "PMEVTYPER4_EL0", 3,3,14,12,4, "rwRW" },
    { "PMEVCNTR5_EL0", 3,3,14,8,5, "rwRW" }, { "PMEVTYPER5_EL0", 3,3,14,12,5, "rwRW" },
    { "IC_IALLUIS", 1,0,7,1,0, "W" }, { "IC_IALLU", 1,0,7,5,0, "W" }, { "IC_IVAU", 1,3,7,5,1, "wW" },
    { "DC_IVAC", 1,0,7,6,1, "W" }, { "DC_ISW", 1,0,7,6,2, "W" }, { "DC_CSW", 1,0,7,10,2, "W" },
    { "DC_CISW", 1,0,7,14,2, "W" }, { "DC_ZVA", 1,3,7,4,1, "wW" }, { "DC_CVAC", 1,3,7,10,1, "wW" },
    { "DC_CVAU", 1,3,7,11,1, "wW" }, { "DC_CVAP", 1,3,7,12,1, "wW" }, { "DC_CVADP", 1,3,7,13,1, "wW" }, { "DC_CIVAC", 1,3,7,14,1, "wW" },
    { "AT_S1E1R", 1,0,7,8,0, "W" }, { "AT_S1E1W", 1,0,7,8,1, "W" }, { "AT_S1E0R", 1,0,7,8,2, "W" },
    { "AT_S1E0W", 1,0,7,8,3, "W" }, { "AT_S1E1RP", 1,0,7,9,0, "W" }, { "AT_S1E1WP", 1,0,7,9,1, "W" },
    { "TLBI_VMALLE1IS", 1,0,8,3,0, "W" }, { "TLBI_VAE1IS", 1,0,8,3,1, "W" },
    { "TLBI_ASIDE1IS", 1,0,8,3,2, "W" }, { "TLBI_VAAE1IS", 1,0,8,3,3, "W" },
    { "TLBI_VALE1IS", 1,0,8,3,5, "W" }, { "TLBI_VAALE1IS", 1,0,8,3,7, "W" },
    { "TLBI_VMALLE1", 1,0,8,7,0, "W" }, { "TLBI_VAE1", 1,0,8,7,1, "W" },
    { "TLBI_ASIDE1", 1,0,8,7,2, "W" }, { "TLBI_VAAE1", 1,0,8,7,3, "W" },
    { "TLBI_VALE1", 1,0,8,7,5, "W" }, { "TLBI_VAALE1", 1,0,8,7,7, "W" },
};
// clang-format on

static unsigned id_of(const struct row *r)
{
    return a64_sysreg_id(r->op0, r->op1, r->crn, r->crm, r->op2);
}

static bool is_op(const struct row *r)
{
    return r->op0 == 1;
}

static uint32_t insn_of(const struct row *r, bool read)
{
    return is_op(r) ? INSN_SYS(id_of(r), 0) : read ? INSN_MRS(id_of(r), 0) : INSN_MSR(id_of(r), 0);
}

// Everything that could trap EL0 open.
static void open_gates(struct a64_cpu *cpu)
{
    cpu->v.r[A64_SCTLR_EL1] |= SCTLR_UCT | SCTLR_UCI | SCTLR_UMA | SCTLR_DZE;
    cpu->v.r[A64_CNTKCTL_EL1] = 0x303;
    cpu->v.r[A64_PMUSERENR_EL0] = 15;
    cpu->v.r[A64_CPACR_EL1] = 3 << 20;
    cpu->v.r[A64_MDSCR_EL1] = 0;
    cpu->v.r[A64_VBAR_EL1] = VECTORS;
}

static struct box box;

static void setup(void)
{
    box_init(&box);
}

static void teardown(void)
{
    box_fini(&box);
}

TestSuite(sysregs, .init = setup, .fini = teardown);

Test(sysregs, every_row_is_in_the_list_and_back)
{
    for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
        const struct sysreg *reg = a64_sysreg_find(id_of(&rows[n]));
        cr_expect(reg, "%s has no row", rows[n].name);
        cr_expect(!reg || !strcmp(reg->name, rows[n].name), "%s is at the place of %s", reg->name,
                  rows[n].name);
    }
    for (size_t n = 0; n < A64_NR_SYSREGS; n++) {
        bool listed = false;
        for (size_t m = 0; m < ARRAY_SIZE(rows); m++)
            listed |= id_of(&rows[m]) == a64_sysregs[n].id;
        cr_expect(listed, "%s is not in this test's list", a64_sysregs[n].name);
        cr_expect(a64_sysreg_find(a64_sysregs[n].id) == &a64_sysregs[n], "%s is found elsewhere",
                  a64_sysregs[n].name);
    }
}

static void expect_access(const struct row *r, unsigned el, bool read)
{
    bool allowed = strchr(r->rights, "wrWR"[el * 2 + read]) != NULL;
    struct a64_cpu *cpu = box.cpu;
    a64_cpu_reset(cpu, 0, 0);
    open_gates(cpu);
    uint64_t value = CODE + 0x1000;
    const struct sysreg *reg = a64_sysreg_find(id_of(r));
    if (!is_op(r) && (!reg || !a64_sysreg_get(cpu, reg, &value)))
        value = 0;
    bool done = box_one(&box, el, insn_of(r, read), value);
    const char *what = read ? "read" : "write";
    if (!strcmp(r->name, "DC_ZVA")) {
        // With the MMU off all data is Device memory.
        cr_expect(!done && box_ec(&box) == EC_DABT_LOWER + el, "DC ZVA at EL%u: ec %#x", el,
                  box_ec(&box));
        return;
    }
    cr_expect_eq(done, allowed, "%s of %s at EL%u: %s, ESR %#" PRIx64, what, r->name, el,
                 done ? "done" : "refused", box_reg(&box, A64_ESR_EL1));
    // Reads of the ID space trap (FEAT_IDST); anything else is Undefined.
    uint64_t want = BIT(25);
    if (read && !el && r->op0 == 3 && r->op1 != 2 && r->crn == 0 && r->crm < 8)
        want |= (uint64_t)EC_SYSREG << 26 | a64_sysreg_iss(id_of(r), 0, true);
    if (!allowed)
        cr_expect_eq(box_reg(&box, A64_ESR_EL1), want, "%s of %s at EL%u: ESR %#" PRIx64, what,
                     r->name, el, box_reg(&box, A64_ESR_EL1));
}

Test(sysregs, access_rights)
{
    for (size_t n = 0; n < ARRAY_SIZE(rows); n++)
        for (unsigned el = 0; el < 2; el++) {
            if (!is_op(&rows[n]))
                expect_access(&rows[n], el, true);
            expect_access(&rows[n], el, false);
        }
}

// Everything that has no row, op0 = 2 and 3 at EL1 and EL0: Undefined, but for the ID space.
Test(sysregs, unknown_encodings_are_undefined)
{
    unsigned raz = 0, undefined = 0;
    for (unsigned id = 2 << 14; id < 4 << 14; id += 7) { // a sample; 7 is prime to every field
        bool id_space = id >> 7 == (3 << 14) >> 7 && (id >> 3 & 15) >= 1 && (id >> 3 & 15) <= 7;
        if (a64_sysreg_find(id))
            continue;
        bool done = box_one(&box, 1, INSN_MRS(id, 0), 0x5a5a);
        cr_expect_eq(done, id_space, "read of id %#x", id);
        if (id_space)
            cr_expect_eq(box_reg(&box, A64_X0), 0, "id %#x reads %#" PRIx64, id,
                         box_reg(&box, A64_X0));
        else
            cr_expect_eq(box_reg(&box, A64_ESR_EL1), BIT(25), "id %#x", id);
        raz += done;
        undefined += !done;
        bool trapped = id >> 14 == 3 && (id >> 11 & 7) != 2 && (id >> 11 & 7) < 4 &&
                       (id >> 7 & 15) == 0 && (id >> 3 & 15) < 8;
        cr_expect(!box_one(&box, 0, INSN_MRS(id, 0), 0) &&
                      box_ec(&box) == (trapped ? EC_SYSREG : EC_UNKNOWN),
                  "read of id %#x at EL0", id);
        cr_expect(!box_one(&box, 1, INSN_MSR(id, 0), 0) && box_ec(&box) == EC_UNKNOWN,
                  "write of id %#x at EL1", id);
    }
    cr_expect(raz > 3 && undefined > 1000, "%u %u", raz, undefined);
}

// Register, the control register and bit that opens it to EL0, an instruction behind it.
static const struct {
    const char *name;
    unsigned control;
    uint64_t open, closed;
} gates[] = {
    { "CTR_EL0", A64_SCTLR_EL1, SCTLR_UCT, 0 },
    { "IC_IVAU", A64_SCTLR_EL1, SCTLR_UCI, 0 },
    { "DC_CVAU", A64_SCTLR_EL1, SCTLR_UCI, 0 },
    { "DC_CVAC", A64_SCTLR_EL1, SCTLR_UCI, 0 },
    { "DC_CVAP", A64_SCTLR_EL1, SCTLR_UCI, 0 },
    { "DC_CIVAC", A64_SCTLR_EL1, SCTLR_UCI, 0 },
    { "DAIF", A64_SCTLR_EL1, SCTLR_UMA, 0 },
    { "CNTPCT_EL0", A64_CNTKCTL_EL1, 1, 2 },
    { "CNTVCT_EL0", A64_CNTKCTL_EL1, 2, 1 },
    { "CNTFRQ_EL0", A64_CNTKCTL_EL1, 1, 0x300 },
    { "CNTFRQ_EL0", A64_CNTKCTL_EL1, 2, 0x300 },
    { "CNTV_CTL_EL0", A64_CNTKCTL_EL1, 0x100, 0x203 },
    { "CNTV_TVAL_EL0", A64_CNTKCTL_EL1, 0x100, 0x203 },
    { "CNTV_CVAL_EL0", A64_CNTKCTL_EL1, 0x100, 0x203 },
    { "CNTP_CTL_EL0", A64_CNTKCTL_EL1, 0x200, 0x103 },
    { "CNTP_TVAL_EL0", A64_CNTKCTL_EL1, 0x200, 0x103 },
    { "CNTP_CVAL_EL0", A64_CNTKCTL_EL1, 0x200, 0x103 },
    { "PMCR_EL0", A64_PMUSERENR_EL0, 1, 14 },
    { "PMXEVTYPER_EL0", A64_PMUSERENR_EL0, 1, 14 },
    { "PMOVSSET_EL0", A64_PMUSERENR_EL0, 1, 14 },
    { "PMCEID0_EL0", A64_PMUSERENR_EL0, 1, 14 },
    { "PMEVTYPER3_EL0", A64_PMUSERENR_EL0, 1, 14 },
    { "PMSWINC_EL0", A64_PMUSERENR_EL0, 2, 12 },
    { "PMSWINC_EL0", A64_PMUSERENR_EL0, 1, 12 },
    { "PMCCNTR_EL0", A64_PMUSERENR_EL0, 4, 10 },
    { "PMEVCNTR2_EL0", A64_PMUSERENR_EL0, 8, 6 },
    { "PMXEVCNTR_EL0", A64_PMUSERENR_EL0, 8, 6 },
    { "PMSELR_EL0", A64_PMUSERENR_EL0, 8, 6 },
    { "MDCCSR_EL0", A64_MDSCR_EL1, 0, MDSCR_TDCC },
    { "DBGDTR_EL0", A64_MDSCR_EL1, 0, MDSCR_TDCC },
    { "DBGDTRRX_EL0", A64_MDSCR_EL1, 0, MDSCR_TDCC },
};

static const struct row *row_of(const char *name)
{
    for (size_t n = 0; n < ARRAY_SIZE(rows); n++)
        if (!strcmp(rows[n].name, name))
            return &rows[n];
    cr_assert(false, "%s", name);
    return NULL;
}

Test(sysregs, gates_trap_el0_alone)
{
    for (size_t n = 0; n < ARRAY_SIZE(gates); n++) {
        const struct row *r = row_of(gates[n].name);
        bool read = strchr(r->rights, 'r') != NULL;
        uint32_t insn = insn_of(r, read) | 5; // X5
        for (unsigned open = 0; open < 2; open++) {
            a64_cpu_reset(box.cpu, 0, 0);
            box.cpu->v.r[A64_VBAR_EL1] = VECTORS;
            box.cpu->v.r[5] = CODE;
            box.cpu->v.r[gates[n].control] |= open ? gates[n].open : gates[n].closed;
            bool done = box_one(&box, 0, insn, 0);
            cr_expect_eq(done, open, "%s with %#" PRIx64 ": ESR %#" PRIx64, r->name,
                         box.cpu->v.r[gates[n].control], box_reg(&box, A64_ESR_EL1));
            uint64_t iss = (uint64_t)r->op0 << 20 | r->op2 << 17 | r->op1 << 14 | r->crn << 10 |
                           5 << 5 | r->crm << 1 | read;
            uint64_t want = (uint64_t)EC_SYSREG << 26 | BIT(25) | iss;
            if (!open)
                cr_expect_eq(box_reg(&box, A64_ESR_EL1), want, "%s: ESR %#" PRIx64 " not %#" PRIx64,
                             r->name, box_reg(&box, A64_ESR_EL1), want);
            box.cpu->v.r[5] = CODE;
            cr_expect(box_one(&box, 1, insn, 0), "%s at EL1", r->name);
        }
    }
}

Test(sysregs, dc_zva_gate)
{
    cr_expect(!box_one(&box, 0, INSN_SYS(a64_sysreg_id(1, 3, 7, 4, 1), 0), CODE));
    cr_expect_eq(box_ec(&box), EC_SYSREG, "ec %#x", box_ec(&box));
    cr_expect(box_one(&box, 0, INSN_MRS(a64_sysreg_id(3, 3, 0, 0, 7), 0), 0));
    cr_expect_eq(box_reg(&box, A64_X0), 0x14, "DCZID %#" PRIx64, box_reg(&box, A64_X0));
    box.cpu->v.r[A64_SCTLR_EL1] |= SCTLR_DZE;
    cr_expect(box_one(&box, 0, INSN_MRS(a64_sysreg_id(3, 3, 0, 0, 7), 0), 0));
    cr_expect_eq(box_reg(&box, A64_X0), 4, "DCZID %#" PRIx64, box_reg(&box, A64_X0));
}

// Reset value, and what is left of a write of all ones and of zero. Read back by instruction.
static const struct {
    const char *name;
    uint64_t reset, ones, zero;
} values[] = {
    { "MPIDR_EL1", 0x80000000, 0, 0 },
    { "CSSELR_EL1", 0, 0xf, 0 },
    { "ACTLR_EL1", 0, 0, 0 },
    { "CPACR_EL1", 0, 0x300000, 0 },
    { "TTBR0_EL1", 0, ~0ull, 0 },
    { "TTBR1_EL1", 0, ~0ull, 0 },
    { "TCR_EL1", 0, 0x1807ff7ffffffbf, 0 },
    { "SPSR_EL1", 0, 0xf1f013df, 0 },
    { "ELR_EL1", 0, ~0ull, 0 },
    { "ESR_EL1", 0, 0xffffffff, 0 },
    { "FAR_EL1", 0, ~0ull, 0 },
    { "PAR_EL1", 0, ~0ull, 0 },
    { "MAIR_EL1", 0, ~0ull, 0 },
    { "AMAIR_EL1", 0, 0, 0 },
    { "VBAR_EL1", 0, ~0x7ffull, 0 },
    { "CONTEXTIDR_EL1", 0, 0xffffffff, 0 },
    { "TPIDR_EL0", 0, ~0ull, 0 },
    { "TPIDRRO_EL0", 0, ~0ull, 0 },
    { "TPIDR_EL1", 0, ~0ull, 0 },
    { "SP_EL0", 0, ~0ull, 0 },
    { "CNTFRQ_EL0", 62500000, 0xffffffff, 0 },
    { "CNTKCTL_EL1", 0, 0x3ff, 0 },
    { "MDCCINT_EL1", 0, 0x60000000, 0 },
    { "OSDLR_EL1", 0, 1, 0 },
    { "PMCR_EL0", 0x3040, 0x3071, 0x3040 },
    { "PMCCNTR_EL0", 0, ~0ull, 0 },
    { "PMCCFILTR_EL0", 0, 0xc0000000, 0 },
    { "PMEVCNTR5_EL0", 0, 0xffffffff, 0 },
    { "PMEVTYPER0_EL0", 0, 0xc000ffff, 0 },
    { "PMSELR_EL0", 0, 31, 0 },
    { "PMCNTENSET_EL0", 0, 0x8000003f, 0x8000003f },
    { "PMINTENSET_EL1", 0, 0x8000003f, 0x8000003f },
    { "PMOVSSET_EL0", 0, 0x8000003f, 0x8000003f },
    { "PMOVSCLR_EL0", 0, 0, 0 },
    { "PMUSERENR_EL0", 0, 15, 0 },
    { "NZCV", 0, 0xf0000000, 0 },
    { "DAIF", 0x3c0, 0x3c0, 0 },
    { "PAN", 0, 1 << 22, 0 },
    { "UAO", 0, 1 << 23, 0 },
    { "DIT", 0, 1 << 24, 0 },
    { "SSBS", 0, 1 << 12, 0 },
    { "FPCR", 0, 0x07c80000, 0 },
    { "FPSR", 0, 0x0800009f, 0 },
    { "SPSel", 1, 1, 0 },
    { "DBGCLAIMSET_EL1", 0xff, 0xff, 0xff },
    { "DBGBVR0_EL1", 0, ~0ull, 0 },
    { "DBGBCR0_EL1", 0x1e0, 0xffe1e7, 0x1e0 },
    { "DBGWVR3_EL1", 0, ~3ull, 0 },
};

static uint64_t read_back(const struct row *r)
{
    cr_expect(box_one(&box, 1, INSN_MRS(id_of(r), 1), 0), "%s", r->name);
    return box.cpu->v.r[1];
}

// Writes and reads in one go, so that nothing of what the write changed is needed to go on; the
// MMU stays off and the vectors where they are.
static uint64_t write_read(const struct row *r, uint64_t value)
{
    const uint32_t code[] = { INSN_MSR(id_of(r), 0), INSN_MRS(id_of(r), 1), INSN_WFI };
    box_code(&box, CODE, code, 3);
    box.cpu->v.r[A64_X0] = value;
    box.cpu->v.r[1] = 0x1234567;
    box_run(&box, CODE);
    return box.cpu->v.r[1];
}

Test(sysregs, values)
{
    for (size_t n = 0; n < ARRAY_SIZE(values); n++) {
        const struct row *r = row_of(values[n].name);
        a64_cpu_reset(box.cpu, 0, 0);
        box.cpu->v.r[A64_CPACR_EL1] = strstr(r->name, "FP") ? 3 << 20 : 0;
        a64_update_mode(box.cpu);
        uint64_t v = read_back(r);
        cr_expect_eq(v, values[n].reset, "%s resets to %#" PRIx64, r->name, v);
        if (!strchr(r->rights, 'W'))
            continue;
        v = write_read(r, ~UINT64_C(0));
        cr_expect_eq(v, values[n].ones, "%s after all ones: %#" PRIx64, r->name, v);
        v = write_read(r, 0);
        cr_expect_eq(v, values[n].zero, "%s after zero: %#" PRIx64, r->name, v);
    }
}

// Bits of SCTLR_EL1 that are fixed: RES1 without AArch32, ExS, LSMAOC, CSV2_2; RES0 the rest.
Test(sysregs, sctlr)
{
    const struct row *r = row_of("SCTLR_EL1");
    uint64_t res1 = 0x30500980;
    cr_expect_eq(read_back(r), 0x30d50998, "reset %#" PRIx64, read_back(r));
    uint64_t v = write_read(r, 0);
    cr_expect_eq(v, res1, "zero: %#" PRIx64, v);
    v = write_read(r, ~UINT64_C(0) & ~SCTLR_M);
    uint64_t want = res1 | SCTLR_A | SCTLR_C | SCTLR_SA | SCTLR_SA0 | SCTLR_UMA | SCTLR_I |
                    SCTLR_DZE | SCTLR_UCT | SCTLR_nTWI | SCTLR_nTWE | SCTLR_WXN | SCTLR_SPAN |
                    SCTLR_UCI | SCTLR_DSSBS;
    cr_expect_eq(v, want, "ones: %#" PRIx64 " not %#" PRIx64, v, want);
}

static uint64_t id_reg(const char *name)
{
    return read_back(row_of(name));
}

// The features the model promises, field by field.
Test(sysregs, id_registers)
{
    cr_expect_eq(id_reg("MIDR_EL1") >> 24, 0, "implementer");
    cr_expect_eq(id_reg("MIDR_EL1") >> 16 & 15, 15, "architecture");
    cr_expect_eq(id_reg("ID_AA64PFR0_EL1"), 0x1101000001110011);
    cr_expect_eq(id_reg("ID_AA64PFR1_EL1"), 0x20);
    cr_expect_eq(id_reg("ID_AA64DFR0_EL1"), 0x10305406);
    cr_expect_eq(id_reg("ID_AA64ISAR0_EL1"), 0x0021100110212120);
    cr_expect_eq(id_reg("ID_AA64ISAR1_EL1"), 0x0000001100211002);
    cr_expect_eq(id_reg("ID_AA64MMFR0_EL1"), 0x0000000000100024);
    cr_expect_eq(id_reg("ID_AA64MMFR1_EL1"), 0x1000000000212002);
    cr_expect_eq(id_reg("ID_AA64MMFR2_EL1"), 0x1000001000000011);
    cr_expect_eq(id_reg("CTR_EL0"), 0x9444c004);
    cr_expect_eq(id_reg("CLIDR_EL1"), 0x0a200023);
    box.board.icc_read = NULL;
    cr_expect_eq(id_reg("ID_AA64PFR0_EL1"), 0x1101000000110011, "GIC without registers");
    cr_expect(!box_one(&box, 1, INSN_MRS(id_of(row_of("ICC_IAR1_EL1")), 0), 0));
    cr_expect_eq(box_ec(&box), EC_UNKNOWN);
}

Test(sysregs, caches)
{
    static const uint64_t want[] = { 0xfe01a, 0xfe01a, 0x7fe03a, 0 };
    for (unsigned n = 0; n < ARRAY_SIZE(want); n++) {
        box_one(&box, 1, INSN_MSR(id_of(row_of("CSSELR_EL1")), 0), n);
        cr_expect_eq(id_reg("CCSIDR_EL1"), want[n], "CSSELR %u: %#" PRIx64, n,
                     id_reg("CCSIDR_EL1"));
    }
}

Test(sysregs, board_registers)
{
    cr_expect_eq(id_reg("CNTPCT_EL0"), 0xc000);
    cr_expect_eq(id_reg("CNTVCT_EL0"), 0xc001);
    cr_expect_eq(id_reg("CNTV_CVAL_EL0"), 0x711);
    cr_expect_eq(id_reg("CNTP_CTL_EL0"), 0x700);
    cr_expect(box_one(&box, 1, INSN_MSR(id_of(row_of("CNTV_TVAL_EL0")), 0), 99));
    cr_expect(box.said.last_timer == 0x12 && box.said.last_value == 99, "timer %#x = %" PRIu64,
              box.said.last_timer, box.said.last_value);
    cr_expect_eq(id_reg("ICC_IAR1_EL1"), 0x1cc);
    cr_expect_eq(box.said.last_icc, a64_sysreg_id(3, 0, 12, 12, 0), "%#x", box.said.last_icc);
    cr_expect(box_one(&box, 1, INSN_MSR(id_of(row_of("ICC_SGI1R_EL1")), 0), 0x1234));
    cr_expect(box.said.last_icc == a64_sysreg_id(3, 0, 12, 11, 5) && box.said.last_value == 0x1234);
}

// Asked directly: with a line up WFI does not end a program.
Test(sysregs, isr_shows_lines)
{
    const struct sysreg *isr = a64_sysreg_find(id_of(row_of("ISR_EL1")));
    uint64_t v = 0;
    a64_set_lines(box.cpu, A64_LINE_IRQ | A64_LINE_FIQ);
    cr_expect(a64_sysreg_get(box.cpu, isr, &v) && v == 0xc0, "%#" PRIx64, v);
    a64_set_lines(box.cpu, A64_LINE_IRQ);
    cr_expect(a64_sysreg_get(box.cpu, isr, &v) && v == 0x80, "%#" PRIx64, v);
    a64_set_lines(box.cpu, 0);
    cr_expect(a64_sysreg_get(box.cpu, isr, &v) && v == 0, "%#" PRIx64, v);
}

// SP_EL0 is Undefined while it is the stack pointer.
Test(sysregs, sp_el0_with_spsel_0)
{
    const struct row *r = row_of("SP_EL0");
    const uint32_t code[] = { 0xd50040bf /* msr spsel, #0 */, INSN_MRS(id_of(r), 0), INSN_WFI };
    box_code(&box, CODE, code, 3);
    box_run(&box, CODE);
    cr_expect_eq(box_reg(&box, A64_ESR_EL1), BIT(25));
    cr_expect_eq(box_reg(&box, A64_ELR_EL1), CODE + 4);
}

Test(sysregs, os_lock)
{
    cr_expect_eq(id_reg("OSLSR_EL1"), 0xa, "locked at reset");
    cr_expect(box_one(&box, 1, INSN_MSR(id_of(row_of("OSLAR_EL1")), 0), 0));
    cr_expect_eq(id_reg("OSLSR_EL1"), 8);
}
