// SPDX-License-Identifier: GPL-3.0-or-later
#include "jit/tb.h"

#include "jit/debug.h"
#include "jit/interp.h"
#include "jit/ir.h"
#include "jit/quick.h"
#include "jit/rendezvous.h"
#include "jit/tier.h"
#include "jit/tlb.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct code_page **tb_bucket(struct jit *jit, gpa_t page)
{
    return &jit->pages[(page >> PAGE_BITS) * 0x9e3779b1u >> 7 & (JIT_CODE_BUCKETS - 1)];
}

static struct code_page *find_page(struct jit *jit, gpa_t page, uint64_t mode,
                                   const struct debug_set *debug)
{
    mode |= debug ? VCPU_MODE_DEBUG : 0;
    for (struct code_page *p = *tb_bucket(jit, page); p; p = p->next)
        if (p->page == page && p->mode == mode && p->debug == debug)
            return p;
    const struct ram_region *r = jit_region(jit, page);
    if (!r)
        return NULL;
    struct code_page *p = calloc(1, sizeof *p);
    assert(p);
    p->page = page;
    p->mode = mode;
    p->debug = debug;
    p->host = r->host + (page - r->base);
    p->flags = &r->page_flags[(page - r->base) >> PAGE_BITS];
    struct code_page **b = tb_bucket(jit, page);
    p->next = *b;
    *b = p;
    jit->bytes += sizeof *p;
    if (jit->quick)
        quick_reset_page(jit->quick, p);
    return p;
}

static void log_block(struct vcpu *cpu, const struct tb *tb, const struct ir *ir)
{
    const struct log *log = cpu->jit->log;
    if (log_enabled(log, LOG_IN_ASM)) {
        log_printf(log, LOG_IN_ASM, "block %#" PRIx64 " phys %#" PRIx64 " mode %#" PRIx64 "\n",
                   (cpu->pc & PAGE_MASK) + tb->off, tb->page->page + tb->off, ir->mode);
        for (unsigned n = 0; n < tb->n_insns; n++) {
            char text[128];
            gva_t pc = (cpu->pc & PAGE_MASK) + tb->off + 4 * n;
            cpu->guest->disas(tb->insns[n], pc, text, sizeof text);
            log_printf(log, LOG_IN_ASM, "  %016" PRIx64 "  %08x  %s\n", pc, tb->insns[n], text);
        }
    }
    if (log_enabled(log, LOG_IR))
        ir_print(ir, log->file ? log->file : stderr);
}

static void protect_page(struct vcpu *cpu, uint64_t host)
{
    tlb_protect_page(cpu, (const uint8_t *)(uintptr_t)host);
}

// Makes a write to a page with code take the slow path. That other vCPUs' stores are noticed a
// moment later is what the architecture allows: they owe the page an IC anyway.
void tb_protect(struct jit *jit, struct vcpu *self, struct code_page *p)
{
    unsigned old = __atomic_fetch_or(p->flags, PAGE_CODE, __ATOMIC_SEQ_CST);
    if (old & PAGE_CODE || !jit->protect_code)
        return;
    if (self)
        tlb_protect_page(self, p->host);
    rendezvous_ask(jit, self, protect_page, (uint64_t)(uintptr_t)p->host);
}

// Where the block goes, for whoever forms regions.
static void note_ways(struct tb *tb, const struct ir *ir)
{
    const struct ir_insn *end = &ir->insn[ir->nr - 1];
    int64_t next = tb->off + 4 * (int64_t)tb->n_insns;
    for (unsigned n = 0; n < ir->nr; n++)
        tb->calls |= ir->insn[n].op == IR_PCREL && (int64_t)ir->insn[n].imm == next;
    if (end->op < IR_BR || end->op > IR_BR_BIT1)
        return;
    tb->to[tb->nr_to++] = (int64_t)end->imm;
    if (end->op != IR_BR)
        tb->to[tb->nr_to++] = next;
}

// A block of the page's code as it is now, in no list; in the interpreter's form if it is wanted.
static struct tb *make(struct vcpu *cpu, struct code_page *p, unsigned off, unsigned max_insns, bool interp)
{
    struct jit *jit = cpu->jit;
    struct ir *ir = jit->ir;
    uint32_t n_insns = 0;
    // What is translated and what it is compared with later must be the same bytes, whoever writes
    // to the page meanwhile.
    uint8_t code[PAGE_SIZE];
    size_t most = PAGE_SIZE - off < 4 * IR_MAX_GUEST ? PAGE_SIZE - off : 4 * IR_MAX_GUEST;
    memcpy(code + off, p->host + off, most);
    ir_begin(ir, jit->guest, off, p->mode);
    ir->debug = p->debug;
    ir->max_guest = max_insns;
    jit->guest->translate_block(ir, code, &n_insns);
    assert(!ir->overflow && n_insns);
    ir_opt_all(ir);
    struct tb *tb = calloc(1, sizeof *tb + n_insns * sizeof tb->insns[0]);
    assert(tb);
    tb->page = p;
    tb->off = off;
    tb->n_insns = n_insns;
    tb->countdown = TB_LOOK_EVERY;
    memcpy(tb->insns, code + off, n_insns * 4);
    log_block(cpu, tb, ir);
    note_ways(tb, ir);
    if (interp || !jit->quick)
        interp_compile(jit, ir, tb);
    else if (!quick_compile(jit->quick, ir, tb))
        __atomic_store_n(&jit->code_full, true, __ATOMIC_RELAXED);
    jit->bytes += sizeof *tb + n_insns * 4 + tb->n_iops * 34;
    cpu->stats.tb_translated++;
    cpu->stats.insns_translated += n_insns;
    return tb;
}

// tb becomes the block at its place.
static void enter(struct jit *jit, struct tb *tb)
{
    __atomic_store_n(&tb->page->entry[tb->off >> 2], tb, __ATOMIC_RELEASE);
    if (jit->quick)
        quick_enter_page(jit->quick, tb);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void note_speed(struct jit *jit, uint64_t ns, uint32_t insns)
{
    uint64_t at = ns / insns / JIT_SPEED_STEP;
    jit->translate_ns += ns;
    jit->translate_speed[at < ARRAY_SIZE(jit->translate_speed) ? at : ARRAY_SIZE(jit->translate_speed) - 1] += insns;
}

static size_t bytes(const struct jit *jit)
{
    return jit->bytes + (jit->quick ? quick_bytes(jit->quick) : 0);
}

static struct tb *translate(struct vcpu *cpu, struct code_page *p, unsigned off)
{
    uint64_t begun = now_ns();
    tb_protect(cpu->jit, cpu, p);
    struct tb *tb = make(cpu, p, off, IR_MAX_GUEST, false);
    note_speed(cpu->jit, now_ns() - begun, tb->n_insns);
    tb->next = p->all;
    p->all = tb;
    enter(cpu->jit, tb);
    if (bytes(cpu->jit) > cpu->jit->cache_limit)
        __atomic_store_n(&cpu->jit->code_full, true, __ATOMIC_RELAXED);
    return tb;
}

struct tb *tb_make_short(struct vcpu *cpu, const struct tb *tb, unsigned max_insns)
{
    mutex_lock(&cpu->jit->lock);
    struct tb *t = make(cpu, tb->page, tb->off, max_insns, true);
    mutex_unlock(&cpu->jit->lock);
    return t;
}

// The same instructions again, whatever the page holds by now.
void tb_need_interp(struct vcpu *cpu, struct tb *tb)
{
    struct jit *jit = cpu->jit;
    struct ir *ir = jit->ir;
    uint8_t code[PAGE_SIZE];
    uint32_t n_insns = 0;
    mutex_lock(&jit->lock);
    if (tb->code) { // there already, or another vCPU was first
        mutex_unlock(&jit->lock);
        return;
    }
    memcpy(code + tb->off, tb->insns, tb->n_insns * 4);
    ir_begin(ir, jit->guest, tb->off, tb->page->mode);
    ir->debug = tb->page->debug;
    ir->max_guest = tb->n_insns;
    jit->guest->translate_block(ir, code, &n_insns);
    assert(n_insns == tb->n_insns);
    ir_opt_all(ir);
    interp_compile(jit, ir, tb);
    jit->bytes += tb->n_iops * 34;
    mutex_unlock(&jit->lock);
}

void tb_count_retired(struct jit *jit)
{
    __atomic_store_n(&jit->nr_retired, jit->nr_retired + 1, __ATOMIC_RELAXED);
}

static void retire(struct jit *jit, struct tb **link)
{
    struct tb *tb = *link;
    *link = tb->next;
    tb->next = jit->retired;
    jit->retired = tb;
    tb_count_retired(jit);
}

// A suspect block for this offset whose bytes still stand; changed ones are retired.
static struct tb *revalidate(struct vcpu *cpu, struct code_page *p, unsigned off)
{
    // Most pages are never suspect, and may have many blocks.
    for (struct tb **link = &p->all; p->nr_suspect && *link;) {
        struct tb *tb = *link;
        if (tb->off != off || !tb->suspect) {
            link = &tb->next;
            continue;
        }
        // First the flag, then the bytes: who writes now either is seen here or sees the flag.
        tb_protect(cpu->jit, cpu, p);
        if (memcmp(tb->insns, p->host + off, tb->n_insns * 4)) {
            cpu->stats.tb_retired++;
            p->nr_suspect--;
            retire(cpu->jit, link);
            region_changed(cpu, p);
            continue;
        }
        cpu->stats.tb_revalidated++;
        tb->suspect = false;
        p->nr_suspect--;
        enter(cpu->jit, tb);
        region_revalidate(cpu, p, tb);
        return tb;
    }
    return NULL;
}

static void fault(struct vcpu *cpu, enum mem_fault_kind kind, gva_t pc)
{
    cpu->guest->record_fault(cpu, kind, pc, MEM_FETCH, 0);
}

struct tb *tb_find_slow(struct vcpu *cpu, gva_t pc)
{
    struct jit *jit = cpu->jit;
    struct itlb_entry *e = &cpu->itlb[pc >> PAGE_BITS & (ITLB_SIZE - 1)];
    struct code_page *p;
    if (cpu->guest->branch_target && pc == cpu->pc)
        cpu->pc = pc = cpu->guest->branch_target(cpu, pc);
    if (pc & 3) {
        fault(cpu, FAULT_ALIGNMENT, pc);
        return NULL;
    }
    cpu->stats.tb_slow_lookup++;
    mutex_lock(&jit->lock);
    if (e->tag == ((pc & PAGE_MASK) | cpu->ictx) && e->mode == cpu->mode) {
        p = e->page;
    } else {
        struct translation t;
        if (!cpu->guest->translate(cpu, pc, MEM_FETCH, 0, &t)) {
            mutex_unlock(&jit->lock);
            return NULL;
        }
        const struct debug_set *debug = unlikely(jit->debug) ? debug_page_set(jit, pc, t.page) : NULL;
        p = find_page(jit, t.page, cpu->mode | t.fetch_mode, debug);
        if (!p) {
            mutex_unlock(&jit->lock);
            fault(cpu, FAULT_BUS, pc);
            return NULL;
        }
        *e = (struct itlb_entry){ .tag = (pc & PAGE_MASK) | cpu->ictx, .mode = cpu->mode, .page = p, .log2_size = t.log2_size };
        if (t.log2_size > PAGE_BITS)
            tlb_note_big(cpu, pc, t.log2_size);
        if (!t.global)
            tlb_note_nonglobal(cpu, pc, cpu->ictx);
        cpu->stats.itlb_fill++;
    }
    unsigned off = pc & ~PAGE_MASK;
    struct tb *tb = p->entry[off >> 2];
    if (!tb)
        tb = revalidate(cpu, p, off);
    if (!tb)
        tb = translate(cpu, p, off);
    mutex_unlock(&jit->lock);
    return tb;
}

static void suspect(struct jit *jit, struct code_page *p)
{
    __atomic_and_fetch(p->flags, (uint8_t)~PAGE_CODE, __ATOMIC_SEQ_CST);
    p->nr_suspect = 0;
    for (struct tb *tb = p->all; tb; tb = tb->next) {
        p->nr_suspect++;
        tb->suspect = true;
        interp_unchain(tb);
        if (tb->quick)
            quick_unchain(tb);
    }
    region_suspect(p);
    for (unsigned n = 0; n < PAGE_WORDS; n++)
        __atomic_store_n(&p->entry[n], NULL, __ATOMIC_RELAXED);
    if (jit->quick)
        quick_reset_page(jit->quick, p);
}

void tb_suspect_page(struct jit *jit, gpa_t page)
{
    mutex_lock(&jit->lock);
    for (struct code_page *p = *tb_bucket(jit, page); p; p = p->next)
        if (p->page == page)
            suspect(jit, p);
    mutex_unlock(&jit->lock);
}

void tb_suspect_all(struct jit *jit)
{
    mutex_lock(&jit->lock);
    for (unsigned b = 0; b < JIT_CODE_BUCKETS; b++)
        for (struct code_page *p = jit->pages[b]; p; p = p->next)
            suspect(jit, p);
    mutex_unlock(&jit->lock);
}

static void free_list(struct jit *jit, struct tb *tb)
{
    while (tb) {
        struct tb *next = tb->next;
        jit->bytes -= sizeof *tb + tb->n_insns * 4 + tb->n_iops * 34;
        free(tb->code);
        free(tb);
        tb = next;
    }
}

void tb_free_short(struct jit *jit, struct tb *tb)
{
    mutex_lock(&jit->lock);
    free_list(jit, tb);
    mutex_unlock(&jit->lock);
}

static void flush(struct jit *jit)
{
    region_fini(jit);
    if (jit->quick)
        quick_flush(jit->quick);
    for (unsigned b = 0; b < JIT_CODE_BUCKETS; b++) {
        for (struct code_page *p = jit->pages[b], *next; p; p = next) {
            next = p->next;
            free_list(jit, p->all);
            jit->bytes -= sizeof *p;
            free(p);
        }
        jit->pages[b] = NULL;
    }
    for (unsigned n = 0; n < jit->nr_cpus; n++)
        memset(jit->cpus[n]->itlb, 0xff, sizeof jit->cpus[n]->itlb);
}

void tb_forget_all(struct jit *jit)
{
    tb_suspect_all(jit);
    __atomic_store_n(&jit->code_full, true, __ATOMIC_RELAXED);
}

static void free_retired(struct jit *jit)
{
    free_list(jit, jit->retired);
    jit->retired = NULL;
    region_free_retired(jit);
    __atomic_store_n(&jit->nr_retired, 0, __ATOMIC_RELAXED);
}

static bool is_full(const struct jit *jit)
{
    return __atomic_load_n(&jit->code_full, __ATOMIC_RELAXED);
}

// To stop the others costs them and us some microseconds: worth it once there is something to free.
#define RETIRED_MANY 256

void tb_safe_point(struct vcpu *cpu)
{
    struct jit *jit = cpu->jit;
    unsigned enough = jit->nr_cpus == 1 ? 1 : RETIRED_MANY;
    if (likely(__atomic_load_n(&jit->nr_retired, __ATOMIC_RELAXED) < enough && !is_full(jit)))
        return;
    rendezvous_stop_others(cpu);
    mutex_lock(&jit->lock);
    free_retired(jit);
    if (is_full(jit)) // nobody else has been here meanwhile
        flush(jit);
    __atomic_store_n(&jit->code_full, false, __ATOMIC_RELAXED);
    mutex_unlock(&jit->lock);
    rendezvous_let_go(cpu);
}

void tb_fini(struct jit *jit)
{
    free_retired(jit);
    flush(jit);
}
