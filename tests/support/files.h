// SPDX-License-Identifier: GPL-3.0-or-later
// Files for tests: a directory that is made for one test and removed after it.
#ifndef TESTS_SUPPORT_FILES_H
#define TESTS_SUPPORT_FILES_H

#include <stddef.h>

struct test_dir {
    char path[64];
};

void test_dir_init(struct test_dir *d);
void test_dir_fini(struct test_dir *d); // with all plain files in it

// Writes a file of the directory and returns its path, which is valid until the next call.
const char *test_dir_write(struct test_dir *d, const char *name, const void *data, size_t size);
const char *test_dir_path(struct test_dir *d, const char *name);

#endif
