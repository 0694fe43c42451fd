// SPDX-License-Identifier: GPL-3.0-or-later
// rows.h as functions to call on the host.
#ifndef TESTS_FP_TABLE_H
#define TESTS_FP_TABLE_H

#include "jit/fp_host.h"

#include "operands.h"
#include "rows.h"

#define CALL(name, kinds, width, where, text, call)                                                \
    static uint64_t call_##name(struct fp_env *e, const uint64_t in[3])                            \
    {                                                                                              \
        const uint64_t a = in[0], b = in[1], c = in[2];                                            \
        (void)a, (void)b, (void)c, (void)e;                                                        \
        return (call)&low_mask(width);                                                             \
    }
FP_ROWS(CALL)
#undef CALL

static const struct row {
    const char *name, *kinds, *text;
    uint64_t (*call)(struct fp_env *e, const uint64_t in[3]);
} rows[] = {
#define ROW(name, kinds, width, where, text, call) {#name, kinds, text, call_##name},
    FP_ROWS(ROW)
#undef ROW
};

#define ROW_COUNT (sizeof rows / sizeof *rows)

#endif
