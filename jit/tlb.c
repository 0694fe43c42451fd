// SPDX-License-Identifier: GPL-3.0-or-later
#include "jit/tlb.h"

#include "jit/debug.h"
#include "jit/rendezvous.h"
#include "jit/tb.h"
#include "jit/verify.h"

#include <assert.h>
#include <string.h>

// Where one page's part of an access ends up: in RAM, or at a device.
struct place {
    uint8_t *host; // NULL: not RAM, or RAM that a write may not touch
    gpa_t pa;
    bool device;   // by attribute: unaligned accesses fault
    bool watched;  // the guest or a debugger wants to be asked
    uint8_t *code_flags; // the page's flags, when a write has to tell the block cache
};

static void fill(struct vcpu *cpu, gva_t va, enum mem_access access, unsigned attr,
                 const struct translation *t, const uint8_t *host)
{
    unsigned n = tlb_index(va);
    uint32_t ctx = attr & MEM_UNPRIV ? cpu->uctx : cpu->dctx;
    struct tlb_entry *e = access == MEM_WRITE ? &cpu->wtlb[n] : &cpu->rtlb[n];
    struct tlb_meta *meta = access == MEM_WRITE ? &cpu->wmeta[n] : &cpu->rmeta[n];
    e->tag = (va & PAGE_MASK) | ctx;
    e->addend = (uint64_t)(uintptr_t)host - va;
    meta->log2_size = t->log2_size;
    if (t->log2_size > PAGE_BITS)
        tlb_note_big(cpu, va, t->log2_size);
    cpu->stats.tlb_fill++;
    if (!t->global)
        tlb_note_nonglobal(cpu, va, ctx);
}

// Translates va for the access and enters it into the TLB if it may be there.
static bool resolve(struct vcpu *cpu, gva_t va, enum mem_access access, unsigned attr,
                    struct place *p)
{
    struct translation t;
    if (!cpu->guest->translate(cpu, va, access, attr, &t))
        return false;
    if (unlikely(cpu->jit->debug))
        t.watched = t.watched || debug_watches_page(cpu->jit, va, t.page);
    *p = (struct place){ .pa = t.page | (va & ~PAGE_MASK), .device = t.device,
                         .watched = t.watched };
    const struct ram_region *r = jit_region(cpu->jit, p->pa);
    if (!r || (r->rom && (access == MEM_WRITE || __atomic_load_n(&r->io, __ATOMIC_SEQ_CST))))
        return true;
    p->host = r->host + (p->pa - r->base);
    uint8_t *flags = &r->page_flags[(p->pa - r->base) >> PAGE_BITS];
    unsigned f = __atomic_load_n(flags, __ATOMIC_RELAXED);
    // Noted before it is written; from here on the page is written at full speed.
    if (unlikely(access == MEM_WRITE && f & PAGE_DIRTY_LOG))
        dirty_written(r, (p->pa - r->base) >> PAGE_BITS);
    bool guarded = f & PAGE_WATCH || t.watched ||
                   (access == MEM_WRITE &&
                    (t.dirty_trap || (f & PAGE_CODE && cpu->jit->protect_code)));
    if (access == MEM_WRITE && f & PAGE_CODE && cpu->jit->protect_code)
        p->code_flags = flags;
    if (!guarded && !t.device)
        fill(cpu, va, access, attr, &t, p->host);
    return true;
}

static void copy(void *to, const void *from, unsigned size)
{
    // Guests access memory unaligned.
    typedef uint16_t u16 __attribute__((aligned(1)));
    typedef uint32_t u32 __attribute__((aligned(1)));
    typedef uint64_t u64 __attribute__((aligned(1)));
    // One host access for every size that the guest sees as one.
    switch (size) {
    case 1: *(volatile uint8_t *)to = *(const volatile uint8_t *)from; break;
    case 2: *(volatile u16 *)to = *(const volatile u16 *)from; break;
    case 4: *(volatile u32 *)to = *(const volatile u32 *)from; break;
    case 8: *(volatile u64 *)to = *(const volatile u64 *)from; break;
    default: memcpy(to, from, size);
    }
}

// Does a device access in naturally aligned pieces of at most eight bytes.
static bool mmio(struct vcpu *cpu, gpa_t pa, unsigned size, uint8_t *data, bool write)
{
    const struct phys_ops *phys = &cpu->jit->phys;
    cpu->stats.mmio++;
    for (unsigned done = 0; done < size;) {
        unsigned n = 8;
        while (n > size - done || (pa + done) & (n - 1))
            n >>= 1;
        uint64_t v = 0;
        if (write)
            memcpy(&v, data + done, n);
        bool ok = write ? phys->write(phys->opaque, cpu->index, pa + done, n, v)
                        : phys->read(phys->opaque, cpu->index, pa + done, n, &v);
        if (!ok)
            return false;
        if (unlikely(RELAXED(cpu->exit_request) & EXIT_REQ_WORK))
            rendezvous_catch_up(cpu);
        if (!write)
            memcpy(data + done, &v, n);
        done += n;
    }
    return true;
}

// One page's part of an access whose every byte is known to be reachable.
static bool move(struct vcpu *cpu, const struct place *p, unsigned size, void *data, bool write)
{
    if (!p->host)
        return mmio(cpu, p->pa, size, data, write);
    if (write)
        copy(p->host, data, size);
    else
        copy(data, p->host, size);
    if (p->code_flags)
        tb_suspect_page(cpu->jit, p->pa & PAGE_MASK);
    return true;
}

// Asks about an access to a watched page, and the second one that it may cross into.
static bool watch_slow(struct vcpu *cpu, const struct place *p, const struct place *p2, gva_t va,
                       unsigned size, enum mem_access access, unsigned attr)
{
    if (cpu->jit->debug) {
        unsigned first = PAGE_SIZE - (va & ~PAGE_MASK);
        if (!debug_check_watch(cpu, va, p->pa, first < size ? first : size, access) ||
            (first < size && !debug_check_watch(cpu, va + first, p2->pa, size - first, access)))
            return false;
    }
    return !cpu->guest->watch || cpu->guest->watch(cpu, va, size, access, attr);
}

// p2 is asked about if the access crosses into a second page.
static bool watch(struct vcpu *cpu, const struct place *p, const struct place *p2, gva_t va,
                  unsigned size, enum mem_access access, unsigned attr)
{
    bool crosses = PAGE_SIZE - (va & ~PAGE_MASK) < size;
    return likely(!p->watched && !(crosses && p2->watched)) ||
           watch_slow(cpu, p, p2, va, size, access, attr);
}

static bool misaligned(gva_t va, unsigned size, unsigned attr)
{
    return va & ((attr & MEM_PAIR ? size / 2 : size) - 1);
}

static bool access_slow(struct vcpu *cpu, gva_t va, unsigned size, unsigned attr, void *data,
                        bool write)
{
    enum mem_access access = write ? MEM_WRITE : MEM_READ;
    if (unlikely(cpu->verify))
        return verify_access(cpu, va, size, attr, data, write);
    cpu->stats.slow_access++;
    bool unaligned = misaligned(va, size, attr);
    if (unaligned && attr & MEM_ALIGNED) {
        cpu->guest->record_fault(cpu, FAULT_ALIGNMENT, va, access, attr);
        return false;
    }
    unsigned first = PAGE_SIZE - (va & ~PAGE_MASK);
    bool crosses = first < size;
    gva_t va2 = (va & PAGE_MASK) + PAGE_SIZE;
    struct place p, p2;
    if (!resolve(cpu, va, access, attr, &p) || (crosses && !resolve(cpu, va2, access, attr, &p2)))
        return false;
    if (unaligned && (p.device || (crosses && p2.device))) {
        cpu->guest->record_fault(cpu, FAULT_ALIGNMENT, va, access, attr);
        return false;
    }
    if (!watch(cpu, &p, &p2, va, size, access, attr))
        return false;
    if (unlikely(cpu->io != VCPU_IO_FREE) && (!p.host || (crosses && !p2.host))) {
        cpu->io = VCPU_IO_WANTED;
        return false;
    }
    bool ok = move(cpu, &p, crosses ? first : size, data, write);
    if (!ok || (crosses && !move(cpu, &p2, size - first, (uint8_t *)data + first, write))) {
        cpu->guest->record_fault(cpu, FAULT_BUS, ok ? va2 : va, access, attr);
        return false;
    }
    return true;
}

// Finds va in a table; the host address, or NULL.
static inline void *hit(const struct vcpu *cpu, const struct tlb_entry *table, gva_t va,
                        unsigned size, unsigned attr)
{
    const struct tlb_entry *e = &table[tlb_index(va)];
    uint32_t ctx = attr & MEM_UNPRIV ? cpu->uctx : cpu->dctx;
    if (unlikely(e->tag != tlb_want(va, size, ctx)))
        return NULL;
    if (unlikely(attr & MEM_ALIGNED && misaligned(va, size, attr)))
        return NULL;
    return (void *)(uintptr_t)(va + e->addend);
}

// An access that crosses into a second page.
struct halves {
    uint8_t *host[2];
    unsigned first; // bytes in the first page
};

// Does the access cross, and are both pages in the table? What lies across two pages is touched
// again and again where a stack frame or an array does.
static bool hit_both(const struct vcpu *cpu, const struct tlb_entry *table, gva_t va, unsigned size,
                     unsigned attr, struct halves *h)
{
    h->first = PAGE_SIZE - (va & ~PAGE_MASK);
    if (h->first >= size || (attr & MEM_ALIGNED && misaligned(va, size, attr)))
        return false;
    h->host[0] = hit(cpu, table, va, h->first, attr & MEM_UNPRIV);
    h->host[1] = hit(cpu, table, va + h->first, size - h->first, attr & MEM_UNPRIV);
    return h->host[0] && h->host[1];
}

bool mem_load(struct vcpu *cpu, gva_t va, unsigned size, unsigned attr, void *out)
{
    struct halves h;
    const void *host = hit(cpu, cpu->rtlb, va, size, attr);
    if (likely(host)) {
        copy(out, host, size);
        return true;
    }
    if (!hit_both(cpu, cpu->rtlb, va, size, attr, &h))
        return access_slow(cpu, va, size, attr, out, false);
    copy(out, h.host[0], h.first);
    copy((uint8_t *)out + h.first, h.host[1], size - h.first);
    return true;
}

bool mem_store(struct vcpu *cpu, gva_t va, unsigned size, unsigned attr, const void *in)
{
    struct halves h;
    void *host = hit(cpu, cpu->wtlb, va, size, attr);
    if (likely(host)) {
        copy(host, in, size);
    } else if (hit_both(cpu, cpu->wtlb, va, size, attr, &h)) {
        copy(h.host[0], in, h.first);
        copy(h.host[1], (const uint8_t *)in + h.first, size - h.first);
    } else if (!access_slow(cpu, va, size, attr, (void *)(uintptr_t)in, true)) {
        return false;
    }
    if (attr & MEM_RELEASE)
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return true;
}

bool mem_probe(struct vcpu *cpu, gva_t va, unsigned size, enum mem_access access, unsigned attr)
{
    const struct tlb_entry *table = access == MEM_WRITE ? cpu->wtlb : cpu->rtlb;
    if (unlikely(attr & MEM_ALIGNED && va & (size - 1))) {
        cpu->guest->record_fault(cpu, FAULT_ALIGNMENT, va, access, attr);
        return false;
    }
    struct halves h;
    if (likely(hit(cpu, table, va, size, attr) || hit_both(cpu, table, va, size, attr, &h)))
        return true;
    if (unlikely(cpu->verify))
        return verify_probe(cpu, va, size, access, attr);
    struct place p, p2 = { 0 };
    gva_t last = (va + size - 1) & PAGE_MASK;
    return resolve(cpu, va, access, attr, &p) &&
           (last == (va & PAGE_MASK) || resolve(cpu, last, access, attr, &p2)) &&
           watch(cpu, &p, &p2, va, size, access, attr);
}

void *mem_rmw(struct vcpu *cpu, gva_t va, unsigned size, unsigned attr, bool reads)
{
    void *host = hit(cpu, cpu->wtlb, va, size, attr | MEM_ALIGNED);
    if (likely(host))
        return host;
    if (unlikely(cpu->verify))
        return verify_rmw(cpu, va, size, attr, reads);
    cpu->stats.slow_access++;
    struct place p;
    if (va & (size - 1)) {
        cpu->guest->record_fault(cpu, FAULT_ALIGNMENT, va, reads ? MEM_READ : MEM_WRITE, attr);
        return NULL;
    }
    // A fault that a load would have had as well is reported as the load's.
    if ((reads && !resolve(cpu, va, MEM_READ, attr, &p)) || !resolve(cpu, va, MEM_WRITE, attr, &p))
        return NULL;
    if ((reads && !watch(cpu, &p, &p, va, size, MEM_READ, attr)) ||
        !watch(cpu, &p, &p, va, size, MEM_WRITE, attr))
        return NULL;
    if (!p.host) {
        cpu->guest->record_fault(cpu, FAULT_BUS, va, MEM_WRITE, attr);
        return NULL;
    }
    if (p.code_flags)
        cpu->rmw_code = (p.pa & PAGE_MASK) | 1;
    return p.host;
}

void mem_rmw_suspect(struct vcpu *cpu)
{
    tb_suspect_page(cpu->jit, cpu->rmw_code & PAGE_MASK);
    cpu->rmw_code = 0;
}

// Contexts ---------------------------------------------------------------------------------------

unsigned tlb_context(struct vcpu *cpu, uint64_t key)
{
    // Newest first: a switch mostly goes back to one of the last few.
    for (unsigned n = cpu->nr_ctx; n-- > 0;)
        if (cpu->ctx_keys[n] == key)
            return n;
    if (cpu->nr_ctx == TLB_NR_CTX)
        tlb_flush_all(cpu);
    cpu->ctx_keys[cpu->nr_ctx] = key;
    return cpu->nr_ctx++;
}

void tlb_retire(struct vcpu *cpu, bool (*match)(uint64_t key, uint64_t arg), uint64_t arg)
{
    for (unsigned n = 0; n < cpu->nr_ctx; n++)
        if (cpu->ctx_keys[n] != TLB_KEY_RETIRED && match(cpu->ctx_keys[n], arg))
            cpu->ctx_keys[n] = TLB_KEY_RETIRED;
}

void tlb_init(struct vcpu *cpu)
{
    tlb_flush_all(cpu);
    cpu->stats.tlb_flush_all = 0;
}

void tlb_forget(struct vcpu *cpu)
{
    memset(cpu->rtlb, 0xff, sizeof cpu->rtlb); // TLB_TAG_EMPTY
    memset(cpu->wtlb, 0xff, sizeof cpu->wtlb);
    memset(cpu->itlb, 0xff, sizeof cpu->itlb);
    cpu->tlb_big = 0;
    memset(cpu->tlb_big_at, 0, sizeof cpu->tlb_big_at);
    cpu->nr_nonglobal = 0;
}

void tlb_flush_all(struct vcpu *cpu)
{
    tlb_forget(cpu);
    cpu->nr_ctx = 0;
    cpu->stats.tlb_flush_all++;
}

static void flush_slot(struct vcpu *cpu, unsigned n, gva_t va)
{
    if (((cpu->rtlb[n].tag ^ va) << 8) >> 8 < PAGE_SIZE)
        cpu->rtlb[n].tag = TLB_TAG_EMPTY;
    if (((cpu->wtlb[n].tag ^ va) << 8) >> 8 < PAGE_SIZE)
        cpu->wtlb[n].tag = TLB_TAG_EMPTY;
}

static void flush_fetch_slot(struct vcpu *cpu, gva_t va)
{
    struct itlb_entry *e = &cpu->itlb[va >> PAGE_BITS & (ITLB_SIZE - 1)];
    if (((e->tag ^ va) << 8) >> 8 < PAGE_SIZE)
        e->tag = TLB_TAG_EMPTY;
}

// Does the mapping of 2^log2_size bytes that the tag's entry came from hold va?
static bool in_mapping(uint64_t tag, unsigned log2_size, gva_t va)
{
    return tag != TLB_TAG_EMPTY && (((tag ^ va) & PAGE_MASK) << 8) >> 8 < BIT(log2_size);
}

// A hash of the mapping of 2^log2_size bytes around va, whatever its tag.
static unsigned big_bit(gva_t va, unsigned log2_size)
{
    uint64_t number = (va << 8 >> 8) >> (log2_size < 63 ? log2_size : 63);
    return (unsigned)((number + log2_size) * UINT64_C(0x9e3779b97f4a7c15) >> 52) % TLB_BIG_BITS;
}

void tlb_note_big(struct vcpu *cpu, gva_t va, unsigned log2_size)
{
    unsigned bit = big_bit(va, log2_size);
    cpu->tlb_big |= BIT(log2_size < 63 ? log2_size : 63);
    cpu->tlb_big_at[bit / 64] |= BIT(bit % 64);
}

// May va lie in a mapping beyond a page that entries came from?
static bool in_big(const struct vcpu *cpu, gva_t va)
{
    for (uint64_t sizes = cpu->tlb_big; sizes; sizes &= sizes - 1) {
        unsigned bit = big_bit(va, (unsigned)__builtin_ctzll(sizes));
        if (cpu->tlb_big_at[bit / 64] >> (bit % 64) & 1)
            return true;
    }
    return false;
}

void tlb_flush_va(struct vcpu *cpu, gva_t va)
{
    cpu->stats.tlb_flush_page++;
    va &= PAGE_MASK;
    flush_slot(cpu, tlb_index(va), va);
    // Entries do not say where their mapping's other pages are: all are looked at.
    if (in_big(cpu, va)) {
        for (unsigned n = 0; n < TLB_SIZE; n++) {
            if (in_mapping(cpu->rtlb[n].tag, cpu->rmeta[n].log2_size, va))
                cpu->rtlb[n].tag = TLB_TAG_EMPTY;
            if (in_mapping(cpu->wtlb[n].tag, cpu->wmeta[n].log2_size, va))
                cpu->wtlb[n].tag = TLB_TAG_EMPTY;
        }
        for (unsigned n = 0; n < ITLB_SIZE; n++)
            if (in_mapping(cpu->itlb[n].tag, (unsigned)cpu->itlb[n].log2_size, va))
                cpu->itlb[n].tag = TLB_TAG_EMPTY;
    } else {
        flush_fetch_slot(cpu, va);
    }
}

void tlb_note_nonglobal(struct vcpu *cpu, gva_t va, uint32_t ctx)
{
    if (!(cpu->ctx_keys[ctx] & TLB_KEY_NO_ASID))
        return;
    if (cpu->nr_nonglobal < ARRAY_SIZE(cpu->nonglobal))
        cpu->nonglobal[cpu->nr_nonglobal] = va;
    cpu->nr_nonglobal++;
}

void tlb_drop_nonglobal(struct vcpu *cpu)
{
    if (cpu->nr_nonglobal > ARRAY_SIZE(cpu->nonglobal)) {
        memset(cpu->itlb, 0xff, sizeof cpu->itlb);
        for (unsigned n = 0; n < TLB_SIZE; n++) {
            if (cpu->rtlb[n].tag != TLB_TAG_EMPTY && cpu->ctx_keys[cpu->rtlb[n].tag & 0xfff] & TLB_KEY_NO_ASID)
                cpu->rtlb[n].tag = TLB_TAG_EMPTY;
            if (cpu->wtlb[n].tag != TLB_TAG_EMPTY && cpu->ctx_keys[cpu->wtlb[n].tag & 0xfff] & TLB_KEY_NO_ASID)
                cpu->wtlb[n].tag = TLB_TAG_EMPTY;
        }
    } else {
        for (unsigned i = 0; i < cpu->nr_nonglobal; i++) {
            flush_slot(cpu, tlb_index(cpu->nonglobal[i]), cpu->nonglobal[i]);
            flush_fetch_slot(cpu, cpu->nonglobal[i]);
        }
    }
    cpu->nr_nonglobal = 0;
}

void tlb_protect_page(struct vcpu *cpu, const uint8_t *host)
{
    for (unsigned n = 0; n < TLB_SIZE; n++) {
        struct tlb_entry *e = &cpu->wtlb[n];
        if (e->tag != TLB_TAG_EMPTY && (uint8_t *)(uintptr_t)((e->tag & PAGE_MASK) + e->addend) == host)
            e->tag = TLB_TAG_EMPTY;
    }
}

void tlb_forget_reads(struct vcpu *cpu, const uint8_t *host, uint64_t size)
{
    for (unsigned n = 0; n < TLB_SIZE; n++) {
        struct tlb_entry *e = &cpu->rtlb[n];
        if (e->tag != TLB_TAG_EMPTY && (e->tag & PAGE_MASK) + e->addend - (uintptr_t)host < size)
            e->tag = TLB_TAG_EMPTY;
    }
}
