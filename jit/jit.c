// SPDX-License-Identifier: GPL-3.0-or-later
#include "jit/jit.h"

#include "jit/atomic.h"
#include "jit/debug.h"
#include "jit/ir.h"
#include "jit/ir_ref.h"
#include "jit/ir_vec.h"
#include "jit/region_slow.h"
#include "jit/rendezvous.h"
#include "jit/tb.h"
#include "jit/tlb.h"

#include <assert.h>
#include <stdlib.h>

void jit_init(struct jit *jit, const struct guest *guest, const struct log *log)
{
    *jit = (struct jit){ .guest = guest, .log = log, .cache_limit = 512u << 20 };
    mutex_init(&jit->lock);
    dirty_init(&jit->dirty);
    rendezvous_init(jit);
    jit->ir = malloc(guest->translator_size);
    assert(jit->ir);
}

void jit_fini(struct jit *jit)
{
    tb_fini(jit);
    debug_fini(jit);
    for (unsigned n = 0; n < jit->nr_cpus; n++)
        rendezvous_remove(jit->cpus[n]);
    rendezvous_fini(jit);
    for (unsigned n = 0; n < jit->nr_regions; n++)
        free(jit->regions[n].page_flags);
    free(jit->ir);
    dirty_fini(&jit->dirty);
    mutex_fini(&jit->lock);
}

void jit_add_ram(struct jit *jit, gpa_t base, uint64_t size, void *host, bool rom)
{
    assert(jit->nr_regions < JIT_MAX_REGIONS && !((base | size) & ~PAGE_MASK));
    uint8_t *flags = calloc(1, size >> PAGE_BITS);
    assert(flags);
    jit->regions[jit->nr_regions++] =
        (struct ram_region){ .base = base, .size = size, .host = host, .rom = rom, .page_flags = flags };
}

static void forget_reads(struct vcpu *cpu, uint64_t region)
{
    const struct ram_region *r = (const struct ram_region *)(uintptr_t)region;
    tlb_forget_reads(cpu, r->host, r->size);
}

void jit_set_io(struct jit *jit, gpa_t base, bool io)
{
    struct ram_region *r = NULL;
    for (unsigned n = 0; n < jit->nr_regions; n++)
        if (jit->regions[n].base == base)
            r = &jit->regions[n];
    assert(r && r->rom);
    bool was = __atomic_exchange_n(&r->io, io, __ATOMIC_SEQ_CST);
    // The other way nothing is remembered that would be wrong.
    if (io && !was)
        rendezvous_ask(jit, NULL, forget_reads, (uint64_t)(uintptr_t)r);
}

const struct ram_region *jit_region(const struct jit *jit, gpa_t pa)
{
    for (unsigned n = 0; n < jit->nr_regions; n++)
        if (pa - jit->regions[n].base < jit->regions[n].size)
            return &jit->regions[n];
    return NULL;
}

void jit_add_cpu(struct jit *jit, struct vcpu *cpu)
{
    assert(jit->nr_cpus < JIT_MAX_CPUS);
    jit->cpus[jit->nr_cpus++] = cpu;
    cpu->jit = jit;
    rendezvous_add(cpu);
    cpu->guest = jit->guest;
    cpu->region_load = (const void *)(uintptr_t)region_thunk_load;
    cpu->region_store = (const void *)(uintptr_t)region_thunk_store;
    cpu->region_vec = (const void *)(uintptr_t)region_thunk_vec;
    cpu->no_page = region_no_page();
    cpu->helpers = jit->guest->helpers;
    cpu->vec_fns = &ir_vec_fn[0][0];
    cpu->ref_fns = &ir_ref_fn[0][0];
    cpu->mem_fns = &mem_fn_table[0][0];
    cpu->atomic_fns = atomic_fn_table;
    tlb_init(cpu);
}

void jit_ram_written(struct jit *jit, gpa_t pa, uint64_t size)
{
    // The bytes are there before the flags are looked at: who translates sets the flag, then reads.
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (unsigned n = 0; n < jit->nr_regions; n++) {
        const struct ram_region *r = &jit->regions[n];
        // The part of [pa, pa + size) inside the region, as offsets; no sum may wrap.
        uint64_t from = pa > r->base ? pa - r->base : 0, skipped = pa > r->base ? 0 : r->base - pa;
        if (from >= r->size || skipped >= size)
            continue;
        uint64_t left = size - skipped, to = left < r->size - from ? from + left : r->size;
        for (uint64_t page = from >> PAGE_BITS; page <= (to - 1) >> PAGE_BITS; page++) {
            unsigned flags = __atomic_load_n(&r->page_flags[page], __ATOMIC_RELAXED);
            if (flags & PAGE_DIRTY_LOG)
                dirty_written(r, page);
            if (flags & PAGE_CODE)
                tb_suspect_page(jit, r->base + (page << PAGE_BITS));
        }
    }
}

static uint64_t *phys_word(const struct jit *jit, gpa_t pa)
{
    const struct ram_region *r = jit_region(jit, pa);
    return r ? (uint64_t *)(void *)(r->host + (pa - r->base)) : NULL;
}

bool jit_phys_read64(struct jit *jit, gpa_t pa, uint64_t *value)
{
    uint64_t *p = phys_word(jit, pa);
    if (p)
        *value = __atomic_load_n(p, __ATOMIC_ACQUIRE);
    return p;
}

bool jit_phys_cmpxchg64(struct jit *jit, gpa_t pa, uint64_t old, uint64_t new_value, bool *ok)
{
    const struct ram_region *r = jit_region(jit, pa);
    if (!r || r->rom)
        return false;
    *ok = __atomic_compare_exchange_n(phys_word(jit, pa), &old, new_value, false, __ATOMIC_SEQ_CST,
                                      __ATOMIC_RELAXED);
    return true;
}
