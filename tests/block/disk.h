// SPDX-License-Identifier: GPL-3.0-or-later
// Images in a directory of their own, requests that are waited for, and qemu-img.
#ifndef TESTS_BLOCK_DISK_H
#define TESTS_BLOCK_DISK_H

#include "base/bits.h"
#include "devices/block/block.h"
#include "tests/support/files.h"
#include "tests/support/random.h"

#include <criterion/criterion.h>

extern struct test_dir disk_dir;

void disk_setup(void);
void disk_teardown(void);

// A path in the directory. A few are valid at a time.
const char *disk_path(const char *name);

// Runs a shell command in the directory; the test fails, with its output, if its status differs.
void disk_shell(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define QEMU_IMG(...) disk_shell(0, "qemu-img " __VA_ARGS__)
bool disk_have_qemu_img(void);
#define NEEDS_QEMU_IMG()                                                                           \
    do {                                                                                           \
        if (!disk_have_qemu_img())                                                                 \
            cr_skip("no qemu-img");                                                                \
    } while (0)

struct block *disk_open(const char *name, bool readonly);
struct block *disk_open_backed(const char *name, bool readonly);

// In pieces of odd sizes; the request must succeed.
void disk_write(struct block *b, uint64_t offset, const void *data, uint64_t len);
void disk_read(struct block *b, uint64_t offset, void *data, uint64_t len);
int disk_run(struct block *b, enum block_op op, bool unmap, uint64_t offset, void *data,
             uint64_t len);
void disk_flush(struct block *b);

// The same bytes for the same number.
void disk_pattern(uint8_t *to, size_t len, uint64_t number);
void disk_expect(struct block *b, uint64_t offset, const uint8_t *want, uint64_t len);

// A file's contents, all of it; free() it.
uint8_t *disk_load(const char *name, size_t *len);

#endif
