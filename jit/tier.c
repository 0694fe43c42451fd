// SPDX-License-Identifier: GPL-3.0-or-later
#include "jit/tier.h"

#include "jit/cache.h"
#include "jit/loader.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// What a compile's result needs beyond the recipe.
struct request {
    gpa_t gpa[REGION_MAX_PAGES];
    gva_t va; // of the block that got hot
    const uint32_t *count; // its executions, in the quick engine's memory; or NULL
    uint32_t seen;         // of them, when its heat was asked for last
};

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

// For the log; va is of the block that got hot, or was entered last.
static void note(const struct tier *t, gva_t va, const struct region_recipe *r, const char *what)
{
    if (!log_enabled(t->jit->log, LOG_REGIONS))
        return;
    uint64_t us = now_us() - t->begun;
    log_printf(t->jit->log, LOG_REGIONS, "%5u.%03u ms: region %#" PRIx64 ", %u instructions in %u blocks: %s\n",
               (unsigned)(us / 1000), (unsigned)(us % 1000), va, r->n_insns, r->nr_blocks, what);
}

static void note_result(const struct tier *t, gva_t va, const struct compile_result *r)
{
    char what[96];
    snprintf(what, sizeof what, "compiled; waited %u us, took %u us, %u us of CPU time", r->waited_us, r->took_us, r->compile_us);
    note(t, va, r->recipe, r->status == COMPILE_OK ? what : r->status == COMPILE_CANCELLED ? "no longer wanted" : r->err);
}

static struct region_recipe *copy_recipe(const struct region_recipe *recipe)
{
    size_t size = region_recipe_size(recipe);
    struct region_recipe *copy = malloc(size);
    assert(copy);
    memcpy(copy, recipe, size);
    return copy;
}

// For perf: the code is called after the entry that got hot, at va.
static void name_code(struct tier *t, const struct region_recipe *r, const gpa_t *gpa, gva_t va,
                      const struct codebuf_span *span, uint32_t size)
{
    for (uint32_t n = 0; t->options.perf_map && n < r->nr_blocks; n++) {
        const struct region_block *b = &r->blocks[n];
        if (!(b->flags & REGION_ENTRY) || b->off != (va & ~PAGE_MASK))
            continue;
        perf_map_add(t->options.perf_map, span->exec, size, va, gpa[b->page] + b->off, r->n_insns);
        return;
    }
}

static bool install(struct tier *t, const struct region_recipe *recipe, const gpa_t *gpa, gva_t va,
                    const uint8_t *image, uint32_t size, uint32_t align, uint32_t entry)
{
    struct codebuf_span span;
    if (!loader_place(&t->code, image, size, align, &span)) {
        __atomic_store_n(&t->jit->code_full, true, __ATOMIC_RELAXED);
        return false;
    }
    if (region_publish(t->jit, copy_recipe(recipe), gpa, (region_fn *)(uintptr_t)(span.exec + entry),
                       size - entry, &span)) {
        name_code(t, recipe, gpa, va, &span, size);
        return true;
    }
    codebuf_free(&t->code, &span);
    return false;
}

// Service thread.
static void done(void *opaque, const struct compile_result *r)
{
    struct tier *t = opaque;
    struct request *req = r->cookie;
    note_result(t, req->va, r);
    if (r->status == COMPILE_OK && install(t, r->recipe, req->gpa, req->va, r->image, r->size, r->align, r->entry))
        __atomic_add_fetch(&t->compiled, 1, __ATOMIC_RELAXED);
    else if (r->status != COMPILE_OK && r->status != COMPILE_CANCELLED)
        log_printf(t->jit->log, LOG_UNIMP, "a region was not compiled: %s\n", r->err);
    free(req);
}

// Executions since it was asked for last: what was hot a while ago has cooled down. Memory of a
// block that is gone is still there and may count for another: no harm.
static uint64_t heat(void *opaque, void *cookie)
{
    const struct tier *t = opaque;
    struct request *req = cookie;
    if (!req->count)
        return 1;
    uint32_t now = __atomic_load_n(req->count, __ATOMIC_RELAXED), before = req->seen;
    req->seen = now;
    return now - before >= t->policy.hot_again ? now - before : 0;
}

static void unavailable(void *opaque, const char *why)
{
    struct tier *t = opaque;
    t->options.say(t->options.opaque, why);
}

static void stored(void *opaque, const char *name)
{
    struct tier *t = opaque;
    if (t->cache)
        cache_add(t->cache, name);
}

// The cache ---------------------------------------------------------------------------------------

// Is the guest's code around pc what the candidate was made from? gpa gets the pages.
static bool matches(struct vcpu *cpu, const struct tb *tb, const struct region_recipe *r, gpa_t *gpa)
{
    const struct code_page *pages[REGION_MAX_PAGES];
    const struct region_block *entry = NULL;
    for (uint32_t n = 0; n < r->nr_blocks && !entry; n++)
        if (r->blocks[n].flags & REGION_ENTRY && r->blocks[n].off == tb->off &&
            !memcmp(r->pages[r->blocks[n].page].bytes + tb->off, tb->insns, tb->n_insns * 4))
            entry = &r->blocks[n];
    if (!entry || r->mode != cpu->mode)
        return false;
    gva_t page0 = cpu->pc_page - ((uint64_t)(int64_t)r->pages[entry->page].delta << PAGE_BITS);
    for (uint32_t n = 0; n < r->nr_pages; n++) {
        gva_t va = page0 + ((uint64_t)(int64_t)r->pages[n].delta << PAGE_BITS);
        const struct itlb_entry *e = &cpu->itlb[va >> PAGE_BITS & (ITLB_SIZE - 1)];
        if (e->tag != (va | cpu->ictx) || e->mode != cpu->mode || e->page->mode != cpu->mode)
            return false;
        pages[n] = e->page;
        gpa[n] = e->page->page;
    }
    for (uint32_t n = 0; n < r->nr_blocks; n++) {
        const struct region_block *b = &r->blocks[n];
        if (memcmp(r->pages[b->page].bytes + b->off, pages[b->page]->host + b->off, b->n_insns * 4u))
            return false;
    }
    return true;
}

static bool from_cache(struct tier *t, struct vcpu *cpu, const struct tb *tb)
{
    struct cache_ref refs[8];
    unsigned n = cache_lookup(t->cache, cache_hash(cpu->mode, tb->off, tb->insns, tb->n_insns), refs,
                              t->policy.max_candidates);
    for (unsigned k = 0; k < n; k++) {
        struct cache_entry e;
        gpa_t gpa[REGION_MAX_PAGES];
        if (!cache_read(t->cache, &refs[k], &e))
            continue;
        bool ok = matches(cpu, tb, e.item.recipe, gpa) &&
                  install(t, e.item.recipe, gpa, cpu->pc_page + tb->off, e.item.image, e.item.size, e.item.align, e.item.entry);
        cache_entry_free(&e);
        if (ok) {
            __atomic_add_fetch(&t->cached, 1, __ATOMIC_RELAXED);
            cpu->stats.regions_cached++;
            return true;
        }
    }
    return false;
}

// Promotion ---------------------------------------------------------------------------------------

static void compile(struct tier *t, struct vcpu *cpu, struct tb *tb)
{
    struct region_recipe *recipe = malloc(sizeof *recipe);
    struct request *req = malloc(sizeof *req);
    assert(recipe && req);
    req->va = cpu->pc_page + tb->off;
    req->count = tb->quick ? tb->quick_count : NULL;
    req->seen = 0;
    bool formed = region_form(cpu, tb, recipe, req->gpa);
    gva_t va = req->va; // req may be done with by the time this is said
    enum compile_submit answer = formed ? compile_service_submit(t->service, recipe, req) : COMPILE_KNOWN_BAD;
    if (formed)
        note(t, va, recipe, answer == COMPILE_ACCEPTED ? "handed in" : answer == COMPILE_FULL ? "too many wait" : "not wanted");
    free(recipe);
    if (answer == COMPILE_ACCEPTED)
        cpu->stats.regions++;
    else
        free(req);
    if (answer == COMPILE_FULL)
        return; // the next look tries again
    tb->looked = TIER_DONE;
    if (t->options.wait && answer == COMPILE_ACCEPTED)
        compile_service_drain(t->service);
}

void tier_look(struct vcpu *cpu, struct tb *tb)
{
    struct tier *t = cpu->jit->tier;
    if (!t || tb->region || tb->looked == TIER_DONE)
        return;
    uint64_t heat = tb_executions(tb) - tb->looked_from;
    // More than once: one of the region's pages may be unknown to the instruction TLB at first.
    if (t->cache && tb->looked < TIER_MAX_ASKED && heat >= t->policy.cache_at << tb->looked) {
        tb->looked++;
        if (from_cache(t, cpu, tb)) {
            tb->looked = TIER_DONE;
            return;
        }
    }
    if (heat >= t->policy.compile_at)
        compile(t, cpu, tb);
}

void tier_note(struct vcpu *cpu, struct region *region, uint64_t insns)
{
    const struct tier *t = cpu->jit->tier;
    region->insns += insns;
    if (++region->entered < t->policy.pays_entries)
        return;
    if (region->insns < (uint64_t)t->policy.pays_insns * region->entered && !t->options.wait) {
        note(t, cpu->pc, region->recipe, "given up");
        region_give_up(cpu->jit, region);
        cpu->stats.regions_given_up++;
    }
    region->entered = 0;
    region->insns = 0;
}

void tier_forget(struct tb *tb)
{
    tb->looked = 0;
    tb->looked_from = tb_executions(tb);
}

// Life --------------------------------------------------------------------------------------------

struct tier *tier_create(struct jit *jit, const struct tier_options *options, struct error *err)
{
    struct tier *t = calloc(1, sizeof *t);
    assert(t);
    t->jit = jit;
    t->options = *options;
    t->begun = now_us();
    t->policy = TIER_POLICY_DEFAULT;
    if (!options->no_cache) {
        struct cache_options c = { .dir = options->cache_dir, .compiler = options->compiler, .say = options->say, .opaque = options->opaque };
        t->cache = cache_open(&c);
    }
    struct compile_options c = { .guest = jit->guest, .compile = options->compile,
                                 .nr_workers = options->nr_workers, .needs_assembler = true,
                                 .max_batch = 1, .collect_ms = 1, .cache = t->cache ? cache_target(t->cache) : NULL };
    t->service = compile_service_create(&c, err);
    if (t->service && codebuf_init(&t->code, 0, err))
        return t;
    compile_service_destroy(t->service);
    cache_close(t->cache);
    free(t);
    return NULL;
}

bool tier_start(struct tier *t, struct error *err)
{
    struct compile_hooks hooks = { .done = done, .heat = heat, .unavailable = unavailable, .stored = stored,
                                   .not_stored = unavailable, .opaque = t };
    if (!compile_service_start(t->service, &hooks, err))
        return false;
    t->jit->tier = t;
    return true;
}

void tier_destroy(struct tier *t)
{
    if (!t)
        return;
    t->jit->tier = NULL;
    compile_service_destroy(t->service);
    cache_close(t->cache);
    codebuf_fini(&t->code);
    free(t);
}
