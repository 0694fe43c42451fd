// SPDX-License-Identifier: GPL-3.0-or-later
// What becomes a region and when: of blocks that ran so often, handed to a compile service that
// never starts. Blocks are run with nobody looking, then looked at.
#include "jit/tier.h"
#include "tests/jit/insns.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static bool no_compile(const struct guest *guest, const struct region_recipe *const *recipes,
                       unsigned n, const char *path, struct error *err)
{
    return error_set(err, "nobody compiles here");
}

struct bench {
    struct toy *t;
    struct tier *tier;
    struct tb *tb; // at TOY_CODE
};

static void run(struct bench *b, unsigned times, unsigned iterations)
{
    for (unsigned n = 0; n < times; n++) {
        b->t->cpu.r[1] = iterations;
        toy_run(b->t, TOY_CODE);
    }
    b->t->cpu.pc = TOY_CODE;
    b->t->cpu.pc_page = TOY_CODE;
}

// Code whose first block has run 1000 times if it loops, else once.
static struct bench begin(const uint32_t *code, unsigned n)
{
    struct bench b = {.t = insns_machine()};
    struct error err;
    struct tier_options o = {.compile = no_compile, .no_cache = true};
    cr_assert(b.tier = tier_create(&b.t->jit, &o, &err), "%s", err.text);
    toy_code(b.t, TOY_CODE, code, n);
    run(&b, 1, 1000);
    b.tb = tb_find(&b.t->cpu, TOY_CODE);
    b.tier->policy.compile_at = 100;
    b.tier->policy.pays_insns = 8;
    return b;
}
#define BEGIN(...)                                                                                 \
    begin((const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4)

static void end(struct bench *b)
{
    tier_destroy(b->tier);
    toy_destroy(b->t);
}

// How many regions are waiting once somebody has looked.
static uint64_t look(struct bench *b)
{
    struct compile_stats s;
    b->t->jit.tier = b->tier;
    tier_look(&b->t->cpu, b->tb);
    b->t->jit.tier = NULL;
    compile_service_stats(b->tier->service, &s);
    return s.submitted;
}

Test(tier, a_hot_loop_is_handed_in_once)
{
    struct bench b = BEGIN(W(INC, 5), W(LOOP_NZ, 1), HALT);
    b.tier->policy.compile_at = 1001;
    cr_assert_eq(look(&b), 0, "not hot yet");
    run(&b, 1, 1);
    cr_assert_eq(look(&b), 1);
    cr_assert_eq(b.tb->looked, TIER_DONE);
    run(&b, 1, 5000);
    cr_assert_eq(look(&b), 1, "handed in again while it is on its way");
    end(&b);
}

// It would be left again at once.
Test(tier, what_neither_loops_nor_is_long_is_not)
{
    struct bench b = BEGIN(W(INC, 5), W(BR, 8), HALT, HALT);
    run(&b, 1000, 1);
    cr_assert_eq(look(&b), 0);
    cr_assert_neq(b.tb->looked, TIER_DONE, "nobody will look again");
    b.tier->policy.pays_insns = 2;
    cr_assert_eq(look(&b), 0, "looked at again at once");
    run(&b, 1000, 1);
    cr_assert_eq(look(&b), 1, "not although it is long enough now");
    end(&b);
}

Test(tier, a_large_one_is_formed_when_more_is_known)
{
    struct bench b = BEGIN(W(INC, 5), W(LOOP_NZ, 1), HALT);
    b.tier->policy.compile_at = 400;
    b.tier->policy.large_insns = 1;
    cr_assert_eq(look(&b), 0, "a large region after 1000 executions");
    run(&b, 1, 500);
    cr_assert_eq(look(&b), 0);
    run(&b, 1, 100);
    cr_assert_eq(look(&b), 1);
    end(&b);
}

static uint32_t leave(struct vcpu *cpu, uint64_t page0, uint32_t entry)
{
    return REGION_LEFT;
}

static void publish_and_give_up(struct bench *b)
{
    struct region_recipe *recipe = malloc(sizeof *recipe);
    gpa_t gpa[REGION_MAX_PAGES];
    struct codebuf_span none = {.size = 0};
    bool loops = false;
    b->t->jit.tier = b->tier;
    cr_assert(recipe && region_form(&b->t->cpu, b->tb, recipe, gpa, &loops));
    cr_assert(loops);
    cr_assert(region_publish(&b->t->jit, recipe, gpa, leave, 0, &none));
    cr_assert(b->tb->region);
    region_give_up(&b->t->jit, b->tb->region->region);
    b->t->jit.tier = NULL;
    cr_assert(!b->tb->region);
}

// A region that did not pay is not made again; another of its blocks is, after more patience.
Test(tier, what_was_given_up_may_get_into_another)
{
    struct bench b = BEGIN(W(INC, 5), W(LOOP_NZ, 1), HALT);
    cr_assert_eq(look(&b), 1);
    publish_and_give_up(&b);
    cr_assert_neq(b.tb->looked, TIER_DONE, "its blocks will never be in any");
    cr_assert_eq(look(&b), 1, "handed in again at once");
    run(&b, 1, 790);
    cr_assert_eq(look(&b), 1, "handed in again after a little");
    run(&b, 1, 10);
    cr_assert_eq(look(&b), 1, "the same again");
    // Now it goes on to what is behind the loop as often as back.
    run(&b, 6399, 1);
    cr_assert_eq(look(&b), 1);
    run(&b, 1, 1);
    cr_assert_eq(look(&b), 2, "a region of more blocks is not handed in");
    end(&b);
}

// What could not be handed in, or waited for too long, gets hot once more.
Test(tier, what_is_released_is_looked_at_again)
{
    struct bench b = BEGIN(W(INC, 5), W(LOOP_NZ, 1), HALT);
    struct region_recipe *recipe = malloc(sizeof *recipe);
    gpa_t gpa[REGION_MAX_PAGES];
    cr_assert(recipe && region_form(&b.t->cpu, b.tb, recipe, gpa, NULL));
    cr_assert(region_claim(&b.t->jit, recipe, gpa));
    cr_assert(!region_claim(&b.t->jit, recipe, gpa), "claimed twice");
    cr_assert_eq(look(&b), 0, "handed in by somebody else as well");
    region_release(&b.t->jit, recipe, gpa, 0);
    cr_assert_eq(look(&b), 0);
    run(&b, 1, 100);
    cr_assert_eq(look(&b), 1);
    free(recipe);
    end(&b);
}
