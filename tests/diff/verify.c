// SPDX-License-Identifier: GPL-3.0-or-later
// The IR of random encodings of every row, in several modes, keeps the verifier's rules: nothing of
// the guest is written before the last op that may bail out, and no instruction takes more room
// than it may.
#include "diff.h"

#include "a64_random.h"
#include "frontend/cpu.h"
#include "frontend/disas.h"
#include "frontend/translate.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static uint64_t next(void *state)
{
    return diff_random(state);
}

Test(diff, verifier)
{
    static const uint64_t modes[] = {
        0,
        A64_MODE_EL1 | A64_MODE_SPSEL | A64_MODE_SP_ALIGN,
        A64_MODE_EL1 | A64_MODE_ALIGN | A64_MODE_SP_ALIGN,
        A64_MODE_FP_TRAP | A64_MODE_ALIGN,
        A64_MODE_EL1 | A64_MODE_UAO | A64_MODE_FPCR,
    };
    struct tr *t = calloc(1, sizeof(*t));
    uint32_t *page = calloc(1, PAGE_SIZE), n;
    uint64_t random = 12345;
    unsigned bad = 0;

    page[1] = 0xd4000001; // svc #0
    for (enum a64_op op = A64_UNALLOCATED + 1; op < A64_OP_COUNT; op++)
        for (unsigned i = 0; i < 60; i++) {
            char text[A64_DISAS_SIZE], buf[256];
            const char *wrong;
            page[0] = a64_random_encoding(op, next, &random);
            ir_begin(&t->ir, &a64_guest, 0, modes[i % ARRAY_SIZE(modes)]);
            a64_guest.translate_block(&t->ir, (const uint8_t *)page, &n);
            wrong = ir_verify(&t->ir, buf, sizeof(buf));
            if (!wrong && t->ir.nr > IR_MAX_PER_GUEST)
                wrong = "more ops than an instruction may take";
            if (!wrong)
                continue;
            a64_disas(page[0], 0, text, sizeof(text));
            if (bad++ < 10) {
                fprintf(stderr, "%08x %s mode %#llx: %s\n", page[0], text,
                        (unsigned long long)t->ir.mode, wrong);
                ir_print(&t->ir, stderr);
            }
        }
    free(t);
    free(page);
    cr_assert_eq(bad, 0, "%u blocks break the rules", bad);
}
