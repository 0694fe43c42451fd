// SPDX-License-Identifier: GPL-3.0-or-later
// A CPU's registers as GDB sees them: numbers, sizes, values, and their description in XML.
//
// After GDB's own come SP_EL1 and every system register that EL1 can read, in the order of
// frontend/sysregs.def. Reading changes nothing: where the architecture says it does (ICC_IAR0_EL1,
// ICC_IAR1_EL1 acknowledge an interrupt), what would be read is shown instead.
#ifndef MACHINE_GDB_REGS_H
#define MACHINE_GDB_REGS_H

#include "frontend/cpu.h"
#include "frontend/sysreg.h"

struct gdb_regs {
    unsigned nr;                     // numbers in use
    uint16_t rows[A64_NR_SYSREGS];   // of a64_sysregs[], by number from GDB_REG_SYSTEM on
    char *description;               // target.xml
};

// The set that a CPU of this model has on this board.
void gdb_regs_init(struct gdb_regs *r, struct a64_cpu *cpu);
void gdb_regs_fini(struct gdb_regs *r);

// All of these while the CPU stands still. Values are little endian, of gdb_regs_size() bytes.
size_t gdb_regs_size(const struct gdb_regs *r, unsigned reg); // 0: there is none
bool gdb_regs_read(const struct gdb_regs *r, struct a64_cpu *cpu, unsigned reg, uint8_t *value);
bool gdb_regs_write(const struct gdb_regs *r, struct a64_cpu *cpu, unsigned reg, const uint8_t *value);

// A system register by name, whatever the case of its letters; NULL: this CPU has none.
const struct sysreg *gdb_regs_find(const struct a64_cpu *cpu, const char *name);
// Without side effects, and without an exception if there is none to be read.
bool gdb_regs_peek(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value);
bool gdb_regs_poke(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value);

#endif
