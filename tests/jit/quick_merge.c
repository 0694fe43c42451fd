// SPDX-License-Identifier: GPL-3.0-or-later
// Accesses that share a look into the TLB (jit/quick_merge.c), against the interpreter: blocks of
// loads and stores through registers that move by constants and are copied, at and across the ends
// of pages which are plain RAM, in the TLB or not, read-only, absent, devices, or watched for
// writes; with helpers between them that take pages away. Registers, memory, device accesses and
// faults must be the same.
#include "tests/jit/twins.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 12, PAGES = 4, NR_BASES = 4, NR_VALUES = 4, SPAN = PAGES * PAGE_SIZE };

static const unsigned bases[NR_BASES] = {3, 1, 50, 51};   // two are in host registers
static const unsigned values[NR_VALUES] = {0, 7, 40, 41}; // one is

struct step {
    enum { STEP_LOAD, STEP_STORE, STEP_MOVE, STEP_COPY, STEP_HELPER, STEP_ATOMIC } kind;
    uint8_t op, base, to, d, d2;
    bool onto_base;
    int32_t off;
};

struct program {
    struct step steps[STEPS];
    unsigned maps; // that a machine begins with
};

enum page { PLAIN, READ_ONLY, ABSENT, DEVICE, DIRTY, NR_KINDS };

static const uint8_t loads[] = {IR_LD8,   IR_LD16,  IR_LD32,  IR_LD64,   IR_LD8S64, IR_LD32S64,
                                IR_LDP32, IR_LDP64, IR_LDV64, IR_LDV128, IR_LDPV128};
static const uint8_t stores[] = {IR_ST8,   IR_ST16,  IR_ST32,   IR_ST64,  IR_STP32,
                                 IR_STP64, IR_STV32, IR_STV128, IR_STPV64};

static bool is_vector(unsigned op)
{
    return ir_op_info[op].form >= IR_FORM_LOADV;
}

static bool is_pair(unsigned op)
{
    unsigned form = ir_op_info[op].form;
    return form == IR_FORM_LOADP || form == IR_FORM_STOREP || form == IR_FORM_LOADVP ||
           form == IR_FORM_STOREVP;
}

static void emit_step(struct toy *t, struct ir *ir, uint32_t arg)
{
    const struct step *s = &((const struct program *)t->user)->steps[arg & 0xff];
    ir_val base = ir_r(bases[s->base]), d = ir_r(values[s->d]), d2 = IR_NONE;
    if (is_vector(s->op))
        d = ir_v(s->d);
    if (is_pair(s->op))
        d2 = is_vector(s->op) ? ir_v(s->d2) : ir_r(values[s->d2]);
    switch (s->kind) {
    case STEP_LOAD:
        ir_load(ir, s->op, 0, s->onto_base ? base : d, d2, base, IR_NONE,
                (uint64_t)(int64_t)s->off);
        break;
    case STEP_STORE:
        ir_store(ir, s->op, 0, d, d2, base, IR_NONE, (uint64_t)(int64_t)s->off);
        break;
    case STEP_MOVE:
        if (s->off & 1)
            ir_SUB(ir, IR_I64, ir_r(bases[s->to]), base, ir_const(ir, (uint64_t)(int64_t)s->off));
        else
            ir_ADD(ir, IR_I64, ir_r(bases[s->to]), base, ir_const(ir, (uint64_t)(int64_t)s->off));
        break;
    case STEP_COPY:
        ir_MOV(ir, IR_I64, ir_r(bases[s->to]), base, 0);
        break;
    case STEP_HELPER:
        ir_call(ir, TOY_HELPER_FREE, IR_NONE, IR_NONE, IR_NONE, IR_NONE, (unsigned)s->off >> 3 & 7);
        break;
    case STEP_ATOMIC:
        ir_atomic(ir, IR_ATOMIC_ADD, 3, 0, d, base, d, IR_NONE);
        break;
    }
}

// Puts another page behind an address, or its own one.
static void helper_page(struct vcpu *cpu, void *d, const void *a, const void *b, const void *c,
                        uint64_t imm)
{
    struct toy *t = (struct toy *)cpu;
    gva_t va = TOY_DATA + (imm & 3) * PAGE_SIZE;
    if (t->nr_maps < ARRAY_SIZE(t->maps) - 8)
        toy_map(t, va, imm & 4 ? va + SPAN : va, PAGE_BITS, TOY_ALL);
    tlb_flush_va(cpu, va);
}

static struct toy *machine(const char *engine)
{
    struct toy *t = twins_machine(engine);
    t->emit[1] = emit_step;
    t->helpers[TOY_HELPER_FREE] =
        (struct helper){"page", helper_page, HELPER_READS_MEM | HELPER_WRITES_MEM};
    return t;
}

static unsigned make_program(void *program, uint64_t *random)
{
    struct program *p = program;
    unsigned main_base = twins_below(random, NR_BASES); // most go through one
    for (unsigned n = 0; n < STEPS; n++) {
        struct step *s = &p->steps[n];
        unsigned x = twins_below(random, 32);
        *s = (struct step){
            .base = (uint8_t)(twins_below(random, 4) ? main_base : twins_below(random, NR_BASES))};
        s->to = (uint8_t)(twins_below(random, 2) ? s->base : twins_below(random, NR_BASES));
        s->d = (uint8_t)twins_below(random, NR_VALUES);
        s->d2 = (uint8_t)((s->d + 1 + twins_below(random, NR_VALUES - 1)) % NR_VALUES);
        s->off = twins_below(random, 8) ? (int32_t)twins_below(random, 24) * 8 - 64
                                        : (int32_t)twins_below(random, 600) - 300;
        s->kind = x < 12   ? STEP_LOAD
                  : x < 23 ? STEP_STORE
                  : x < 27 ? STEP_MOVE
                  : x < 29 ? STEP_COPY
                  : x < 30 ? STEP_HELPER
                           : STEP_ATOMIC;
        s->op = s->kind == STEP_LOAD    ? loads[twins_below(random, ARRAY_SIZE(loads))]
                : s->kind == STEP_STORE ? stores[twins_below(random, ARRAY_SIZE(stores))]
                                        : IR_ADD;
        s->onto_base = s->op == IR_LD64 && !twins_below(random, 8);
        if (s->kind == STEP_MOVE)
            s->off = (int32_t)twins_below(random, 128) - 64;
        if (s->kind == STEP_ATOMIC)
            s->op = IR_ADD;
    }
    return STEPS;
}

static void map(struct toy *t, unsigned n, enum page kind)
{
    gva_t va = TOY_DATA + n * PAGE_SIZE;
    switch (kind) {
    case READ_ONLY:
        toy_map(t, va, va, PAGE_BITS, TOY_R | TOY_GLOBAL);
        break;
    case ABSENT:
        toy_unmap(t, va);
        break;
    case DEVICE:
        toy_map(t, va, TOY_DEV + n * PAGE_SIZE, PAGE_BITS, TOY_ALL);
        break;
    case DIRTY:
        toy_map(t, va, va, PAGE_BITS, TOY_ALL | TOY_DIRTY);
        break;
    default:
        toy_map(t, va, va, PAGE_BITS, TOY_ALL);
    }
}

static void start(struct toy *const t[], unsigned nr, const void *program, uint64_t *random)
{
    const struct program *p = program;
    enum page kinds[PAGES];
    uint64_t seed = toy_random(random), base[NR_BASES], value[NR_VALUES], v[8];
    bool flush = twins_below(random, 2), keep = twins_below(random, 2);
    for (unsigned n = 0; n < PAGES; n++)
        kinds[n] = twins_below(random, 3) ? PLAIN : twins_below(random, NR_KINDS);
    for (unsigned n = 0; n < NR_BASES; n++) {
        unsigned in = twins_below(random, 3)   ? 0
                      : twins_below(random, 2) ? twins_below(random, PAGE_SIZE)
                                               : PAGE_SIZE - 256;
        base[n] = TOY_DATA + (1 + twins_below(random, 2)) * PAGE_SIZE +
                  (in ? in : 8 * twins_below(random, PAGE_SIZE / 8));
    }
    for (unsigned n = 0; n < NR_VALUES; n++)
        value[n] = toy_random(random);
    for (unsigned n = 0; n < 8; n++)
        v[n] = toy_random(random);
    for (unsigned k = 0; k < nr; k++) {
        struct vcpu *cpu = &t[k]->cpu;
        if (!keep) {
            t[k]->nr_maps = p->maps;
            for (unsigned n = 0; n < PAGES; n++) {
                map(t[k], n, kinds[n]);
                tlb_flush_va(cpu, TOY_DATA + n * PAGE_SIZE);
            }
        } else if (flush) {
            tlb_flush_va(cpu, TOY_DATA + PAGE_SIZE);
        }
        for (unsigned n = 0; n < NR_BASES; n++)
            cpu->r[bases[n]] = base[n];
        for (unsigned n = 0; n < NR_VALUES; n++)
            cpu->r[values[n]] = value[n];
        memcpy(cpu->v, v, sizeof v);
        for (unsigned n = 0; n < 2 * PAGES; n++)
            toy_pattern(toy_host(t[k], TOY_DATA + n * PAGE_SIZE), PAGE_SIZE, seed + n);
        t[k]->nr_mmio = 0;
        t[k]->dev_next = seed;
        t[k]->nr_faults = 0;
        cpu->icount = 0;
        memset(&t[k]->fault, 0, sizeof t[k]->fault);
    }
}

static bool same(struct toy *a, struct toy *b)
{
    bool same = !memcmp(a->cpu.v, b->cpu.v, 64) && a->nr_mmio == b->nr_mmio &&
                a->nr_faults == b->nr_faults && a->cpu.pc == b->cpu.pc &&
                a->cpu.icount == b->cpu.icount && !memcmp(&a->fault, &b->fault, sizeof a->fault);
    for (unsigned n = 0; n < NR_BASES; n++)
        same = same && a->cpu.r[bases[n]] == b->cpu.r[bases[n]];
    for (unsigned n = 0; n < NR_VALUES; n++)
        same = same && a->cpu.r[values[n]] == b->cpu.r[values[n]];
    for (unsigned n = 0; same && n < a->nr_mmio && n < ARRAY_SIZE(a->mmio); n++)
        same = a->mmio[n].pa == b->mmio[n].pa && a->mmio[n].size == b->mmio[n].size &&
               a->mmio[n].write == b->mmio[n].write && a->mmio[n].value == b->mmio[n].value;
    return same && !memcmp(toy_host(a, TOY_DATA), toy_host(b, TOY_DATA), 2 * SPAN);
}

static void describe(const void *program, struct toy *const t[], unsigned nr)
{
    const struct program *p = program;
    static const char *const names[] = {"load", "store", "move", "copy", "helper", "atomic"};
    for (unsigned n = 0; n < STEPS; n++) {
        const struct step *s = &p->steps[n];
        fprintf(stderr, "  %s %s base %u to %u d %u d2 %u off %d%s\n", names[s->kind],
                ir_op_info[s->op].name, s->base, s->to, s->d, s->d2, s->off,
                s->onto_base ? " onto its base" : "");
    }
    for (unsigned k = 0; k < nr; k++) {
        const struct toy *o = t[k];
        fprintf(stderr,
                "  %s: pc %#" PRIx64 " icount %" PRIu64 " faults %u kind %d at %#" PRIx64
                " mmio %u;",
                k ? "quick" : "interp", o->cpu.pc, o->cpu.icount, o->nr_faults, o->fault.kind,
                o->fault.va, o->nr_mmio);
        for (unsigned n = 0; n < NR_BASES; n++)
            fprintf(stderr, " %" PRIx64, o->cpu.r[bases[n]]);
        for (unsigned n = 0; n < NR_VALUES; n++)
            fprintf(stderr, " %" PRIx64, o->cpu.r[values[n]]);
        fprintf(stderr, "\n");
    }
}

Test(quick_merge, against_interpreter, .timeout = 120)
{
    static const struct twins twins = {
        4000, "QUICK_MERGE_PROGRAMS", 8, make_program, start, same, describe};
    struct toy *const t[2] = {machine("interp"), machine("quick")};
    struct program p = {.maps = t[0]->nr_maps};
    twins_run(&twins, t, 2, &p, 0x5eed);
}
