// SPDX-License-Identifier: GPL-3.0-or-later
// Streams that differed from qemu-aarch64 once (build/tests/diff/soak prints them in this form), each
// named after what was wrong.
#include "diff.h"

#include <criterion/criterion.h>
#include <stdlib.h>

struct found {
    const char *name;
    struct diff_case c;
};

static const struct found found[] = {
    // Flags of a floating-point comparison are in the state, not in EFLAGS: fccmpe, sbcs.
    { "carry of a comparison that was not made", {
        .insn = { 0x1e6b553c, 0x7a020170 },
        .n = 2,
        .in.v[9] = { 0xcf00d2824c2ca64e, 0 },
        .in.sp = 0x5ff800b0,
        .in.nzcv = 0x30000000,
    } },
    { "carry of a conditional comparison: adcs", {
        .insn = { 0x1e6c74f8, 0xba1d0321 },
        .n = 2,
        .in.sp = 0x5ff800c0,
    } },
    // fcmpe, adcs; a rounding mode keeps the comparison from the host.
    { "carry of a comparison made by a function", {
        .insn = { 0x1e6223b0, 0xba1202fb },
        .n = 2,
        .in.v[2] = { 0xbfffa8c9ddb0332f, 0 },
        .in.sp = 0x5ff800c0,
        .in.fpcr = 0x480000,
    } },
};

enum { NR = sizeof found / sizeof found[0] };

static void on_engine(const char *engine)
{
    static struct diff_case cases[NR];
    static struct diff_state oracle[NR], armlet[NR];
    setenv("ARMLET_TEST_ENGINE", engine, 1);
    for (size_t n = 0; n < NR; n++)
        cases[n] = found[n].c;
    cr_assert(diff_run_oracle(cases, NR, oracle));
    diff_run_armlet(cases, NR, armlet);
    for (size_t n = 0; n < NR; n++)
        cr_expect_eq(diff_compare(&cases[n], 1, &oracle[n], &armlet[n], DIFF_IGNORE_NONE, 1), 0, "%s, %s", engine, found[n].name);
}

Test(found, interp)
{
    on_engine("interp");
}

Test(found, quick)
{
    on_engine("quick");
}
