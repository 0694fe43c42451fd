// SPDX-License-Identifier: GPL-3.0-or-later
#include "disk.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct test_dir disk_dir;

void disk_setup(void)
{
    test_dir_init(&disk_dir);
}

void disk_teardown(void)
{
    test_dir_fini(&disk_dir);
}

const char *disk_path(const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", disk_dir.path, name);
    return path;
}

void disk_shell(int status, const char *fmt, ...)
{
    char command[2048], all[2600], out[4096];
    va_list args;
    va_start(args, fmt);
    vsnprintf(command, sizeof command, fmt, args);
    va_end(args);
    snprintf(all, sizeof all, "cd %s && { %s; } 2>&1", disk_dir.path, command);
    FILE *p = popen(all, "r");
    cr_assert(p);
    size_t n = fread(out, 1, sizeof out - 1, p);
    out[n] = 0;
    int got = WEXITSTATUS(pclose(p));
    cr_assert(got == status, "%s: status %d, not %d:\n%s", command, got, status, out);
}

bool disk_have_qemu_img(void)
{
    return !system("qemu-img --version >/dev/null 2>&1");
}

static struct block *open_disk(const char *name, bool readonly, bool backing)
{
    struct error err;
    struct block_options options = {.readonly = readonly, .backing = backing};
    struct block *b = image_open(disk_path(name), &options, &err);
    cr_assert(b, "%s", err.text);
    return b;
}

struct block *disk_open(const char *name, bool readonly)
{
    return open_disk(name, readonly, false);
}

struct block *disk_open_backed(const char *name, bool readonly)
{
    return open_disk(name, readonly, true);
}

static void finished(struct block_request *req, int error)
{
    *(int *)req->opaque = error;
}

int disk_run(struct block *b, enum block_op op, bool unmap, uint64_t offset, void *data,
             uint64_t len)
{
    int error = -1;
    uint64_t part = len > 700 ? 333 : len / 2;
    struct iovec iov[3] = {
        {data, part}, {(uint8_t *)data + part, part}, {(uint8_t *)data + 2 * part, len - 2 * part}};
    struct block_request req = {.op = op,
                                .unmap = unmap,
                                .offset = offset,
                                .len = len,
                                .iov = iov,
                                .iovcnt = 3,
                                .done = finished,
                                .opaque = &error};
    block_submit(b, &req);
    return error;
}

void disk_write(struct block *b, uint64_t offset, const void *data, uint64_t len)
{
    int e = disk_run(b, BLOCK_WRITE, false, offset, (void *)(uintptr_t)data, len);
    cr_assert(!e, "writing %llu at %llu: %s", (unsigned long long)len, (unsigned long long)offset,
              strerror(e));
}

void disk_read(struct block *b, uint64_t offset, void *data, uint64_t len)
{
    int e = disk_run(b, BLOCK_READ, false, offset, data, len);
    cr_assert(!e, "reading %llu at %llu: %s", (unsigned long long)len, (unsigned long long)offset,
              strerror(e));
}

void disk_flush(struct block *b)
{
    int e = disk_run(b, BLOCK_FLUSH, false, 0, NULL, 0);
    cr_assert(!e, "flush: %s", strerror(e));
}

void disk_pattern(uint8_t *to, size_t len, uint64_t number)
{
    uint64_t x = number * 0x9e3779b97f4a7c15u + 88172645463325252u;
    for (size_t n = 0; n < len; n++)
        to[n] = (uint8_t)(random_next(&x) >> 24);
}

void disk_expect(struct block *b, uint64_t offset, const uint8_t *want, uint64_t len)
{
    uint8_t *got = malloc(len);
    memset(got, 0xee, len);
    disk_read(b, offset, got, len);
    for (uint64_t n = 0; n < len; n++)
        cr_assert(got[n] == want[n], "byte %llu is 0x%02x, not 0x%02x",
                  (unsigned long long)(offset + n), got[n], want[n]);
    free(got);
}

uint8_t *disk_load(const char *name, size_t *len)
{
    struct stat st;
    FILE *f = fopen(disk_path(name), "rb");
    cr_assert(f && !fstat(fileno(f), &st), "%s", name);
    uint8_t *data = malloc((size_t)st.st_size + 1);
    *len = fread(data, 1, (size_t)st.st_size, f);
    fclose(f);
    return data;
}
