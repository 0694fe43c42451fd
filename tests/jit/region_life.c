// SPDX-License-Identifier: GPL-3.0-or-later
// Regions among blocks: published and entered by the interpreter, taken away when code changes or
// moves, back when it did not, freed at last.
#include "tests/jit/trial.h"

#include "jit/exec.h"
#include "jit/tb.h"
#include "jit/tier.h"
#include "jit/tlb.h"
#include "tests/diff/diff.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

// A loop over two pages: the first half in page 0, a function in page 1.
// clang-format off
static const uint32_t first[] = {
    0x94000400, // loop: bl the second page
    0x8b010042, // add x2, x2, x1
    0xf9000202, // str x2, [x16]
    0xf100079c, // subs x28, x28, #1
    0x54ffff81, // b.ne loop
    INSN_SVC,
};
// clang-format on
// clang-format off
static const uint32_t second[] = {
    0xca020063, // eor x3, x3, x2
    0x91000421, // add x1, x1, #1
    0xd65f03c0, // ret
};
// clang-format on
// clang-format off
static const uint32_t other[] = {
    0x91001042, // add x2, x2, #4
    0xca010063, // eor x3, x3, x1
    0xd65f03c0, // ret
};
// clang-format on

struct life {
    struct bed *bed;
    struct trial *t;
    struct batch batch;
    struct tier tier; // only its code memory is used
    struct bed_end want, got;
};

static struct life *begin(void)
{
    struct life *l = calloc(1, sizeof *l);
    cr_assert(l);
    l->bed = bed_create();
    l->t = calloc(1, sizeof *l->t);
    cr_assert(l->t);
    uint64_t random = 77;
    bed_random_state(&random, &l->t->base, 500);
    l->t->base.fpcr = 0;
    memcpy(l->t->program.code, first, sizeof first);
    memcpy(&l->t->program.code[PAGE_SIZE / 4], second, sizeof second);
    l->t->program.roots = (struct batch_roots){
        .nr_entries = 1, .nr_indirect = 1, .indirect = {4}, .end = 2 * PAGE_SIZE};
    cr_assert(trial_form(l->t, l->bed));
    cr_assert_eq(l->t->recipe.nr_pages, 2);
    cr_assert(trial_compile(&l->t, 1, &l->batch));
    trial_install(l->t, l->bed);
    // What will lie behind the second page instead.
    memcpy(bed_code(l->bed, BED_CODE_PAGES * PAGE_SIZE), other, sizeof other);
    return l;
}

static void end(struct life *l)
{
    l->bed->jit.tier = NULL;
    bed_destroy(l->bed);
    batch_free(&l->batch);
    free(l->t);
    free(l);
}

static bool publish(struct life *l)
{
    struct region_recipe *copy = malloc(sizeof *copy);
    cr_assert(copy);
    *copy = l->t->recipe;
    gpa_t pages[REGION_MAX_PAGES] = {bed_code_pa(0), bed_code_pa(1)};
    struct codebuf_span none = {.size = 0};
    return region_publish(&l->bed->jit, copy, pages, l->t->fn, 0, &none);
}

// Runs from the start to the halt; regions are entered if there are any.
static uint64_t run(struct life *l, struct bed_end *e)
{
    struct vcpu *v = &l->bed->cpu->v;
    uint64_t before = v->stats.region_entries;
    bed_start(l->bed, &l->t->base, 0);
    exec_run(v);
    bed_end(l->bed, e);
    return v->stats.region_entries - before;
}

// The interpreter's result on a bed of its own, set up by change().
static void reference(struct life *l, void (*change)(struct bed *))
{
    struct bed *b = bed_create();
    trial_install(l->t, b);
    memcpy(bed_code(b, BED_CODE_PAGES * PAGE_SIZE), other, sizeof other);
    if (change)
        change(b);
    bed_start(b, &l->t->base, 0);
    exec_run(&b->cpu->v);
    bed_end(b, &l->want);
    bed_destroy(b);
}

static void check(struct life *l, bool enters, const char *what)
{
    uint64_t entries = run(l, &l->got);
    cr_expect(bed_same(&l->want, &l->got), "%s: another end", what);
    cr_expect(!entries == !enters, "%s: entered %llu times", what, (unsigned long long)entries);
}

static void suspect(struct bed *b, unsigned page)
{
    tb_suspect_page(&b->jit, bed_code_pa(page));
}

Test(jit_region, published_and_entered, .timeout = 60)
{
    struct life *l = begin();
    reference(l, NULL);
    check(l, false, "before");
    cr_assert(publish(l));
    check(l, true, "published");
    check(l, true, "again");
    tlb_flush_all(&l->bed->cpu->v);
    check(l, true, "after a TLB flush");
    end(l);
}

Test(jit_region, suspect_but_unchanged, .timeout = 60)
{
    struct life *l = begin();
    reference(l, NULL);
    run(l, &l->got);
    cr_assert(publish(l));
    for (unsigned page = 0; page < 2; page++) {
        check(l, true, "published");
        suspect(l->bed, page);
        run(l, &l->got); // looks at the bytes
        check(l, true, page ? "the second page was suspect" : "the first page was suspect");
        // Whoever writes to either page must still be heard.
        for (unsigned p = 0; p < 2; p++) {
            struct code_page *cp = *tb_bucket(&l->bed->jit, bed_code_pa(p));
            while (cp && cp->page != bed_code_pa(p))
                cp = cp->next;
            cr_expect(cp && *cp->flags & PAGE_CODE, "page %u is not marked", p);
        }
    }
    end(l);
}

static void change_second(struct bed *b)
{
    memcpy(bed_code(b, PAGE_SIZE), other, sizeof other);
}

static void change_first(struct bed *b)
{
    bed_code(b, 0)[1] = 0xcb010042; // sub x2, x2, x1
}

Test(jit_region, changed, .timeout = 60)
{
    void (*const changes[])(struct bed *) = {change_first, change_second};
    for (unsigned page = 0; page < 2; page++) {
        struct life *l = begin();
        run(l, &l->got);
        cr_assert(publish(l));
        run(l, &l->got);
        changes[page](l->bed);
        suspect(l->bed, page);
        reference(l, changes[page]);
        check(l, false, page ? "the second page has changed" : "the first page has changed");
        check(l, false, "and still");
        cr_expect(!l->bed->jit.compiled, "the region is still listed");
        cr_expect(!l->bed->jit.retired_regions, "the region was not freed at a safe point");
        // What is published late, from bytes that are gone, is not wanted.
        cr_expect(!publish(l), "published although the code has changed");
        end(l);
    }
}

// DMA into either page, without any IC.
Test(jit_region, written_by_a_device, .timeout = 60)
{
    struct life *l = begin();
    run(l, &l->got);
    cr_assert(publish(l));
    reference(l, NULL);
    suspect(l->bed, 1);
    run(l, &l->got);
    check(l, true, "unchanged");
    change_second(l->bed);
    jit_ram_written(&l->bed->jit, bed_code_pa(1), 16);
    reference(l, change_second);
    check(l, false, "written");
    end(l);
}

static void map_second_elsewhere(struct bed *b)
{
    bed_map_code(b, 1, BED_CODE_PAGES);
}

Test(jit_region, second_page_moved, .timeout = 60)
{
    struct life *l = begin();
    run(l, &l->got);
    cr_assert(publish(l));
    run(l, &l->got);
    map_second_elsewhere(l->bed);
    reference(l, map_second_elsewhere);
    check(l, false, "the second page is another");
    bed_map_code(l->bed, 1, 1);
    reference(l, NULL);
    check(l, true, "and back");
    end(l);
}

// The code goes back to what the region was made from: whatever is run is right.
Test(jit_region, changed_and_back, .timeout = 60)
{
    struct life *l = begin();
    run(l, &l->got);
    cr_assert(publish(l));
    reference(l, NULL);
    struct bed_end *before = malloc(sizeof *before);
    cr_assert(before);
    *before = l->want;
    reference(l, change_first);
    for (unsigned n = 0; n < 3; n++) {
        uint32_t old = bed_code(l->bed, 0)[1];
        change_first(l->bed);
        suspect(l->bed, 0);
        run(l, &l->got);
        cr_expect(bed_same(&l->want, &l->got), "changed");
        bed_code(l->bed, 0)[1] = old;
        suspect(l->bed, 0);
        run(l, &l->got);
        cr_expect(bed_same(before, &l->got), "back");
    }
    free(before);
    end(l);
}

// What region_form() makes of what the interpreter has run is a valid recipe and a right region.
Test(jit_region, formed_from_what_ran, .timeout = 60)
{
    struct life *l = begin();
    struct vcpu *v = &l->bed->cpu->v;
    struct region_recipe *r = malloc(sizeof *r);
    gpa_t pages[REGION_MAX_PAGES];
    cr_assert(r);
    reference(l, NULL);
    run(l, &l->got);
    bed_start(l->bed, &l->t->base, 0);
    exec_run_until(v, 60); // the instruction TLB knows its pages again
    v->pc = BED_CODE;
    v->pc_page = BED_CODE;
    struct tb *tb = tb_find(v, BED_CODE);
    cr_assert(tb && region_form(v, tb, r, pages, NULL));
    cr_assert(region_recipe_valid(r, region_recipe_size(r)));
    cr_expect_eq(r->nr_pages, 2, "%u pages", r->nr_pages);
    struct batch batch;
    const struct region_recipe *list[1] = {r};
    cr_assert(batch_compile(&batch, list, 1));
    l->t->recipe = *r;
    l->t->fn = batch.fn[0];
    struct codebuf_span none = {.size = 0};
    cr_assert(region_publish(&l->bed->jit, r, pages, batch.fn[0], 0, &none));
    check(l, true, "formed");
    end(l);
    batch_free(&batch);
}

// Code memory comes back: with each change of the code a region is retired, and when there is no
// room left everything goes.
Test(jit_region, code_memory_is_freed, .timeout = 60)
{
    struct life *l = begin();
    struct error err;
    cr_assert(codebuf_init(&l->tier.code, 1u << 20, &err));
    struct codebuf_stats stats;
    reference(l, NULL);
    run(l, &l->got);
    l->bed->jit.tier = &l->tier;
    l->tier.jit = &l->bed->jit;
    for (unsigned n = 0; n < 200; n++) {
        struct codebuf_span span;
        struct region_recipe *copy = malloc(sizeof *copy);
        gpa_t pages[REGION_MAX_PAGES] = {bed_code_pa(0), bed_code_pa(1)};
        cr_assert(copy);
        *copy = l->t->recipe;
        cr_assert(codebuf_alloc(&l->tier.code, 64u << 10, 64, &span), "no room in round %u", n);
        cr_assert(region_publish(&l->bed->jit, copy, pages, l->t->fn, 0, &span));
        uint32_t old = bed_code(l->bed, 0)[1];
        change_first(l->bed);
        suspect(l->bed, 0);
        l->bed->jit.tier = NULL; // nobody looks at blocks: this tier does not compile
        run(l, &l->got);
        l->bed->jit.tier = &l->tier;
        bed_code(l->bed, 0)[1] = old;
        suspect(l->bed, 0);
        tb_safe_point(l->bed->jit.cpus[0]);
        l->bed->jit.tier = NULL;
        run(l, &l->got);
        l->bed->jit.tier = &l->tier;
        cr_assert(bed_same(&l->want, &l->got));
    }
    codebuf_stats(&l->tier.code, &stats);
    cr_expect(stats.used <= 128u << 10, "%zu bytes in use", stats.used);
    l->bed->jit.tier = NULL;
    codebuf_fini(&l->tier.code);
    end(l);
}
