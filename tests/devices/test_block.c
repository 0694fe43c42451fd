// SPDX-License-Identifier: GPL-3.0-or-later
#include "bench.h"
#include "devices/block/block.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE (1 << 20)

static char dir[64], path[96];
static struct error err;

static void setup(void)
{
    strcpy(dir, "/tmp/armlet-block-XXXXXX");
    cr_assert(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/disk.img", dir);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    cr_assert(fd >= 0);
    for (unsigned i = 0; i < SIZE; i += 4)
        EXPECT(write(fd, &i, 4), 4);
    close(fd);
}

static void teardown(void)
{
    unlink(path);
    rmdir(dir);
}

TestSuite(block, .init = setup, .fini = teardown);

static int result;

static void done(struct block_request *req, int error)
{
    cr_assert_eq(result, -1, "completed twice");
    result = error;
}

static int run(struct block *b, enum block_op op, uint64_t offset, void *data, uint64_t len)
{
    struct iovec iov[2] = {{data, len / 3}, {(uint8_t *)data + len / 3, len - len / 3}};
    struct block_request req = {.op = op,
                                .offset = offset,
                                .len = len,
                                .iov = iov,
                                .iovcnt = 2,
                                .unmap = true,
                                .through = offset & 1024,
                                .done = done};
    result = -1;
    block_submit(b, &req);
    return result;
}

static struct block *must_open(bool readonly)
{
    struct block *b = raw_open(path, readonly, &err);
    cr_assert(b, "%s", err.text);
    return b;
}

static uint32_t word_in_file(uint64_t at)
{
    uint32_t word = 0;
    int fd = open(path, O_RDONLY);
    EXPECT(pread(fd, &word, 4, (off_t)at), 4);
    close(fd);
    return word;
}

Test(block, raw_reads_and_writes)
{
    static uint8_t buf[8192];
    uint32_t word;
    struct block *b = must_open(false);
    EXPECT(b->size, SIZE);
    EXPECT(run(b, BLOCK_READ, 512, buf, 8192), 0);
    memcpy(&word, buf + 4096, 4);
    EXPECT(word, 4608);
    memset(buf, 0xab, sizeof buf);
    EXPECT(run(b, BLOCK_WRITE, 1024, buf, 8192), 0);
    EXPECT(run(b, BLOCK_FLUSH, 0, NULL, 0), 0);
    EXPECT(word_in_file(1020), 1020);
    EXPECT(word_in_file(1024), 0xabababab);
    EXPECT(word_in_file(1024 + 8188), 0xabababab);
    EXPECT(word_in_file(1024 + 8192), 1024 + 8192);
    block_close(b);
    block_close(NULL);
}

Test(block, out_of_range)
{
    static uint8_t buf[8192];
    struct block *b = must_open(false);
    static const struct {
        uint64_t offset, len;
    } bad[] = {
        {SIZE, 512},        {SIZE - 512, 1024},       {UINT64_MAX - 511, 512},
        {UINT64_MAX, 8192}, {UINT64_C(1) << 63, 512},
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        for (enum block_op op = BLOCK_READ; op <= BLOCK_WRITE_ZEROES; op++)
            if (op != BLOCK_FLUSH)
                cr_assert(run(b, op, bad[i].offset, buf, bad[i].len) == EIO, "case %zu op %u", i,
                          op);
    struct stat st;
    stat(path, &st);
    EXPECT(st.st_size, SIZE);
    block_close(b);
}

Test(block, readonly)
{
    static uint8_t buf[512];
    struct block *b = must_open(true);
    EXPECT(run(b, BLOCK_READ, 0, buf, 512), 0);
    EXPECT(run(b, BLOCK_WRITE, 0, buf, 512), EROFS);
    EXPECT(run(b, BLOCK_DISCARD, 0, buf, 512), EROFS);
    EXPECT(run(b, BLOCK_WRITE_ZEROES, 0, buf, 512), EROFS);
    EXPECT(run(b, BLOCK_FLUSH, 0, NULL, 0), 0);
    block_close(b);
}

Test(block, write_zeroes_and_discard)
{
    struct block *b = must_open(false);
    EXPECT(run(b, BLOCK_WRITE_ZEROES, 4096, NULL, 65536), 0);
    EXPECT(word_in_file(4092), 4092);
    EXPECT(word_in_file(4096), 0);
    EXPECT(word_in_file(4096 + 65532), 0);
    EXPECT(word_in_file(4096 + 65536), 4096 + 65536);
    EXPECT(run(b, BLOCK_WRITE_ZEROES, 512 * 1025, NULL, 512), 0);
    EXPECT(word_in_file(512 * 1025), 0);
    EXPECT(word_in_file(512 * 1026), 512 * 1026);
    EXPECT(run(b, BLOCK_DISCARD, 524288, NULL, 65536), 0);
    EXPECT(run(b, BLOCK_DISCARD, SIZE, NULL, 0), 0);
    struct stat st;
    stat(path, &st);
    EXPECT(st.st_size, SIZE);
    block_close(b);
}

Test(block, locks)
{
    struct block *a = must_open(false);
    cr_assert_null(raw_open(path, false, &err));
    cr_assert(strstr(err.text, path) && strstr(err.text, "in use by another armlet"), "%s",
              err.text);
    cr_assert_null(raw_open(path, true, &err));
    block_close(a);
    a = must_open(true);
    struct block *b = must_open(true); // readers share
    cr_assert_null(raw_open(path, false, &err));
    block_close(a);
    block_close(b);
    block_close(must_open(false));
}

Test(block, bad_files)
{
    char missing[128];
    snprintf(missing, sizeof missing, "%s/none.img", dir);
    cr_assert_null(raw_open(missing, false, &err));
    cr_assert(strstr(err.text, "none.img: No such file"), "%s", err.text);
    cr_assert_null(raw_open(dir, true, &err));
    cr_assert(strstr(err.text, "is a directory"), "%s", err.text);
    cr_assert_null(raw_open(dir, false, &err));
    cr_assert(strstr(err.text, dir), "%s", err.text);
    cr_assert_null(raw_open("/dev/null", true, &err));
    cr_assert(strstr(err.text, "neither a file nor a block device"), "%s", err.text);
    cr_assert(!truncate(path, 0));
    cr_assert_null(raw_open(path, false, &err));
    cr_assert(strstr(err.text, "is empty"), "%s", err.text);
    cr_assert(!strchr(err.text, '\n'));
    if (geteuid()) {
        chmod(path, 0400);
        cr_assert_null(raw_open(path, false, &err));
        cr_assert(strstr(err.text, "not writable"), "%s", err.text);
    }
}

Test(block, odd_size_ends_in_zeros)
{
    uint8_t buf[1024];
    cr_assert(!truncate(path, 1000));
    struct block *b = must_open(false);
    EXPECT(b->size, 1024);
    memset(buf, 0xff, sizeof buf);
    EXPECT(run(b, BLOCK_READ, 0, buf, 1024), 0);
    EXPECT(buf[996], 996 & 0xff);
    EXPECT(buf[1000], 0);
    EXPECT(buf[1023], 0);
    EXPECT(run(b, BLOCK_READ, 1024, buf, 512), EIO);
    cr_assert(!truncate(path, 512)); // somebody else cuts it: an error, not zeros
    EXPECT(run(b, BLOCK_READ, 512, buf, 512), EIO);
    block_close(b);
}

Test(block, snapshot_forgets)
{
    static uint8_t buf[16384], back[16384];
    struct block *b = overlay_open(must_open(true), &err);
    cr_assert(b, "%s", err.text);
    EXPECT(b->size, SIZE);
    EXPECT(b->readonly, 0);
    for (unsigned i = 0; i < sizeof buf; i++)
        buf[i] = (uint8_t)(i * 13);
    EXPECT(run(b, BLOCK_WRITE, 512, buf, 512), 0);          // inside one cluster
    EXPECT(run(b, BLOCK_WRITE, 8192 + 3584, buf, 5120), 0); // parts of three
    EXPECT(run(b, BLOCK_WRITE, 65536, buf, 16384), 0);      // whole ones
    EXPECT(run(b, BLOCK_READ, 0, back, 16384), 0);
    uint32_t word;
    memcpy(&word, back + 508, 4);
    EXPECT(word, 508);
    cr_assert(!memcmp(back + 512, buf, 512));
    memcpy(&word, back + 1024, 4);
    EXPECT(word, 1024);
    memcpy(&word, back + 8192, 4);
    EXPECT(word, 8192);
    cr_assert(!memcmp(back + 8192 + 3584, buf, 16384 - 8192 - 3584));
    EXPECT(run(b, BLOCK_READ, 65536 - 512, back, 1024), 0);
    memcpy(&word, back + 508, 4);
    EXPECT(word, 65532);
    cr_assert(!memcmp(back + 512, buf, 512));
    EXPECT(run(b, BLOCK_WRITE_ZEROES, 65536 + 512, NULL, 8192), 0);
    EXPECT(run(b, BLOCK_WRITE_ZEROES, 262144, NULL, 8192), 0);
    EXPECT(run(b, BLOCK_READ, 65536, back, 16384), 0);
    cr_assert(!memcmp(back, buf, 512));
    EXPECT(back[512], 0);
    EXPECT(back[8703], 0);
    cr_assert(!memcmp(back + 8704, buf + 8704, 16384 - 8704));
    EXPECT(run(b, BLOCK_READ, 262144, back, 8192), 0);
    EXPECT(back[0] | back[8191], 0);
    EXPECT(run(b, BLOCK_DISCARD, 0, NULL, SIZE), 0);
    EXPECT(run(b, BLOCK_FLUSH, 0, NULL, 0), 0);
    EXPECT(run(b, BLOCK_READ, SIZE, back, 512), EIO);
    block_close(b);
    for (unsigned i = 0; i < SIZE; i += 512)
        cr_assert(word_in_file(i) == i, "the base changed at %u", i);
}

// Random requests against a model in memory, on the snapshot and on the raw file.
static void against_model(struct block *b)
{
    static uint8_t model[SIZE], data[65536];
    uint64_t x = 88172645463325252u;
    EXPECT(run(b, BLOCK_READ, 0, model, SIZE), 0);
    for (unsigned i = 0; i < 2000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        uint64_t len = ((x >> 8 & 127) + 1) * 512, offset = (x >> 20) % ((SIZE - len) / 512) * 512;
        switch (x % 3) {
        case 0:
            memset(data, (int)(x >> 40), len);
            EXPECT(run(b, BLOCK_WRITE, offset, data, len), 0);
            memset(model + offset, (int)(x >> 40), len);
            break;
        case 1:
            EXPECT(run(b, BLOCK_WRITE_ZEROES, offset, NULL, len), 0);
            memset(model + offset, 0, len);
            break;
        default:
            EXPECT(run(b, BLOCK_READ, offset, data, len), 0);
            cr_assert(!memcmp(data, model + offset, len), "request %u at %llu differs", i,
                      (unsigned long long)offset);
        }
    }
    block_close(b);
}

Test(block, raw_against_model)
{
    against_model(must_open(false));
}

Test(block, snapshot_against_model)
{
    against_model(overlay_open(must_open(true), &err));
}

Test(block, snapshot_without_a_place)
{
    setenv("TMPDIR", "/nonexistent", 1);
    cr_assert_null(overlay_open(must_open(true), &err));
    cr_assert(strstr(err.text, "/nonexistent"), "%s", err.text);
    block_close(must_open(false)); // the base was let go
}
