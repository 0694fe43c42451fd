// SPDX-License-Identifier: GPL-3.0-or-later
// PSCI over HVC and the SMC calling convention's queries, on a machine of one CPU; HVC and SMC.
#include "rt.h"

static u64 hvc(u64 function, u64 a, u64 b, u64 c)
{
    u32 code[] = {INSN("hvc #0")};
    run_n(EL1, code, 1, function, a, b, c);
    return exc.taken ? BIT(63) | exc.esr : exc.x[0];
}

void program(void)
{
    // QEMU says 1.1, armlet 1.0: 1.x.
    print("version %x\n", hvc(0x84000000, 0, 0, 0) >> 16);
    static const u32 function[] = {0x84000000, 0x84000001, 0xc4000001, 0x84000002, 0x84000003,
                                   0xc4000003, 0x84000004, 0xc4000004, 0x84000006, 0x84000008,
                                   0x84000009, 0x8400000a, 0x84000005, 0x84000007, 0xc4000007,
                                   0x84000077, 0xc4000000, 0,          1,          0xffffffff};
    for (unsigned n = 0; n < ARRAY_SIZE(function); n++)
        print("features %x: %x\n", function[n], (u32)hvc(0x8400000a, function[n], 0, 0));
    u64 self = mrs(mpidr_el1) & 0xff00ffffff;
    static const u64 target[] = {0, 1, 2, 0x100, 0x10000, 0x100000000, 0xff00ffffff};
    for (unsigned n = 0; n < ARRAY_SIZE(target); n++) {
        // Only W1 counts in the 32-bit functions; QEMU takes all of X1.
        u32 low = (u32)target[n];
        print("affinity_info %x: %x %x\n", target[n], hvc(0x84000004, low, 0, 0),
              hvc(0xc4000004, target[n], 0, 0));
        print("cpu_on %x: %x %x\n", target[n], hvc(0x84000003, low, 0x40200000, 0),
              hvc(0xc4000003, target[n], 0x40200000, 0));
    }
    print("self %x on %x\n", self, hvc(0xc4000003, self, 0x40200000, 0));
    print("migrate_info_type %x\n", hvc(0x84000006, 0, 0, 0));
    print("migrate %x\n", hvc(0x84000005, 0, 0, 0));
    static const u32 unknown[] = {0x84000077, 0x8400001f, 0xc4001234, 0xc4000000};
    for (unsigned n = 0; n < ARRAY_SIZE(unknown); n++)
        print("unknown %x: %x\n", unknown[n], hvc(unknown[n], 1, 2, 3));
    // Other registers are kept.
    u32 call[] = {INSN("mov x5, #0x55"), INSN("mov x17, #0x77"), INSN("hvc #0")};
    run_n(EL1, call, 3, 0x84000000, 0x1111, 0x2222, 0x3333);
    print("kept %x %x %x %x %x\n", exc.x[1], exc.x[2], exc.x[3], exc.x[4] & 0, exc.x[5]);
    // The immediate does not matter to QEMU's firmware, nor to armlet's.
    run(EL1, INSN("hvc #0x1234"), 0x84000006, 0, 0, 0);
    print("hvc #0x1234: taken %d %x\n", exc.taken, exc.x[0]);
    run(EL0, INSN("hvc #0"), 0x84000000, 0, 0, 0);
    report("EL0 hvc");
    run(EL1, INSN("smc #0"), 0x84000000, 0, 0, 0);
    report("EL1 smc");
    run(EL0, INSN("smc #0"), 0x84000000, 0, 0, 0);
    report("EL0 smc");
}
