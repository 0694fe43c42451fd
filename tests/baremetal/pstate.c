// SPDX-License-Identifier: GPL-3.0-or-later
// PSTATE: its fields by MSR (immediate and register), at EL0 and EL1; what an exception makes of
// them (SPAN, DSSBS, UAO, DIT), what ERET restores, SP selection; flags instructions.
#include "tables.h"

static u64 field(unsigned n)
{
    switch (n) {
    case 0:
        return mrs(pan);
    case 1:
        return mrs(uao);
    case 2:
        return mrs(dit);
    case 3:
        return mrs(ssbs);
    case 4:
        return mrs(daif);
    default:
        return mrs(spsel);
    }
}

static void immediates(void)
{
    u32 insn[] = {INSN("msr pan, #1"), INSN("msr pan, #0"), INSN("msr uao, #1"),
                  INSN("msr uao, #0"), INSN("msr dit, #1"), INSN("msr dit, #0"),
                  INSN("msr ssbs, #1"), INSN("msr ssbs, #0"), INSN("msr daifset, #15"),
                  INSN("msr daifclr, #13"), INSN("msr daifset, #4"), INSN("msr daifclr, #0"),
                  INSN("msr spsel, #1"),
                  // The operand's other bits are ignored.
                  0xd500409f | 15 << 8 /* PAN */, 0xd500409f | 14 << 8,
                  0xd503405f | 14 << 8 /* DIT */, 0xd50040bf | 15 << 8 /* SPSel */};
    u32 read[] = {INSN("mrs x0, pan"),      INSN("mrs x1, uao"),  INSN("mrs x2, dit"),
                  INSN("mrs x3, ssbs"),     INSN("mrs x4, daif"), INSN("mrs x5, spsel"),
                  INSN("mrs x6, currentel")};
    for (unsigned n = 0; n < ARRAY_SIZE(insn); n++) {
        u32 code[8] = {insn[n], read[0], read[1], read[2], read[3], read[4], read[5], read[6]};
        run_n(EL1, code, 8, 0, 0, 0, 0);
        print("EL1 immediate %d taken %d:", n, exc.taken);
        for (unsigned r = 0; r < 7; r++)
            print(" %x", exc.x[r]);
        print("\n");
        u32 code0[3] = {insn[n], read[2], read[3]};
        run_n(EL0, code0, 3, 0, 0, 0, 0);
        print("EL0 ");
        // QEMU has Op1 and Op2 of DAIFSet and DAIFClr the wrong way round in the syndrome.
        unsigned op1 = exc.esr >> 14 & 7, op2 = exc.esr >> 17 & 7;
        if (n >= 8 && n <= 11 && op1 != 3)
            report_esr("immediate", (exc.esr & ~0xfc000ull) | op1 << 17 | op2 << 14);
        else
            report("immediate");
        if (!exc.taken)
            print(" dit %x ssbs %x\n", exc.x[2], exc.x[3]);
    }
    // Registers: every bit pattern.
    static const u64 value[] = {0,     ~0ull, 0x00400000, 0x00800000, 0x01000000, 0x1000,
                                0x3c0, 1,     2,          0xf0000000, 0x50000000};
    u32 write[] = {INSN("msr pan, x7"), INSN("msr uao, x7"), INSN("msr dit, x7"),
                   INSN("msr ssbs, x7"), INSN("msr nzcv, x7")};
    for (unsigned w = 0; w < ARRAY_SIZE(write); w++)
        for (unsigned v = 0; v < ARRAY_SIZE(value); v++) {
            u32 code[] = {INSN("mov x7, x0"),  write[w], read[0], read[1], read[2], read[3],
                          INSN("mrs x4, nzcv")};
            run_n(EL1, code, 7, value[v], 0, 0, 0);
            print("EL1 register %d %x:", w, value[v]);
            print(" %x %x %x %x", exc.x[0], exc.x[1], exc.x[2], exc.x[3]);
            if (w == 4)
                print(" %x", exc.x[4]);
            print("\n");
        }
}

// SPSR says what was, the vector's own PSTATE what is.
static void entry(void)
{
    u32 svc = INSN("svc #0x21");
    for (unsigned control = 0; control < 4; control++)
        for (unsigned bits = 0; bits < 16; bits++)
            for (unsigned target = 0; target < 3; target++) {
                msr(sctlr_el1, (RT_SCTLR & ~BIT(23)) | (control & 1 ? BIT(23) : 0) |
                                   (control & 2 ? BIT(44) : 0));
                isb();
                unsigned el = target ? EL1 : EL0;
                u64 spsr = (bits & 1 ? BIT(22) : 0) | (bits & 2 ? BIT(23) : 0) |
                           (bits & 4 ? BIT(24) : 0) | (bits & 8 ? BIT(12) : 0) |
                           (target == 0   ? 0
                            : target == 1 ? 4
                                          : 5);
                // Flags and masks vary along; interrupts are never unmasked for nothing.
                spsr |= (u64)(bits ^ 5) << 28 | (bits & 1 ? 0x3c0 : 0x1c0);
                exc.in_spsr = spsr;
                exc.in_sp = (u64)el0_stack_top;
                entered(code_at(el, &svc, 1), 0, 0, 0, 0, 0, 0, 0);
                print("span %d dssbs %d from %x: spsr %x vector %d", control & 1, control >> 1,
                      spsr, exc.spsr & ~0xc00ull, exc.vector);
                // DIT stays as it was (AArch64.TakeException() does not touch it); QEMU clears it.
                arm_begins();
                print(" pstate %x\n", (exc.pstate & ~BIT(24)) | (spsr & BIT(24)));
                print(" pstate %x\n", exc.pstate);
            }
    msr(sctlr_el1, RT_SCTLR);
    isb();
    for (unsigned n = 0; n < 6; n++)
        print("after %d: %x\n", n, field(n));
}

// PAN set by the entry itself is in force at once in the handler.
static void pan_on_entry(void)
{
    for (unsigned span = 0; span < 2; span++) {
        msr(sctlr_el1, span ? RT_SCTLR : RT_SCTLR & ~BIT(23));
        isb();
        u32 svc = INSN("svc #0x22");
        exc.in_spsr = 0x3c0;
        exc.in_sp = (u64)el0_stack_top;
        entered(code_at(EL0, &svc, 1), 0, 0, 0, 0, 0, 0, 0);
        bool pan = exc.pstate >> 22 & 1;
        msr(pan, (u64)pan << 22);
        run(EL1, INSN("ldr x0, [x1]"), 0, (u64)el0_page, 0, 0);
        print("span %d pan %d ", span, pan);
        report("el0's page");
        msr(pan, 0);
    }
    msr(sctlr_el1, RT_SCTLR);
    isb();
}

static void stack_pointers(void)
{
    u32 code[] = {INSN("mov x9, sp"),        INSN("msr spsel, #0"),  INSN("mov x2, sp"),
                  INSN("add sp, sp, #0x20"), INSN("mov x3, sp"),     INSN("msr spsel, #1"),
                  INSN("mov x4, sp"),        INSN("sub x4, x4, x9"), INSN("mrs x5, sp_el0")};
    msr(sp_el0, 0x1000);
    run_n(EL1, code, ARRAY_SIZE(code), 0, 0, 0, 0);
    print("sp: taken %d %x %x %x %x\n", exc.taken, exc.x[2], exc.x[3], exc.x[4], exc.x[5]);
    // SP_EL0 is undefined while it is the stack pointer.
    u32 read[] = {INSN("msr spsel, #0"), INSN("mrs x0, sp_el0"), INSN("msr spsel, #1")};
    run_n(EL1, read, 3, 0, 0, 0, 0);
    report("mrs sp_el0 at EL1t");
    u32 write[] = {INSN("msr spsel, #0"), INSN("msr sp_el0, x0"), INSN("msr spsel, #1")};
    run_n(EL1, write, 3, 0, 0, 0, 0);
    report("msr sp_el0 at EL1t");
    // EL0's SP is the same register.
    u32 el0[] = {INSN("mov x0, sp"), INSN("add sp, sp, #16")};
    run_n(EL0, el0, 2, 0, 0, 0, 0);
    print("EL0 sp +%x, sp_el0 +%x\n", exc.x[0] - (u64)el0_stack_top,
          exc.sp_el0 - (u64)el0_stack_top);
}

static void flags(void)
{
    u32 op[] = {INSN("cfinv"),
                INSN("rmif x0, #4, #5"),
                INSN("setf8 w0"),
                INSN("setf16 w0"),
                INSN("axflag"),
                INSN("xaflag"),
                INSN("subs x0, x0, x1"),
                INSN("adds w0, w0, w1"),
                INSN("adcs x0, x0, x1"),
                INSN("sbcs w0, w0, w1"),
                INSN("ccmp x0, x1, #5, ne"),
                INSN("ands x0, x0, x1"),
                INSN("bics w0, w0, w1"),
                INSN("ccmn w0, #3, #10, ge")};
    static const u64 value[] = {0,
                                1,
                                0x7f,
                                0x80,
                                0xff,
                                0x7fff,
                                0x8000,
                                0x1234567887654321,
                                ~0ull,
                                0x8000000000000000,
                                0x7fffffffffffffff};
    for (unsigned n = 0; n < ARRAY_SIZE(op); n++)
        for (unsigned before = 0; before < 16; before++) {
            print("flags op %d from %x:", n, before);
            for (unsigned v = 0; v < ARRAY_SIZE(value); v++) {
                u32 code[] = {INSN("msr nzcv, x2"), op[n], INSN("mrs x3, nzcv")};
                run_n(v & 1, code, 3, value[v], value[ARRAY_SIZE(value) - 1 - v], (u64)before << 28,
                      0);
                print(" %x", exc.taken ? 0xbad : exc.x[3] >> 28);
            }
            print("\n");
        }
}

void program(void)
{
    immediates();
    entry();
    pan_on_entry();
    stack_pointers();
    flags();
}
