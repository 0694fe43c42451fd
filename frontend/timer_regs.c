// SPDX-License-Identifier: GPL-3.0-or-later
// Registers whose meaning is the board's: generic timers and the GIC's CPU interface. An access
// through a board that lacks the device is Undefined.
#include "frontend/sysreg.h"

static bool undefined(struct a64_cpu *cpu)
{
    a64_fail(cpu, A64_EXC(EC_UNKNOWN, 0));
    return false;
}

// arg: A64_TIMER_PHYS or A64_TIMER_VIRT
bool timer_read_counter(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value)
{
    const struct a64_board *b = cpu->board;
    if (!b || !b->counter)
        return undefined(cpu);
    *value = b->counter(b->opaque, cpu->v.index, reg->arg);
    return true;
}

// arg: TIMER_ARG(which, register)
bool timer_read_reg(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value)
{
    const struct a64_board *b = cpu->board;
    if (!b || !b->timer_read)
        return undefined(cpu);
    *value = b->timer_read(b->opaque, cpu->v.index, reg->arg >> 4, reg->arg & 15);
    return true;
}

bool timer_write_reg(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    const struct a64_board *b = cpu->board;
    if (!b || !b->timer_write)
        return undefined(cpu);
    b->timer_write(b->opaque, cpu->v.index, reg->arg >> 4, reg->arg & 15, value);
    return true;
}

bool icc_read(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value)
{
    const struct a64_board *b = cpu->board;
    if (!b || !b->icc_read || !b->icc_read(b->opaque, cpu->v.index, reg->id, value))
        return undefined(cpu);
    return true;
}

bool icc_write(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    const struct a64_board *b = cpu->board;
    if (!b || !b->icc_write || !b->icc_write(b->opaque, cpu->v.index, reg->id, value))
        return undefined(cpu);
    return true;
}
