// SPDX-License-Identifier: GPL-3.0-or-later
// The softMMU TLB: guest virtual page and context to host address.
//
// Separate direct-mapped tables for reads and writes, in the vCPU. An entry's tag is the virtual
// page with the context id in its low bits, so that equality never crosses a boundary of the
// guest. What needs a second look (page crossing, device memory, MMIO, watched or protected pages)
// is never entered and so misses by construction. Contexts are ids for keys the frontend makes
// from (regime, ASID, privilege); a retired id is never used again until everything is flushed.
// All functions run in the vCPU's own thread.
#ifndef JIT_TLB_H
#define JIT_TLB_H

#include "jit/jit.h"

static inline unsigned tlb_index(gva_t va)
{
    return va >> PAGE_BITS & (TLB_SIZE - 1);
}

// What an entry's tag must be for an access of size bytes at va. An access that crosses into the
// next page wants that page's tag, which this index cannot hold.
static inline uint64_t tlb_want(gva_t va, unsigned size, uint32_t ctx)
{
    return ((va + size - 1) & PAGE_MASK) | ctx;
}

// Accesses from C: through the TLB, else the slow path. False: a fault is recorded, nothing done.
bool mem_load(struct vcpu *cpu, gva_t va, unsigned size, unsigned attr, void *out);
bool mem_store(struct vcpu *cpu, gva_t va, unsigned size, unsigned attr, const void *in);
// Can size bytes (at most a page) be accessed? False: the fault of the first that can't is recorded.
bool mem_probe(struct vcpu *cpu, gva_t va, unsigned size, enum mem_access access, unsigned attr);
// Host address of RAM for a naturally aligned read-modify-write, or NULL with a fault recorded.
// reads: the access is a load as well (atomics; not store-exclusives).
void *mem_rmw(struct vcpu *cpu, gva_t va, unsigned size, unsigned attr, bool reads);
// ... has been made. (Code that changes comes into doubt after the change, never before.)
void mem_rmw_suspect(struct vcpu *cpu);
static inline void mem_rmw_done(struct vcpu *cpu)
{
    if (unlikely(cpu->rmw_code))
        mem_rmw_suspect(cpu);
}

// Contexts ---------------------------------------------------------------------------------------

// The id for a key; makes one up when there is none (which may flush everything and thereby
// change every other id: recompute them all when cpu->nr_ctx has become smaller).
unsigned tlb_context(struct vcpu *cpu, uint64_t key);
// Forgets the contexts whose key matches: their entries never hit again.
void tlb_retire(struct vcpu *cpu, bool (*match)(uint64_t key, uint64_t arg), uint64_t arg);

void tlb_init(struct vcpu *cpu);
// Everything; ids are handed out anew.
void tlb_flush_all(struct vcpu *cpu);
// Every entry, but no id: the pages are to be looked at again.
void tlb_forget(struct vcpu *cpu);
// Everything that translates va, in every context.
void tlb_flush_va(struct vcpu *cpu, gva_t va);
// Keys with this bit name contexts without an ASID: their non-global entries are listed, and
// dropped when the address space changes.
#define TLB_KEY_NO_ASID BIT(63)
void tlb_drop_nonglobal(struct vcpu *cpu);
// An entry (data or instructions) was made from a mapping of 2^log2_size bytes, more than a page.
void tlb_note_big(struct vcpu *cpu, gva_t va, unsigned log2_size);
// A non-global mapping of va has been entered (data or instructions) for the context.
void tlb_note_nonglobal(struct vcpu *cpu, gva_t va, uint32_t ctx);
// Reads of these bytes of host memory must take the slow path from now on.
void tlb_forget_reads(struct vcpu *cpu, const uint8_t *host, uint64_t size);
// Writes to this RAM page must take the slow path from now on.
void tlb_protect_page(struct vcpu *cpu, const uint8_t *host);

#endif
