// SPDX-License-Identifier: GPL-3.0-or-later
// Saved state: a byte string of tagged sections, each with version, length and checksum.
//
// A device writes its one plain state struct as one section under its own name and reads it back
// in the same order. The reader treats what it is given as hostile: a wrong tag, version, length
// or checksum is an error with the section's name, and the destination is then untouched. What
// the bytes mean (indices in range, reserved bits clear) is the device's to check before it takes
// them over. A snapshot belongs to the build and host that wrote it: little-endian, plain structs.
#ifndef DEVICES_STATE_H
#define DEVICES_STATE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct state_writer {
    uint8_t *data; // owned; state_writer_fini() frees it
    size_t len, capacity;
    // If set, the bytes go here instead (it remembers its own failures).
    void (*sink)(void *opaque, const void *data, size_t len);
    void *opaque;
};

struct state_reader {
    const uint8_t *data; // borrowed
    size_t len, pos;
};

void state_writer_init(struct state_writer *w);
void state_writer_fini(struct state_writer *w);

// Appends one section. tag is at most 31 bytes. Running out of memory aborts.
void state_put(struct state_writer *w, const char *tag, uint32_t version, const void *data,
               size_t len);

void state_reader_init(struct state_reader *r, const void *data, size_t len);

// Reads the next section, which must have this tag, version and length, into data.
bool state_get(struct state_reader *r, const char *tag, uint32_t version, void *data, size_t len,
               struct error *err);

// The length of the next section if it has this tag, or -1; for sections of variable length.
long state_peek(const struct state_reader *r, const char *tag);

#endif
