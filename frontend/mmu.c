// SPDX-License-Identifier: GPL-3.0-or-later
// VMSAv8-64: the walk of the EL1&0 regime's stage 1 translation tables (Arm ARM D8).
//
// 4K, 16K and 64K granules, 48-bit virtual addresses, hierarchical permissions, hardware update of
// the access flag and the dirty state (FEAT_HAFDBS), FEAT_PAN, FEAT_E0PD, FEAT_HPDS. TxSZ beyond
// its limits is a level 0 translation fault; reserved granules (and absent ones) are 4K. The contiguous bit is a
// hint and not used.
//
// a64_walk() changes nothing of the CPU, so AT instructions and debuggers use it as they like;
// a64_mmu_translate() is what jit/ calls for an access that is going to happen.
#include "frontend/cpu_models.h"
#include "frontend/sysreg.h"
#include "jit/tlb.h"

#include <inttypes.h>

#define DESC_VALID    BIT(0)
#define DESC_TABLE    BIT(1) // or a page, at level 3
#define DESC_AP1      BIT(6) // EL0 may
#define DESC_AP2      BIT(7) // read-only
#define DESC_AF       BIT(10)
#define DESC_nG       BIT(11)
#define DESC_DBM      BIT(51)
#define DESC_PXN      BIT(53)
#define DESC_UXN      BIT(54)
#define DESC_PXNTABLE BIT(59)
#define DESC_UXNTABLE BIT(60)
#define DESC_APTABLE0 BIT(61) // nothing for EL0
#define DESC_APTABLE1 BIT(62) // nothing writable
#define DESC_ADDRESS  (mask64(48) & ~mask64(12))

// What TCR_EL1 and TTBRn_EL1 say about one half of the address space.
struct regime {
    uint64_t ttbr;
    unsigned tsz;     // TxSZ
    unsigned granule; // log2 of bytes
    bool tbi, epd, hpd, e0pd;
    unsigned pa_bits;
};

static struct regime regime_of(const struct a64_cpu *cpu, bool high)
{
    static const uint8_t granule0[4] = { 12, 16, 14, 12 }, granule1[4] = { 12, 14, 12, 16 };
    static const uint8_t ips[8] = { 32, 36, 40, 42, 44, 48, 48, 48 };
    uint64_t tcr = cpu->v.r[A64_TCR_EL1];
    unsigned implemented = a64_model_pa_bits(cpu->model), asked = ips[bits64(tcr, 32, 3)];
    unsigned granule = high ? granule1[bits64(tcr, 30, 2)] : granule0[bits64(tcr, 14, 2)];
    if (granule == 14 && cpu->lacks & BIT(A64_FEATURE_TGRAN16))
        granule = 12;
    return (struct regime){
        .ttbr = cpu->v.r[high ? A64_TTBR1_EL1 : A64_TTBR0_EL1],
        .tsz = (unsigned)bits64(tcr, high ? 16 : 0, 6),
        .granule = granule,
        .tbi = tcr & (high ? TCR_TBI1 : TCR_TBI0),
        .epd = tcr & (high ? TCR_EPD1 : TCR_EPD0),
        .hpd = tcr & (high ? TCR_HPD1 : TCR_HPD0),
        .e0pd = tcr & (high ? TCR_E0PD1 : TCR_E0PD0),
        .pa_bits = asked < implemented ? asked : implemented,
    };
}

static bool fault(struct a64_walk *w, unsigned fsc)
{
    w->fsc = (uint8_t)fsc;
    return false;
}

// MMU off: the address itself, Device-nGnRnE for data, Normal for fetches.
static bool walk_flat(const struct a64_cpu *cpu, gva_t va, enum mem_access access,
                      struct a64_walk *w)
{
    uint64_t tcr = cpu->v.r[A64_TCR_EL1];
    unsigned top = tcr & (va >> 55 & 1 ? TCR_TBI1 : TCR_TBI0) ? 56 : 64;
    gpa_t pa = va & mask64(top);
    *w = (struct a64_walk){
        .pa = pa & mask64(48),
        .log2_size = PAGE_BITS,
        .sh = 2,
        .read = true,
        .write = true,
        .exec = true,
        .global = true,
        .device = access != MEM_FETCH,
    };
    if (pa >> a64_model_pa_bits(cpu->model))
        return fault(w, FSC_ADDRESS_SIZE_L);
    return true;
}

// Permissions of a leaf for the context, into read, write, exec. table: the OR of the table
// descriptors on the way.
static void permissions(const struct a64_cpu *cpu, uint64_t leaf, uint64_t table, unsigned flags,
                        struct a64_walk *w)
{
    bool dirty_hw = (~cpu->v.r[A64_TCR_EL1] & (TCR_HA | TCR_HD)) == 0 && leaf & DESC_DBM;
    bool read_only = (leaf & DESC_AP2 && !dirty_hw) || table & DESC_APTABLE1;
    bool user = leaf & DESC_AP1 && !(table & DESC_APTABLE0);
    bool wxn = cpu->v.r[A64_SCTLR_EL1] & SCTLR_WXN;
    if (flags & WALK_EL1) {
        w->read = !(user && flags & WALK_PAN && cpu->pan);
        w->write = w->read && !read_only;
        // What EL0 can write EL1 never executes.
        w->exec = !(leaf & DESC_PXN || table & DESC_PXNTABLE || (user && !read_only) ||
                    (wxn && !read_only));
    } else {
        w->read = user;
        w->write = user && !read_only;
        w->exec = !(leaf & DESC_UXN || table & DESC_UXNTABLE || (wxn && w->write));
    }
    w->clean = dirty_hw && leaf & DESC_AP2 && w->write;
}

static bool permitted(const struct a64_walk *w, enum mem_access access)
{
    return access == MEM_READ ? w->read : access == MEM_WRITE ? w->write : w->exec;
}

// The access flag and the dirty state. False: a fault is in w, or *again says the descriptor
// changed under us.
static bool update_leaf(const struct a64_cpu *cpu, gpa_t at, uint64_t leaf, enum mem_access access,
                        unsigned flags, struct a64_walk *w, bool *again)
{
    uint64_t wanted = leaf | DESC_AF;
    bool ok;
    if (w->clean && access == MEM_WRITE && !(flags & WALK_ANY))
        wanted &= ~DESC_AP2;
    if (wanted == leaf || !(flags & WALK_UPDATE))
        return true;
    if (!jit_phys_cmpxchg64(cpu->v.jit, at, leaf, wanted, &ok))
        return false;
    if (!ok) {
        *again = true;
        return false;
    }
    w->clean = w->clean && wanted & DESC_AP2;
    return true;
}

// A block or page descriptor: everything from the output address to the permission.
static bool walk_leaf(const struct a64_cpu *cpu, const struct regime *g, gva_t va, unsigned level,
                      gpa_t at, uint64_t leaf, uint64_t table, enum mem_access access,
                      unsigned flags, struct a64_walk *w, bool *again)
{
    w->log2_size = (uint8_t)(g->granule + (3 - level) * (g->granule - 3));
    gpa_t base = leaf & DESC_ADDRESS & ~mask64(w->log2_size);
    if (base >> g->pa_bits)
        return fault(w, FSC_ADDRESS_SIZE_L + level);
    w->pa = base | (va & mask64(w->log2_size));
    w->attr = (uint8_t)(cpu->v.r[A64_MAIR_EL1] >> bits64(leaf, 2, 3) * 8);
    w->device = !(w->attr & 0xf0);
    w->sh = w->device || w->attr == 0x44 ? 2 : (uint8_t)bits64(leaf, 8, 2);
    w->global = !(leaf & DESC_nG);
    permissions(cpu, leaf, table, flags, w);
    if (!(leaf & DESC_AF) && !(cpu->v.r[A64_TCR_EL1] & TCR_HA))
        return fault(w, FSC_ACCESS_FLAG_L + level);
    if (!(flags & WALK_ANY) && !permitted(w, access))
        return fault(w, FSC_PERMISSION_L + level);
    if (!update_leaf(cpu, at, leaf, access, flags, w, again))
        return fault(w, FSC_EXTERNAL_WALK_L + level);
    return true;
}

// Is a block allowed at this level? (Without FEAT_LPA2.)
static bool has_blocks(const struct regime *g, unsigned level)
{
    return level == 2 || (level == 1 && g->granule == 12);
}

static bool walk_tables(const struct a64_cpu *cpu, const struct regime *g, gva_t va,
                        enum mem_access access, unsigned flags, struct a64_walk *w, bool *again)
{
    unsigned stride = g->granule - 3, in_bits = 64 - g->tsz;
    unsigned level = 4 - (1 + (in_bits - g->granule - 1) / stride);
    unsigned shift = g->granule + (3 - level) * stride; // of this level's index
    uint64_t table = 0;
    gpa_t base = g->ttbr & mask64(48) & ~mask64(3 + in_bits - shift) & ~UINT64_C(1);
    if (base >> g->pa_bits)
        return fault(w, FSC_ADDRESS_SIZE_L);
    for (va &= mask64(in_bits);; level++, shift -= stride) {
        gpa_t at = base + (va >> shift << 3);
        uint64_t d;
        if (!jit_phys_read64(cpu->v.jit, at, &d))
            return fault(w, FSC_EXTERNAL_WALK_L + level);
        bool is_table = d & DESC_TABLE;
        if (!(d & DESC_VALID) || (!is_table && !has_blocks(g, level)))
            return fault(w, FSC_TRANSLATION_L + level);
        if (!is_table || level == 3)
            return walk_leaf(cpu, g, va, level, at, d, table, access, flags, w, again);
        base = d & DESC_ADDRESS & ~mask64(g->granule);
        if (base >> g->pa_bits)
            return fault(w, FSC_ADDRESS_SIZE_L + level);
        if (!g->hpd)
            table |= d;
        va &= mask64(shift);
    }
}

bool a64_walk(const struct a64_cpu *cpu, gva_t va, enum mem_access access, unsigned flags,
              struct a64_walk *w)
{
    if (!(cpu->v.r[A64_SCTLR_EL1] & SCTLR_M))
        return walk_flat(cpu, va, access, w);
    bool high = va >> 55 & 1, ok, again;
    struct regime g = regime_of(cpu, high);
    unsigned in_bits = 64 - g.tsz, top = g.tbi ? 56 : 64;
    uint64_t must = high ? mask64(top) : 0; // of the bits above the input
    *w = (struct a64_walk){ 0 };
    // 25 to 48 bits, or 47 as the smallest with 64K: TxSZ from 16 to 39.
    if (g.tsz < 16 || g.tsz > 39 || (va & mask64(top)) >> in_bits != must >> in_bits || g.epd)
        return fault(w, FSC_TRANSLATION_L);
    if (g.e0pd && !(flags & WALK_EL1))
        return fault(w, FSC_TRANSLATION_L);
    do {
        again = false;
        *w = (struct a64_walk){ 0 };
        ok = walk_tables(cpu, &g, va, access, flags, w, &again);
    } while (again);
    return ok;
}

static const char access_name[] = { [MEM_READ] = 'r', [MEM_WRITE] = 'w', [MEM_FETCH] = 'x' };

bool a64_mmu_translate(struct vcpu *v, gva_t va, enum mem_access access, unsigned attr,
                       struct translation *out)
{
    struct a64_cpu *cpu = a64(v);
    bool unpriv = cpu->el == 0 || (attr & MEM_UNPRIV && !cpu->uao);
    unsigned flags = WALK_UPDATE | (unpriv ? 0 : WALK_EL1) | (access != MEM_FETCH ? WALK_PAN : 0);
    struct a64_walk w;
    bool ok = a64_walk(cpu, va, access, flags, &w);
    if (log_enabled(cpu->log, LOG_MMU))
        log_printf(cpu->log, LOG_MMU, "walk %c EL%d %#" PRIx64 " -> %#" PRIx64 " fsc %#x\n",
                   access_name[access], !unpriv, va, w.pa, w.fsc);
    if (!ok) {
        cpu->exc_recorded = false;
        cpu->fault = (struct a64_fault){ .va = va, .fsc = w.fsc, .access = access, .attr = attr };
        return false;
    }
    *out = (struct translation){
        .page = w.pa & PAGE_MASK,
        .log2_size = w.log2_size,
        .readable = w.read,
        .writable = w.write,
        .global = w.global,
        .device = w.device,
        .dirty_trap = w.clean,
        .watched = access != MEM_FETCH && a64_watch_page(cpu, va),
        .fetch_mode = access == MEM_FETCH && a64_break_page(cpu, va) ? A64_MODE_BREAK : 0,
    };
    return true;
}
