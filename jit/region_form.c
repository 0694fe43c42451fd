// SPDX-License-Identifier: GPL-3.0-or-later
// Forming a region around a hot block: its executed successors, heaviest first, until they weigh
// too little or the region is full.
//
// Edges come from the interpreter's code: direct targets as they are, indirect ones as they were
// seen last, and the instruction behind a call, where its return will come. Weights are the
// blocks' execution counts.
#include "jit/interp.h"
#include "jit/interp_ops.h"
#include "jit/tier.h"

#include <string.h>

// A neighbour that runs less often than this part of the seed stays outside.
#define MIN_SHARE 12

struct member {
    struct tb *tb;
    gva_t page;      // virtual
    uint64_t weight;
    uint8_t flags;   // enum region_block_flags
    bool taken;      // in the region
};

struct former {
    struct vcpu *cpu;
    struct member members[4 * REGION_MAX_BLOCKS];
    unsigned nr;
    unsigned insns, taken;
    gva_t pages[REGION_MAX_PAGES]; // virtual
    unsigned nr_pages;
};

// The block at va, if the instruction TLB knows its page and it is translated.
static struct tb *block_at(const struct vcpu *cpu, gva_t va)
{
    const struct itlb_entry *e = &cpu->itlb[va >> PAGE_BITS & (ITLB_SIZE - 1)];
    if (va & 3 || e->tag != ((va & PAGE_MASK) | cpu->ictx) || e->mode != cpu->mode ||
        e->page->mode != cpu->mode)
        return NULL;
    return e->page->entry[(va & ~PAGE_MASK) >> 2];
}

static void add(struct former *f, gva_t va, unsigned flags)
{
    struct tb *tb = block_at(f->cpu, va);
    if (!tb)
        return;
    for (unsigned n = 0; n < f->nr; n++)
        if (f->members[n].tb == tb && f->members[n].page == (va & PAGE_MASK)) {
            f->members[n].flags |= (uint8_t)flags;
            return;
        }
    if (f->nr < ARRAY_SIZE(f->members))
        f->members[f->nr++] = (struct member){ .tb = tb, .page = va & PAGE_MASK,
                                               .weight = tb_executions(tb), .flags = (uint8_t)flags };
}

static void add_successors(struct former *f, const struct member *m)
{
    const void *const *h = interp_handlers();
    const struct tb *tb = m->tb;
    gva_t next = m->page + tb->off + 4 * tb->n_insns;
    for (unsigned n = 1; n < tb->n_iops; n++) {
        const struct iop *i = &tb->code[n];
        if (i->handler == h[H_GOTO] || i->handler == h[H_GOTO_FAR]) {
            gva_t to = m->page + i->imm;
            // A branch back is a loop: its head is worth an entry.
            add(f, to, to <= m->page + tb->off ? REGION_ENTRY : 0);
        } else if (i->handler == h[H_PCREL] && m->page + i->imm == next) {
            add(f, next, REGION_INDIRECT | REGION_ENTRY); // a call's return
        } else if (i->handler == h[H_BR_IND]) {
            const uint64_t *seen = (const uint64_t *)(i + 1);
            for (unsigned s = 0; s < 4; s++)
                if (seen[s])
                    add(f, seen[s], REGION_INDIRECT | REGION_ENTRY);
            n++;
        }
    }
}

static struct member *heaviest(struct former *f)
{
    struct member *best = NULL;
    for (unsigned n = 0; n < f->nr; n++)
        if (!f->members[n].taken && (!best || f->members[n].weight > best->weight))
            best = &f->members[n];
    return best;
}

static bool has_page(struct former *f, gva_t page)
{
    for (unsigned n = 0; n < f->nr_pages; n++)
        if (f->pages[n] == page)
            return true;
    if (f->nr_pages == REGION_MAX_PAGES)
        return false;
    f->pages[f->nr_pages++] = page;
    return true;
}

static void grow(struct former *f, uint64_t least)
{
    struct member *m;
    while (f->taken < REGION_MAX_BLOCKS && (m = heaviest(f)) && m->weight >= least) {
        m->taken = true;
        if (f->insns + m->tb->n_insns > REGION_MAX_INSNS || !has_page(f, m->page)) {
            m->weight = 0; // considered, not in
            continue;
        }
        f->insns += m->tb->n_insns;
        f->taken++;
        add_successors(f, m);
    }
}

// Every entry is a place where all registers come from memory, and a join for GCC.
enum { max_entries = 6 };

static void write_block(const struct former *f, const struct member *m, struct region_recipe *r)
{
    struct region_block *b = &r->blocks[r->nr_blocks++];
    const struct tb *tb = m->tb;
    unsigned page = 0;
    while (f->pages[page] != m->page)
        page++;
    *b = (struct region_block){ .page = (uint8_t)page, .flags = m->flags, .off = (uint16_t)tb->off,
                                .n_insns = (uint16_t)tb->n_insns, .weight = (uint32_t)m->weight };
    if (b->flags & REGION_ENTRY && r->nr_entries < max_entries)
        b->entry = (uint16_t)r->nr_entries++;
    else
        b->flags &= (uint8_t)~REGION_ENTRY;
    r->n_insns += tb->n_insns;
    memcpy(r->pages[page].bytes + tb->off, tb->insns, tb->n_insns * 4);
}

bool region_form(struct vcpu *cpu, const struct tb *seed, struct region_recipe *r, gpa_t *page_gpa)
{
    struct former f = { .cpu = cpu };
    add(&f, cpu->pc_page + seed->off, REGION_ENTRY);
    if (!f.nr)
        return false;
    grow(&f, f.members[0].weight / MIN_SHARE);
    if (!f.taken)
        return false;
    memset(r, 0, sizeof *r);
    r->mode = cpu->mode;
    r->nr_pages = f.nr_pages;
    for (unsigned n = 0; n < f.nr_pages; n++) {
        r->pages[n].delta = (int32_t)((int64_t)(f.pages[n] - f.pages[0]) >> PAGE_BITS);
        page_gpa[n] = cpu->itlb[f.pages[n] >> PAGE_BITS & (ITLB_SIZE - 1)].page->page;
    }
    for (unsigned n = 0; n < f.nr; n++)
        if (f.members[n].taken && f.members[n].weight) {
            write_block(&f, &f.members[n], r);
            f.members[n].tb->looked = TIER_DONE; // until the region is there, or for good
        }
    return true;
}
