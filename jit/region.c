// SPDX-License-Identifier: GPL-3.0-or-later
// Regions in use: entering them, attaching them to the blocks they replace, taking them away when
// the guest's code may have changed.
#include "jit/region.h"

#include "jit/interp_ops.h"
#include "jit/quick.h"
#include "jit/tier.h"
#include "jit/verify.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct region_link {
    struct region *region;
    struct region_link *next;
};

bool region_recipe_valid(const struct region_recipe *r, size_t size)
{
    if (size < offsetof(struct region_recipe, pages) || r->nr_pages < 1 || r->nr_pages > REGION_MAX_PAGES ||
        size != region_recipe_size(r) || r->nr_blocks < 1 || r->nr_blocks > REGION_MAX_BLOCKS ||
        r->nr_entries < 1 || r->nr_entries > REGION_MAX_ENTRIES || r->pages[0].delta)
        return false;
    uint32_t insns = 0, entries = 0;
    for (uint32_t n = 0; n < r->nr_blocks; n++) {
        const struct region_block *b = &r->blocks[n];
        if (b->page >= r->nr_pages || b->off & 3 || !b->n_insns || b->n_insns > IR_MAX_GUEST ||
            b->off + 4u * b->n_insns > PAGE_SIZE)
            return false;
        if (b->flags & REGION_ENTRY && b->entry != entries++)
            return false;
        insns += b->n_insns;
    }
    return entries == r->nr_entries && insns == r->n_insns && insns <= REGION_MAX_INSNS;
}

enum region_result region_enter(struct vcpu *cpu, const struct region_way *way)
{
    const struct region *region = way->region;
    const struct region_recipe *r = region->recipe;
    const struct region_block *b = &r->blocks[way->block];
    gva_t page0 = cpu->pc_page - ((uint64_t)(int64_t)r->pages[b->page].delta << PAGE_BITS);
    // Every page must still be where the region was made for. The one we are in is.
    for (uint32_t n = 0; n < r->nr_pages; n++) {
        gva_t va = page0 + ((uint64_t)(int64_t)r->pages[n].delta << PAGE_BITS);
        const struct itlb_entry *e = &cpu->itlb[va >> PAGE_BITS & (ITLB_SIZE - 1)];
        if (n != b->page && (e->tag != (va | cpu->ictx) || e->mode != cpu->mode || e->page != region->pages[n])) {
            cpu->pc = cpu->pc_page + b->off;
            return REGION_BAIL;
        }
    }
    cpu->stats.region_entries++;
    cpu->pc = cpu->pc_page + b->off; // in case it declines
    if (unlikely(cpu->jit->verify))
        return verify_region(cpu, region, page0, b->entry);
    return region->fn(cpu, page0, b->entry);
}

// Does every byte that the region was made from still stand? First the pages are marked, then they
// are looked at: who writes now either is seen here or sees the mark.
static bool bytes_stand(struct jit *jit, struct vcpu *self, const struct region *region)
{
    const struct region_recipe *r = region->recipe;
    for (uint32_t n = 0; n < r->nr_pages; n++)
        tb_protect(jit, self, region->pages[n]);
    for (uint32_t n = 0; n < r->nr_blocks; n++) {
        const struct region_block *b = &r->blocks[n];
        if (memcmp(r->pages[b->page].bytes + b->off, region->pages[b->page]->host + b->off, b->n_insns * 4u))
            return false;
    }
    return true;
}

static void attach_block(struct region *region, uint32_t n, struct tb *tb)
{
    __atomic_store_n(&tb->region, &region->ways[region->recipe->blocks[n].entry], __ATOMIC_RELEASE);
    if (tb->code)
        __atomic_store_n(&tb->entry, tb->code, __ATOMIC_RELEASE);
    quick_attach(tb);
}

static void detach_block(struct tb *tb)
{
    if (tb->code)
        __atomic_store_n(&tb->entry, tb->code + 1, __ATOMIC_RELEASE);
    quick_detach(tb);
    __atomic_store_n(&tb->region, NULL, __ATOMIC_RELEASE);
}

static void attach(struct region *region)
{
    const struct region_recipe *r = region->recipe;
    for (uint32_t n = 0; n < r->nr_blocks; n++) {
        const struct region_block *b = &r->blocks[n];
        struct tb *tb = region->pages[b->page]->entry[b->off >> 2];
        if (b->flags & REGION_ENTRY && tb && !tb->region)
            attach_block(region, n, tb);
        else if (tb)
            tier_forget(tb); // inside only: it may yet prove hot on its own
    }
    region->suspect = false;
}

static void detach(struct region *region)
{
    const struct region_recipe *r = region->recipe;
    for (uint32_t n = 0; n < r->nr_blocks; n++) {
        const struct region_block *b = &r->blocks[n];
        for (struct tb *tb = region->pages[b->page]->all; tb; tb = tb->next)
            if (tb->off == b->off && tb->region && tb->region->region == region)
                detach_block(tb);
    }
    region->suspect = true;
}

static size_t bytes_of(const struct region *region)
{
    return sizeof *region + region_recipe_size(region->recipe) + region->span.size;
}

static struct code_page *page_of(struct jit *jit, gpa_t page, uint64_t mode)
{
    struct code_page *p = *tb_bucket(jit, page);
    while (p && (p->page != page || p->mode != mode))
        p = p->next;
    return p;
}

bool region_publish(struct jit *jit, struct region_recipe *recipe, const gpa_t *page_gpa, region_fn *fn,
                    size_t code_size, const struct codebuf_span *span)
{
    struct region *region = calloc(1, sizeof *region);
    assert(region);
    region->fn = fn;
    region->span = *span;
    region->code_size = code_size;
    region->recipe = recipe;
    for (uint32_t n = 0; n < recipe->nr_blocks; n++)
        if (recipe->blocks[n].flags & REGION_ENTRY)
            region->ways[recipe->blocks[n].entry] = (struct region_way){ region, n };
    mutex_lock(&jit->lock);
    bool ok = true;
    for (uint32_t n = 0; n < recipe->nr_pages; n++)
        ok = (region->pages[n] = page_of(jit, page_gpa[n], recipe->mode)) && ok;
    if (!ok || !bytes_stand(jit, NULL, region)) {
        free(recipe);
        free(region);
        mutex_unlock(&jit->lock);
        return false;
    }
    region->next = jit->compiled;
    jit->compiled = region;
    jit->bytes += bytes_of(region);
    for (uint32_t n = 0; n < recipe->nr_pages; n++) {
        struct region_link *link = malloc(sizeof *link);
        assert(link);
        *link = (struct region_link){ region, region->pages[n]->regions };
        region->pages[n]->regions = link;
    }
    attach(region);
    mutex_unlock(&jit->lock);
    return true;
}

// Where it does not pay: its blocks may get into another.
void region_give_up(struct jit *jit, struct region *region)
{
    const struct tier *t = jit->tier;
    gpa_t gpa[REGION_MAX_PAGES];
    mutex_lock(&jit->lock);
    bool first = !region->given_up; // and not by another vCPU as well
    detach(region);
    region->given_up = true;
    for (uint32_t n = 0; n < region->recipe->nr_pages; n++)
        gpa[n] = region->pages[n]->page;
    mutex_unlock(&jit->lock);
    if (first)
        region_release(jit, region->recipe, gpa, t->policy.given_up_patience);
}

// The recipe's block number n as it is now, or NULL. Under the lock.
static struct tb *block_of(struct jit *jit, const struct region_recipe *r, const gpa_t *page_gpa, uint32_t n)
{
    const struct code_page *p = page_of(jit, page_gpa[r->blocks[n].page], r->mode);
    return p ? p->entry[r->blocks[n].off >> 2] : NULL;
}

bool region_claim(struct jit *jit, const struct region_recipe *r, const gpa_t *page_gpa)
{
    mutex_lock(&jit->lock);
    const struct tb *seed = block_of(jit, r, page_gpa, 0);
    bool ours = seed && seed->looked != TIER_DONE;
    for (uint32_t n = 0; ours && n < r->nr_blocks; n++) {
        struct tb *tb = block_of(jit, r, page_gpa, n);
        if (tb)
            RELAXED_SET(tb->looked, TIER_DONE);
    }
    mutex_unlock(&jit->lock);
    return ours;
}

void region_release(struct jit *jit, const struct region_recipe *r, const gpa_t *page_gpa, unsigned patience)
{
    mutex_lock(&jit->lock);
    for (uint32_t n = 0; n < r->nr_blocks; n++) {
        struct tb *tb = block_of(jit, r, page_gpa, n);
        if (!tb || tb->region)
            continue;
        tier_forget(tb);
        unsigned more = tb->patience + patience;
        RELAXED_SET(tb->patience, (uint8_t)(more < TIER_MAX_PATIENCE ? more : TIER_MAX_PATIENCE));
        if (patience)
            RELAXED_SET(tb->looked, TIER_MAX_ASKED); // the cache has what does not pay
    }
    mutex_unlock(&jit->lock);
}

// Weights, which say what is compiled well rather than what, do not count.
static bool same_blocks(const struct region *region, const struct region_recipe *r, const gpa_t *page_gpa)
{
    const struct region_recipe *other = region->recipe;
    if (other->nr_blocks != r->nr_blocks || other->nr_pages != r->nr_pages)
        return false;
    for (uint32_t n = 0; n < r->nr_blocks; n++) {
        const struct region_block *a = &r->blocks[n], *b = &other->blocks[n];
        if (a->off != b->off || a->n_insns != b->n_insns || a->flags != b->flags ||
            page_gpa[a->page] != region->pages[b->page]->page)
            return false;
    }
    return true;
}

bool region_in_vain(struct jit *jit, const struct region_recipe *r, const gpa_t *page_gpa)
{
    bool in_vain = false;
    mutex_lock(&jit->lock);
    const struct code_page *p = page_of(jit, page_gpa[0], r->mode);
    for (const struct region_link *l = p ? p->regions : NULL; l && !in_vain; l = l->next)
        in_vain = l->region->given_up && same_blocks(l->region, r, page_gpa);
    mutex_unlock(&jit->lock);
    return in_vain;
}

void region_suspect(struct code_page *page)
{
    for (struct region_link *l = page->regions; l; l = l->next)
        detach(l->region);
}

static bool has_block(const struct region *region, const struct code_page *page, uint32_t off)
{
    const struct region_recipe *r = region->recipe;
    for (uint32_t n = 0; n < r->nr_blocks; n++)
        if (region->pages[r->blocks[n].page] == page && r->blocks[n].off == off)
            return true;
    return false;
}

// Any of its blocks will do: its entries may be in a page that nobody has doubted.
void region_revalidate(struct vcpu *cpu, struct code_page *page, struct tb *tb)
{
    for (struct region_link *l = page->regions; l; l = l->next)
        if (!l->region->given_up && has_block(l->region, page, tb->off) && (!l->region->suspect || bytes_stand(cpu->jit, cpu, l->region)))
            attach(l->region);
}

// Their end ---------------------------------------------------------------------------------------

static void unlink_from(struct code_page *page, const struct region *region)
{
    for (struct region_link **l = &page->regions; *l;) {
        struct region_link *link = *l;
        if (link->region == region) {
            *l = link->next;
            free(link);
        } else {
            l = &link->next;
        }
    }
}

// Nobody enters it from here on; what stands of its blocks may get into another.
static void retire(struct jit *jit, struct region *region)
{
    struct region **at = &jit->compiled;
    detach(region);
    for (uint32_t n = 0; n < region->recipe->nr_blocks; n++) {
        const struct region_block *b = &region->recipe->blocks[n];
        for (struct tb *tb = region->pages[b->page]->all; tb; tb = tb->next)
            if (tb->off == b->off)
                tier_forget(tb);
    }
    for (uint32_t n = 0; n < region->recipe->nr_pages; n++)
        unlink_from(region->pages[n], region);
    while (*at != region)
        at = &(*at)->next;
    *at = region->next;
    region->next = jit->retired_regions;
    jit->retired_regions = region;
    tb_count_retired(jit);
}

void region_changed(struct vcpu *cpu, struct code_page *page)
{
    for (struct region_link *l = page->regions; l;) {
        bool gone = l->region->suspect && !bytes_stand(cpu->jit, cpu, l->region);
        if (gone)
            retire(cpu->jit, l->region);
        l = gone ? page->regions : l->next;
    }
}

static void free_regions(struct jit *jit, struct region *region)
{
    while (region) {
        struct region *next = region->next;
        jit->bytes -= bytes_of(region);
        // Without a tier the code is gone already.
        if (jit->tier)
            codebuf_free(&jit->tier->code, &region->span);
        free(region->recipe);
        free(region);
        region = next;
    }
}

void region_free_retired(struct jit *jit)
{
    free_regions(jit, jit->retired_regions);
    jit->retired_regions = NULL;
}

void region_fini(struct jit *jit)
{
    region_free_retired(jit);
    free_regions(jit, jit->compiled);
    jit->compiled = NULL;
    for (unsigned b = 0; b < JIT_CODE_BUCKETS; b++)
        for (struct code_page *p = jit->pages[b]; p; p = p->next)
            while (p->regions) {
                struct region_link *l = p->regions;
                p->regions = l->next;
                free(l);
            }
}
