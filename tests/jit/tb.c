// SPDX-License-Identifier: GPL-3.0-or-later
// The block cache and the way from block to block: chains, the instruction TLB, modes, room. The
// counters tell what was looked up, translated and thrown away; icount must be exact throughout.
#include "tests/jit/insns.h"
#include "tests/support/engine.h"

#include <criterion/criterion.h>

// Chains and lookups ------------------------------------------------------------------------------

Test(jit_tb, blocks_of_a_page_are_chained)
{
    struct toy *t = insns_machine();
    // Two blocks, forth and back, then on: loop: inc r5; br +8; (skipped); inc r5; loop
    TOY_CODE_AT(t, TOY_CODE, W(INC, 5), W(BR, 8), HALT, W(INC, 5), W(LOOP, 4), HALT);
    t->cpu.r[1] = 1000;
    struct vcpu_stats s = insns_run(t, TOY_CODE, 4 * 1000 + 1);
    cr_expect_eq(t->cpu.r[5], 2000);
    // Three blocks: the loop's two and the halt. One entry, and each link made once.
    expect_stat(s, tb_translated, 3);
    cr_expect_leq(s.tb_lookup, 6, "%lu lookups in a chained loop", s.tb_lookup);
    t->cpu.r[1] = 1000;
    s = insns_run(t, TOY_CODE, 4 * 1000 + 1);
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
    struct toy *t = insns_machine();
    for (unsigned n = 0; n < ARRAY_SIZE(loops); n++) {
        toy_code(t, TOY_CODE + 16 * n, loops[n], 3);
        t->cpu.r[1] = 500;
        t->cpu.r[5] = 0;
        struct vcpu_stats s = insns_run(t, TOY_CODE + 16 * n, 2 * 500 + 1);
        cr_expect_eq(t->cpu.r[5], 500, "loop %u: %lu rounds", n, t->cpu.r[5]);
        cr_expect_leq(s.tb_lookup, 3, "loop %u: %lu lookups", n, s.tb_lookup);
    }
    toy_destroy(t);
}

Test(jit_tb, across_pages_by_the_instruction_tlb)
{
    struct toy *t = insns_machine();
    const gva_t end = TOY_CODE + PAGE_SIZE - 4;
    // inc; then over the edge: inc, loop back over the edge
    TOY_CODE_AT(t, end, W(INC, 5), W(INC, 5), W(LOOP, 2), HALT);
    for (unsigned round = 0; round < 2; round++) {
        t->cpu.r[1] = 300;
        struct vcpu_stats s = insns_run(t, end, 3 * 300 + 1);
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
    insns_run(t, TOY_CODE + 8 * PAGE_SIZE, 4);
    toy_destroy(t);
}

// The last instruction of a page, of RAM, and blocks that are cut at their limit.
Test(jit_tb, where_blocks_end)
{
    struct toy *t = insns_machine();
    uint32_t *code = toy_host(t, TOY_CODE);
    for (unsigned n = 0; n < 3 * IR_MAX_GUEST + 5; n++)
        code[n] = W(INC, 5);
    struct vcpu_stats s = insns_run(t, TOY_CODE, 3 * IR_MAX_GUEST + 6);
    expect_stat(s, tb_translated, 4);
    expect_stat(s, insns_translated, 3 * IR_MAX_GUEST + 6);
    s = insns_run(t, TOY_CODE + PAGE_SIZE - 4, 1); // a halt in the page's last word
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
    struct toy *t = insns_machine();
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
                insns_run(t, TOY_CODE, 1);
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
    struct toy *t = insns_machine();
    insns_helper(t, 0, helper_mode);
    TOY_CODE_AT(t, TOY_CODE, W(INC, 5), HALT, HALT, HALT, W(INC, 5), W(CALL_EXIT, 0), W(INC, 5),
                W(LOOP, 3), HALT);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned mode = 0; mode < 3; mode++) {
            t->cpu.mode = mode;
            struct vcpu_stats s = insns_run(t, TOY_CODE, 2);
            expect_stat(s, tb_translated, round ? 0 : 1);
        }
    }
    // Changed on the way, in a loop: chains never lead from one mode into another.
    t->cpu.mode = 0;
    t->cpu.r[1] = 100;
    t->cpu.r[5] = 0;
    struct vcpu_stats s = insns_run(t, TOY_CODE + 16, 4 * 100 + 1);
    cr_expect_eq(t->cpu.r[5], 200);
    expect_stat(s, tb_translated, 5); // both modes of both blocks, the halt in one
    toy_destroy(t);
}

// Memory ------------------------------------------------------------------------------------------

Test(jit_tb, retired_blocks_are_freed)
{
    struct toy *t = insns_machine();
    size_t after_two = 0;
    for (unsigned n = 0; n < 200; n++) {
        TOY_CODE_AT(t, TOY_CODE, W(SET, n), W(INC, 5), HALT);
        jit_ram_written(&t->jit, TOY_CODE, 12);
        struct vcpu_stats s = insns_run(t, TOY_CODE, 3);
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
    struct toy *t = insns_machine();
    t->jit.cache_limit = 256 << 10;
    size_t most = 0;
    unsigned flushes = 0;
    for (unsigned n = 0; n < 200; n++) { // a page of code each
        gpa_t pa = TOY_RAM + n % 100 * PAGE_SIZE + 64;
        TOY_CODE_AT(t, pa, W(SET, n), W(INC, 5), HALT);
        size_t before = t->jit.bytes;
        if (n >= 100) // the memory was written by the test
            jit_ram_written(&t->jit, pa, 12);
        insns_run(t, pa, 3);
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
    insns_run(t, TOY_CODE + 0x400, 2001);
    toy_destroy(t);
}

Test(jit_tb, executions_are_counted_for_the_profile)
{
    struct toy *t = insns_machine();
    TOY_CODE_AT(t, TOY_CODE, W(INC, 5), W(LOOP, 1), HALT);
    t->cpu.r[1] = 321;
    insns_run(t, TOY_CODE, 2 * 321 + 1);
    struct tb *tb = tb_find(&t->cpu, TOY_CODE);
    cr_expect_eq(tb_executions(tb), 321, "%lu executions", tb_executions(tb));
    toy_destroy(t);
}
