// SPDX-License-Identifier: GPL-3.0-or-later
#include "tables.h"

u64 page_alloc(struct tt *t, u64 size)
{
    u64 at = (t->next + size - 1) & ~(size - 1);
    t->next = at + size;
    volatile u64 *p = phys(at);
    for (u64 n = 0; n < size / 8; n++)
        p[n] = 0;
    return at;
}

unsigned tt_start(const struct tt *t)
{
    unsigned stride = t->granule - 3, bits = 64 - t->tsz - t->granule;
    return 4 - (bits + stride - 1) / stride;
}

unsigned tt_shift(const struct tt *t, unsigned level)
{
    return t->granule + (3 - level) * (t->granule - 3);
}

void tt_init(struct tt *t, unsigned granule, unsigned tsz, u64 at)
{
    *t = (struct tt){.granule = granule, .tsz = tsz, .next = at};
    t->root = page_alloc(t, BIT(granule));
}

static unsigned index_of(const struct tt *t, u64 va, unsigned level)
{
    u64 in = va & (BIT(64 - t->tsz) - 1);
    return in >> tt_shift(t, level) & (BIT(t->granule - 3) - 1);
}

volatile u64 *tt_entry(struct tt *t, u64 va, unsigned level, u64 table_attr)
{
    u64 table = t->root;
    for (unsigned l = tt_start(t); l < level; l++) {
        volatile u64 *e = (volatile u64 *)phys(table) + index_of(t, va, l);
        if (!(*e & D_VALID))
            *e = page_alloc(t, BIT(t->granule)) | table_attr | D_PAGE;
        table = *e & 0xfffffffff000ull & ~(BIT(t->granule) - 1);
    }
    return (volatile u64 *)phys(table) + index_of(t, va, level);
}

void tt_map(struct tt *t, u64 va, unsigned level, u64 descriptor)
{
    *tt_entry(t, va, level, 0) = descriptor | (level == 3 ? D_PAGE : D_BLOCK);
}

u64 tt_tcr(const struct tt *t, unsigned half)
{
    static const u8 tg0[] = {[12] = 0, [14] = 2, [16] = 1}, tg1[] = {[12] = 2, [14] = 1, [16] = 3};
    if (half)
        return (RT_TCR & ~0xffff0000ull) | t->tsz << 16 | (u64)tg1[t->granule] << 30 | 0x35000000;
    return (RT_TCR & ~0xffffull) | t->tsz | (u64)tg0[t->granule] << 14 | 0x3500;
}

void tt_use(const struct tt *t, unsigned half, u64 tcr, u64 asid)
{
    dsb();
    msr(tcr_el1, tt_tcr(t, half) | tcr);
    if (half)
        msr(ttbr1_el1, t->root | asid << 48);
    else
        msr(ttbr0_el1, t->root | asid << 48);
    isb();
    tlbi_all();
}

void tt_restore(void)
{
    u64 root = alias() ? mrs(ttbr1_el1) : mrs(ttbr0_el1);
    root &= 0xfffffffffffe;
    msr(ttbr0_el1, root);
    msr(ttbr1_el1, root);
    msr(tcr_el1, RT_TCR);
    msr(sctlr_el1, RT_SCTLR);
    msr(mair_el1, RT_MAIR);
    isb();
    tlbi_all();
}

// Looking ----------------------------------------------------------------------------------------

#define STAMP_RET  0
#define STAMP_SVC  8
#define STAMP_PA   16
#define STAMP_ROOM 24

void page_stamp(u64 pa)
{
    volatile u32 *p = phys(pa);
    p[STAMP_RET / 4] = 0xd65f03c0;
    p[STAMP_SVC / 4] = 0xd4000001 | 0x7fff << 5;
    ((volatile u64 *)p)[STAMP_PA / 8] = pa;
    sync_code((u64)p, 16);
}

u64 touch(char kind, unsigned el, u64 va, u64 *seen)
{
    u32 insn;
    u64 offset = kind == 'w' || kind == 'W' ? STAMP_ROOM : STAMP_PA;
    switch (kind) {
    case 'r':
        insn = INSN("ldr x0, [x1]");
        break;
    case 'w':
        insn = INSN("str x0, [x1]");
        break;
    case 'R':
        insn = INSN("ldtr x0, [x1]");
        break;
    case 'W':
        insn = INSN("sttr x0, [x1]");
        break;
    default:
        offset = el ? STAMP_RET : STAMP_SVC;
        if (el)
            guarded(va, 0, 0, 0, 0, 0, 0, 0);
        else
            enter_el0(va + offset, 0, 0, 0, 0);
        insn = 0;
    }
    if (insn)
        run(el, insn, 0x77, va + offset, 0, 0);
    if (!exc.taken) {
        if (seen)
            *seen = exc.x[0];
        return 0;
    }
    unsigned ec = exc.esr >> 26 & 0x3f, want = (insn ? 0x24 : 0x20) + el;
    // A branch leaves an ignored tag behind.
    u64 differs = (exc.far ^ (va + offset)) & (insn ? ~0ull : BIT(56) - 1);
    bool odd = ec != want || differs || exc.vector != (el ? 4 : 8);
    return (exc.esr & 0x1ffffff) | (odd ? PROBE_ODD : 0) | BIT(33);
}

void probe1(char kind, unsigned el, u64 va)
{
    u64 seen = 0, iss = touch(kind, el, va, &seen);
    print(" %c%d:", kind, el);
    if (!iss)
        print("-");
    else if (iss & PROBE_ODD)
        print("[esr %x far %x elr %x]", exc.esr, exc.far, exc.elr);
    else
        print("%x", iss & 0x1ffffff);
    if (!iss && (kind == 'r' || kind == 'R'))
        print(">%x", seen);
}

void probe(u64 va)
{
    for (unsigned el = 2; el-- > 0;) {
        probe1('r', el, va);
        probe1('w', el, va);
        probe1('x', el, va);
    }
}

u64 at(unsigned op, u64 va)
{
    u32 insn[] = {INSN("at s1e1r, x1"), INSN("at s1e1w, x1"),  INSN("at s1e0r, x1"),
                  INSN("at s1e0w, x1"), INSN("at s1e1rp, x1"), INSN("at s1e1wp, x1")};
    msr(par_el1, 0x555);
    run2(EL1, insn[op], INSN("isb"), 0, va, 0, 0);
    return exc.taken ? BIT(63) | exc.esr : mrs(par_el1);
}

void probe_at(u64 va)
{
    print(" at");
    for (unsigned op = 0; op < 4; op++)
        print(" %x", at(op, va));
}
