// SPDX-License-Identifier: GPL-3.0-or-later
// Runs in shadow memory: the other way to verify, in which the region runs at full speed.
//
// In a logged run no page may be remembered, so that the fast path of the region's accesses is
// never taken. In a shadow run each page that is touched is copied, and the region is told to
// remember the copy; the interpreter then works on another copy of what was there before, the two
// are compared, and what the interpreter changed goes to memory. Nobody else sees the stores until
// then, so whatever would make that matter ends the run first, by bailing out: devices,
// accesses across pages, system operations (a TLBI after a store to a translation table).
#include "jit/tlb.h"
#include "jit/verify_run.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PAGES 128

struct verify_page {
    uint8_t *host;             // the page itself
    gva_t va;                  // where it was found first, for the dump
    uint8_t before[PAGE_SIZE] __attribute__((aligned(64))); // atomics want what they want of RAM
    uint8_t region[PAGE_SIZE];
    uint8_t interp[PAGE_SIZE];
};

struct verify_shadow {
    unsigned nr;
    unsigned last; // found last
    struct verify_page pages[MAX_PAGES];
};

void verify_shadow_begin(struct verify_run *run)
{
    if (run->phase == VERIFY_RECORD) {
        if (!run->shadow) {
            run->shadow = aligned_alloc(64, sizeof *run->shadow);
            assert(run->shadow);
        }
        run->shadow->nr = run->shadow->last = 0;
        return;
    }
    for (unsigned n = 0; n < run->shadow->nr; n++)
        memcpy(run->shadow->pages[n].interp, run->shadow->pages[n].before, PAGE_SIZE);
}

static struct verify_page *page_of(struct verify_run *run, uint8_t *host, gva_t va)
{
    struct verify_shadow *s = run->shadow;
    if (s->last < s->nr && s->pages[s->last].host == host)
        return &s->pages[s->last];
    for (unsigned n = 0; n < s->nr; n++)
        if (s->pages[n].host == host) {
            s->last = n;
            return &s->pages[n];
        }
    if (s->nr == MAX_PAGES)
        return NULL;
    struct verify_page *p = &s->pages[s->nr++];
    p->host = host;
    p->va = va & PAGE_MASK;
    memcpy(p->before, host, PAGE_SIZE);
    memcpy(p->region, p->before, PAGE_SIZE);
    memcpy(p->interp, p->before, PAGE_SIZE);
    return p;
}

// The place of an access in the running engine's copy, or NULL: it cannot be made, or not here.
void *verify_shadow_at(struct vcpu *cpu, gva_t va, unsigned size, enum mem_access access, unsigned attr)
{
    struct verify_run *run = cpu->verify;
    verify_end(cpu); // the real contexts
    const struct tlb_entry *e = access == MEM_WRITE ? &cpu->wtlb[tlb_index(va)] : &cpu->rtlb[tlb_index(va)];
    bool ok = mem_probe(cpu, va, size, access, attr & ~(unsigned)MEM_PAIR) &&
              e->tag == tlb_want(va, size, attr & MEM_UNPRIV ? cpu->uctx : cpu->dctx);
    uint8_t *host = (uint8_t *)(uintptr_t)((va & PAGE_MASK) + e->addend);
    verify_resume(cpu, run);
    struct verify_page *p = ok ? page_of(run, host, va) : NULL;
    if (!p)
        return NULL;
    return (run->phase == VERIFY_RECORD ? p->region : p->interp) + (va & ~PAGE_MASK);
}

const char *verify_shadow_compare(const struct verify_run *run)
{
    for (unsigned n = 0; n < run->shadow->nr; n++)
        if (memcmp(run->shadow->pages[n].region, run->shadow->pages[n].interp, PAGE_SIZE))
            return "memory";
    return NULL;
}

// What the interpreter changed becomes true; bytes that it did not change may have been by others.
void verify_shadow_commit(struct verify_run *run)
{
    for (unsigned n = 0; n < run->shadow->nr; n++) {
        struct verify_page *p = &run->shadow->pages[n];
        for (unsigned k = 0; k < PAGE_SIZE; k += 64) {
            if (!memcmp(p->interp + k, p->before + k, 64))
                continue;
            for (unsigned b = k; b < k + 64; b++)
                if (p->interp[b] != p->before[b])
                    *(volatile uint8_t *)(p->host + b) = p->interp[b];
        }
    }
}

void verify_shadow_print(FILE *f, const struct verify_run *run)
{
    fprintf(f, "\nMemory that differs (bytes before, region, interpreter), of %u pages:\n", run->shadow->nr);
    for (unsigned n = 0; n < run->shadow->nr; n++) {
        const struct verify_page *p = &run->shadow->pages[n];
        for (unsigned k = 0; k < PAGE_SIZE; k += 8) {
            uint64_t v[3];
            memcpy(&v[0], p->before + k, 8);
            memcpy(&v[1], p->region + k, 8);
            memcpy(&v[2], p->interp + k, 8);
            if (v[1] != v[2])
                fprintf(f, "* %016" PRIx64 "  %016" PRIx64 "  %016" PRIx64 "  %016" PRIx64 "\n", p->va + k, v[0], v[1], v[2]);
        }
    }
}

// Helpers that would have to see memory as it is, or change how it is seen.
static void refuse(struct vcpu *cpu, void *d, const void *a, const void *b, const void *c, uint64_t imm)
{
    cpu->bail = true;
}

struct helper *verify_shadow_helpers(const struct guest *guest)
{
    struct helper *h = malloc(guest->nr_helpers * sizeof *h);
    assert(h);
    memcpy(h, guest->helpers, guest->nr_helpers * sizeof *h);
    for (unsigned n = 0; n < guest->nr_helpers; n++)
        if (h[n].flags & HELPER_BAILS && h[n].flags & (HELPER_READS_MEM | HELPER_WRITES_MEM | HELPER_WRITES_REGS))
            h[n].fn = refuse;
    return h;
}
