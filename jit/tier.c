// SPDX-License-Identifier: GPL-3.0-or-later
#include "jit/tier.h"

#include "jit/codebuf.h"
#include "jit/loader.h"
#include "jit/tier_policy.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Compiles here and now.
static void compile_now(struct tier *t, struct jit *jit, struct region_recipe *recipe, const gpa_t *gpa)
{
    char path[64];
    struct error err;
    static int nr; snprintf(path, sizeof path, "/dev/shm/armlet-%d-%d.o", (int)getpid(), nr++);
    const struct region_recipe *list[1] = { recipe };
    if (!t->compile(jit->guest, list, 1, path, &err)) {
        fprintf(stderr, "compile: %s\n", err.text);
        free(recipe);
        return;
    }
    FILE *f = fopen(path, "rb");
    static uint8_t object[8 << 20];
    size_t size = f ? fread(object, 1, sizeof object, f) : 0;
    if (f)
        fclose(f);
    const char *names[1] = { "region_0" };
    const void *entries[1];
    struct codebuf_span span;
    if (!loader_load(&t->code, object, size, names, 1, entries, &span, &err)) {
        fprintf(stderr, "load: %s\n", err.text);
        free(recipe);
        return;
    }
    region_publish(jit, recipe, gpa, (region_fn *)(uintptr_t)entries[0]);
}

void tier_look(struct vcpu *cpu, struct tb *tb)
{
    struct tier *t = cpu->jit->tier;
    if (!t || tb->entry == tb->code || tb->looked == TIER_DONE)
        return;
    if (++tb->looked < t->policy.looks)
        return;
    tb->looked = TIER_DONE;
    struct region_recipe *recipe = malloc(sizeof *recipe);
    gpa_t gpa[REGION_MAX_PAGES];
    assert(recipe);
    if (!region_form(cpu, tb, recipe, gpa)) {
        free(recipe);
        return;
    }
    cpu->stats.regions++;
    compile_now(t, cpu->jit, recipe, gpa);
}

struct tier *tier_create(tier_compile_fn *compile, struct error *err)
{
    struct tier *t = calloc(1, sizeof *t);
    assert(t);
    t->compile = compile;
    t->policy.looks = 8;
    if (codebuf_init(&t->code, 0, err))
        return t;
    free(t);
    return NULL;
}
