// SPDX-License-Identifier: GPL-3.0-or-later
// The identification registers promise what armlet does and nothing else: a field is raised in the
// same commit that adds what it stands for. AArch32, EL2, EL3, SVE, pointer authentication, MTE,
// LSE2, RAS and the PMU read as absent in every model.
#include "frontend/cpu_models.h"

#include <string.h>

// A field of an ID register: value at bit lo.
#define F(lo, value) ((uint64_t)(value) << (lo))

// clang-format off
const struct a64_model a64_models[] = {
    {
        .name = "armlet",
        .alias = "max",
        .help = "everything armlet has: Armv8.2 with LSE, crypto, FP16 and much of 8.3 to 8.5",
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
                                          | F(0, 6),             // DebugVer
            [A64_MODEL_ID_AA64ISAR0_EL1] = F(52, 2)              // TS: FlagM2
                                           | F(48, 1) | F(44, 1) // FHM, DP
                                           | F(32, 1)            // SHA3
                                           | F(28, 1) | F(20, 2) // RDM, Atomic
                                           | F(16, 1)            // CRC32
                                           | F(12, 2) | F(8, 1)  // SHA2, SHA1
                                           | F(4, 2),            // AES, PMULL
            [A64_MODEL_ID_AA64ISAR1_EL1] = F(36, 1) | F(32, 1)   // SB, FRINTTS
                                           | F(20, 2) | F(16, 1) // LRCPC, FCMA
                                           | F(12, 1) | F(0, 1), // JSCVT, DPB
            [A64_MODEL_ID_AA64MMFR0_EL1] = F(20, 1)              // TGran16; 4 and 64 are 0
                                           | F(4, 2) | F(0, 4),  // ASIDBits 16, PARange 44
            [A64_MODEL_ID_AA64MMFR1_EL1] = F(60, 1)              // ECBHB: no branch history at all
                                           | F(20, 2)            // PAN
                                           | F(12, 1) | F(0, 2), // HPDS, HAFDBS
            [A64_MODEL_ID_AA64MMFR2_EL1] = F(60, 1)              // E0PD
                                           | F(4, 1) | F(0, 1),  // UAO, CnP
        },
    },
};
// clang-format on

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

unsigned a64_model_pa_bits(const struct a64_model *model)
{
    static const uint8_t width[8] = { 32, 36, 40, 42, 44, 48, 48, 48 };
    return width[model->id[A64_MODEL_ID_AA64MMFR0_EL1] & 7];
}
