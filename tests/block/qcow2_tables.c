// SPDX-License-Identifier: GPL-3.0-or-later
// Damaged images: what the check finds, what the repair mends, what is refused. Damage is done to
// the file by hand; where repair ends qemu-img check has to agree.
#include "devices/block/qcow2.h"
#include "disk.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(qcow2_tables, .init = disk_setup, .fini = disk_teardown, .timeout = 100);

#define SIZE (1u << 20)

static uint8_t contents[SIZE];
static struct qcow2_header h;

// a.qcow2: half of it written; `contents` is what it holds.
static void make(struct qcow2_create_options o)
{
    struct error err;
    struct block_file file;
    uint8_t bytes[4096];
    o.size = SIZE;
    cr_assert(file_create(&file, disk_path("a.qcow2"), true, &err), "%s", err.text);
    cr_assert(qcow2_format_file(&file, &o, &err), "%s", err.text);
    file_close(&file);
    memset(contents, 0, sizeof contents);
    disk_pattern(contents, SIZE / 2, 1);
    struct block *b = disk_open("a.qcow2", false);
    disk_write(b, 0, contents, SIZE / 2);
    block_close(b);
    FILE *f = fopen(disk_path("a.qcow2"), "rb");
    cr_assert(f && fread(bytes, 1, sizeof bytes, f) == sizeof bytes);
    fclose(f);
    cr_assert(qcow2_header_parse(&h, bytes, sizeof bytes, &err), "%s", err.text);
}

static void make_usual(void)
{
    make((struct qcow2_create_options){.version = 3, .cluster_bits = 12, .refcount_order = 4});
}

static uint64_t peek(uint64_t at)
{
    uint8_t bytes[8];
    FILE *f = fopen(disk_path("a.qcow2"), "rb");
    cr_assert(f && !fseek(f, (long)at, SEEK_SET) && fread(bytes, 1, 8, f) == 8);
    fclose(f);
    return get64(bytes);
}

static void poke(uint64_t at, uint64_t value)
{
    uint8_t bytes[8];
    FILE *f = fopen(disk_path("a.qcow2"), "r+b");
    put64(bytes, value);
    cr_assert(f && !fseek(f, (long)at, SEEK_SET) && fwrite(bytes, 1, 8, f) == 8);
    fclose(f);
}

static struct qcow2_check check(bool repair)
{
    struct error err;
    struct qcow2_check result;
    struct block_file file;
    cr_assert(file_open(&file, disk_path("a.qcow2"), !repair, &err), "%s", err.text);
    struct block *b = qcow2_open_file(&file, disk_path("a.qcow2"), false, false, true, &err);
    cr_assert(b, "%s", err.text);
    cr_assert(qcow2_check_image(qcow2_of(b), repair, &result, NULL, &err), "%s", err.text);
    block_close(b);
    return result;
}

static void expect_good(void)
{
    struct qcow2_check r = check(false);
    cr_assert(!r.errors && !r.leaks, "%llu errors, %llu leaks", (unsigned long long)r.errors,
              (unsigned long long)r.leaks);
    if (disk_have_qemu_img())
        disk_shell(0, "qemu-img check -q a.qcow2");
    struct block *b = disk_open("a.qcow2", true);
    disk_expect(b, 0, contents, SIZE);
    block_close(b);
}

static uint64_t first_l2(void)
{
    return peek(h.l1_offset) & QCOW2_OFFSET;
}

static uint64_t first_block(void)
{
    return peek(h.reftable_offset);
}

Test(qcow2_tables, refcounts_lost)
{
    static const unsigned orders[] = {0, 3, 4, 6};
    for (size_t n = 0; n < ARRAY_SIZE(orders); n++) {
        make((struct qcow2_create_options){
            .version = 3, .cluster_bits = 12, .refcount_order = orders[n]});
        expect_good();
        poke(first_block() + 8, 0);
        struct qcow2_check r = check(false);
        cr_assert_gt(r.errors, 0);
        r = check(true);
        cr_assert_eq(r.errors, 0);
        expect_good();
    }
}

Test(qcow2_tables, leaks)
{
    make_usual();
    poke(first_l2() + 8, 0); // a cluster that nothing refers to any more
    poke(first_block() + 2040, 0x0001000100020003);
    memset(contents + 4096, 0, 4096);
    struct qcow2_check r = check(false);
    cr_assert_eq(r.errors, 0);
    cr_assert_eq(r.leaks, 1); // the others lie beyond the end of the file
    r = check(true);
    cr_assert_eq(r.errors + r.leaks, 0);
    expect_good();
}

Test(qcow2_tables, copied_flags)
{
    make_usual();
    poke(first_l2() + 8, peek(first_l2() + 8) & ~QCOW2_COPIED);
    poke(h.l1_offset, peek(h.l1_offset) & ~QCOW2_COPIED);
    cr_assert_eq(check(false).errors, 2);
    cr_assert_eq(check(true).errors, 0);
    expect_good();
}

// Two guest clusters that share a host cluster: after the repair a write to one leaves the other.
Test(qcow2_tables, shared_by_mistake)
{
    make_usual();
    uint64_t entry = peek(first_l2());
    poke(first_l2() + 8, entry);
    memcpy(contents + 4096, contents, 4096);
    cr_assert_gt(check(false).errors, 0);
    cr_assert_eq(check(true).errors, 0);
    expect_good();
    struct block *b = disk_open("a.qcow2", false);
    memset(contents + 4096, 7, 512);
    disk_write(b, 4096, contents + 4096, 512);
    block_close(b);
    cr_assert_eq(check(false).errors, 1); // the other one is alone again and does not say so
    cr_assert_eq(check(true).errors, 0);
    expect_good();
}

Test(qcow2_tables, entries_to_nowhere)
{
    uint8_t data[512];
    static const uint64_t bad[] = {
        QCOW2_COPIED | (UINT64_C(1) << 50),    // beyond the end
        QCOW2_COPIED | 0x200,                  // not a cluster's beginning
        QCOW2_COPIED | 0x1000,                 // the refcount table
        QCOW2_COMPRESSED | 0x10,               // the header
        QCOW2_COMPRESSED | 0x00ffffffffffffff, // beyond everything
        UINT64_MAX,
    };
    for (size_t n = 0; n < ARRAY_SIZE(bad); n++) {
        make_usual();
        poke(first_l2() + 16, bad[n]);
        struct block *b = disk_open("a.qcow2", false);
        int e = disk_run(b, BLOCK_READ, false, 8192, data, 512);
        cr_assert(e == EIO || n == 0, "case %zu: %d", n, e); // far away the file has zeros
        if (n)
            cr_assert_eq(disk_run(b, BLOCK_WRITE, false, 8192, data, 512), EIO);
        disk_expect(b, 0, contents, 8192);
        disk_expect(b, 12288, contents + 12288, 8192);
        block_close(b);
        cr_assert_gt(check(false).errors, 0, "case %zu", n);
        cr_assert_gt(check(true).errors, 0, "case %zu", n); // what was there is not known
        poke(first_l2() + 16, 0);
        memset(contents + 8192, 0, 4096);
        expect_good();
    }
}

Test(qcow2_tables, a_dirty_image_is_repaired_when_opened)
{
    make((struct qcow2_create_options){
        .version = 3, .cluster_bits = 12, .refcount_order = 4, .lazy_refcounts = true});
    poke(72, QCOW2_DIRTY);
    for (unsigned n = 8; n < 256; n += 8)
        poke(first_block() + n, 0);               // as a crash leaves them
    struct block *b = disk_open("a.qcow2", true); // to be read it needs none
    disk_expect(b, 0, contents, SIZE);
    block_close(b);
    cr_assert_eq(peek(72), QCOW2_DIRTY);
    b = disk_open("a.qcow2", false);
    memset(contents + SIZE / 2, 5, 65536);
    disk_write(b, SIZE / 2, contents + SIZE / 2, 65536);
    block_close(b);
    cr_assert_eq(peek(72), 0);
    expect_good();
}

// As QEMU leaves it when it is killed.
Test(qcow2_tables, a_dirty_image_of_qemu)
{
    NEEDS_QEMU_IMG();
    if (system("qemu-io --version >/dev/null 2>&1"))
        cr_skip("no qemu-io");
    QEMU_IMG("create -q -f qcow2 -o lazy_refcounts=on a.qcow2 1M");
    disk_shell(0, "qemu-io -c 'write -P 9 0 512k' -c abort a.qcow2; test $? -gt 1");
    cr_assert_eq(peek(72) & QCOW2_DIRTY, QCOW2_DIRTY);
    memset(contents, 9, SIZE / 2);
    block_close(disk_open("a.qcow2", false));
    expect_good();
}

Test(qcow2_tables, a_corrupt_image_is_only_read)
{
    struct error err;
    struct block_options o = {0};
    make_usual();
    poke(72, QCOW2_CORRUPT);
    cr_assert_null(image_open(disk_path("a.qcow2"), &o, &err));
    cr_assert(strstr(err.text, "marked as corrupt"), "%s", err.text);
    struct block *b = disk_open("a.qcow2", true);
    disk_expect(b, 0, contents, SIZE);
    block_close(b);
    cr_assert_eq(check(true).errors, 0);
    expect_good();
    block_close(disk_open("a.qcow2", false));
}

Test(qcow2_tables, autoclear_is_cleared)
{
    make_usual();
    poke(88, 0x8000000000000001);
    block_close(disk_open("a.qcow2", true));
    cr_assert_eq(peek(88), 0x8000000000000001);
    block_close(disk_open("a.qcow2", false));
    cr_assert_eq(peek(88), 0);
    expect_good();
}

Test(qcow2_tables, headers_that_are_refused)
{
    static const struct {
        unsigned at, size;
        uint64_t value;
        const char *why;
    } bad[] = {
        {4, 4, 1, "version 1"},
        {4, 4, 4, "version 4"},
        {20, 4, 8, "clusters of 2^8"},
        {20, 4, 22, "clusters of 2^22"},
        {24, 8, 0, "empty"},
        {24, 8, UINT64_MAX, "does not fit"},
        {24, 8, UINT64_C(1) << 40, "does not fit"},
        {32, 4, 1, "encrypted"},
        {36, 4, 0, "does not fit"},
        {36, 4, 0xffffffff, "L1 table"},
        {40, 8, 0x1001, "L1 table"},
        {40, 8, UINT64_C(1) << 56, "L1 table"},
        {40, 8, UINT64_C(1) << 50, "beyond the end"},
        {48, 8, 0, "refcount table"},
        {48, 8, 0x1200, "refcount table"},
        {48, 8, UINT64_C(1) << 50, "beyond the end"},
        {56, 4, 0, "no refcount table"},
        {56, 4, 0x10000, "refcount table"},
        {60, 4, 0x20000, "snapshot table"},
        {64, 8, 3, "snapshot table"},
        {72, 8, 1 << 2, "data_file"},
        {72, 8, 1 << 4, "extended_l2"},
        {72, 8, 1 << 5, "0x20"},
        {72, 8, UINT64_C(1) << 63, "unknown"},
        {96, 4, 7, "refcounts of 2^7"},
        {100, 4, 96, "header of 96"},
        {100, 4, 4104, "header of 4104"},
        {100, 4, 105, "header of 105"},
    };
    for (size_t n = 0; n < ARRAY_SIZE(bad); n++) {
        struct error err;
        struct block_options o = {.readonly = true};
        make_usual();
        uint64_t old = peek(bad[n].at);
        poke(bad[n].at, bad[n].size == 8 ? bad[n].value : bad[n].value << 32 | (uint32_t)old);
        struct block *b = image_open(disk_path("a.qcow2"), &o, &err);
        cr_assert(!b, "case %zu was opened", n);
        cr_assert(strstr(err.text, bad[n].why) && strstr(err.text, "a.qcow2"),
                  "case %zu: \"%s\", expected \"%s\"", n, err.text, bad[n].why);
    }
}

// Compressed clusters whose bytes are wrong give an error, and only they.
Test(qcow2_tables, compressed_rubbish)
{
    NEEDS_QEMU_IMG();
    static const char *const types[] = {"zlib", "zstd"};
    uint8_t *got = malloc(65536);
    for (size_t t = 0; t < 2; t++) {
        for (size_t n = 0; n < SIZE; n++)
            contents[n] = (uint8_t)(n / 500);
        test_dir_write(&disk_dir, "raw.img", contents, SIZE);
        QEMU_IMG("convert -c -O qcow2 -o compression_type=%s raw.img a.qcow2", types[t]);
        struct block *b = disk_open("a.qcow2", true);
        uint64_t at, len, table = qcow2_of(b)->l1[0] & QCOW2_OFFSET;
        qcow2_packed_place(qcow2_of(b), peek(table + 24), &at, &len);
        block_close(b);
        for (unsigned n = 0; n < 48; n += 8)
            poke(at + n, 0x8f7f6f5f4f3f2f1f);
        b = disk_open("a.qcow2", false);
        cr_assert_eq(disk_run(b, BLOCK_READ, false, 3 * 65536, got, 65536), EIO, "%s", types[t]);
        cr_assert_eq(disk_run(b, BLOCK_WRITE, false, 3 * 65536, got, 512), EIO);
        disk_expect(b, 0, contents, 3 * 65536);
        disk_expect(b, 4 * 65536, contents + 4 * 65536, 65536);
        disk_write(b, 3 * 65536, contents, 65536); // all of it: the old one is not needed
        memcpy(contents + 3 * 65536, contents, 65536);
        block_close(b);
        expect_good();
    }
    free(got);
}

// A host that fails: the guest is told, the image stays whole. ------------------------------------

Test(qcow2_tables, a_full_disk)
{
    struct error err;
    struct qcow2_check result;
    static uint8_t data[65536];
    make_usual();
    disk_pattern(data, sizeof data, 4);
    pid_t child = fork();
    if (!child) { // with a limit to the size of files, which is as good
        struct rlimit limit = {SIZE / 2 + 65536 + 40960, SIZE};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        struct block *b = disk_open("a.qcow2", false);
        unsigned failed = 0;
        for (unsigned n = 0; n < 8; n++)
            failed += disk_run(b, BLOCK_WRITE, false, SIZE / 2 + n * 65536, data, 65536) == EFBIG;
        disk_run(b, BLOCK_FLUSH, false, 0, NULL, 0);
        block_close(b);
        _exit(failed >= 6 ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    cr_assert(WIFEXITED(status) && !WEXITSTATUS(status), "0x%x", status);
    struct block *b = disk_open("a.qcow2", true);
    disk_expect(b, 0, contents, SIZE / 2);
    cr_assert(qcow2_check_image(qcow2_of(b), false, &result, stderr, &err), "%s", err.text);
    cr_assert_eq(result.errors, 0);
    block_close(b);
}
