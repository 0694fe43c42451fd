// SPDX-License-Identifier: GPL-3.0-or-later
// A fast hash of bytes, and a checksum: any change within one aligned 8-byte word changes the
// result. Not against somebody who wants a collision: whoever finds something by it compares.
#ifndef JIT_HASH_H
#define JIT_HASH_H

#include "base/bits.h"

#include <string.h>

#define HASH_START UINT64_C(0x9ae16a3b2f90404f)

// Continues from h; one to one in h and in v.
static inline uint64_t hash_word(uint64_t h, uint64_t v)
{
    h = (h ^ v) * UINT64_C(0x9fb21c651e98df25);
    return h ^ h >> 32;
}

static inline uint64_t hash_bytes(uint64_t h, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    uint64_t v;
    h = hash_word(h, size);
    for (; size >= sizeof v; p += sizeof v, size -= sizeof v) {
        memcpy(&v, p, sizeof v);
        h = hash_word(h, v);
    }
    if (size) {
        v = 0;
        memcpy(&v, p, size);
        h = hash_word(h, v);
    }
    return h;
}

#endif
