// SPDX-License-Identifier: GPL-3.0-or-later
// What an access may run into, at each access of a region in turn: nothing mapped, read-only,
// device memory, a device, an address where nothing answers; next to a page's end, misaligned, with
// and without SCTLR_EL1.A. And requests to leave, in the middle of a loop.
#include "tests/jit/trial.h"

#include "tests/diff/diff.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

static const char *const kinds[BED_NR_PAGES] = {
    "plain", "unmapped", "read-only", "device memory", "device", "device, normal", "hole"};

struct set {
    struct trial *trials[BATCH_MAX];
    unsigned n;
    struct batch batch;
    struct bed *bed;
    struct trial_stats stats;
};

static void set_begin(struct set *s)
{
    memset(s, 0, sizeof *s);
    s->bed = bed_create();
}

static struct trial *set_new(struct set *s, uint64_t *random, unsigned budget)
{
    struct trial *t = calloc(1, sizeof *t);
    cr_assert(t && s->n < BATCH_MAX);
    bed_random_state(random, &t->base, budget);
    t->base.fpcr = 0;
    s->trials[s->n++] = t;
    return t;
}

static void set_compile(struct set *s)
{
    cr_assert(trial_compile(s->trials, s->n, &s->batch));
}

static void set_end(struct set *s)
{
    batch_free(&s->batch);
    bed_destroy(s->bed);
    for (unsigned n = 0; n < s->n; n++)
        free(s->trials[n]);
}

// Every data page in turn is made each kind of page.
static bool each_page(struct set *set, const struct trial *t, const struct bed_state *s,
                      const char *what)
{
    bool ok = true;
    for (unsigned page = 0; ok && page < 12; page++)
        for (unsigned kind = BED_NONE; ok && kind < BED_NR_PAGES; kind++) {
            char text[96];
            snprintf(text, sizeof text, "%s, page %u %s", what, page, kinds[kind]);
            bed_map_data(set->bed, page, kind);
            ok = trial_run_all(t, set->bed, s, &set->stats, text);
            bed_map_data(set->bed, page, BED_RW);
        }
    return ok;
}

// Bases to where accesses cross into the next page, or are misaligned.
static void move_bases(struct bed_state *s, unsigned way, uint64_t *random)
{
    for (unsigned n = 16; n < 24; n++)
        if (way == 1)
            s->x[n] = (s->x[n] | 0xfff) - (diff_random(random) >> 32) % 36;
        else if (way == 2)
            s->x[n] += (diff_random(random) >> 32) % 16;
}

static void random_programs(bool graph, unsigned normal)
{
    unsigned left = trial_count("REGION_CASES", normal), bad = 0;
    uint64_t random = 271828 + graph;
    while (left && !bad) {
        struct set set;
        set_begin(&set);
        for (; left && set.n < 24; left--) {
            struct trial *t = set_new(&set, &random, 12);
            t->align = set.n % 3 == 0;
            do {
                if (graph)
                    program_graph(&t->program, &random, 4, 2, PROGRAM_MEMORY);
                else
                    program_straight(&t->program, &random, 12, PROGRAM_MEMORY);
            } while (!trial_form(t, set.bed));
        }
        set_compile(&set);
        for (unsigned n = 0; n < set.n; n++) {
            trial_install(set.trials[n], set.bed);
            for (unsigned way = 0; way < 3; way++) {
                struct bed_state s;
                bed_random_state(&random, &s, 12);
                s.fpcr = 0;
                move_bases(&s, way, &random);
                bad += !each_page(&set, set.trials[n], &s,
                                  (const char *[]){"middle", "page's end", "misaligned"}[way]);
            }
        }
        cr_expect_gt(set.stats.exceptions, set.stats.runs / 2);
        set_end(&set);
    }
    cr_assert_eq(bad, 0);
}

Test(jit_region, faults_straight, .timeout = 3000)
{
    random_programs(false, 24);
}

Test(jit_region, faults_graph, .timeout = 3000)
{
    random_programs(true, 6);
}

// Loops that march through the pages, so that the place looked up last is good for a while and then
// is not.

// Through X16; X1, X2, V1, V2 are the data.
// clang-format off
static const struct {
    const char *name;
    uint32_t insn;
} accesses[] = {
    { "ldr x", 0xf9400201 },       { "ldr w", 0xb9400201 },        { "ldrh", 0x79400201 },       { "ldrb", 0x39400201 },
    { "ldrsw", 0xb9800201 },       { "ldrsh w", 0x79c00201 },      { "ldrsb x", 0x39800201 },    { "ldr x, lsl", 0xf8797a01 },
    { "ldr w, sxtw", 0xb879da01 }, { "ldp x", 0xa9400a01 },        { "ldp w", 0x29400a01 },      { "ldpsw", 0x69400a01 },
    { "ldr q", 0x3dc00201 },       { "ldr d", 0xfd400201 },        { "ldr s", 0xbd400201 },      { "ldr b", 0x3d400201 },
    { "ldp q", 0xad400a01 },       { "ldp d", 0x6d400a01 },        { "ldp s", 0x2d400a01 },      { "ld1 2", 0x4c40a201 },
    { "ldar", 0xc8dffe01 },        { "ldxr, stxr", 0xc85f7e01 },   { "ldtr", 0xf8400a01 },       { "str x", 0xf9000201 },
    { "str w", 0xb9000201 },       { "strh", 0x79000201 },         { "strb", 0x39000201 },       { "str x, lsl", 0xf8397a01 },
    { "stp x", 0xa9000a01 },       { "stp w", 0x29000a01 },        { "str q", 0x3d800201 },      { "str d", 0xfd000201 },
    { "str h", 0x7d000201 },       { "stp q", 0xad000a01 },        { "stp d", 0x6d000a01 },      { "st1 2", 0x4c00a201 },
    { "stlr", 0xc89ffe01 },        { "ldaddal", 0xf8e10202 },      { "swp w", 0xb8218202 },      { "cas", 0xc8a17e02 },
    { "ldr post", 0xf8408601 },    { "str pre", 0xf8008e01 },      { "ldp post", 0xa8c10a01 },   { "stp pre", 0xa9bf0a01 },
    { "ld4", 0x4c400201 },         { "st1 lane", 0x4d008601 },     { "dc zva", 0xd50b7430 },     { "prfm", 0xf9800200 },
};
// clang-format on

static void make_march(struct trial *t, unsigned n, unsigned step)
{
    uint32_t *c = t->program.code;
    unsigned at = 64, loop = at;
    t->program.roots = (struct batch_roots){.entries = {4 * at}, .nr_entries = 1, .end = PAGE_SIZE};
    c[at++] = accesses[n].insn;
    if (!strcmp(accesses[n].name, "ldxr, stxr"))
        c[at++] = 0xc8037e02;                           // stxr w3, x2, [x16]
    c[at++] = 0x91000210u | step << 10;                 // add x16, x16, #step
    c[at++] = 0x8b020021;                               // add x1, x1, x2
    c[at++] = 0xf100079c;                               // subs x28, x28, #1
    c[at] = 0x54000001u | ((loop - at) & 0x7ffff) << 5; // b.ne loop
    c[at + 1] = INSN_SVC;
}

static void march(bool align, unsigned step)
{
    struct set set;
    uint64_t random = 31415 + step;
    set_begin(&set);
    for (unsigned n = 0; n < ARRAY_SIZE(accesses); n++) {
        struct trial *t = set_new(&set, &random, 70);
        t->align = align;
        make_march(t, n, step);
        cr_assert(trial_form(t, set.bed));
    }
    set_compile(&set);
    for (unsigned n = 0; n < set.n; n++) {
        struct bed_state s = set.trials[n]->base;
        s.x[16] = BED_DATA + PAGE_SIZE + (align ? 0x100 : 0x101) - step % 8;
        s.x[25] = 8;
        s.x[28] = 70;
        trial_install(set.trials[n], set.bed);
        for (unsigned kind = BED_RW; kind < BED_NR_PAGES; kind++)
            for (unsigned page = 1; page < 4; page++) {
                char text[96];
                snprintf(text, sizeof text, "%s by %u, page %u %s", accesses[n].name, step, page,
                         kinds[kind]);
                bed_map_data(set.bed, page, kind);
                cr_assert(trial_run_all(set.trials[n], set.bed, &s, &set.stats, text), "%s", text);
                bed_map_data(set.bed, page, BED_RW);
            }
    }
    set_end(&set);
}

Test(jit_region, faults_marching, .timeout = 600)
{
    march(false, 168);
    march(true, 176);
    march(false, 227);
}

// Addresses that no translation can have, among them what stood for "nothing remembered" once and
// made the access hit.
Test(jit_region, faults_nowhere, .timeout = 600)
{
    static const uint64_t places[] = {0x0080000000000000, 0x0080000000000ff0, 0xff80000000000008,
                                      0x0040000000000100, 0xffffffffffffffff, 0x5a80000000000040};
    struct set set;
    uint64_t random = 1414;
    set_begin(&set);
    for (unsigned n = 0; n < ARRAY_SIZE(accesses); n++) {
        struct trial *t = set_new(&set, &random, 2);
        make_march(t, n, 16);
        cr_assert(trial_form(t, set.bed));
    }
    set_compile(&set);
    for (unsigned n = 0; n < set.n; n++)
        for (unsigned k = 0; k < ARRAY_SIZE(places); k++) {
            struct bed_state s = set.trials[n]->base;
            s.x[16] = places[k];
            s.x[25] = 0;
            s.x[28] = 2;
            trial_install(set.trials[n], set.bed);
            cr_assert(trial_run_all(set.trials[n], set.bed, &s, &set.stats, accesses[n].name));
        }
    cr_expect_gt(set.stats.exceptions, set.stats.runs / 2);
    set_end(&set);
}

// Watched and otherwise guarded pages never get into the TLB: everything by the slow way.
Test(jit_region, guarded_pages, .timeout = 600)
{
    struct set set;
    uint64_t random = 161803;
    set_begin(&set);
    for (unsigned n = 0; n < 12; n++) {
        struct trial *t = set_new(&set, &random, 20);
        do
            program_graph(&t->program, &random, 4, 1, PROGRAM_MEMORY | PROGRAM_INTEGER);
        while (!trial_form(t, set.bed));
    }
    set_compile(&set);
    static const uint8_t flags[] = {PAGE_WATCH, PAGE_DIRTY_LOG, PAGE_CODE};
    set.bed->jit.protect_code = true;
    for (unsigned n = 0; n < set.n; n++)
        for (unsigned f = 0; f < ARRAY_SIZE(flags); f++) {
            struct ram_region *ram = &set.bed->jit.regions[0];
            uint64_t pages = ram->size >> PAGE_BITS;
            trial_install(set.trials[n], set.bed);
            for (uint64_t p = pages - BED_DATA_PAGES; p < pages; p++)
                ram->page_flags[p] = flags[f];
            struct bed_state s;
            bed_random_state(&random, &s, 20);
            s.fpcr = 0;
            cr_assert(trial_run_all(set.trials[n], set.bed, &s, &set.stats, "guarded"));
            for (uint64_t p = pages - BED_DATA_PAGES; p < pages; p++)
                ram->page_flags[p] = 0;
        }
    set_end(&set);
}

// Requests to leave ------------------------------------------------------------------------------

// A store to the device in a loop; at one of them the request comes.
Test(jit_region, requests_on_back_edges, .timeout = 300)
{
    struct set set;
    uint64_t random = 7;
    set_begin(&set);
    struct trial *t = set_new(&set, &random, 1000);
    uint32_t code[] = {
        0xf9000201, // loop: str x1, [x16]
        0x8b020021, // add x1, x1, x2
        0x36000041, // tbz w1, #0, next
        0x91000442, // add x2, x2, #1
        0xf100079c, // next: subs x28, x28, #1
        0x54ffff61, // b.ne loop
        INSN_SVC,
    };
    memcpy(t->program.code, code, sizeof code);
    t->program.roots = (struct batch_roots){.nr_entries = 1, .end = PAGE_SIZE};
    cr_assert(trial_form(t, set.bed));
    set_compile(&set);
    trial_install(t, set.bed);
    bed_map_data(set.bed, 1, BED_MMIO);
    struct bed_state s = t->base;
    s.x[28] = 1000;
    s.x[16] = BED_DATA + PAGE_SIZE + 8;
    for (unsigned kick = 1; kick < 40; kick++) {
        struct bed *b = set.bed;
        b->kick_at = kick;
        bed_start(b, &s, 0);
        enum region_result r = bed_run_region(b, t->fn, 0, 0);
        cr_expect(r == REGION_LEFT && b->cpu->v.pc == BED_CODE && b->nr_mmio == kick,
                  "asked at access %u: result %u, pc %llx, %llu accesses", kick, r,
                  (unsigned long long)b->cpu->v.pc, (unsigned long long)b->nr_mmio);
        cr_expect(trial_run_all(t, b, &s, &set.stats, "request"));
        cr_expect_eq(b->cpu->v.exit_request, 0);
    }
    // There before the region is entered: one round at most.
    set.bed->kick_at = 0;
    bed_start(set.bed, &s, 0);
    vcpu_kick(&set.bed->cpu->v, EXIT_REQ_INTERRUPT);
    cr_expect(bed_run_region(set.bed, t->fn, 0, 0) == REGION_LEFT && set.bed->cpu->v.icount <= 6);
    set_end(&set);
}

// The same in random graphs, with indirect branches and calls.
Test(jit_region, requests_in_graphs, .timeout = 600)
{
    struct set set;
    uint64_t random = 8;
    set_begin(&set);
    for (unsigned n = 0; n < 16; n++) {
        struct trial *t = set_new(&set, &random, 60);
        do
            program_graph(&t->program, &random, 6, 2, PROGRAM_MEMORY | PROGRAM_INTEGER);
        while (!trial_form(t, set.bed));
    }
    set_compile(&set);
    for (unsigned page = 1; page < 10; page++)
        bed_map_data(set.bed, page, page & 1 ? BED_MMIO_NORMAL : BED_RW);
    for (unsigned n = 0; n < set.n; n++) {
        trial_install(set.trials[n], set.bed);
        for (unsigned kick = 1; kick < 12; kick++) {
            struct bed_state s;
            bed_random_state(&random, &s, 60);
            s.fpcr = 0;
            set.bed->kick_at = kick;
            cr_assert(trial_run_all(set.trials[n], set.bed, &s, &set.stats, "request"));
        }
    }
    set_end(&set);
}

// From outside, while the region runs and touches nothing: a timer's signal asks it to leave, or
// changes the word that it spins on. Code that looked once and for all would never come back.

static struct bed *signalled;
static unsigned signals;

static void on_alarm(int sig)
{
    if (signals++ > 20)
        abort(); // deaf
    vcpu_kick(&signalled->cpu->v, EXIT_REQ_STOP);
}

static void on_alarm_write(int sig)
{
    if (signals++ > 20)
        abort();
    *(volatile uint32_t *)(void *)bed_data(signalled, PAGE_SIZE) = 1;
}

// clang-format off
static const struct {
    const char *name;
    uint32_t code[10];
    bool spins; // until the word at X16 is not zero
} endless[] = {
    { "b .", { 0x14000000 }, false },
    { "subs", { 0xf100079c, 0x54ffffe1 }, false },
    { "call", { 0x94000006, 0x8b010042, 0xf100079c, 0x54ffffa1, INSN_SVC, INSN_NOP, 0xca020063, 0x8b030021, 0xd65f03c0 }, false },
    { "br", { 0x1000001d, 0x91000421, 0xd61f03a0 }, false },
    { "flags", { 0xd53b4201, 0xb100043f, 0x54ffffc8, 0x54ffffa9 }, false },
    { "spin, asked to leave", { 0xb9400201, 0x34ffffe1 }, false },
    { "spin", { 0xb9400201, 0x34ffffe1 }, true },
    { "spin, vector", { 0x3dc00201, 0x0e043c21, 0x34ffffc1 }, true },
    { "spin, pair and store", { 0xf900023c, 0x29400a01, 0x34ffffc1 }, true },
};
// clang-format on

Test(jit_region, requests_from_outside, .timeout = 120)
{
    for (unsigned n = 0; n < ARRAY_SIZE(endless); n++) {
        struct set set;
        uint64_t random = 9;
        set_begin(&set);
        struct trial *t = set_new(&set, &random, 0);
        memcpy(t->program.code, endless[n].code, sizeof endless[n].code);
        unsigned end = 0;
        while (endless[n].code[end])
            end++;
        t->program.code[end] = INSN_SVC;
        t->program.roots = (struct batch_roots){
            .nr_entries = 1, .nr_indirect = 2, .indirect = {0, 4}, .end = PAGE_SIZE};
        cr_assert(trial_form(t, set.bed));
        set_compile(&set);
        trial_install(t, set.bed);
        struct bed_state s = t->base;
        s.x[16] = BED_DATA + PAGE_SIZE;
        s.x[17] = BED_DATA + 3 * PAGE_SIZE;
        s.x[28] = INT64_MAX;
        bed_start(set.bed, &s, 0);
        memset(bed_data(set.bed, PAGE_SIZE), 0, 16);
        signalled = set.bed;
        signals = 0;
        struct sigaction sa = {.sa_handler = endless[n].spins ? on_alarm_write : on_alarm};
        struct itimerval every = {{0, 20000}, {0, 20000}}, none = {{0, 0}, {0, 0}};
        sigaction(SIGVTALRM, &sa, NULL);
        setitimer(ITIMER_VIRTUAL, &every, NULL);
        enum region_result r = bed_run_region(set.bed, t->fn, 0, 0);
        setitimer(ITIMER_VIRTUAL, &none, NULL);
        cr_expect(r == (endless[n].spins ? REGION_BAIL : REGION_LEFT), "%s: result %u",
                  endless[n].name, r);
        cr_expect(set.bed->cpu->v.icount > 1000, "%s: left after %llu", endless[n].name,
                  (unsigned long long)set.bed->cpu->v.icount);
        set_end(&set);
    }
}
