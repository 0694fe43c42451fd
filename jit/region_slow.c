// SPDX-License-Identifier: GPL-3.0-or-later
#include "jit/region_slow.h"

#include "jit/ir_vec.h"
#include "jit/tlb.h"
#include "jit/verify.h"

// The TLB itself first (tlb.h: index, tag): most misses of a site hit there. region_thunk_slow is
// in region_thunks.S; it wants to know in ecx whether it is a store.
#define THUNK(name, table, store)                                                               \
    __attribute__((naked)) void name(void)                                                      \
    {                                                                                           \
        __asm__("push %%rsi\n\t"                                                                \
                "push %%r8\n\t"                                                                 \
                "movzbl %%dl, %%ecx\n\t"                                                        \
                "mov %%eax, %%esi\n\t"                                                          \
                "lea -1(%%rax,%%rcx), %%rcx\n\t"                                                \
                "shr %3, %%esi\n\t"                                                             \
                "and %4, %%esi\n\t"                                                             \
                "and $-4096, %%rcx\n\t"                                                         \
                "mov %c0(%%rdi), %%r8d\n\t"                                                     \
                "or %%rcx, %%r8\n\t"                                                            \
                "lea %c1(%%rdi,%%rsi), %%rsi\n\t"                                               \
                "cmp (%%rsi), %%r8\n\t"                                                         \
                "jne 1f\n\t"                                                                    \
                "mov %%rax, %%rcx\n\t"                                                          \
                "xor %%edx, %%edx\n\t"                                                          \
                "add 8(%%rsi), %%rax\n\t"                                                       \
                "and $-4096, %%rcx\n\t"                                                         \
                "pop %%r8\n\t"                                                                  \
                "pop %%rsi\n\t"                                                                 \
                "ret\n"                                                                         \
                "1: pop %%r8\n\t"                                                               \
                "pop %%rsi\n\t"                                                                 \
                "mov %2, %%ecx\n\t"                                                             \
                "jmp region_thunk_slow"                                                         \
                :: "i"(offsetof(struct vcpu, dctx)), "i"(offsetof(struct vcpu, table)),         \
                   "i"(store), "i"(PAGE_BITS - 4), "i"((TLB_SIZE - 1) << 4));                   \
    }
THUNK(region_thunk_load, rtlb, 0)
THUNK(region_thunk_store, wtlb, 1)

// out: the page to remember, whether it failed. Returns the host address.
uint64_t region_slow_access(struct vcpu *cpu, gva_t va, uint64_t desc, bool store, uint64_t out[2])
{
    unsigned size = desc & 0xff, attr = desc >> 8 & 0xffff;
    if (unlikely(cpu->verify))
        return verify_slow_access(cpu, va, size, attr, store, out);
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

void region_slow_vec(struct vcpu *cpu, uint64_t which, uint64_t imm)
{
    union vec *t = &cpu->tmp[VCPU_NR_TMP];
    cpu->vec_fns[which](cpu, &t[3], &t[0], &t[1], &t[2], imm);
}
