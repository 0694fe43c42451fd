// SPDX-License-Identifier: GPL-3.0-or-later
// Forming a region around a hot block: its executed successors, heaviest first, until they weigh
// too little or the region is full.
//
// Edges are what the blocks say of themselves: direct targets as they are, indirect ones as they were
// seen last, and the instruction behind a call, where its return will come. Weights are the
// blocks' execution counts.
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
    return __atomic_load_n(&e->page->entry[(va & ~PAGE_MASK) >> 2], __ATOMIC_ACQUIRE);
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
    const struct tb *tb = m->tb;
    for (unsigned n = 0; n < tb->nr_to; n++) {
        gva_t to = m->page + (uint64_t)tb->to[n];
        // A branch back is a loop: its head is worth an entry.
        add(f, to, to <= m->page + tb->off ? REGION_ENTRY : 0);
    }
    if (tb->calls) // where its return will come
        add(f, m->page + tb->off + 4 * tb->n_insns, REGION_INDIRECT | REGION_ENTRY);
    for (unsigned n = 0; tb->seen && n < TB_SEEN; n++)
        if (tb->seen[n])
            add(f, tb->seen[n], REGION_INDIRECT | REGION_ENTRY);
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

static bool leads_to(const struct member *from, const struct member *to)
{
    const struct tb *tb = from->tb;
    for (unsigned n = 0; n < tb->nr_to; n++)
        if (from->page + (uint64_t)tb->to[n] == to->page + to->tb->off)
            return true;
    return !tb->nr_to && to->flags & REGION_INDIRECT; // a return, or whatever else
}

// Whoever leads to nobody who is left goes; a loop stays. Forgets who was taken.
static bool has_loop(struct former *f)
{
    unsigned left = f->taken, before;
    for (unsigned n = 0; n < f->nr; n++)
        f->members[n].taken = f->members[n].taken && f->members[n].weight;
    do {
        before = left;
        for (unsigned n = 0; n < f->nr; n++) {
            bool leads = false;
            for (unsigned k = 0; f->members[n].taken && k < f->nr && !leads; k++)
                leads = f->members[k].taken && leads_to(&f->members[n], &f->members[k]);
            left -= f->members[n].taken && !leads;
            f->members[n].taken = leads;
        }
    } while (left && left < before);
    return left;
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

bool region_form(struct vcpu *cpu, const struct tb *seed, struct region_recipe *r, gpa_t *page_gpa, bool *loops)
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
        if (f.members[n].taken && f.members[n].weight)
            write_block(&f, &f.members[n], r);
    if (loops)
        *loops = has_loop(&f);
    return true;
}
