// SPDX-License-Identifier: GPL-3.0-or-later
// Flags that stay in EFLAGS (jit/quick_flags.c), against the interpreter: random blocks of ops that set
// them, take their carry or look at them, with multiplications, moves and loads between them, of which
// some fault. Results, flags (also as a fault finds them) and faults must be the same, on a host with
// BMI2 and on one without.
#include "jit/quick_ctx.h"
#include "tests/jit/twins.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { STEPS = 14, NR_VALUES = 6, BASE = 50, PROGRAMS = 20000, RUNS = 3 };

static const unsigned values[NR_VALUES] = { 0, 1, 2, 3, 40, 41 }; // four are in host registers

struct step {
    uint8_t op, d, a, b;
    bool wide, result; // false: no destination
    bool constant;     // for b
    uint32_t imm;
};

struct program {
    struct step steps[STEPS];
};

// More of what a long addition is made of.
static const uint8_t ops[] = {
    IR_ADDS, IR_ADDS, IR_ADCS, IR_ADCS, IR_ADCS, IR_ADCS, IR_SUBS, IR_SUBS, IR_SBCS, IR_SBCS, IR_SBCS, IR_ANDS,
    IR_BICS, IR_ADC, IR_ADC, IR_SBC, IR_MUL, IR_MUL, IR_MUL, IR_UMULH, IR_UMULH, IR_UMULH, IR_MOV, IR_MOV, IR_ADD,
    IR_SHL, IR_SEL, IR_SELINC, IR_CCMP, IR_CCMN, IR_LD64, IR_ST64, IR_GET_NZCV,
};

static void emit_step(struct toy *t, struct ir *ir, uint32_t arg)
{
    const struct step *s = &((const struct program *)t->user)->steps[arg & 0xff];
    unsigned type = s->wide || ir_op_info[s->op].flags & IR_F_I64 ? IR_I64 : IR_I32, form = ir_op_info[s->op].form;
    ir_val a = ir_r(values[s->a]), b = s->constant ? ir_const(ir, s->imm & 7) : ir_r(values[s->b]);
    ir_val d = s->result || form != IR_FORM_FLG2 ? ir_r(values[s->d]) : IR_NONE;
    switch (form) {
    case IR_FORM_LOAD:
        ir_load(ir, s->op, 0, d, IR_NONE, ir_r(BASE), IR_NONE, 0);
        break;
    case IR_FORM_STORE:
        ir_store(ir, s->op, 0, d, IR_NONE, ir_r(BASE), IR_NONE, 0);
        break;
    case IR_FORM_FLG3:
        ir_emit(ir, s->op, type, IR_NONE, a, b, IR_NONE, s->imm);
        break;
    case IR_FORM_INT1:
        ir_emit(ir, s->op, type, d, a, IR_NONE, IR_NONE, 0);
        break;
    case IR_FORM_CTL:
        ir_emit(ir, s->op, 0, d, IR_NONE, IR_NONE, IR_NONE, 0);
        break;
    default:
        ir_emit(ir, s->op, type, d, a, b, IR_NONE, form == IR_FORM_INT3 ? s->imm & 0xffff : 0);
    }
}

static struct toy *machine(const char *engine, bool bmi2)
{
    struct toy *t = twins_machine(engine);
    t->emit[1] = emit_step;
    if (!bmi2)
        t->jit.quick->bmi2 = false;
    return t;
}

static unsigned make_program(void *program, uint64_t *random)
{
    struct program *p = program;
    // Conditions that EFLAGS can be asked for, and others.
    static const uint32_t conditions[] = { 0xf0f0, 0x0f0f, 0xcccc, 0x3333, 0xff00, 0xaaaa, 0x0c0c, 0xaa55, 0x0a05, 0xffff, 0x1234 };
    for (unsigned n = 0; n < STEPS; n++) {
        struct step *s = &p->steps[n];
        *s = (struct step){ .op = ops[twins_below(random, ARRAY_SIZE(ops))], .wide = twins_below(random, 4),
                            .result = twins_below(random, 4), .constant = !twins_below(random, 6) };
        s->d = (uint8_t)twins_below(random, NR_VALUES);
        s->a = (uint8_t)twins_below(random, NR_VALUES);
        s->b = (uint8_t)twins_below(random, NR_VALUES);
        s->imm = conditions[twins_below(random, ARRAY_SIZE(conditions))] | twins_below(random, 16) << 16;
    }
    return STEPS;
}

static uint64_t operand(uint64_t *random)
{
    return twins_below(random, 2) ? toy_edges[twins_below(random, toy_nr_edges)] : toy_random(random);
}

static void start(struct toy *const t[], unsigned nr, const void *program, uint64_t *random)
{
    uint64_t value[NR_VALUES], base = TOY_DATA + (twins_below(random, 3) ? 0 : PAGE_SIZE); // the second page is absent
    uint32_t nzcv = twins_below(random, 16);
    for (unsigned n = 0; n < NR_VALUES; n++)
        value[n] = operand(random);
    for (unsigned k = 0; k < nr; k++) {
        for (unsigned n = 0; n < NR_VALUES; n++)
            t[k]->cpu.r[values[n]] = value[n];
        t[k]->cpu.r[BASE] = base;
        t[k]->cpu.nzcv = nzcv;
        t[k]->cpu.icount = 0;
        *(uint64_t *)toy_host(t[k], TOY_DATA) = value[0];
        t[k]->fault = (struct toy_fault){ 0 };
        t[k]->nr_faults = 0;
    }
}

static bool same(struct toy *a, struct toy *b)
{
    bool same = a->cpu.nzcv == b->cpu.nzcv && a->nr_faults == b->nr_faults && a->fault.pc == b->fault.pc &&
                *(uint64_t *)toy_host(a, TOY_DATA) == *(uint64_t *)toy_host(b, TOY_DATA);
    for (unsigned n = 0; n < NR_VALUES; n++)
        same = same && a->cpu.r[values[n]] == b->cpu.r[values[n]];
    return same;
}

static void describe(const void *program, struct toy *const t[], unsigned nr)
{
    const struct program *p = program;
    static const char *const names[] = { "interp", "quick", "quick without BMI2" };
    for (unsigned n = 0; n < STEPS; n++) {
        const struct step *s = &p->steps[n];
        fprintf(stderr, "  %s%s r%u, r%u, %s%u (%#x)%s\n", ir_op_info[s->op].name, s->wide ? "" : " 32", values[s->d], values[s->a],
                s->constant ? "" : "r", s->constant ? s->imm & 7 : values[s->b], s->imm, s->result ? "" : " no result");
    }
    for (unsigned k = 0; k < nr; k++) {
        fprintf(stderr, "  %s: nzcv %x faults %u at %#" PRIx64 ";", names[k], t[k]->cpu.nzcv, t[k]->nr_faults, t[k]->fault.pc);
        for (unsigned n = 0; n < NR_VALUES; n++)
            fprintf(stderr, " %" PRIx64, t[k]->cpu.r[values[n]]);
        fprintf(stderr, "\n");
    }
}

Test(quick_flags, against_interpreter, .timeout = 120)
{
    struct toy *const t[] = { machine("interp", true), machine("quick", true), machine("quick", false) };
    static const struct twins twins = { PROGRAMS, NULL, RUNS, make_program, start, same, describe };
    struct program p;
    for (unsigned k = 0; k < ARRAY_SIZE(t); k++)
        toy_unmap(t[k], TOY_DATA + PAGE_SIZE);
    unsigned faults = twins_run(&twins, t, ARRAY_SIZE(t), &p, 0xf1a95);
    cr_assert_gt(faults, PROGRAMS / 10, "only %u faults: nothing shows what they find", faults);
}
