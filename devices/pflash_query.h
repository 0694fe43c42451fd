// SPDX-License-Identifier: GPL-3.0-or-later
// What a flash bank says of itself: identifiers (command 0x90) and the Common Flash Interface's
// table (command 0x98, JEDEC JEP137). Both are tables of bytes, one a word of the bank.
#ifndef DEVICES_PFLASH_QUERY_H
#define DEVICES_PFLASH_QUERY_H

#include <stdint.h>

enum {
    PFLASH_BANK_WIDTH = 4, // bytes: two chips of 16 bits
    PFLASH_CHIPS = 2,
    PFLASH_SECTOR = 256 * 1024,
    PFLASH_BUFFER = 4096, // bytes that one buffered write may program
};

// The n-th word of the tables, as both chips together drive it.
uint32_t pflash_query_id(uint64_t n);
uint32_t pflash_query_cfi(uint64_t n);

#endif
