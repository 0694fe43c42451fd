// SPDX-License-Identifier: GPL-3.0-or-later
// A bank of NOR flash: two 16-bit chips beside each other with Intel's command set, 256 sectors of
// 256 KiB, as QEMU's virt has two of. Firmware runs from one and keeps its variables in the other.
//
// While the bank is in array mode, the guest's reads and fetches need not come here: they may go
// to pflash_memory() directly. Writes always come here; what they change of the mode or the
// contents is told by callbacks, under the machine lock, before the write returns.
#ifndef DEVICES_PFLASH_H
#define DEVICES_PFLASH_H

#include "base/log.h"
#include "devices/device.h"

#define PFLASH_SIZE UINT64_C(0x4000000) // bytes of a bank

struct pflash_config {
    const char *file;    // its first contents, shorter than the bank or as long; NULL: all zero
    bool readonly;       // programming and erasing fail
    bool create;         // a file that does not exist is made
    bool forget;         // what the guest changes does not go to the file
    unsigned node_banks; // banks that this one's tree node describes, from its own on; 0: no node
    void (*mode)(void *opaque, bool array);
    void (*written)(void *opaque, uint64_t offset, uint64_t len); // the memory has changed
    void *opaque;
    const struct log *log;
};

// The file is read, and locked while the device lives; one that is written to is made as long as
// the bank. The guest's changes are in the file when its write returns, and on stable storage when
// it goes back to array mode. NULL: *err says why.
struct device *pflash_create(const char *name, const struct pflash_config *config,
                             struct error *err);

// The contents, PFLASH_SIZE bytes, page-aligned, as long as the device; not to be written.
uint8_t *pflash_memory(struct device *dev);

#endif
