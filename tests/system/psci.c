// SPDX-License-Identifier: GPL-3.0-or-later
// PSCI by HVC: results, and what the board is asked.
#include "box.h"

static struct box box;

static void setup(void)
{
    box_init(&box);
}

static void teardown(void)
{
    box_fini(&box);
}

TestSuite(psci, .init = setup, .fini = teardown);

static int64_t call(uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
    box.cpu->v.r[1] = a;
    box.cpu->v.r[2] = b;
    box.cpu->v.r[3] = c;
    cr_expect(box_one(&box, 1, 0xd4000002 /* hvc #0 */, function), "hvc %#" PRIx64, function);
    cr_expect(box.cpu->v.r[1] == a && box.cpu->v.r[2] == b && box.cpu->v.r[3] == c,
              "hvc %#" PRIx64 " changed an argument", function);
    return (int64_t)box.cpu->v.r[A64_X0];
}

#define EXPECT(want, ...)                                                                          \
    cr_expect_eq(call(__VA_ARGS__), want, #__VA_ARGS__ " gives %" PRId64, call(__VA_ARGS__))

Test(psci, queries)
{
    EXPECT(0x10000, 0x84000000, 0, 0, 0); // version 1.0
    EXPECT(2, 0x84000006, 0, 0, 0);       // nothing to migrate
    EXPECT(0x10001, 0x80000000, 0, 0, 0); // SMCCC 1.1
    EXPECT(0, 0x80000001, 0x80000000, 0, 0);
    EXPECT(-1, 0x80000001, 0x80008000, 0, 0); // no workaround
}

Test(psci, features)
{
    static const uint32_t have[] = {
        0x84000000, 0x84000001, 0xc4000001, 0x84000002, 0x84000003, 0xc4000003, 0x84000004,
        0xc4000004, 0x84000006, 0x84000008, 0x84000009, 0x8400000a, 0x80000000,
    };
    for (unsigned n = 0; n < ARRAY_SIZE(have); n++)
        EXPECT(0, 0x8400000a, have[n], 0, 0);
    EXPECT(-1, 0x8400000a, 0x84000005, 0, 0); // MIGRATE
    EXPECT(-1, 0x8400000a, 0x8400000f, 0, 0);
    EXPECT(-1, 0x8400000a, 0, 0, 0);
}

Test(psci, unknown)
{
    EXPECT(-1, 0x84000005, 0, 0, 0);
    EXPECT(-1, 0x84000050, 0, 0, 0); // TRNG
    EXPECT(-1, 0xffffffff, 0, 0, 0);
    EXPECT(-1, 0, 0, 0, 0);
}

Test(psci, cpu_on)
{
    EXPECT(-4, 0xc4000003, 0, UINT64_C(0x1234567890), 7); // itself: already on
    cr_expect(box.said.cpu_on[1] == UINT64_C(0x1234567890) && box.said.cpu_on[2] == 7);
    EXPECT(-2, 0xc4000003, 1, 0, 0);
    EXPECT(-2, 0xc4000003, BIT(31), 0, 0); // not an affinity
    // The 32-bit call takes the low halves.
    call(0x84000003, 0, UINT64_C(0x1234567890), BIT(40) | 5);
    cr_expect(box.said.cpu_on[1] == 0x34567890 && box.said.cpu_on[2] == 5);
    EXPECT(0, 0xc4000004, 0, 0, 0);
    EXPECT(-2, 0xc4000004, 3, 0, 0);
    EXPECT(-2, 0xc4000004, 0, 4, 0);
}

Test(psci, power)
{
    call(0x84000008, 0, 0, 0);
    call(0x84000009, 0, 0, 0);
    cr_expect(box.said.offs == 1 && box.said.resets == 1, "%u %u", box.said.offs, box.said.resets);
}

// CPU_OFF is the vCPU's thread's to obey.
Test(psci, cpu_off)
{
    const uint32_t code[] = { 0xd4000002, INSN_NOP };
    box_code(&box, CODE, code, 2);
    box.cpu->v.pc = CODE;
    box.cpu->v.r[A64_X0] = 0x84000002;
    enum vcpu_exit why = exec_run(&box.cpu->v);
    cr_expect(why == VCPU_EXIT_OFF, "%d", why);
}

// CPU_SUSPEND stands still until an interrupt, then returns 0 behind the HVC.
Test(psci, suspend)
{
    const uint32_t code[] = { 0xd4000002, INSN_NOP };
    box_code(&box, CODE, code, 2);
    box.cpu->v.r[A64_X0] = 0xc4000001;
    box_run(&box, CODE);
    cr_expect(box.cpu->v.pc == CODE + 4 && box.cpu->v.r[A64_X0] == 0, "pc %#" PRIx64,
              box.cpu->v.pc);
}
