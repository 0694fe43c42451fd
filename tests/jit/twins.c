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

static bool agree(struct toy *const t[2], const void *program, const struct twins_ops *ops,
                  uint64_t *random)
{
    for (unsigned run = 0; run < 8; run++) {
        ops->start(t, program, random);
        toy_run(t[0], TOY_CODE);
        toy_run(t[1], TOY_CODE);
        if (!ops->same(t)) {
            ops->describe(program, t);
            return false;
        }
    }
    return true;
}

void twins_run(struct toy *const t[2], void *program, const struct twins_ops *ops,
               const char *variable, unsigned programs, uint64_t random)
{
    const char *count = getenv(variable);
    unsigned bad = 0;
    programs = count ? (unsigned)atoi(count) : programs;
    for (unsigned n = 0; n < programs && bad < 3; n++) {
        unsigned steps = ops->make(program, &random);
        load(t[0], program, steps, n);
        load(t[1], program, steps, n);
        bad += !agree(t, program, ops, &random);
    }
    toy_destroy(t[0]);
    toy_destroy(t[1]);
    cr_assert_eq(bad, 0, "%u programs differ", bad);
}
