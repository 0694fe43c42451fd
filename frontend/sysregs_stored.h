// SPDX-License-Identifier: GPL-3.0-or-later
// The system registers that are slots of vcpu.r[], in the order of sysregs.def: the includer
// defines SYSREG_STORED(name), which is undefined again here. No include guard.
#define REG_STORED(name, ...) SYSREG_STORED(name)
#include "frontend/sysregs.def"
#undef SYSREG_STORED
