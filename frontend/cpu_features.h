// SPDX-License-Identifier: GPL-3.0-or-later
// Numbers of the features in cpu_features.def: those of the decode tables (enum a64_feature) and,
// after them, the others.
#ifndef FRONTEND_CPU_FEATURES_H
#define FRONTEND_CPU_FEATURES_H

#include "a64_decode.h"

enum a64_system_feature {
    A64_FEATURE_BEFORE_SYSTEM = A64_FEATURE_COUNT - 1,
#define FEATURE(...)
#define FEATURE_SYSTEM(name, ...) A64_FEATURE_##name,
#include "frontend/cpu_features.def"
    A64_NR_FEATURES
};

#endif
