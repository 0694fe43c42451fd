// SPDX-License-Identifier: GPL-3.0-or-later
// writer DEVICE RUN: four jobs write 4 KiB each to random places of their quarter of a disk, fsync, and
// say so ("=JOB NUMBER"), until they are killed. disk_kills.py knows what is written where.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { JOBS = 4, BLOCK = 4096, BLOCKS = 16384 }; // of a quarter

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static int job(const char *device, uint64_t id, uint64_t run)
{
    uint64_t *data = aligned_alloc(BLOCK, BLOCK);
    int fd = open(device, O_RDWR | O_DIRECT);
    if (fd < 0)
        return 1;
    for (uint64_t n = 0;; n++) {
        uint64_t name = id << 48 | run << 32 | n, block = id * BLOCKS + mix(name) % BLOCKS;
        char text[40];
        for (unsigned i = 0; i < BLOCK / 8; i++)
            data[i] = name;
        if (pwrite(fd, data, BLOCK, (off_t)(block * BLOCK)) != BLOCK || fsync(fd))
            return 1;
        int len = snprintf(text, sizeof text, "=%u %u\n", (unsigned)id, (unsigned)n);
        if (write(1, text, (size_t)len) != len)
            return 1;
    }
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    for (unsigned id = 0; id < JOBS; id++)
        if (!fork())
            _exit(job(argv[1], id, strtoul(argv[2], NULL, 0)));
    wait(NULL);
    printf("a job ended\n");
    return 1;
}
