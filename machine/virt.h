// SPDX-License-Identifier: GPL-3.0-or-later
// The virt board: which device stands where, and how they are wired. QEMU's map and interrupt
// numbers (docs/architecture.md).
#ifndef MACHINE_VIRT_H
#define MACHINE_VIRT_H

#include "machine/machine.h"

#define VIRT_RAM_BASE        UINT64_C(0x40000000)
#define VIRT_GIC_DIST_BASE   UINT64_C(0x08000000)
#define VIRT_GIC_REDIST_BASE UINT64_C(0x080a0000)

// Makes the devices, maps them and fills m->board. The machine's clock, bus, log, CPUs' threads
// and character back ends are there already.
bool virt_init(struct machine *m, struct error *err);
void virt_fini(struct machine *m);
// As after power-on. Machine lock; no vCPU runs.
void virt_reset(struct machine *m);
// Waits for what the host still does for the devices. Machine lock; no vCPU runs.
void virt_drain(struct machine *m);
// State of all devices. Machine lock; no vCPU runs. After a failed load they may only be destroyed.
void virt_save(struct machine *m, struct state_writer *w);
bool virt_load(struct machine *m, struct state_reader *r, struct error *err);
// Writes the devices' nodes into an open tree; opaque is the machine.
int virt_fdt_nodes(void *opaque, void *fdt);
// Presses the power key for a moment. False: the guest does not listen to it. Machine lock.
bool virt_press_power_key(struct machine *m);
// What the flags of a CPU's own interrupt have beside the trigger in the tree.
uint32_t virt_ppi_flags(const struct machine *m);
extern const char virt_stdout_path[];

#endif
