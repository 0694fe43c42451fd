// SPDX-License-Identifier: GPL-3.0-or-later
// Where the guest's kernel and its symbols are.
#ifndef MACHINE_KERNEL_H
#define MACHINE_KERNEL_H

#include "machine/machine.h"
#include "machine/symbols.h"

// How far the kernel's addresses are from those it was linked for. False: not known (yet). While
// the CPU stands still, or in its thread.
bool kernel_offset(const struct machine *m, const struct a64_cpu *cpu, uint64_t *offset);
// A name, with the offset that is known; or a number.
bool kernel_address(const struct machine *m, const struct a64_cpu *cpu, const char *text, uint64_t *va);
// Before the offset is known: where the loader has put it, for a kernel that starts with _text.
bool kernel_physical(const struct machine *m, const char *name, gpa_t *pa);
// "name+0x12" of an address, or the bare number.
void kernel_name(const struct machine *m, const struct a64_cpu *cpu, uint64_t va, char *text, size_t size);

#endif
