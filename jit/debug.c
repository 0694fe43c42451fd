// SPDX-License-Identifier: GPL-3.0-or-later
#include "jit/debug.h"

#include "jit/jit.h"
#include "jit/tb.h"
#include "jit/tlb.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SET_BUCKETS 256u

struct point {
    uint64_t addr;
    uint8_t owners; // enum debug_owner
};

// Sorted by address.
struct points {
    struct point *at;
    size_t nr, room;
};

struct watch {
    uint64_t addr, len;
    bool physical;
    uint8_t access; // enum debug_access
};

struct debug {
    struct points breaks[2]; // virtual, physical
    struct watch *watches;
    size_t nr_watches, room;
    struct debug_tracer tracer;
    bool tracing;
    // Sets are kept for good: code_pages point to them, and the same ones come again and again.
    struct debug_set *sets[SET_BUCKETS];
};

// Bits 63:56 may be a tag.
static uint64_t address(uint64_t addr, bool physical)
{
    return physical ? addr : (uint64_t)sext64(addr, 56);
}

static struct debug *get(struct jit *jit)
{
    if (!jit->debug) {
        jit->debug = calloc(1, sizeof *jit->debug);
        assert(jit->debug);
    }
    return jit->debug;
}

// Index of the first point at or after addr.
static size_t lower(const struct points *p, uint64_t addr)
{
    size_t low = 0, high = p->nr;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->at[middle].addr < addr)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct point *find(const struct points *p, uint64_t addr)
{
    size_t n = lower(p, addr);
    return n < p->nr && p->at[n].addr == addr ? &p->at[n] : NULL;
}

void debug_break_add(struct jit *jit, uint64_t addr, bool physical, enum debug_owner owner)
{
    struct points *p = &get(jit)->breaks[physical];
    addr = address(addr, physical);
    size_t n = lower(p, addr);
    if (n == p->nr || p->at[n].addr != addr) {
        if (p->nr == p->room) {
            p->room = p->room ? 2 * p->room : 16;
            p->at = realloc(p->at, p->room * sizeof *p->at);
            assert(p->at);
        }
        memmove(p->at + n + 1, p->at + n, (p->nr - n) * sizeof *p->at);
        p->at[n] = (struct point){ .addr = addr };
        p->nr++;
    }
    p->at[n].owners |= (uint8_t)owner;
}

bool debug_break_remove(struct jit *jit, uint64_t addr, bool physical, enum debug_owner owner)
{
    if (!jit->debug)
        return false;
    struct points *p = &jit->debug->breaks[physical];
    struct point *at = find(p, address(addr, physical));
    if (!at || !(at->owners & owner))
        return false;
    at->owners &= (uint8_t)~owner;
    if (!at->owners) {
        memmove(at, at + 1, (size_t)(p->at + p->nr - (at + 1)) * sizeof *at);
        p->nr--;
    }
    return true;
}

void debug_watch_add(struct jit *jit, uint64_t addr, uint64_t len, bool physical, unsigned access)
{
    struct debug *d = get(jit);
    assert(len);
    if (d->nr_watches == d->room) {
        d->room = d->room ? 2 * d->room : 16;
        d->watches = realloc(d->watches, d->room * sizeof *d->watches);
        assert(d->watches);
    }
    d->watches[d->nr_watches++] = (struct watch){ .addr = address(addr, physical), .len = len,
                                                  .physical = physical, .access = (uint8_t)access };
}

bool debug_watch_remove(struct jit *jit, uint64_t addr, uint64_t len, bool physical, unsigned access)
{
    struct debug *d = jit->debug;
    for (size_t n = 0; d && n < d->nr_watches; n++) {
        struct watch *w = &d->watches[n];
        if (w->addr == address(addr, physical) && w->len == len && w->physical == physical &&
            w->access == access) {
            *w = d->watches[--d->nr_watches];
            return true;
        }
    }
    return false;
}

void debug_clear(struct jit *jit)
{
    struct debug *d = jit->debug;
    if (d)
        d->breaks[0].nr = d->breaks[1].nr = d->nr_watches = 0;
}

void debug_set_tracer(struct jit *jit, const struct debug_tracer *tracer)
{
    struct debug *d = get(jit);
    d->tracing = tracer;
    d->tracer = tracer ? *tracer : (struct debug_tracer){ 0 };
}

void debug_settle(struct jit *jit)
{
    for (unsigned n = 0; n < jit->nr_cpus; n++)
        tlb_forget(jit->cpus[n]);
}

void debug_fini(struct jit *jit)
{
    struct debug *d = jit->debug;
    if (!d)
        return;
    for (unsigned b = 0; b < SET_BUCKETS; b++)
        while (d->sets[b]) {
            struct debug_set *s = d->sets[b];
            d->sets[b] = s->next;
            free(s);
        }
    free(d->breaks[0].at);
    free(d->breaks[1].at);
    free(d->watches);
    free(d);
    jit->debug = NULL;
}

// Pages ------------------------------------------------------------------------------------------

static bool ask_points(const struct points *p, uint64_t page, struct debug_set *s)
{
    size_t first = lower(p, page), n = first;
    for (; n < p->nr && p->at[n].addr - page < PAGE_SIZE; n++) {
        unsigned word = (unsigned)(p->at[n].addr - page) >> 2;
        s->asked[word >> 6] |= BIT(word & 63);
    }
    return n > first;
}

// The kept set of these contents.
static const struct debug_set *keep(struct debug *d, struct debug_set *s)
{
    s->hash = s->trace;
    for (size_t n = 0; n < ARRAY_SIZE(s->asked); n++)
        s->hash = (s->hash ^ s->asked[n]) * UINT64_C(0x9e3779b97f4a7c15) + (s->hash >> 29);
    struct debug_set **bucket = &d->sets[s->hash >> 40 & (SET_BUCKETS - 1)];
    for (struct debug_set *k = *bucket; k; k = k->next)
        if (k->hash == s->hash && k->trace == s->trace && !memcmp(k->asked, s->asked, sizeof s->asked))
            return k;
    struct debug_set *k = malloc(sizeof *k);
    assert(k);
    *k = *s;
    k->next = *bucket;
    return *bucket = k;
}

const struct debug_set *debug_page_set(struct jit *jit, gva_t va, gpa_t pa)
{
    struct debug *d = jit->debug;
    struct debug_set s = { 0 };
    va = address(va, false) & PAGE_MASK;
    s.trace = d->tracing && d->tracer.wants(d->tracer.opaque, va);
    bool any = ask_points(&d->breaks[0], va, &s);
    any = ask_points(&d->breaks[1], pa & PAGE_MASK, &s) || any;
    return any || s.trace ? keep(d, &s) : NULL;
}

// Do the two stretches have a byte in common? Neither is empty; sums may wrap.
static bool overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
    return b - a < a_len || a - b < b_len;
}

bool debug_watches_page(const struct jit *jit, gva_t va, gpa_t pa)
{
    const struct debug *d = jit->debug;
    for (size_t n = 0; n < d->nr_watches; n++) {
        const struct watch *w = &d->watches[n];
        uint64_t page = (w->physical ? pa : address(va, false)) & PAGE_MASK;
        if (overlap(w->addr, w->len, page, PAGE_SIZE))
            return true;
    }
    return false;
}

// Hits -------------------------------------------------------------------------------------------

// The physical address of pc, which is about to be executed: the instruction TLB knows its page.
static bool physical_pc(const struct vcpu *cpu, gva_t pc, gpa_t *pa)
{
    const struct itlb_entry *e = &cpu->itlb[pc >> PAGE_BITS & (ITLB_SIZE - 1)];
    if (e->tag != ((pc & PAGE_MASK) | cpu->ictx) || e->mode != cpu->mode)
        return false;
    *pa = e->page->page | (pc & ~PAGE_MASK);
    return true;
}

unsigned debug_breaks_at(struct vcpu *cpu, gva_t pc)
{
    const struct debug *d = cpu->jit->debug;
    const struct point *p = d ? find(&d->breaks[0], address(pc, false)) : NULL;
    unsigned owners = p ? p->owners : 0;
    gpa_t pa;
    if (d && d->breaks[1].nr && physical_pc(cpu, pc, &pa) && (p = find(&d->breaks[1], pa)))
        owners |= p->owners;
    return owners;
}

static void give_up(struct vcpu *cpu, enum debug_why why, uint64_t addr, unsigned what)
{
    cpu->debug.due = true;
    cpu->debug.why = (uint8_t)why;
    cpu->debug.addr = addr;
    cpu->debug.what = (uint8_t)what;
}

bool debug_check_break(struct vcpu *cpu, gva_t pc)
{
    if (cpu->debug.stepping)
        return true;
    unsigned owners = debug_breaks_at(cpu, pc);
    if (owners)
        give_up(cpu, DEBUG_BREAK, pc, owners);
    return !owners;
}

bool debug_check_watch(struct vcpu *cpu, gva_t va, gpa_t pa, unsigned size, enum mem_access access)
{
    const struct debug *d = cpu->jit->debug;
    unsigned wanted = access == MEM_WRITE ? DEBUG_WRITES : DEBUG_READS;
    for (size_t n = 0; n < d->nr_watches; n++) {
        const struct watch *w = &d->watches[n];
        uint64_t at = w->physical ? pa : address(va, false);
        if (!(w->access & wanted) || !overlap(w->addr, w->len, at, size))
            continue;
        give_up(cpu, DEBUG_WATCH, w->addr - at < size ? w->addr : at, w->access);
        return false;
    }
    return true;
}

void debug_trace(struct vcpu *cpu, gva_t pc)
{
    const struct debug *d = cpu->jit->debug;
    if (d->tracing)
        d->tracer.insn(d->tracer.opaque, cpu, pc);
}

void debug_caught(struct vcpu *cpu)
{
    cpu->debug.why = DEBUG_CATCH;
    cpu->halt = VCPU_EXIT_DEBUG;
}
