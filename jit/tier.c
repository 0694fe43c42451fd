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
    uint32_t seen;         // of them, when its heat was reckoned last
    uint64_t asked, heat;  // when that was, us; what it came to
    uint64_t hot_since, hot; // but for gaps, us
    uint32_t n_insns;
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
    else if (r->status == COMPILE_CANCELLED)
        region_release(t->jit, r->recipe, req->gpa, 0); // it waited for too long
    else if (r->status != COMPILE_OK)
        log_printf(t->jit->log, LOG_UNIMP, "a region was not compiled: %s\n", r->err);
    free(req);
}

// Executions a while: what was hot a while ago has cooled down. Of two that are equally hot the one
// that is compiled sooner comes first. Memory of a block that is gone is still there and may count
// for another: no harm.
static uint64_t heat(void *opaque, void *cookie)
{
    const struct tier *t = opaque;
    struct request *req = cookie;
    uint64_t now = now_us(), span = now - req->asked;
    if (!req->count)
        return 1;
    if (span < t->policy.heat_span)
        return req->heat;
    uint32_t n = __atomic_load_n(req->count, __ATOMIC_RELAXED);
    uint64_t rate = (uint64_t)(n - req->seen) * 10000 / span;
    req->seen = n;
    req->asked = now;
    req->heat = 0;
    if (rate < t->policy.hot_again)
        return 0;
    if (now - req->hot > t->policy.heat_gap)
        req->hot_since = now;
    req->hot = now;
    bool lasts = now - req->hot_since >= t->policy.heat_lasts;
    req->heat = (rate * 64 / (64 + req->n_insns) + 1) | (lasts ? COMPILE_LASTING : 0);
    return req->heat;
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

static bool too_early(const struct tier *t, const struct tb *tb, const struct region_recipe *r)
{
    return r->n_insns > t->policy.large_insns && RELAXED(tb->patience) < t->policy.large_patience && !t->options.wait;
}

// It would be given up.
static bool too_short(const struct tier *t, const struct region_recipe *r, bool loops)
{
    return !loops && r->n_insns < t->policy.pays_insns && !t->options.wait;
}

static void put_off(const struct tier *t, struct tb *tb)
{
    RELAXED_SET(tb->looked_from, tb_executions(tb));
    RELAXED_SET(tb->patience, (uint8_t)(RELAXED(tb->patience) + t->policy.given_up_patience));
}

static struct request *make_request(gva_t va, const struct tb *tb, const gpa_t *gpa, uint32_t n_insns)
{
    struct request *req = malloc(sizeof *req);
    assert(req);
    *req = (struct request){ .va = va, .count = tb->quick ? tb->quick_count : NULL, .asked = now_us(), .n_insns = n_insns,
                             .heat = 1 }; // as little as goes to a worker that has nothing to do
    req->seen = req->count ? *req->count : 0;
    req->hot_since = req->hot = req->asked;
    memcpy(req->gpa, gpa, sizeof req->gpa);
    return req;
}

static void submit(struct tier *t, struct vcpu *cpu, const struct tb *tb, const struct region_recipe *recipe, const gpa_t *gpa)
{
    gva_t va = cpu->pc_page + tb->off;
    if (!region_claim(t->jit, recipe, gpa))
        return;
    struct request *req = make_request(va, tb, gpa, recipe->n_insns);
    enum compile_submit answer = compile_service_submit(t->service, recipe, req); // req may be gone by now
    note(t, va, recipe, answer == COMPILE_ACCEPTED ? "handed in" : answer == COMPILE_FULL ? "too many wait" : "not wanted");
    if (answer == COMPILE_ACCEPTED) {
        cpu->stats.regions++;
        if (t->options.wait)
            compile_service_drain(t->service);
        return;
    }
    free(req);
    if (answer == COMPILE_FULL)
        region_release(t->jit, recipe, gpa, 0);
}

static void compile(struct tier *t, struct vcpu *cpu, struct tb *tb)
{
    struct region_recipe *recipe = malloc(sizeof *recipe);
    gpa_t gpa[REGION_MAX_PAGES];
    bool loops;
    assert(recipe);
    if (!region_form(cpu, tb, recipe, gpa, &loops))
        RELAXED_SET(tb->looked, TIER_DONE);
    else if (too_early(t, tb, recipe))
        RELAXED_SET(tb->patience, t->policy.large_patience);
    else if (too_short(t, recipe, loops) || region_in_vain(t->jit, recipe, gpa))
        put_off(t, tb);
    else
        submit(t, cpu, tb, recipe, gpa);
    free(recipe);
}

void tier_look(struct vcpu *cpu, struct tb *tb)
{
    struct tier *t = cpu->jit->tier;
    unsigned looked = RELAXED(tb->looked), patience = RELAXED(tb->patience);
    if (!t || RELAXED(tb->region) || looked == TIER_DONE)
        return;
    uint64_t heat = tb_executions(tb) - RELAXED(tb->looked_from);
    // More than once: one of the region's pages may be unknown to the instruction TLB at first.
    if (t->cache && looked < TIER_MAX_ASKED && heat >= t->policy.cache_at << looked) {
        RELAXED_SET(tb->looked, (uint8_t)(looked + 1));
        if (from_cache(t, cpu, tb)) {
            RELAXED_SET(tb->looked, TIER_DONE);
            return;
        }
    }
    if (patience <= TIER_MAX_PATIENCE && heat >= t->policy.compile_at << patience)
        compile(t, cpu, tb);
}

void tier_note(struct vcpu *cpu, struct region *region, uint64_t insns)
{
    const struct tier *t = cpu->jit->tier;
    uint32_t entered = RELAXED(region->entered) + 1;
    insns += RELAXED(region->insns);
    RELAXED_SET(region->insns, insns);
    RELAXED_SET(region->entered, entered);
    if (entered < t->policy.pays_entries)
        return;
    if (insns < (uint64_t)t->policy.pays_insns * entered && !t->options.wait) {
        note(t, cpu->pc, region->recipe, "given up");
        region_give_up(cpu->jit, region);
        cpu->stats.regions_given_up++;
    }
    RELAXED_SET(region->entered, 0);
    RELAXED_SET(region->insns, 0);
}

void tier_forget(struct tb *tb)
{
    RELAXED_SET(tb->looked, 0);
    RELAXED_SET(tb->looked_from, tb_executions(tb));
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
