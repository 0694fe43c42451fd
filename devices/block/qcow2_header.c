// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/block/qcow2_header.h"

enum { // header extensions
    EXT_END = 0,
    EXT_BACKING_FORMAT = 0xe2792aca,
    EXT_BITMAPS = 0x23852875,
    EXT_EXTERNAL = 0x44415441,
    EXT_ENCRYPTION = 0x0537be77,
};

enum { // header fields
    AT_MAGIC = 0,
    AT_VERSION = 4,
    AT_BACKING_OFFSET = 8,
    AT_BACKING_SIZE = 16,
    AT_CLUSTER_BITS = 20,
    AT_SIZE = 24,
    AT_CRYPT = 32,
    AT_L1_SIZE = 36,
    AT_L1_OFFSET = 40,
    AT_SNAPSHOTS = 60,
    AT_SNAPSHOTS_OFFSET = 64,
    AT_REFCOUNT_ORDER = 96,
    AT_LENGTH = 100,
    AT_COMPRESSION = 104,
};

uint64_t qcow2_l1_entries(uint64_t size, unsigned cluster_bits)
{
    unsigned shift = 2 * cluster_bits - 3; // bytes that an L2 table maps
    return (size >> shift) + !!(size & mask64(shift));
}

static bool check_features(const struct qcow2_header *h, uint32_t crypt, struct error *err)
{
    uint64_t known = QCOW2_DIRTY | QCOW2_CORRUPT | QCOW2_COMPRESSION;
    if (crypt)
        return error_set(err, "is encrypted, which armlet does not do");
    if (h->incompatible & QCOW2_EXTERNAL)
        return error_set(err, "keeps its data in another file (data_file), which armlet does not "
                              "follow");
    if (h->incompatible & QCOW2_EXTENDED_L2)
        return error_set(err, "has extended L2 entries (extended_l2=on), which armlet does not "
                              "have; qemu-img convert makes a plain qcow2 of it");
    if (h->incompatible & ~known)
        return error_set(err,
                         "uses features unknown to this armlet (incompatible feature bits "
                         "0x%llx)",
                         (unsigned long long)(h->incompatible & ~known));
    if (h->compression != QCOW2_ZLIB && h->compression != QCOW2_ZSTD)
        return error_set(err, "is compressed by an unknown method (%d)", h->compression);
    return true;
}

// A table of `bytes` at offset: aligned and expressible.
static bool check_table(const struct qcow2_header *h, const char *what, uint64_t offset,
                        uint64_t bytes, uint64_t max, struct error *err)
{
    if (bytes > max)
        return error_set(err, "damaged: its %s is too large (%llu bytes)", what,
                         (unsigned long long)bytes);
    if (offset & mask64(h->cluster_bits) || offset > QCOW2_MAX_OFFSET - bytes || (bytes && !offset))
        return error_set(err, "damaged: its %s lies at 0x%llx", what, (unsigned long long)offset);
    return true;
}

static bool check_tables(const struct qcow2_header *h, struct error *err)
{
    if (h->size > INT64_MAX - 512 || qcow2_l1_entries(h->size, h->cluster_bits) > h->l1_size)
        return error_set(err, "damaged: its size (%llu bytes) does not fit its tables",
                         (unsigned long long)h->size);
    if (!h->size)
        return error_set(err, "is empty (a disk of no bytes)");
    if (!h->reftable_clusters)
        return error_set(err, "damaged: it has no refcount table");
    return check_table(h, "L1 table", h->l1_offset, (uint64_t)h->l1_size * 8, QCOW2_MAX_L1, err) &&
           check_table(h, "refcount table", h->reftable_offset,
                       (uint64_t)h->reftable_clusters << h->cluster_bits, QCOW2_MAX_REFTABLE,
                       err) &&
           check_table(h, "snapshot table", h->snapshots_offset, h->snapshots, QCOW2_MAX_SNAPS,
                       err);
}

static bool parse_backing(struct qcow2_header *h, const uint8_t *bytes, size_t len,
                          struct error *err)
{
    uint64_t offset = get64(bytes + AT_BACKING_OFFSET);
    uint32_t size = get32(bytes + AT_BACKING_SIZE);
    if (!offset)
        return true;
    if (!size || size > QCOW2_MAX_NAME || offset > len || size > len - offset)
        return error_set(err, "damaged: its backing file's name lies outside the first cluster");
    memcpy(h->backing, bytes + offset, size);
    if (strlen(h->backing) != size)
        return error_set(err, "damaged: its backing file's name has a zero byte");
    return true;
}

static bool parse_extensions(struct qcow2_header *h, const uint8_t *bytes, size_t at, size_t end,
                             struct error *err)
{
    while (end - at >= 8) {
        uint32_t type = get32(bytes + at), size = get32(bytes + at + 4);
        at += 8;
        if (type == EXT_END)
            return true;
        if (size > end - at)
            return error_set(err, "damaged: a header extension of %u bytes", size);
        if (type == EXT_BACKING_FORMAT) {
            size_t n = size < sizeof h->backing_format ? size : sizeof h->backing_format - 1;
            memcpy(h->backing_format, bytes + at, n);
        } else if (type == EXT_BITMAPS && size >= 4) {
            h->bitmaps = get32(bytes + at);
        }
        size_t step = ALIGN_UP((size_t)size, (size_t)8);
        at = step < end - at ? at + step : end;
    }
    return true;
}

static bool parse_v3(struct qcow2_header *h, const uint8_t *bytes, size_t len, uint32_t *length,
                     struct error *err)
{
    h->refcount_order = 4;
    *length = QCOW2_V2_LENGTH;
    if (h->version == 2)
        return true;
    if (len < 104)
        return error_set(err, "damaged: the file ends inside its header");
    h->incompatible = get64(bytes + QCOW2_AT_FEATURES);
    h->compatible = get64(bytes + QCOW2_AT_FEATURES + 8);
    h->autoclear = get64(bytes + QCOW2_AT_FEATURES + 16);
    h->refcount_order = get32(bytes + AT_REFCOUNT_ORDER);
    *length = get32(bytes + AT_LENGTH);
    if (*length < 104 || *length % 8 || *length > mask64(h->cluster_bits) + 1 || *length > len)
        return error_set(err, "damaged: a header of %u bytes", *length);
    if (h->refcount_order > 6)
        return error_set(err, "damaged: refcounts of 2^%u bits", h->refcount_order);
    if (h->incompatible & QCOW2_COMPRESSION) {
        if (*length <= AT_COMPRESSION)
            return error_set(err, "damaged: a compression method without its field");
        h->compression = bytes[AT_COMPRESSION];
    }
    return true;
}

bool qcow2_header_parse(struct qcow2_header *h, const uint8_t *bytes, size_t len, struct error *err)
{
    *h = (struct qcow2_header){0};
    if (len < QCOW2_V2_LENGTH || get32(bytes + AT_MAGIC) != QCOW2_MAGIC)
        return error_set(err, "not a qcow2 image");
    h->version = get32(bytes + AT_VERSION);
    if (h->version != 2 && h->version != 3)
        return error_set(err, "qcow version %u; armlet has versions 2 and 3", h->version);
    h->cluster_bits = get32(bytes + AT_CLUSTER_BITS);
    if (h->cluster_bits < QCOW2_MIN_BITS || h->cluster_bits > QCOW2_MAX_BITS)
        return error_set(err, "damaged: clusters of 2^%u bytes", h->cluster_bits);
    h->size = get64(bytes + AT_SIZE);
    h->l1_size = get32(bytes + AT_L1_SIZE);
    h->l1_offset = get64(bytes + AT_L1_OFFSET);
    h->reftable_offset = get64(bytes + QCOW2_AT_REFTABLE);
    h->reftable_clusters = get32(bytes + QCOW2_AT_REFTABLE + 8);
    h->snapshots = get32(bytes + AT_SNAPSHOTS);
    h->snapshots_offset = get64(bytes + AT_SNAPSHOTS_OFFSET);
    uint32_t length;
    if (len > mask64(h->cluster_bits) + 1)
        len = (size_t)mask64(h->cluster_bits) + 1;
    if (!parse_v3(h, bytes, len, &length, err) ||
        !check_features(h, get32(bytes + AT_CRYPT), err) || !check_tables(h, err) ||
        !parse_backing(h, bytes, len, err))
        return false;
    // The name ends what extensions there may be.
    uint64_t name = get64(bytes + AT_BACKING_OFFSET);
    size_t end = name > length && name < len ? (size_t)name : len;
    return parse_extensions(h, bytes, length, end, err);
}

static size_t extension(uint8_t *bytes, uint32_t type, const char *text)
{
    size_t size = strlen(text);
    put32(bytes, type);
    put32(bytes + 4, (uint32_t)size);
    memcpy(bytes + 8, text, size);
    return 8 + ALIGN_UP(size, (size_t)8);
}

size_t qcow2_header_write(const struct qcow2_header *h, uint8_t *bytes, size_t len)
{
    size_t name = strlen(h->backing), at = h->version == 2 ? QCOW2_V2_LENGTH : QCOW2_V3_LENGTH;
    if (len < at + 8 + sizeof h->backing_format + 8 + name)
        return 0;
    memset(bytes, 0, len);
    put32(bytes + AT_MAGIC, QCOW2_MAGIC);
    put32(bytes + AT_VERSION, h->version);
    put32(bytes + AT_CLUSTER_BITS, h->cluster_bits);
    put64(bytes + AT_SIZE, h->size);
    put32(bytes + AT_L1_SIZE, h->l1_size);
    put64(bytes + AT_L1_OFFSET, h->l1_offset);
    put64(bytes + QCOW2_AT_REFTABLE, h->reftable_offset);
    put32(bytes + QCOW2_AT_REFTABLE + 8, h->reftable_clusters);
    if (h->version == 3) {
        put64(bytes + QCOW2_AT_FEATURES, h->incompatible);
        put64(bytes + QCOW2_AT_FEATURES + 8, h->compatible);
        put32(bytes + AT_REFCOUNT_ORDER, h->refcount_order);
        put32(bytes + AT_LENGTH, QCOW2_V3_LENGTH);
        bytes[AT_COMPRESSION] = (uint8_t)h->compression;
    }
    if (*h->backing_format)
        at += extension(bytes + at, EXT_BACKING_FORMAT, h->backing_format);
    at += 8; // the end of the extensions
    if (name) {
        put64(bytes + AT_BACKING_OFFSET, at);
        put32(bytes + AT_BACKING_SIZE, (uint32_t)name);
        memcpy(bytes + at, h->backing, name);
    }
    return at + name;
}
