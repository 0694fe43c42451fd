// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/debug_mem.h"

#include <string.h>

bool debug_mem_translate(const struct a64_cpu *cpu, gva_t va, bool el0, gpa_t *pa)
{
    struct a64_walk w;
    // An entry whose access flag is clear is mapped all the same: the walk knows where to.
    if (!a64_walk(cpu, va, MEM_READ, el0 ? 0 : WALK_EL1 | WALK_ANY, &w) &&
        (el0 || (w.fsc & ~3u) != FSC_ACCESS_FLAG_L))
        return false;
    *pa = w.pa;
    return true;
}

// A device's bytes, in naturally aligned pieces.
static size_t device(struct machine *m, unsigned cpu, gpa_t pa, uint8_t *bytes, size_t n, bool write)
{
    const struct phys_ops *phys = &m->jit.phys;
    for (size_t done = 0; done < n;) {
        unsigned size = 8;
        while (size > n - done || (pa + done) & (size - 1))
            size >>= 1;
        uint64_t v = 0;
        if (write)
            memcpy(&v, bytes + done, size);
        if (!(write ? phys->write(phys->opaque, cpu, pa + done, size, v)
                    : phys->read(phys->opaque, cpu, pa + done, size, &v)))
            return done;
        if (!write)
            memcpy(bytes + done, &v, size);
        done += size;
    }
    return n;
}

static size_t piece(struct machine *m, unsigned cpu, gpa_t pa, uint8_t *bytes, size_t n, bool write)
{
    const struct ram_region *r = jit_region(&m->jit, pa);
    if (!r)
        return device(m, cpu, pa, bytes, n, write);
    uint8_t *host = r->host + (pa - r->base);
    if (!write) {
        memcpy(bytes, host, n);
    } else if (memcmp(host, bytes, n)) {
        memcpy(host, bytes, n);
        jit_ram_written(&m->jit, pa, n);
    }
    return n;
}

static size_t copy(struct machine *m, const struct a64_cpu *cpu, uint64_t addr, bool physical,
                   uint8_t *bytes, size_t n, bool write)
{
    size_t done = 0;
    while (done < n) {
        gpa_t pa = addr + done;
        size_t room = PAGE_SIZE - (pa & ~PAGE_MASK), now = n - done < room ? n - done : room;
        if (!physical && !debug_mem_translate(cpu, addr + done, false, &pa))
            break;
        size_t got = piece(m, cpu->v.index, pa, bytes + done, now, write);
        done += got;
        if (got < now)
            break;
    }
    return done;
}

size_t debug_mem_read(struct machine *m, const struct a64_cpu *cpu, uint64_t addr, bool physical,
                      void *bytes, size_t n)
{
    return copy(m, cpu, addr, physical, bytes, n, false);
}

size_t debug_mem_write(struct machine *m, const struct a64_cpu *cpu, uint64_t addr, bool physical,
                       const void *bytes, size_t n)
{
    return copy(m, cpu, addr, physical, (uint8_t *)(uintptr_t)bytes, n, true);
}
