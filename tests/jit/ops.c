// SPDX-License-Identifier: GPL-3.0-or-later
// Every integer row of ir_ops.def, three ways: the interpreter, the reference function, and
// expectations that do not come from the row (values written by hand; flags by 128-bit arithmetic).
#include "jit/ir_ref.h"
#include "tests/jit/toy.h"

#include <criterion/criterion.h>
#include <string.h>

#define ALWAYS 0xffff

// One row used in one way.
struct variant {
    enum ir_op op;
    unsigned type;
    ir_val d, a, b, c;
    uint64_t imm;
    uint64_t consts[3]; // of the operands that are IR_KIND_CONST
    bool through_temps; // operands and result travel through temporaries
    bool branches;      // a conditional branch follows that may be joined with it
    unsigned condition; // of that branch
};

enum { RA = 1, RB, RC, RD, TAKEN = 9 };

static bool is_int(unsigned op)
{
    return ir_op_info[op].form <= IR_FORM_FLG3;
}

static bool has_type(unsigned op, unsigned type)
{
    return type == IR_I64 || !(ir_op_info[op].flags & IR_F_I64);
}

static ir_val operand(struct ir *ir, const struct variant *v, ir_val val, unsigned n)
{
    if (ir_kind(val) == IR_KIND_CONST)
        return ir_const(ir, v->consts[n]);
    if (!v->through_temps || val == IR_NONE)
        return val;
    ir_val t = ir_tmp(ir);
    ir_MOV(ir, IR_I64, t, val, 0);
    return t;
}

static void emit_variant(struct toy *t, struct ir *ir, uint32_t arg)
{
    const struct variant *v = t->user;
    ir_val a = operand(ir, v, v->a, 0), b = operand(ir, v, v->b, 1), c = operand(ir, v, v->c, 2);
    ir_val d = v->through_temps && v->d ? ir_tmp(ir) : v->d;
    ir_emit(ir, v->op, v->type, d, a, b, c, v->imm);
    if (v->through_temps && v->d)
        ir_MOV(ir, IR_I64, v->d, d, 0);
}

static void emit_branch(struct toy *t, struct ir *ir, uint32_t arg)
{
    const struct variant *v = t->user;
    ir_br_if(ir, IR_BR_COND, 0, IR_NONE, v->condition, ir->cur_off + 12);
}

static void emit_taken(struct toy *t, struct ir *ir, uint32_t arg)
{
    ir_MOV(ir, IR_I64, ir_r(TAKEN), ir_const(ir, arg), 0);
}

enum { OP_VARIANT = 1, OP_BRANCH, OP_TAKEN };

struct result {
    uint64_t d;
    uint32_t nzcv;
};

// Makes the next runs translate v.
static void choose(struct toy *t, struct variant *v)
{
    t->user = v;
    t->emit[OP_VARIANT] = emit_variant;
    t->emit[OP_BRANCH] = emit_branch;
    t->emit[OP_TAKEN] = emit_taken;
    // What was translated for the last variant has different words.
    uint32_t *code = toy_host(t, TOY_CODE);
    uint32_t serial = (code[0] & 0xffffff) + 1;
    code[0] = toy_word(OP_VARIANT, serial);
    code[1] = v->branches ? toy_word(OP_BRANCH, 0) : 0;
    code[2] = toy_word(OP_TAKEN, 1); // not taken
    code[3] = 0;
    code[4] = toy_word(OP_TAKEN, 2);
    code[5] = 0;
    jit_ram_written(&t->jit, TOY_CODE, 24);
}

static struct result interpret(struct toy *t, const struct variant *v, const uint64_t in[3],
                               uint32_t nzcv)
{
    struct vcpu *cpu = &t->cpu;
    for (unsigned n = 0; n < 8; n++)
        cpu->r[n] = 0xdead0000 + n;
    cpu->r[TAKEN] = 0;
    cpu->r[RA] = in[0];
    cpu->r[RB] = in[1];
    cpu->r[RC] = in[2];
    cpu->nzcv = nzcv;
    toy_run(t, TOY_CODE);
    for (unsigned n = 0; n < 8; n++) {
        uint64_t was = n >= RA && n <= RC ? in[n - RA] : 0xdead0000 + n;
        cr_assert(ir_r(n) == v->d || cpu->r[n] == was, "%s i%u wrote r%u: %#lx",
                  ir_op_info[v->op].name, v->type ? 64 : 32, n, cpu->r[n]);
    }
    return (struct result){v->d ? cpu->r[ir_num(v->d)] : 0, cpu->nzcv};
}

static struct result reference(const struct variant *v, const uint64_t in[3], uint32_t nzcv)
{
    static struct vcpu cpu;
    cpu.nzcv = nzcv;
    uint64_t d = 0;
    ir_ref_fn[v->op][v->type == IR_I64](&cpu, &d, &in[0], &in[1], &in[2], v->imm);
    return (struct result){v->d ? d : 0, cpu.nzcv};
}

static void check(struct toy *t, const struct variant *v, const uint64_t in[3], uint32_t nzcv)
{
    // What the operands really are: an absent one is zero, registers may be the same one.
    const ir_val vals[3] = {v->a, v->b, v->c};
    uint64_t actual[3], regs[3];
    memcpy(regs, in, sizeof regs);
    for (unsigned n = 0; n < 3; n++) {
        actual[n] = ir_kind(vals[n]) == IR_KIND_CONST ? v->consts[n]
                    : vals[n] == IR_NONE              ? 0
                                                      : regs[ir_num(vals[n]) - RA];
    }
    struct result want = reference(v, actual, nzcv), got = interpret(t, v, in, nzcv);
    cr_assert(want.d == got.d && want.nzcv == got.nzcv,
              "%s i%u d=%#x a=%#lx b=%#lx c=%#lx imm=%#lx nzcv=%x temps=%d: interpreter %#lx "
              "nzcv %x, reference %#lx nzcv %x",
              ir_op_info[v->op].name, v->type ? 64 : 32, v->d, actual[0], actual[1], actual[2],
              v->imm, nzcv, v->through_temps, got.d, got.nzcv, want.d, want.nzcv);
    if (!v->branches)
        return;
    uint64_t taken = v->condition >> want.nzcv & 1 ? 2 : 1;
    cr_assert(t->cpu.r[TAKEN] == taken,
              "%s i%u a=%#lx b=%#lx then condition %#x: went %lu, not %lu", ir_op_info[v->op].name,
              v->type ? 64 : 32, actual[0], actual[1], v->condition, t->cpu.r[TAKEN], taken);
}

// Edge by edge, then random; c and the flags are drawn.
static void check_operands(struct toy *t, const struct variant *v, unsigned randoms)
{
    uint64_t state = (uint64_t)v->op * 977 + v->type + 1;
    for (unsigned i = 0; i < toy_nr_edges; i++) {
        for (unsigned k = 0; k < toy_nr_edges; k++) {
            uint64_t in[3] = {toy_edges[i], toy_edges[k],
                              toy_edges[toy_random(&state) % toy_nr_edges]};
            check(t, v, in, toy_random(&state) & 15);
        }
    }
    for (unsigned n = 0; n < randoms; n++) {
        uint64_t in[3] = {toy_random(&state), toy_random(&state), toy_random(&state)};
        check(t, v, in, toy_random(&state) & 15);
    }
}

// The immediates an op is tried with; how many.
static unsigned immediates(enum ir_op op, unsigned type, uint64_t imms[8])
{
    unsigned w = type == IR_I64 ? 64 : 32, n = 0;
    switch (op) {
    case IR_UBFX:
    case IR_SBFX:
    case IR_UBFIZ:
    case IR_SBFIZ:
    case IR_BFI: // lsb | width << 8
        imms[n++] = 0 | 1 << 8;
        imms[n++] = 0 | w << 8;
        imms[n++] = (w - 1) | 1 << 8;
        imms[n++] = 5 | 11 << 8;
        imms[n++] = 1 | (w - 1) << 8;
        return n;
    case IR_EXTR:
    case IR_ADD_SHL:
    case IR_SUB_SHL:
        imms[n++] = 0;
        imms[n++] = 1;
        imms[n++] = w - 1;
        imms[n++] = w / 2;
        return n;
    case IR_ADD_SXTW:
    case IR_ADD_UXTW:
        for (; n <= 4; n++)
            imms[n] = n;
        return n;
    case IR_SEL:
    case IR_SELINC:
    case IR_SELINV:
    case IR_SELNEG:
        imms[n++] = 0xf0f0; // Z set
        imms[n++] = 0x0f0f;
        imms[n++] = 0;
        imms[n++] = ALWAYS;
        return n;
    case IR_CCMP:
    case IR_CCMN:
        imms[n++] = 0xf0f0 | 0x5 << 16;
        imms[n++] = 0x5555 | 0xa << 16;
        imms[n++] = 0 | 0xf << 16;
        imms[n++] = ALWAYS;
        return n;
    default:
        imms[n++] = 0;
        return n;
    }
}

static struct variant base_variant(enum ir_op op, unsigned type, uint64_t imm)
{
    unsigned form = ir_op_info[op].form;
    struct variant v = {.op = op, .type = type, .imm = imm, .a = ir_r(RA), .d = ir_r(RD)};
    if (form != IR_FORM_INT1)
        v.b = ir_r(RB);
    if (form == IR_FORM_INT3)
        v.c = ir_r(RC);
    if (form == IR_FORM_FLG3)
        v.d = IR_NONE;
    return v;
}

#define EACH_ROW(op, type)                                                                         \
    for (unsigned op = 0; op < IR_NR_OPS; op++)                                                    \
        for (unsigned type = IR_I32; type <= IR_I64; type++)                                       \
            if (is_int(op) && has_type(op, type))

#define EACH_IMM(op, type, imm)                                                                    \
    for (uint64_t imms_[8], nr_ = immediates(op, type, imms_), k_ = 0, imm;                        \
         k_ < nr_ && (imm = imms_[k_], true); k_++)

Test(jit_ops, registers, .timeout = 60)
{
    struct toy *t = toy_create();
    EACH_ROW(op, type)
    {
        EACH_IMM(op, type, imm)
        {
            struct variant v = base_variant(op, type, imm);
            choose(t, &v);
            check_operands(t, &v, 100);
        }
    }
    toy_destroy(t);
}

Test(jit_ops, destination_is_an_operand_or_absent, .timeout = 60)
{
    struct toy *t = toy_create();
    EACH_ROW(op, type)
    {
        EACH_IMM(op, type, imm)
        {
            struct variant v = base_variant(op, type, imm);
            const ir_val dests[] = {v.a, v.b, v.c, IR_NONE};
            for (unsigned n = 0; n < ARRAY_SIZE(dests); n++) {
                if (ir_op_info[op].form == IR_FORM_FLG3)
                    continue;
                v.d = dests[n];
                choose(t, &v);
                check_operands(t, &v, 20);
            }
        }
    }
    toy_destroy(t);
}

Test(jit_ops, one_register_for_all_operands, .timeout = 60)
{
    struct toy *t = toy_create();
    EACH_ROW(op, type)
    {
        EACH_IMM(op, type, imm)
        {
            struct variant v = base_variant(op, type, imm);
            v.b = v.b ? v.a : IR_NONE;
            v.c = v.c ? v.a : IR_NONE;
            v.d = v.d ? v.a : IR_NONE;
            choose(t, &v);
            check_operands(t, &v, 20);
        }
    }
    toy_destroy(t);
}

Test(jit_ops, through_temporaries, .timeout = 60)
{
    struct toy *t = toy_create();
    EACH_ROW(op, type)
    {
        EACH_IMM(op, type, imm)
        {
            struct variant v = base_variant(op, type, imm);
            v.through_temps = true;
            choose(t, &v);
            check_operands(t, &v, 20);
        }
    }
    toy_destroy(t);
}

// Constants in every place, with and without a destination; the operands absent altogether.
Test(jit_ops, immediates, .timeout = 60)
{
    struct toy *t = toy_create();
    uint64_t state = 5;
    EACH_ROW(op, type)
    {
        for (unsigned places = 1; places < 8; places++) {
            for (unsigned n = 0; n < toy_nr_edges; n++) {
                uint64_t imms[8];
                unsigned nr = immediates(op, type, imms);
                struct variant v = base_variant(op, type, imms[toy_random(&state) % nr]);
                for (unsigned k = 0; k < 3; k++)
                    v.consts[k] = toy_edges[(n + k * 7) % toy_nr_edges];
                v.a = places & 1 ? IR_KIND_CONST : v.a;
                v.b = places & 2 && v.b ? IR_KIND_CONST : v.b;
                v.c = places & 4 && v.c ? IR_KIND_CONST : v.c;
                v.d = n & 8 ? IR_NONE : v.d;
                choose(t, &v);
                for (unsigned k = 0; k < toy_nr_edges; k++) {
                    uint64_t in[3] = {toy_edges[k], toy_edges[(k + n) % toy_nr_edges],
                                      toy_random(&state)};
                    check(t, &v, in, toy_random(&state) & 15);
                }
            }
        }
        struct variant none = base_variant(op, type, 0);
        if (ir_op_info[op].form == IR_FORM_INT2 || ir_op_info[op].form == IR_FORM_FLG2) {
            none.a = none.b = IR_NONE;
            choose(t, &none);
            check(t, &none, (uint64_t[3]){1, 2, 3}, 0);
            check(t, &none, (uint64_t[3]){1, 2, 3}, 15);
        }
    }
    toy_destroy(t);
}

// The condition's mask by Arm's numbering, computed from the flags' meaning.
static unsigned condition_mask(unsigned cond)
{
    unsigned mask = 0;
    for (unsigned f = 0; f < 16; f++) {
        bool n = f & NZCV_N, z = f & NZCV_Z, c = f & NZCV_C, v = f & NZCV_V;
        const bool holds[8] = {z, c, n, v, c && !z, n == v, n == v && !z, true};
        bool yes = holds[cond >> 1] != (cond & 1 && cond != 15);
        mask |= (unsigned)yes << f;
    }
    return mask;
}

// A setter and the branch behind it are joined by the interpreter's compiler.
Test(jit_ops, flag_setters_before_branches, .timeout = 60)
{
    struct toy *t = toy_create();
    EACH_ROW(op, type)
    {
        if (!(ir_op_info[op].flags & IR_F_WR_NZCV))
            continue;
        for (unsigned cond = 0; cond < 16; cond++) {
            for (unsigned way = 0; way < 3; way++) {
                struct variant v = base_variant(op, type, 0x5555 | 6 << 16);
                v.branches = true;
                v.condition = condition_mask(cond);
                v.consts[1] = toy_edges[cond];
                if (way == 1)
                    v.b = IR_KIND_CONST;
                if (way == 2)
                    v.d = IR_NONE;
                choose(t, &v);
                uint64_t state = cond + 1;
                for (unsigned n = 0; n < toy_nr_edges; n++) {
                    for (unsigned k = 0; k < toy_nr_edges; k++) {
                        uint64_t in[3] = {toy_edges[n], toy_edges[k], 0};
                        check(t, &v, in, toy_random(&state) & 15);
                    }
                }
            }
        }
    }
    toy_destroy(t);
}

// Flags by the textbook ---------------------------------------------------------------------------

// AddWithCarry() in 128 bits.
static struct result add_with_carry(uint64_t x, uint64_t y, bool carry, unsigned w)
{
    uint64_t m = mask64(w);
    unsigned __int128 u = (unsigned __int128)(x & m) + (y & m) + carry;
    __int128 s = (__int128)sext64(x, w) + sext64(y, w) + carry;
    uint64_t r = (uint64_t)u & m;
    uint32_t nzcv = (r >> (w - 1) & 1 ? NZCV_N : 0) | (r ? 0 : NZCV_Z) | (u != r ? NZCV_C : 0) |
                    (s != sext64(r, w) ? NZCV_V : 0);
    return (struct result){r, nzcv};
}

static struct result logical(uint64_t r, unsigned w)
{
    r &= mask64(w);
    return (struct result){r, (r >> (w - 1) ? NZCV_N : 0) | (r ? 0 : NZCV_Z)};
}

static struct result expected_flags(enum ir_op op, unsigned w, uint64_t a, uint64_t b, uint64_t imm,
                                    uint32_t nzcv)
{
    bool c = nzcv & NZCV_C, holds = imm >> nzcv & 1;
    struct result otherwise = {0, (uint32_t)(imm >> 16)};
    switch (op) {
    case IR_ADDS:
        return add_with_carry(a, b, 0, w);
    case IR_SUBS:
        return add_with_carry(a, ~b, 1, w);
    case IR_ADCS:
        return add_with_carry(a, b, c, w);
    case IR_SBCS:
        return add_with_carry(a, ~b, c, w);
    case IR_ANDS:
        return logical(a & b, w);
    case IR_BICS:
        return logical(a & ~b, w);
    case IR_CCMP:
        return holds ? add_with_carry(a, ~b, 1, w) : otherwise;
    case IR_CCMN:
        return holds ? add_with_carry(a, b, 0, w) : otherwise;
    default:
        cr_assert_fail("no expectation for %s", ir_op_info[op].name);
        return otherwise;
    }
}

static void check_flags(enum ir_op op, unsigned type, uint64_t imm, uint64_t a, uint64_t b,
                        uint32_t nzcv)
{
    struct variant v = base_variant(op, type, imm);
    uint64_t in[3] = {a, b, 0};
    struct result got = reference(&v, in, nzcv);
    struct result want = expected_flags(op, type == IR_I64 ? 64 : 32, a, b, imm, nzcv);
    cr_assert(got.nzcv == want.nzcv && (!v.d || got.d == want.d),
              "%s i%u a=%#lx b=%#lx imm=%#lx nzcv=%x: reference %#lx nzcv %x, by 128 bits %#lx "
              "nzcv %x",
              ir_op_info[op].name, type ? 64 : 32, a, b, imm, nzcv, got.d, got.nzcv, want.d,
              want.nzcv);
}

Test(jit_ops, flags_by_128_bit_arithmetic)
{
    EACH_ROW(op, type)
    {
        if (!(ir_op_info[op].flags & IR_F_WR_NZCV))
            continue;
        EACH_IMM(op, type, imm)
        {
            uint64_t state = op;
            for (unsigned i = 0; i < toy_nr_edges * toy_nr_edges * 16; i++)
                check_flags(op, type, imm, toy_edges[i / 16 / toy_nr_edges],
                            toy_edges[i / 16 % toy_nr_edges], i & 15);
            for (unsigned i = 0; i < 2000; i++)
                check_flags(op, type, imm, toy_random(&state), toy_random(&state), i & 15);
        }
    }
}

// SEL and BR_COND under all conditions and flags.
Test(jit_ops, sixteen_conditions)
{
    static const struct {
        const char *name;
        unsigned mask; // bit n: holds for NZCV == n, written by hand
    } conds[16] = {
        {"eq", 0xf0f0}, {"ne", 0x0f0f}, {"cs", 0xcccc}, {"cc", 0x3333},
        {"mi", 0xff00}, {"pl", 0x00ff}, {"vs", 0xaaaa}, {"vc", 0x5555},
        {"hi", 0x0c0c}, {"ls", 0xf3f3}, {"ge", 0xaa55}, {"lt", 0x55aa},
        {"gt", 0x0a05}, {"le", 0xf5fa}, {"al", 0xffff}, {"nv", 0xffff},
    };
    struct toy *t = toy_create();
    for (unsigned n = 0; n < 16; n++) {
        cr_expect_eq(condition_mask(n), conds[n].mask, "%s: computed %#x", conds[n].name,
                     condition_mask(n));
        struct variant v = base_variant(IR_SEL, IR_I64, conds[n].mask);
        v.branches = true;
        v.condition = conds[n].mask;
        choose(t, &v);
        for (uint32_t nzcv = 0; nzcv < 16; nzcv++) {
            uint64_t in[3] = {111, 222, 0};
            check(t, &v, in, nzcv);
            uint64_t want = conds[n].mask >> nzcv & 1 ? 111 : 222;
            cr_expect_eq(t->cpu.r[RD], want, "sel.%s nzcv %x gave %lu", conds[n].name, nzcv,
                         t->cpu.r[RD]);
        }
    }
    toy_destroy(t);
}

// Values by hand ----------------------------------------------------------------------------------

struct vector {
    enum ir_op op;
    unsigned bits;
    uint64_t a, b, c, imm, d;
    uint32_t nzcv_in, nzcv_out;
};

// clang-format off
#define V2(op, bits, a, b, d)              { IR_##op, bits, a, b, 0, 0, d, 0, 0 },
#define V1(op, bits, a, imm, d)            { IR_##op, bits, a, 0, 0, imm, d, 0, 0 },
#define V3(op, bits, a, b, c, imm, d)      { IR_##op, bits, a, b, c, imm, d, 0, 0 },
#define VC(op, bits, a, b, imm, in, d)     { IR_##op, bits, a, b, 0, imm, d, in, in },
#define VF(op, bits, a, b, in, d, out)     { IR_##op, bits, a, b, 0, 0, d, in, out },
#define VK(op, bits, a, b, imm, in, out)   { IR_##op, bits, a, b, 0, imm, 0, in, out },
#define FIELD(lsb, width)                  ((lsb) | (width) << 8)
#define MIN64 0x8000000000000000
#define MAX64 0x7fffffffffffffff
#define ONES  0xffffffffffffffff
static const struct vector vectors[] = {
    V2(ADD, 64, 1, 2, 3)                     V2(ADD, 64, ONES, 1, 0)                V2(ADD, 32, 0xffffffff, 1, 0)
    V2(ADD, 32, 0x1ffffffff, 0, 0xffffffff)
    V2(SUB, 64, 0, 1, ONES)                  V2(SUB, 64, MIN64, 1, MAX64)           V2(SUB, 32, 0, 1, 0xffffffff)
    V2(AND, 64, 0xff00ff00ff00ff00, 0x0ff00ff00ff00ff0, 0x0f000f000f000f00)         V2(AND, 32, ONES, ONES, 0xffffffff)
    V2(OR, 64, 0xf0, 0x0f, 0xff)             V2(OR, 32, MIN64, 0, 0)
    V2(XOR, 64, ONES, 0xff, 0xffffffffffffff00)                                     V2(XOR, 32, 0xffff0000, 0x00ffff00, 0xff00ff00)
    V2(ANDN, 64, ONES, 0xff, 0xffffffffffffff00)                                    V2(ANDN, 32, 0xff, 0x0f, 0xf0)
    V2(ORN, 64, 0, 0, ONES)                  V2(ORN, 32, 0, 0, 0xffffffff)          V2(ORN, 64, 1, ONES, 1)
    V2(XORN, 64, 0, 0, ONES)                 V2(XORN, 32, 0xf0, 0x0f, 0xffffff00)
    V2(MUL, 64, ONES, ONES, 1)               V2(MUL, 64, 0x100000000, 0x100000000, 0) V2(MUL, 32, 0x10001, 0x10001, 0x20001)
    V2(SHL, 64, 1, 63, MIN64)                V2(SHL, 64, 1, 64, 1)                  V2(SHL, 32, 1, 31, 0x80000000)
    V2(SHL, 32, 3, 33, 6)
    V2(SHR, 64, MIN64, 63, 1)                V2(SHR, 64, 5, 64, 5)                  V2(SHR, 32, 0xff80000000, 31, 1)
    V2(SAR, 64, MIN64, 63, ONES)             V2(SAR, 64, MAX64, 62, 1)              V2(SAR, 32, 0x80000000, 31, 0xffffffff)
    V2(SAR, 32, 0x80000000, 32, 0x80000000)
    V2(ROR, 64, 1, 1, MIN64)                 V2(ROR, 64, 0x1234, 64, 0x1234)        V2(ROR, 32, 1, 4, 0x10000000)
    V2(ROR, 32, 0x12345678, 0, 0x12345678)
    V2(UDIV, 64, ONES, 2, MAX64)             V2(UDIV, 64, 7, 0, 0)                  V2(UDIV, 32, 0xffffffff, 16, 0x0fffffff)
    V2(UDIV, 32, 5, 0x100000000, 0)
    V2(SDIV, 64, MIN64, ONES, MIN64)         V2(SDIV, 64, -UINT64_C(7), 2, -UINT64_C(3)) V2(SDIV, 64, 7, 0, 0)
    V2(SDIV, 32, 0x80000000, 0xffffffff, 0x80000000)                                V2(SDIV, 32, 0xfffffff9, 2, 0xfffffffd)
    V2(UMULH, 64, ONES, ONES, 0xfffffffffffffffe)                                   V2(UMULH, 64, MIN64, 2, 1)
    V2(SMULH, 64, ONES, ONES, 0)             V2(SMULH, 64, MIN64, MIN64, 0x4000000000000000) V2(SMULH, 64, ONES, 1, ONES)
    V2(SMULL, 64, 0xffffffff, 0xffffffff, 1) V2(SMULL, 64, 0x80000000, 2, 0xffffffff00000000)
    V2(UMULL, 64, ONES, ONES, 0xfffffffe00000001)                                   V2(UMULL, 64, 0x80000000, 2, 0x100000000)
    VC(ADC, 64, ONES, 0, 0, NZCV_C, 0)       VC(ADC, 64, 1, 2, 0, 0, 3)             VC(ADC, 32, 0xffffffff, 1, 0, NZCV_C, 1)
    VC(SBC, 64, 5, 3, 0, NZCV_C, 2)          VC(SBC, 64, 5, 3, 0, 0, 1)             VC(SBC, 32, 0, 0, 0, 0, 0xffffffff)

    V1(MOV, 64, ONES, 0, ONES)               V1(MOV, 32, ONES, 0, 0xffffffff)
    V1(CLZ, 64, 0, 0, 64)                    V1(CLZ, 64, 1, 0, 63)                  V1(CLZ, 32, 0, 0, 32)
    V1(CLZ, 32, 0xff00000001, 0, 31)
    V1(CLS, 64, 0, 0, 63)                    V1(CLS, 64, ONES, 0, 63)               V1(CLS, 64, MAX64, 0, 0)
    V1(CLS, 32, 0, 0, 31)                    V1(CLS, 32, 0xc0000000, 0, 1)          V1(CLS, 32, 0xffffffff, 0, 31)
    V1(RBIT, 64, 1, 0, MIN64)                V1(RBIT, 32, 1, 0, 0x80000000)         V1(RBIT, 64, 0x0123456789abcdef, 0, 0xf7b3d591e6a2c480)
    V1(REV, 64, 0x0102030405060708, 0, 0x0807060504030201)                          V1(REV, 32, 0x01020304, 0, 0x04030201)
    V1(REV16, 64, 0x0102030405060708, 0, 0x0201040306050807)                        V1(REV16, 32, 0x01020304, 0, 0x02010403)
    V1(REV32, 64, 0x0102030405060708, 0, 0x0403020108070605)                        V1(REV32, 64, 0xff, 0, 0xff000000)
    V1(SEXT8, 64, 0x80, 0, 0xffffffffffffff80)                                      V1(SEXT8, 32, 0x180, 0, 0xffffff80)
    V1(SEXT8, 64, 0x17f, 0, 0x7f)
    V1(SEXT16, 64, 0x8000, 0, 0xffffffffffff8000)                                   V1(SEXT16, 32, 0x8000, 0, 0xffff8000)
    V1(SEXT32, 64, 0x80000000, 0, 0xffffffff80000000)                               V1(SEXT32, 64, 0x17fffffff, 0, 0x7fffffff)
    V1(UBFX, 64, ONES, FIELD(60, 4), 15)     V1(UBFX, 64, ONES, FIELD(0, 64), ONES) V1(UBFX, 32, 0x12345678, FIELD(8, 8), 0x56)
    V1(UBFX, 32, ONES, FIELD(0, 32), 0xffffffff)
    V1(SBFX, 64, 0xf0, FIELD(4, 4), ONES)    V1(SBFX, 64, 0x70, FIELD(4, 4), 7)     V1(SBFX, 32, 0x80000000, FIELD(31, 1), 0xffffffff)
    V1(UBFIZ, 64, ONES, FIELD(60, 4), 0xf000000000000000)                           V1(UBFIZ, 32, 0x1ff, FIELD(24, 8), 0xff000000)
    V1(SBFIZ, 64, 0xf, FIELD(4, 4), 0xfffffffffffffff0)                             V1(SBFIZ, 64, 7, FIELD(4, 4), 0x70)
    V1(SBFIZ, 32, 8, FIELD(28, 4), 0x80000000)
    V3(BFI, 64, ONES, 0, 0, FIELD(8, 8), 0xffffffffffff00ff)                        V3(BFI, 64, 0, ONES, 0, FIELD(60, 4), 0xf000000000000000)
    V3(BFI, 32, 0x11111111, 0xff, 0, FIELD(28, 4), 0xf1111111)                      V3(BFI, 64, 1, 2, 0, FIELD(0, 64), 2)
    V3(EXTR, 64, 1, 2, 0, 0, 2)              V3(EXTR, 64, 1, 0, 0, 1, MIN64)        V3(EXTR, 32, 0x1, 0x80000000, 0, 31, 3)
    V3(EXTR, 32, 0xab, 0xcd000000, 0, 24, 0x0000abcd)
    V3(ADD_SHL, 64, 1, 1, 0, 63, 0x8000000000000001)                                V3(ADD_SHL, 32, 0, 1, 0, 31, 0x80000000)
    V3(SUB_SHL, 64, 0, 1, 0, 2, -UINT64_C(4)) V3(SUB_SHL, 32, 0, 1, 0, 2, 0xfffffffc)
    V3(ADD_SXTW, 64, 16, 0xffffffff, 0, 3, 8) V3(ADD_SXTW, 64, 0, 0x17fffffff, 0, 1, 0xfffffffe)
    V3(ADD_UXTW, 64, 16, 0xffffffff, 0, 3, 0x800000008)                             V3(ADD_UXTW, 64, 1, 0x5000000002, 0, 0, 3)
    V3(MADD, 64, 3, 4, 5, 0, 17)             V3(MADD, 64, ONES, ONES, ONES, 0, 0)   V3(MADD, 32, 0x10000, 0x10000, 7, 0, 7)
    V3(MSUB, 64, 3, 4, 5, 0, -UINT64_C(7))   V3(MSUB, 32, 3, 4, 5, 0, 0xfffffff9)
    V3(SMADDL, 64, 0xffffffff, 5, 10, 0, 5)  V3(SMADDL, 64, 0x80000000, 0x80000000, 0, 0, 0x4000000000000000)
    V3(SMSUBL, 64, 0xffffffff, 5, 10, 0, 15) V3(SMSUBL, 64, 2, 3, 0, 0, -UINT64_C(6))
    V3(UMADDL, 64, 0xffffffff, 2, 2, 0, 0x200000000)                                V3(UMADDL, 64, 0x5000000003, 3, 1, 0, 10)
    V3(UMSUBL, 64, 0xffffffff, 1, 0, 0, 0xffffffff00000001)                         V3(UMSUBL, 64, 2, 3, 10, 0, 4)
    VC(SEL, 64, 1, 2, 0xf0f0, NZCV_Z, 1)     VC(SEL, 64, 1, 2, 0xf0f0, 0, 2)        VC(SEL, 32, ONES, 0, 0xff00, NZCV_N, 0xffffffff)
    VC(SELINC, 64, 1, ONES, 0xf0f0, 0, 0)    VC(SELINC, 64, 1, 7, 0xf0f0, 4, 1)     VC(SELINC, 32, 1, 0xffffffff, 0, 0, 0)
    VC(SELINV, 64, 1, 0, 0xf0f0, 0, ONES)    VC(SELINV, 32, 1, 0, 0xf0f0, 0, 0xffffffff) VC(SELINV, 64, 9, 0, 0x8000, 15, 9)
    VC(SELNEG, 64, 1, 5, 0xf0f0, 0, -UINT64_C(5)) VC(SELNEG, 32, 1, 1, 0, 3, 0xffffffff) VC(SELNEG, 64, 4, 5, 2, 1, 4)

    VF(ADDS, 64, ONES, 1, 0, 0, NZCV_Z | NZCV_C)         VF(ADDS, 64, MAX64, 1, 0, MIN64, NZCV_N | NZCV_V)
    VF(ADDS, 64, MIN64, MIN64, 0, 0, 7)                  VF(ADDS, 32, 0x7fffffff, 1, 15, 0x80000000, 9)
    VF(SUBS, 64, 0, 0, 0, 0, NZCV_Z | NZCV_C)            VF(SUBS, 64, 0, 1, 0, ONES, NZCV_N)
    VF(SUBS, 64, MIN64, 1, 0, MAX64, NZCV_C | NZCV_V)    VF(SUBS, 32, 0x80000000, 1, 0, 0x7fffffff, 3)
    VF(ANDS, 64, MIN64, ONES, 15, MIN64, NZCV_N)         VF(ANDS, 32, MIN64, ONES, 15, 0, NZCV_Z)
    VF(BICS, 64, ONES, ONES, 3, 0, NZCV_Z)               VF(BICS, 32, 0x80000001, 1, 3, 0x80000000, NZCV_N)
    VF(ADCS, 64, ONES, 0, NZCV_C, 0, NZCV_Z | NZCV_C)    VF(ADCS, 64, ONES, ONES, NZCV_C, ONES, NZCV_N | NZCV_C)
    VF(ADCS, 32, 0x7fffffff, 0, NZCV_C, 0x80000000, 9)
    VF(SBCS, 64, 0, 0, 0, ONES, NZCV_N)                  VF(SBCS, 64, 0, 0, NZCV_C, 0, NZCV_Z | NZCV_C)
    VF(SBCS, 64, MIN64, 0, 0, MAX64, 3)                  VF(SBCS, 32, 5, ONES, 0, 5, 0)
    VK(CCMP, 64, 1, 1, 0xf0f0 | 9 << 16, NZCV_Z, 6)      VK(CCMP, 64, 1, 1, 0xf0f0 | 9 << 16, 0, 9)
    VK(CCMP, 32, 0, 1, 0xffff, 0, NZCV_N)
    VK(CCMN, 64, 1, ONES, 0xffff, 0, 6)                  VK(CCMN, 64, 1, 1, 0 | 3 << 16, 15, 3)
    VK(CCMN, 32, 0x7fffffff, 1, 0xffff, 0, 9)
};
// clang-format on

Test(jit_ops, values_by_hand)
{
    struct toy *t = toy_create();
    unsigned count[IR_NR_OPS][2] = {0};
    for (unsigned n = 0; n < ARRAY_SIZE(vectors); n++) {
        const struct vector *x = &vectors[n];
        unsigned type = x->bits == 64 ? IR_I64 : IR_I32;
        struct variant v = base_variant(x->op, type, x->imm);
        uint64_t in[3] = {x->a, x->b, x->c};
        count[x->op][type]++;
        choose(t, &v);
        struct result got = interpret(t, &v, in, x->nzcv_in), ref = reference(&v, in, x->nzcv_in);
        cr_expect(
            got.d == x->d && got.nzcv == x->nzcv_out && ref.d == x->d && ref.nzcv == x->nzcv_out,
            "%s i%u a=%#lx b=%#lx c=%#lx imm=%#lx nzcv=%x: interpreter %#lx nzcv %x, reference "
            "%#lx nzcv %x, by hand %#lx nzcv %x",
            ir_op_info[x->op].name, x->bits, x->a, x->b, x->c, x->imm, x->nzcv_in, got.d, got.nzcv,
            ref.d, ref.nzcv, x->d, x->nzcv_out);
    }
    EACH_ROW(op, type)
    cr_expect(count[op][type], "%s i%u has no values by hand", ir_op_info[op].name, type ? 64 : 32);
    toy_destroy(t);
}

// Rows that take part in no arithmetic: NZCV, addresses relative to the page, branches on values.

static void emit_misc(struct toy *t, struct ir *ir, uint32_t arg)
{
    switch (arg) {
    case 0:
        ir_emit(ir, IR_SET_NZCV, 0, IR_NONE, ir_r(RA), IR_NONE, IR_NONE, 0);
        break;
    case 1:
        ir_emit(ir, IR_GET_NZCV, 0, ir_r(RD), IR_NONE, IR_NONE, IR_NONE, 0);
        break;
    case 2:
        ir_pcrel(ir, ir_r(RD), -8);
        break;
    case 3:
        ir_emit(ir, IR_PCREL_PAGE, IR_I64, ir_r(RD), IR_NONE, IR_NONE, IR_NONE, 3 * PAGE_SIZE);
        break;
    case 4:
        ir_emit(ir, IR_FENCE, 0, IR_NONE, IR_NONE, IR_NONE, IR_NONE, 0);
        break;
    case 5:
        ir_emit(ir, IR_SET_NZCV, 0, IR_NONE, ir_const(ir, 0x90000000), IR_NONE, IR_NONE, 0);
        break;
    }
}

Test(jit_ops, flags_word_and_page_relative)
{
    struct toy *t = toy_create();
    t->emit[1] = emit_misc;
    for (unsigned n = 0; n < 6; n++)
        TOY_CODE_AT(t, TOY_CODE + 16 * n + 0x100, toy_word(1, n), 0);
    for (uint32_t f = 0; f < 16; f++) {
        t->cpu.r[RA] = (uint64_t)f << 28 | 0xffffffff0fffffff;
        t->cpu.nzcv = ~f & 15;
        toy_run(t, TOY_CODE + 0x100);
        cr_expect_eq(t->cpu.nzcv, f, "SET_NZCV %x gave %x", f, t->cpu.nzcv);
        toy_run(t, TOY_CODE + 0x110);
        cr_expect_eq(t->cpu.r[RD], (uint64_t)f << 28, "GET_NZCV %x gave %#lx", f, t->cpu.r[RD]);
    }
    toy_run(t, TOY_CODE + 0x120);
    cr_expect_eq(t->cpu.r[RD], TOY_CODE - 8, "PCREL gave %#lx", t->cpu.r[RD]);
    toy_run(t, TOY_CODE + 0x130);
    cr_expect_eq(t->cpu.r[RD], TOY_CODE + 3 * PAGE_SIZE, "PCREL_PAGE gave %#lx", t->cpu.r[RD]);
    cr_expect_eq(toy_run(t, TOY_CODE + 0x140), 2, "FENCE");
    toy_run(t, TOY_CODE + 0x150);
    cr_expect_eq(t->cpu.nzcv, 9, "SET_NZCV of a constant gave %x", t->cpu.nzcv);
    toy_destroy(t);
}

struct value_branch {
    enum ir_op op;
    unsigned type, bit;
    uint64_t value;
    bool taken;
};

static void emit_value_branch(struct toy *t, struct ir *ir, uint32_t arg)
{
    const struct value_branch *b = &((const struct value_branch *)t->user)[arg];
    ir_br_if(ir, b->op, b->type, ir_r(RA), b->bit, ir->cur_off + 12);
}

Test(jit_ops, branches_on_values)
{
    static const struct value_branch branches[] = {
        {IR_BR_Z, IR_I64, 0, 0, true},
        {IR_BR_Z, IR_I64, 0, 0x100000000, false},
        {IR_BR_Z, IR_I32, 0, 0x100000000, true},
        {IR_BR_Z, IR_I32, 0, 1, false},
        {IR_BR_NZ, IR_I64, 0, 0, false},
        {IR_BR_NZ, IR_I64, 0, 0x100000000, true},
        {IR_BR_NZ, IR_I32, 0, MIN64, false},
        {IR_BR_NZ, IR_I32, 0, 0x80000000, true},
        {IR_BR_BIT0, IR_I64, 0, 1, false},
        {IR_BR_BIT0, IR_I64, 0, ~UINT64_C(1), true},
        {IR_BR_BIT0, IR_I64, 63, MAX64, true},
        {IR_BR_BIT0, IR_I64, 63, MIN64, false},
        {IR_BR_BIT1, IR_I64, 0, 1, true},
        {IR_BR_BIT1, IR_I64, 63, MIN64, true},
        {IR_BR_BIT1, IR_I64, 32, 0xffffffff, false},
        {IR_BR_BIT1, IR_I64, 32, 0x100000000, true},
    };
    struct toy *t = toy_create();
    t->user = (void *)branches;
    t->emit[1] = emit_value_branch;
    t->emit[OP_TAKEN] = emit_taken;
    for (unsigned n = 0; n < ARRAY_SIZE(branches); n++) {
        const struct value_branch *b = &branches[n];
        gpa_t pc = TOY_CODE + 32 * n;
        TOY_CODE_AT(t, pc, toy_word(1, n), toy_word(OP_TAKEN, 1), 0, toy_word(OP_TAKEN, 2), 0);
        for (unsigned round = 0; round < 3; round++) { // not chained, then chained
            t->cpu.r[RA] = b->value;
            uint64_t count = toy_run(t, pc);
            cr_expect_eq(t->cpu.r[TAKEN], b->taken ? 2 : 1,
                         "%s i%u bit %u of %#lx, round %u: went %lu", ir_op_info[b->op].name,
                         b->type ? 64 : 32, b->bit, b->value, round, t->cpu.r[TAKEN]);
            cr_expect_eq(count, 3, "%lu instructions counted", count);
        }
    }
    toy_destroy(t);
}
