// SPDX-License-Identifier: GPL-3.0-or-later
// fw_cfg: named blobs that firmware (and Linux) fetches from the machine, by port or by DMA.
//
// An item has a 16-bit key; files have a name too and are listed, sorted, in the directory under
// FW_CFG_FILE_DIR. Their bytes are the adder's: borrowed, alive as long as the device, and part of
// the adder's saved state if a guest can change them. Items are added while the machine is built;
// fw_cfg_set_bytes() may change what a key holds before the guest runs again (a reset loads
// kernels anew). Everything under the machine lock.
#ifndef DEVICES_FW_CFG_H
#define DEVICES_FW_CFG_H

#include "base/log.h"
#include "devices/bus.h"
#include "devices/device.h"

// Keys of what has no name; QEMU's numbers.
enum fw_cfg_key {
    FW_CFG_SIGNATURE = 0x00,
    FW_CFG_ID = 0x01,
    FW_CFG_NOGRAPHIC = 0x04,
    FW_CFG_NB_CPUS = 0x05,
    FW_CFG_KERNEL_SIZE = 0x08,
    FW_CFG_INITRD_SIZE = 0x0b,
    FW_CFG_MAX_CPUS = 0x0f,
    FW_CFG_KERNEL_DATA = 0x11,
    FW_CFG_INITRD_DATA = 0x12,
    FW_CFG_CMDLINE_SIZE = 0x14,
    FW_CFG_CMDLINE_DATA = 0x15,
    FW_CFG_FILE_DIR = 0x19,
    FW_CFG_FILE_FIRST = 0x20, // files get the keys from here on, in the order of adding
};

enum {
    FW_CFG_FILE_MAX = 32,  // files
    FW_CFG_NAME_SIZE = 56, // of a file's name with its zero
};

struct fw_cfg;

// The guest has written len bytes at offset of the file (by DMA; they are in its data already).
typedef void fw_cfg_written(void *opaque, uint32_t offset, uint32_t len);

// bus is what DMA goes to. Has the signature, ID and (empty) directory; the rest is added.
struct fw_cfg *fw_cfg_create(const char *name, const struct bus *bus, const struct log *log);
// Owns the struct fw_cfg: device_destroy() frees both.
struct device *fw_cfg_device(struct fw_cfg *fw);

// Adds a file. written NULL: the guest can only read it, and data is never written through. name
// is copied; it is new and shorter than FW_CFG_NAME_SIZE, and there are fewer than FW_CFG_FILE_MAX.
void fw_cfg_add_file(struct fw_cfg *fw, const char *name, void *data, uint32_t size,
                     fw_cfg_written *written, void *opaque);
// Whether fw_cfg_add_file() may be called with this name now.
bool fw_cfg_can_add(const struct fw_cfg *fw, const char *name);

// Items without a name, little-endian numbers as firmware expects them. Set again: replaced.
// Bytes are borrowed.
void fw_cfg_set_bytes(struct fw_cfg *fw, enum fw_cfg_key key, const void *data, uint32_t size);
void fw_cfg_set_u16(struct fw_cfg *fw, enum fw_cfg_key key, uint16_t value);
void fw_cfg_set_u32(struct fw_cfg *fw, enum fw_cfg_key key, uint32_t value);

#endif
