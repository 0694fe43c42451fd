// SPDX-License-Identifier: GPL-3.0-or-later
// Promotion: which blocks become regions, where compiled code comes from, regions in use.
//
// A vCPU hands in what got hot and goes on; the compile service's thread publishes what comes back.
#ifndef JIT_TIER_H
#define JIT_TIER_H

#include "jit/codebuf.h"
#include "jit/perf_map.h"
#include "jit/region.h"
#include "jit/tier_policy.h"
#include "jit/worker.h"

struct cache;

struct tier_options {
    compile_fn *compile;
    const char *compiler;  // for the cache's identity, by tier_create(): what products depend on besides armlet
    unsigned nr_workers;   // 0: one
    const char *cache_dir; // NULL: the default place
    bool no_cache;
    struct perf_map *perf_map; // names compiled code for Linux perf; borrowed, or NULL
    bool wait;             // compile before going on (-accel gccjit): for tests and measuring
    void (*say)(void *opaque, const char *line); // trouble, for the user; any thread
    void *opaque;
};

struct tier {
    struct jit *jit;
    struct tier_policy policy;
    struct tier_options options;
    struct codebuf code;
    struct compile_service *service;
    struct cache *cache;
    uint64_t begun;            // us, for the log
    uint64_t cached, compiled; // regions published; under the jit's lock
};

// Forks the compile service: to be called while the process has one thread. NULL: err says why.
struct tier *tier_create(struct jit *jit, const struct tier_options *options, struct error *err);
// Starts serving; before the vCPUs run. False: nothing will be compiled.
bool tier_start(struct tier *t, struct error *err);
// After the vCPUs have stopped for good. Takes NULL.
void tier_destroy(struct tier *t);

// The block at cpu->pc has been executed some more: is it hot? vCPU's thread.
void tier_look(struct vcpu *cpu, struct tb *tb);
// The block's heat counts from here on.
void tier_forget(struct tb *tb);

// Regions in use (region.c) ----------------------------------------------------------------------

// Enters the region that is attached to tb, a block of the page at pc_page.
enum region_result region_enter(struct vcpu *cpu, const struct region_way *way);

// The region was entered and executed so many instructions; it is given up if that does not pay.
// vCPU's thread.
void tier_note(struct vcpu *cpu, struct region *region, uint64_t insns);
// Nobody enters the region from here on. Any thread.
void region_give_up(struct jit *jit, struct region *region);

// Makes compiled code available for a recipe, unless the guest's code has changed meanwhile.
// page_gpa: the physical pages; code_size: bytes from fn that a dump may show. Takes the recipe
// over. Any thread. False: it was not wanted.
bool region_publish(struct jit *jit, struct region_recipe *recipe, const gpa_t *page_gpa,
                    region_fn *fn, size_t code_size, const struct codebuf_span *span);

// Under the jit's lock: a block of the page was found unchanged after having been suspect; its
// region, if it has one, comes back when all of its bytes stand.
void region_revalidate(struct vcpu *cpu, struct code_page *page, struct tb *tb);
// Under the jit's lock: blocks of the page may have changed.
void region_suspect(struct code_page *page);
// Under the jit's lock: a block of the page has changed. Regions made from what is gone are retired.
void region_changed(struct vcpu *cpu, struct code_page *page);
// Under the jit's lock, at a safe point: frees what is retired.
void region_free_retired(struct jit *jit);
void region_fini(struct jit *jit);

// Chooses what belongs to a region around a hot block: its executed neighbours, heaviest first.
// False: not worth it. page_gpa gets the physical pages; loops (or NULL), whether its blocks run
// into each other again and again rather than once. vCPU's thread.
bool region_form(struct vcpu *cpu, const struct tb *seed, struct region_recipe *recipe,
                 gpa_t *page_gpa, bool *loops);
// The recipe's blocks are as good as in a region. False: another vCPU was first. vCPU's thread.
bool region_claim(struct jit *jit, const struct region_recipe *recipe, const gpa_t *page_gpa);
// They are not after all; those that are in no other may get into another when they are
// 2^patience times hotter. Any thread.
void region_release(struct jit *jit, const struct region_recipe *recipe, const gpa_t *page_gpa,
                    unsigned patience);
// Was a region of the very same blocks given up? Any thread.
bool region_in_vain(struct jit *jit, const struct region_recipe *recipe, const gpa_t *page_gpa);

#endif
