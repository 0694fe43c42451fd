// SPDX-License-Identifier: GPL-3.0-or-later
// System registers: reset values where the architecture has them, which bits hold what is written,
// access from EL0, and the whole space of encodings: what exists and what does not.
//
// RES0 bits may be stored or not, and bits of features that armlet does not have are RES0 there, so
// a register is looked at through a mask of the bits that mean something on both.
#include "tables.h"

struct reg {
    char name[16];
    u8 op0, op1, crn, crm, op2;
    u64 mask;  // bits that hold what is written
    u64 avoid; // never written as 1, or the program would stop
};
// clang-format off
static const struct reg regs[] = {
    { "TTBR0_EL1",       3, 0,  2,  0, 0, ~0ull, 0 },
    { "ELR_EL1",         3, 0,  4,  0, 1, ~0ull, 0 },
    { "SPSR_EL1",        3, 0,  4,  0, 0, 0xf1f013df, 0 },
    { "SP_EL0",          3, 0,  4,  1, 0, ~0ull, 0 },
    { "ESR_EL1",         3, 0,  5,  2, 0, 0xffffffff, 0 },
    { "FAR_EL1",         3, 0,  6,  0, 0, ~0ull, 0 },
    { "PAR_EL1",         3, 0,  7,  4, 0, 0xff00fffffffffb81, 0 },
    { "MAIR_EL1",        3, 0, 10,  2, 0, ~0ull, 0 },
    { "VBAR_EL1",        3, 0, 12,  0, 0, ~0x7ffull, 0 },
    { "CONTEXTIDR_EL1",  3, 0, 13,  0, 1, 0xffffffff, 0 },
    { "TPIDR_EL1",       3, 0, 13,  0, 4, ~0ull, 0 },
    { "TPIDR_EL0",       3, 3, 13,  0, 2, ~0ull, 0 },
    { "TPIDRRO_EL0",     3, 3, 13,  0, 3, ~0ull, 0 },
    { "CPACR_EL1",       3, 0,  1,  0, 2, 0x300000, 0 },
    { "CNTKCTL_EL1",     3, 0, 14,  1, 0, 0x3ff, 0 },
    { "CNTFRQ_EL0",      3, 3, 14,  0, 0, 0xffffffff, 0 },
    { "CNTP_CVAL_EL0",   3, 3, 14,  2, 2, ~0ull, 0 },
    { "CNTV_CVAL_EL0",   3, 3, 14,  3, 2, ~0ull, 0 },
    { "CSSELR_EL1",      3, 2,  0,  0, 0, 0xf, 0 },
    { "NZCV",            3, 3,  4,  2, 0, ~0ull, 0 },
    { "DAIF",            3, 3,  4,  2, 1, 0x3c0, 0 },
    { "FPCR",            3, 3,  4,  4, 0, 0x07c80000, 0 },
    { "FPSR",            3, 3,  4,  4, 1, 0x0800009f, 0 },
    { "PAN",             3, 0,  4,  2, 3, ~0ull, 0 },
    { "UAO",             3, 0,  4,  2, 4, ~0ull, 0 },
    { "DIT",             3, 3,  4,  2, 5, ~0ull, 0 },
    { "SSBS",            3, 3,  4,  2, 6, ~0ull, 0 },
    { "MDSCR_EL1",       2, 0,  0,  2, 2, 0xb001, 1 },
    { "DBGBVR0_EL1",     2, 0,  0,  0, 4, 0x0000fffffffffffc, 0 },
    { "DBGBVR5_EL1",     2, 0,  0,  5, 4, 0x0000fffffffffffc, 0 },
    { "DBGWVR0_EL1",     2, 0,  0,  0, 6, 0x0000fffffffffffc, 0 },
    { "DBGWVR3_EL1",     2, 0,  0,  3, 6, 0x0000fffffffffffc, 0 },
};
// clang-format on

static const u64 patterns[] = {0,
                               ~0ull,
                               0x5555555555555555,
                               0xaaaaaaaaaaaaaaaa,
                               0x0123456789abcdef,
                               0xfedcba9876543210,
                               0x00000000ffffffff,
                               0xffffffff00000000};

// Writes, reads, and puts the old value back before anything else can happen.
static u64 written(const struct reg *r, u64 value)
{
    u32 code[] = {insn_mrs(r->op0, r->op1, r->crn, r->crm, r->op2, 1),
                  insn_msr(r->op0, r->op1, r->crn, r->crm, r->op2, 0),
                  INSN("isb"),
                  insn_mrs(r->op0, r->op1, r->crn, r->crm, r->op2, 2),
                  insn_msr(r->op0, r->op1, r->crn, r->crm, r->op2, 1),
                  INSN("isb")};
    run_n(EL1, code, ARRAY_SIZE(code), value, 0, 0, 0);
    return exc.taken ? exc.esr : exc.x[2];
}

static void stored(void)
{
    msr(oslar_el1, 0);
    isb();
    for (unsigned n = 0; n < ARRAY_SIZE(regs); n++) {
        const struct reg *r = &regs[n];
        print("%s:", (u64)r->name);
        for (unsigned p = 0; p < ARRAY_SIZE(patterns); p++)
            print(" %x", written(r, patterns[p] & ~r->avoid) & r->mask);
        print("\n");
        // Bit for bit.
        u64 held = 0, stuck = 0;
        for (unsigned bit = 0; bit < 64; bit++)
            if (!(r->avoid >> bit & 1)) {
                held |= written(r, BIT(bit)) & BIT(bit);
                stuck |= written(r, ~BIT(bit) & ~r->avoid) & BIT(bit);
            }
        print("  bits %x stuck %x\n", held & r->mask, stuck & r->mask);
    }
}

// The control registers, one bit changed at a time. What has an effect on the running program is
// changed for two instructions only.
static u64 controls(u64 half)
{
    const struct reg sctlr = {"SCTLR_EL1", 3, 0, 1, 0, 0, 0, 0},
                     tcr = {"TCR_EL1", 3, 0, 2, 0, 2, 0, 0};
    // Not M and WXN, which would take the code away, nor EE and E0E, which turn memory round.
    static const u8 sctlr_bits[] = {1, 2, 3, 4, 9, 12, 14, 15, 16, 18, 23, 26, 44};
    for (unsigned n = 0; n < ARRAY_SIZE(sctlr_bits); n++) {
        u64 bit = BIT(sctlr_bits[n]);
        print("sctlr bit %d: %x %x\n", sctlr_bits[n], written(&sctlr, RT_SCTLR | bit) & bit,
              written(&sctlr, RT_SCTLR & ~bit) & bit);
    }
    // The bits of the half that this code does not run in.
    u64 free = half ? 0x0100044037000000 : 0x008002b00040bfbf;
    for (unsigned bit = 0; bit < 64; bit++)
        if (free >> bit & 1)
            print("tcr bit %d: %x %x\n", bit, written(&tcr, RT_TCR ^ BIT(bit)) & BIT(bit),
                  written(&tcr, RT_TCR) & BIT(bit));
    return 0;
}

static void debug(void)
{
    // QEMU 7.2 has no claim tags, and no debug communications channel.
    for (unsigned n = 0; n < 4; n++) {
        msr(oslar_el1, n);
        isb();
        print("oslar %d oslsr %x\n", n, mrs(oslsr_el1));
    }
    msr(oslar_el1, 0);
    isb();
    print("mdrar %x mdccsr %x\n", mrs(mdrar_el1) & 3, mrs(mdccsr_el0) & 0x60000000);
}

static void reset_values(void)
{
    print("reset: sctlr.M %d C %d I %d EE %d\n", reset_value[0] & 1, reset_value[0] >> 2 & 1,
          reset_value[0] >> 12 & 1, reset_value[0] >> 25 & 1);
    print("daif %x spsel %d el %x\n", reset_value[1], reset_value[2], reset_value[3]);
    print("oslsr %x cntkctl.EVNTEN %d cntp_ctl %x cntv_ctl %x\n", reset_value[4],
          reset_value[5] >> 2 & 1, reset_value[6] & 1, reset_value[7] & 1);
    print("igrpen %x %x pmr %x\n", reset_value[8], reset_value[9], reset_value[10]);
    print("mpidr %x\n", reset_value[11]);
}

static void from_el0(void)
{
    for (unsigned n = 0; n < ARRAY_SIZE(regs); n++) {
        const struct reg *r = &regs[n];
        // Timer registers are exceptions.c's; CNTKCTL_EL1 is 0 here.
        print("%s EL0 ", (u64)r->name);
        run(EL0, insn_mrs(r->op0, r->op1, r->crn, r->crm, r->op2, 3), 0, 0, 0, 0);
        report("read");
        print("%s EL0 ", (u64)r->name);
        run(EL0, insn_msr(r->op0, r->op1, r->crn, r->crm, r->op2, 3), 0, 0, 0, 0);
        report("write");
    }
}

// Registers of features that QEMU's CPU has and armlet's has not: PMU, RAS, LORegions, pointer
// authentication keys, random numbers, context numbers, MTE, statistical profiling and so on; and
// what is implementation defined. op0, op1, CRn, CRm (-1: any), op2 (-1: any).
static const signed char absent[][5] = {
    {3, 0, 2, 1, -1},
    {3, 0, 2, 2, -1},
    {3, 0, 2, 3, -1}, // keys
    {3, 0, 5, 3, -1},
    {3, 0, 5, 4, -1},
    {3, 0, 5, 5, -1}, // RAS
    {3, 0, 5, 6, -1},
    {3, 0, 9, 14, -1},
    {3, 0, 10, 4, -1}, // MTE, PMU, LOR
    {3, 0, 13, 0, 7},
    {3, 3, 13, 0, 7},
    {3, 0, 12, 1, 1}, // SCXTNUM, DISR
    {3, 3, 2, 4, -1},
    {3, 3, 4, 2, 7},
    {3, 3, 9, -1, -1}, // RNDR, TCO, PMU
    {3, 3, 14, -1, -1},
    {3, 0, 1, 0, 5},
    {3, 0, 1, 0, 6}, // timers are others', RGSR, GCR
    {3, 0, 12, 0, 2},
    {3, 3, 13, 0, 5},
    {3, 1, 0, 0, 4}, // RMR, TPIDR2, GMID
    {3, 0, 0, -1, -1},
    {3, 1, 0, -1, -1},
    {3, 0, 12, -1, -1}, // ID space, GIC
    {3, 0, 15, -1, -1},
    {3, 1, 15, -1, -1},
    {3, 1, 11, -1, -1},
    {3, 3, 15, -1, -1},
    {3, 0, 11, -1, -1},
    {3, 0, 10, 2, 4},
    {3, 0, 10, 5, -1},
    {2, 0, 0, -1, -1}, // debug: the number of breakpoints is the model's
    // Outer shareable and range TLBI, DC CVADP, MTE's, restrictions of prediction.
    {1, 0, 8, 1, -1},
    {1, 0, 8, 2, -1},
    {1, 0, 8, 5, -1},
    {1, 0, 8, 6, -1},
    {1, 3, 7, 13, 1},
    {1, 3, 7, 3, -1},
    {1, 0, 7, 6, 3},
    {1, 0, 7, 6, 4},
    {1, 0, 7, 6, 5},
    {1, 0, 7, 6, 6},
    // The other way round: what QEMU 7.2 does not have.
    {2, 0, 1, 4, 4},
    {2, 0, 7, -1, -1},
    {2, 3, 0, 4, 0},
    {2, 3, 0, 5, 0},
};

static bool is_absent(unsigned op0, unsigned op1, unsigned crn, unsigned crm, unsigned op2)
{
    for (unsigned n = 0; n < ARRAY_SIZE(absent); n++) {
        const signed char *a = absent[n];
        if (a[0] == (int)op0 && a[1] == (int)op1 && a[2] == (int)crn &&
            (a[3] < 0 || a[3] == (int)crm) && (a[4] < 0 || a[4] == (int)op2))
            return true;
    }
    return false;
}

// A page of two-instruction functions, executable at EL1 in one place and at EL0 in another.
#define X1    0x0000456780000000ull
#define X0    0x0000456780010000ull
#define BATCH 256u

struct batch {
    unsigned n;
    u32 insn[BATCH];
};

static void try_batch(struct batch *b, bool ids)
{
    volatile u32 *to = phys(ARENA);
    for (unsigned n = 0; n < b->n; n++) {
        to[4 * n] = to[4 * n + 2] = b->insn[n];
        to[4 * n + 1] = 0xd65f03c0;
        to[4 * n + 3] = 0xd4000001 | 0x7fff << 5;
    }
    sync_code((u64)to, 4096);
    for (unsigned n = 0; n < b->n; n++)
        for (unsigned el = 0; el < 2; el++) {
            u32 i = b->insn[n];
            if (el)
                guarded(X1 + 16 * n, 0, 1, 2, (u64)el0_page, 4, 5, 6);
            else
                enter_el0(X0 + 16 * n + 8, 0, 1, 2, (u64)el0_page);
            // With CRn 0 FEAT_IDST makes a difference, see below.
            if (exc.taken && (exc.esr == ESR(0, 0) || (ids && !(i >> 12 & 15))))
                continue;
            print("s%d_%d_c%d_c%d_%d EL%d", i >> 19 & 3, i >> 16 & 7, i >> 12 & 15, i >> 8 & 15,
                  i >> 5 & 7, el);
            if (exc.taken)
                print(" esr %x\n", exc.esr);
            else
                print(" exists\n");
        }
    b->n = 0;
}

static struct batch batch;

static void add(u32 insn)
{
    batch.insn[batch.n++] = insn;
    if (batch.n == BATCH)
        try_batch(&batch, true);
}

// Reads of every encoding but those: what exists at EL1 and EL0, and how the others refuse. And
// every system instruction, with an address that is good for any of them.
static void space(void)
{
    struct tt t;
    tt_init(&t, 12, 16, ARENA + 0x1000000);
    tt_map(&t, X1, 3, ARENA | D_NORMAL);
    tt_map(&t, X0, 3, ARENA | D_NORMAL | D_USER | D_RO);
    tt_use(&t, 0, 0, 0);
    msr(sctlr_el1, RT_SCTLR | BIT(9) | BIT(15) | BIT(14) | BIT(26));
    isb();
    for (unsigned op0 = 1; op0 < 4; op0++)
        for (unsigned op1 = 0; op1 < 8; op1++)
            for (unsigned crn = 0; crn < 16; crn++)
                for (unsigned crm = 0; crm < 16; crm++)
                    for (unsigned op2 = 0; op2 < 8; op2++) {
                        if (is_absent(op0, op1, crn, crm, op2))
                            continue;
                        add(op0 == 1
                                ? (insn_msr(1, op1, crn, crm, op2, 3) & ~(3u << 19)) | 1 << 19
                                : (insn_mrs(op0, op1, crn, crm, op2, 3) & ~(3u << 19)) | op0 << 19);
                    }
    try_batch(&batch, true);
    tt_restore();
}

// The ID space (op0 3, op1 0, CRn 0, CRm 1 to 7) is readable at EL1 whole, and never at EL0. There
// FEAT_IDST, which QEMU's CPU has, makes another syndrome of it.
static void id_space(void)
{
    for (unsigned crm = 1; crm < 8; crm++)
        for (unsigned op2 = 0; op2 < 8; op2++) {
            run(EL1, insn_mrs(3, 0, 0, crm, op2, 3), 0, 0, 0, 0);
            print("id c%d %d: EL1 taken %d", crm, op2, exc.taken);
            run(EL0, insn_mrs(3, 0, 0, crm, op2, 3), 0, 0, 0, 0);
            print(" EL0 taken %d", exc.taken);
            run(EL1, insn_msr(3, 0, 0, crm, op2, 3), 0, 0, 0, 0);
            print(" written taken %d esr %x\n", exc.taken, exc.esr);
        }
    static const u8 other[][2] = {{0, 0}, {0, 5}, {0, 6}};
    for (unsigned n = 0; n < ARRAY_SIZE(other); n++) {
        run(EL1, insn_mrs(3, 0, 0, other[n][0], other[n][1], 3), 0, 0, 0, 0);
        print("id c%d %d: EL1 taken %d\n", other[n][0], other[n][1], exc.taken);
    }
    u32 cache[] = {INSN("mrs x0, ccsidr_el1"), INSN("mrs x0, clidr_el1"), INSN("mrs x0, aidr_el1"),
                   INSN("mrs x0, csselr_el1"), INSN("mrs x0, dczid_el0")};
    for (unsigned n = 0; n < ARRAY_SIZE(cache); n++) {
        run(EL1, cache[n], 0, 0, 0, 0);
        print("cache %d: taken %d\n", n, exc.taken);
    }
    // One block size of DC ZVA, and DZP as SCTLR_EL1.DZE has it.
    run(EL0, INSN("mrs x0, dczid_el0"), 0, 0, 0, 0);
    print("dzp %d", exc.x[0] >> 4 & 1);
    msr(sctlr_el1, RT_SCTLR | BIT(14));
    isb();
    run(EL0, INSN("mrs x0, dczid_el0"), 0, 0, 0, 0);
    print(" %d size %d\n", exc.x[0] >> 4 & 1, exc.x[0] & 15);
    msr(sctlr_el1, RT_SCTLR);
    isb();
}

void program(void)
{
    reset_values();
    stored();
    controls(0);
    rt_in_low(controls, 1);
    debug();
    from_el0();
    id_space();
    space();
}
