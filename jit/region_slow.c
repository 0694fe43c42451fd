// SPDX-License-Identifier: GPL-3.0-or-later
#include "jit/region_slow.h"

#include "jit/ir_vec.h"
#include "jit/tlb.h"
#include "jit/verify.h"

#include <assert.h>
#include <sys/random.h>

uint64_t region_no_page(void)
{
    uint64_t lot = 0;
    ssize_t n = getrandom(&lot, sizeof lot, 0);
    assert(n == (ssize_t)sizeof lot);
    (void)n;
    return (lot & PAGE_MASK & ~(BIT(55) | BIT(54))) | BIT(55);
}

// What a site adds to a guest address to find it at host.
static uint64_t addend_for(uint64_t host, gva_t va)
{
    return host - va;
}

// out: the page to remember, whether it failed. Returns what to add to va for the host address.
uint64_t region_slow_access(struct vcpu *cpu, gva_t va, uint64_t desc, bool store, uint64_t out[2])
{
    unsigned size = desc & 0xff, attr = desc >> 8 & 0xffff;
    if (unlikely(cpu->verify))
        return addend_for(verify_slow_access(cpu, va, size, attr, store, out), va);
    out[0] = cpu->no_page;
    out[1] = !mem_probe(cpu, va, size, store ? MEM_WRITE : MEM_READ, attr);
    if (out[1])
        return 0;
    const struct tlb_entry *e = store ? &cpu->wtlb[tlb_index(va)] : &cpu->rtlb[tlb_index(va)];
    if (e->tag == tlb_want(va, size, cpu->dctx)) {
        out[0] = va & PAGE_MASK;
        return e->addend;
    }
    out[1] = !(store ? mem_store(cpu, va, size, attr, cpu->xfer) : mem_load(cpu, va, size, attr, cpu->xfer));
    return addend_for((uint64_t)(uintptr_t)cpu->xfer, va);
}

void region_slow_vec(struct vcpu *cpu, uint64_t which, uint64_t imm)
{
    union vec *t = &cpu->tmp[VCPU_NR_TMP];
    cpu->vec_fns[which](cpu, &t[3], &t[0], &t[1], &t[2], imm);
}
