// SPDX-License-Identifier: GPL-3.0-or-later
// Who may do what with a page: every combination of the descriptor's and the tables' permission
// bits, WXN, PAN, exception level and access, against tables copied from the Arm ARM (D8.4).
#include "tables.h"

#include <string.h>

static struct box box;

static void setup(void)
{
    box_init(&box);
}

static void teardown(void)
{
    box_fini(&box);
}

TestSuite(permissions, .init = setup, .fini = teardown);

// By AP[2:1]: what EL1 and EL0 may.
static const char *const ap_el1[4] = { "rw", "rw", "r", "r" };
static const char *const ap_el0[4] = { "", "rw", "", "r" };

struct combo {
    unsigned ap, ap_table;
    bool uxn, pxn, uxn_table, pxn_table, wxn, pan;
};

// AP[2:1] after APTable: bit 0 takes EL0's access away, bit 1 makes read-only.
static unsigned effective_ap(const struct combo *c)
{
    unsigned ap = c->ap;
    if (c->ap_table & 1)
        ap &= 2;
    if (c->ap_table & 2)
        ap |= 2;
    return ap;
}

static bool can_write(const char *rights)
{
    return strchr(rights, 'w') != NULL;
}

static bool allowed(const struct combo *c, unsigned el, enum mem_access access)
{
    const char *el0 = ap_el0[effective_ap(c)], *el1 = ap_el1[effective_ap(c)];
    if (access == MEM_FETCH && el == 0)
        return !(c->uxn || c->uxn_table) && !(c->wxn && can_write(el0));
    if (access == MEM_FETCH)
        return !(c->pxn || c->pxn_table) && !can_write(el0) && !(c->wxn && can_write(el1));
    if (el == 1 && c->pan && *el0)
        return false;
    return strchr(el ? el1 : el0, access == MEM_WRITE ? 'w' : 'r') != NULL;
}

static struct combo combo_of(unsigned n)
{
    return (struct combo){
        .ap = n & 3,
        .ap_table = n >> 2 & 3,
        .uxn = n >> 4 & 1,
        .pxn = n >> 5 & 1,
        .uxn_table = n >> 6 & 1,
        .pxn_table = n >> 7 & 1,
        .wxn = n >> 8 & 1,
        .pan = n >> 9 & 1,
    };
}

#define NR_COMBOS 1024
#define VA        UINT64_C(0x12345000)

static void set_up(const struct combo *c)
{
    uint64_t leaf = D_AF | D_AP(c->ap) | (c->uxn ? D_UXN : 0) | (c->pxn ? D_PXN : 0);
    uint64_t table =
        (uint64_t)c->ap_table << 61 | (c->uxn_table ? BIT(60) : 0) | (c->pxn_table ? BIT(59) : 0);
    uint64_t *sctlr = &box.cpu->v.r[A64_SCTLR_EL1];
    *sctlr = c->wxn ? *sctlr | SCTLR_WXN : *sctlr & ~SCTLR_WXN;
    box.cpu->pan = c->pan;
    map_one(&box, &granules[0], 48, 3, VA, RAM_BASE + 0x800000, leaf, table);
}

Test(permissions, every_combination)
{
    for (unsigned n = 0; n < NR_COMBOS; n++) {
        struct combo c = combo_of(n);
        set_up(&c);
        for (unsigned el = 0; el < 2; el++)
            for (enum mem_access a = MEM_READ; a <= MEM_FETCH; a++) {
                unsigned flags = (el ? WALK_EL1 : 0) | (a != MEM_FETCH ? WALK_PAN : 0);
                struct a64_walk w;
                bool ok = a64_walk(box.cpu, VA, a, flags, &w), want = allowed(&c, el, a);
                cr_expect_eq(ok, want, "case %#x: EL%u access %d: %d", n, el, a, ok);
                cr_expect(ok || w.fsc == 15, "case %#x: EL%u access %d: fsc %#x", n, el, a, w.fsc);
            }
    }
}

// The same as loads and stores, plain and unprivileged, through the TLB.
Test(permissions, by_access)
{
    for (unsigned n = 0; n < NR_COMBOS; n += 3) {
        struct combo c = combo_of(n);
        for (unsigned el = 0; el < 2; el++) {
            set_up(&c);
            box.cpu->el = (uint8_t)el;
            a64_update_mode(box.cpu);
            uint64_t v = 0;
            for (unsigned pass = 0; pass < 2; pass++) { // the second finds what the first cached
                cr_expect_eq(mem_load(&box.cpu->v, VA, 8, 0, &v), allowed(&c, el, MEM_READ),
                             "case %#x EL%u: load", n, el);
                cr_expect_eq(mem_store(&box.cpu->v, VA, 8, 0, &v), allowed(&c, el, MEM_WRITE),
                             "case %#x EL%u: store", n, el);
                cr_expect_eq(mem_load(&box.cpu->v, VA, 8, MEM_UNPRIV, &v), allowed(&c, 0, MEM_READ),
                             "case %#x EL%u: unprivileged load", n, el);
                cr_expect_eq(mem_store(&box.cpu->v, VA, 8, MEM_UNPRIV, &v),
                             allowed(&c, 0, MEM_WRITE), "case %#x EL%u: unprivileged store", n, el);
            }
        }
    }
}

// UAO makes unprivileged accesses ordinary ones, PAN included.
Test(permissions, uao)
{
    struct combo c = { .ap = 0 };
    uint64_t v;
    set_up(&c);
    cr_expect(!mem_load(&box.cpu->v, VA, 8, MEM_UNPRIV, &v));
    box.cpu->uao = true;
    a64_update_mode(box.cpu);
    cr_expect(mem_load(&box.cpu->v, VA, 8, MEM_UNPRIV, &v));
    c = (struct combo){ .ap = 1, .pan = true };
    set_up(&c);
    cr_expect(!mem_load(&box.cpu->v, VA, 8, MEM_UNPRIV, &v));
    box.cpu->uao = false;
    a64_update_mode(box.cpu);
    cr_expect(mem_load(&box.cpu->v, VA, 8, MEM_UNPRIV, &v));
}

// HPD: the tables' bits do not count.
Test(permissions, hierarchical_disabled)
{
    struct combo c = { .ap = 1, .ap_table = 3, .uxn_table = true, .pxn_table = true };
    struct a64_walk w;
    set_up(&c);
    cr_expect(!a64_walk(box.cpu, VA, MEM_WRITE, 0, &w));
    box.cpu->v.r[A64_TCR_EL1] |= TCR_HPD1;
    cr_expect(!a64_walk(box.cpu, VA, MEM_WRITE, 0, &w), "the other half's");
    box.cpu->v.r[A64_TCR_EL1] |= TCR_HPD0;
    cr_expect(a64_walk(box.cpu, VA, MEM_WRITE, 0, &w));
    cr_expect(a64_walk(box.cpu, VA, MEM_FETCH, 0, &w));
}

// Bits of tables at different levels add up.
Test(permissions, hierarchical_levels)
{
    struct a64_walk w;
    map_one(&box, &granules[0], 48, 3, VA, RAM_BASE + 0x800000, D_AF | D_AP(1), 0);
    cr_expect(a64_walk(box.cpu, VA, MEM_WRITE, 0, &w));
    *box_word(&box, entry_at(&granules[0], 48, 0, VA)) |= BIT(62); // read-only
    cr_expect(!a64_walk(box.cpu, VA, MEM_WRITE, WALK_EL1, &w) && w.fsc == 15);
    cr_expect(a64_walk(box.cpu, VA, MEM_READ, 0, &w));
    *box_word(&box, entry_at(&granules[0], 48, 2, VA)) |= BIT(61); // not EL0
    cr_expect(!a64_walk(box.cpu, VA, MEM_READ, 0, &w) && w.fsc == 15);
    cr_expect(a64_walk(box.cpu, VA, MEM_READ, WALK_EL1, &w));
}

// AT: PAN only for the P forms. PAR_EL1 in full.
static uint64_t at(unsigned crm, unsigned op2, uint64_t va)
{
    const struct sysreg *op = a64_sysreg_find(a64_sysreg_id(1, 0, 7, crm, op2));
    cr_assert(op && op->write(box.cpu, op, va));
    return box.cpu->v.r[A64_PAR_EL1];
}

Test(permissions, at_instructions)
{
    struct combo c = { .ap = 1, .pan = true };
    set_up(&c);
    const uint64_t page = RAM_BASE + 0x800000;
    // Inner and outer write-back normal memory, not shareable; NS, RES1.
    const uint64_t good = UINT64_C(0xff) << 56 | page | BIT(11) | BIT(9);
    const uint64_t bad = BIT(11) | 15 << 1 | 1;
    cr_expect_eq(at(8, 0, VA), good, "S1E1R %#" PRIx64, at(8, 0, VA));
    cr_expect_eq(at(8, 1, VA), good, "S1E1W %#" PRIx64, at(8, 1, VA));
    cr_expect_eq(at(8, 2, VA), good, "S1E0R %#" PRIx64, at(8, 2, VA));
    cr_expect_eq(at(8, 3, VA), good, "S1E0W %#" PRIx64, at(8, 3, VA));
    cr_expect_eq(at(9, 0, VA), bad, "S1E1RP %#" PRIx64, at(9, 0, VA));
    cr_expect_eq(at(9, 1, VA), bad, "S1E1WP %#" PRIx64, at(9, 1, VA));
    c = (struct combo){ .ap = 2 };
    set_up(&c);
    cr_expect_eq(at(8, 0, VA), good);
    cr_expect_eq(at(8, 1, VA), bad);
    cr_expect_eq(at(8, 2, VA), bad);
    cr_expect_eq(at(8, 0, VA + (UINT64_C(1) << 40)), BIT(11) | 4 << 1 | 1, "%#" PRIx64,
                 at(8, 0, VA + (UINT64_C(1) << 40)));
}
