// SPDX-License-Identifier: GPL-3.0-or-later
// Runs on arm64 (qemu-aarch64): executes every row of rows.h on its operands under every FPCR of
// FPCR_RUNS and writes {result, FPSR} for each to standard output, row by row, in the order in
// which tests/fp/arm.c reads them. Argument: how many random operand sets a row gets.
#include <stdio.h>
#include <stdlib.h>

#include "operands.h"
#include "rows.h"

struct outcome {
    uint64_t result, fpsr;
};

#define RESULT_FPR "fmov %0, d0\n"
#define RESULT_GPR "mov %0, x0\n"

#define RUN(name, kinds, width, where, text, call)                                                 \
    static struct outcome run_##name(const uint64_t in[3])                                         \
    {                                                                                              \
        struct outcome o;                                                                          \
        __asm__ volatile(".arch armv8.5-a+fp16+fp16fml\n"                                          \
                         "mov x9, %2\n"                                                            \
                         "fmov d1, %2\n"                                                           \
                         "fmov d2, %3\n"                                                           \
                         "fmov d0, %4\n"                                                           \
                         "msr fpsr, xzr\n" text "\n" RESULT_##where "mrs %1, fpsr\n"               \
                         : "=&r"(o.result), "=&r"(o.fpsr)                                          \
                         : "r"(in[0]), "r"(in[1]), "r"(in[2])                                      \
                         : "x0", "x9", "x13", "v0", "v1", "v2", "cc");                             \
        o.result &= low_mask(width);                                                               \
        return o;                                                                                  \
    }
FP_ROWS(RUN)

static const struct {
    const char *kinds;
    struct outcome (*run)(const uint64_t in[3]);
} rows[] = {
#define ROW(name, kinds, width, where, text, call) {kinds, run_##name},
    FP_ROWS(ROW)};

int main(int argc, char **argv)
{
    static const uint64_t fpcrs[] = FPCR_RUNS;
    unsigned randoms = argc > 1 ? (unsigned)atoi(argv[1]) : 100;
    for (unsigned row = 0; row < sizeof rows / sizeof *rows; row++) {
        unsigned count = operand_count(rows[row].kinds, randoms);
        for (unsigned i = 0; i < sizeof fpcrs / sizeof *fpcrs; i++) {
            __asm__ volatile("msr fpcr, %0" : : "r"(fpcrs[i]));
            for (unsigned n = 0; n < count; n++) {
                uint64_t in[3];
                make_operands(in, rows[row].kinds, row, n);
                struct outcome o = rows[row].run(in);
                fwrite(&o, sizeof o, 1, stdout);
            }
        }
    }
    return fflush(stdout) || ferror(stdout);
}
