// SPDX-License-Identifier: GPL-3.0-or-later
// A qcow2 image: opened, checked, read, written, discarded, repaired. The input is the image, and by its
// length what is done to it.
#include "devices/block/qcow2.h"
#include "fuzz.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIZE (256u << 10)

// No disk is waited for (the linker puts this in front of the real one).
int __wrap_fdatasync(int fd);

int __wrap_fdatasync(int fd)
{
    return 0;
}

static void add(const struct qcow2_create_options *kind)
{
    static uint8_t data[SIZE], image[512 << 10];
    struct block_options options = {.format = BLOCK_FORMAT_QCOW2};
    struct block_file file;
    struct error err;
    const char *path = fuzz_file("", 0);
    for (size_t n = 0; n < SIZE; n++)
        data[n] = (uint8_t)(n / 300);
    bool ok = file_create(&file, path, true, &err) && qcow2_format_file(&file, kind, &err);
    assert(ok);
    file_close(&file);
    struct block *b = image_open(path, &options, &err);
    assert(b);
    for (unsigned at = 0; at < SIZE / 4; at += qcow2_of(b)->cluster_size)
        qcow2_write_packed(qcow2_of(b), at, data + at);
    struct iovec iov = {data, SIZE / 4};
    struct block_request req = {.op = BLOCK_WRITE, .offset = SIZE / 4, .len = SIZE / 4, .iov = &iov, .iovcnt = 1};
    block_run(b, &req);
    block_close(b);
    int fd = open(path, O_RDONLY);
    ssize_t len = read(fd, image, sizeof image);
    close(fd);
    assert(len > 0);
    fuzz_seed(image, (size_t)len);
}

static void init(void)
{
    static const struct qcow2_create_options kinds[] = {
        {.size = SIZE, .version = 3, .cluster_bits = 12, .refcount_order = 4},
        {.size = SIZE, .version = 2, .cluster_bits = 12, .refcount_order = 4},
        {.size = SIZE, .version = 3, .cluster_bits = 9, .refcount_order = 0},
        {.size = SIZE, .version = 3, .cluster_bits = 12, .refcount_order = 6, .compression = 1},
    };
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        add(&kinds[k]);
}

static void use(struct block *b, uint64_t x)
{
    static uint8_t data[100000];
    struct qcow2_check result;
    struct error err;
    for (unsigned n = 0; n < 12; n++) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
        uint64_t len = (x >> 33) % sizeof data & ~UINT64_C(511), offset = x >> 20 & 0x7fe00;
        if (x >> 60 == 0)
            offset = b->size - (offset & 0xfe00);
        struct iovec iov = {data, len};
        struct block_request req = {.op = (enum block_op)((x >> 40) % 5), .unmap = x >> 50 & 1, .offset = offset, .len = len, .iov = &iov, .iovcnt = 1};
        block_run(b, &req);
    }
    qcow2_check_image(qcow2_of(b), false, &result, NULL, &err);
}

static void one(const uint8_t *data, size_t len)
{
    struct error err = {0};
    struct block_file file;
    struct qcow2_check result;
    struct block_options options = {.format = BLOCK_FORMAT_QCOW2, .readonly = len % 5 == 1, .backing = len % 5 == 2};
    const char *path = fuzz_file(data, len);
    struct block *b = NULL;
    if (len % 5 < 3)
        b = image_open(path, &options, &err);
    else if (file_open(&file, path, false, &err) &&
             (b = qcow2_open_file(&file, path, false, false, true, &err)))
        qcow2_check_image(qcow2_of(b), true, &result, NULL, &err);
    assert(b || (*err.text && !strchr(err.text, '\n')));
    if (b)
        use(b, len);
    block_close(b);
}

// close() says what it could not write: expected here by the thousand.
static void quiet(void)
{
    init();
    int fd = open("/dev/null", O_WRONLY);
    assert(fd >= 0);
    close(fd);
}

const struct fuzz_target fuzz_target = {.name = "qcow2", .max = 1 << 20, .init = quiet, .one = one};
