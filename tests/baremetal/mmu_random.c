// SPDX-License-Identifier: GPL-3.0-or-later
// A long random life of a few address spaces: pages and blocks come, change, go and are told to the
// TLB in whatever way covers them; ASIDs, PAN, UAO, WXN and E0PD change; and in between every kind
// of access is made wherever there is something. The sequence is the same on every machine.
//
// A mapping is changed as the architecture wants it: invalid first, TLBI, then the new one. So at
// every access there is one right answer.
#include "tables.h"

#define STEPS  9000
#define SPACES 3
#define SPOTS  24

static u64 seed = 0x9e3779b97f4a7c15;

static unsigned roll(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 20) % n;
}

static struct tt space[SPACES];
static unsigned current, half;
static u64 tcr_extra, sctlr;

static u64 base(void)
{
    return half ? 0xffff000000000000 : 0;
}

// Pages in two neighbourhoods and in a block's place.
static u64 spot(unsigned n)
{
    u64 va = n < 8    ? 0x0000123456780000ull + n * 0x1000
             : n < 16 ? 0x0000123456dfc000ull + (n - 8) * 0x1000    // across a block's border
                      : 0x0000400040000000ull + (n - 16) * 0x30000; // inside a possible block
    return base() | va;
}
#define IN_BLOCK(n) ((n) >= 16)

static u64 asid(unsigned s)
{
    return (u64)(s * 0x101 + 1) << 48;
}

static void enter(void)
{
    u64 mine = space[current].root | asid(current);
    if (half)
        msr(ttbr1_el1, mine);
    else
        msr(ttbr0_el1, mine);
    isb();
}

static void invalidate(u64 va, unsigned s, bool global)
{
    u64 op = (va >> 12 & (BIT(44) - 1)) | (global ? 0 : asid(s));
    dsb();
    switch (roll(global ? 3 : 6)) {
    case 0:
        asm volatile("tlbi vaae1is, %0" ::"r"(op));
        break;
    case 1:
        asm volatile("tlbi vmalle1" ::"r"(op));
        break;
    case 2:
        asm volatile("tlbi vaae1, %0" ::"r"(op));
        break;
    case 3:
        asm volatile("tlbi vae1is, %0" ::"r"(op));
        break;
    case 4:
        asm volatile("tlbi aside1, %0" ::"r"(asid(s)));
        break;
    default:
        asm volatile("tlbi vae1, %0" ::"r"(op));
    }
    dsb();
    isb();
}

static u64 attributes(void)
{
    u64 a = D_ATTR(1) | D_SH;
    if (roll(8))
        a |= D_AF;
    if (roll(3))
        a |= D_USER;
    if (!roll(3))
        a |= D_RO;
    if (!roll(4))
        a |= D_DBM;
    if (!roll(3))
        a |= D_PXN;
    if (!roll(3))
        a |= D_UXN;
    return a;
}

// Global mappings are the same in every space, so they live in all of them.
static void change(unsigned n)
{
    bool global = n % 3 == 0;
    u64 va = spot(n), attr = attributes() | (global ? 0 : D_NG);
    bool gone = !roll(5), block = IN_BLOCK(n) && !roll(3);
    u64 pa = block ? ARENA : ARENA + roll(64) * 0x1000;
    unsigned from = global ? 0 : roll(2) ? current : roll(SPACES), to = global ? SPACES : from + 1;
    for (unsigned s = from; s < to; s++) {
        if (IN_BLOCK(n)) {
            // The block's entry goes altogether, with what was below: told by everything there is.
            volatile u64 *e = tt_entry(&space[s], va, 2, 0);
            bool was_block = (*e & 3) == 1;
            if (was_block || block) {
                *e = 0;
                tlbi_all();
                if (block) {
                    if (!gone)
                        *e = pa | (attr | D_NG) | D_BLOCK;
                    dsb();
                    isb();
                    continue;
                }
            }
        }
        *tt_entry(&space[s], va, 3, 0) = 0;
    }
    if (block)
        return;
    invalidate(va, from, global);
    for (unsigned s = from; !gone && s < to; s++)
        *tt_entry(&space[s], va, 3, 0) = pa | attr | D_PAGE;
    dsb();
    isb();
}

static void look(unsigned step)
{
    static const char kinds[] = "rwxRW";
    unsigned n = roll(SPOTS), el = roll(2), kind = roll(8);
    u64 va = spot(n);
    if (roll(4) == 0 && tcr_extra & BIT(37 + half)) // a tag
        va = (va & ~(0xffull << 56)) | (u64)roll(256) << 56;
    // A page that hardware may make writable counts as such when something is executed in it, see
    // mmu_tlb.c; QEMU differs.
    if (kind == 2 && (tcr_extra >> 39 & 3) == 3)
        kind = 0;
    print("%d spot %d", step, n);
    if (kind < 5) {
        probe1(kinds[kind], kind > 2 ? EL1 : el, va);
    } else if (kind == 5) {
        // Over the end of the page: what is loaded depends on both.
        u32 insn[] = {INSN("ldp x0, x2, [x1]"), INSN("ldr x0, [x1]"), INSN("ldr q0, [x1]")};
        run(el, insn[roll(3)], 0, va + 0xffc - roll(2) * 4, 0, 0);
        print(" across%d %d", el, exc.taken);
        if (exc.taken)
            print(" %x +%x", exc.esr, exc.far - va);
    } else if (kind == 6) {
        run(el, INSN("ldadd x0, x2, [x1]"), 0, va + 16, 0, 0);
        print(" atomic%d %d", el, exc.taken);
        // WnR: see exceptions.c.
        print(" %x", exc.taken ? exc.esr & ~BIT(6) : exc.x[2]);
    } else {
        unsigned op = roll(6);
        print(" at%d %x", op, at(op, va));
    }
    print("\n");
}

static void setting(unsigned step)
{
    switch (roll(7)) {
    case 0:
    case 1:
    case 2:
        current = roll(SPACES);
        enter();
        break;
    case 3:
        msr(pan, roll(2) << 22);
        break;
    case 4:
        msr(uao, roll(2) << 23);
        break;
    case 5:
        sctlr ^= BIT(19); // WXN is permitted to be cached in a TLB
        msr(sctlr_el1, sctlr);
        isb();
        tlbi_all();
        break;
    default: { // TBI of this half, E0PD of this half, HA, HD, all permitted to be cached
        static const u8 bits[2][4] = {{37, 55, 39, 40}, {38, 56, 39, 40}};
        unsigned bit = bits[half][roll(4)];
        tcr_extra ^= BIT(bit);
        // Whether AT and accesses that fault set the access flag is left open, and QEMU's AT for
        // writing makes pages dirty, so nobody shall see.
        for (unsigned n = 0; bit >= 39 && bit <= 40 && n < SPACES * SPOTS; n++) {
            volatile u64 *e = tt_entry(&space[n / SPOTS], spot(n % SPOTS), 2, 0);
            if ((*e & 3) == 3)
                e = tt_entry(&space[n / SPOTS], spot(n % SPOTS), 3, 0);
            if (*e & 1)
                *e |= D_AF | (*e & D_DBM ? D_RO : 0);
        }
        msr(tcr_el1, tt_tcr(&space[0], half) | tcr_extra);
        isb();
        tlbi_all();
    }
    }
    print("%d space %d pan %d uao %d tcr %x\n", step, current, mrs(pan) >> 22 & 1,
          mrs(uao) >> 23 & 1, tcr_extra);
}

static u64 life(u64 h)
{
    half = (unsigned)h;
    sctlr = RT_SCTLR;
    current = 0;
    for (unsigned n = 0; n < 64; n++)
        page_stamp(ARENA + n * 0x1000);
    for (unsigned s = 0; s < SPACES; s++) {
        tt_init(&space[s], 12, 16, ARENA + 0x1000000 + s * 0x400000);
        for (unsigned n = 0; n < SPOTS; n++)
            tt_entry(&space[s], spot(n), 3, 0);
    }
    // ASIDs of 16 bits, the half under test says which.
    tcr_extra = BIT(36) | (half ? BIT(22) : 0);
    msr(tcr_el1, tt_tcr(&space[0], half) | tcr_extra);
    enter();
    tlbi_all();
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned what = roll(10);
        if (what < 2) {
            // The same access before and after: whatever it left in the TLB must be gone.
            static const char kinds[] = "rrwwRW";
            unsigned n = roll(SPOTS), k = roll(6), el = k < 4 ? roll(2) : EL1;
            touch(kinds[k], el, spot(n), NULL);
            change(n);
            print("%d changed %d", step, n);
            probe1(kinds[k], el, spot(n));
            print("\n");
        } else if (what == 2)
            setting(step);
        else
            look(step);
    }
    msr(pan, 0);
    msr(uao, 0);
    tt_restore();
    return 0;
}

void program(void)
{
    life(0);
    rt_in_low(life, 1);
}
