// SPDX-License-Identifier: GPL-3.0-or-later
// CPU models: what the identification registers of each say, and which features that means.
// Constant tables.
#ifndef FRONTEND_CPU_MODELS_H
#define FRONTEND_CPU_MODELS_H

#include "frontend/cpu.h"
#include "frontend/cpu_features.h"

// Index into a64_model.id[].
enum a64_model_id {
#define REG_MODEL(name, ...) A64_MODEL_##name,
#include "frontend/sysregs.def"
    A64_NR_MODEL_IDS
};

struct a64_model {
    const char *name, *alias; // as -cpu takes them; alias may be NULL
    const char *help;         // one line
    const char *compatible;   // in the device tree
    uint64_t id[A64_NR_MODEL_IDS];
    uint32_t ccsidr[3];       // CCSIDR_EL1 of CSSELR_EL1 0, 1, 2
    uint32_t pmcr;            // PMCR_EL0.IMP and IDCODE
};

extern const struct a64_model a64_models[];
extern const unsigned a64_nr_models; // the first is the default

// The model of that name or alias, or NULL.
const struct a64_model *a64_model_find(const char *name);
// Bits of physical address that the model has.
unsigned a64_model_pa_bits(const struct a64_model *model);
// Does the model's ID register advertise the feature? A64_FEATURE_NONE: yes.
bool a64_model_has(const struct a64_model *model, unsigned feature);
// The features that it does not advertise, by bit.
uint64_t a64_model_lacks(const struct a64_model *model);

#endif
