// SPDX-License-Identifier: GPL-3.0-or-later
// The first cluster of a qcow2 image: header, header extensions, backing file name. Big-endian on
// disk; QEMU's docs/interop/qcow2 is the specification.
//
// An image is hostile. Whatever passes qcow2_header_parse() has sane sizes and tables that lie
// inside what a file offset can express; where they point to is checked when it is used.
#ifndef DEVICES_BLOCK_QCOW2_HEADER_H
#define DEVICES_BLOCK_QCOW2_HEADER_H

#include "base/error.h"
#include "base/bits.h"

#include <stdint.h>
#include <string.h>

#define QCOW2_MAGIC        0x514649fbu
#define QCOW2_MIN_BITS     9  // cluster sizes 512 bytes
#define QCOW2_MAX_BITS     21 // to 2 MiB
#define QCOW2_V2_LENGTH    72
#define QCOW2_V3_LENGTH    112         // as written here
#define QCOW2_MAX_L1       (32u << 20) // bytes
#define QCOW2_MAX_REFTABLE (8u << 20)  // bytes
#define QCOW2_MAX_OFFSET   BIT(56)     // of anything in the file
#define QCOW2_MAX_NAME     1023        // bytes of a backing file's name
#define QCOW2_MAX_SNAPS    65536
// Largest first cluster that is looked at for extensions.
#define QCOW2_HEADER_READ (64u << 10)

// Where fields stand that are changed later.
#define QCOW2_AT_REFTABLE 48 // offset, then clusters
#define QCOW2_AT_FEATURES 72 // incompatible, compatible, autoclear

enum {                    // incompatible feature bits
    QCOW2_DIRTY = 1 << 0, // refcounts may be wrong
    QCOW2_CORRUPT = 1 << 1,
    QCOW2_EXTERNAL = 1 << 2,    // data in another file
    QCOW2_COMPRESSION = 1 << 3, // compression field counts
    QCOW2_EXTENDED_L2 = 1 << 4,
};
#define QCOW2_LAZY_REFCOUNTS 1u // compatible

enum qcow2_compression { QCOW2_ZLIB, QCOW2_ZSTD };

struct qcow2_header {
    uint32_t version; // 2 or 3
    unsigned cluster_bits;
    uint64_t size; // of the disk, bytes
    uint64_t l1_offset;
    uint32_t l1_size; // entries
    uint64_t reftable_offset;
    uint32_t reftable_clusters;
    uint32_t snapshots;
    uint64_t snapshots_offset;
    uint64_t incompatible, compatible, autoclear;
    unsigned refcount_order;          // log2 of the bits of a refcount
    int compression;                  // enum qcow2_compression
    char backing[QCOW2_MAX_NAME + 1]; // "" for none
    char backing_format[16];          // "" for unsaid
    uint32_t bitmaps;                 // directory entries that an extension announces
};

// Entries of an L1 table that a disk of this size needs.
uint64_t qcow2_l1_entries(uint64_t size, unsigned cluster_bits);

// Reads a header from the first bytes of a file. Refuses what this code does not do (encryption,
// external data, extended L2 entries, unknown features) and sizes out of bounds.
bool qcow2_header_parse(struct qcow2_header *h, const uint8_t *bytes, size_t len,
                        struct error *err);

// Writes header, extensions and backing file name, at most len bytes; returns how many, 0 when
// there is no room.
size_t qcow2_header_write(const struct qcow2_header *h, uint8_t *bytes, size_t len);

static inline uint16_t get16(const void *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap16(v);
}

static inline uint32_t get32(const void *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap32(v);
}

static inline uint64_t get64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap64(v);
}

static inline void put16(void *p, uint16_t v)
{
    v = __builtin_bswap16(v);
    memcpy(p, &v, sizeof v);
}

static inline void put32(void *p, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(p, &v, sizeof v);
}

static inline void put64(void *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, sizeof v);
}

#endif
