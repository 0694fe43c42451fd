// SPDX-License-Identifier: GPL-3.0-or-later
// Flags that stay in EFLAGS (jit/quick_flags.c), against the interpreter: random blocks of ops that set
// them, take their carry or look at them, with multiplications, moves and loads between them, of which
// some fault. Results, flags (also as a fault finds them) and faults must be the same, on a host with
// BMI2 and on one without.
#include "jit/quick_ctx.h"
#include "tests/jit/toy.h"

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
    setenv("ARMLET_TEST_ENGINE", engine, 1);
    struct toy *t = toy_create();
    t->emit[1] = emit_step;
    if (!bmi2)
        t->jit.quick->bmi2 = false;
    return t;
}

static unsigned below(uint64_t *random, unsigned n)
{
    return (unsigned)(toy_random(random) >> 33) % n;
}

static void make_program(struct program *p, uint64_t *random)
{
    // Conditions that EFLAGS can be asked for, and others.
    static const uint32_t conditions[] = { 0xf0f0, 0x0f0f, 0xcccc, 0x3333, 0xff00, 0xaaaa, 0x0c0c, 0xaa55, 0x0a05, 0xffff, 0x1234 };
    for (unsigned n = 0; n < STEPS; n++) {
        struct step *s = &p->steps[n];
        *s = (struct step){ .op = ops[below(random, ARRAY_SIZE(ops))], .wide = below(random, 4), .result = below(random, 4),
                            .constant = !below(random, 6) };
        s->d = (uint8_t)below(random, NR_VALUES);
        s->a = (uint8_t)below(random, NR_VALUES);
        s->b = (uint8_t)below(random, NR_VALUES);
        s->imm = conditions[below(random, ARRAY_SIZE(conditions))] | below(random, 16) << 16;
    }
}

static void choose(struct toy *t, struct program *p, uint32_t serial)
{
    uint32_t *code = toy_host(t, TOY_CODE);
    t->user = p;
    for (unsigned n = 0; n < STEPS; n++)
        code[n] = toy_word(1, (serial & 0xffff) << 8 | n);
    code[STEPS] = 0;
    jit_ram_written(&t->jit, TOY_CODE, 4 * STEPS + 4);
}

static uint64_t operand(uint64_t *random)
{
    return below(random, 2) ? toy_edges[below(random, toy_nr_edges)] : toy_random(random);
}

static void start(struct toy *const t[], unsigned machines, uint64_t *random)
{
    uint64_t value[NR_VALUES], base = below(random, 3) ? TOY_DATA : TOY_DATA + PAGE_SIZE; // of which one is absent
    uint32_t nzcv = below(random, 16);
    for (unsigned n = 0; n < NR_VALUES; n++)
        value[n] = operand(random);
    for (unsigned k = 0; k < machines; k++) {
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

static void describe(const struct program *p, struct toy *const t[], unsigned machines)
{
    static const char *const names[] = { "interp", "quick", "quick without BMI2" };
    for (unsigned n = 0; n < STEPS; n++) {
        const struct step *s = &p->steps[n];
        fprintf(stderr, "  %s%s r%u, r%u, %s%u (%#x)%s\n", ir_op_info[s->op].name, s->wide ? "" : " 32", values[s->d], values[s->a],
                s->constant ? "" : "r", s->constant ? s->imm & 7 : values[s->b], s->imm, s->result ? "" : " no result");
    }
    for (unsigned k = 0; k < machines; k++) {
        fprintf(stderr, "  %s: nzcv %x faults %u at %#" PRIx64 ";", names[k], t[k]->cpu.nzcv, t[k]->nr_faults, t[k]->fault.pc);
        for (unsigned n = 0; n < NR_VALUES; n++)
            fprintf(stderr, " %" PRIx64, t[k]->cpu.r[values[n]]);
        fprintf(stderr, "\n");
    }
}

Test(quick_flags, against_interpreter, .timeout = 120)
{
    struct toy *const t[] = { machine("interp", true), machine("quick", true), machine("quick", false) };
    unsigned bad = 0, faults = 0;
    uint64_t random = 0xf1a95;
    for (unsigned k = 0; k < ARRAY_SIZE(t); k++)
        toy_unmap(t[k], TOY_DATA + PAGE_SIZE);
    for (unsigned n = 0; n < PROGRAMS && bad < 3; n++) {
        struct program p;
        make_program(&p, &random);
        for (unsigned k = 0; k < ARRAY_SIZE(t); k++)
            choose(t[k], &p, n);
        for (unsigned run = 0; run < RUNS; run++) {
            start(t, ARRAY_SIZE(t), &random);
            for (unsigned k = 0; k < ARRAY_SIZE(t); k++)
                toy_run(t[k], TOY_CODE);
            faults += t[0]->nr_faults;
            if (!same(t[0], t[1]) || !same(t[0], t[2])) {
                describe(&p, t, ARRAY_SIZE(t));
                bad++;
                break;
            }
        }
    }
    for (unsigned k = 0; k < ARRAY_SIZE(t); k++)
        toy_destroy(t[k]);
    cr_assert_eq(bad, 0, "%u programs differ", bad);
    cr_assert_gt(faults, PROGRAMS / 10, "only %u faults: nothing shows what they find", faults);
}
