// SPDX-License-Identifier: GPL-3.0-or-later
// The fast path against the reference: the same row called with MXCSR loaded and without must give
// the same bits and the same FPSR, whatever FPCR says; and the MXCSR bookkeeping itself.
#include <criterion/criterion.h>
#include <stdio.h>

#include "table.h"

#define RANDOMS 6000

static uint32_t mxcsr(void)
{
    uint32_t v;
    __asm__ volatile("stmxcsr %0" : "=m"(v));
    return v;
}

// RMode, then FZ, DN; FZ16 and AHP once, for they concern no fast path.
static unsigned all_fpcrs(uint32_t fpcrs[32])
{
    unsigned count = 0;
    for (uint32_t rmode = 0; rmode < 4; rmode++) {
        for (uint32_t fz_dn = 0; fz_dn < 4; fz_dn++)
            fpcrs[count++] = rmode << FPCR_RMODE_SHIFT | fz_dn << 24;
    }
    fpcrs[count++] = FPCR_FZ16 | FPCR_AHP;
    return count;
}

static bool same_both_ways(const struct row *r, uint32_t fpcr, const uint64_t in[3])
{
    struct fp_env ref = {.fpcr = fpcr}, fast = {.fpcr = fpcr};
    uint64_t expected = r->call(&ref, in);
    fp_host_enter(&fast);
    uint64_t result = r->call(&fast, in);
    fp_host_leave(&fast);
    if (result == expected && fast.fpsr == ref.fpsr)
        return true;
    fprintf(stderr,
            "%s (%s) fpcr %08x: %016lx %016lx %016lx\n"
            "    reference %016lx fpsr %02x, fast %016lx fpsr %02x\n",
            r->name, r->text, fpcr, in[0], in[1], in[2], expected, ref.fpsr, result, fast.fpsr);
    return false;
}

Test(fp_host, the_fast_path_is_the_reference, .timeout = 120)
{
    uint32_t fpcrs[32];
    unsigned fpcr_count = all_fpcrs(fpcrs), bad = 0;
    for (unsigned row = 0; row < ROW_COUNT && bad < 20; row++) {
        unsigned count = operand_count(rows[row].kinds, RANDOMS);
        for (unsigned n = 0; n < count && bad < 20; n++) {
            uint64_t in[3];
            make_operands(in, rows[row].kinds, row + 1000, n);
            for (unsigned i = 0; i < fpcr_count; i++)
                bad += !same_both_ways(&rows[row], fpcrs[i], in);
        }
    }
    cr_expect(bad == 0, "%u differences (at least)", bad);
}

// Flags gather over many operations of all kinds and are read once.
Test(fp_host, flags_gather)
{
    uint64_t state = 77;
    for (unsigned run = 0; run < 2000; run++) {
        struct fp_env ref = {.fpcr = (uint32_t)(run & 3) << FPCR_RMODE_SHIFT}, fast = ref;
        fp_host_enter(&fast);
        for (unsigned i = 0; i < 4; i++) {
            unsigned row = (unsigned)(random_next(&state) % ROW_COUNT);
            uint64_t in[3];
            make_operands(in, rows[row].kinds, row, 10000 + run * 4 + i);
            uint64_t a = rows[row].call(&ref, in), b = rows[row].call(&fast, in);
            cr_assert(a == b, "%s: %lx, fast %lx", rows[row].name, a, b);
        }
        fp_host_sync(&fast);
        cr_assert(fast.fpsr == ref.fpsr, "run %u: fpsr %x, fast %x", run, ref.fpsr, fast.fpsr);
        cr_assert((mxcsr() & 0x3f) == 0, "sync leaves sticky bits: %x", mxcsr());
        fp_host_leave(&fast);
    }
}

#define ONE   UINT64_C(0x3ff0000000000000)
#define THREE UINT64_C(0x4008000000000000)

Test(fp_host, mxcsr_follows_fpcr)
{
    static const uint32_t control[4] = {0x1f80, 0x5f80, 0x3f80, 0x7f80}; // RN RP RM RZ
    uint32_t before = mxcsr();
    struct fp_env env = {0};
    fp_host_enter(&env);
    for (uint32_t rmode = 0; rmode < 4; rmode++) {
        fp_host_set_fpcr(&env, rmode << FPCR_RMODE_SHIFT);
        cr_expect(mxcsr() == control[rmode], "RMode %u: MXCSR %x", rmode, mxcsr());
        uint64_t third = fp64_div(&env, ONE, THREE);
        cr_expect(third == (rmode == FP_POSINF ? 0x3fd5555555555556 : 0x3fd5555555555555),
                  "RMode %u: 1/3 = %lx", rmode, third);
    }
    cr_expect(!(env.host & FP_HOST_FAST) == !!(env.fpcr & FPCR_FZ));
    fp_host_set_fpcr(&env, FPCR_FZ | 0x9f00); // trap enables are RAZ
    cr_expect(env.fpcr == FPCR_FZ, "fpcr %x", env.fpcr);
    cr_expect(!(env.host & (FP_HOST_FAST | FP_HOST_FMA)), "FZ allows the fast path");
    cr_expect(env.fpsr == FPSR_IXC, "set_fpcr loses flags: %x", env.fpsr);
    fp_host_leave(&env);
    cr_expect(mxcsr() == before && env.host == 0, "leave: MXCSR %x, was %x", mxcsr(), before);
}

Test(fp_host, outside_of_enter_nothing_touches_mxcsr)
{
    uint32_t before = mxcsr();
    struct fp_env env = {.fpcr = FP_POSINF << FPCR_RMODE_SHIFT};
    cr_expect(fp64_div(&env, ONE, THREE) == 0x3fd5555555555556);
    cr_expect(env.fpsr == FPSR_IXC);
    fp_host_sync(&env);
    fp_host_leave(&env);
    fp_host_set_fpcr(&env, FPCR_MASK);
    cr_expect(env.fpcr == FPCR_MASK && env.fpsr == FPSR_IXC && env.host == 0);
    cr_expect(mxcsr() == before, "MXCSR %x, was %x", mxcsr(), before);
}

Test(fp_host, the_callers_other_flags_stay)
{
    struct fp_env env = {.fpsr = FPSR_QC | FPSR_IDC};
    fp_host_enter(&env);
    fp64_div(&env, ONE, 0);
    fp_host_sync(&env);
    cr_expect(env.fpsr == (FPSR_QC | FPSR_IDC | FPSR_DZC), "fpsr %x", env.fpsr);
    fp_host_leave(&env);
}
