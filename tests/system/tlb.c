// SPDX-License-Identifier: GPL-3.0-or-later
// What the TLB may remember, and what makes it forget: ASIDs, global entries, PAN, TLBI of every
// form. Tables are changed behind the TLB's back; a load then shows whether it still knew.
#include "tables.h"

static struct box box;
static const struct granule *const G = &granules[0];

#define BITS 48
#define OLD  (RAM_BASE + 0x800000) // what pages are mapped to at first
#define NEW  (RAM_BASE + 0xa00000) // and after a change that the TLB was not told of
#define LOW  UINT64_C(0x0000000000400000)
#define LOW2 UINT64_C(0x0000000000567000)
#define HIGH UINT64_C(0xffff000000b23000) // in another slot of a direct-mapped TLB

static void setup(void)
{
    box_init(&box);
    for (unsigned n = 0; n < 0x200000; n += 8) {
        *box_word(&box, OLD + n) = 0x01d;
        *box_word(&box, NEW + n) = 0x4e3;
    }
}

static void teardown(void)
{
    box_fini(&box);
}

TestSuite(tlb, .init = setup, .fini = teardown);

static void map_at(gva_t va, gpa_t pa, uint64_t leaf)
{
    map_more(&box, G, BITS, 3, va, pa, leaf | D_AF, 0);
}

// LOW non-global for EL0 and EL1, HIGH global for EL1; both to OLD.
static void map_both(void)
{
    map_one(&box, G, BITS, 3, LOW, OLD, D_AF | D_nG | D_AP(1), 0);
    map_at(HIGH, OLD, 0);
}

static uint64_t load(gva_t va)
{
    uint64_t v = ~UINT64_C(0);
    return mem_load(&box.cpu->v, va, 8, 0, &v) ? v : ~UINT64_C(0);
}

#define FAULT          (~UINT64_C(0))
#define EXPECT_OLD(va) cr_expect_eq(load(va), 0x01d, "%#" PRIx64 " gives %#" PRIx64, (va), load(va))
#define EXPECT_NEW(va) cr_expect_eq(load(va), 0x4e3, "%#" PRIx64 " gives %#" PRIx64, (va), load(va))

static void at_el(unsigned el)
{
    box.cpu->el = (uint8_t)el;
    a64_update_mode(box.cpu);
}

static void write_reg(unsigned id, uint64_t value)
{
    const struct sysreg *reg = a64_sysreg_find(id);
    cr_assert(reg && a64_sysreg_set(box.cpu, reg, value));
}

static void set_ttbr(bool one, uint64_t asid)
{
    write_reg(a64_sysreg_id(3, 0, 2, 0, one),
              asid << 48 | (box.cpu->v.r[one ? A64_TTBR1_EL1 : A64_TTBR0_EL1] & mask64(48)));
}

static void tlbi(unsigned crm, unsigned op2, uint64_t value)
{
    const struct sysreg *op = a64_sysreg_find(a64_sysreg_id(1, 0, 8, crm, op2));
    cr_assert(op && op->write(box.cpu, op, value));
}

// Both cached, then remapped.
static void cache_and_change(void)
{
    map_both();
    for (unsigned el = 0; el < 2; el++) {
        at_el(el);
        EXPECT_OLD(LOW);
        if (el)
            EXPECT_OLD(HIGH);
    }
    map_at(LOW, NEW, D_nG | D_AP(1));
    map_at(HIGH, NEW, 0);
    EXPECT_OLD(LOW);
    EXPECT_OLD(HIGH);
}

Test(tlb, vmalle1)
{
    for (unsigned crm = 3; crm <= 7; crm += 4) {
        cache_and_change();
        tlbi(crm, 0, 0);
        EXPECT_NEW(LOW);
        EXPECT_NEW(HIGH);
        at_el(0);
        EXPECT_NEW(LOW);
        at_el(1);
    }
}

// VAE1, VAAE1, VALE1, VAALE1 and the inner-shareable ones: the one address, at both ELs.
Test(tlb, by_address)
{
    static const uint8_t op2[] = { 1, 3, 5, 7 };
    for (unsigned n = 0; n < 8; n++) {
        cache_and_change();
        tlbi(n & 1 ? 3 : 7, op2[n / 2], LOW >> 12);
        EXPECT_NEW(LOW);
        EXPECT_OLD(HIGH);
        at_el(0);
        EXPECT_NEW(LOW);
        at_el(1);
        tlbi(n & 1 ? 3 : 7, op2[n / 2], HIGH >> 12 & mask64(44));
        EXPECT_NEW(HIGH);
    }
}

// By ASID: what is not global goes, at EL0 and EL1; global entries stay.
Test(tlb, by_asid)
{
    cache_and_change();
    tlbi(7, 2, 0);
    EXPECT_NEW(LOW);
    EXPECT_OLD(HIGH);
    map_both();
    settle(&box);
    at_el(0);
    EXPECT_OLD(LOW);
    map_at(LOW, NEW, D_nG | D_AP(1));
    tlbi(7, 2, UINT64_C(5) << 48);
    EXPECT_OLD(LOW);
    tlbi(3, 2, 0);
    EXPECT_NEW(LOW);
}

// Two address spaces, told apart by ASID alone. One VA has one place in the TLB, so what the first
// keeps is seen on a page that the second does not touch.
static void two_asids(bool a1, uint64_t first, uint64_t second)
{
    map_both();
    map_at(LOW2, OLD, D_nG | D_AP(1));
    if (a1)
        write_reg(a64_sysreg_id(3, 0, 2, 0, 2), box.cpu->v.r[A64_TCR_EL1] | TCR_A1);
    settle(&box);
    at_el(0);
    set_ttbr(a1, first);
    EXPECT_OLD(LOW);
    EXPECT_OLD(LOW2);
    map_at(LOW, NEW, D_nG | D_AP(1));
    map_at(LOW2, NEW, D_nG | D_AP(1));
    set_ttbr(a1, second);
    EXPECT_NEW(LOW);
    set_ttbr(a1, first);
    EXPECT_OLD(LOW2);
    // The other register's field means nothing.
    set_ttbr(!a1, 0x77);
    EXPECT_OLD(LOW2);
    tlbi(7, 2, second << 48);
    EXPECT_OLD(LOW2);
    tlbi(7, 2, first << 48);
    EXPECT_NEW(LOW2);
    set_ttbr(!a1, 0);
    at_el(1);
}

Test(tlb, two_asids)
{
    two_asids(false, 1, 2);
    two_asids(true, 1, 2);
}

Test(tlb, sixteen_bit_asids)
{
    two_asids(false, 0x101, 0x201);
    two_asids(true, 0x8001, 1);
}

// With TCR_EL1.AS clear the upper half of the field is not part of the ASID.
Test(tlb, eight_bit_asids)
{
    map_both();
    write_reg(a64_sysreg_id(3, 0, 2, 0, 2), box.cpu->v.r[A64_TCR_EL1] & ~TCR_AS);
    at_el(0);
    set_ttbr(false, 0x101);
    EXPECT_OLD(LOW);
    map_at(LOW, NEW, D_nG | D_AP(1));
    set_ttbr(false, 0x201);
    EXPECT_OLD(LOW);
    tlbi(7, 2, UINT64_C(0x301) << 48);
    EXPECT_NEW(LOW);
}

// EL1 has no ASID: a change of address space drops what was not global, and only that.
Test(tlb, kernel_and_address_spaces)
{
    cache_and_change();
    set_ttbr(false, 9);
    EXPECT_NEW(LOW);
    EXPECT_OLD(HIGH);
}

// More non-global pages than the list of them holds.
Test(tlb, many_nonglobal_pages)
{
    map_both();
    for (unsigned n = 0; n < 100; n++) {
        map_at(LOW + n * PAGE_SIZE, OLD, D_nG);
        EXPECT_OLD(LOW + n * PAGE_SIZE);
    }
    for (unsigned n = 0; n < 100; n++)
        map_at(LOW + n * PAGE_SIZE, NEW, D_nG);
    set_ttbr(false, 3);
    for (unsigned n = 0; n < 100; n++)
        EXPECT_NEW(LOW + n * PAGE_SIZE);
}

Test(tlb, pan_is_a_context)
{
    map_both();
    EXPECT_OLD(LOW);
    box.cpu->pan = true;
    a64_update_mode(box.cpu);
    cr_expect_eq(load(LOW), FAULT, "a page of EL0's with PAN");
    cr_expect_eq(box.cpu->fault.fsc, 15, "fsc %#x", box.cpu->fault.fsc);
    EXPECT_OLD(HIGH);
    box.cpu->pan = false;
    a64_update_mode(box.cpu);
    EXPECT_OLD(LOW);
}

// One address invalidated inside a 2 MiB block: the whole block goes, its pieces in the TLB too.
Test(tlb, address_inside_a_block)
{
    map_one(&box, G, BITS, 2, LOW, OLD, D_AF, 0);
    for (unsigned n = 0; n < 512; n += 37)
        EXPECT_OLD(LOW + n * PAGE_SIZE);
    map_more(&box, G, BITS, 2, LOW, NEW, D_AF, 0);
    EXPECT_OLD(LOW + 37 * PAGE_SIZE);
    tlbi(7, 1, (LOW + 99 * PAGE_SIZE) >> 12);
    for (unsigned n = 0; n < 512; n += 37)
        EXPECT_NEW(LOW + n * PAGE_SIZE);
}

Test(tlb, address_inside_large_granules)
{
    for (unsigned n = 1; n < 3; n++) {
        unsigned pages = 1u << (granules[n].bits - PAGE_BITS);
        map_one(&box, &granules[n], BITS, 3, LOW, OLD, D_AF, 0);
        for (unsigned i = 0; i < pages; i++)
            EXPECT_OLD(LOW + i * PAGE_SIZE);
        map_more(&box, &granules[n], BITS, 3, LOW, NEW, D_AF, 0);
        tlbi(7, 1, LOW >> 12);
        for (unsigned i = 0; i < pages; i++)
            EXPECT_NEW(LOW + i * PAGE_SIZE);
    }
}

// Tagged pointers: with TBI every tag reaches the page, and TLBI by address takes all of them.
Test(tlb, tags)
{
    map_both();
    cr_expect_eq(load(LOW | UINT64_C(0x5a) << 56), FAULT);
    write_reg(a64_sysreg_id(3, 0, 2, 0, 2), box.cpu->v.r[A64_TCR_EL1] | TCR_TBI0 | TCR_TBI1);
    EXPECT_OLD(LOW | UINT64_C(0xff) << 56);
    EXPECT_OLD(HIGH & mask64(56));
    EXPECT_OLD(LOW | UINT64_C(0x5a) << 56);
    map_at(LOW, NEW, D_nG | D_AP(1));
    EXPECT_OLD(LOW | UINT64_C(0x5a) << 56);
    tlbi(7, 1, LOW >> 12);
    EXPECT_NEW(LOW | UINT64_C(0x5a) << 56);
    EXPECT_NEW(LOW);
}

// Neither faults nor the MMU being off leave anything behind.
Test(tlb, faults_are_not_cached)
{
    map_both();
    cr_expect_eq(load(LOW + PAGE_SIZE), FAULT);
    map_at(LOW + PAGE_SIZE, NEW, D_nG);
    EXPECT_NEW(LOW + PAGE_SIZE);
    write_reg(a64_sysreg_id(3, 0, 1, 0, 0), box.cpu->v.r[A64_SCTLR_EL1] & ~SCTLR_M);
    EXPECT_OLD(OLD);
    write_reg(a64_sysreg_id(3, 0, 1, 0, 0), box.cpu->v.r[A64_SCTLR_EL1] | SCTLR_M);
    cr_expect_eq(load(OLD), FAULT);
    EXPECT_OLD(HIGH);
}

// More address spaces than there are ids: all are handed out anew, and nothing is mixed up.
Test(tlb, ids_run_out)
{
    map_both();
    at_el(0);
    for (unsigned asid = 1; asid < 5000; asid++) {
        set_ttbr(false, asid);
        map_at(LOW, asid & 1 ? NEW : OLD, D_nG | D_AP(1));
        cr_assert_eq(load(LOW), asid & 1 ? 0x4e3 : 0x01d, "ASID %u gives %#" PRIx64, asid,
                     load(LOW));
    }
}

// The fetch side: a page of code remapped, then invalidated by address.
Test(tlb, instructions)
{
    const uint32_t one[] = { 0xd2800020 /* mov x0, #1 */, INSN_WFI };
    const uint32_t two[] = { 0xd2800040 /* mov x0, #2 */, INSN_WFI };
    map_both();
    box_code(&box, OLD, one, 2);
    box_code(&box, NEW, two, 2);
    box_run(&box, HIGH);
    cr_expect_eq(box_reg(&box, A64_X0), 1);
    map_at(HIGH, NEW, 0);
    tlbi(7, 1, HIGH >> 12 & mask64(44));
    box_run(&box, HIGH);
    cr_expect_eq(box_reg(&box, A64_X0), 2);
    map_at(HIGH, OLD, 0);
    tlbi(3, 0, 0);
    box_run(&box, HIGH);
    cr_expect_eq(box_reg(&box, A64_X0), 1);
}

// Code of an address space at EL0 and EL1, switched without TLBI.
Test(tlb, instructions_and_address_spaces)
{
    const uint32_t one[] = { 0xd2800020 /* mov x0, #1 */, INSN_WFI };
    const uint32_t two[] = { 0xd2800040 /* mov x0, #2 */, INSN_WFI };
    map_both();
    box_code(&box, OLD, one, 2);
    box_code(&box, NEW, two, 2);
    map_at(LOW, OLD, D_nG); // for EL1 to execute, EL0 must not write
    settle(&box);
    set_ttbr(false, 1);
    box_run(&box, LOW);
    cr_expect_eq(box_reg(&box, A64_X0), 1);
    map_at(LOW, NEW, D_nG);
    set_ttbr(false, 2);
    box_run(&box, LOW);
    cr_expect_eq(box_reg(&box, A64_X0), 2, "EL1 executes the old address space's page");
}
