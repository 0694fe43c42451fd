// SPDX-License-Identifier: GPL-3.0-or-later
// CPU models: what a model does not advertise is Undefined or RES0, and what it advertises is
// there. The values of the named cores were read off QEMU 7.2; what is left out of them stands
// beside.
#include "box.h"

#include "a64_random.h"
#include "frontend/disas.h"
#include "tests/support/random.h"

#include <string.h>

#define DATA (RAM_BASE + 0x800000)

static struct box box;

// A model that is max but for one feature's field, which reads 0.
static struct a64_model without(unsigned id, unsigned lo)
{
    struct a64_model m = *a64_model_find("max");
    m.id[id] &= ~(UINT64_C(15) << lo);
    return m;
}

// Written from the Arm ARM, not from cpu_features.def: where each feature is advertised.
static const struct {
    unsigned feature;
    unsigned id, lo;
} fields[] = {
    {A64_FEATURE_AES, A64_MODEL_ID_AA64ISAR0_EL1, 4},
    {A64_FEATURE_PMULL, A64_MODEL_ID_AA64ISAR0_EL1, 4},
    {A64_FEATURE_SHA1, A64_MODEL_ID_AA64ISAR0_EL1, 8},
    {A64_FEATURE_SHA256, A64_MODEL_ID_AA64ISAR0_EL1, 12},
    {A64_FEATURE_SHA512, A64_MODEL_ID_AA64ISAR0_EL1, 12},
    {A64_FEATURE_CRC32, A64_MODEL_ID_AA64ISAR0_EL1, 16},
    {A64_FEATURE_LSE, A64_MODEL_ID_AA64ISAR0_EL1, 20},
    {A64_FEATURE_RDM, A64_MODEL_ID_AA64ISAR0_EL1, 28},
    {A64_FEATURE_SHA3, A64_MODEL_ID_AA64ISAR0_EL1, 32},
    {A64_FEATURE_DOTPROD, A64_MODEL_ID_AA64ISAR0_EL1, 44},
    {A64_FEATURE_FHM, A64_MODEL_ID_AA64ISAR0_EL1, 48},
    {A64_FEATURE_FLAGM, A64_MODEL_ID_AA64ISAR0_EL1, 52},
    {A64_FEATURE_FLAGM2, A64_MODEL_ID_AA64ISAR0_EL1, 52},
    {A64_FEATURE_JSCVT, A64_MODEL_ID_AA64ISAR1_EL1, 12},
    {A64_FEATURE_FCMA, A64_MODEL_ID_AA64ISAR1_EL1, 16},
    {A64_FEATURE_LRCPC, A64_MODEL_ID_AA64ISAR1_EL1, 20},
    {A64_FEATURE_LRCPC2, A64_MODEL_ID_AA64ISAR1_EL1, 20},
    {A64_FEATURE_FRINTTS, A64_MODEL_ID_AA64ISAR1_EL1, 32},
    {A64_FEATURE_SB, A64_MODEL_ID_AA64ISAR1_EL1, 36},
    {A64_FEATURE_BF16, A64_MODEL_ID_AA64ISAR1_EL1, 44},
    {A64_FEATURE_I8MM, A64_MODEL_ID_AA64ISAR1_EL1, 52},
    {A64_FEATURE_FP16, A64_MODEL_ID_AA64PFR0_EL1, 16},
    {A64_FEATURE_DIT, A64_MODEL_ID_AA64PFR0_EL1, 48},
    {A64_FEATURE_SSBS, A64_MODEL_ID_AA64PFR1_EL1, 4},
    {A64_FEATURE_LOR, A64_MODEL_ID_AA64MMFR1_EL1, 16},
    {A64_FEATURE_PAN, A64_MODEL_ID_AA64MMFR1_EL1, 20},
    {A64_FEATURE_UAO, A64_MODEL_ID_AA64MMFR2_EL1, 4},
    {A64_FEATURE_PMU, A64_MODEL_ID_AA64DFR0_EL1, 8},
    {A64_FEATURE_PMU3P1, A64_MODEL_ID_AA64DFR0_EL1, 8},
    {A64_FEATURE_DPB, A64_MODEL_ID_AA64ISAR1_EL1, 0},
    {A64_FEATURE_DPB2, A64_MODEL_ID_AA64ISAR1_EL1, 0},
    {A64_FEATURE_TGRAN16, A64_MODEL_ID_AA64MMFR0_EL1, 20},
    {A64_FEATURE_HAFDBS, A64_MODEL_ID_AA64MMFR1_EL1, 0},
    {A64_FEATURE_HPDS, A64_MODEL_ID_AA64MMFR1_EL1, 12},
    {A64_FEATURE_HPDS2, A64_MODEL_ID_AA64MMFR1_EL1, 12},
    {A64_FEATURE_PAN2, A64_MODEL_ID_AA64MMFR1_EL1, 20},
    {A64_FEATURE_CNP, A64_MODEL_ID_AA64MMFR2_EL1, 0},
    {A64_FEATURE_IDST, A64_MODEL_ID_AA64MMFR2_EL1, 36},
    {A64_FEATURE_E0PD, A64_MODEL_ID_AA64MMFR2_EL1, 60},
};

Test(models, every_feature_is_in_the_list)
{
    for (unsigned f = A64_FEATURE_NONE + 1; f < A64_NR_FEATURES; f++) {
        bool listed = false;
        for (size_t n = 0; n < ARRAY_SIZE(fields); n++)
            listed |= fields[n].feature == f;
        cr_expect(listed, "feature %u", f);
    }
    for (size_t n = 0; n < ARRAY_SIZE(fields); n++) {
        struct a64_model m = without(fields[n].id, fields[n].lo);
        cr_expect(!a64_model_has(&m, fields[n].feature), "feature %u with its field 0",
                  fields[n].feature);
    }
}

// Instructions -----------------------------------------------------------------------------------

static uint64_t next(void *opaque)
{
    return random_next(opaque);
}

static unsigned ec_of(uint32_t insn)
{
    const uint32_t code[] = {insn, INSN_WFI};
    struct a64_cpu *cpu = box.cpu;
    a64_cpu_reset(cpu, 0, 0);
    cpu->v.r[A64_VBAR_EL1] = VECTORS;
    cpu->v.r[A64_CPACR_EL1] = 3 << 20;
    a64_update_mode(cpu);
    for (unsigned n = 0; n < 31; n++)
        cpu->v.r[n] = DATA;
    cpu->v.r[A64_SP_EL1] = DATA;
    box_code(&box, CODE, code, 2);
    box_run(&box, CODE);
    return cpu->v.r[A64_ELR_EL1] == CODE ? box_ec(&box) : 0xff;
}

// All rows that need what a model lacks.
static void rows(const struct a64_model *m, const char *name)
{
    uint64_t random = 0x123456789, lacks = a64_model_lacks(m);
    unsigned refused = 0, wrong = 0;
    box_init_model(&box, m);
    for (enum a64_op op = A64_UNALLOCATED + 1; op < A64_OP_COUNT; op++)
        for (unsigned i = 0; i < 6; i++) {
            uint32_t insn = a64_random_encoding(op, next, &random);
            unsigned need = a64_needs(op, insn);
            char text[A64_DISAS_SIZE];
            if (!need || !(lacks >> need & 1))
                continue;
            refused++;
            unsigned ec = ec_of(insn);
            if (ec == EC_UNKNOWN || wrong++ > 4)
                continue;
            a64_disas(insn, 0, text, sizeof text);
            cr_expect(false, "%s: %08x %s: EC %#x", name, insn, text, ec);
        }
    cr_expect(!wrong && refused, "%s: %u rows tried, %u wrong", name, refused, wrong);
    box_fini(&box);
}

Test(models, what_is_not_advertised_is_undefined)
{
    for (size_t n = 0; n < ARRAY_SIZE(fields); n++)
        if (fields[n].feature < A64_FEATURE_COUNT) {
            struct a64_model m = without(fields[n].id, fields[n].lo);
            rows(&m, a64_feature_names[fields[n].feature]);
        }
    rows(a64_model_find("cortex-a57"), "cortex-a57");
    rows(a64_model_find("neoverse-n1"), "neoverse-n1");
}

// Exceptions other than Undefined are the operands' business.
Test(models, what_is_advertised_works)
{
    for (unsigned n = 0; n < a64_nr_models; n++) {
        const struct a64_model *m = &a64_models[n];
        uint64_t random = 0x987654321, lacks = a64_model_lacks(m);
        unsigned tried = 0, wrong = 0;
        box_init_model(&box, m);
        for (enum a64_op op = A64_UNALLOCATED + 1; op < A64_OP_COUNT; op++)
            for (unsigned i = 0; i < 6; i++) {
                uint32_t insn = a64_random_encoding(op, next, &random);
                unsigned need = a64_needs(op, insn);
                char text[A64_DISAS_SIZE];
                if (!need || lacks >> need & 1)
                    continue;
                tried++;
                if (ec_of(insn) != EC_UNKNOWN || wrong++ > 4)
                    continue;
                a64_disas(insn, 0, text, sizeof text);
                cr_expect(false, "%s: %08x %s is Undefined", m->name, insn, text);
            }
        cr_expect(!wrong && tried, "%s: %u tried, %u wrong", m->name, tried, wrong);
        box_fini(&box);
    }
}

// Registers and fields ---------------------------------------------------------------------------

#define S(op0, op1, crn, crm, op2) ((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

static const struct {
    unsigned feature;
    bool system; // SYS, else MRS
    unsigned reg;
} needing[] = {
    {A64_FEATURE_PAN, false, S(3, 0, 4, 2, 3)},  {A64_FEATURE_UAO, false, S(3, 0, 4, 2, 4)},
    {A64_FEATURE_DIT, false, S(3, 3, 4, 2, 5)},  {A64_FEATURE_SSBS, false, S(3, 3, 4, 2, 6)},
    {A64_FEATURE_LOR, false, S(3, 0, 10, 4, 0)}, {A64_FEATURE_LOR, false, S(3, 0, 10, 4, 1)},
    {A64_FEATURE_LOR, false, S(3, 0, 10, 4, 2)}, {A64_FEATURE_LOR, false, S(3, 0, 10, 4, 3)},
    {A64_FEATURE_LOR, false, S(3, 0, 10, 4, 7)}, {A64_FEATURE_DPB, true, S(1, 3, 7, 12, 1)},
    {A64_FEATURE_DPB2, true, S(1, 3, 7, 13, 1)}, {A64_FEATURE_PAN2, true, S(1, 0, 7, 9, 0)},
    {A64_FEATURE_PAN2, true, S(1, 0, 7, 9, 1)},
};

// The PMU's registers are at CRn 9 of op1 0 and 3, and at CRn 14 of op1 3.
static bool is_pmu(const struct sysreg *reg)
{
    unsigned op1 = reg->id >> 11 & 7, crn = reg->id >> 7 & 15, crm = reg->id >> 3 & 15;
    return reg->id >> 14 == 3 &&
           ((crn == 9 && (op1 == 3 || op1 == 0)) || (op1 == 3 && crn == 14 && crm >= 8));
}

static void expect_register(const struct a64_model *m, uint32_t insn, bool has)
{
    box_init_model(&box, m);
    bool done = box_one(&box, 1, insn, DATA);
    cr_expect_eq(done, has, "%s: %08x: ESR %#" PRIx64, m->name, insn, box_reg(&box, A64_ESR_EL1));
    cr_expect(done || box_ec(&box) == EC_UNKNOWN, "%s: %08x", m->name, insn);
    box_fini(&box);
}

Test(models, registers_of_features)
{
    for (size_t n = 0; n < ARRAY_SIZE(needing); n++)
        for (unsigned k = 0; k < a64_nr_models; k++)
            expect_register(&a64_models[k],
                            needing[n].system ? INSN_SYS(needing[n].reg, 0)
                                              : INSN_MRS(needing[n].reg, 0),
                            a64_model_has(&a64_models[k], needing[n].feature));
    struct a64_model m = without(A64_MODEL_ID_AA64DFR0_EL1, 8);
    unsigned found = 0;
    for (unsigned n = 0; n < A64_NR_SYSREGS; n++) {
        const struct sysreg *reg = &a64_sysregs[n];
        if (!is_pmu(reg))
            continue;
        found++;
        uint32_t insn = reg->access & SYSREG_EL1_R ? INSN_MRS(reg->id, 0) : INSN_MSR(reg->id, 0);
        expect_register(&m, insn, false);
        expect_register(a64_model_find("max"), insn, true);
    }
    cr_expect_eq(found, 28, "%u registers of the PMU", found);
}

// What is left of all ones (of SCTLR_EL1 not tried: they turn the MMU on) and of zero.
static const struct {
    unsigned reg;
    const char *model;
    uint64_t ones, zero;
} writable[] = {
    {S(3, 0, 2, 0, 2), "armlet", 0x1807ff7ffffffbf, 0},
    {S(3, 0, 2, 0, 2), "neoverse-n1", 0x07ff7ffffffbf, 0},
    {S(3, 0, 2, 0, 2), "cortex-a57", 0x77ffffffbf, 0},
    {S(3, 0, 4, 0, 0), "armlet", 0xf1f013df, 0},
    {S(3, 0, 4, 0, 0), "neoverse-n1", 0xf0f013df, 0},
    {S(3, 0, 4, 0, 0), "cortex-a57", 0xf03003df, 0},
    {S(3, 0, 2, 0, 1), "armlet", ~UINT64_C(0), 0},
    {S(3, 0, 2, 0, 1), "cortex-a57", ~UINT64_C(1), 0},
    {S(3, 3, 4, 4, 0), "armlet", 0x07c80000, 0},
    {S(3, 3, 4, 4, 0), "cortex-a57", 0x07c00000, 0},
    {S(3, 0, 1, 0, 0), "cortex-a57", 0, 0x30d00980},
};

Test(models, fields_of_features)
{
    for (size_t n = 0; n < ARRAY_SIZE(writable); n++)
        for (unsigned ones = 0; ones < 2; ones++) {
            const uint32_t code[] = {INSN_MSR(writable[n].reg, 0), INSN_MRS(writable[n].reg, 1),
                                     INSN_WFI};
            bool sctlr = writable[n].reg == S(3, 0, 1, 0, 0);
            if (sctlr && ones)
                continue;
            box_init_model(&box, a64_model_find(writable[n].model));
            box.cpu->v.r[A64_CPACR_EL1] = 3 << 20;
            a64_update_mode(box.cpu);
            box.cpu->v.r[A64_X0] = ones ? ~UINT64_C(0) : 0;
            box_code(&box, CODE, code, 3);
            box_run(&box, CODE);
            uint64_t want = ones ? writable[n].ones : writable[n].zero;
            cr_expect_eq(box.cpu->v.r[1], want, "%s %#x: %#" PRIx64 " not %#" PRIx64,
                         writable[n].model, writable[n].reg, box.cpu->v.r[1], want);
            box_fini(&box);
        }
}

// Identification ---------------------------------------------------------------------------------

enum { MIDR, PFR0, PFR1, DFR0, ISAR0, ISAR1, ISAR2, MMFR0, MMFR1, MMFR2, CTR, CLIDR, NR_IDS };

static const unsigned id_regs[NR_IDS] = {
    [MIDR] = S(3, 0, 0, 0, 0),  [PFR0] = S(3, 0, 0, 4, 0),  [PFR1] = S(3, 0, 0, 4, 1),
    [DFR0] = S(3, 0, 0, 5, 0),  [ISAR0] = S(3, 0, 0, 6, 0), [ISAR1] = S(3, 0, 0, 6, 1),
    [ISAR2] = S(3, 0, 0, 6, 2), [MMFR0] = S(3, 0, 0, 7, 0), [MMFR1] = S(3, 0, 0, 7, 1),
    [MMFR2] = S(3, 0, 0, 7, 2), [CTR] = S(3, 3, 0, 0, 1),   [CLIDR] = S(3, 1, 0, 0, 1),
};

// As QEMU has them, and the fields that differ: to the value, from QEMU's.
static const struct {
    const char *name;
    uint64_t qemu[NR_IDS];
    uint64_t mask[NR_IDS], here[NR_IDS]; // bits that differ, and what they are here
    uint64_t ccsidr[3];
} cores[] = {
    {.name = "cortex-a57",
     .qemu = {[MIDR] = 0x411fd070,
              [PFR0] = 0x01000022,
              [DFR0] = 0x10305106,
              [ISAR0] = 0x00011120,
              [MMFR0] = 0x00001124,
              [CTR] = 0x8444c004,
              [CLIDR] = 0x0a200023},
     .mask = {[PFR0] = 0xff, [MMFR0] = 0xff00}, // AArch32, other endianness
     .here = {[PFR0] = 0x11},
     .ccsidr = {0x701fe00a, 0x201fe012, 0x70ffe07a}},
    {.name = "cortex-a72",
     .qemu = {[MIDR] = 0x410fd083,
              [PFR0] = 0x01000022,
              [DFR0] = 0x10305106,
              [ISAR0] = 0x00011120,
              [MMFR0] = 0x00001124,
              [CTR] = 0x8444c004,
              [CLIDR] = 0x0a200023},
     .mask = {[PFR0] = 0xff, [MMFR0] = 0xff00},
     .here = {[PFR0] = 0x11},
     .ccsidr = {0x701fe00a, 0x201fe012, 0x707fe07a}},
    {.name = "neoverse-n1",
     .qemu = {[MIDR] = 0x414fd0c1,
              [PFR0] = 0x1100000011110012,
              [PFR1] = 0x20,
              [DFR0] = 0x10305408,
              [ISAR0] = 0x0000100010211120,
              [ISAR1] = 0x00100001,
              [MMFR0] = 0x00101125,
              [MMFR1] = 0x10212122,
              [MMFR2] = 0x00001011,
              [CTR] = 0x8444c004,
              [CLIDR] = 0x82000023},
     // AArch32 and RAS; other endianness; VMIDBits, VH and XNX of EL2; IESB of RAS
     .mask = {[PFR0] = 0xf00000ff,
              [MMFR0] = 0xff00,
              [MMFR1] = 0xf0000ff0,
              [MMFR2] = 0xf000},
     .here = {[PFR0] = 0x11},
     .ccsidr = {0x701fe01a, 0x201fe01a, 0x70ffe03a}},
};

static uint64_t read_reg(unsigned id)
{
    cr_expect(box_one(&box, 1, INSN_MRS(id, 1), 0), "%#x", id);
    return box.cpu->v.r[1];
}

Test(models, identification)
{
    for (size_t c = 0; c < ARRAY_SIZE(cores); c++) {
        box_init_model(&box, a64_model_find(cores[c].name));
        for (unsigned n = 0; n < NR_IDS; n++) {
            uint64_t got = read_reg(id_regs[n]);
            uint64_t want = (cores[c].qemu[n] & ~cores[c].mask[n]) | cores[c].here[n];
            cr_expect_eq(got, want, "%s, register %u: %#" PRIx64 " not %#" PRIx64, cores[c].name, n,
                         got, want);
        }
        for (unsigned n = 0; n < 4; n++) {
            cr_expect(box_one(&box, 1, INSN_MSR(S(3, 2, 0, 0, 0), 0), n));
            uint64_t got = read_reg(S(3, 1, 0, 0, 0)), want = n < 3 ? cores[c].ccsidr[n] : 0;
            cr_expect_eq(got, want, "%s, cache %u: %#" PRIx64, cores[c].name, n, got);
        }
        box_fini(&box);
    }
}

// The ID space from EL0: trapped with FEAT_IDST, Undefined without; at EL1 unassigned places read
// as zero. CTR_EL0 and DCZID_EL0 are EL0's.
Test(models, id_space_from_el0)
{
    for (unsigned k = 0; k < a64_nr_models; k++) {
        const struct a64_model *m = &a64_models[k];
        bool idst = m->id[A64_MODEL_ID_AA64MMFR2_EL1] >> 36 & 15;
        box_init_model(&box, m);
        for (unsigned op1 = 0; op1 < 4; op1++)
            for (unsigned crm = 0; crm < 10; crm++)
                for (unsigned op2 = 0; op2 < 8; op2++) {
                    unsigned id = S(3, op1, 0, crm, op2);
                    bool in = crm < 8 && op1 != 2;
                    box.cpu->v.r[A64_SCTLR_EL1] |= SCTLR_UCT;
                    bool done = box_one(&box, 0, INSN_MRS(id, 7), 0);
                    bool el0 = op1 == 3 && crm == 0 && (op2 == 1 || op2 == 7);
                    uint64_t esr = box_reg(&box, A64_ESR_EL1), want = BIT(25);
                    if (idst && in)
                        want |= (uint64_t)EC_SYSREG << 26 | a64_sysreg_iss(id, 7, true);
                    cr_expect(done == el0 && (done || esr == want),
                              "%s: S3_%u_C0_C%u_%u from EL0: ESR %#" PRIx64 " not %#" PRIx64,
                              m->name, op1, crm, op2, esr, want);
                    if (op1 == 0 && crm && crm < 8)
                        cr_expect(box_one(&box, 1, INSN_MRS(id, 7), 0), "%s: C%u %u at EL1",
                                  m->name, crm, op2);
                }
        box_fini(&box);
    }
}
