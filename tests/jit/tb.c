// SPDX-License-Identifier: GPL-3.0-or-later
// The block cache and the way from block to block: chains, the instruction TLB, changed code,
// requests to leave. The counters tell what was looked up, translated and thrown away; icount must
// be exact throughout.
#include "jit/interp_ops.h"
#include "jit/region.h"
#include "jit/tier.h"
#include "tests/jit/toy.h"
#include "tests/support/engine.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    OP_INC = 1,   // r[arg]++
    OP_LOOP,      // r1--, then back arg words while it is not 0 (flags, joined with the branch)
    OP_LOOP_NZ,   // the same by BR_NZ of r1
    OP_BR,        // go arg bytes on (signed)
    OP_IND,       // go to r2
    OP_STORE,     // store the word in r3 at r4
    OP_EXIT,      // EXIT to the next instruction
    OP_CALL,      // helper TOY_HELPER_FREE + arg
    OP_CALL_EXIT, // the same, then EXIT
    OP_CALL_PC,   // the same, then EXIT_PC
    OP_SET,       // r6 = arg
    OP_ADD,       // atomic add of r3 (64 bits) at r4
    OP_LAST
};

#define W(op, arg) ((uint32_t)OP_##op << 24 | (uint32_t)((arg)&0xffffff))
#define HALT       0

static void emit(struct toy *t, struct ir *ir, uint32_t arg)
{
    int64_t off = ir->cur_off;
    unsigned op = t->word >> 24;
    switch (op) {
    case OP_INC:
        ir_ADD(ir, IR_I64, ir_r(arg), ir_r(arg), ir_const(ir, 1));
        break;
    case OP_LOOP:
        ir_SUBS(ir, IR_I64, ir_r(1), ir_r(1), ir_const(ir, 1));
        ir_br_if(ir, IR_BR_COND, 0, IR_NONE, 0x0f0f, off - 4 * (int64_t)arg);
        break;
    case OP_LOOP_NZ:
        ir_SUB(ir, IR_I64, ir_r(1), ir_r(1), ir_const(ir, 1));
        ir_br_if(ir, IR_BR_NZ, IR_I64, ir_r(1), 0, off - 4 * (int64_t)arg);
        break;
    case OP_BR:
        ir_br(ir, off + sext64(arg, 24));
        break;
    case OP_IND:
        ir_br_ind(ir, ir_r(2), IR_HINT_JUMP);
        break;
    case OP_STORE:
        ir_store(ir, IR_ST32, 0, ir_r(3), IR_NONE, ir_r(4), IR_NONE, 0);
        break;
    case OP_EXIT:
        ir_exit(ir, off + 4);
        break;
    case OP_CALL:
    case OP_CALL_EXIT:
    case OP_CALL_PC:
        ir_call(ir, TOY_HELPER_FREE + arg, IR_NONE, IR_NONE, IR_NONE, IR_NONE, 0);
        if (op == OP_CALL_EXIT)
            ir_exit(ir, off + 4);
        if (op == OP_CALL_PC)
            ir_exit_pc(ir);
        break;
    case OP_SET:
        ir_MOV(ir, IR_I64, ir_r(6), ir_const(ir, arg), 0);
        break;
    case OP_ADD:
        ir_atomic(ir, IR_ATOMIC_ADD, 3, 0, IR_NONE, ir_r(4), ir_r(3), IR_NONE);
        break;
    }
}

static struct toy *machine(void)
{
    struct toy *t = toy_create();
    for (unsigned n = 1; n < OP_LAST; n++)
        t->emit[n] = emit;
    return t;
}

static void set_helper(struct toy *t, unsigned n, ir_fn *fn)
{
    t->helpers[TOY_HELPER_FREE + n] =
        (struct helper){"test", fn, HELPER_READS_REGS | HELPER_WRITES_REGS};
}

// Runs and checks the count; what the counters say happened meanwhile.
static struct vcpu_stats run(struct toy *t, gva_t pc, uint64_t icount)
{
    struct vcpu_stats was = t->cpu.stats, now;
    unsigned faults = t->nr_faults;
    uint64_t count = toy_run(t, pc);
    cr_expect_eq(count, icount, "from %#lx: %lu instructions, not %lu", pc, count, icount);
    cr_expect_eq(t->nr_faults, faults, "from %#lx: a fault, %d at %#lx", pc, t->fault.kind,
                 t->fault.va);
    now = t->cpu.stats;
#define STAT(name, help) now.name -= was.name;
#include "jit/stats.def"
#undef STAT
    return now;
}

#define expect_stat(s, field, n)                                                                   \
    cr_expect_eq((s).field, (n), #field ": %lu, not %lu", (s).field, (uint64_t)(n))

// Chains and lookups ------------------------------------------------------------------------------

Test(jit_tb, blocks_of_a_page_are_chained)
{
    struct toy *t = machine();
    // Two blocks, forth and back, then on: loop: inc r5; br +8; (skipped); inc r5; loop
    TOY_CODE_AT(t, TOY_CODE, W(INC, 5), W(BR, 8), HALT, W(INC, 5), W(LOOP, 4), HALT);
    t->cpu.r[1] = 1000;
    struct vcpu_stats s = run(t, TOY_CODE, 4 * 1000 + 1);
    cr_expect_eq(t->cpu.r[5], 2000);
    // Three blocks: the loop's two and the halt. One entry, and each link made once.
    expect_stat(s, tb_translated, 3);
    cr_expect_leq(s.tb_lookup, 6, "%lu lookups in a chained loop", s.tb_lookup);
    t->cpu.r[1] = 1000;
    s = run(t, TOY_CODE, 4 * 1000 + 1);
    expect_stat(s, tb_translated, 0);
    expect_stat(s, tb_lookup, 1);
    expect_stat(s, tb_slow_lookup, 0);
    expect_stat(s, itlb_fill, 0);
    toy_destroy(t);
}

Test(jit_tb, a_loop_of_one_block_by_every_branch)
{
    static const uint32_t loops[][3] = {
        {W(INC, 5), W(LOOP, 1), HALT},
        {W(INC, 5), W(LOOP_NZ, 1), HALT},
    };
    struct toy *t = machine();
    for (unsigned n = 0; n < ARRAY_SIZE(loops); n++) {
        toy_code(t, TOY_CODE + 16 * n, loops[n], 3);
        t->cpu.r[1] = 500;
        t->cpu.r[5] = 0;
        struct vcpu_stats s = run(t, TOY_CODE + 16 * n, 2 * 500 + 1);
        cr_expect_eq(t->cpu.r[5], 500, "loop %u: %lu rounds", n, t->cpu.r[5]);
        cr_expect_leq(s.tb_lookup, 3, "loop %u: %lu lookups", n, s.tb_lookup);
    }
    toy_destroy(t);
}

Test(jit_tb, across_pages_by_the_instruction_tlb)
{
    struct toy *t = machine();
    const gva_t end = TOY_CODE + PAGE_SIZE - 4;
    // inc; then over the edge: inc, loop back over the edge
    TOY_CODE_AT(t, end, W(INC, 5), W(INC, 5), W(LOOP, 2), HALT);
    for (unsigned round = 0; round < 2; round++) {
        t->cpu.r[1] = 300;
        struct vcpu_stats s = run(t, end, 3 * 300 + 1);
        expect_stat(s, tb_translated, round ? 0 : 3);
        expect_stat(s, itlb_fill, round ? 0 : 2);
        if (!engine_is_quick()) // which goes there by patched jumps
            cr_expect_geq(s.tb_lookup, 600);
        cr_expect_leq(s.tb_slow_lookup, 4, "%lu slow lookups", s.tb_slow_lookup);
    }
    // Far away, by registers.
    TOY_CODE_AT(t, TOY_CODE + 8 * PAGE_SIZE, W(INC, 5), W(IND, 0));
    TOY_CODE_AT(t, TOY_CODE + 16 * PAGE_SIZE, W(LOOP, 0), HALT);
    t->cpu.r[1] = 1;
    t->cpu.r[2] = TOY_CODE + 16 * PAGE_SIZE;
    run(t, TOY_CODE + 8 * PAGE_SIZE, 4);
    toy_destroy(t);
}

// The last instruction of a page, of RAM, and blocks that are cut at their limit.
Test(jit_tb, where_blocks_end)
{
    struct toy *t = machine();
    uint32_t *code = toy_host(t, TOY_CODE);
    for (unsigned n = 0; n < 3 * IR_MAX_GUEST + 5; n++)
        code[n] = W(INC, 5);
    struct vcpu_stats s = run(t, TOY_CODE, 3 * IR_MAX_GUEST + 6);
    expect_stat(s, tb_translated, 4);
    expect_stat(s, insns_translated, 3 * IR_MAX_GUEST + 6);
    s = run(t, TOY_CODE + PAGE_SIZE - 4, 1); // a halt in the page's last word
    gva_t last = TOY_RAM + TOY_RAM_SIZE - 4;
    TOY_CODE_AT(t, last, W(INC, 5));
    toy_run(t, last);
    cr_expect(t->nr_faults == 1 && t->fault.kind == FAULT_WALK && t->fault.pc == last + 4 &&
                  t->fault.access == MEM_FETCH,
              "behind RAM: %u faults, at %#lx", t->nr_faults, t->fault.pc);
    toy_destroy(t);
}

Test(jit_tb, fetches_that_fault)
{
    struct toy *t = machine();
    toy_unmap(t, TOY_CODE + PAGE_SIZE);
    toy_map(t, TOY_CODE + 2 * PAGE_SIZE, TOY_RAM, PAGE_BITS, TOY_R | TOY_W | TOY_GLOBAL);
    static const struct {
        gva_t pc;
        enum mem_fault_kind kind;
    } cases[] = {
        {TOY_CODE + PAGE_SIZE + 8, FAULT_WALK},
        {TOY_CODE + 2 * PAGE_SIZE, FAULT_WALK},
        {TOY_DEV, FAULT_BUS},
        {TOY_CODE + 1, FAULT_ALIGNMENT},
        {TOY_CODE + 2, FAULT_ALIGNMENT},
        {TOY_CODE + 3, FAULT_ALIGNMENT},
        {UINT64_MAX, FAULT_ALIGNMENT},
    };
    // For every context id's low bits, with the page in the instruction TLB and without.
    for (unsigned id = 0; id < 8; id++) {
        t->cpu.ictx = tlb_context(&t->cpu, 1000 + id);
        for (unsigned n = 0; n < ARRAY_SIZE(cases) * 2; n++) {
            gva_t pc = cases[n / 2].pc;
            unsigned faults = t->nr_faults;
            uint64_t icount = t->cpu.icount;
            if (n & 1)
                run(t, TOY_CODE, 1);
            else
                tlb_flush_va(&t->cpu, TOY_CODE);
            icount = t->cpu.icount;
            t->cpu.r[2] = pc;
            TOY_CODE_AT(t, TOY_CODE + 0x100, W(IND, 0));
            toy_run(t, n & 1 ? TOY_CODE + 0x100 : pc);
            cr_expect(t->nr_faults == faults + 1 && t->fault.kind == cases[n / 2].kind &&
                          t->fault.va == pc && t->fault.pc == pc && t->fault.access == MEM_FETCH &&
                          t->fault.icount == icount + (n & 1),
                      "fetch at %#lx, context %u: %u faults, kind %d at %#lx, icount %lu", pc,
                      t->cpu.ictx, t->nr_faults - faults, t->fault.kind, t->fault.va,
                      t->fault.icount - icount);
        }
    }
    toy_destroy(t);
}

// Modes -------------------------------------------------------------------------------------------

static void helper_mode(struct vcpu *cpu, void *d, const void *a, const void *b, const void *c,
                        uint64_t imm)
{
    cpu->mode ^= 5;
}

Test(jit_tb, blocks_are_keyed_by_mode)
{
    struct toy *t = machine();
    set_helper(t, 0, helper_mode);
    TOY_CODE_AT(t, TOY_CODE, W(INC, 5), HALT, HALT, HALT, W(INC, 5), W(CALL_EXIT, 0), W(INC, 5),
                W(LOOP, 3), HALT);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned mode = 0; mode < 3; mode++) {
            t->cpu.mode = mode;
            struct vcpu_stats s = run(t, TOY_CODE, 2);
            expect_stat(s, tb_translated, round ? 0 : 1);
        }
    }
    // Changed on the way, in a loop: chains never lead from one mode into another.
    t->cpu.mode = 0;
    t->cpu.r[1] = 100;
    t->cpu.r[5] = 0;
    struct vcpu_stats s = run(t, TOY_CODE + 16, 4 * 100 + 1);
    cr_expect_eq(t->cpu.r[5], 200);
    expect_stat(s, tb_translated, 5); // both modes of both blocks, the halt in one
    toy_destroy(t);
}

// Changed code ------------------------------------------------------------------------------------

Test(jit_tb, suspect_blocks_live_on_or_go)
{
    struct toy *t = machine();
    TOY_CODE_AT(t, TOY_CODE, W(SET, 1), W(BR, 12), W(SET, 2), HALT, W(INC, 5), HALT);
    struct vcpu_stats s = run(t, TOY_CODE, 4);
    expect_stat(s, tb_translated, 2);
    // Nothing changed.
    tb_suspect_page(&t->jit, TOY_CODE);
    s = run(t, TOY_CODE, 4);
    expect_stat(s, tb_translated, 0);
    expect_stat(s, tb_revalidated, 2);
    expect_stat(s, tb_retired, 0);
    s = run(t, TOY_CODE, 4);
    expect_stat(s, tb_lookup, 1); // chained again
    // One of the two changed.
    *(uint32_t *)toy_host(t, TOY_CODE) = W(SET, 9);
    s = run(t, TOY_CODE, 4);
    cr_expect_eq(t->cpu.r[6], 1, "changed code is seen before anybody said so");
    tb_suspect_page(&t->jit, TOY_CODE);
    s = run(t, TOY_CODE, 4);
    cr_expect_eq(t->cpu.r[6], 9, "the old block lives on");
    expect_stat(s, tb_translated, 1);
    expect_stat(s, tb_revalidated, 1);
    expect_stat(s, tb_retired, 1);
    // Changed and changed back between entries (a static key's way).
    *(uint32_t *)toy_host(t, TOY_CODE) = W(SET, 3);
    tb_suspect_page(&t->jit, TOY_CODE);
    *(uint32_t *)toy_host(t, TOY_CODE) = W(SET, 9);
    tb_suspect_page(&t->jit, TOY_CODE);
    s = run(t, TOY_CODE, 4);
    expect_stat(s, tb_translated, 0);
    expect_stat(s, tb_revalidated, 2);
    // Another page's code is left alone.
    TOY_CODE_AT(t, TOY_CODE + PAGE_SIZE, W(INC, 5), HALT);
    run(t, TOY_CODE + PAGE_SIZE, 2);
    tb_suspect_page(&t->jit, TOY_CODE);
    s = run(t, TOY_CODE + PAGE_SIZE, 2);
    expect_stat(s, tb_revalidated, 0);
    tb_suspect_all(&t->jit);
    s = run(t, TOY_CODE + PAGE_SIZE, 2);
    expect_stat(s, tb_revalidated, 1);
    toy_destroy(t);
}

Test(jit_tb, a_suspect_page_is_suspect_in_every_mode)
{
    struct toy *t = machine();
    TOY_CODE_AT(t, TOY_CODE, W(SET, 1), HALT);
    for (t->cpu.mode = 0; t->cpu.mode < 3; t->cpu.mode++)
        run(t, TOY_CODE, 2);
    TOY_CODE_AT(t, TOY_CODE, W(SET, 2));
    jit_ram_written(&t->jit, TOY_CODE, 4);
    for (t->cpu.mode = 0; t->cpu.mode < 3; t->cpu.mode++) {
        run(t, TOY_CODE, 2);
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
    struct toy *t = machine();
    set_helper(t, 0, helper_ic);
    // loop: store r3 over the SET; IC; set r6; loop
    TOY_CODE_AT(t, TOY_CODE, W(STORE, 0), W(CALL_EXIT, 0), W(SET, 1), W(INC, 5), W(LOOP, 4), HALT);
    t->cpu.r[4] = TOY_CODE + 8;
    for (unsigned n = 0; n < 50; n++) {
        t->cpu.r[3] = W(SET, 100 + n / 2); // every other time it is the same
        t->cpu.r[1] = 3;
        struct vcpu_stats s = run(t, TOY_CODE, 3 * 5 + 1);
        cr_expect_eq(t->cpu.r[6], 100 + n / 2, "round %u ran %lu", n, t->cpu.r[6]);
        expect_stat(s, tb_translated, n & 1 ? 0 : n ? 1 : 3);
    }
    cr_expect_eq(t->cpu.r[5], 150);
    toy_destroy(t);
}

// Without IC, where the page is protected: what the store changed is seen at the next block entry.
Test(jit_tb, protected_code)
{
    struct toy *t = machine();
    t->jit.protect_code = true;
    TOY_CODE_AT(t, TOY_CODE, W(STORE, 0), W(BR, 4), W(SET, 1), W(INC, 5), W(LOOP, 4), HALT);
    // The page is in the write TLB before there is code.
    uint32_t w = HALT;
    cr_assert(mem_store(&t->cpu, TOY_CODE + 0x800, 4, 0, &w));
    t->cpu.r[4] = TOY_CODE + 8;
    for (unsigned n = 0; n < 20; n++) {
        t->cpu.r[3] = W(SET, 100 + n / 2);
        t->cpu.r[1] = 3;
        run(t, TOY_CODE, 3 * 5 + 1);
        cr_expect_eq(t->cpu.r[6], 100 + n / 2, "round %u ran %lu", n, t->cpu.r[6]);
    }
    toy_destroy(t);
}

// Stores to a protected page by every way there is.
Test(jit_tb, protected_code_by_every_way)
{
    enum { BY_ALIAS, BY_CROSSING, BY_ATOMIC, BY_PAIR_OF_PAGES, BY_DMA, NR };
    struct toy *t = machine();
    const gva_t alias = UINT64_C(0x700000000000);
    const gpa_t code = TOY_CODE + PAGE_SIZE;
    t->jit.protect_code = true;
    toy_map(t, alias, code, PAGE_BITS, TOY_ALL);
    toy_map(t, alias - PAGE_SIZE, TOY_DATA, PAGE_BITS, TOY_ALL);
    TOY_CODE_AT(t, code, W(SET, 0), HALT);
    for (unsigned n = 0; n < 60; n++) {
        uint64_t word = W(SET, n + 1), old;
        run(t, code, 2);
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
    struct toy *t = machine();
    t->jit.protect_code = true;
    TOY_CODE_AT(t, TOY_CODE, W(INC, 5), HALT);
    run(t, TOY_CODE, 2);
    uint64_t v = 1, slow = t->cpu.stats.slow_access;
    for (unsigned n = 0; n < 10; n++)
        cr_assert(mem_store(&t->cpu, TOY_CODE + 0x800, 8, 0, &v));
    cr_expect_leq(t->cpu.stats.slow_access - slow, 2, "%lu slow stores",
                  t->cpu.stats.slow_access - slow);
    struct vcpu_stats s = run(t, TOY_CODE, 2);
    expect_stat(s, tb_revalidated, 1);
    expect_stat(s, tb_translated, 0);
    toy_destroy(t);
}

// Others write ------------------------------------------------------------------------------------

// For other threads: blocks are counted under the lock.
static bool has_translated(struct toy *t)
{
    mutex_lock(&t->jit.lock);
    bool any = t->cpu.stats.tb_translated;
    mutex_unlock(&t->jit.lock);
    return any;
}

static void *rewrite(void *opaque)
{
    struct toy *t = opaque;
    uint32_t *code = toy_host(t, TOY_CODE);
    while (!has_translated(t)) {
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
        struct toy *t = machine();
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
    struct toy *t = machine();
    t->emit[OP_LAST] = emit_meanwhile;
    TOY_CODE_AT(t, TOY_CODE, W(SET, 1), W(LAST, 2), HALT);
    run(t, TOY_CODE, 3);
    cr_expect_eq(t->cpu.r[6], 1);
    jit_ram_written(&t->jit, TOY_CODE, 4); // what the writer says when it is done
    run(t, TOY_CODE, 3);
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
    struct toy *t = machine();
    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
        for (unsigned k = 0; k < 3; k++)
            run(t, code[k], 1);
        jit_ram_written(&t->jit, cases[n].pa, cases[n].size);
        for (unsigned k = 0; k < 3; k++) {
            struct vcpu_stats s = run(t, code[k], 1);
            cr_expect_eq(s.tb_revalidated, cases[n].hit[k],
                         "case %u, code %u: %lu blocks were suspect", n, k, s.tb_revalidated);
        }
    }
    toy_destroy(t);
}

// Memory ------------------------------------------------------------------------------------------

Test(jit_tb, retired_blocks_are_freed)
{
    struct toy *t = machine();
    size_t after_two = 0;
    for (unsigned n = 0; n < 200; n++) {
        TOY_CODE_AT(t, TOY_CODE, W(SET, n), W(INC, 5), HALT);
        jit_ram_written(&t->jit, TOY_CODE, 12);
        struct vcpu_stats s = run(t, TOY_CODE, 3);
        expect_stat(s, tb_retired, n > 0);
        if (n == 1)
            after_two = t->jit.bytes;
        cr_expect(n < 1 || t->jit.bytes == after_two, "round %u: %zu bytes, %zu before", n,
                  t->jit.bytes, after_two);
    }
    cr_expect(t->jit.retired, "none was retired");
    tb_safe_point(&t->cpu);
    cr_expect(!t->jit.retired, "still retired after a safe point");
    toy_destroy(t);
}

Test(jit_tb, the_cache_is_emptied_beyond_its_limit)
{
    struct toy *t = machine();
    t->jit.cache_limit = 256 << 10;
    size_t most = 0;
    unsigned flushes = 0;
    for (unsigned n = 0; n < 200; n++) { // a page of code each
        gpa_t pa = TOY_RAM + n % 100 * PAGE_SIZE + 64;
        TOY_CODE_AT(t, pa, W(SET, n), W(INC, 5), HALT);
        size_t before = t->jit.bytes;
        if (n >= 100) // the memory was written by the test
            jit_ram_written(&t->jit, pa, 12);
        run(t, pa, 3);
        cr_expect_eq(t->cpu.r[6], n, "page %u runs %lu", n, t->cpu.r[6]);
        flushes += t->jit.bytes < before;
        most = t->jit.bytes > most ? t->jit.bytes : most;
    }
    cr_expect_geq(flushes, 3, "%u flushes", flushes);
    cr_expect_leq(most, t->jit.cache_limit + 16384, "%zu bytes", most);
    // A loop that never leaves by itself is not thrown away under its own feet.
    t->jit.cache_limit = 1;
    TOY_CODE_AT(t, TOY_CODE + 0x400, W(INC, 5), W(LOOP, 1), HALT);
    t->cpu.r[1] = 1000;
    run(t, TOY_CODE + 0x400, 2001);
    toy_destroy(t);
}

Test(jit_tb, executions_are_counted_for_the_profile)
{
    struct toy *t = machine();
    TOY_CODE_AT(t, TOY_CODE, W(INC, 5), W(LOOP, 1), HALT);
    t->cpu.r[1] = 321;
    run(t, TOY_CODE, 2 * 321 + 1);
    struct tb *tb = tb_find(&t->cpu, TOY_CODE);
    cr_expect_eq(tb_executions(tb), 321, "%lu executions", tb_executions(tb));
    toy_destroy(t);
}

// Leaving -----------------------------------------------------------------------------------------

static unsigned countdown;
static unsigned kick_with;

static void helper_kick(struct vcpu *cpu, void *d, const void *a, const void *b, const void *c,
                        uint64_t imm)
{
    if (!--countdown)
        vcpu_kick(cpu, kick_with);
}

// Endless loops of every shape; a helper in them asks to stop in round 50. The loop must be left
// before round 51.
Test(jit_exec, requests_are_seen_on_every_back_edge)
{
    static const struct {
        const char *name;
        uint32_t code[8];
        gva_t at;
        unsigned length; // instructions a round
        gva_t left;      // where it is left, from `at`
    } loops[] = {
        {"branch", {W(INC, 5), W(CALL, 0), W(BR, -8)}, TOY_CODE, 3, 0},
        {"flags and branch", {W(INC, 5), W(CALL, 0), W(LOOP, 2)}, TOY_CODE + 64, 3, 0},
        {"branch on a value", {W(INC, 5), W(CALL, 0), W(LOOP_NZ, 2)}, TOY_CODE + 128, 3, 0},
        {"indirect", {W(INC, 5), W(CALL, 0), W(IND, 0)}, TOY_CODE + 192, 3, 0},
        {"exit", {W(INC, 5), W(CALL_EXIT, 0), W(BR, -8)}, TOY_CODE + 256, 3, 8},
        {"two blocks", {W(INC, 5), W(BR, 8), HALT, W(CALL, 0), W(BR, -16)}, TOY_CODE + 320, 4, 0},
        {"two pages",
         {W(INC, 5), W(CALL, 0), W(INC, 7), W(BR, -12)},
         TOY_CODE + PAGE_SIZE - 8,
         4,
         8},
    };
    struct toy *t = machine();
    set_helper(t, 0, helper_kick);
    for (unsigned n = 0; n < ARRAY_SIZE(loops); n++) {
        toy_code(t, loops[n].at, loops[n].code, 5);
        for (unsigned round = 0; round < 2; round++) { // not chained yet, and chained
            t->cpu.r[1] = 1 << 30;
            t->cpu.r[2] = loops[n].at;
            t->cpu.r[5] = 0;
            countdown = round ? 50 : 1;
            unsigned rounds = countdown;
            kick_with = EXIT_REQ_STOP;
            uint64_t icount = t->cpu.icount;
            t->cpu.pc = loops[n].at;
            enum vcpu_exit why = exec_run(&t->cpu);
            icount = t->cpu.icount - icount;
            gva_t left = loops[n].left;
            uint64_t missing = left ? loops[n].length - left / 4 : 0;
            cr_expect_eq(why, VCPU_EXIT_STOP);
            cr_expect_eq(t->cpu.r[5], rounds, "%s: left in round %lu, not %u", loops[n].name,
                         t->cpu.r[5], rounds);
            cr_expect_eq(icount, rounds * loops[n].length - missing, "%s: icount %lu",
                         loops[n].name, icount);
            cr_expect_eq(t->cpu.pc, loops[n].at + left, "%s: left at +%#lx", loops[n].name,
                         t->cpu.pc - loops[n].at);
            cr_expect_eq(t->cpu.exit_request, 0, "%s: the request stays", loops[n].name);
        }
    }
    toy_destroy(t);
}

Test(jit_exec, interrupts_and_halts)
{
    struct toy *t = machine();
    set_helper(t, 0, helper_kick);
    countdown = 10;
    kick_with = EXIT_REQ_INTERRUPT;
    TOY_CODE_AT(t, TOY_CODE, W(INC, 5), W(CALL, 0), W(BR, -8));
    uint64_t icount = toy_run(t, TOY_CODE); // the vector halts
    cr_expect(t->nr_interrupts == 1 && t->cpu.r[5] == 10 && icount == 31 &&
                  t->cpu.pc == TOY_VECTOR + 4,
              "%u interrupts, %lu rounds, icount %lu, pc %#lx", t->nr_interrupts, t->cpu.r[5],
              icount, t->cpu.pc);
    // Both at once: the interrupt is taken, then the loop left, and nothing runs between.
    vcpu_kick(&t->cpu, EXIT_REQ_STOP | EXIT_REQ_INTERRUPT);
    t->cpu.pc = TOY_CODE;
    icount = t->cpu.icount;
    cr_expect_eq(exec_run(&t->cpu), VCPU_EXIT_STOP);
    cr_expect(t->nr_interrupts == 2 && t->cpu.pc == TOY_VECTOR && t->cpu.icount == icount);
    // Before the first block: nothing runs.
    vcpu_kick(&t->cpu, EXIT_REQ_STOP);
    t->cpu.pc = TOY_CODE;
    cr_expect_eq(exec_run(&t->cpu), VCPU_EXIT_STOP);
    cr_expect(t->cpu.pc == TOY_CODE && t->cpu.icount == icount);
    // A halt is seen at the block's end, with the rest of the block done.
    t->helpers[TOY_HELPER_FREE] = t->helpers[TOY_HELPER_HALT];
    TOY_CODE_AT(t, TOY_CODE + 0x100, W(CALL, 0), W(INC, 7), W(EXIT, 0), W(INC, 7));
    run(t, TOY_CODE + 0x100, 3);
    cr_expect(t->cpu.r[7] == 1 && t->cpu.pc == TOY_CODE + 0x10c);
    run(t, t->cpu.pc, 2); // and goes on from there
    cr_expect_eq(t->cpu.r[7], 2);
    toy_destroy(t);
}

static void helper_go(struct vcpu *cpu, void *d, const void *a, const void *b, const void *c,
                      uint64_t imm)
{
    cpu->pc = cpu->r[2];
}

Test(jit_exec, helpers_that_set_the_pc)
{
    struct toy *t = machine();
    set_helper(t, 0, helper_go);
    TOY_CODE_AT(t, TOY_CODE, W(INC, 5), W(CALL_PC, 0), W(INC, 5));
    TOY_CODE_AT(t, TOY_CODE + PAGE_SIZE, W(INC, 5), HALT);
    t->cpu.r[2] = TOY_CODE + PAGE_SIZE;
    run(t, TOY_CODE, 4);
    cr_expect(t->cpu.r[5] == 2 && t->cpu.pc == TOY_CODE + PAGE_SIZE + 8);
    toy_destroy(t);
}

static double seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

struct kicker {
    struct toy *t;
    double at;
};

static void *kick(void *opaque)
{
    struct kicker *k = opaque;
    while (!has_translated(k->t)) {
    }
    k->at = seconds();
    vcpu_kick(&k->t->cpu, EXIT_REQ_STOP);
    return NULL;
}

// From another thread. The best of twenty tries: the host's scheduler is no part of this.
Test(jit_exec, a_loop_of_one_block_is_left_at_once, .timeout = 30)
{
    double best = 1;
    for (unsigned n = 0; n < 20; n++) {
        struct toy *t = machine();
        struct kicker k = {.t = t};
        pthread_t other;
        TOY_CODE_AT(t, TOY_CODE, W(INC, 5), W(BR, -4));
        cr_assert_eq(pthread_create(&other, NULL, kick, &k), 0);
        t->cpu.pc = TOY_CODE;
        cr_expect_eq(exec_run(&t->cpu), VCPU_EXIT_STOP);
        double now = seconds();
        pthread_join(other, NULL);
        cr_expect_eq(t->cpu.icount, 2 * t->cpu.r[5], "icount %lu after %lu rounds", t->cpu.icount,
                     t->cpu.r[5]);
        best = now - k.at < best ? now - k.at : best;
        toy_destroy(t);
    }
    cr_expect_lt(best, 2e-3, "at best after %g ms", best * 1e3);
}

Test(jit_exec, logged_blocks)
{
    struct toy *t = machine();
    char *text;
    size_t size;
    t->log.mask = LOG_IN_ASM | LOG_IR;
    t->log.file = open_memstream(&text, &size);
    TOY_CODE_AT(t, TOY_CODE, W(INC, 5), HALT);
    run(t, TOY_CODE, 2);
    fclose(t->log.file);
    t->log.mask = 0;
    cr_expect(strstr(text, "block 0x40000000 phys 0x40000000 mode 0"), "%s", text);
    cr_expect(strstr(text, "0000000040000000  01000005  toy 01 000005 at 0x40000000"), "%s", text);
    cr_expect(strstr(text, "ADD.i64 r5 <- r5, #0x1"), "%s", text);
    free(text);
    toy_destroy(t);
}

// Stopping at an exact count ----------------------------------------------------------------------

// A loop of three blocks over two pages with a load from a device, a store, and a fault a round.
static struct toy *stepping_machine(void)
{
    struct toy *t = machine();
    const gva_t end = TOY_CODE + PAGE_SIZE - 16;
    TOY_CODE_AT(t, end, W(INC, 5), W(STORE, 0), W(INC, 7), W(BR, 8));
    TOY_CODE_AT(t, end + 20, W(INC, 5), W(LOOP, 6), HALT);
    t->cpu.r[1] = 7;
    t->cpu.r[3] = 99;
    t->cpu.r[4] = TOY_DEV + 8;
    t->cpu.pc = end;
    return t;
}

Test(jit_exec, stops_at_every_count)
{
    struct toy *whole = stepping_machine();
    toy_run(whole, whole->cpu.pc);
    uint64_t total = whole->cpu.icount;
    cr_expect(total == 7 * 6 + 1 && whole->nr_mmio == 7, "%lu instructions, %u device accesses",
              total, whole->nr_mmio);
    for (uint64_t at = 0; at < total; at++) {
        struct toy *t = stepping_machine();
        enum vcpu_exit why = exec_run_until(&t->cpu, at);
        cr_expect_eq(why, VCPU_EXIT_NONE, "to %lu: exit %d", at, why);
        cr_expect_eq(t->cpu.icount, at, "stopped at %lu, not %lu", t->cpu.icount, at);
        cr_expect_eq(t->cpu.exit_request, 0, "requests %#x stay", t->cpu.exit_request);
        cr_expect_eq(t->cpu.io, VCPU_IO_FREE);
        // In six steps of a round: inc, store, inc, br, inc, loop.
        unsigned round = (unsigned)(at / 6), step = (unsigned)(at % 6);
        cr_expect_eq(t->cpu.r[5], 2 * round + (step > 0) + (step > 4), "at %lu: r5 %lu", at,
                     t->cpu.r[5]);
        cr_expect_eq(t->cpu.r[7], round + (step > 2), "at %lu: r7 %lu", at, t->cpu.r[7]);
        cr_expect_eq(t->nr_mmio, round + (step > 1), "at %lu: %u device accesses", at, t->nr_mmio);
        // And on from there, one instruction at a time, then freely.
        why = exec_run_until(&t->cpu, at + 1);
        cr_expect_eq(why == VCPU_EXIT_HALT, at + 1 == total, "to %lu: exit %d", at + 1, why);
        if (why == VCPU_EXIT_NONE)
            why = exec_run(&t->cpu);
        cr_expect_eq(why, VCPU_EXIT_HALT);
        cr_expect(t->cpu.icount == total && t->cpu.pc == whole->cpu.pc && t->nr_mmio == 7 &&
                      !memcmp(t->cpu.r, whole->cpu.r, sizeof t->cpu.r),
                  "stopped at %lu it ends elsewhere: icount %lu, pc %#lx", at, t->cpu.icount,
                  t->cpu.pc);
        toy_destroy(t);
    }
    toy_destroy(whole);
}

// What compiled code that does not look at the count would do: a great many instructions.
static uint32_t run_on(struct vcpu *cpu, uint64_t page0, uint32_t entry)
{
    cpu->icount += 1000;
    cpu->pc = page0 + 0x800; // a halt
    return REGION_LEFT;
}

Test(jit_exec, stops_within_what_a_region_covers)
{
    static struct region_recipe recipe = {.nr_pages = 1, .nr_blocks = 1, .nr_entries = 1};
    static struct region region = {.fn = run_on, .recipe = &recipe};
    struct toy *t = machine();
    TOY_CODE_AT(t, TOY_CODE, W(INC, 5), W(LOOP, 1), HALT);
    t->cpu.r[1] = 10;
    toy_run(t, TOY_CODE);
    struct tb *tb = tb_find(&t->cpu, TOY_CODE);
    tb_need_interp(&t->cpu, tb);
    region.ways[0].region = &region;
    tb->region = &region.ways[0];
    tb->entry = tb->code;
    quick_attach(tb);
    uint64_t icount = t->cpu.icount;
    cr_expect_eq(toy_run(t, TOY_CODE), 1001, "the region is not entered");
    t->cpu.r[1] = 10;
    t->cpu.pc = TOY_CODE;
    icount = t->cpu.icount;
    cr_expect_eq(exec_run_until(&t->cpu, icount + 4), VCPU_EXIT_NONE);
    cr_expect_eq(t->cpu.icount - icount, 4, "ran %lu instructions, not 4", t->cpu.icount - icount);
    tb->region = NULL;
    tb->entry = tb->code + 1;
    quick_detach(tb);
    toy_destroy(t);
}

// And one that leaves at once.
static uint32_t run_little(struct vcpu *cpu, uint64_t page0, uint32_t entry)
{
    cpu->icount += 3;
    cpu->pc = page0 + 0x800;
    return REGION_LEFT;
}

Test(jit_exec, a_region_that_does_not_pay_is_given_up)
{
    static struct region_recipe recipe = {.nr_pages = 1, .nr_blocks = 1, .nr_entries = 1};
    struct tier tier = {.policy = {.pays_entries = 4, .pays_insns = 100}};
    for (unsigned little = 0; little < 2; little++) {
        struct toy *t = machine();
        struct region region = {.fn = little ? run_little : run_on, .recipe = &recipe};
        TOY_CODE_AT(t, TOY_CODE, W(INC, 5), W(LOOP, 1), HALT);
        t->cpu.r[1] = 1;
        toy_run(t, TOY_CODE);
        struct tb *tb = tb_find(&t->cpu, TOY_CODE);
        recipe.blocks[0] = (struct region_block){.flags = REGION_ENTRY, .off = (uint16_t)tb->off};
        region.pages[0] = tb->page;
        region.ways[0].region = &region;
        tb->region = &region.ways[0];
        if (tb->code)
            tb->entry = tb->code;
        quick_attach(tb);
        tier.jit = &t->jit;
        t->jit.tier = &tier;
        for (unsigned n = 0; n < 6; n++) {
            t->cpu.r[1] = 1;
            toy_run(t, TOY_CODE);
        }
        // Only the quick engine, which pays for the way in and out, asks.
        bool given_up = little && engine_is_quick();
        cr_expect_eq(!tb->region, given_up, "little %u: still entered %d", little, !!tb->region);
        cr_expect_eq(t->cpu.stats.regions_given_up, given_up);
        cr_expect_eq(t->cpu.stats.region_entries, given_up ? 4 : 6, "%lu entries", t->cpu.stats.region_entries);
        tb->region = NULL;
        t->jit.tier = NULL;
        toy_destroy(t);
    }
}

Test(jit_exec, stops_for_halts_and_hopeless_cases)
{
    struct toy *t = stepping_machine();
    cr_expect_eq(exec_run_until(&t->cpu, 1000), VCPU_EXIT_HALT);
    cr_expect_eq(t->cpu.icount, 43);
    cr_expect_eq(exec_run_until(&t->cpu, 43), VCPU_EXIT_NONE, "it is there already");
    // A stop that was asked for comes first.
    vcpu_kick(&t->cpu, EXIT_REQ_STOP);
    cr_expect_eq(exec_run_until(&t->cpu, 50), VCPU_EXIT_STOP);
    cr_expect_eq(t->cpu.icount, 43);
    // A fault whose vector faults too: nothing ever executes.
    toy_unmap(t, TOY_VECTOR);
    tlb_flush_va(&t->cpu, TOY_VECTOR);
    t->cpu.pc = TOY_DEV;
    cr_expect_eq(exec_run_until(&t->cpu, 50), VCPU_EXIT_STOP, "an endless fault is not noticed");
    cr_expect_eq(t->cpu.icount, 43);
    toy_destroy(t);
}
