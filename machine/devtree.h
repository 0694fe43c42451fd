// SPDX-License-Identifier: GPL-3.0-or-later
// The device tree: the machine's own, or the user's (-dtb) with what only armlet knows put in.
//
// The shape is QEMU's virt (guests find everything but flash and RAM through it). Devices write
// their own nodes; this file writes what belongs to no device: root, memory, CPUs, PSCI, the fixed
// clock, /chosen. No state; the returned tree is the caller's to free().
#ifndef MACHINE_DEVTREE_H
#define MACHINE_DEVTREE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

// Phandles that nodes refer to each other by.
enum {
    DEVTREE_PHANDLE_GIC = 1,
    DEVTREE_PHANDLE_CLOCK = 2, // 24 MHz, of the PrimeCell devices
    DEVTREE_PHANDLE_GPIO = 3,  // the PL061 that the power key hangs on
    DEVTREE_PHANDLE_V2M = 4,
    DEVTREE_PHANDLE_CPU0 = 0x10,
};

struct devtree_chosen {
    const char *stdout_path;           // "/pl011@9000000", or NULL
    const char *bootargs;              // or NULL
    uint64_t initrd_start, initrd_end; // equal: none
    uint8_t rng_seed[32], kaslr_seed[8];
};

struct devtree_board {
    uint64_t ram_base, ram_size;
    unsigned cpus;
    const char *cpu_compatible;    // "arm,cortex-a57"
    uint64_t (*mpidr)(unsigned n); // affinity of CPU n
    // Writes the devices' nodes with libfdt's sequential-write functions, the root being open.
    // Returns 0 or the first libfdt error.
    int (*devices)(void *opaque, void *fdt);
    void *opaque;
    uint32_t ppi_flags; // of its interrupt, beside the trigger
    unsigned pmu_ppi; // interrupt of the CPUs' performance monitors; 0: they have none
};

// The machine's own tree.
void *devtree_make(const struct devtree_board *board, const struct devtree_chosen *chosen,
                   size_t *size, struct error *err);

// The tree in `path`, checked, with its memory nodes and /chosen's bootargs (when given) and initrd
// range replaced.
void *devtree_load(const char *path, uint64_t ram_base, uint64_t ram_size,
                   const struct devtree_chosen *chosen, size_t *size, struct error *err);

#endif
