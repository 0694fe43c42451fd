// SPDX-License-Identifier: GPL-3.0-or-later
// Exclusives and read-modify-writes of the quick engine against the interpreter's: every kind and
// size, operands in every combination of host registers, slots, the first temporary and constants,
// pages that are and are not in the TLB, misaligned and read-only ones; what is in the registers,
// in memory and in the monitor after. And several threads at once, each with a vCPU of its own.
#include "jit/quick_ctx.h"
#include "tests/jit/twins.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { NR_REGS = 6, DATA = 64 };

// 3, 1 and 0 are in host registers; one of them in rbx.
static const unsigned regs[NR_REGS] = {3, 1, 0, 7, 40, 41};

struct op {
    uint8_t op, kind, log2;
    bool pair, tmp_base, tmp_b, tmp_d2, const_b, const_c;
    int d, d2, base, b, c; // of regs; negative: absent
    uint64_t value;
};

struct program {
    struct op ops[2]; // an exclusive load, and the operation
    unsigned nr;
};

static ir_val operand(struct ir *ir, int n, bool tmp, bool constant, uint64_t value)
{
    ir_val v;
    if (n < 0)
        return IR_NONE;
    if (constant)
        return ir_const(ir, value);
    if (!tmp)
        return ir_r(regs[n]);
    v = ir_tmp(ir);
    ir_MOV(ir, IR_I64, v, ir_r(regs[n]), 0);
    return v;
}

static void emit_op(struct toy *t, struct ir *ir, uint32_t arg)
{
    const struct op *o = &((const struct program *)t->user)->ops[arg & 1];
    ir_val base = operand(ir, o->base, o->tmp_base, false, 0);
    ir_val b = operand(ir, o->b, o->tmp_b, o->const_b, o->value);
    ir_val c = operand(ir, o->c, false, o->const_c, o->value);
    ir_val d2 = operand(ir, o->d2, o->tmp_d2, false, 0), d = operand(ir, o->d, false, false, 0);
    if (o->op == IR_ATOMIC)
        ir_atomic(ir, o->kind, o->log2, 0, d, base, b, c);
    else
        ir_excl(ir, o->op, o->log2, 0, d, d2, base, b, c);
}

static struct toy *machine(const char *engine)
{
    struct toy *t = twins_machine(engine);
    t->emit[1] = emit_op;
    toy_map(t, TOY_DATA + PAGE_SIZE, TOY_DATA + PAGE_SIZE, PAGE_BITS, TOY_R | TOY_GLOBAL);
    return t;
}

static void make_op(struct op *o, unsigned op, uint64_t *random)
{
    // A destination is nobody else's, as in any guest's code that can be relied on.
    unsigned order[NR_REGS];
    for (unsigned n = 0; n < NR_REGS; n++) {
        unsigned k = twins_below(random, n + 1);
        order[n] = order[k];
        order[k] = n;
    }
    *o = (struct op){
        .op = (uint8_t)op, .log2 = (uint8_t)twins_below(random, 4), .value = toy_random(random)};
    o->base = (int)order[0];
    o->tmp_base = !twins_below(random, 5);
    o->d = (int)order[1];
    o->d2 = o->b = o->c = -1;
    switch (op) {
    case IR_ATOMIC:
        o->kind = (uint8_t)twins_below(random, IR_ATOMIC_CAS + 1);
        o->b = (int)order[twins_below(random, 4)]; // the address or the destination, now and then
        o->c = o->kind == IR_ATOMIC_CAS ? (int)order[twins_below(random, 4)] : -1;
        if (!twins_below(random, 4))
            o->d = -1;
        else if (!twins_below(random, 6))
            o->d = o->base;
        break;
    case IR_CASP:
        o->log2 = (uint8_t)(2 + twins_below(random, 2));
        o->d2 = (int)order[2];
        o->tmp_d2 = !twins_below(random, 4);
        o->b = (int)order[3];
        o->c = (int)order[4];
        break;
    case IR_LDX:
        o->pair = twins_below(random, 2);
        o->d2 = o->pair ? (int)order[2] : -1;
        if (!twins_below(random, 6))
            o->d = o->base;
        break;
    default:
        o->pair = twins_below(random, 2);
        o->b = (int)order[2];
        o->c = o->pair ? (int)order[3] : -1;
    }
    if (o->pair)
        o->log2 = (uint8_t)(2 + twins_below(random, 2));
    o->tmp_b = o->b >= 0 && !o->tmp_base && !o->tmp_d2 && !twins_below(random, 5);
    o->const_b = o->b >= 0 && !twins_below(random, 6);
    o->const_c = o->c >= 0 && !twins_below(random, 6);
    if (!twins_below(random, 2))
        o->value = 0;
}

static unsigned make_program(void *program, uint64_t *random)
{
    struct program *p = program;
    static const uint8_t ops[] = {IR_ATOMIC, IR_ATOMIC, IR_CASP, IR_LDX, IR_STX, IR_STX};
    unsigned op = ops[twins_below(random, ARRAY_SIZE(ops))];
    p->nr = 0;
    if (op == IR_STX)
        make_op(&p->ops[p->nr++], IR_LDX, random);
    make_op(&p->ops[p->nr++], op, random);
    if (p->nr == 2 && twins_below(random, 5)) { // what a guest does
        struct op *load = &p->ops[0], *store = &p->ops[1];
        load->pair = store->pair;
        load->log2 = store->log2;
        load->base = store->base;
        load->tmp_base = store->tmp_base;
        if (load->d == load->base)
            load->d = (load->d + 1) % NR_REGS;
        load->d2 = !load->pair                             ? -1
                   : (load->d + 1) % NR_REGS == load->base ? (load->d + 2) % NR_REGS
                                                           : (load->d + 1) % NR_REGS;
    }
    return p->nr;
}

static void start(struct toy *const t[], unsigned nr, const void *program, uint64_t *random)
{
    const struct program *p = program;
    uint64_t r[NR_REGS], data[DATA / 8];
    const struct op *last = &p->ops[p->nr - 1];
    unsigned off = twins_below(random, 4) ? 16 : twins_below(random, 32);
    uint64_t page = twins_below(random, 12) ? 0 : PAGE_SIZE;
    for (unsigned n = 0; n < NR_REGS; n++)
        r[n] = twins_below(random, 2) ? toy_edges[twins_below(random, toy_nr_edges)]
                                      : toy_random(random);
    for (unsigned n = 0; n < DATA / 8; n++)
        data[n] = twins_below(random, 2) ? toy_edges[twins_below(random, toy_nr_edges)]
                                         : toy_random(random);
    for (unsigned n = 0; n < p->nr; n++)
        r[p->ops[n].base] = TOY_DATA + page + off;
    if (twins_below(random, 2)) { // a comparison that holds
        uint64_t seen[2];
        memcpy(seen, (uint8_t *)data + off, 16);
        if (last->op == IR_CASP && last->log2 == 3 && last->d != last->base &&
            last->d2 != last->base) {
            r[last->d] = seen[0];
            r[last->d2] = seen[1];
        } else if (last->op == IR_CASP && last->d != last->base && last->d2 != last->base) {
            r[last->d] = seen[0];
            r[last->d2] = seen[0] >> 32;
        } else if (last->op == IR_ATOMIC && last->b != last->base) {
            r[last->b] = seen[0];
        }
    }
    bool flush = !twins_below(random, 3);
    for (unsigned k = 0; k < nr; k++) {
        for (unsigned n = 0; n < NR_REGS; n++)
            t[k]->cpu.r[regs[n]] = r[n];
        memcpy(toy_host(t[k], TOY_DATA), data, DATA);
        memcpy(toy_host(t[k], TOY_DATA + PAGE_SIZE), data, DATA);
        t[k]->cpu.excl_size = 0;
        t[k]->cpu.nzcv = (uint32_t)r[0] & 15;
        if (flush)
            tlb_flush_va(&t[k]->cpu, TOY_DATA);
    }
}

static bool same(struct toy *a, struct toy *b)
{
    const struct vcpu *c = &a->cpu, *d = &b->cpu;
    bool monitor = c->excl_size == d->excl_size &&
                   (!c->excl_size ||
                    (c->excl_addr == d->excl_addr && !memcmp(c->excl_value, d->excl_value, 16)));
    bool words = true;
    for (unsigned n = 0; n < NR_REGS; n++)
        words = words && c->r[regs[n]] == d->r[regs[n]];
    return monitor && words && c->nzcv == d->nzcv && a->nr_faults == b->nr_faults &&
           a->fault.va == b->fault.va && a->fault.kind == b->fault.kind &&
           !memcmp(toy_host(a, TOY_DATA), toy_host(b, TOY_DATA), DATA) &&
           !memcmp(toy_host(a, TOY_DATA + PAGE_SIZE), toy_host(b, TOY_DATA + PAGE_SIZE), DATA);
}

static void describe(const void *program, struct toy *const t[], unsigned nr)
{
    const struct program *p = program;
    for (unsigned n = 0; n < p->nr; n++) {
        const struct op *o = &p->ops[n];
        fprintf(
            stderr,
            "  %s kind %u log2 %u pair %u: d %d d2 %d%s base %d%s b %d%s%s c %d%s value %" PRIx64
            "\n",
            ir_op_info[o->op].name, o->kind, o->log2, o->pair, o->d, o->d2,
            o->tmp_d2 ? " (tmp)" : "", o->base, o->tmp_base ? " (tmp)" : "", o->b,
            o->tmp_b ? " (tmp)" : "", o->const_b ? " (const)" : "", o->c,
            o->const_c ? " (const)" : "", o->value);
    }
    for (unsigned k = 0; k < nr; k++) {
        const struct vcpu *c = &t[k]->cpu;
        const uint64_t *m = toy_host(t[k], TOY_DATA);
        fprintf(stderr, "  %s:", k ? "quick " : "interp");
        for (unsigned n = 0; n < NR_REGS; n++)
            fprintf(stderr, " %" PRIx64, c->r[regs[n]]);
        fprintf(stderr, "; monitor %u %" PRIx64 " %" PRIx64 " %" PRIx64 "; faults %u; memory",
                c->excl_size, c->excl_addr, c->excl_value[0], c->excl_value[1], t[k]->nr_faults);
        for (unsigned n = 0; n < DATA / 8; n++)
            fprintf(stderr, " %" PRIx64, m[n]);
        fprintf(stderr, "\n");
    }
}

static void against_interpreter(bool cx16)
{
    static const struct twins twins = {
        8000, "QUICK_ATOMIC_PROGRAMS", 8, make_program, start, same, describe};
    struct toy *const t[2] = {machine("interp"), machine("quick")};
    struct program p;
    t[1]->jit.quick->cx16 = cx16;
    twins_run(&twins, t, 2, &p, 0x5eed + cx16);
}

Test(quick_atomic, against_interpreter, .timeout = 120)
{
    against_interpreter(true);
}

// What a host without CMPXCHG16B does.
Test(quick_atomic, without_wide_swaps, .timeout = 120)
{
    against_interpreter(false);
}

// Several at once --------------------------------------------------------------------------------

// Machines of their own that share a page, each in its thread; some run the interpreter.
enum { THREADS = 3, SHARED = 0x0a000000, VA = TOY_DATA + 8 * PAGE_SIZE, ROUNDS = 30000 };
enum {
    BASE = 3,
    COUNT = 7,
    OLD = 1,
    NEW = 0,
    OLD2 = 40,
    NEW2 = 41,
    STATUS = 20,
    OTHER = 21,
    SEEN = 22
};

static void emit_step(struct toy *t, struct ir *ir, uint32_t arg)
{
    ir_val base = ir_r(BASE), old = ir_r(OLD), new = ir_r(NEW), old2 = ir_r(OLD2),
           new2 = ir_r(NEW2);
    ir_val one = ir_const(ir, 1), three = ir_const(ir, 3);
    unsigned order = MEM_ALIGNED | MEM_ACQUIRE;
    switch (arg & 0xff) {
    case 'a': // add
        ir_atomic(ir, IR_ATOMIC_ADD, 3, 0, old, base, one, IR_NONE);
        break;
    case 'o': // a swap loop
        ir_atomic(ir, IR_ATOMIC_XOR, 3, 0, old, base, three, IR_NONE);
        break;
    case 'l':
        ir_excl(ir, IR_LDX, 3, order, old, IR_NONE, base, IR_NONE, IR_NONE);
        break;
    case 's':
        ir_excl(ir, IR_STX, 3, 0, ir_r(STATUS), IR_NONE, base, new, IR_NONE);
        break;
    case 'L':
        ir_excl(ir, IR_LDX, 3, order, old, old2, base, IR_NONE, IR_NONE);
        break;
    case 'S':
        ir_excl(ir, IR_STX, 3, 0, ir_r(STATUS), IR_NONE, base, new, new2);
        break;
    case '+':
        ir_ADD(ir, IR_I64, new, old, one);
        ir_ADD(ir, IR_I64, new2, old2, three);
        break;
    case 'p': // plain loads of a pair: any mixture
        ir_load(ir, IR_LDP64, 0, old, old2, base, IR_NONE, 0);
        break;
    case 'c': // ... and a swap; status: 0 if it was done
        ir_MOV(ir, IR_I64, ir_r(STATUS), old, 0);
        ir_MOV(ir, IR_I64, ir_r(OTHER), old2, 0);
        break;
    case 'C':
        ir_excl(ir, IR_CASP, 3, order, old, old2, base, new, new2);
        break;
    case 'x': {
        ir_val x = ir_tmp(ir), y = ir_tmp(ir);
        ir_XOR(ir, IR_I64, x, ir_r(STATUS), old);
        ir_XOR(ir, IR_I64, y, ir_r(OTHER), old2);
        ir_OR(ir, IR_I64, ir_r(STATUS), x, y);
        break;
    }
    case 'r': // again unless it was done
        ir_br_if(ir, IR_BR_NZ, IR_I64, ir_r(STATUS), 0,
                 (int64_t)ir->cur_off - (int64_t)(arg >> 8) * 4);
        break;
    case 'n': // round and round
        ir_SUB(ir, IR_I64, ir_r(COUNT), ir_r(COUNT), one);
        break;
    case 'b':
        ir_br_if(ir, IR_BR_NZ, IR_I64, ir_r(COUNT), 0,
                 (int64_t)ir->cur_off - (int64_t)(arg >> 8) * 4);
        break;
    }
}

struct thread {
    pthread_t id;
    struct toy *t;
};

static void *run_thread(void *opaque)
{
    struct thread *th = opaque;
    toy_run(th->t, TOY_CODE);
    return NULL;
}

// A program of letters (see above); 'r' goes back to the last '.', which is none itself.
static void write_program(struct toy *t, const char *text)
{
    uint32_t *code = toy_host(t, TOY_CODE);
    unsigned n = 0, mark = 0;
    for (; *text; text++) {
        if (*text == '.') {
            mark = n;
            continue;
        }
        unsigned back = *text == 'r' ? n - mark : *text == 'b' ? n : 0;
        code[n++] = toy_word(1, (uint32_t)*text | back << 8);
    }
    code[n] = 0;
}

static void all_at_once(const char *text, uint64_t *page)
{
    static struct thread threads[THREADS];
    memset(page, 0, PAGE_SIZE);
    for (unsigned n = 0; n < THREADS; n++) {
        struct toy *t = threads[n].t = machine(n == 1 ? "interp" : "quick");
        t->emit[1] = emit_step;
        jit_add_ram(&t->jit, SHARED, PAGE_SIZE, (uint8_t *)page, false);
        toy_map(t, VA, SHARED, PAGE_BITS, TOY_ALL);
        write_program(t, text);
        t->cpu.r[BASE] = VA;
        t->cpu.r[COUNT] = ROUNDS;
    }
    for (unsigned n = 0; n < THREADS; n++)
        cr_assert_eq(pthread_create(&threads[n].id, NULL, run_thread, &threads[n]), 0);
    for (unsigned n = 0; n < THREADS; n++)
        pthread_join(threads[n].id, NULL);
    for (unsigned n = 0; n < THREADS; n++) {
        cr_expect_eq(threads[n].t->cpu.r[COUNT], 0, "%s: thread %u stopped", text, n);
        toy_destroy(threads[n].t);
    }
}

Test(quick_atomic, no_update_is_lost, .timeout = 120)
{
    static uint64_t page[PAGE_SIZE / 8] __attribute__((aligned(4096)));
    const uint64_t all = (uint64_t)THREADS * ROUNDS;
    all_at_once("anb", page);
    cr_expect_eq(page[0], all, "atomic add: %lu of %lu", page[0], all);
    all_at_once("onb", page);
    cr_expect_eq(page[0], all & 1 ? 3 : 0, "atomic exclusive or: %lu", page[0]);
    all_at_once(".l+srnb", page);
    cr_expect_eq(page[0], all, "exclusives: %lu of %lu", page[0], all);
    all_at_once(".L+Srnb", page);
    cr_expect(page[0] == all && page[1] == 3 * all, "exclusive pairs: %lu, %lu of %lu", page[0],
              page[1], all);
    all_at_once(".p+cCxrnb", page);
    cr_expect(page[0] == all && page[1] == 3 * all, "compare and swap of pairs: %lu, %lu of %lu",
              page[0], page[1], all);
}

// A store-release is seen before what the load-acquire behind it sees: of two that each store and
// then look at what the other stores, at least one sees it. Both wait for each other before every
// round; a round has a line of memory for each.
enum { LITMUS_ROUNDS = 1500, GOAL = 40, MINE = 41, RESULTS = 42, DELAY = 19, LITMUS_PAGES = 64 };

static void emit_litmus(struct toy *t, struct ir *ir, uint32_t arg)
{
    ir_val goal = ir_r(GOAL), mine = ir_r(MINE), other = ir_r(OTHER), results = ir_r(RESULTS),
           seen = ir_r(SEEN);
    ir_val line = ir_const(ir, 128), tmp;
    switch (arg & 0xff) {
    case 'm':
        ir_atomic(ir, IR_ATOMIC_ADD, 3, 0, IR_NONE, ir_r(BASE), ir_const(ir, 1), IR_NONE);
        break;
    case 'g':
        ir_ADD(ir, IR_I64, goal, goal, ir_const(ir, 2));
        break;
    case 'w': // until the other is there
        tmp = ir_tmp(ir);
        ir_load(ir, IR_LD64, MEM_ALIGNED | MEM_ACQUIRE, tmp, IR_NONE, ir_r(BASE), IR_NONE, 0);
        ir_SUB(ir, IR_I64, tmp, tmp, goal);
        ir_br_if(ir, IR_BR_BIT1, IR_I64, tmp, 63, ir->cur_off);
        break;
    case 'd': // a while, in all combinations
        ir_UBFX(ir, IR_I64, ir_r(DELAY), ir_r(COUNT), (t->user ? 5 : 0) | 5 << 8);
        break;
    case 'e':
        ir_SUB(ir, IR_I64, ir_r(DELAY), ir_r(DELAY), ir_const(ir, 1));
        ir_br_if(ir, IR_BR_BIT0, IR_I64, ir_r(DELAY), 63, ir->cur_off);
        break;
    case 's':
        ir_store(ir, IR_ST64, MEM_ALIGNED | MEM_RELEASE, ir_const(ir, 1), IR_NONE, mine, IR_NONE,
                 0);
        break;
    case 'l':
        ir_load(ir, IR_LD64, MEM_ALIGNED | MEM_ACQUIRE, seen, IR_NONE, other, IR_NONE, 0);
        break;
    case 'n':
        ir_store(ir, IR_ST64, 0, seen, IR_NONE, results, IR_NONE, 0);
        ir_ADD(ir, IR_I64, results, results, ir_const(ir, 8));
        ir_ADD(ir, IR_I64, mine, mine, line);
        ir_ADD(ir, IR_I64, other, other, line);
        ir_SUB(ir, IR_I64, ir_r(COUNT), ir_r(COUNT), ir_const(ir, 1));
        break;
    case 'b':
        ir_br_if(ir, IR_BR_NZ, IR_I64, ir_r(COUNT), 0,
                 (int64_t)ir->cur_off - (int64_t)(arg >> 8) * 4);
        break;
    }
}

Test(quick_atomic, release_then_acquire, .timeout = 120)
{
    static uint8_t shared[LITMUS_PAGES * PAGE_SIZE] __attribute__((aligned(4096)));
    static struct thread threads[2];
    for (unsigned n = 0; n < 2; n++) {
        struct toy *t = threads[n].t = machine("quick");
        t->emit[1] = emit_litmus;
        t->user = n ? t : NULL;
        jit_add_ram(&t->jit, SHARED, sizeof shared, shared, false);
        for (unsigned k = 0; k < LITMUS_PAGES; k++)
            toy_map(t, VA + k * PAGE_SIZE, SHARED + k * PAGE_SIZE, PAGE_BITS, TOY_ALL);
        write_program(t, "mgwdeslnb");
        t->cpu.r[BASE] = VA;
        t->cpu.r[COUNT] = LITMUS_ROUNDS;
        t->cpu.r[MINE] = VA + PAGE_SIZE + 64 * n;
        t->cpu.r[OTHER] = VA + PAGE_SIZE + 64 * !n;
        t->cpu.r[RESULTS] = VA + (LITMUS_PAGES - 8 * (n + 1)) * PAGE_SIZE;
    }
    for (unsigned n = 0; n < 2; n++)
        cr_assert_eq(pthread_create(&threads[n].id, NULL, run_thread, &threads[n]), 0);
    for (unsigned n = 0; n < 2; n++)
        pthread_join(threads[n].id, NULL);
    const uint64_t *seen[2] = {(const uint64_t *)(shared + (LITMUS_PAGES - 8) * PAGE_SIZE),
                               (const uint64_t *)(shared + (LITMUS_PAGES - 16) * PAGE_SIZE)};
    unsigned neither = 0;
    for (unsigned n = 0; n < LITMUS_ROUNDS; n++)
        neither += !seen[0][n] && !seen[1][n];
    cr_expect_eq(neither, 0, "%u times of %u neither saw the other's store", neither,
                 LITMUS_ROUNDS);
    for (unsigned n = 0; n < 2; n++) {
        cr_expect_eq(threads[n].t->cpu.r[COUNT], 0, "thread %u stopped", n);
        toy_destroy(threads[n].t);
    }
}
