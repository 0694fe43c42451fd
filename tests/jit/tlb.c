// SPDX-License-Identifier: GPL-3.0-or-later
// The softMMU TLB: contexts, flushes, large and global mappings, aliases, edges of the address
// space, pages that must not be cached. What an access sees is told by the walks it costs and by
// the bytes it finds: every physical page starts with its own number.
#include "jit/rendezvous.h"
#include "tests/jit/toy.h"

#include <criterion/criterion.h>
#include <string.h>

static uint64_t load(struct toy *t, gva_t va)
{
    uint64_t v = 0xbad;
    if (!mem_load(&t->cpu, va, 8, 0, &v))
        return UINT64_MAX;
    return v;
}

static bool store(struct toy *t, gva_t va, uint64_t v)
{
    return mem_store(&t->cpu, va, 8, 0, &v);
}

// How many walks a load costs; what it must find.
static unsigned walks(struct toy *t, gva_t va, uint64_t want)
{
    unsigned before = t->nr_translates;
    uint64_t v = load(t, va);
    cr_expect_eq(v, want, "%#lx holds %#lx, not %#lx", va, v, want);
    return t->nr_translates - before;
}

static unsigned store_walks(struct toy *t, gva_t va)
{
    unsigned before = t->nr_translates;
    cr_expect(store(t, va + 8, 1), "store to %#lx faults", va);
    return t->nr_translates - before;
}

#define expect_hit(t, va, want)  cr_expect_eq(walks(t, va, want), 0, "%#lx missed", (gva_t)(va))
#define expect_miss(t, va, want) cr_expect_eq(walks(t, va, want), 1, "%#lx hit", (gva_t)(va))

static gpa_t page(unsigned n)
{
    return TOY_RAM + n * PAGE_SIZE;
}

static struct toy *machine(void)
{
    struct toy *t = toy_create();
    for (unsigned n = 0; n < TOY_RAM_SIZE / PAGE_SIZE; n++)
        *(uint64_t *)toy_host(t, page(n)) = n;
    return t;
}

#define LOW  UINT64_C(0x0000123400000000)
#define HIGH UINT64_C(0xffff800000000000)

// Contexts ----------------------------------------------------------------------------------------

// Every context sees another page.
static bool page_by_context(struct vcpu *cpu, gva_t va, enum mem_access access, unsigned attr,
                            struct translation *out)
{
    struct toy *t = container_of(cpu, struct toy, cpu);
    t->nr_translates++;
    *out = (struct translation){.page = page(cpu->ctx_keys[cpu->dctx] & 255),
                                .log2_size = PAGE_BITS,
                                .readable = true,
                                .writable = true};
    return true;
}

Test(jit_tlb, context_ids)
{
    struct toy *t = machine();
    struct vcpu *cpu = &t->cpu;
    t->guest.translate = page_by_context;
    tlb_flush_all(cpu);
    unsigned flushes = cpu->stats.tlb_flush_all;
    for (unsigned n = 0; n < TLB_NR_CTX; n++) {
        unsigned id = tlb_context(cpu, 1000 + n);
        cr_assert_eq(id, n, "context %u got id %u", n, id);
        cr_assert_eq(tlb_context(cpu, 1000 + n), id);
    }
    cr_expect_eq(cpu->stats.tlb_flush_all, flushes, "flushed before the ids ran out");
    // The same virtual page in all of them: each must find its own.
    for (unsigned n = 0; n < TLB_NR_CTX; n++) {
        cpu->dctx = tlb_context(cpu, 1000 + n);
        expect_miss(t, LOW, (1000 + n) & 255);
        expect_hit(t, LOW, (1000 + n) & 255);
    }
    // And at different pages, so that many live at once.
    for (unsigned n = 0; n < TLB_SIZE; n++) {
        cpu->dctx = tlb_context(cpu, 1000 + n);
        expect_miss(t, LOW + (gva_t)n * PAGE_SIZE, (1000 + n) & 255);
    }
    for (unsigned n = 0; n < TLB_SIZE; n++) {
        cpu->dctx = tlb_context(cpu, 1000 + n);
        expect_hit(t, LOW + (gva_t)n * PAGE_SIZE, (1000 + n) & 255);
    }
    // One more: everything is flushed and handed out anew.
    cpu->dctx = tlb_context(cpu, 99);
    cr_expect_eq(cpu->stats.tlb_flush_all, flushes + 1, "not flushed");
    cr_expect(cpu->dctx == 0 && cpu->nr_ctx == 1, "id %u of %u", cpu->dctx, cpu->nr_ctx);
    for (unsigned n = 0; n < TLB_SIZE; n++)
        expect_miss(t, LOW + (gva_t)n * PAGE_SIZE, 99);
    toy_destroy(t);
}

static bool key_is(uint64_t key, uint64_t arg)
{
    return key == arg;
}

Test(jit_tlb, retired_contexts_never_hit)
{
    struct toy *t = machine();
    struct vcpu *cpu = &t->cpu;
    t->guest.translate = page_by_context;
    unsigned a = tlb_context(cpu, 7), b = tlb_context(cpu, 8);
    cpu->dctx = a;
    expect_miss(t, LOW, 7);
    cpu->dctx = b;
    expect_miss(t, LOW + PAGE_SIZE, 8);
    tlb_retire(cpu, key_is, 7);
    expect_hit(t, LOW + PAGE_SIZE, 8);
    unsigned again = tlb_context(cpu, 7);
    cr_expect_neq(again, a, "the retired id came back");
    cpu->dctx = again;
    expect_miss(t, LOW, 7);
    cr_expect_eq(tlb_context(cpu, 8), b);
    // Retired over and over: the ids run out once, and nothing is wrong then.
    for (unsigned n = 0; n < 2 * TLB_NR_CTX; n++) {
        cpu->dctx = tlb_context(cpu, 20);
        expect_miss(t, LOW, 20);
        tlb_retire(cpu, key_is, 20);
    }
    toy_destroy(t);
}

// Flushes -----------------------------------------------------------------------------------------

Test(jit_tlb, one_address_in_every_context)
{
    struct toy *t = machine();
    struct vcpu *cpu = &t->cpu;
    for (unsigned n = 0; n < 8; n++)
        toy_map(t, LOW + n * PAGE_SIZE, page(10 + n), PAGE_BITS, TOY_ALL);
    for (unsigned n = 0; n < 8; n++) { // a context for each
        cpu->dctx = tlb_context(cpu, 50 + n);
        expect_miss(t, LOW + n * PAGE_SIZE, 10 + n);
        cr_expect_eq(store_walks(t, LOW + n * PAGE_SIZE), 1);
    }
    tlb_flush_va(cpu, LOW + 3 * PAGE_SIZE + 0x123);
    for (unsigned n = 0; n < 8; n++) {
        cpu->dctx = tlb_context(cpu, 50 + n);
        cr_expect_eq(walks(t, LOW + n * PAGE_SIZE, 10 + n), n == 3, "page %u, load", n);
        cr_expect_eq(store_walks(t, LOW + n * PAGE_SIZE), n == 3, "page %u, store", n);
    }
    toy_destroy(t);
}

Test(jit_tlb, one_address_inside_a_large_mapping)
{
    static const gva_t halves[] = {LOW, HIGH};
    static const unsigned sizes[] = {13, 16, 21, 25, 30, 33, 39};
    for (unsigned h = 0; h < 2; h++) {
        for (unsigned s = 0; s < ARRAY_SIZE(sizes); s++) {
            struct toy *t = machine();
            gva_t va = halves[h] & ~mask64(sizes[s]), beside = halves[1 - h] | 0x5000;
            gva_t behind = va + BIT(sizes[s]) + 7 * PAGE_SIZE; // not in the slots of the others
            toy_map(t, va, page(0), sizes[s], TOY_ALL);
            toy_map(t, beside, page(200), PAGE_BITS, TOY_ALL);
            toy_map(t, behind, page(100), PAGE_BITS, TOY_ALL);
            for (unsigned round = 0; round < 3; round++) {
                expect_miss(t, va, 0);
                expect_miss(t, va + PAGE_SIZE, 1);
                cr_expect_eq(store_walks(t, va + PAGE_SIZE), 1);
                if (!round) {
                    expect_miss(t, beside, 200);
                    expect_miss(t, behind, 100);
                }
                expect_hit(t, va, 0);
                // A piece that was never touched, from the start, the middle and the end.
                gva_t at = va + (round == 0   ? 0x10
                                 : round == 1 ? BIT(sizes[s] - 1)
                                              : BIT(sizes[s]) - 1);
                tlb_flush_va(&t->cpu, at);
            }
            expect_miss(t, va, 0);
            expect_miss(t, va + PAGE_SIZE, 1);
            cr_expect_eq(store_walks(t, va + PAGE_SIZE), 1);
            expect_hit(t, beside, 200);
            expect_hit(t, behind, 100);
            toy_destroy(t);
        }
    }
}

Test(jit_tlb, code_inside_a_large_mapping)
{
    struct toy *t = machine();
    gva_t va = LOW & ~mask64(21);
    toy_map(t, va, page(0), 21, TOY_ALL);
    *(uint32_t *)toy_host(t, page(4) + 0x40) = 0;
    toy_run(t, va + 4 * PAGE_SIZE + 0x40);
    unsigned before = t->nr_translates;
    toy_run(t, va + 4 * PAGE_SIZE + 0x40);
    cr_expect_eq(t->nr_translates, before, "the fetch missed");
    tlb_flush_va(&t->cpu, va + 9 * PAGE_SIZE);
    toy_run(t, va + 4 * PAGE_SIZE + 0x40);
    cr_expect_eq(t->nr_translates, before + 1, "the fetch hit a flushed block mapping");
    toy_destroy(t);
}

// Global and not ----------------------------------------------------------------------------------

static void check_nonglobal(unsigned pages)
{
    struct toy *t = machine();
    struct vcpu *cpu = &t->cpu;
    unsigned kernel = tlb_context(cpu, TLB_KEY_NO_ASID | 1), user = tlb_context(cpu, 2);
    toy_map(t, HIGH + PAGE_SIZE * 1500, page(1), PAGE_BITS, TOY_ALL);
    toy_map(t, HIGH + PAGE_SIZE * 1000, page(2), PAGE_BITS, TOY_ALL & ~TOY_GLOBAL);
    for (unsigned n = 0; n < pages; n++)
        toy_map(t, LOW + n * PAGE_SIZE, page(3 + n), PAGE_BITS, TOY_ALL & ~TOY_GLOBAL);
    for (unsigned round = 0; round < 3; round++) {
        cpu->dctx = kernel;
        cr_expect_eq(walks(t, HIGH + PAGE_SIZE * 1500, 1), round == 0 || pages > 32,
                     "%u pages: the global page, round %u", pages, round);
        for (unsigned n = 0; n < pages; n++) {
            expect_miss(t, LOW + n * PAGE_SIZE, 3 + n);
            cr_expect_eq(store_walks(t, LOW + n * PAGE_SIZE), 1);
        }
        cpu->dctx = user; // with an ASID: its non-global entries stay
        cr_expect_eq(walks(t, HIGH + PAGE_SIZE * 1000, 2), round == 0,
                     "%u pages: the user's, round %u", pages, round);
        cpu->dctx = kernel;
        tlb_drop_nonglobal(cpu);
    }
    toy_destroy(t);
}

Test(jit_tlb, nonglobal_pages_are_dropped)
{
    check_nonglobal(1);
    check_nonglobal(32); // read and write entries both listed: the list is just full
    check_nonglobal(33); // too many to list
    check_nonglobal(90);
}

Test(jit_tlb, nonglobal_code_is_dropped)
{
    for (unsigned pages = 1; pages < 90; pages += 80) {
        struct toy *t = machine();
        struct vcpu *cpu = &t->cpu;
        cpu->ictx = tlb_context(cpu, TLB_KEY_NO_ASID | 1);
        toy_map(t, HIGH, page(99), PAGE_BITS, TOY_ALL);
        memset(toy_host(t, page(99)), 0, 8);
        for (unsigned n = 0; n < pages; n++) {
            toy_map(t, LOW + n * PAGE_SIZE, page(n), PAGE_BITS, TOY_ALL & ~TOY_GLOBAL);
            memset(toy_host(t, page(n)), 0, 8);
        }
        toy_run(t, HIGH);
        for (unsigned n = 0; n < pages; n++)
            toy_run(t, LOW + n * PAGE_SIZE);
        tlb_drop_nonglobal(cpu);
        for (unsigned n = 0; n < pages; n++) {
            unsigned before = t->nr_translates;
            toy_run(t, LOW + n * PAGE_SIZE);
            cr_expect_eq(t->nr_translates - before, 1,
                         "page %u of %u is still in the instruction TLB", n, pages);
        }
        toy_destroy(t);
    }
}

// One page at several addresses -------------------------------------------------------------------

Test(jit_tlb, one_page_at_three_addresses)
{
    struct toy *t = machine();
    const gva_t at[3] = {LOW, LOW + 64 * PAGE_SIZE, HIGH + 7 * PAGE_SIZE};
    for (unsigned n = 0; n < 3; n++) {
        toy_map(t, at[n] - PAGE_SIZE, page(20 + n), PAGE_BITS, TOY_ALL);
        toy_map(t, at[n], page(5), PAGE_BITS, TOY_ALL);
        toy_map(t, at[n] + PAGE_SIZE, page(30 + n), PAGE_BITS, TOY_ALL);
    }
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned n = 0; n < 3; n++) {
            cr_expect(store(t, at[n] + 16, 1000 + n));
            for (unsigned k = 0; k < 3; k++)
                cr_expect_eq(load(t, at[k] + 16), 1000 + n, "written at %u, read at %u", n, k);
            // Half in the neighbour before, half in the one behind.
            uint8_t *before = toy_host(t, page(20 + n) + PAGE_SIZE - 4),
                    *first = toy_host(t, page(5));
            uint8_t *last = first + PAGE_SIZE - 4, *behind = toy_host(t, page(30 + n));
            cr_expect(store(t, at[n] - 4, 0x0102030405060708) &&
                      store(t, at[n] + PAGE_SIZE - 4, 0x1112131415161718));
            cr_expect(!memcmp(before, "\x08\x07\x06\x05", 4) &&
                          !memcmp(first, "\x04\x03\x02\x01", 4),
                      "start, at %u", n);
            cr_expect(!memcmp(last, "\x18\x17\x16\x15", 4) &&
                          !memcmp(behind, "\x14\x13\x12\x11", 4),
                      "end, at %u", n);
            memset(before, 0, 4);
            memset(behind, 0, 4);
        }
    }
    // A neighbour goes and comes back as another page.
    toy_unmap(t, at[1] + PAGE_SIZE);
    tlb_flush_va(&t->cpu, at[1] + PAGE_SIZE);
    cr_expect(!store(t, at[1] + PAGE_SIZE - 4, 0), "the neighbour is gone, yet the store is done");
    cr_expect(t->fault.va == at[1] + PAGE_SIZE && t->fault.kind == FAULT_WALK);
    cr_expect(!memcmp((uint8_t *)toy_host(t, page(6)) - 4, "\x18\x17\x16\x15", 4),
              "half of it was done");
    cr_expect(store(t, at[0] + PAGE_SIZE - 4, 0x2122232425262728), "the other alias");
    toy_map(t, at[1] + PAGE_SIZE, page(77), PAGE_BITS, TOY_ALL);
    cr_expect(store(t, at[1] + PAGE_SIZE - 4, 0x3132333435363738), "a fault was remembered");
    cr_expect(!memcmp(toy_host(t, page(77)), "\x34\x33\x32\x31", 4), "another page was written");
    cr_expect(!memcmp(toy_host(t, page(30)), "\x24\x23\x22\x21", 4));
    toy_destroy(t);
}

enum { OP_PC = 1, OP_FALL };

static void emit_pc(struct toy *t, struct ir *ir, uint32_t arg)
{
    ir_pcrel(ir, ir_r(1), ir->cur_off);
}

static void emit_mark(struct toy *t, struct ir *ir, uint32_t arg)
{
    ir_MOV(ir, IR_I64, ir_r(2), ir_const(ir, arg), 0);
}

Test(jit_tlb, one_page_of_code_at_three_addresses)
{
    struct toy *t = machine();
    const gva_t at[3] = {LOW, LOW + 64 * PAGE_SIZE, HIGH + 7 * PAGE_SIZE};
    t->emit[OP_PC] = emit_pc;
    t->emit[OP_FALL] = emit_mark;
    for (unsigned n = 0; n < 3; n++) {
        toy_map(t, at[n], page(5), PAGE_BITS, TOY_ALL);
        toy_map(t, at[n] + PAGE_SIZE, page(30 + n), PAGE_BITS, TOY_ALL);
        TOY_CODE_AT(t, page(30 + n), toy_word(OP_FALL, 30 + n), 0);
    }
    TOY_CODE_AT(t, page(5) + PAGE_SIZE - 8, toy_word(OP_PC, 0), toy_word(OP_FALL, 1));
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned n = 0; n < 3; n++) {
            uint64_t translated = t->cpu.stats.tb_translated;
            uint64_t count = toy_run(t, at[n] + PAGE_SIZE - 8);
            cr_expect_eq(count, 4, "%lu instructions", count);
            cr_expect_eq(t->cpu.r[1], at[n] + PAGE_SIZE - 8, "pc at %u: %#lx", n, t->cpu.r[1]);
            cr_expect_eq(t->cpu.r[2], 30 + n, "at %u fell into page %lu", n, t->cpu.r[2]);
            uint64_t news = t->cpu.stats.tb_translated - translated;
            cr_expect_eq(news, round ? 0 : n ? 1 : 2, "%lu blocks translated at %u", news, n);
        }
    }
    // The neighbour of one of them goes, and comes back as another's.
    toy_unmap(t, at[1] + PAGE_SIZE);
    tlb_flush_va(&t->cpu, at[1] + PAGE_SIZE);
    toy_run(t, at[1] + PAGE_SIZE - 8);
    cr_expect(t->nr_faults == 1 && t->fault.pc == at[1] + PAGE_SIZE && t->fault.access == MEM_FETCH,
              "%u faults, pc %#lx", t->nr_faults, t->fault.pc);
    toy_run(t, at[0] + PAGE_SIZE - 8);
    cr_expect(t->nr_faults == 1 && t->cpu.r[2] == 30, "the others suffer");
    toy_map(t, at[1] + PAGE_SIZE, page(32), PAGE_BITS, TOY_ALL);
    toy_run(t, at[1] + PAGE_SIZE - 8);
    cr_expect(t->nr_faults == 1 && t->cpu.r[2] == 32, "fell into page %lu", t->cpu.r[2]);
    toy_destroy(t);
}

// Edges of the address space ----------------------------------------------------------------------

Test(jit_tlb, the_tag_byte_is_kept)
{
    struct toy *t = machine();
    const gva_t tag = UINT64_C(0xa5) << 56;
    toy_map(t, LOW, page(9), PAGE_BITS, TOY_ALL);
    expect_miss(t, LOW, 9);
    expect_miss(t, LOW | tag, 9); // another entry in the same place
    expect_hit(t, LOW | tag, 9);
    expect_miss(t, LOW, 9);
    expect_miss(t, LOW | tag, 9);
    tlb_flush_va(&t->cpu, LOW); // without the byte, as TLBI names it
    expect_miss(t, LOW | tag, 9);
    cr_expect(store(t, (LOW | tag) + 24, 5) && load(t, LOW + 24) == 5,
              "a tagged store went elsewhere");
    // Inside a large mapping too.
    toy_map(t, LOW & ~mask64(21), page(0), 21, TOY_ALL);
    tlb_flush_va(&t->cpu, LOW);
    expect_miss(t, (LOW & ~mask64(21)) | tag, 0);
    expect_hit(t, (LOW & ~mask64(21)) | tag, 0);
    tlb_flush_va(&t->cpu, (LOW & ~mask64(21)) + 0x100000);
    expect_miss(t, (LOW & ~mask64(21)) | tag, 0);
    toy_destroy(t);
}

Test(jit_tlb, the_last_page_and_the_first)
{
    struct toy *t = machine();
    gva_t last = -(uint64_t)PAGE_SIZE;
    toy_map(t, last, page(40), PAGE_BITS, TOY_ALL);
    for (unsigned round = 0; round < 2; round++) {
        cr_expect_eq(walks(t, last, 40), !round);
        cr_expect_eq(load(t, UINT64_MAX - 7), round ? 0x5152535455565758 : 0, "the last word");
        cr_expect(store(t, UINT64_MAX - 7, 0x5152535455565758));
        cr_expect(!store(t, UINT64_MAX - 3, 0) && t->fault.va == 0,
                  "page 0 is not there; fault at %#lx", t->fault.va);
        cr_expect_eq(load(t, UINT64_MAX - 3), UINT64_MAX);
    }
    toy_map(t, 0, page(41), PAGE_BITS, TOY_ALL);
    cr_expect(store(t, UINT64_MAX - 3, 0x6162636465666768));
    cr_expect(!memcmp((uint8_t *)toy_host(t, page(41)) - 4, "\x68\x67\x66\x65", 4) &&
                  !memcmp(toy_host(t, page(41)), "\x64\x63\x62\x61", 4),
              "across the end of the address space");
    cr_expect_eq(load(t, UINT64_MAX - 3), 0x6162636465666768);
    tlb_flush_va(&t->cpu, UINT64_MAX);
    expect_miss(t, last, 40);
    cr_expect_eq(load(t, 0) & 0xff, 0x64, "page 0");
    cr_expect(mem_probe(&t->cpu, UINT64_MAX - 3, 8, MEM_READ, 0));
    // Code runs off the end into page 0, or faults there.
    TOY_CODE_AT(t, page(40) + PAGE_SIZE - 4, toy_word(OP_FALL, 77));
    t->emit[OP_FALL] = emit_mark;
    memset(toy_host(t, page(41)), 0, 4);
    toy_run(t, UINT64_MAX - 3);
    cr_expect(t->cpu.r[2] == 77 && t->cpu.pc == 4 && !t->nr_faults, "pc %#lx", t->cpu.pc);
    toy_unmap(t, 0);
    tlb_flush_va(&t->cpu, 0);
    toy_run(t, UINT64_MAX - 3);
    cr_expect(t->nr_faults == 1 && t->fault.pc == 0 && t->fault.va == 0, "fault at %#lx",
              t->fault.va);
    toy_destroy(t);
}

// What must not be cached -------------------------------------------------------------------------

Test(jit_tlb, faults_and_permissions)
{
    struct toy *t = machine();
    cr_expect_eq(load(t, LOW), UINT64_MAX, "an unmapped page was read");
    toy_map(t, LOW, page(50), PAGE_BITS, TOY_R | TOY_GLOBAL);
    expect_miss(t, LOW, 50); // without a flush
    expect_hit(t, LOW, 50);
    cr_expect(!store(t, LOW + 8, 1) && t->fault.access == MEM_WRITE,
              "a read entry let a store through");
    toy_run(t, LOW);
    cr_expect(t->nr_faults == 1 && t->fault.access == MEM_FETCH, "or a fetch");
    toy_map(t, LOW, page(50), PAGE_BITS, TOY_W | TOY_GLOBAL);
    cr_expect(store(t, LOW + 8, 1), "more rights need no flush");
    tlb_flush_va(&t->cpu, LOW);
    cr_expect_eq(load(t, LOW), UINT64_MAX, "a write-only page was read");
    cr_expect(store(t, LOW + 8, 1));
    cr_expect_eq(load(t, LOW), UINT64_MAX, "a write entry let a load through");
    toy_destroy(t);
}

Test(jit_tlb, rom)
{
    struct toy *t = machine();
    *(uint64_t *)toy_host(t, TOY_ROM + 64) = 4711;
    expect_miss(t, TOY_ROM + 64, 4711);
    expect_hit(t, TOY_ROM + 64, 4711);
    cr_expect(!store(t, TOY_ROM + 64, 1) && t->fault.kind == FAULT_BUS &&
              t->fault.access == MEM_WRITE);
    cr_expect_eq(load(t, TOY_ROM + 64), 4711, "ROM was written");
    cr_expect(store(t, TOY_RAM + TOY_RAM_SIZE - 8, 9), "RAM's last word");
    uint64_t count = toy_run(t, TOY_ROM + 128);
    cr_expect(count == 1 && !t->nr_faults, "code in ROM: %lu instructions", count);
    uint64_t v;
    bool ok;
    cr_expect(jit_phys_read64(&t->jit, TOY_ROM + 64, &v) && v == 4711);
    cr_expect(!jit_phys_cmpxchg64(&t->jit, TOY_ROM + 64, 4711, 1, &ok),
              "a descriptor in ROM was written");
    cr_expect(!jit_phys_read64(&t->jit, TOY_DEV, &v), "a descriptor was read from a device");
    cr_expect(!jit_phys_read64(&t->jit, UINT64_MAX - 7, &v) &&
              !jit_phys_read64(&t->jit, TOY_RAM + TOY_RAM_SIZE, &v));
    cr_expect(jit_phys_cmpxchg64(&t->jit, page(3), 3, 33, &ok) && ok && load(t, page(3)) == 33);
    cr_expect(jit_phys_cmpxchg64(&t->jit, page(3), 3, 34, &ok) && !ok && load(t, page(3)) == 33);
    toy_destroy(t);
}

// Flash: reads go to the bus while it answers a command (here nothing does), then again to memory.
Test(jit_tlb, rom_that_answers)
{
    struct toy *t = machine();
    *(uint64_t *)toy_host(t, TOY_ROM + PAGE_SIZE) = 4711;
    expect_miss(t, TOY_ROM + PAGE_SIZE, 4711);
    expect_miss(t, page(5), 5);
    jit_set_io(&t->jit, TOY_ROM, true);
    rendezvous_catch_up(&t->cpu); // as behind the access that did it
    cr_expect(load(t, TOY_ROM + PAGE_SIZE) == UINT64_MAX && t->fault.kind == FAULT_BUS,
              "a read went to memory");
    cr_expect(load(t, TOY_ROM + 8) == UINT64_MAX, "a read of another page went to memory");
    expect_hit(t, page(5), 5); // RAM's entries stay
    cr_expect_eq(toy_run(t, TOY_ROM + 128), 1, "fetches see the memory");
    uint64_t v;
    cr_expect(jit_phys_read64(&t->jit, TOY_ROM + PAGE_SIZE, &v) && v == 4711, "so do walks");
    jit_set_io(&t->jit, TOY_ROM, false);
    expect_miss(t, TOY_ROM + PAGE_SIZE, 4711);
    expect_hit(t, TOY_ROM + PAGE_SIZE, 4711);
    toy_destroy(t);
}

static uint8_t *page_flags(struct toy *t, gpa_t pa)
{
    const struct ram_region *r = jit_region(&t->jit, pa);
    return &r->page_flags[(pa - r->base) >> PAGE_BITS];
}

Test(jit_tlb, watched_logged_and_trapped_pages_walk)
{
    struct toy *t = machine();
    *page_flags(t, page(60)) |= PAGE_WATCH;
    *page_flags(t, page(61)) |= PAGE_DIRTY_LOG;
    toy_map(t, LOW, page(62), PAGE_BITS, TOY_ALL | TOY_DIRTY);
    for (unsigned round = 0; round < 3; round++) {
        cr_expect_eq(walks(t, page(60), 60), 1, "a watched page was cached for reads");
        cr_expect_eq(store_walks(t, page(60)), 1, "a watched page was cached for writes");
        cr_expect_eq(walks(t, page(61), 61), !round, "a logged page is not cached for reads");
        cr_expect_eq(store_walks(t, page(61)), !round, "the first write to a logged page walks");
        cr_expect_eq(*page_flags(t, page(61)), 0, "and is noted");
        cr_expect_eq(walks(t, LOW, 62), !round);
        cr_expect_eq(store_walks(t, LOW), 1, "a clean page was cached for writes");
        cr_expect_eq(store_walks(t, page(62)), !round, "by its other name it is dirty");
    }
    toy_destroy(t);
}

// At random ---------------------------------------------------------------------------------------

// A guest that changes its tables as it likes and invalidates as it must: no access may see an
// older mapping. Two address spaces of 32 pages, half of them global, in blocks of four pages where
// `big` says so; a privileged context without an ASID sees the current one.
#define PAGES 32
struct model {
    unsigned page[2][PAGES]; // 0: unmapped
    bool big[PAGES / 4];
    unsigned asid;
    bool kernel;
};

static bool is_global(unsigned vp)
{
    return vp & 8;
}

static bool model_walk(struct vcpu *cpu, gva_t va, enum mem_access access, unsigned attr,
                       struct translation *out)
{
    struct toy *t = container_of(cpu, struct toy, cpu);
    const struct model *m = t->user;
    unsigned vp = (va - LOW) >> PAGE_BITS & (PAGES - 1);
    unsigned n = m->page[m->asid][vp];
    *out = (struct translation){.page = page(n),
                                .log2_size = m->big[vp / 4] ? PAGE_BITS + 2 : PAGE_BITS,
                                .readable = true,
                                .writable = true,
                                .global = is_global(vp)};
    return n;
}

static void model_contexts(struct toy *t, const struct model *m)
{
    t->cpu.dctx = tlb_context(&t->cpu, m->kernel ? TLB_KEY_NO_ASID | 1 : 100 + m->asid);
}

static void model_change(struct toy *t, struct model *m, uint64_t x)
{
    unsigned vp = x >> 8 & (PAGES - 1), first = vp & ~3u, n = x >> 16 & 127;
    bool was_big = m->big[vp / 4], big = x >> 32 & 1;
    m->big[vp / 4] = big;
    for (unsigned asid = 0; asid < 2; asid++) {
        if (asid != m->asid && !is_global(vp) && !was_big && !big)
            continue;
        for (unsigned k = first; k < first + 4; k++)
            if (big || was_big || k == vp)
                m->page[asid][k] = n ? big || was_big ? n + (k & 3) : n : 0;
    }
    // One invalidation for a block that stays a block or breaks up; page by page for what becomes
    // one.
    if (was_big) {
        tlb_flush_va(&t->cpu, LOW + vp * PAGE_SIZE);
    } else {
        for (unsigned k = first; k < first + 4; k++)
            if (big || k == vp)
                tlb_flush_va(&t->cpu, LOW + k * PAGE_SIZE);
    }
}

Test(jit_tlb, random_changes, .timeout = 60)
{
    struct toy *t = machine();
    static struct model m;
    t->user = &m;
    t->guest.translate = model_walk;
    uint64_t state = 99;
    unsigned hits = 0, faults = 0;
    for (unsigned n = 0; n < 300000; n++) {
        uint64_t x = toy_random(&state);
        switch (x & 63) {
        case 0:
        case 1:
            model_change(t, &m, x);
            break;
        case 2: // a new address space
            m.asid = !m.asid;
            tlb_drop_nonglobal(&t->cpu);
            break;
        case 3:
        case 4:
            m.kernel = !m.kernel;
            break;
        case 5: // TLBI by ASID
            if (!(x >> 8 & 7)) {
                tlb_retire(&t->cpu, key_is, 100 + m.asid);
                tlb_drop_nonglobal(&t->cpu);
            }
            break;
        case 6:
            if (!(x >> 8 & 63))
                tlb_flush_all(&t->cpu);
            break;
        }
        model_contexts(t, &m);
        unsigned vp = x >> 40 & (PAGES - 1), want = m.page[m.asid][vp], before = t->nr_translates;
        gva_t va = LOW + vp * PAGE_SIZE;
        uint64_t v;
        bool ok = mem_load(&t->cpu, va, 8, 0, &v);
        if (x >> 60 & 1)
            ok = ok && mem_store(&t->cpu, va, 8, 0, &v);
        hits += before == t->nr_translates;
        faults += !ok;
        cr_assert(ok == (want != 0) && (!ok || v == want),
                  "step %u: page %u of space %u%s: %s %lu, not %u", n, vp, m.asid,
                  m.kernel ? " (kernel)" : "", ok ? "found" : "fault", v, want);
    }
    cr_expect(faults > 1000, "%u hits, %u faults", hits, faults);
    toy_destroy(t);
}
