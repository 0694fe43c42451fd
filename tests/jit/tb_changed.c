// SPDX-License-Identifier: GPL-3.0-or-later
// Changed code: which blocks are suspect then, live on or go, whoever wrote and by whatever way.
// The counters tell what was translated and thrown away; icount must be exact throughout.
#include "tests/jit/insns.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

// By the guest ------------------------------------------------------------------------------------

Test(jit_tb, suspect_blocks_live_on_or_go)
{
    struct toy *t = insns_machine();
    TOY_CODE_AT(t, TOY_CODE, W(SET, 1), W(BR, 12), W(SET, 2), HALT, W(INC, 5), HALT);
    struct vcpu_stats s = insns_run(t, TOY_CODE, 4);
    expect_stat(s, tb_translated, 2);
    // Nothing changed.
    tb_suspect_page(&t->jit, TOY_CODE);
    s = insns_run(t, TOY_CODE, 4);
    expect_stat(s, tb_translated, 0);
    expect_stat(s, tb_revalidated, 2);
    expect_stat(s, tb_retired, 0);
    s = insns_run(t, TOY_CODE, 4);
    expect_stat(s, tb_lookup, 1); // chained again
    // One of the two changed.
    *(uint32_t *)toy_host(t, TOY_CODE) = W(SET, 9);
    s = insns_run(t, TOY_CODE, 4);
    cr_expect_eq(t->cpu.r[6], 1, "changed code is seen before anybody said so");
    tb_suspect_page(&t->jit, TOY_CODE);
    s = insns_run(t, TOY_CODE, 4);
    cr_expect_eq(t->cpu.r[6], 9, "the old block lives on");
    expect_stat(s, tb_translated, 1);
    expect_stat(s, tb_revalidated, 1);
    expect_stat(s, tb_retired, 1);
    // Changed and changed back between entries (a static key's way).
    *(uint32_t *)toy_host(t, TOY_CODE) = W(SET, 3);
    tb_suspect_page(&t->jit, TOY_CODE);
    *(uint32_t *)toy_host(t, TOY_CODE) = W(SET, 9);
    tb_suspect_page(&t->jit, TOY_CODE);
    s = insns_run(t, TOY_CODE, 4);
    expect_stat(s, tb_translated, 0);
    expect_stat(s, tb_revalidated, 2);
    // Another page's code is left alone.
    TOY_CODE_AT(t, TOY_CODE + PAGE_SIZE, W(INC, 5), HALT);
    insns_run(t, TOY_CODE + PAGE_SIZE, 2);
    tb_suspect_page(&t->jit, TOY_CODE);
    s = insns_run(t, TOY_CODE + PAGE_SIZE, 2);
    expect_stat(s, tb_revalidated, 0);
    tb_suspect_all(&t->jit);
    s = insns_run(t, TOY_CODE + PAGE_SIZE, 2);
    expect_stat(s, tb_revalidated, 1);
    toy_destroy(t);
}

Test(jit_tb, a_suspect_page_is_suspect_in_every_mode)
{
    struct toy *t = insns_machine();
    TOY_CODE_AT(t, TOY_CODE, W(SET, 1), HALT);
    for (t->cpu.mode = 0; t->cpu.mode < 3; t->cpu.mode++)
        insns_run(t, TOY_CODE, 2);
    TOY_CODE_AT(t, TOY_CODE, W(SET, 2));
    jit_ram_written(&t->jit, TOY_CODE, 4);
    for (t->cpu.mode = 0; t->cpu.mode < 3; t->cpu.mode++) {
        insns_run(t, TOY_CODE, 2);
        cr_expect_eq(t->cpu.r[6], 2, "mode %u runs the old code", t->cpu.mode);
    }
    toy_destroy(t);
}

static void helper_ic(struct vcpu *cpu, void *d, const void *a, const void *b, const void *c,
                      uint64_t imm)
{
    tb_suspect_page(cpu->jit, TOY_CODE);
}

// The guest rewrites an instruction of the block it is in, then says so.
Test(jit_tb, self_modifying_block)
{
    struct toy *t = insns_machine();
    insns_helper(t, 0, helper_ic);
    // loop: store r3 over the SET; IC; set r6; loop
    TOY_CODE_AT(t, TOY_CODE, W(STORE, 0), W(CALL_EXIT, 0), W(SET, 1), W(INC, 5), W(LOOP, 4), HALT);
    t->cpu.r[4] = TOY_CODE + 8;
    for (unsigned n = 0; n < 50; n++) {
        t->cpu.r[3] = W(SET, 100 + n / 2); // every other time it is the same
        t->cpu.r[1] = 3;
        struct vcpu_stats s = insns_run(t, TOY_CODE, 3 * 5 + 1);
        cr_expect_eq(t->cpu.r[6], 100 + n / 2, "round %u ran %lu", n, t->cpu.r[6]);
        expect_stat(s, tb_translated, n & 1 ? 0 : n ? 1 : 3);
    }
    cr_expect_eq(t->cpu.r[5], 150);
    toy_destroy(t);
}

// Without IC, where the page is protected: what the store changed is seen at the next block entry.
Test(jit_tb, protected_code)
{
    struct toy *t = insns_machine();
    t->jit.protect_code = true;
    TOY_CODE_AT(t, TOY_CODE, W(STORE, 0), W(BR, 4), W(SET, 1), W(INC, 5), W(LOOP, 4), HALT);
    // The page is in the write TLB before there is code.
    uint32_t w = HALT;
    cr_assert(mem_store(&t->cpu, TOY_CODE + 0x800, 4, 0, &w));
    t->cpu.r[4] = TOY_CODE + 8;
    for (unsigned n = 0; n < 20; n++) {
        t->cpu.r[3] = W(SET, 100 + n / 2);
        t->cpu.r[1] = 3;
        insns_run(t, TOY_CODE, 3 * 5 + 1);
        cr_expect_eq(t->cpu.r[6], 100 + n / 2, "round %u ran %lu", n, t->cpu.r[6]);
    }
    toy_destroy(t);
}

// Stores to a protected page by every way there is.
Test(jit_tb, protected_code_by_every_way)
{
    enum { BY_ALIAS, BY_CROSSING, BY_ATOMIC, BY_PAIR_OF_PAGES, BY_DMA, NR };
    struct toy *t = insns_machine();
    const gva_t alias = UINT64_C(0x700000000000);
    const gpa_t code = TOY_CODE + PAGE_SIZE;
    t->jit.protect_code = true;
    toy_map(t, alias, code, PAGE_BITS, TOY_ALL);
    toy_map(t, alias - PAGE_SIZE, TOY_DATA, PAGE_BITS, TOY_ALL);
    TOY_CODE_AT(t, code, W(SET, 0), HALT);
    for (unsigned n = 0; n < 60; n++) {
        uint64_t word = W(SET, n + 1), old;
        insns_run(t, code, 2);
        cr_expect_eq(t->cpu.r[6], n, "round %u runs %lu", n, t->cpu.r[6]);
        switch (n % NR) {
        case BY_ALIAS:
            cr_assert(mem_store(&t->cpu, alias, 4, 0, &word));
            break;
        case BY_CROSSING:
            word = word << 32 | 0x55;
            cr_assert(mem_store(&t->cpu, code - 4, 8, 0, &word));
            break;
        case BY_PAIR_OF_PAGES:
            word = word << 32 | 0x66;
            cr_assert(mem_store(&t->cpu, alias - 4, 8, MEM_PAIR, &word));
            break;
        case BY_ATOMIC: {
            uint32_t *p = mem_rmw(&t->cpu, code, 4, 0, true);
            cr_assert(p);
            *p = (uint32_t)word;
            mem_rmw_done(&t->cpu);
            break;
        }
        case BY_DMA:
            old = word;
            memcpy(toy_host(t, code), &old, 4);
            jit_ram_written(&t->jit, code - 64, 128);
            break;
        }
    }
    toy_destroy(t);
}

// Data beside code: stores are slow while there is live code, and fast again once it is suspect.
Test(jit_tb, data_beside_protected_code)
{
    struct toy *t = insns_machine();
    t->jit.protect_code = true;
    TOY_CODE_AT(t, TOY_CODE, W(INC, 5), HALT);
    insns_run(t, TOY_CODE, 2);
    uint64_t v = 1, slow = t->cpu.stats.slow_access;
    for (unsigned n = 0; n < 10; n++)
        cr_assert(mem_store(&t->cpu, TOY_CODE + 0x800, 8, 0, &v));
    cr_expect_leq(t->cpu.stats.slow_access - slow, 2, "%lu slow stores",
                  t->cpu.stats.slow_access - slow);
    struct vcpu_stats s = insns_run(t, TOY_CODE, 2);
    expect_stat(s, tb_revalidated, 1);
    expect_stat(s, tb_translated, 0);
    toy_destroy(t);
}

// Others write ------------------------------------------------------------------------------------

static void *rewrite(void *opaque)
{
    struct toy *t = opaque;
    uint32_t *code = toy_host(t, TOY_CODE);
    while (!insns_translated(t)) {
    }
    // A few changes that the loop may or may not see, then the one that ends it.
    for (unsigned n = 0; n < 200; n++) {
        __atomic_store_n(&code[0], W(SET, n), __ATOMIC_RELAXED);
        jit_ram_written(&t->jit, TOY_CODE, 4);
    }
    __atomic_store_n(&code[1], HALT, __ATOMIC_RELAXED);
    jit_ram_written(&t->jit, TOY_CODE + 4, 4);
    return NULL;
}

Test(jit_tb, ram_written_by_another_thread, .timeout = 30)
{
    for (unsigned n = 0; n < 20; n++) {
        struct toy *t = insns_machine();
        pthread_t other;
        // For ever: set r6; branch back. One block, chained to itself.
        TOY_CODE_AT(t, TOY_CODE, W(SET, 0), W(BR, -4));
        cr_assert_eq(pthread_create(&other, NULL, rewrite, t), 0);
        toy_run(t, TOY_CODE);
        pthread_join(other, NULL);
        cr_expect_eq(t->cpu.r[6], 199, "the last change was not seen: %lu", t->cpu.r[6]);
        cr_expect_eq(t->cpu.pc, TOY_CODE + 8);
        toy_destroy(t);
    }
}

// While the second instruction is translated, somebody writes the first.
static void emit_meanwhile(struct toy *t, struct ir *ir, uint32_t arg)
{
    uint32_t *code = toy_host(t, TOY_CODE);
    code[0] = W(SET, arg);
    ir_ADD(ir, IR_I64, ir_r(5), ir_r(5), ir_const(ir, 1));
}

Test(jit_tb, ram_written_during_translation)
{
    struct toy *t = insns_machine();
    t->emit[OP_LAST] = emit_meanwhile;
    TOY_CODE_AT(t, TOY_CODE, W(SET, 1), W(LAST, 2), HALT);
    insns_run(t, TOY_CODE, 3);
    cr_expect_eq(t->cpu.r[6], 1);
    jit_ram_written(&t->jit, TOY_CODE, 4); // what the writer says when it is done
    insns_run(t, TOY_CODE, 3);
    cr_expect_eq(t->cpu.r[6], 2, "the old code passes for the new");
    toy_destroy(t);
}

// Only pages that hold a byte of what was written, however absurd the range.
Test(jit_tb, ranges_that_were_written, .timeout = 10)
{
    static const struct {
        gpa_t pa;
        uint64_t size;
        bool hit[3]; // code at the start of RAM's pages 1 and 2, and of ROM's page 1
    } cases[] = {
        {TOY_RAM, PAGE_SIZE, {false, false, false}},
        {TOY_RAM, PAGE_SIZE + 1, {true, false, false}},
        {TOY_RAM + PAGE_SIZE, 1, {true, false, false}},
        {TOY_RAM + PAGE_SIZE, 0, {false, false, false}},
        {TOY_RAM + 2 * PAGE_SIZE - 1, 2, {true, true, false}},
        {TOY_RAM + TOY_RAM_SIZE - 1, 100, {false, false, false}},
        {TOY_RAM - 100, 100, {false, false, false}},
        {TOY_RAM - 100, PAGE_SIZE + 101, {true, false, false}},
        {0, UINT64_MAX, {true, true, true}},
        {TOY_ROM + 5, PAGE_SIZE, {false, false, true}},
        {-(uint64_t)PAGE_SIZE, PAGE_SIZE, {false, false, false}},
        {UINT64_MAX, UINT64_MAX, {false, false, false}},
        {TOY_RAM + TOY_RAM_SIZE, UINT64_MAX, {false, false, false}},
    };
    const gva_t code[3] = {TOY_RAM + PAGE_SIZE, TOY_RAM + 2 * PAGE_SIZE, TOY_ROM + PAGE_SIZE};
    struct toy *t = insns_machine();
    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
        for (unsigned k = 0; k < 3; k++)
            insns_run(t, code[k], 1);
        jit_ram_written(&t->jit, cases[n].pa, cases[n].size);
        for (unsigned k = 0; k < 3; k++) {
            struct vcpu_stats s = insns_run(t, code[k], 1);
            cr_expect_eq(s.tb_revalidated, cases[n].hit[k],
                         "case %u, code %u: %lu blocks were suspect", n, k, s.tb_revalidated);
        }
    }
    toy_destroy(t);
}
