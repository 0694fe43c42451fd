// SPDX-License-Identifier: GPL-3.0-or-later
#include "jit/region_slow.h"

#include "jit/tlb.h"

_Static_assert(offsetof(struct vcpu, dctx) == VCPU_OFF_DCTX, "region_thunks.S");
_Static_assert(offsetof(struct vcpu, rtlb) == VCPU_OFF_RTLB, "region_thunks.S");
_Static_assert(offsetof(struct vcpu, wtlb) == VCPU_OFF_WTLB, "region_thunks.S");
_Static_assert(TLB_BITS == 11 && sizeof(struct tlb_entry) == 16, "region_thunks.S");

// out: the page to remember, whether it failed. Returns the host address.
uint64_t region_slow_access(struct vcpu *cpu, gva_t va, uint64_t desc, bool store, uint64_t out[2])
{
    unsigned size = desc & 0xff, attr = desc >> 8 & 0xffff;
    out[0] = REGION_NO_PAGE;
    out[1] = !mem_probe(cpu, va, size, store ? MEM_WRITE : MEM_READ, attr);
    if (out[1])
        return 0;
    const struct tlb_entry *e = store ? &cpu->wtlb[tlb_index(va)] : &cpu->rtlb[tlb_index(va)];
    if (e->tag == tlb_want(va, size, cpu->dctx)) {
        out[0] = va & PAGE_MASK;
        return va + e->addend;
    }
    out[1] = !(store ? mem_store(cpu, va, size, attr, cpu->xfer) : mem_load(cpu, va, size, attr, cpu->xfer));
    return (uint64_t)(uintptr_t)cpu->xfer;
}
