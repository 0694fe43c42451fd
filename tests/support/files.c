// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/files.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Thread_local char last[512];

void test_dir_init(struct test_dir *d)
{
    strcpy(d->path, "/tmp/armlet-test-XXXXXX");
    if (!mkdtemp(d->path))
        abort();
}

const char *test_dir_path(struct test_dir *d, const char *name)
{
    snprintf(last, sizeof last, "%s/%s", d->path, name);
    return last;
}

const char *test_dir_write(struct test_dir *d, const char *name, const void *data, size_t size)
{
    FILE *f = fopen(test_dir_path(d, name), "wb");
    if (!f || (size && fwrite(data, size, 1, f) != 1) || fclose(f))
        abort();
    return last;
}

void test_dir_fini(struct test_dir *d)
{
    DIR *dir = opendir(d->path);
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
            unlink(test_dir_path(d, e->d_name));
    if (dir)
        closedir(dir);
    rmdir(d->path);
}
