// SPDX-License-Identifier: GPL-3.0-or-later
// Synchronous exceptions and their syndromes (Arm ARM D1.3, ESR_EL1).
#include "tables.h"

static void each(const char *name, u32 insn)
{
    u64 data = (u64)el0_page;
    print("EL1 ");
    run(EL1, insn, data, data, data, data);
    report(name);
    print("EL0 ");
    run(EL0, insn, data, data, data, data);
    report(name);
}
#define EACH(text) each(text, INSN(text))
#define RAW(n)     each(#n, n)

static void generating(void)
{
    EACH("svc #0");
    EACH("svc #0xffff");
    EACH("brk #0");
    EACH("brk #0xfedc");
    EACH("hlt #0");
    EACH("hlt #0x1234");
    EACH("smc #0");
    EACH("smc #0x8001");
    EACH("dcps1 #0");
    EACH("dcps2 #1");
    EACH("dcps3 #2");
    EACH("drps");
    run(EL0, INSN("hvc #3"), 0, 0, 0, 0);
    report("EL0 hvc");
    run(EL0, INSN("eret"), 0, 0, 0, 0);
    report("EL0 eret");
}

// Encodings that nobody has allocated, or not in any feature of either CPU.
static void unallocated(void)
{
    RAW(0x00000000);
    RAW(0x0000ffff);
    RAW(0x00010000);
    RAW(0x02000000);
    RAW(0x06abcdef);
    RAW(0xffffffff);
    RAW(0xd4000000); // exception generation, LL = 0
    RAW(0xd4200001);
    RAW(0xd4400001);
    RAW(0xd4a00000); // DCPS with LL = 0
    RAW(0xd5000000); // SYS with op0 = 0, nothing known
    RAW(0xd500407f); // MSR (immediate), op1 = 0, op2 = 3: PAN is 4
    RAW(0xd503301f);
    RAW(0x0b400020 | 3 << 22); // ADD (shifted), ROR
    RAW(0x0b208c20);           // ADD (extended), shift 3 is allowed
    RAW(0x0b209420);           // shift 5 is not
    RAW(0x13400000);           // SBFM, N = 1 with sf = 0
    RAW(0x12400000);           // AND (immediate), N = 1 with sf = 0
    RAW(0x9240fc00);           // AND (immediate), immr, imms = 111111 with N = 1
    RAW(0x138087c0);           // EXTR 32 bits with imms 33
    RAW(0x1ac00000);           // data processing, 2 sources, opcode 0
    RAW(0x1b400000);
    RAW(0x9b208000 | 3 << 21);
    RAW(0x5ac01800); // 1 source: CLZ's neighbours
    RAW(0xdac02c00);
    RAW(0x1a800c00);           // CSEL, op2 = 3
    RAW(0x3a400810 | 1 << 10); // CCMN, o2
    RAW(0x72e00000);           // MOVK 32 bits, hw 3
    RAW(0x32800000);           // MOVN's neighbour, opc = 1
    RAW(0xd6000000);           // BR with op2 = 0
    RAW(0xd67f03c0);
    RAW(0xd69f03e1);
    RAW(0x54000010); // B.cond, o0
    RAW(0x08a08020); // CASP without 31 in Rt2 is LSE's; with it, below
    RAW(0x1e604000 | 1 << 29);
    RAW(0x1ee00000 | 3 << 22);
    RAW(0x38800c00 | 3u << 30 | 2 << 22); // size 3, opc 2, pre-indexed
    RAW(0xb9c00000 | 1u << 30);           // LDRSW's neighbour, size 3 opc 3
    RAW(0xc8207c00 | 31 << 10);           // STXP with reserved bits is as without
    RAW(0x2ac00000);
    RAW(0x0e205800 | 3 << 22); // CNT with size 3
    RAW(0x4e209c00 | 3 << 22); // MUL with size 3
    RAW(0x5e20d400 | 1 << 29 | 3 << 22);
}

static void system_registers(void)
{
    // op0, op1, CRn, CRm, op2: of EL2 and EL3, EL12 forms, implementation defined, unallocated,
    // read-only ones written and write-only ones read. All are undefined.
    static const u8 reg[][6] = {
        {3, 4, 1, 0, 0, 3},   {3, 4, 2, 0, 2, 3},   {3, 4, 12, 0, 0, 3},  {3, 4, 5, 2, 0, 3},
        {3, 6, 1, 0, 0, 3},   {3, 6, 12, 0, 0, 3},  {3, 6, 1, 1, 0, 3},   {3, 5, 1, 0, 0, 3},
        {3, 5, 12, 0, 0, 3},  {3, 5, 14, 1, 0, 3},  {3, 5, 14, 2, 1, 3},  {3, 4, 14, 0, 3, 3},
        {3, 0, 11, 0, 0, 3},  {3, 0, 15, 2, 7, 3},  {3, 7, 15, 1, 0, 3},  {3, 3, 11, 4, 1, 3},
        {3, 0, 1, 0, 7, 3},   {3, 0, 3, 0, 0, 3},   {3, 0, 4, 2, 1, 3},   {3, 0, 4, 7, 0, 3},
        {3, 0, 8, 0, 0, 3},   {3, 2, 1, 0, 0, 3},   {3, 3, 4, 2, 3, 3},   {3, 7, 0, 0, 0, 3},
        {3, 0, 0, 0, 0, 2},   {3, 0, 0, 0, 5, 2},   {3, 0, 0, 4, 0, 2},   {3, 0, 4, 2, 2, 2},
        {3, 3, 0, 0, 1, 2},   {3, 3, 14, 0, 1, 2},  {3, 3, 14, 0, 2, 2},  {3, 0, 12, 1, 0, 2},
        {2, 0, 1, 0, 4, 1},   {2, 0, 1, 1, 4, 2},   {3, 0, 12, 12, 1, 1}, {3, 0, 12, 12, 0, 2},
        {3, 0, 12, 11, 5, 1}, {3, 0, 12, 11, 3, 2}, {2, 0, 9, 9, 0, 3},   {2, 7, 0, 0, 0, 3},
        {0, 0, 5, 0, 0, 2},   {0, 3, 4, 0, 0, 2},   {1, 0, 11, 0, 0, 3},  {1, 4, 7, 8, 0, 2},
        {1, 4, 8, 7, 0, 2},   {1, 6, 8, 7, 0, 2},   {1, 4, 8, 3, 1, 2},   {1, 0, 7, 0, 0, 2},
        {1, 3, 7, 15, 1, 2},  {1, 0, 8, 15, 0, 2},  {1, 7, 15, 0, 0, 3},  {1, 2, 7, 0, 0, 3},
    };
    for (unsigned n = 0; n < ARRAY_SIZE(reg); n++) {
        const u8 *r = reg[n];
        for (unsigned read = 0; read < 2; read++) {
            if (!(r[5] & (read ? 1 : 2)))
                continue;
            u32 insn = (read ? insn_mrs : insn_msr)(0, r[1], r[2], r[3], r[4], 5) | r[0] << 19;
            print("s%d_%d_c%d_c%d_%d %s ", r[0], r[1], r[2], r[3], r[4],
                  (u64)(read ? "read" : "write"));
            each("", insn);
        }
    }
}

static void illegal_return(void)
{
    // Not 0x10: QEMU's CPU has AArch32 at EL0.
    for (u64 m = 0; m < 32; m++) {
        if (m == 0x10)
            continue;
        exc.in_spsr = 0x90000240 | m;
        exc.in_sp = (u64)el0_stack_top;
        u32 insn = INSN("svc #0x11");
        entered(code_at(m < 4 ? EL0 : EL1, &insn, 1), 0, 0, 0, 0, 0, 0, 0);
        print("M %x flags %x ", m, exc.spsr >> 28);
        report("eret");
    }
    u32 insn = INSN("svc #0x12");
    exc.in_spsr = 0x003003c5; // IL and SS of a legal return
    entered(code_at(EL1, &insn, 1), 0, 0, 0, 0, 0, 0, 0);
    report("eret to EL1 with IL");
    exc.in_spsr = 0x001003c0;
    entered(code_at(EL0, &insn, 1), 0, 0, 0, 0, 0, 0, 0);
    report("eret to EL0 with IL");
    // PSTATE.PAN is restored by an illegal return as well (SetPSTATEFromPSR()); QEMU keeps it. UAO,
    // DIT and SSBS are unknown then.
    exc.in_spsr = 0x004003cf;
    entered(code_at(EL1, &insn, 1), 0, 0, 0, 0, 0, 0, 0);
    arm_says("pan 1");
    print("pan %d\n", exc.spsr >> 22 & 1);
}

static void pc_alignment(void)
{
    for (unsigned off = 1; off < 4; off++) {
        print("+%d ", off);
        guarded(code_page(EL1) + off, 0, 0, 0, 0, 0, 0, 0);
        report("EL1 ret to");
        run(EL1, INSN("br x0"), code_page(EL1) + off, 0, 0, 0);
        report("EL1 br");
        run(EL1, INSN("blr x0"), code_page(EL1) + off, 0, 0, 0);
        report("EL1 blr");
        enter_el0(code_page(EL0) + off, 0, 0, 0, 0);
        report("EL0 eret to");
        run(EL0, INSN("br x0"), code_page(EL0) + off, 0, 0, 0);
        report("EL0 br");
        // Alignment is looked at before anything is translated (D1.3.5.5); QEMU translates first.
        u64 nowhere = 0x123400000000 + off;
        run(EL0, INSN("br x0"), nowhere, 0, 0, 0);
        report_as("EL0 br to nowhere", EL0, ESR(0x22, 0), nowhere, nowhere);
        run(EL1, INSN("br x0"), nowhere, 0, 0, 0);
        report_as("EL1 br to nowhere", EL1, ESR(0x22, 0), nowhere, nowhere);
    }
}

static void sp_alignment(void)
{
    // QEMU does not check SP.
    u32 move = INSN("mov x3, sp"), set = INSN("mov sp, x1"), back = INSN("mov sp, x3");
    u32 access[] = {
        INSN("ldr x0, [sp]"),
        INSN("str x0, [sp]"),
        INSN("ldrb w0, [sp, #5]"),
        INSN("ldp x4, x5, [sp]"),
        INSN("stp x4, x5, [sp]"),
        INSN("ldr x0, [sp], #16"),
        INSN("str x0, [sp, #-16]!"),
        INSN("ldr x0, [sp, x2]"),
        INSN("ldur x0, [sp, #3]"),
        INSN("ldxr x0, [sp]"),
        INSN("stxr w0, x4, [sp]"),
        INSN("ldar x0, [sp]"),
        INSN("ldadd x4, x0, [sp]"),
        INSN("cas x4, x0, [sp]"),
        INSN("ldr d0, [sp]"),
        INSN("ldp q0, q1, [sp]"),
        INSN("ld1 {v0.16b}, [sp]"),
        INSN("st1 {v0.b}[1], [sp]"),
        INSN("ldtr x0, [sp]"),
        INSN("prfm pldl1keep, [sp]"),
        INSN("prfm pldl1keep, [sp, x2]"),
        INSN("add x0, sp, #1"),
        INSN("nop"),
    };
    for (unsigned setting = 0; setting < 4; setting++) {
        msr(sctlr_el1, (RT_SCTLR & ~0x18ull) | setting << 3);
        isb();
        for (unsigned n = 0; n < ARRAY_SIZE(access); n++) {
            // Exclusives and atomics would be misaligned without the check; those are in
            // alignment.c.
            if (setting != 3 && n >= 9 && n <= 13)
                continue;
            u32 insns[4] = {move, set, access[n], back};
            for (unsigned el = 0; el < 2; el++) {
                u64 sp = (el ? (u64)el0_page + RW_ALIAS : (u64)el0_page) + 0x808;
                print("SA %d SA0 %d EL%d insn %d ", setting & 1, setting >> 1, el, n);
                run_n(el, insns, 4, 0, sp, 0, 0);
                if (setting & (el ? 1 : 2) && n <= 18) // prefetches and arithmetic do not care
                    report_as("", el, ESR(0x26, 0), 8, 0);
                else
                    report("");
            }
        }
    }
    msr(sctlr_el1, RT_SCTLR);
    isb();
    for (unsigned off = 0; off < 17; off++) {
        u32 insns[4] = {move, set, access[0], back};
        run_n(EL0, insns, 4, 0, (u64)el0_page + off, 0, 0);
        print("SP + %d ", off);
        if (off & 15)
            report_as("", EL0, ESR(0x26, 0), 8, 0);
        else
            report("");
    }
    // EL1t uses SP_EL0, and SA.
    u32 insns[2] = {access[0], INSN("svc #1")};
    exc.in_spsr = 0x3c4;
    exc.in_sp = (u64)el0_page + 8;
    entered(code_at(EL1, insns, 2), 0, 0, 0, 0, 0, 0, 0);
    arm_says("EL1t: vector 0 ec 26 il 1 iss 0 elr code+0 spsr 3c4");
    report("EL1t");
}

static void fp_trap(void)
{
    u32 insn[] = {
        INSN("fmov d0, #1.0"),       INSN("ldr q0, [x1]"),  INSN("add v0.16b, v0.16b, v0.16b"),
        INSN("mrs x0, fpcr"),        INSN("msr fpsr, xzr"), INSN("ld1 {v0.d}[1], [x1], #8"),
        INSN("aese v0.16b, v0.16b"), INSN("fcvtzs x0, d0"), INSN("sha256h q0, q0, v0.4s")};
    for (u64 fpen = 0; fpen < 4; fpen++) {
        msr(cpacr_el1, fpen << 20);
        isb();
        for (unsigned n = 0; n < ARRAY_SIZE(insn); n++)
            for (unsigned el = 0; el < 2; el++) {
                run(el, insn[n], 0, (u64)el0_page + (el ? RW_ALIAS : 0), 0, 0);
                print("FPEN %d EL%d insn %d ", fpen, el, n);
                report("");
            }
        // The trap comes before the access's own faults, and an undefined encoding before the trap.
        run(EL1, INSN("ldr q0, [x1]"), 0, 0x123400000000, 0, 0);
        report("unmapped");
        run(EL1, 0x4e209c00 | 3 << 22, 0, 0, 0, 0);
        report("undefined");
    }
    msr(cpacr_el1, 3 << 20);
    isb();
}

static void control(const char *name, u64 bit, const u32 *insn, unsigned n)
{
    for (unsigned on = 0; on < 2; on++) {
        msr(sctlr_el1, on ? RT_SCTLR | bit : RT_SCTLR & ~bit);
        isb();
        for (unsigned i = 0; i < n; i++)
            for (unsigned el = 0; el < 2; el++) {
                u64 page = (u64)el0_page + (el ? RW_ALIAS : 0);
                run(el, insn[i], page, page, page, page);
                print("%s %d EL%d insn %d ", (u64)name, on, el, i);
                // MSR DAIFSet: QEMU has Op1 and Op2 the wrong way round in the syndrome.
                unsigned op1 = exc.esr >> 14 & 7, op2 = exc.esr >> 17 & 7;
                if (exc.taken && (insn[i] & 0xfff8f01f) == 0xd500401f && op1 != 3)
                    report_esr("", (exc.esr & ~0xfc000ull) | op1 << 17 | op2 << 14);
                else
                    report("");
            }
    }
    msr(sctlr_el1, RT_SCTLR);
    isb();
}

static void controls(void)
{
    u32 uct[] = {INSN("mrs x7, ctr_el0"), INSN("mrs xzr, ctr_el0"), INSN("mrs x7, dczid_el0")};
    control("UCT", BIT(15), uct, ARRAY_SIZE(uct));
    u32 uci[] = {INSN("dc cvau, x1"), INSN("dc cvac, x1"), INSN("dc civac, x1"),
                 INSN("dc cvap, x1"), INSN("ic ivau, x1")};
    control("UCI", BIT(26), uci, ARRAY_SIZE(uci));
    u32 dze[] = {INSN("dc zva, x1"), INSN("mrs x3, dczid_el0")};
    control("DZE", BIT(14), dze, ARRAY_SIZE(dze));
    u32 uma[] = {INSN("mrs x4, daif"), INSN("msr daif, xzr"), INSN("msr daifset, #15"),
                 INSN("msr daifclr, #2")};
    // At EL1 an unmasked interrupt would do no harm: none is enabled.
    control("UMA", BIT(9), uma, ARRAY_SIZE(uma));
    u32 always[] = {INSN("ic iallu"),
                    INSN("dc ivac, x1"),
                    INSN("dc isw, xzr"),
                    INSN("dc csw, xzr"),
                    INSN("dc cisw, xzr"),
                    INSN("tlbi vmalle1"),
                    INSN("tlbi vae1is, x0"),
                    INSN("at s1e1r, x0"),
                    INSN("at s1e0w, x0"),
                    INSN("at s1e1rp, x0"),
                    INSN("msr spsel, #1"),
                    INSN("msr pan, #0"),
                    INSN("msr uao, #0"),
                    INSN("msr dit, #1"),
                    INSN("msr ssbs, #1"),
                    INSN("mrs x2, ssbs"),
                    INSN("mrs x2, nzcv"),
                    INSN("msr nzcv, x0"),
                    INSN("mrs x2, spsel"),
                    INSN("mrs x2, currentel"),
                    INSN("mrs x2, sp_el0"),
                    INSN("mrs x2, pan"),
                    INSN("mrs x2, uao"),
                    INSN("mrs x2, dit"),
                    INSN("mrs x2, tpidr_el0"),
                    INSN("mrs x2, tpidrro_el0"),
                    INSN("mrs x2, tpidr_el1"),
                    INSN("msr tpidr_el0, x2"),
                    INSN("mrs x2, elr_el1"),
                    INSN("mrs x2, vbar_el1"),
                    INSN("mrs x2, contextidr_el1"),
                    INSN("mrs x2, par_el1")};
    control("other", 0, always, ARRAY_SIZE(always));
    run(EL0, INSN("msr tpidrro_el0, x2"), 0, 0, 0, 0);
    report("EL0 msr tpidrro_el0");
}

static void waiting(void)
{
    u32 wfe2[2] = {INSN("wfe"), INSN("wfe")};
    for (unsigned on = 0; on < 2; on++) {
        msr(sctlr_el1, on ? RT_SCTLR : RT_SCTLR & ~(BIT(16) | BIT(18)));
        isb();
        print("nTWE %d ", on);
        run_n(EL0, wfe2, 2, 0, 0, 0, 0);
        // The return to EL0 set the event register, so the second WFE would wait, and traps. QEMU
        // does not know the event register and never traps WFE.
        if (!on)
            report_as("wfe", EL0, ESR(1, 0x1e00001), 4, 0);
        else
            report("wfe");
    }
    msr(sctlr_el1, RT_SCTLR & ~BIT(16));
    isb();
    run(EL0, INSN("wfi"), 0, 0, 0, 0);
    report("nTWI 0 wfi");
    msr(sctlr_el1, RT_SCTLR);
    isb();
}

static void counters(void)
{
    u32 insn[] = {
        INSN("mrs x3, cntfrq_el0"),    INSN("mrs x3, cntpct_el0"),    INSN("mrs x3, cntvct_el0"),
        INSN("mrs x3, cntp_ctl_el0"),  INSN("mrs x3, cntp_cval_el0"), INSN("mrs x3, cntp_tval_el0"),
        INSN("mrs x3, cntv_ctl_el0"),  INSN("mrs x3, cntv_cval_el0"), INSN("mrs x3, cntv_tval_el0"),
        INSN("msr cntp_ctl_el0, xzr"), INSN("msr cntv_ctl_el0, xzr"), INSN("msr cntv_cval_el0, x3"),
        INSN("msr cntp_tval_el0, x3"), INSN("msr cntfrq_el0, x3"),    INSN("mrs x3, cntkctl_el1")};
    static const u16 value[] = {0, 1, 2, 3, 0x100, 0x200, 0x303};
    for (unsigned v = 0; v < ARRAY_SIZE(value); v++) {
        msr(cntkctl_el1, value[v]);
        isb();
        for (unsigned n = 0; n < ARRAY_SIZE(insn); n++) {
            run(EL0, insn[n], 0, 0, 0, 0);
            print("CNTKCTL %x insn %d ", value[v], n);
            report("");
        }
    }
    msr(cntkctl_el1, 0);
    isb();
}

// Aborts -----------------------------------------------------------------------------------------

enum { PAGE, RO_PAGE, NO_AF, HOLE, KERNEL, FAR_OUT, BUS, NR_PLACES };
static const char place_name[NR_PLACES][12] = {"page",   "read-only", "no-af", "hole",
                                               "kernel", "far-out",   "bus"};
#define VA(place) (0x7f80400000ull + (place)*0x10000)

struct op {
    u32 insn;
    bool atomic, write;
};

static void map_places(struct tt *t)
{
    tt_init(t, 12, 16, ARENA + 0x100000);
    tt_map(t, VA(PAGE), 3, ARENA | D_NORMAL | D_USER);
    tt_map(t, VA(RO_PAGE), 3, ARENA | D_NORMAL | D_USER | D_RO);
    tt_map(t, VA(NO_AF), 3, (ARENA | D_NORMAL | D_USER) & ~D_AF);
    tt_map(t, VA(KERNEL), 3, ARENA | D_NORMAL | D_PXN | D_UXN);
    tt_map(t, VA(FAR_OUT), 3, 1ull << 44 | D_NORMAL | D_USER);
    tt_map(t, VA(BUS), 3, 0x60000000 | D_AF | D_USER | D_ATTR(3));
    tt_use(t, 0, 0, 1);
}

// An atomic's WnR is 0 if a read would have had the fault that is reported; QEMU says 1 always.
static u64 atomic_esr(unsigned place, unsigned el)
{
    unsigned fsc = exc.esr & 0x3f;
    bool read_faults = place != RO_PAGE || (fsc & ~3u) != 0x0c;
    (void)el;
    return read_faults ? exc.esr & ~BIT(6) : exc.esr;
}

static void accesses(void)
{
    struct tt t;
    map_places(&t);
    struct op op[] = {
        {INSN("ldrb w0, [x1]"), 0, 0},
        {INSN("ldr x0, [x1]"), 0, 0},
        {INSN("strb w0, [x1]"), 0, 0},
        {INSN("str x0, [x1, #8]"), 0, 0},
        {INSN("ldp x0, x2, [x1]"), 0, 0},
        {INSN("stp x0, x2, [x1, #16]"), 0, 0},
        {INSN("ldr x0, [x1, #8]!"), 0, 0},
        {INSN("str x0, [x1], #8"), 0, 0},
        {INSN("ldtr x0, [x1]"), 0, 0},
        {INSN("sttr x0, [x1]"), 0, 0},
        {INSN("ldar x0, [x1]"), 0, 0},
        {INSN("stlr x0, [x1]"), 0, 0},
        {INSN("ldxr x0, [x1]"), 0, 0},
        {INSN("ldxp x0, x2, [x1]"), 0, 0},
        {INSN("ldr q0, [x1]"), 0, 0},
        {INSN("st1 {v0.16b, v1.16b}, [x1]"), 0, 0},
        {INSN("ld4 {v0.b, v1.b, v2.b, v3.b}[2], [x1]"), 0, 0},
        {INSN("ldadd x0, x2, [x1]"), 1, 0},
        {INSN("stadd x0, [x1]"), 1, 0},
        {INSN("swp x0, x2, [x1]"), 1, 0},
        {INSN("cas x0, x2, [x1]"), 1, 0},
        {INSN("caspal x2, x3, x4, x5, [x1]"), 1, 0},
        {INSN("prfm pldl1keep, [x1]"), 0, 0},
    };
    for (unsigned p = 0; p < NR_PLACES; p++)
        for (unsigned n = 0; n < ARRAY_SIZE(op); n++)
            for (unsigned el = 0; el < 2; el++) {
                if (p == BUS && op[n].atomic)
                    continue; // what an atomic does at a device is implementation defined
                run(el, op[n].insn, 0, VA(p) + 0x340, 0, 0);
                print("%s EL%d insn %d ", (u64)place_name[p], el, n);
                if (op[n].atomic)
                    report_esr("", atomic_esr(p, el));
                else
                    report("");
            }
    tt_restore();
}

static void fetches(void)
{
    struct tt t;
    ((volatile u32 *)phys(ARENA))[0] = INSN("ret");
    ((volatile u32 *)phys(ARENA))[2] = INSN("svc #0x7fff");
    sync_code((u64)phys(ARENA), 16);
    map_places(&t);
    for (unsigned p = 0; p < NR_PLACES; p++) {
        print("%s ", (u64)place_name[p]);
        guarded(VA(p), 0, 0, 0, 0, 0, 0, 0);
        report("EL1 fetch");
        print("%s ", (u64)place_name[p]);
        enter_el0(VA(p) + 8, 0, 0, 0, 0);
        report("EL0 fetch");
    }
    tt_restore();
}

// Cache maintenance by address. QEMU has no caches and makes most of these do nothing; a fault is
// reported with CM and WnR (ESR_EL1), and what may fault is in D7.5.8 of the Arm ARM: DC IVAC needs
// permission to write, the others at EL0 to read, and at EL1 none.
static void maintenance(void)
{
    struct tt t;
    map_places(&t);
    msr(sctlr_el1, RT_SCTLR | BIT(26) | BIT(14));
    isb();
    u32 insn[] = {INSN("dc cvau, x1"), INSN("dc cvac, x1"), INSN("dc civac, x1"),
                  INSN("dc cvap, x1"), INSN("ic ivau, x1"), INSN("dc ivac, x1")};
    for (unsigned p = 0; p < BUS; p++)
        for (unsigned n = 0; n < ARRAY_SIZE(insn); n++)
            for (unsigned el = n == 5 ? 1 : 0; el < 2; el++) {
                u64 va = VA(p) + 0x344;
                unsigned fsc = p == NO_AF ? 0xb : p == HOLE ? 7 : p == FAR_OUT ? 3 : 0;
                if (p == KERNEL && !el)
                    fsc = 0xf;
                if (p == RO_PAGE && n == 5)
                    fsc = 0xf;
                run(el, insn[n], 0, va, 0, 0);
                print("%s EL%d insn %d ", (u64)place_name[p], el, n);
                if (fsc)
                    report_as("", el, ESR(el ? 0x25 : 0x24, BIT(8) | BIT(6) | fsc), 0, va);
                else
                    report_none("");
            }
    for (unsigned p = 0; p < BUS; p++)
        for (unsigned el = 0; el < 2; el++) {
            run(el, INSN("dc zva, x1"), 0, VA(p) + 0x344, 0, 0);
            print("%s EL%d ", (u64)place_name[p], el);
            report("dc zva");
        }
    tt_restore();
}

// Which of several comes first (D1.3.5.5).
static void priorities(void)
{
    struct tt t;
    map_places(&t);
    // PC alignment, fetch, illegal state, in this order.
    for (unsigned el = 0; el < 2; el++)
        for (unsigned n = 0; n < 3; n++) {
            u64 pc = n == 0 ? code_page(el) : n == 1 ? VA(HOLE) : VA(HOLE) + 2;
            exc.in_spsr = 0x1003c0 | (el ? 5 : 0);
            exc.in_sp = (u64)el0_stack_top;
            entered(pc, 0, 0, 0, 0, 0, 0, 0);
            print("IL at EL%d %d ", el, n);
            if (n == 2) { // QEMU fetches first
                report_spsr = exc.in_spsr;
                report_as("", el, ESR(0x22, 0), pc, pc);
            } else {
                report("");
            }
        }
    // Alignment that the instruction itself asks for comes before translation.
    u32 aligned[] = {INSN("ldxr x0, [x1]"), INSN("ldaxrh w0, [x1]"), INSN("ldar w0, [x1]"),
                     INSN("stlr x0, [x1]"), INSN("ldapr x0, [x1]"),  INSN("ldxp x0, x2, [x1]")};
    for (unsigned p = 0; p < BUS; p++)
        for (unsigned n = 0; n < ARRAY_SIZE(aligned); n++) {
            run(n & 1, aligned[n], 0, VA(p) + 0x341, 0, 0);
            print("%s aligned %d ", (u64)place_name[p], n);
            if (n == 4) // QEMU does not have it for LDAPR
                report_as("", EL0, ESR(0x24, 0x21), 0, VA(p) + 0x341);
            else
                report("");
        }
    msr(sctlr_el1, RT_SCTLR | BIT(1));
    isb();
    u32 plain[] = {INSN("ldr x0, [x1]"), INSN("strh w0, [x1]"),     INSN("ldp x0, x2, [x1]"),
                   INSN("ldr q0, [x1]"), INSN("ld1 {v0.8h}, [x1]"), INSN("ldtr w0, [x1]")};
    for (unsigned p = 0; p < BUS; p++)
        for (unsigned n = 0; n < ARRAY_SIZE(plain); n++) {
            run(n & 1, plain[n], 0, VA(p) + 0x341, 0, 0);
            print("%s with A %d ", (u64)place_name[p], n);
            report("");
        }
    msr(sctlr_el1, RT_SCTLR);
    // The FP trap before SP alignment, and that before the access.
    u32 sp[] = {INSN("mov x3, sp"), INSN("mov sp, x1"), INSN("ldr q0, [sp]"), INSN("mov sp, x3")};
    for (unsigned trap = 0; trap < 2; trap++)
        for (unsigned el = 0; el < 2; el++) {
            msr(cpacr_el1, trap ? 0 : 3 << 20);
            isb();
            run_n(el, sp, 4, 0, VA(HOLE) + 8, 0, 0);
            print("FP and SP, trap %d EL%d ", trap, el);
            if (trap)
                report("");
            else // QEMU does not check SP
                report_as("", el, ESR(0x26, 0), 8, 0);
        }
    msr(cpacr_el1, 3 << 20);
    isb();
    tt_restore();
}

void program(void)
{
    generating();
    unallocated();
    system_registers();
    illegal_return();
    pc_alignment();
    sp_alignment();
    fp_trap();
    controls();
    waiting();
    counters();
    accesses();
    fetches();
    maintenance();
    priorities();
}
