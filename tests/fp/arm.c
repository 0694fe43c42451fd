// SPDX-License-Identifier: GPL-3.0-or-later
// The reference against an implementation that is not ours: every row of rows.h, under every FPCR
// of FPCR_RUNS, executed by qemu-aarch64 (oracle.c) and by jit/fp.
//
// Skipped, with a line saying so, where there is no arm64 compiler or no qemu-aarch64.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "table.h"

#define RANDOMS 2500

struct outcome {
    uint64_t result, fpsr;
};

// Where QEMU is not what the Arm ARM says: true if the difference is that one.
//
// FJCVTZS of a positive denormal that FPCR.FZ flushes: FPToFixedJS clears Z (the conversion was not
// exact); QEMU sets it up to 9.0 (its issue 2375).
static bool known_deviation(const struct row *row, uint32_t fpcr, const uint64_t in[3],
                            struct outcome arm, struct outcome ours)
{
    return strcmp(row->name, "js") == 0 && (fpcr & FPCR_FZ) && in[0] && !(in[0] >> 52) &&
           arm.fpsr == ours.fpsr && ours.result == 0 && arm.result == UINT64_C(1) << 32;
}

static bool run_row(FILE *oracle, unsigned row, unsigned *shown)
{
    static const uint32_t fpcrs[] = FPCR_RUNS;
    const struct row *r = &rows[row];
    unsigned count = operand_count(r->kinds, RANDOMS), bad = 0;
    for (unsigned i = 0; i < sizeof fpcrs / sizeof *fpcrs; i++) {
        for (unsigned n = 0; n < count; n++) {
            uint64_t in[3];
            struct outcome arm, ours;
            make_operands(in, r->kinds, row, n);
            if (fread(&arm, sizeof arm, 1, oracle) != 1)
                cr_assert_fail("%s: the oracle stopped early", r->name);
            struct fp_env env = {.fpcr = fpcrs[i]};
            ours.result = r->call(&env, in);
            ours.fpsr = env.fpsr;
            if ((arm.result == ours.result && arm.fpsr == ours.fpsr) ||
                known_deviation(r, fpcrs[i], in, arm, ours))
                continue;
            if (bad++ < 3 && (*shown)++ < 60)
                fprintf(stderr,
                        "%s (%s) fpcr %08x: %016lx %016lx %016lx\n"
                        "    arm %016lx fpsr %02lx, ours %016lx fpsr %02lx\n",
                        r->name, r->text, fpcrs[i], in[0], in[1], in[2], arm.result, arm.fpsr,
                        ours.result, ours.fpsr);
        }
    }
    if (bad)
        fprintf(stderr, "%s: %u of %zu differ\n", r->name, bad,
                (size_t)count * (sizeof fpcrs / sizeof *fpcrs));
    return !bad;
}

Test(fp_arm, every_instruction_as_qemu_executes_it, .timeout = 120)
{
#ifndef FP_ORACLE
    cr_skip_test("no aarch64-linux-gnu-gcc: floating point is not compared with QEMU");
#else
    const char *qemu = getenv("QEMU_AARCH64");
    char command[4096];
    if (system("qemu-aarch64 -version >/dev/null 2>&1") != 0 && !qemu)
        cr_skip_test("no qemu-aarch64: floating point is not compared with it");
    snprintf(command, sizeof command, "%s -cpu max %s %d", qemu ? qemu : "qemu-aarch64", FP_ORACLE,
             RANDOMS);
    FILE *oracle = popen(command, "r");
    cr_assert_not_null(oracle, "cannot run %s", command);
    unsigned failed = 0, shown = 0;
    for (unsigned row = 0; row < ROW_COUNT; row++)
        failed += !run_row(oracle, row, &shown);
    cr_expect(fgetc(oracle) == EOF, "the oracle has more rows than the table");
    cr_expect(pclose(oracle) == 0, "%s failed", command);
    cr_expect(failed == 0, "%u of %zu rows differ", failed, ROW_COUNT);
#endif
}
