// SPDX-License-Identifier: GPL-3.0-or-later
// Self-hosted debug as far as software step needs it: the OS lock, claim tags. Breakpoint and
// watchpoint registers are storage (sysregs.def); they never match.
#include "frontend/sysreg.h"

bool debug_write_oslar(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    cpu->v.r[A64_OSLSR_EL1] = deposit64(cpu->v.r[A64_OSLSR_EL1], 1, 1, value & 1);
    a64_update_mode(cpu);
    return true;
}

// Reading CLAIMSET says which tags exist, CLAIMCLR which are set.
bool debug_read_claimset(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value)
{
    *value = 0xff;
    return true;
}

bool debug_read_claimclr(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value)
{
    *value = cpu->claim;
    return true;
}

bool debug_write_claimset(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    cpu->claim |= (uint8_t)value;
    return true;
}

bool debug_write_claimclr(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    cpu->claim &= (uint8_t)~value;
    return true;
}
