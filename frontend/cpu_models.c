// SPDX-License-Identifier: GPL-3.0-or-later
// The identification registers promise what armlet does and nothing else: a field is raised in the
// same commit that adds what it stands for. AArch32, EL2, EL3, SVE, pointer authentication, MTE,
// LSE2 and RAS read as absent in every model. Named cores otherwise say what QEMU 7.2 lets
// them say.
#include "frontend/cpu_models.h"

#include <string.h>

// A field of an ID register: value at bit lo.
#define F(lo, value) ((uint64_t)(value) << (lo))

// Of a named core what its ID registers say on QEMU, less what armlet does not have:
// AArch32, EL2, EL3, mixed endianness, RAS.
#define PFR0_ABSENT  (F(0, 3) | F(4, 3) | F(28, 15))            // EL0 and EL1 in AArch32, RAS
#define PFR0_PRESENT (F(0, 1) | F(4, 1))
#define MMFR0_ABSENT (F(8, 15) | F(12, 15))                     // BigEnd, SNSMem
#define MMFR1_ABSENT (F(4, 15) | F(8, 15) | F(28, 15))          // VMIDBits, VH, XNX
#define MMFR2_ABSENT F(12, 15)                                  // IESB

// clang-format off
const struct a64_model a64_models[] = {
    {
        .name = "armlet",
        .alias = "max",
        .compatible = "arm,cortex-a57", // as QEMU's max; there is no name for no core
        .help = "everything armlet has: Armv8.2 with LSE, crypto, FP16 and much of 8.3 to 8.5",
        .ccsidr = { 127 << 13 | 3 << 3 | 2, 127 << 13 | 3 << 3 | 2, 1023 << 13 | 7 << 3 | 2 },
        .id = {
            [A64_MODEL_MIDR_EL1] = F(16, 0xf) | F(4, 0xa40),
            [A64_MODEL_CTR_EL0] = F(31, 1) | F(28, 1)            // IDC; not DIC
                                  | F(24, 4) | F(20, 4)          // CWG, ERG: 64 bytes
                                  | F(16, 4) | F(14, 3) | F(0, 4), // 64-byte lines, PIPT
            // Two levels: 32 KiB each for instructions and data, then 512 KiB unified.
            [A64_MODEL_CLIDR_EL1] = F(27, 1) | F(24, 2) | F(21, 1) | F(3, 4) | F(0, 3),
            [A64_MODEL_ID_AA64PFR0_EL1] = F(60, 1) | F(56, 1)    // CSV3, CSV2
                                          | F(48, 1)             // DIT
                                          | F(24, 1)             // GIC
                                          | F(20, 1) | F(16, 1)  // AdvSIMD, FP: with FP16
                                          | F(4, 1) | F(0, 1),   // EL1, EL0: AArch64 only
            [A64_MODEL_ID_AA64PFR1_EL1] = F(4, 2),               // SSBS
            [A64_MODEL_ID_AA64DFR0_EL1] = F(28, 1) | F(20, 3) | F(12, 5) // CTX_CMPs, WRPs, BRPs
                                          | F(8, 4) | F(0, 6),   // PMUVer, DebugVer
            [A64_MODEL_ID_AA64ISAR0_EL1] = F(52, 2)              // TS: FlagM2
                                           | F(48, 1) | F(44, 1) // FHM, DP
                                           | F(32, 1)            // SHA3
                                           | F(28, 1) | F(20, 2) // RDM, Atomic
                                           | F(16, 1)            // CRC32
                                           | F(12, 2) | F(8, 1)  // SHA2, SHA1
                                           | F(4, 2),            // AES, PMULL
            [A64_MODEL_ID_AA64ISAR1_EL1] = F(36, 1) | F(32, 1)   // SB, FRINTTS
                                           | F(20, 2) | F(16, 1) // LRCPC, FCMA
                                           | F(12, 1) | F(0, 2), // JSCVT, DPB
            [A64_MODEL_ID_AA64MMFR0_EL1] = F(20, 1)              // TGran16; 4 and 64 are 0
                                           | F(4, 2) | F(0, 4),  // ASIDBits 16, PARange 44
            [A64_MODEL_ID_AA64MMFR1_EL1] = F(60, 1)              // ECBHB: no branch history at all
                                           | F(20, 2) | F(16, 1) // PAN, LO
                                           | F(12, 2) | F(0, 2), // HPDS, HAFDBS
            [A64_MODEL_ID_AA64MMFR2_EL1] = F(60, 1) | F(36, 1)   // E0PD, IDS
                                           | F(4, 1) | F(0, 1),  // UAO, CnP
        },
    },
    {
        .name = "cortex-a57",
        .compatible = "arm,cortex-a57",
        .pmcr = 0x41010000,
        .help = "Armv8.0 with CRC32 and crypto",
        .ccsidr = { 0x701fe00a, 0x201fe012, 0x70ffe07a },
        .id = {
            [A64_MODEL_MIDR_EL1] = 0x411fd070,
            [A64_MODEL_CTR_EL0] = 0x8444c004,
            [A64_MODEL_CLIDR_EL1] = 0x0a200023,
            [A64_MODEL_ID_AA64PFR0_EL1] = (0x01000022 & ~PFR0_ABSENT) | PFR0_PRESENT,
            [A64_MODEL_ID_AA64DFR0_EL1] = 0x10305106,
            [A64_MODEL_ID_AA64ISAR0_EL1] = 0x00011120,
            [A64_MODEL_ID_AA64MMFR0_EL1] = 0x00001124 & ~MMFR0_ABSENT,
        },
    },
    {
        .name = "cortex-a72",
        .compatible = "arm,cortex-a72",
        .pmcr = 0x41020000,
        .help = "Armv8.0 with CRC32 and crypto",
        .ccsidr = { 0x701fe00a, 0x201fe012, 0x707fe07a },
        .id = {
            [A64_MODEL_MIDR_EL1] = 0x410fd083,
            [A64_MODEL_CTR_EL0] = 0x8444c004,
            [A64_MODEL_CLIDR_EL1] = 0x0a200023,
            [A64_MODEL_ID_AA64PFR0_EL1] = (0x01000022 & ~PFR0_ABSENT) | PFR0_PRESENT,
            [A64_MODEL_ID_AA64DFR0_EL1] = 0x10305106,
            [A64_MODEL_ID_AA64ISAR0_EL1] = 0x00011120,
            [A64_MODEL_ID_AA64MMFR0_EL1] = 0x00001124 & ~MMFR0_ABSENT,
        },
    },
    {
        .name = "neoverse-n1",
        .compatible = "arm,neoverse-n1",
        .pmcr = 0x410c0000,
        .help = "Armv8.2 with crypto, FP16, dot product, LRCPC, SSBS",
        .ccsidr = { 0x701fe01a, 0x201fe01a, 0x70ffe03a },
        .id = {
            [A64_MODEL_MIDR_EL1] = 0x414fd0c1,
            [A64_MODEL_CTR_EL0] = 0x8444c004,
            [A64_MODEL_CLIDR_EL1] = 0x82000023,
            [A64_MODEL_ID_AA64PFR0_EL1] = (0x1100000011110012 & ~PFR0_ABSENT) | PFR0_PRESENT,
            [A64_MODEL_ID_AA64PFR1_EL1] = 0x00000020,
            [A64_MODEL_ID_AA64DFR0_EL1] = 0x10305408,
            [A64_MODEL_ID_AA64ISAR0_EL1] = 0x0000100010211120,
            [A64_MODEL_ID_AA64ISAR1_EL1] = 0x00100001,
            [A64_MODEL_ID_AA64MMFR0_EL1] = 0x00101125 & ~MMFR0_ABSENT,
            [A64_MODEL_ID_AA64MMFR1_EL1] = 0x10212122 & ~MMFR1_ABSENT,
            [A64_MODEL_ID_AA64MMFR2_EL1] = 0x00001011 & ~MMFR2_ABSENT,
        },
    },
};

// Where a feature is advertised.
static const struct { uint8_t id, lo; int8_t least; } features[A64_NR_FEATURES] = {
#define FEATURE(name, reg, lo, least) [A64_FEATURE_##name] = { A64_MODEL_##reg, lo, least },
#include "frontend/cpu_features.def"
};
// clang-format on
_Static_assert(0
#define FEATURE(...) +1
#include "frontend/cpu_features.def"
                   == A64_NR_FEATURES - 1 - A64_FEATURE_NONE, "every feature of the decode tables has a row");
_Static_assert(A64_NR_FEATURES <= 64 - A64_MODE_LACKS, "features fit the mode");

const unsigned a64_nr_models = ARRAY_SIZE(a64_models);

const struct a64_model *a64_model_find(const char *name)
{
    for (unsigned n = 0; n < a64_nr_models; n++) {
        const struct a64_model *m = &a64_models[n];
        if (!strcmp(name, m->name) || (m->alias && !strcmp(name, m->alias)))
            return m;
    }
    return NULL;
}

bool a64_model_has(const struct a64_model *model, unsigned feature)
{
    return (int64_t)sext64(model->id[features[feature].id] >> features[feature].lo, 4) >=
           features[feature].least;
}

uint64_t a64_model_lacks(const struct a64_model *model)
{
    uint64_t lacks = 0;
    for (unsigned n = A64_FEATURE_NONE + 1; n < A64_NR_FEATURES; n++)
        lacks |= a64_model_has(model, n) ? 0 : BIT(n);
    return lacks;
}

unsigned a64_model_pa_bits(const struct a64_model *model)
{
    static const uint8_t width[8] = { 32, 36, 40, 42, 44, 48, 48, 48 };
    return width[model->id[A64_MODEL_ID_AA64MMFR0_EL1] & 7];
}
