// SPDX-License-Identifier: GPL-3.0-or-later
// Memory as a debugger reaches it: through the guest's translation tables, whatever their
// permissions, without a fault, without a trace in tables or TLB. While the vCPUs stand still.
#ifndef MACHINE_DEBUG_MEM_H
#define MACHINE_DEBUG_MEM_H

#include "machine/machine.h"

// Where a virtual address leads on that CPU now; el0: as its user mode.
bool debug_mem_translate(const struct a64_cpu *cpu, gva_t va, bool el0, gpa_t *pa);
// Bytes that could be copied, from the first on. Devices are read and written as the guest would,
// with all that follows. Code that is written over is translated anew.
size_t debug_mem_read(struct machine *m, const struct a64_cpu *cpu, uint64_t addr, bool physical,
                      void *bytes, size_t n);
size_t debug_mem_write(struct machine *m, const struct a64_cpu *cpu, uint64_t addr, bool physical,
                       const void *bytes, size_t n);

#endif
