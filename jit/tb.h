// SPDX-License-Identifier: GPL-3.0-or-later
// The cache of translated blocks.
//
// Blocks are kept by physical page and mode: a code_page holds one entry a word of the page, so
// that with the instruction TLB (virtual page and context to code_page) finding a block is two
// loads and a compare. Within a page blocks are chained directly; whatever crosses a page goes
// through the instruction TLB, and so survives changes of the address space.
//
// Changed code: IC, DMA and stores to protected pages make a page's blocks suspect: they leave the
// entry table and lose their chains, and on the next entry their bytes are compared. Unchanged ones
// live on, the others are retired and freed at a safe point.
#ifndef JIT_TB_H
#define JIT_TB_H

#include "jit/jit.h"

struct iop;
struct region_way;

// A way out of a block's quick code that is patched once it is known where it leads.
struct tb_link {
    uint8_t *jump;   // end of the jump's distance, in the write view
    uint8_t *stub;   // where it goes while unlinked
    uint8_t *guard;  // end of the page number that it is compared with; NULL: within the page
    const struct code_page *page; // where it was patched to go, the first time; NULL: not yet
};

struct tb {
    struct iop *entry;       // where execution enters: code[1], or code[0] with a region attached
    uint32_t n_insns;
    int32_t countdown;       // executions until somebody looks whether the block is hot
    struct iop *code;        // interpreter form; code[0] is room for a region's entry
    uint32_t n_iops;
    uint32_t off;            // page offset of the first instruction
    bool suspect;            // bytes have to be compared before the next entry
    uint8_t looked;          // TIER_*: what the look at its heat came to
    uint8_t patience;        // log2: how many times hotter than others before a region is formed
    uint64_t looked_from;    // executions before which nobody is asked about
    uint64_t executions;     // up to the last look; see tb_executions()
    struct code_page *page;
    struct tb *next;         // of the page's list, or of the retired ones
    uint16_t *offs;          // page offset of the instruction each iop belongs to
    // Where it goes to, as far as one can tell: distances from the page's base.
    int64_t to[2];
    uint8_t nr_to;
    bool calls;              // the way back comes to the instruction behind it
    uint64_t *seen;          // TB_SEEN targets it went to lately, by tb_seen_slot(); or NULL
    // The quick engine's form; NULL without it. Addresses of the write view.
    uint8_t *quick;          // entry
    uint8_t *quick_body;     // behind the entry's bookkeeping
    uint32_t *quick_count;   // executions
    const struct region_way *region; // entered in its place; atomic
    struct tb_link link[2];
    uint32_t insns[];        // the guest code it was made from
};

#define TB_SEEN 4

// A BR_IND remembers the targets it went to last, one a hash value.
static inline unsigned tb_seen_slot(gva_t pc)
{
    return (unsigned)(pc >> 2 ^ pc >> 4 ^ pc >> 7) & (TB_SEEN - 1);
}

// Executions between two looks at a block.
#define TB_LOOK_EVERY 2048

static inline uint64_t tb_executions(const struct tb *tb)
{
    return tb->quick ? RELAXED(*tb->quick_count) : tb->executions + (uint64_t)(TB_LOOK_EVERY - tb->countdown);
}

#define PAGE_WORDS (PAGE_SIZE / 4)

struct code_page {
    gpa_t page;
    uint64_t mode;             // vcpu.mode, and translation.fetch_mode
    const struct debug_set *debug; // what its blocks ask a debugger (jit/debug.h), or NULL
    const uint8_t *host;
    uint8_t *flags;            // page_flags byte
    struct code_page *next;    // in the bucket
    struct tb *all;
    struct region_link *regions; // compiled regions with blocks in this page
    uint32_t id;               // of what is in it: another after every suspicion; never 0
    uint32_t nr_suspect;       // of its blocks
    struct tb *entry[PAGE_WORDS];
    uint32_t quick[PAGE_WORDS]; // where a block's quick code is, from the buffer's start
};

// The block at pc, translated if need be. NULL: a fetch fault is recorded. vCPU's thread. For
// cpu->pc that may come to be another spelling of the same address.
struct tb *tb_find_slow(struct vcpu *cpu, gva_t pc);

static inline struct tb *tb_find(struct vcpu *cpu, gva_t pc)
{
    const struct itlb_entry *e = &cpu->itlb[pc >> PAGE_BITS & (ITLB_SIZE - 1)];
    cpu->stats.tb_lookup++;
    // By exclusive or, so that the low bits of a misaligned pc never vanish in the context's.
    if (likely(e->tag == ((pc & (PAGE_MASK | 3)) ^ cpu->ictx) && e->mode == cpu->mode)) {
        struct tb *tb = __atomic_load_n(&e->page->entry[(pc & ~PAGE_MASK) >> 2], __ATOMIC_ACQUIRE);
        if (likely(tb))
            return tb;
    }
    return tb_find_slow(cpu, pc);
}

// A block of at most max_insns instructions at vcpu.pc, which tb, the block there, is too long for.
// Nobody else knows it; the caller frees it. vCPU's thread.
struct tb *tb_make_short(struct vcpu *cpu, const struct tb *tb, unsigned max_insns);
void tb_free_short(struct jit *jit, struct tb *tb); // accepts NULL

// Makes the interpreter's form of a block, if it has none. vCPU's thread.
void tb_need_interp(struct vcpu *cpu, struct tb *tb);

// The guest may have changed code in this physical page, or anywhere. Any thread.
void tb_suspect_page(struct jit *jit, gpa_t page);
void tb_suspect_all(struct jit *jit);

// Everything goes at the next safe point: nothing of it is likely to run again (a reset). Any thread.
void tb_forget_all(struct jit *jit);

// Marks the page as holding code, so that whoever writes to it says so: this vCPU at once, the others
// soon. Under the lock, before its bytes are read; self is the vCPU whose thread this is, or NULL.
void tb_protect(struct jit *jit, struct vcpu *self, struct code_page *p);

// The list that holds a physical page's code_pages. Under the lock.
struct code_page **tb_bucket(struct jit *jit, gpa_t page);

// Something waits to be freed. Under the lock.
void tb_count_retired(struct jit *jit);

// Frees what is retired, if it is time. vCPU's thread, inside (jit/rendezvous.h), outside any block
// and without a lock.
void tb_safe_point(struct vcpu *cpu);
void tb_fini(struct jit *jit);

#endif
