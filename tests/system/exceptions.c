// SPDX-License-Identifier: GPL-3.0-or-later
// Exception entry and return by instruction: vectors, syndromes, SPSR packing, what entry does to
// PSTATE, interrupts and masks, ERET legal and illegal, software step.
#include "tables.h"

static struct box box;

static void setup(void)
{
    box_init(&box);
}

static void teardown(void)
{
    box_fini(&box);
}

TestSuite(exceptions, .init = setup, .fini = teardown);

#define VEC_SP0 0u
#define VEC_SPX 0x200u
#define VEC_EL0 0x400u

static uint64_t reg(unsigned slot)
{
    return box_reg(&box, slot);
}

static void expect_esr(const char *what, uint64_t ec, uint64_t iss)
{
    uint64_t want = ec << 26 | BIT(25) | iss;
    cr_expect_eq(reg(A64_ESR_EL1), want, "%s: ESR %#" PRIx64 ", not %#" PRIx64, what,
                 reg(A64_ESR_EL1), want);
}

// The vector's WFI was the last instruction.
static void expect_vector(const char *what, unsigned offset)
{
    cr_expect_eq(box.cpu->v.pc, VECTORS + offset + 4, "%s: at %#" PRIx64, what, box.cpu->v.pc);
}

static void expect_elr(const char *what, uint64_t want)
{
    cr_expect_eq(reg(A64_ELR_EL1), want, "%s: ELR %#" PRIx64, what, reg(A64_ELR_EL1));
}

static void set_el(unsigned el, unsigned spsel)
{
    box.cpu->el = (uint8_t)el;
    box.cpu->spsel = (uint8_t)spsel;
    a64_update_mode(box.cpu);
}

// Instruction, EL: class, ISS, whether the return address is the next instruction.
static const struct {
    const char *what;
    uint32_t insn;
    unsigned el;
    uint64_t ec, iss;
    bool next;
} raises[] = {
    { "svc", INSN_SVC(0x1234), 0, 0x15, 0x1234, true },
    { "svc", INSN_SVC(0xffff), 1, 0x15, 0xffff, true },
    { "brk", INSN_BRK(0xf000), 0, 0x3c, 0xf000, false },
    { "brk", INSN_BRK(1), 1, 0x3c, 1, false },
    { "hlt", 0xd4400000, 1, 0, 0, false },
    { "smc", 0xd4000003, 1, 0, 0, false },
    { "smc", 0xd4000003, 0, 0, 0, false },
    { "hvc", 0xd4000002, 0, 0, 0, false },
    { "eret", INSN_ERET, 0, 0, 0, false },
    { "dcps1", 0xd4a00001, 1, 0, 0, false },
    { "drps", 0xd6bf03e0, 1, 0, 0, false },
    { "udf", 0x00000000, 0, 0, 0, false },
    { "udf", 0x00000001, 1, 0, 0, false },
    { "msr pan at EL0", 0xd500419f, 0, 0, 0, false },
    { "msr spsel at EL0", 0xd50041bf, 0, 0, 0, false },
    { "msr uao at EL0", 0xd500417f, 0, 0, 0, false },
    // MSR (immediate): op0 0, op2 6, op1 3, CRn 4, Rt 31, CRm the operand.
    { "msr daifset at EL0", 0xd50342df, 0, 0x18, 6 << 17 | 3 << 14 | 4 << 10 | 31 << 5 | 2 << 1,
      false },
    { "msr daifclr at EL0", 0xd50342ff, 0, 0x18, 7 << 17 | 3 << 14 | 4 << 10 | 31 << 5 | 2 << 1,
      false },
    { "fadd, FP trapped", 0x1e602800, 1, 0x07, 0x1e00000, false },
    { "ldr q, FP trapped", 0x3dc00000, 0, 0x07, 0x1e00000, false },
    { "mrs fpcr, FP trapped", 0xd53b4400, 1, 0x07, 0x1e00000, false },
};

Test(exceptions, instructions)
{
    for (size_t n = 0; n < ARRAY_SIZE(raises); n++) {
        a64_cpu_reset(box.cpu, 0, 0);
        box.cpu->v.r[A64_VBAR_EL1] = VECTORS;
        cr_expect(!box_one(&box, raises[n].el, raises[n].insn, 0), "%s passed", raises[n].what);
        expect_esr(raises[n].what, raises[n].ec, raises[n].iss);
        expect_elr(raises[n].what, CODE + (raises[n].next ? 4 : 0));
        expect_vector(raises[n].what, raises[n].el ? VEC_SPX : VEC_EL0);
        cr_expect_eq(reg(A64_SPSR_EL1), (uint64_t)0x3c0 | (raises[n].el ? 5 : 0),
                     "%s: SPSR %#" PRIx64, raises[n].what, reg(A64_SPSR_EL1));
    }
}

Test(exceptions, fpen)
{
    static const uint8_t traps[4] = { 3, 1, 3, 0 }; // bit per EL
    for (unsigned fpen = 0; fpen < 4; fpen++)
        for (unsigned el = 0; el < 2; el++) {
            a64_cpu_reset(box.cpu, 0, 0);
            box.cpu->v.r[A64_VBAR_EL1] = VECTORS;
            box.cpu->v.r[A64_CPACR_EL1] = fpen << 20;
            bool done = box_one(&box, el, 0x4ea01c00 /* mov v0.16b, v0.16b */, 0);
            cr_expect_eq(done, !(traps[fpen] >> el & 1), "FPEN %u EL%u", fpen, el);
        }
}

// The four rows of the vector table, by where from and with which SP.
Test(exceptions, vectors)
{
    static const struct {
        unsigned el, spsel, base;
    } from[] = { { 1, 0, VEC_SP0 }, { 1, 1, VEC_SPX }, { 0, 0, VEC_EL0 }, { 0, 1, VEC_EL0 } };
    const uint32_t nop[] = { INSN_NOP, INSN_NOP, INSN_SVC(1) };
    for (unsigned n = 0; n < ARRAY_SIZE(from); n++)
        for (unsigned line = 0; line <= 2; line++) {
            box_code(&box, CODE, nop, 3);
            box.cpu->daif = 0;
            set_el(from[n].el, from[n].spsel);
            if (line == 0) {
                box_run(&box, CODE);
                expect_vector("svc", from[n].base);
                continue;
            }
            box.cpu->v.pc = CODE;
            a64_set_lines(box.cpu, line == 1 ? A64_LINE_IRQ : A64_LINE_FIQ);
            a64_interrupt(&box.cpu->v);
            cr_expect_eq(box.cpu->v.pc, VECTORS + from[n].base + line * 0x80, "%s: %#" PRIx64,
                         line == 1 ? "irq" : "fiq", box.cpu->v.pc);
            expect_elr("interrupt", CODE);
            cr_expect(box.cpu->daif == 15 && box.cpu->el == 1 && box.cpu->spsel == 1);
            a64_set_lines(box.cpu, 0);
        }
}

// Each PSTATE bit alone: saved where it belongs, and what entry makes of it.
Test(exceptions, pstate)
{
    const uint32_t svc[] = { INSN_SVC(0) };
    box_code(&box, CODE, svc, 1);
    for (unsigned n = 0; n < 32; n++) {
        static const uint32_t saved_bits = 0xf1c013c0; // not SS, not IL
        if (!(saved_bits >> n & 1))
            continue;
        struct a64_cpu *cpu = box.cpu;
        a64_cpu_reset(cpu, 0, 0);
        cpu->v.r[A64_VBAR_EL1] = VECTORS;
        uint64_t spsr = BIT(n);
        cpu->v.nzcv = spsr >> 28;
        cpu->daif = spsr >> 6 & 15;
        cpu->dit = spsr & BIT(24);
        cpu->uao = spsr & BIT(23);
        cpu->pan = spsr & BIT(22);
        cpu->ssbs = spsr & BIT(12);
        set_el(1, 1);
        cr_expect_eq(a64_spsr_pack(cpu), spsr | 5, "bit %u: %#" PRIx64, n, a64_spsr_pack(cpu));
        box_run(&box, CODE);
        cr_expect_eq(reg(A64_SPSR_EL1), spsr | 5, "bit %u: SPSR %#" PRIx64, n, reg(A64_SPSR_EL1));
        // SPAN is 1 at reset: PAN stays. UAO and SSBS (DSSBS 0) are cleared, DIT stays.
        uint64_t after = (spsr & (0xf0000000 | BIT(24) | BIT(22))) | 0x3c5;
        cr_expect_eq(a64_spsr_pack(cpu), after, "bit %u: PSTATE %#" PRIx64, n, a64_spsr_pack(cpu));
    }
}

Test(exceptions, span_and_dssbs)
{
    const uint32_t svc[] = { INSN_SVC(0) };
    box_code(&box, CODE, svc, 1);
    box.cpu->v.r[A64_SCTLR_EL1] &= ~SCTLR_SPAN;
    box.cpu->v.r[A64_SCTLR_EL1] |= SCTLR_DSSBS;
    set_el(0, 0);
    box_run(&box, CODE);
    cr_expect(box.cpu->pan && box.cpu->ssbs && !(reg(A64_SPSR_EL1) & (BIT(22) | BIT(12))));
}

Test(exceptions, monitor_is_cleared)
{
    const uint32_t code[] = { INSN_SVC(0) };
    box_code(&box, CODE, code, 1);
    box.cpu->v.excl_size = 8;
    box_run(&box, CODE);
    cr_expect_eq(box.cpu->v.excl_size, 0, "after entry");
    const uint32_t eret[] = { INSN_ERET };
    box_code(&box, CODE, eret, 1);
    box.cpu->v.r[A64_ELR_EL1] = VECTORS;
    box.cpu->v.r[A64_SPSR_EL1] = 0x3c5;
    box.cpu->v.excl_size = 8;
    box_run(&box, CODE);
    cr_expect_eq(box.cpu->v.excl_size, 0, "after return");
}

// Masks: DAIF holds at EL0 as at EL1; a masked interrupt is taken as soon as DAIFClr lets it.
Test(exceptions, interrupt_masks)
{
    for (unsigned el = 0; el < 2; el++)
        for (unsigned line = 1; line <= 2; line++)
            for (unsigned mask = 0; mask < 16; mask++) {
                struct a64_cpu *cpu = box.cpu;
                a64_cpu_reset(cpu, CODE, 0);
                set_el(el, 1);
                cpu->daif = (uint8_t)mask;
                a64_set_lines(cpu, line);
                a64_interrupt(&cpu->v);
                bool want = !(mask & (line == A64_LINE_IRQ ? PSTATE_I : PSTATE_F));
                cr_expect_eq(cpu->v.pc != CODE, want, "EL%u line %u mask %u", el, line, mask);
            }
    a64_set_lines(box.cpu, 0);
}

// The handler ends the run by asking the fake timer, which takes the line down.
static void line_down(void *opaque, unsigned cpu, unsigned which, unsigned r, uint64_t value)
{
    a64_set_lines(box.cpu, 0);
}

Test(exceptions, unmasking_takes_the_interrupt)
{
    static const uint32_t unmask[] = {
        0xd50342ff, // msr daifclr, #2
        0xd51b4220, // msr daif, x0 (0)
        INSN_ERET,  // to 0x200 further on with DAIF 0
    };
    const uint32_t handler[] = { INSN_MSR(a64_sysreg_id(3, 3, 14, 3, 1), 5), INSN_WFI };
    box.board.timer_write = line_down;
    box_code(&box, VECTORS + VEC_SPX + 0x80, handler, 2);
    for (unsigned n = 0; n < ARRAY_SIZE(unmask); n++) {
        const uint32_t code[] = { INSN_NOP, unmask[n], 0xd2800027 /* mov x7, #1 */, INSN_WFI };
        struct a64_cpu *cpu = box.cpu;
        a64_cpu_reset(cpu, 0, 0);
        cpu->v.r[A64_VBAR_EL1] = VECTORS;
        cpu->v.r[A64_ELR_EL1] = CODE + 0x200;
        cpu->v.r[A64_SPSR_EL1] = 5;
        box_code(&box, CODE, code, 4);
        a64_set_lines(cpu, A64_LINE_IRQ);
        box_run(&box, CODE);
        expect_vector("irq", VEC_SPX + 0x84);
        expect_elr("irq", n == 2 ? CODE + 0x200 : CODE + 8);
        cr_expect_eq(cpu->v.r[7], 0, "case %u: ran on", n);
    }
}

// ERET with every M[4:0]; what is illegal leaves EL and SP alone and sets PSTATE.IL.
Test(exceptions, eret)
{
    for (unsigned m = 0; m < 32; m++) {
        bool legal = m == 0 || m == 4 || m == 5;
        struct a64_cpu *cpu = box.cpu;
        a64_cpu_reset(cpu, 0, 0);
        cpu->v.r[A64_VBAR_EL1] = VECTORS;
        cpu->v.r[A64_ELR_EL1] = 0x40123450;
        cpu->v.r[A64_SPSR_EL1] = UINT64_C(0xa1400240) | m;
        a64_eret(cpu);
        cr_expect_eq(cpu->v.pc, 0x40123450);
        cr_expect_eq(cpu->il, !legal, "M %#x: IL %d", m, cpu->il);
        cr_expect_eq(cpu->el, legal ? m >> 2 : 1, "M %#x: EL%u", m, cpu->el);
        cr_expect_eq(cpu->spsel, legal ? m & 1 : 1, "M %#x: SPSel %u", m, cpu->spsel);
        cr_expect(cpu->v.nzcv == 10 && cpu->dit && cpu->pan && cpu->daif == 9, "M %#x", m);
        cr_expect(cpu->event, "M %#x: no event", m);
    }
}

// In the illegal state every instruction is an exception; the state is saved, and cleared.
Test(exceptions, illegal_state)
{
    const uint32_t code[] = { INSN_ERET };
    const uint32_t target[] = { INSN_NOP, INSN_WFI };
    box_code(&box, CODE, code, 1);
    box_code(&box, CODE + 0x100, target, 2);
    box.cpu->v.r[A64_ELR_EL1] = CODE + 0x100;
    box.cpu->v.r[A64_SPSR_EL1] = 0x3c9; // EL2h
    box_run(&box, CODE);
    expect_esr("illegal return", 0x0e, 0);
    expect_elr("illegal return", CODE + 0x100);
    cr_expect_eq(reg(A64_SPSR_EL1), BIT(20) | 0x3c5, "SPSR %#" PRIx64, reg(A64_SPSR_EL1));
    cr_expect(!box.cpu->il);
}

// There and back: EL0 with its own SP, then SVC.
Test(exceptions, round_trip)
{
    const uint32_t el1[] = { INSN_ERET };
    const uint32_t el0[] = { 0x910003e0 /* mov x0, sp */, INSN_SVC(5) };
    box_code(&box, CODE, el1, 1);
    box_code(&box, CODE + 0x100, el0, 2);
    box.cpu->v.r[A64_SP_EL0] = 0x1110;
    box.cpu->v.r[A64_SP_EL1] = 0x2220;
    box.cpu->v.r[A64_ELR_EL1] = CODE + 0x100;
    box.cpu->v.r[A64_SPSR_EL1] = 0x60000000;
    box_run(&box, CODE);
    cr_expect_eq(reg(A64_X0), 0x1110);
    expect_esr("svc", 0x15, 5);
    expect_elr("svc", CODE + 0x108);
    expect_vector("svc", VEC_EL0);
    cr_expect_eq(reg(A64_SPSR_EL1), 0x60000000, "SPSR %#" PRIx64, reg(A64_SPSR_EL1));
}

// ERET to a tagged address: the tag goes where the regime ignores it.
Test(exceptions, eret_removes_tags)
{
    box.cpu->v.r[A64_TCR_EL1] = TCR_TBI0;
    box.cpu->v.r[A64_ELR_EL1] = UINT64_C(0x5a00000012345678);
    a64_eret(box.cpu);
    cr_expect_eq(box.cpu->v.pc, 0x12345678);
    box.cpu->v.r[A64_ELR_EL1] = UINT64_C(0x5aff000012345678);
    a64_eret(box.cpu);
    cr_expect_eq(box.cpu->v.pc, UINT64_C(0x5aff000012345678), "TBI1 is off");
}

// Branches drop the tag: what runs at the target sees its own address without one, twice.
Test(exceptions, branches_remove_tags)
{
    const uint32_t br[] = { 0xd61f0000 /* br x0 */ };
    const uint32_t target[] = { 0x10000001 /* adr x1, . */, INSN_WFI };
    box_code(&box, CODE, br, 1);
    box_code(&box, CODE + 0x100, target, 2);
    box.cpu->v.r[A64_TCR_EL1] = TCR_TBI0;
    for (unsigned n = 0; n < 2; n++) {
        box.cpu->v.r[A64_X0] = (CODE + 0x100) | UINT64_C(0x5a) << 56;
        box_run(&box, CODE);
        cr_expect_eq(reg(1), CODE + 0x100, "adr gives %#" PRIx64, reg(1));
        cr_expect_eq(box.cpu->v.pc, CODE + 0x108);
    }
    // Without TBI it is an address that nothing is at.
    box.cpu->v.r[A64_TCR_EL1] = 0;
    box_run(&box, CODE);
    cr_expect_eq(box_ec(&box), EC_IABT);
    cr_expect_eq(reg(A64_FAR_EL1), (CODE + 0x100) | UINT64_C(0x5a) << 56);
}

// Aborts ---------------------------------------------------------------------------------------

static void expect_far(const char *what, uint64_t want)
{
    cr_expect_eq(reg(A64_FAR_EL1), want, "%s: FAR %#" PRIx64, what, reg(A64_FAR_EL1));
}

// Code identity-mapped for both ELs by a 2 MiB block that EL0 may read and execute, EL1 as well;
// nothing else is mapped.
static void map_code(void)
{
    map_one(&box, &granules[0], 39, 2, RAM_BASE, RAM_BASE, D_AF | D_AP(3), 0);
}

#define LDR_X1_X0 0xf9400001u
#define STR_X1_X0 0xf9000001u

Test(exceptions, data_aborts)
{
    for (unsigned el = 0; el < 2; el++) {
        uint64_t ec = 0x24 + el;
        map_code();
        box_one(&box, el, LDR_X1_X0, 0x12345678);
        expect_esr("load", ec, 5); // translation, level 1
        expect_far("load", 0x12345678);
        expect_elr("load", CODE);
        expect_vector("load", el ? VEC_SPX : VEC_EL0);
        box_one(&box, el, STR_X1_X0, UINT64_C(0xffffff8012345678));
        expect_esr("store", ec, 5 | BIT(6));
        expect_far("store", UINT64_C(0xffffff8012345678));
        box_one(&box, el, STR_X1_X0, CODE + 0x100);
        expect_esr("store, read-only", ec, 14 | BIT(6)); // permission, level 2
        box_one(&box, el, LDR_X1_X0, UINT64_C(0x1000000000000));
        expect_esr("non-canonical", ec, 4);
        // The end of the block: the second page faults, and is what FAR says.
        box_one(&box, el, LDR_X1_X0, RAM_BASE + 0x200000 - 4);
        expect_esr("crossing", ec, 6);
        expect_far("crossing", RAM_BASE + 0x200000);
    }
}

// An atomic's fault is the load's if a load would have had it. A store-exclusive is a store.
Test(exceptions, atomic_faults)
{
    static const uint32_t atomics[] = {
        0xf8210002, // ldadd x1, x2, [x0]
        0xf8218002, // swp x1, x2, [x0]
        0xc8a17c02, // cas x1, x2, [x0]
        0x48227c04, // casp x2, x3, x4, x5, [x0]
    };
    map_code();
    for (unsigned n = 0; n < ARRAY_SIZE(atomics); n++) {
        box_one(&box, 1, atomics[n], 0x12345678);
        expect_esr("unmapped, 8-aligned", 0x25, n == 3 ? 0x21 : 5);
        box_one(&box, 1, atomics[n], 0x12345670);
        expect_esr("unmapped", 0x25, 5);
        box_one(&box, 1, atomics[n], CODE + 0x101);
        expect_esr("unaligned", 0x25, 0x21);
        box_one(&box, 1, atomics[n], CODE + 0x100);
        expect_esr("read-only", 0x25, 14 | BIT(6));
    }
    box_one(&box, 1, 0xc8017c02 /* stxr w1, x2, [x0] */, 0x12345670);
    expect_esr("stxr", 0x25, 5 | BIT(6));
}

Test(exceptions, cache_maintenance_faults)
{
    const uint32_t dc_cvac = INSN_SYS(a64_sysreg_id(1, 3, 7, 10, 1), 0);
    const uint32_t dc_ivac = INSN_SYS(a64_sysreg_id(1, 0, 7, 6, 1), 0);
    const uint32_t ic_ivau = INSN_SYS(a64_sysreg_id(1, 3, 7, 5, 1), 0);
    map_code();
    box_one(&box, 1, dc_cvac, 0x12345678);
    expect_esr("dc cvac", 0x25, 5 | BIT(8) | BIT(6));
    expect_far("dc cvac", 0x12345678);
    box_one(&box, 1, ic_ivau, 0x12345678);
    expect_esr("ic ivau", 0x25, 5 | BIT(8) | BIT(6));
    box_one(&box, 1, dc_ivac, CODE);
    expect_esr("dc ivac, read-only", 0x25, 14 | BIT(8) | BIT(6));
    cr_expect(box_one(&box, 1, dc_cvac, CODE) && box_one(&box, 1, ic_ivau, CODE));
}

Test(exceptions, dc_zva)
{
    const uint32_t dc_zva = INSN_SYS(a64_sysreg_id(1, 3, 7, 4, 1), 0);
    const gpa_t page = RAM_BASE + 0x800000;
    map_code();
    map_more(&box, &granules[0], 39, 2, page, page, D_AF, 0);
    for (unsigned pass = 0; pass < 2; pass++) { // not in the TLB, then in it
        for (unsigned n = 0; n < 32; n++)
            *box_word(&box, page + 8 * n) = ~UINT64_C(0);
        cr_expect(box_one(&box, 1, dc_zva, page + 0x4f));
        for (unsigned n = 0; n < 32; n++)
            cr_expect_eq(*box_word(&box, page + 8 * n), n >= 8 && n < 16 ? 0 : ~UINT64_C(0),
                         "word %u", n);
    }
    box_one(&box, 1, dc_zva, 0x12345678);
    expect_esr("dc zva", 0x25, 5 | BIT(6));
    expect_far("dc zva", 0x12345678);
    box_one(&box, 1, dc_zva, CODE);
    expect_esr("dc zva, read-only", 0x25, 14 | BIT(6));
    map_more(&box, &granules[0], 39, 2, page, page, D_AF | D_ATTR(3), 0);
    settle(&box);
    box_one(&box, 1, dc_zva, page + 8);
    expect_esr("dc zva, device", 0x25, 0x21 | BIT(6));
    expect_far("dc zva, device", page + 8);
}

Test(exceptions, alignment)
{
    box_one(&box, 1, LDR_X1_X0, CODE + 0x801); // MMU off: Device memory
    expect_esr("device", 0x25, 0x21);
    map_code();
    cr_expect(box_one(&box, 1, LDR_X1_X0, CODE + 0x801), "normal memory");
    box.cpu->v.r[A64_SCTLR_EL1] |= SCTLR_A;
    box_one(&box, 1, LDR_X1_X0, CODE + 0x801);
    expect_esr("SCTLR.A", 0x25, 0x21);
    expect_far("SCTLR.A", CODE + 0x801);
    box_one(&box, 1, STR_X1_X0, CODE + 0x802);
    expect_esr("SCTLR.A, store", 0x25, 0x21 | BIT(6));
    // Structures of elements: the element's alignment counts.
    box.cpu->v.r[A64_CPACR_EL1] = 3 << 20;
    a64_update_mode(box.cpu);
    box_one(&box, 1, 0x4d40c800 /* ld1r {v0.4s}, [x0] */, CODE + 0x802);
    expect_esr("SCTLR.A, ld1r", 0x25, 0x21);
    box_one(&box, 1, 0x4c000400 /* st4 {v0.8h-v3.8h}, [x0] */, CODE + 0x801);
    expect_esr("SCTLR.A, st4", 0x25, 0x21 | BIT(6));
    cr_expect(box_one(&box, 1, 0x4c400400 /* ld4 {v0.8h-v3.8h}, [x0] */, CODE + 0x802));
}

Test(exceptions, bus)
{
    box_one(&box, 1, LDR_X1_X0, 0x1000);
    expect_esr("nothing there", 0x25, 0x10);
    expect_far("nothing there", 0x1000);
    box_one(&box, 1, STR_X1_X0, 0x1000);
    expect_esr("nothing there", 0x25, 0x10 | BIT(6));
}

Test(exceptions, instruction_aborts)
{
    const uint32_t br[] = { 0xd61f0000 /* br x0 */ };
    box_code(&box, CODE, br, 1);
    for (unsigned el = 0; el < 2; el++) {
        uint64_t ec = 0x20 + el;
        map_code();
        set_el(el, 1);
        box.cpu->v.r[A64_X0] = 0x12345678;
        box_run(&box, CODE);
        expect_esr("unmapped", ec, 5);
        expect_far("unmapped", 0x12345678);
        expect_elr("unmapped", 0x12345678);
        map_more(&box, &granules[0], 39, 2, 0x600000, RAM_BASE + 0x200000,
                 D_AF | D_AP(3) | D_UXN | D_PXN, 0);
        set_el(el, 1);
        box.cpu->v.r[A64_X0] = 0x600010;
        box_run(&box, CODE);
        expect_esr("never execute", ec, 14);
        expect_elr("never execute", 0x600010);
    }
}

Test(exceptions, pc_alignment)
{
    const uint32_t br[] = { 0xd61f0000 /* br x0 */ };
    box_code(&box, CODE, br, 1);
    for (unsigned low = 1; low < 4; low++) {
        set_el(1, 1);
        box.cpu->v.r[A64_X0] = CODE + 0x100 + low;
        box_run(&box, CODE);
        expect_esr("pc alignment", 0x22, 0);
        expect_far("pc alignment", CODE + 0x100 + low);
        expect_elr("pc alignment", CODE + 0x100 + low);
    }
}

Test(exceptions, sp_alignment)
{
    const uint32_t ldr_sp = 0xf94003e1; // ldr x1, [sp]
    box.cpu->v.r[A64_SP_EL0] = box.cpu->v.r[A64_SP_EL1] = CODE + 0x808;
    for (unsigned el = 0; el < 2; el++) {
        box_one(&box, el, ldr_sp, 0);
        expect_esr("sp alignment", 0x26, 0);
        expect_elr("sp alignment", CODE);
    }
    box.cpu->v.r[A64_SCTLR_EL1] &= ~(SCTLR_SA | SCTLR_SA0);
    cr_expect(box_one(&box, 0, ldr_sp, 0) && box_one(&box, 1, ldr_sp, 0), "checks off");
}

// Whatever moves SP in the middle of a block: the access behind it is checked again.
Test(exceptions, sp_alignment_after_it_has_moved)
{
    // clang-format off
    static const uint32_t moves[] = {
        0x0c9f73e0, // st1 {v0.8b}, [sp], #8
        0x0cdf63e0, // ld1 {v0.8b-v2.8b}, [sp], #24
        0x0cc273e0, // ld1 {v0.8b}, [sp], x2
        0x0d9f2fe0, // st3 {v0.b-v2.b}[3], [sp], #3
        0x0de293e0, // ld2 {v0.s, v1.s}[1], [sp], x2
        0x0ddfc3e0, // ld1r {v0.8b}, [sp], #1
        0xf84087e1, // ldr x1, [sp], #8
        0xf81f8fe1, // str x1, [sp, #-8]!
        0xfc4087e0, // ldr d0, [sp], #8
        0x28c10fe1, // ldp w1, w3, [sp], #8
        0x910023ff, // add sp, sp, #8
        0xcb2263ff, // sub sp, sp, x2
        0xb27d007f, // orr sp, x3, #8
        0x9100007f, // mov sp, x3
    };
    // clang-format on
    for (unsigned n = 0; n < sizeof moves / sizeof *moves; n++) {
        const uint32_t ldr_sp = 0xf94003e1; // ldr x1, [sp]
        const uint32_t code[] = { ldr_sp, moves[n], ldr_sp, INSN_WFI };
        char what[32];
        map_one(&box, &granules[0], 39, 2, RAM_BASE, RAM_BASE, D_AF, 0);
        box.cpu->v.r[A64_CPACR_EL1] = 3 << 20;
        a64_update_mode(box.cpu);
        box_code(&box, CODE, code, 4);
        box.cpu->v.r[A64_SP_EL1] = CODE + 0x800;
        box.cpu->v.r[2] = 8;
        box.cpu->v.r[3] = CODE + 0x808;
        box_run(&box, CODE);
        snprintf(what, sizeof what, "after %08x", moves[n]);
        expect_esr(what, 0x26, 0);
        expect_elr(what, CODE + 8);
    }
}

// WFI, WFE at EL0 -------------------------------------------------------------------------------

Test(exceptions, wait_traps)
{
    const uint32_t wfe = 0xd503205f, sev = 0xd503209f;
    box.cpu->v.r[A64_SCTLR_EL1] &= ~(SCTLR_nTWI | SCTLR_nTWE);
    box_one(&box, 0, INSN_WFI, 0);
    expect_esr("wfi", 0x01, 0x1e00000);
    expect_elr("wfi", CODE);
    box_one(&box, 0, wfe, 0);
    expect_esr("wfe", 0x01, 0x1e00001);
    box_one(&box, 1, sev, 0);
    cr_expect(box_one(&box, 0, wfe, 0), "wfe with an event");
    cr_expect(!box_one(&box, 0, wfe, 0), "the event is used up");
    box.cpu->v.r[A64_SCTLR_EL1] |= SCTLR_nTWI | SCTLR_nTWE;
    cr_expect(box_one(&box, 0, wfe, 0), "wfe allowed");
    cr_expect(box_one(&box, 1, wfe, 0), "wfe at EL1");
}

// Software step --------------------------------------------------------------------------------

// ERET to EL0 with SPSR.SS: one instruction, then the step exception.
static void step_to(uint64_t ss, const uint32_t *insns, unsigned n)
{
    const uint32_t eret[] = { INSN_ERET };
    a64_cpu_reset(box.cpu, 0, 0);
    box.cpu->v.r[A64_VBAR_EL1] = VECTORS;
    box.cpu->v.r[A64_OSLSR_EL1] = 8;
    box.cpu->v.r[A64_MDSCR_EL1] = MDSCR_SS;
    box.cpu->v.r[A64_ELR_EL1] = CODE + 0x100;
    box.cpu->v.r[A64_SPSR_EL1] = ss ? BIT(21) : 0;
    box.cpu->v.r[1] = CODE + 0x800;
    box.cpu->v.r[A64_X0] = 0;
    set_el(1, 1);
    box_code(&box, CODE, eret, 1);
    box_code(&box, CODE + 0x100, insns, n);
    box_run(&box, CODE);
}

Test(exceptions, step)
{
    static const uint32_t adds[] = { 0x91000400, 0x91000400, 0x91000400, INSN_SVC(1) };
    static const uint32_t ldxr[] = { 0xc85f7c22 /* ldxr x2, [x1] */, INSN_SVC(1) };
    static const uint32_t svc[] = { INSN_SVC(3), INSN_SVC(1) };
    static const uint32_t branch[] = { 0x14000004 /* b .+16 */ };
    static const uint32_t bad[] = { 0x00000000 };
    step_to(1, adds, 4);
    expect_esr("add", 0x32, BIT(24) | 0x22);
    expect_elr("add", CODE + 0x104);
    cr_expect_eq(reg(A64_X0), 1, "%" PRIu64 " instructions stepped", reg(A64_X0));
    cr_expect_eq(reg(A64_SPSR_EL1), 0, "SPSR %#" PRIx64, reg(A64_SPSR_EL1));
    step_to(0, adds, 4);
    expect_esr("pending at once", 0x32, 0x22);
    expect_elr("pending at once", CODE + 0x100);
    step_to(1, ldxr, 2);
    expect_esr("ldxr", 0x32, BIT(24) | BIT(6) | 0x22);
    step_to(1, branch, 1);
    expect_esr("b", 0x32, BIT(24) | 0x22);
    expect_elr("b", CODE + 0x110);
    step_to(1, svc, 2);
    expect_esr("svc", 0x15, 3);
    expect_elr("svc", CODE + 0x104);
    cr_expect_eq(reg(A64_SPSR_EL1), 0, "svc has been stepped: SPSR %#" PRIx64, reg(A64_SPSR_EL1));
    step_to(1, bad, 1);
    expect_esr("undefined", 0x00, 0);
    cr_expect_eq(reg(A64_SPSR_EL1), BIT(21), "not stepped: SPSR %#" PRIx64, reg(A64_SPSR_EL1));
}

// Not with the OS lock, nor at EL1 without KDE or with D masked.
Test(exceptions, step_enables)
{
    for (unsigned n = 0; n < 16; n++) {
        bool locked = n & 1, kde = n & 2, masked = n & 4, el1 = n & 8;
        box.cpu->v.r[A64_OSLSR_EL1] = locked ? 0xa : 8;
        box.cpu->v.r[A64_MDSCR_EL1] = MDSCR_SS | (kde ? MDSCR_KDE : 0);
        box.cpu->daif = masked ? PSTATE_D : 0;
        box.cpu->ss = false;
        set_el(el1, 1);
        bool want = !locked && (!el1 || (kde && !masked));
        cr_expect_eq(!!(box.cpu->v.mode & A64_MODE_STEP_PENDING), want, "case %u", n);
    }
}
