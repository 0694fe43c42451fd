// SPDX-License-Identifier: GPL-3.0-or-later
#include "jit/region_slow.h"

#include "jit/tlb.h"

#include <string.h>

uint64_t region_slow_access(struct vcpu *cpu, gva_t va, uint64_t desc, uint64_t value, uint64_t *failed)
{
    unsigned size = desc & 0xff, attr = desc >> 8 & 0xffff;
    bool store = desc & REGION_SLOW_STORE;
    void *data = size > 8 ? (void *)cpu->xfer : (void *)&value;
    if (!store && size <= 8)
        value = 0;
    *failed = !(store ? mem_store(cpu, va, size, attr, data) : mem_load(cpu, va, size, attr, data));
    return value;
}
