// SPDX-License-Identifier: GPL-3.0-or-later
// qcow2 images that qemu-img made, read and written here, and the other way round. What qemu-img
// converts to raw and what qemu-img check says are the oracle.
#include "devices/block/qcow2.h"
#include "disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(qcow2, .init = disk_setup, .fini = disk_teardown, .timeout = 100);

#define MIB (1u << 20)

// raw.img: runs of data, runs of zeros, compressible and not.
static uint8_t *make_raw(size_t size)
{
    uint8_t *bytes = calloc(1, size);
    for (size_t at = 0, n = 0; at < size; at += 40000, n++) {
        size_t len = size - at < 40000 ? size - at : 40000;
        if (n % 3 == 0)
            disk_pattern(bytes + at, len, n);
        else if (n % 3 == 1)
            memset(bytes + at, (int)n, len);
    }
    test_dir_write(&disk_dir, "raw.img", bytes, size);
    return bytes;
}

static void expect_check(const char *name)
{
    struct error err;
    struct qcow2_check result;
    struct block_file file;
    cr_assert(file_open(&file, disk_path(name), true, &err), "%s", err.text);
    struct block *b = qcow2_open_file(&file, disk_path(name), false, false, true, &err);
    cr_assert(b, "%s", err.text);
    cr_assert(qcow2_check_image(qcow2_of(b), false, &result, stderr, &err), "%s", err.text);
    cr_assert(!result.errors && !result.leaks, "%llu errors, %llu leaks",
              (unsigned long long)result.errors, (unsigned long long)result.leaks);
    block_close(b);
    QEMU_IMG("check -q %s", name);
}

// What qemu-img makes of an image is these bytes.
static void expect_contents(const char *name, const uint8_t *want, size_t size)
{
    size_t len;
    QEMU_IMG("convert -O raw %s out.img", name);
    uint8_t *got = disk_load("out.img", &len);
    cr_assert(len == size, "%zu bytes, not %zu", len, size);
    for (size_t n = 0; n < size; n++)
        cr_assert(got[n] == want[n], "%s: byte %zu is 0x%02x, not 0x%02x", name, n, got[n],
                  want[n]);
    free(got);
}

static const struct {
    const char *options;
    bool compress;
} kinds[] = {
    {"compat=0.10", false},
    {"compat=0.10", true},
    {"compat=1.1", false},
    {"compat=1.1", true},
    {"compat=1.1,compression_type=zstd", true},
    {"compat=1.1,compression_type=zstd,cluster_size=4096", true},
    {"cluster_size=512", false},
    {"cluster_size=512", true},
    {"cluster_size=4096,refcount_bits=1", false},
    {"cluster_size=2M", false},
    {"cluster_size=2M", true},
    {"refcount_bits=1", false},
    {"refcount_bits=2", false},
    {"refcount_bits=4", false},
    {"refcount_bits=8", false},
    {"refcount_bits=32", true},
    {"refcount_bits=64", false},
    {"lazy_refcounts=on", false},
    {"preallocation=metadata", false},
    {"preallocation=full", false},
};

// Read all of it; then write all over it, and let qemu-img read that.
static void try_kind(size_t k)
{
    size_t size = 3 * MIB + 512;
    uint8_t *bytes = make_raw(size), *data = malloc(200000);
    uint64_t x = k + 1;
    QEMU_IMG("convert -q -O qcow2 -o %s %s raw.img a.qcow2", kinds[k].options,
             kinds[k].compress ? "-c" : "");
    struct block *b = disk_open("a.qcow2", false);
    cr_assert_eq(b->size, size);
    disk_expect(b, 0, bytes, size);
    for (unsigned n = 0; n < 60; n++) {
        uint64_t len = (random_next(&x) % 300 + 1) * 512;
        uint64_t offset = random_next(&x) % ((size - len) / 512 + 1) * 512;
        if (n % 4 == 3) {
            cr_assert_eq(disk_run(b, BLOCK_WRITE_ZEROES, n & 4, offset, NULL, len), 0);
            memset(bytes + offset, 0, len);
        } else {
            disk_pattern(data, len, n);
            disk_write(b, offset, data, len);
            memcpy(bytes + offset, data, len);
        }
        if (n % 13 == 0)
            disk_flush(b);
    }
    disk_expect(b, 0, bytes, size);
    block_close(b);
    expect_check("a.qcow2");
    expect_contents("a.qcow2", bytes, size);
    free(bytes);
    free(data);
}

Test(qcow2, images_of_qemu_img)
{
    NEEDS_QEMU_IMG();
    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
        try_kind(k);
}

// Images that are made here. ---------------------------------------------------------------------

static void create(const char *name, struct qcow2_create_options o)
{
    struct error err;
    struct block_file file;
    cr_assert(file_create(&file, disk_path(name), true, &err), "%s", err.text);
    cr_assert(qcow2_format_file(&file, &o, &err), "%s", err.text);
    file_close(&file);
}

static struct qcow2_create_options options(uint64_t size)
{
    return (struct qcow2_create_options){
        .size = size, .version = 3, .cluster_bits = 16, .refcount_order = 4};
}

Test(qcow2, every_cluster_size_and_width)
{
    NEEDS_QEMU_IMG();
    uint8_t *bytes = make_raw(MIB);
    for (unsigned bits = 9; bits <= 21; bits++) {
        for (unsigned order = 0; order <= 6; order += bits % 3 + 1) {
            struct qcow2_create_options o = options(MIB);
            o.cluster_bits = bits;
            o.refcount_order = order;
            create("b.qcow2", o);
            expect_check("b.qcow2");
            struct block *b = disk_open("b.qcow2", false);
            disk_write(b, 0, bytes, MIB);
            block_close(b);
            expect_check("b.qcow2");
            expect_contents("b.qcow2", bytes, MIB);
        }
    }
    free(bytes);
}

Test(qcow2, large_and_small)
{
    NEEDS_QEMU_IMG();
    static const uint64_t sizes[] = {512, 65536, UINT64_C(3) << 40, 0};
    uint8_t data[1024], zeros[1024] = {0};
    disk_pattern(data, sizeof data, 1);
    for (size_t n = 0; sizes[n]; n++) {
        create("b.qcow2", options(sizes[n]));
        struct block *b = disk_open("b.qcow2", false);
        cr_assert_eq(b->size, sizes[n]);
        disk_write(b, sizes[n] - 512, data, 512);
        block_close(b);
        expect_check("b.qcow2");
        b = disk_open("b.qcow2", true);
        disk_expect(b, sizes[n] - 512, data, 512);
        if (sizes[n] > 512)
            disk_expect(b, 0, zeros, 512);
        cr_assert_eq(disk_run(b, BLOCK_READ, false, sizes[n], data, 512), EIO);
        cr_assert_eq(disk_run(b, BLOCK_WRITE, false, 0, data, 512), EROFS);
        block_close(b);
    }
}

// The refcount table has to grow several times: 512-byte clusters, 8 MiB of host file each time.
Test(qcow2, refcount_table_grows)
{
    NEEDS_QEMU_IMG();
    struct qcow2_create_options o = options(64 * MIB);
    o.cluster_bits = 9;
    o.refcount_order = 6;
    create("b.qcow2", o);
    struct block *b = disk_open("b.qcow2", false);
    uint32_t before = qcow2_of(b)->h.reftable_clusters;
    uint8_t *bytes = malloc(12 * MIB);
    disk_pattern(bytes, 12 * MIB, 5);
    for (unsigned n = 0; n < 12; n++) {
        disk_write(b, n * MIB, bytes + n * MIB, MIB);
        if (n % 3 == 0)
            disk_flush(b);
    }
    cr_assert_gt(qcow2_of(b)->h.reftable_clusters, before);
    disk_expect(b, 0, bytes, 12 * MIB);
    block_close(b);
    expect_check("b.qcow2");
    b = disk_open("b.qcow2", true);
    disk_expect(b, 0, bytes, 12 * MIB);
    block_close(b);
    free(bytes);
}

static uint64_t allocated(const char *name)
{
    struct error err;
    struct qcow2_check result;
    struct block *b = disk_open(name, true);
    cr_assert(qcow2_check_image(qcow2_of(b), false, &result, NULL, &err), "%s", err.text);
    block_close(b);
    return result.data;
}

Test(qcow2, discard_gives_space_back)
{
    NEEDS_QEMU_IMG();
    for (unsigned version = 2; version <= 3; version++) {
        struct qcow2_create_options o = options(8 * MIB);
        o.version = version;
        create("b.qcow2", o);
        uint8_t *bytes = malloc(8 * MIB);
        disk_pattern(bytes, 8 * MIB, 5);
        struct block *b = disk_open("b.qcow2", false);
        disk_write(b, 0, bytes, 8 * MIB);
        block_close(b);
        size_t full = 0, after = 0;
        free(disk_load("b.qcow2", &full));
        cr_assert_eq(allocated("b.qcow2"), 128);
        b = disk_open("b.qcow2", false);
        cr_assert_eq(disk_run(b, BLOCK_DISCARD, false, MIB, NULL, 4 * MIB), 0);
        memset(bytes + MIB, 0, 4 * MIB);
        cr_assert_eq(disk_run(b, BLOCK_DISCARD, false, 6 * MIB + 512, NULL, 65536),
                     0); // no whole one
        disk_flush(b);
        disk_flush(b);
        // The space is used again, the file does not grow.
        disk_write(b, 2 * MIB, bytes + 5 * MIB, MIB);
        memcpy(bytes + 2 * MIB, bytes + 5 * MIB, MIB);
        block_close(b);
        free(disk_load("b.qcow2", &after));
        cr_assert_eq(after, full);
        cr_assert_eq(allocated("b.qcow2"), 128 - 64 + 16);
        expect_check("b.qcow2");
        expect_contents("b.qcow2", bytes, 8 * MIB);
        disk_shell(0, "test $(($(stat -c %%b b.qcow2) * 512)) -lt $((7 * 1048576))");
        free(bytes);
    }
}

Test(qcow2, zeros_with_and_without_space)
{
    NEEDS_QEMU_IMG();
    create("b.qcow2", options(MIB));
    uint8_t *bytes = malloc(MIB);
    disk_pattern(bytes, MIB, 5);
    struct block *b = disk_open("b.qcow2", false);
    disk_write(b, 0, bytes, MIB);
    cr_assert_eq(disk_run(b, BLOCK_WRITE_ZEROES, false, 0, NULL, 131072), 0);     // kept
    cr_assert_eq(disk_run(b, BLOCK_WRITE_ZEROES, true, 262144, NULL, 131072), 0); // given back
    memset(bytes, 0, 131072);
    memset(bytes + 262144, 0, 131072);
    disk_flush(b);
    disk_expect(b, 0, bytes, MIB);
    disk_write(b, 512, bytes + 600000, 512); // into a cluster that waits behind zeros
    memcpy(bytes + 512, bytes + 600000, 512);
    disk_expect(b, 0, bytes, MIB);
    block_close(b);
    expect_check("b.qcow2");
    expect_contents("b.qcow2", bytes, MIB);
    free(bytes);
}

// Backing files ----------------------------------------------------------------------------------

Test(qcow2, backing_files)
{
    NEEDS_QEMU_IMG();
    uint8_t *bytes = make_raw(2 * MIB), *data = malloc(MIB);
    uint64_t x = 7;
    QEMU_IMG("convert -O qcow2 -c raw.img base.qcow2");
    disk_shell(0, "md5sum base.qcow2 raw.img >sums");
    static const char *const how[] = {"-b base.qcow2 -F qcow2", "-b raw.img -F raw",
                                      "-o compat=0.10 -b base.qcow2 -F qcow2"};
    for (size_t h = 0; h < ARRAY_SIZE(how); h++) {
        uint8_t *want = calloc(1, 3 * MIB);
        memcpy(want, bytes, 2 * MIB);
        QEMU_IMG("create -q -f qcow2 %s over.qcow2 3M", how[h]); // longer than its base
        struct block *b = disk_open_backed("over.qcow2", false);
        disk_expect(b, 0, want, 3 * MIB);
        for (unsigned n = 0; n < 40; n++) {
            uint64_t len = (random_next(&x) % 300 + 1) * 512;
            uint64_t offset = random_next(&x) % ((3 * MIB - len) / 512) * 512;
            if (n % 4 == 0) {
                cr_assert_eq(disk_run(b, BLOCK_WRITE_ZEROES, n & 4, offset, NULL, len), 0);
                memset(want + offset, 0, len);
            } else {
                disk_pattern(data, len, n);
                disk_write(b, offset, data, len);
                memcpy(want + offset, data, len);
            }
        }
        disk_expect(b, 0, want, 3 * MIB);
        block_close(b);
        expect_check("over.qcow2");
        expect_contents("over.qcow2", want, 3 * MIB);
        free(want);
    }
    disk_shell(0, "md5sum -c --quiet sums");
    free(bytes);
    free(data);
}

// What was under a discarded cluster must not come to light again.
Test(qcow2, discard_over_a_backing_file)
{
    NEEDS_QEMU_IMG();
    uint8_t *bytes = make_raw(MIB), *data = malloc(MIB), *zeros = calloc(1, MIB);
    QEMU_IMG("create -q -f qcow2 -b raw.img -F raw over.qcow2");
    struct block *b = disk_open_backed("over.qcow2", false);
    disk_pattern(data, MIB, 9);
    disk_write(b, 0, data, MIB / 2);
    cr_assert_eq(disk_run(b, BLOCK_DISCARD, false, 0, NULL, MIB), 0);
    disk_expect(b, 0, zeros, MIB / 2);
    disk_expect(b, MIB / 2, bytes + MIB / 2, MIB / 2);
    block_close(b);
    expect_check("over.qcow2");
    free(bytes);
    free(data);
    free(zeros);
}

static void refused(const char *name, bool readonly, bool backing, const char *why)
{
    struct error err = {0};
    struct block_options o = {.readonly = readonly, .backing = backing};
    struct block *b = image_open(disk_path(name), &o, &err);
    cr_assert(!b, "%s: opened, expected \"%s\"", name, why);
    cr_assert(strstr(err.text, why) && strstr(err.text, name), "\"%s\", expected \"%s\"", err.text,
              why);
}

Test(qcow2, backing_files_that_are_not_opened)
{
    NEEDS_QEMU_IMG();
    free(make_raw(MIB));
    QEMU_IMG("create -q -f qcow2 -b raw.img -F raw over.qcow2");
    refused("over.qcow2", true, false, "backing=on");
    struct qcow2_create_options o = options(MIB);
    o.backing = "raw.img"; // no format, and no qcow2
    create("over.qcow2", o);
    refused("over.qcow2", true, true, "does not say what format");
    QEMU_IMG("create -q -f qcow2 -u -b nbd://localhost/x -F raw over.qcow2 1M");
    refused("over.qcow2", true, true, "not the name of a file");
    QEMU_IMG("create -q -f qcow2 -u -b 'json:{}' -F raw over.qcow2 1M");
    refused("over.qcow2", true, true, "not the name of a file");
    QEMU_IMG("create -q -f qcow2 -u -b none.img -F raw over.qcow2 1M");
    refused("over.qcow2", true, true, "No such file");
    o.backing = "over.qcow2"; // itself
    o.backing_format = "qcow2";
    create("over.qcow2", o);
    refused("over.qcow2", true, true, "more than 16");
    QEMU_IMG("create -q -f qcow2 -u -b raw.img -F vmdk over.qcow2 1M");
    refused("over.qcow2", true, true, "vmdk");
}

Test(qcow2, what_is_refused)
{
    NEEDS_QEMU_IMG();
    QEMU_IMG("create -q -f qcow2 -o extended_l2=on a.qcow2 1M");
    refused("a.qcow2", true, false, "extended_l2");
    QEMU_IMG("create -q -f qcow2 -o data_file=data.img a.qcow2 1M");
    refused("a.qcow2", true, false, "data_file");
    QEMU_IMG(
        "create -q --object secret,id=s,data=x -f qcow2 -o encrypt.format=aes,encrypt.key-secret=s "
        "a.qcow2 1M 2>/dev/null");
    refused("a.qcow2", true, false, "encrypted");
    QEMU_IMG("create -q -f qcow2 a.qcow2 1M");
    disk_shell(0, "printf '\\2' | dd of=a.qcow2 bs=1 seek=35 conv=notrunc"); // LUKS
    refused("a.qcow2", true, false, "encrypted");
    QEMU_IMG("create -q -f qcow2 a.qcow2 1M");
    struct error err;
    struct block *b = disk_open("a.qcow2", false);
    refused("a.qcow2", true, false, "in use by another armlet");
    disk_shell(1, "qemu-img info a.qcow2"); // nor does QEMU get it
    block_close(b);
    b = raw_open(disk_path("a.qcow2"), true, &err); // who says raw means it
    cr_assert(b, "%s", err.text);
    block_close(b);
}

// Snapshots of QEMU's (savevm) share clusters and tables with the disk. --------------------------

Test(qcow2, internal_snapshots_stay)
{
    NEEDS_QEMU_IMG();
    uint8_t *bytes = make_raw(2 * MIB), *data = malloc(MIB);
    QEMU_IMG("convert -O qcow2 -c raw.img a.qcow2");
    QEMU_IMG("snapshot -c one a.qcow2");
    struct block *b = disk_open("a.qcow2", false);
    uint8_t *want = malloc(2 * MIB);
    memcpy(want, bytes, 2 * MIB);
    disk_pattern(data, MIB, 3);
    disk_write(b, 1000 * 512, data, MIB);
    memcpy(want + 1000 * 512, data, MIB);
    cr_assert_eq(disk_run(b, BLOCK_DISCARD, false, 0, NULL, 262144), 0);
    memset(want, 0, 262144);
    disk_expect(b, 0, want, 2 * MIB);
    block_close(b);
    expect_check("a.qcow2");
    expect_contents("a.qcow2", want, 2 * MIB);
    QEMU_IMG("snapshot -a one a.qcow2");
    expect_contents("a.qcow2", bytes, 2 * MIB);
    QEMU_IMG("snapshot -d one a.qcow2");
    expect_check("a.qcow2");
    free(bytes);
    free(data);
    free(want);
}

// Compressed clusters, as `armlet disk convert -c` makes them. -----------------------------------

Test(qcow2, packed_here)
{
    NEEDS_QEMU_IMG();
    static const unsigned sizes[] = {9, 12, 16, 21};
    uint8_t *bytes = make_raw(4 * MIB);
    for (unsigned n = 0; n < 2 * ARRAY_SIZE(sizes); n++) {
        struct qcow2_create_options o = options(4 * MIB);
        o.cluster_bits = sizes[n / 2];
        o.compression = n % 2 ? QCOW2_ZSTD : QCOW2_ZLIB;
        create("b.qcow2", o);
        struct block *b = disk_open("b.qcow2", false);
        unsigned size = 1u << o.cluster_bits, packed = 0;
        for (unsigned at = 0; at < 4 * MIB; at += size) {
            int e = qcow2_write_packed(qcow2_of(b), at, bytes + at);
            cr_assert(!e || e == EAGAIN, "%s", strerror(e));
            packed += !e;
            if (e)
                disk_write(b, at, bytes + at, size);
        }
        cr_assert_gt(packed, 0);
        disk_expect(b, 0, bytes, 4 * MIB);
        block_close(b);
        expect_check("b.qcow2");
        expect_contents("b.qcow2", bytes, 4 * MIB);
    }
    free(bytes);
}

// -snapshot over qcow2 --------------------

Test(qcow2, snapshot_forgets)
{
    NEEDS_QEMU_IMG();
    struct error err;
    uint8_t *bytes = make_raw(MIB), *data = malloc(MIB);
    QEMU_IMG("convert -O qcow2 raw.img a.qcow2");
    disk_shell(0, "md5sum a.qcow2 >sums");
    struct block *b = overlay_open(disk_open("a.qcow2", true), &err);
    cr_assert(b, "%s", err.text);
    disk_pattern(data, MIB, 3);
    disk_write(b, 1000, data, 300000);
    memcpy(bytes + 1000, data, 300000);
    disk_expect(b, 0, bytes, MIB);
    block_close(b);
    disk_shell(0, "md5sum -c --quiet sums");
    free(bytes);
    free(data);
}

// Raw and qcow2 ----------------------------------------------------------------------------------

Test(qcow2, a_raw_disk_stays_raw)
{
    struct error err;
    uint8_t sector[1024] = {'Q', 'F', 'I', 0xfb}, other[512] = {1};
    test_dir_write(&disk_dir, "raw.img", other, sizeof other);
    struct block *b = disk_open("raw.img", false); // nobody said raw
    cr_assert_eq(disk_run(b, BLOCK_WRITE, false, 0, sector, 512), EPERM);
    disk_expect(b, 0, other, 512);
    sector[3] = 0;
    cr_assert_eq(disk_run(b, BLOCK_WRITE, false, 0, sector, 512), 0);
    disk_expect(b, 0, sector, 512);
    block_close(b);
    sector[3] = 0xfb;
    b = raw_open(disk_path("raw.img"), false, &err); // somebody did
    cr_assert(b, "%s", err.text);
    cr_assert_eq(disk_run(b, BLOCK_WRITE, false, 0, sector, 512), 0);
    block_close(b);
    refused("raw.img", false, false, "qcow version");
}
