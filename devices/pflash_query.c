// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/pflash_query.h"
#include "base/bits.h"

enum {
    ID_INTEL = 0x89,
    ID_DEVICE = 0x18,
    SECTORS = 256,
    CHIP_SECTOR = PFLASH_SECTOR / PFLASH_CHIPS, // bytes
    LOG2_CHIP = 25,
    LOG2_CHIP_BUFFER = 11,
};

_Static_assert(PFLASH_CHIPS *(1 << LOG2_CHIP_BUFFER) == PFLASH_BUFFER, "two chips' buffers");
_Static_assert(1 << LOG2_CHIP == SECTORS * CHIP_SECTOR, "a chip's sectors");

#define LO(x) ((x)&0xff)
#define HI(x) ((x) >> 8 & 0xff)

static const uint8_t cfi[] = {
    [0x10] = 'Q',
    [0x11] = 'R',
    [0x12] = 'Y',
    [0x13] = 0x01, // Intel's extended command set
    [0x15] = 0x31, // where its table is
    [0x1b] = 0x45, // from 4.5 V
    [0x1c] = 0x55, // to 5.5 V
    [0x1f] = 7,    // a word is programmed in 2^7 us,
    [0x20] = 7,    // so is a buffer,
    [0x21] = 10,   // a sector erased in 2^10 ms;
    [0x23] = 4,    // and never more than 2^4 times that
    [0x24] = 4,
    [0x25] = 4,
    [0x27] = LOG2_CHIP,
    [0x28] = 2, // by 8 or 16 bits
    [0x2a] = LOG2_CHIP_BUFFER,
    [0x2c] = 1, // kind of sectors: so many, of so many times 256 bytes
    [0x2d] = LO(SECTORS - 1),
    [0x2e] = HI(SECTORS - 1),
    [0x2f] = HI(CHIP_SECTOR),
    [0x30] = HI(CHIP_SECTOR >> 8),
    [0x31] = 'P',
    [0x32] = 'R',
    [0x33] = 'I',
    [0x34] = '1', // version 1.0 of Intel's table, no optional feature
    [0x35] = '0',
    [0x3f] = 1, // protection field
};

static uint32_t both_chips(uint32_t x)
{
    return x | x << 16;
}

uint32_t pflash_query_id(uint64_t n)
{
    // Every 256 words: in a sector these would be followed by its lock bits, which are clear.
    static const uint8_t id[] = {ID_INTEL, ID_DEVICE};
    n &= 0xff;
    return n < ARRAY_SIZE(id) ? both_chips(id[n]) : 0;
}

uint32_t pflash_query_cfi(uint64_t n)
{
    return n < ARRAY_SIZE(cfi) ? both_chips(cfi[n]) : 0;
}
