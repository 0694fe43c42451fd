// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/jit/twins.h"

#include <criterion/criterion.h>
#include <stdlib.h>

unsigned twins_below(uint64_t *random, unsigned n)
{
    return (unsigned)(toy_random(random) >> 33) % n;
}

struct toy *twins_machine(const char *engine)
{
    setenv("ARMLET_TEST_ENGINE", engine, 1);
    return toy_create();
}

// With words that are no other program's, so that it is translated anew.
static void load(struct toy *t, void *program, unsigned steps, uint32_t serial)
{
    uint32_t *code = toy_host(t, TOY_CODE);
    t->user = program;
    for (unsigned n = 0; n < steps; n++)
        code[n] = toy_word(1, (serial & 0xffff) << 8 | n);
    code[steps] = 0;
    jit_ram_written(&t->jit, TOY_CODE, 4 * steps + 4);
}

static bool agree(const struct twins *w, struct toy *const t[], unsigned nr, const void *program,
                  uint64_t *random, unsigned *faults)
{
    bool same = true;
    for (unsigned run = 0; same && run < w->runs; run++) {
        w->start(t, nr, program, random);
        unsigned before = t[0]->nr_faults;
        for (unsigned k = 0; k < nr; k++)
            toy_run(t[k], TOY_CODE);
        *faults += t[0]->nr_faults - before;
        for (unsigned k = 1; k < nr; k++)
            same = same && w->same(t[0], t[k]);
    }
    if (!same)
        w->describe(program, t, nr);
    return same;
}

unsigned twins_run(const struct twins *w, struct toy *const t[], unsigned nr, void *program,
                   uint64_t random)
{
    const char *count = w->variable ? getenv(w->variable) : NULL;
    unsigned programs = count ? (unsigned)atoi(count) : w->programs, bad = 0, faults = 0;
    for (unsigned n = 0; n < programs && bad < 3; n++) {
        unsigned steps = w->make(program, &random);
        for (unsigned k = 0; k < nr; k++)
            load(t[k], program, steps, n);
        bad += !agree(w, t, nr, program, &random, &faults);
    }
    for (unsigned k = 0; k < nr; k++)
        toy_destroy(t[k]);
    cr_assert_eq(bad, 0, "%u programs differ", bad);
    return faults;
}
