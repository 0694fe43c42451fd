// SPDX-License-Identifier: GPL-3.0-or-later
// disk DEVICE OPERATIONS: four jobs, each on its quarter of a disk, read, write, zero, discard and
// flush blocks at random, past the page cache, and compare what they read with what they wrote.
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { JOBS = 4, BLOCK = 4096, BLOCKS = 4096, MOST = 24 };
enum { UNKNOWN = UINT32_MAX };

static uint32_t version[BLOCKS]; // of each block; 0: zeros

static uint64_t next(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static void fill(uint8_t *to, uint64_t block, uint32_t v)
{
    uint64_t x = block << 32 | v;
    if (!v)
        memset(to, 0, BLOCK);
    else
        for (unsigned n = 0; n < BLOCK; n += 8, x = x * 6364136223846793005u + 1442695040888963407u)
            memcpy(to + n, &x, 8);
}

static int wrong(const char *what, int job, uint64_t block)
{
    printf("WRONG job %d block %llu: %s\n", job, (unsigned long long)block, what);
    fflush(stdout);
    return 1;
}

static int compare(const uint8_t *got, int job, uint64_t first, unsigned count)
{
    uint8_t want[BLOCK];
    for (unsigned n = 0; n < count; n++) {
        if (version[first + n] == UNKNOWN)
            continue;
        fill(want, (uint64_t)job << 32 | (first + n), version[first + n]);
        if (memcmp(got + n * BLOCK, want, BLOCK))
            return wrong("differs", job, first + n);
    }
    return 0;
}

static int job(const char *device, int id, unsigned operations)
{
    uint8_t *data = aligned_alloc(BLOCK, MOST * BLOCK);
    uint64_t x = 88172645463325252u + (uint64_t)id * 1000003, base = (uint64_t)id * BLOCKS * BLOCK;
    int fd = open(device, O_RDWR | O_DIRECT);
    if (fd < 0)
        return wrong("cannot be opened", id, 0);
    for (unsigned op = 1; op <= operations; op++) {
        unsigned kind = next(&x) % 32, count = next(&x) % (kind % 4 ? 2 : MOST) + 1;
        uint64_t first = next(&x) % (BLOCKS - count), at = base + first * BLOCK;
        uint64_t range[2] = {at, (uint64_t)count * BLOCK};
        ssize_t len = (ssize_t)count * BLOCK;
        uint32_t now = op;
        if (kind < 14) {
            if (pread(fd, data, (size_t)len, (off_t)at) != len)
                return wrong("cannot be read", id, first);
            if (compare(data, id, first, count))
                return 1;
            continue;
        } else if (kind < 28) {
            for (unsigned n = 0; n < count; n++)
                fill(data + n * BLOCK, (uint64_t)id << 32 | (first + n), op);
            if (pwrite(fd, data, (size_t)len, (off_t)at) != len)
                return wrong("cannot be written", id, first);
        } else if (kind < 29) {
            if (ioctl(fd, BLKZEROOUT, range))
                return wrong("cannot be zeroed", id, first);
            now = 0;
        } else if (kind < 30) {
            if (ioctl(fd, BLKDISCARD, range))
                return wrong("cannot be discarded", id, first);
            now = UNKNOWN;
        } else {
            if (fsync(fd))
                return wrong("cannot be flushed", id, first);
            continue;
        }
        for (unsigned n = 0; n < count; n++)
            version[first + n] = now;
    }
    for (unsigned first = 0; first < BLOCKS; first += 16)
        if (pread(fd, data, 16 * BLOCK, (off_t)(base + first * BLOCK)) != 16 * BLOCK ||
            compare(data, id, first, 16))
            return wrong("at the end", id, first);
    close(fd);
    return 0;
}

int main(int argc, char **argv)
{
    unsigned good = 0;
    if (argc != 3)
        return 2;
    for (int id = 0; id < JOBS; id++)
        if (!fork())
            _exit(job(argv[1], id, (unsigned)atoi(argv[2])));
    for (int id = 0, status; id < JOBS; id++)
        good += wait(&status) > 0 && !status;
    printf("%u jobs ok\nend\n", good);
    return good != JOBS;
}
