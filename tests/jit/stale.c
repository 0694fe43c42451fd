// SPDX-License-Identifier: GPL-3.0-or-later
// Every way from block to block after every change of what an address means. The way is gone several
// times first, so that whatever an engine remembers about it is there; then a helper makes the
// change from within the guest, as a system instruction does, and the next branch has to see it.
//
// A page of code and its double differ in what they leave in r6: 1 and 2.
#include "jit/debug.h"
#include "tests/jit/toy.h"
#include "tests/support/engine.h"

#include <criterion/criterion.h>
#include <string.h>

enum {
    OP_CHANGE = 1, // helper, then EXIT
    OP_BR,         // go arg bytes on (signed)
    OP_IND,        // go to r2
    OP_RET,        // the same, as a return
    OP_SET,        // r6 = arg
    OP_SEE,        // r6 = 2 in the other mode or for a debugger, 1 if not
    OP_MINE,       // r6 = the mode's own register, which becomes one more
    OP_LAST
};

#define W(op, arg) ((uint32_t)OP_##op << 24 | (uint32_t)((arg)&0xffffff))
#define HALT       0

#define FROM  (TOY_CODE + 2 * PAGE_SIZE)
#define NEAR  (FROM + 0x100)
#define FAR   (TOY_CODE + 7 * PAGE_SIZE + 0x80)
#define SPARE (TOY_CODE + 16 * PAGE_SIZE) // physical pages of the doubles
#define KEY(asid) (1000u + (asid))

enum way { BR_NEAR, BR_FAR, IND_NEAR, IND_FAR, RET_NEAR, RET_FAR, NR_WAYS };
enum change { REMAPPED, REMAPPED_BIG, SPACE, MODE, CODE, DEBUGGED, EMPTIED, NR_CHANGES, REQUEST, HALTED };

static const char *const way_names[NR_WAYS] = { "branch", "branch to another page", "jump", "jump to another page",
                                                "return", "return to another page" };
static const char *const change_names[NR_CHANGES] = { "TLBI", "TLBI of a page beside it in its mapping", "another address space",
                                                      "another mode", "changed code", "breakpoint", "emptied cache" };

// The test's: what the helper is to do.
struct plan {
    enum change change;
    bool due;
    gva_t page; // that is changed
};

static struct toy *toy_of(struct vcpu *cpu)
{
    return container_of(cpu, struct toy, cpu);
}

static void change_code(struct toy *t, gva_t page)
{
    memcpy(toy_host(t, page), toy_host(t, SPARE), PAGE_SIZE);
}

static void helper_change(struct vcpu *cpu, void *d, const void *a, const void *b, const void *c, uint64_t imm)
{
    struct toy *t = toy_of(cpu);
    struct plan *plan = t->user;
    if (!plan->due)
        return;
    plan->due = false;
    switch (plan->change) {
    case REMAPPED:
        toy_map(t, plan->page, SPARE, PAGE_BITS, TOY_ALL);
        tlb_flush_va(cpu, plan->page);
        break;
    case REMAPPED_BIG:
        toy_map(t, plan->page, SPARE, PAGE_BITS, TOY_ALL);
        tlb_flush_va(cpu, plan->page ^ PAGE_SIZE);
        break;
    case SPACE:
        t->asid = 1;
        cpu->ictx = tlb_context(cpu, KEY(1));
        break;
    case MODE:
        cpu->mode ^= 1;
        break;
    case CODE:
        change_code(t, plan->page);
        tb_suspect_page(cpu->jit, plan->page);
        break;
    case DEBUGGED:
        debug_break_add(cpu->jit, plan->page + 0xffc, false, DEBUG_BY_SOFTWARE);
        debug_settle(cpu->jit);
        break;
    case EMPTIED:
        change_code(t, plan->page);
        tb_forget_all(cpu->jit);
        vcpu_kick(cpu, EXIT_REQ_SAMPLE); // a way to the safe point
        break;
    case REQUEST:
        vcpu_kick(cpu, EXIT_REQ_INTERRUPT);
        break;
    case HALTED:
        cpu->halt = VCPU_EXIT_HALT;
        break;
    default:
        cr_assert_fail("no change");
    }
}

static unsigned own_register(uint64_t mode)
{
    return mode & 1 ? 8 : 7;
}

static void emit(struct toy *t, struct ir *ir, uint32_t arg)
{
    unsigned op = t->word >> 24;
    switch (op) {
    case OP_CHANGE:
        ir_call(ir, TOY_HELPER_FREE, IR_NONE, IR_NONE, IR_NONE, IR_NONE, 0);
        ir_exit(ir, ir->cur_off + 4);
        break;
    case OP_BR:
        ir_br(ir, (int64_t)ir->cur_off + sext64(arg, 24));
        break;
    case OP_IND:
        ir_br_ind(ir, ir_r(2), IR_HINT_JUMP);
        break;
    case OP_RET:
        ir_br_ind(ir, ir_r(2), IR_HINT_RETURN);
        break;
    case OP_SET:
        ir_MOV(ir, IR_I64, ir_r(6), ir_const(ir, arg), 0);
        break;
    case OP_MINE:
        ir_MOV(ir, IR_I64, ir_r(6), ir_r(own_register(ir->mode)), 0);
        ir_ADD(ir, IR_I64, ir_r(own_register(ir->mode)), ir_r(6), ir_const(ir, 1));
        break;
    case OP_SEE:
        ir_MOV(ir, IR_I64, ir_r(6), ir_const(ir, ir->mode & 1 || ir->debug ? 2 : 1), 0);
        break;
    }
}

static struct toy *machine(void)
{
    struct toy *t = toy_create();
    for (unsigned n = 1; n < OP_LAST; n++)
        t->emit[n] = emit;
    t->helpers[TOY_HELPER_FREE] = (struct helper){ "change", helper_change, HELPER_READS_REGS | HELPER_WRITES_REGS };
    return t;
}

// The code of both pages, and the double of the one that is changed.
static void write_code(struct toy *t, enum way way, enum change change)
{
    bool far = way & 1;
    gva_t to = far ? FAR : NEAR;
    uint32_t go = way <= BR_FAR ? W(BR, to - (FROM + 4)) : way <= IND_FAR ? W(IND, 0) : W(RET, 0);
    bool seen = change == MODE || change == DEBUGGED;
    TOY_CODE_AT(t, FROM, W(CHANGE, 0), go);
    TOY_CODE_AT(t, to, seen ? W(SEE, 0) : W(SET, 1), HALT);
    memcpy(toy_host(t, SPARE), toy_host(t, to & PAGE_MASK), PAGE_SIZE);
    TOY_CODE_AT(t, SPARE + (to & ~PAGE_MASK), seen ? W(SEE, 0) : W(SET, 2), HALT);
    t->cpu.r[2] = to;
}

static void expect(struct toy *t, enum way way, enum change change, const char *when, uint64_t want)
{
    uint64_t icount = toy_run(t, FROM);
    cr_expect_eq(t->cpu.r[6], want, "%s, %s, %s: r6 is %lu, not %lu", way_names[way], change_names[change], when,
                 t->cpu.r[6], want);
    cr_expect_eq(icount, 4, "%s, %s, %s: %lu instructions, not 4", way_names[way], change_names[change], when, icount);
    cr_expect_eq(t->nr_faults, 0, "%s, %s, %s: fault at %#lx", way_names[way], change_names[change], when, t->fault.va);
    t->cpu.r[6] = 0;
}

// Back to what it was, where that can be; the other way on is remembered as well by then.
static bool undo(struct toy *t, enum change change)
{
    switch (change) {
    case SPACE:
        t->asid = 0;
        t->cpu.ictx = tlb_context(&t->cpu, KEY(0));
        return true;
    case MODE:
        t->cpu.mode ^= 1;
        return true;
    case DEBUGGED:
        debug_clear(&t->jit);
        debug_settle(&t->jit);
        return true;
    default:
        return false;
    }
}

static void try(enum way way, enum change change)
{
    struct toy *t = machine();
    gva_t page = (way & 1 ? FAR : NEAR) & PAGE_MASK;
    struct plan plan = { .change = change, .page = page };
    t->user = &plan;
    t->asid = 0;
    write_code(t, way, change);
    if (change == REMAPPED_BIG)
        toy_map(t, page & ~(uint64_t)(2 * PAGE_SIZE - 1), page & ~(uint64_t)(2 * PAGE_SIZE - 1), PAGE_BITS + 1, TOY_ALL);
    if (change == SPACE) {
        toy_unmap(t, page);
        toy_map(t, page, page, PAGE_BITS, TOY_ALL & ~TOY_GLOBAL);
        t->asid = 1;
        toy_map(t, page, SPARE, PAGE_BITS, TOY_ALL & ~TOY_GLOBAL);
        t->asid = 0;
    }
    t->cpu.ictx = tlb_context(&t->cpu, KEY(0));
    for (unsigned n = 0; n < 4; n++)
        expect(t, way, change, "before", 1);
    plan.due = true;
    expect(t, way, change, "the change made", 2);
    for (unsigned n = 0; n < 4; n++)
        expect(t, way, change, "after", 2);
    if (undo(t, change)) {
        for (unsigned n = 0; n < 4; n++)
            expect(t, way, change, "undone", 1);
        plan.due = true;
        expect(t, way, change, "made again", 2);
    }
    toy_destroy(t);
}

Test(jit_stale, every_way_after_every_change)
{
    for (unsigned way = 0; way < NR_WAYS; way++)
        for (unsigned change = 0; change < NR_CHANGES; change++)
            try(way, change);
}

// The mode's own register, which an engine may hold, is another one behind a change of mode.
Test(jit_stale, the_register_of_a_mode)
{
    struct toy *t = machine();
    struct plan plan = { .change = MODE };
    t->user = &plan;
    t->guest.mode_r = own_register;
    t->cpu.r[7] = 100;
    t->cpu.r[8] = 200;
    // Into the next page, which the instruction TLB knows in the other mode by then.
    TOY_CODE_AT(t, FROM + PAGE_SIZE - 8, W(MINE, 0), W(CHANGE, 0), W(MINE, 0), HALT);
    for (unsigned n = 0; n < 8; n++) {
        t->cpu.mode = 0;
        plan.due = true;
        toy_run(t, FROM + PAGE_SIZE - 8);
        cr_expect_eq(t->cpu.r[6], 200 + n, "round %u: %lu, not %u", n, t->cpu.r[6], 200 + n);
        cr_expect(t->cpu.r[7] == 101 + n && t->cpu.r[8] == 201 + n, "round %u: %lu and %lu", n, t->cpu.r[7], t->cpu.r[8]);
    }
    toy_destroy(t);
}

// What a helper asks for is done before the next instruction, however well known that is.
Test(jit_stale, a_request_is_served_at_once)
{
    struct toy *t = machine();
    struct plan plan = { .change = REQUEST };
    t->user = &plan;
    write_code(t, BR_NEAR, CODE);
    for (unsigned n = 0; n < 4; n++)
        expect(t, BR_NEAR, CODE, "before", 1);
    plan = (struct plan){ .change = HALTED, .due = true };
    cr_expect_eq(toy_run(t, FROM), 1, "runs on when it is to wait");
    cr_expect(t->cpu.pc == FROM + 4 && !t->cpu.r[6], "waits at %#lx, r6 %lu", t->cpu.pc, t->cpu.r[6]);
    plan = (struct plan){ .change = REQUEST, .due = true };
    uint64_t icount = toy_run(t, FROM);
    cr_expect(t->nr_interrupts == 1 && t->cpu.r[6] == 0 && icount == 2,
              "%u interrupts, r6 %lu, %lu instructions (1 and the vector's wanted)", t->nr_interrupts, t->cpu.r[6], icount);
    toy_destroy(t);
}

// A TLBI leaves alone what it does not name: neither an address that shares a place in the table,
// nor another page of small mappings.
Test(jit_stale, a_tlbi_takes_no_more_than_it_names)
{
    struct toy *t = machine();
    struct plan plan = { 0 };
    t->user = &plan;
    write_code(t, BR_FAR, REMAPPED);
    expect(t, BR_FAR, REMAPPED, "before", 1);
    uint64_t fills = t->cpu.stats.itlb_fill;
    tlb_flush_va(&t->cpu, (FAR & PAGE_MASK) + (gva_t)ITLB_SIZE * PAGE_SIZE);
    tlb_flush_va(&t->cpu, (FAR & PAGE_MASK) + PAGE_SIZE);
    expect(t, BR_FAR, REMAPPED, "others flushed", 1);
    cr_expect_eq(t->cpu.stats.itlb_fill, fills, "%lu pages looked up again", t->cpu.stats.itlb_fill - fills);
    toy_destroy(t);
}
