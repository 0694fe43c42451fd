// SPDX-License-Identifier: GPL-3.0-or-later
// Puts a kernel and its initial ram disk into guest memory.
//
// Files are read (or inflated) straight to where they will run; nothing is staged. Formats: arm64
// Image (Documentation/arm64/booting.rst), the same gzipped, ELF64, and anything else as raw code
// at 512 KiB. Placement is QEMU's (virt-machine facts in docs/architecture.md): the kernel low,
// the initrd at min(RAM/2, 128 MiB) or above the kernel, the device tree at the next 2 MiB.
//
// Files are untrusted: every offset and length is checked against the file and against RAM before
// it is used. Errors name the file. Runs before the vCPUs do, or while they are stopped.
#ifndef MACHINE_LOADER_H
#define MACHINE_LOADER_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Guest RAM as the loader sees it; the memory is the caller's.
struct loader_ram {
    uint8_t *host;
    uint64_t base; // guest-physical, a multiple of 2 MiB
    uint64_t size; // bytes
};

enum loader_format { LOADER_IMAGE, LOADER_IMAGE_GZ, LOADER_ELF, LOADER_RAW };

struct loader_kernel {
    enum loader_format format;
    uint64_t entry;      // guest-physical address of the first instruction
    uint64_t start, end; // what the kernel occupies, its bss and scratch included
};

// A range of guest-physical addresses; empty when end == start.
struct loader_range {
    uint64_t start, end;
};

// recognised: refuse a file that none of the known headers fits (instead of taking it as raw code).
bool loader_load_kernel(const char *path, bool recognised, const struct loader_ram *ram,
                        struct loader_kernel *kernel, struct error *err);

bool loader_load_initrd(const char *path, const struct loader_ram *ram,
                        const struct loader_kernel *kernel, struct loader_range *initrd,
                        struct error *err);

// Copies a finished device tree to its place above kernel and initrd; *address is where.
bool loader_place_dtb(const void *dtb, size_t size, const struct loader_ram *ram,
                      const struct loader_kernel *kernel, const struct loader_range *initrd,
                      uint64_t *address, struct error *err);

// Reads a whole file of at most `limit` bytes into memory that the caller frees. NULL: *err is set.
void *loader_read_file(const char *path, size_t limit, size_t *size, struct error *err);

#endif
