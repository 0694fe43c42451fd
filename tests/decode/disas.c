// SPDX-License-Identifier: GPL-3.0-or-later
// Guest disassembly: known words, no buffer overrun, and every operand written for every row.
#include <criterion/criterion.h>

#include "base/bits.h"
#include "frontend/a64_decode.h"
#include "frontend/a64_random.h"
#include "frontend/disas.h"
#include "tests/decode/random.h"

#include <inttypes.h>
#include <string.h>

Test(disas, known_words)
{
    static const struct {
        uint32_t insn;
        const char *text;
    } words[] = {
        {0x910003fd, "mov x29, sp"},
        {0xaa0103e0, "mov x0, x1"},
        {0xd2800020, "mov x0, #0x1"},
        {0x12800000, "mov w0, #0xffffffff"},
        {0xf2a24680, "movk x0, #0x1234, lsl #16"},
        {0xb24003e1, "mov x1, #0x1"},
        {0x927ff841, "and x1, x2, #0xfffffffffffffffe"},
        {0xeb02003f, "cmp x1, x2"},
        {0xd37ff841, "lsl x1, x2, #1"},
        {0x8b22cc41, "add x1, x2, w2, sxtw #3"},
        {0x9a9f17e0, "cset x0, eq"},
        {0x17ffffff, "b 0xffc"},
        {0x54000041, "b.ne 0x1008"},
        {0xd65f03c0, "ret"},
        {0xd503201f, "nop"},
        {0xd5033fdf, "isb"},
        {0xd5033b9f, "dsb ish"},
        {0xd4000001, "svc #0x0"},
        {0xa9bf7bfd, "stp x29, x30, [sp, #-16]!"},
        {0xf8408420, "ldr x0, [x1], #8"},
        {0xb8626820, "ldr w0, [x1, x2]"},
        {0xf8627820, "ldr x0, [x1, x2, lsl #3]"},
        {0xf9800010, "prfm pstl1keep, [x0]"},
        {0xc85f7c20, "ldxr x0, [x1]"},
        {0xf8e10040, "ldaddal x1, x0, [x2]"},
        {0xb821005f, "stadd w1, [x2]"},
        {0x1e7e1000, "fmov d0, #-1.0"},
        {0x1e281000, "fmov s0, #0.125"},
        {0x1e602020, "fcmp d1, d0"},
        {0x4ea28420, "add v0.4s, v1.4s, v2.4s"},
        {0x0c9f0020, "st4 {v0.8b-v3.8b}, [x1], #32"},
        {0x4e1c4420, ".inst 0x4e1c4420"},
        {0x00000000, ".inst 0x00000000"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        char text[A64_DISAS_SIZE];

        a64_disas(words[i].insn, 0x1000, text, sizeof(text));
        cr_expect_str_eq(text, words[i].text, "%08" PRIx32 ": \"%s\", expected \"%s\"",
                         words[i].insn, text, words[i].text);
    }
}

Test(disas, short_buffers_are_not_overrun)
{
    char whole[A64_DISAS_SIZE], text[A64_DISAS_SIZE];

    a64_disas(0x0c9f0020, 0, whole, sizeof(whole));
    for (size_t size = 0; size < sizeof(text); size++) {
        size_t len = strlen(whole) < size ? strlen(whole) : size ? size - 1 : 0;

        memset(text, '!', sizeof(text));
        a64_disas(0x0c9f0020, 0, text, size);
        cr_expect(size == 0 || (strlen(text) == len && !memcmp(text, whole, len)), "size %zu: %.*s",
                  size, (int)len, text);
        cr_expect_eq(text[size], '!', "size %zu: a byte too many", size);
    }
}

Test(disas, every_row_fits)
{
    uint64_t state = 1;

    for (enum a64_op op = A64_UNALLOCATED + 1; op < A64_OP_COUNT; op++) {
        for (int i = 0; i < 50; i++) {
            char text[A64_DISAS_SIZE];
            uint32_t insn = a64_random_encoding(op, random_next, &state);

            a64_disas(insn, random_next(&state), text, sizeof(text));
            cr_expect(text[0] && text[0] != '.' && !strchr(text, '?'), "%s: %08" PRIx32 ": %s",
                      a64_rows[op].name, insn, text);
            cr_expect_lt(strlen(text), sizeof(text) - 1, "%s: cut off: %s", a64_rows[op].name,
                         text);
        }
    }
}
