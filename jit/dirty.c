// SPDX-License-Identifier: GPL-3.0-or-later
#include "jit/dirty.h"

#include "jit/jit.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// Somebody who asks about a range of pages.
struct dirty_user {
    struct dirty_user *next;
    const void *key;
    const struct ram_region *region;
    uint64_t first, count; // pages of the region
    uint64_t *found;       // written and not yet reported
    uint64_t *unsure;      // flag set at `epoch`, perhaps still written through an old entry
    uint64_t epoch;
};

void dirty_init(struct dirty *d)
{
    *d = (struct dirty){.seen = calloc(JIT_MAX_CPUS, sizeof *d->seen)};
    assert(d->seen);
    mutex_init(&d->lock);
}

static void destroy(struct dirty_user *u)
{
    free(u->found);
    free(u->unsure);
    free(u);
}

void dirty_fini(struct dirty *d)
{
    while (d->users) {
        struct dirty_user *u = d->users;
        d->users = u->next;
        destroy(u);
    }
    free(d->seen);
    mutex_fini(&d->lock);
}

static struct dirty_user **find(struct dirty *d, const void *key)
{
    struct dirty_user **u = &d->users;
    while (*u && (*u)->key != key)
        u = &(*u)->next;
    return u;
}

static void drop(struct dirty *d, const void *key)
{
    struct dirty_user **p = find(d, key), *u = *p;
    if (u) {
        *p = u->next;
        destroy(u);
    }
}

static void set_bit(uint64_t *set, uint64_t n)
{
    set[n / 64] |= BIT(n % 64);
}

static uint64_t words(const struct dirty_user *u)
{
    return (u->count + 63) / 64;
}

static struct dirty_user *user_of(struct dirty *d, const void *key, const struct ram_region *r,
                                  uint64_t first, uint64_t count)
{
    struct dirty_user *u = *find(d, key);
    if (u && u->region == r && u->first == first && u->count == count)
        return u;
    drop(d, key);
    u = calloc(1, sizeof *u);
    assert(u);
    *u = (struct dirty_user){
        .next = d->users, .key = key, .region = r, .first = first, .count = count};
    u->found = calloc(words(u), sizeof *u->found);
    u->unsure = calloc(words(u), sizeof *u->unsure);
    assert(u->found && u->unsure);
    for (uint64_t n = 0; n < count; n++)
        set_bit(u->found, n);
    d->users = u;
    return u;
}

// A page was found written and its flag set again: everybody who asks about it is to know.
static void report(struct dirty *d, const struct ram_region *r, uint64_t page, uint64_t epoch)
{
    for (struct dirty_user *u = d->users; u; u = u->next)
        if (u->region == r && page - u->first < u->count) {
            set_bit(u->found, page - u->first);
            set_bit(u->unsure, page - u->first);
            u->epoch = epoch;
        }
}

// Whether every vCPU has flushed since, or will before it writes anything.
static bool all_seen(const struct jit *jit, uint64_t epoch)
{
    for (unsigned n = 0; n < jit->nr_cpus; n++)
        if (__atomic_load_n(&jit->cpus[n]->work.inside, __ATOMIC_SEQ_CST) &&
            __atomic_load_n(&jit->dirty.seen[n], __ATOMIC_SEQ_CST) < epoch)
            return false;
    return true;
}

static void look(struct jit *jit, struct dirty_user *u)
{
    struct dirty *d = &jit->dirty;
    uint64_t epoch = d->epoch + 1; // only changed under the lock
    bool any = false;
    for (uint64_t n = 0; n < u->count; n++) {
        uint8_t *flags = &u->region->page_flags[u->first + n];
        if (__atomic_load_n(flags, __ATOMIC_SEQ_CST) & PAGE_DIRTY_LOG)
            continue;
        __atomic_or_fetch(flags, PAGE_DIRTY_LOG, __ATOMIC_SEQ_CST);
        report(d, u->region, u->first + n, epoch);
        any = true;
    }
    if (!any)
        return;
    __atomic_store_n(&d->epoch, epoch, __ATOMIC_SEQ_CST);
    for (unsigned n = 0; n < jit->nr_cpus; n++)
        vcpu_kick(jit->cpus[n], EXIT_REQ_DIRTY);
}

bool dirty_collect(struct jit *jit, const void *user, gpa_t pa, uint64_t len, uint64_t *pages)
{
    const struct ram_region *r = jit_region(jit, pa);
    if (!r || !len || len > r->size - (pa - r->base) || jit->verify)
        return false;
    uint64_t first = (pa - r->base) >> PAGE_BITS, last = (pa - r->base + len - 1) >> PAGE_BITS;
    mutex_lock(&jit->dirty.lock);
    struct dirty_user *u = user_of(&jit->dirty, user, r, first, last - first + 1);
    bool sure = all_seen(jit, u->epoch);
    for (uint64_t w = 0; sure && w < words(u); w++) {
        u->found[w] |= u->unsure[w];
        u->unsure[w] = 0;
    }
    look(jit, u);
    for (uint64_t w = 0; w < words(u); w++) {
        pages[w] |= u->found[w];
        u->found[w] = 0;
    }
    mutex_unlock(&jit->dirty.lock);
    return true;
}

void dirty_forget(struct jit *jit, const void *user)
{
    mutex_lock(&jit->dirty.lock);
    drop(&jit->dirty, user);
    mutex_unlock(&jit->dirty.lock);
}

void dirty_written(const struct ram_region *r, uint64_t page)
{
    __atomic_and_fetch(&r->page_flags[page], (uint8_t)~PAGE_DIRTY_LOG, __ATOMIC_SEQ_CST);
}

void dirty_all_written(struct jit *jit)
{
    for (unsigned n = 0; n < jit->nr_regions; n++)
        for (uint64_t page = 0; page < jit->regions[n].size >> PAGE_BITS; page++)
            if (__atomic_load_n(&jit->regions[n].page_flags[page], __ATOMIC_RELAXED) &
                PAGE_DIRTY_LOG)
                dirty_written(&jit->regions[n], page);
}

// Whether the page at this host address is one whose writes are to be noticed.
static bool is_logged(const struct jit *jit, const uint8_t *host)
{
    for (unsigned n = 0; n < jit->nr_regions; n++) {
        const struct ram_region *r = &jit->regions[n];
        uint64_t offset = (uint64_t)((uintptr_t)host - (uintptr_t)r->host);
        if (offset < r->size)
            return __atomic_load_n(&r->page_flags[offset >> PAGE_BITS], __ATOMIC_RELAXED) &
                   PAGE_DIRTY_LOG;
    }
    return false;
}

void dirty_flush(struct vcpu *cpu)
{
    struct dirty *d = &cpu->jit->dirty;
    // Read first: flags that are set while this runs belong to a later epoch.
    uint64_t epoch = __atomic_load_n(&d->epoch, __ATOMIC_SEQ_CST);
    for (unsigned n = 0; n < TLB_SIZE; n++) {
        struct tlb_entry *e = &cpu->wtlb[n];
        if (e->tag != TLB_TAG_EMPTY &&
            is_logged(cpu->jit, (const uint8_t *)(uintptr_t)((e->tag & PAGE_MASK) + e->addend)))
            e->tag = TLB_TAG_EMPTY;
    }
    __atomic_store_n(&d->seen[cpu->index], epoch, __ATOMIC_SEQ_CST);
}
