// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/ram.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool ram_init(struct ram *ram, uint64_t size, struct error *err)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0 && size / (uint64_t)page > (uint64_t)pages)
        return error_set(err, "%" PRIu64 " MiB of guest RAM do not fit into this host's %" PRIu64 " MiB",
                         size >> 20, (uint64_t)pages * (uint64_t)page >> 20);
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return error_set(err, "%" PRIu64 " MiB of guest RAM: %s", size >> 20, strerror(errno));
    madvise(p, size, MADV_HUGEPAGE); // a wish: not every host has them
    madvise(p, size, MADV_DONTDUMP);
    *ram = (struct ram){ .host = p, .size = size };
    return true;
}

void ram_fini(struct ram *ram)
{
    if (ram->host)
        munmap(ram->host, ram->size);
    *ram = (struct ram){ 0 };
}

void ram_clear(struct ram *ram)
{
    madvise(ram->host, ram->size, MADV_DONTNEED);
}

void ram_discard(struct ram *ram, uint64_t offset, uint64_t len)
{
    madvise(ram->host + offset, len, MADV_DONTNEED);
}
