// SPDX-License-Identifier: GPL-3.0-or-later
// A device's own access to guest memory: RAM only, never a device's registers.
//
// Each call succeeds as a whole or does nothing and returns false (NULL): the range wraps, leaves
// RAM, crosses from one RAM region into another, or is to be written and read-only. Any thread.
//
// The guest may change what lies there at any time, also while it is read: copy what is to be
// checked, check the copy, use the copy.
#ifndef DEVICES_DMA_H
#define DEVICES_DMA_H

#include "devices/bus.h"

bool dma_read(const struct bus *bus, gpa_t gpa, void *to, uint64_t len);
bool dma_write(const struct bus *bus, gpa_t gpa, const void *from, uint64_t len);

// Host address of len bytes of RAM for bulk transfers, valid as long as the bus. Whoever writes
// through it calls dma_written() when the bytes are there.
uint8_t *dma_ptr(const struct bus *bus, gpa_t gpa, uint64_t len, bool write);
void dma_written(const struct bus *bus, gpa_t gpa, uint64_t len);

#endif
