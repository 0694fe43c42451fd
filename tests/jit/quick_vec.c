// SPDX-License-Identifier: GPL-3.0-or-later
// Every vector operation through the quick engine against its function: each type, operands in
// their own registers and in shared ones, temporaries, constants, general registers in and out of
// host registers; edge values and random ones; FPSR and NZCV with the result. What has no lowering
// calls the function, so that this also tests calls.
#include "jit/fp_host.h"
#include "jit/ir_vec.h"
#include "tests/jit/toy.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { OP_VARIANT = 1, OP_STEP };
enum { MODE_FPCR = 1 }; // the toy's mode says as much as A64's

// How the operands of a variant lie.
enum form {
    APART,
    D_IS_A,
    D_IS_B,
    D_IS_C,
    ALL_ONE,
    A_IS_B,
    TEMPORARIES,
    CONSTANTS,
    WORDS,
    ABSENT,
    NR_FORMS
};

struct variant {
    unsigned vop, type, form;
    ir_val d, a, b, c;
    uint64_t imm, consts[3];
};

enum { VD = 1, VA = 2, VB = 3, VC = 31 };
enum { R_HOT = 3, R_HOT2 = 1, R_COLD = 40, R_D = 41 };

static bool fpcr_is_zero(uint64_t mode)
{
    return !(mode & MODE_FPCR);
}

static bool d_is_word(const struct variant *v)
{
    return ir_vop_info[v->vop].kind == IRV_KIND_TOWORD;
}

static bool a_is_word(const struct variant *v)
{
    return ir_vop_info[v->vop].kind == IRV_KIND_WORD;
}

static bool scalar(const struct variant *v)
{
    return (v->type & ~3u) == IR_SCALAR;
}

// Does the operand exist for this form at all?
static bool arrange(struct variant *v)
{
    bool narrowing = ir_vop_info[v->vop].kind == IRV_KIND_NARROW;
    v->d = d_is_word(v) ? ir_r(R_D) : ir_v(VD);
    v->a = a_is_word(v) ? ir_r(R_COLD) : ir_v(VA);
    v->b = ir_v(VB);
    v->c = ir_v(VC);
    switch (v->form) {
    case D_IS_A:
        if (d_is_word(v) != a_is_word(v))
            return false;
        v->d = v->a;
        return true;
    case D_IS_B:
        v->d = v->b;
        return !d_is_word(v);
    case D_IS_C:
        v->d = v->c;
        return !d_is_word(v);
    case ALL_ONE:
        v->d = v->a = v->b = v->c;
        return !d_is_word(v) && !a_is_word(v);
    case A_IS_B:
        v->a = v->b;
        return !a_is_word(v);
    case CONSTANTS: // scalars and words
        if (a_is_word(v))
            v->a = IR_KIND_CONST;
        else if (!scalar(v))
            return false;
        else
            v->a = v->b = v->c = IR_KIND_CONST;
        return true;
    case WORDS:
        if (d_is_word(v))
            v->d = ir_r(R_HOT);
        if (a_is_word(v))
            v->a = ir_r(R_HOT);
        else if (scalar(v) && !narrowing)
            v->a = ir_r(R_HOT), v->b = ir_r(R_COLD), v->c = ir_r(R_HOT2);
        return d_is_word(v) || a_is_word(v) || (scalar(v) && !narrowing);
    case ABSENT:
        v->b = v->c = IR_NONE;
        if (!a_is_word(v))
            v->d = IR_NONE;
        return true;
    default:
        return true;
    }
}

static ir_val operand(struct ir *ir, const struct variant *v, ir_val val, unsigned n)
{
    if (val == IR_KIND_CONST)
        return ir_const(ir, v->consts[n]);
    if (v->form != TEMPORARIES)
        return val;
    ir_val t = ir_tmp(ir);
    if (ir_is_v(val))
        ir_vec(ir, IRV_MOV, IR_FULL | IR_LANE64, t, val, IR_NONE, IR_NONE, 0);
    else
        ir_MOV(ir, IR_I64, t, val, 0);
    return t;
}

static void emit(struct ir *ir, const struct variant *v)
{
    unsigned wants = ir_vop_info[v->vop].operands;
    ir_val a = wants & IRV_A || a_is_word(v) ? operand(ir, v, v->a, 0) : IR_NONE;
    ir_val b = wants & IRV_B ? operand(ir, v, v->b, 1) : IR_NONE;
    ir_val c = wants & IRV_C ? operand(ir, v, v->c, 2) : IR_NONE;
    bool has_d = ir_vop_info[v->vop].kind != IRV_KIND_FLAGS;
    ir_val d = !has_d ? IR_NONE : v->form == TEMPORARIES ? ir_tmp(ir) : v->d;
    ir_vec(ir, v->vop, v->type, d, a, b, c, v->imm);
    if (v->form == TEMPORARIES && has_d && d_is_word(v))
        ir_MOV(ir, IR_I64, v->d, d, 0);
    else if (v->form == TEMPORARIES && has_d)
        ir_vec(ir, IRV_MOV, IR_FULL | IR_LANE64, v->d, d, IR_NONE, IR_NONE, 0);
}

static void emit_variant(struct toy *t, struct ir *ir, uint32_t arg)
{
    emit(ir, t->user);
}

// Makes the next run translate v.
static void choose(struct toy *t, struct variant *v)
{
    uint32_t *code = toy_host(t, TOY_CODE);
    t->user = v;
    t->emit[OP_VARIANT] = emit_variant;
    code[0] = toy_word(OP_VARIANT, ((code[0] & 0xffffff) + 1) & 0xffffff);
    code[1] = 0;
    jit_ram_written(&t->jit, TOY_CODE, 8);
}

// Values ------------------------------------------------------------------------------------------

// clang-format off
static const uint64_t special64[] = {
    0x0000000000000000, 0x0000000000000001, 0x000fffffffffffff, 0x0010000000000000, 0x0010000000000001, 0x001fffffffffffff,
    0x3ca0000000000000, 0x3fe0000000000000, 0x3fefffffffffffff, 0x3ff0000000000000, 0x3ff0000000000001, 0x3ff8000000000000,
    0x4000000000000000, 0x41dfffffffc00000, 0x41dfffffffe00000, 0x41e0000000000000, 0x41efffffffe00000, 0x43dfffffffffffff,
    0x43e0000000000000, 0x43f0000000000000, 0x5fe5555555555555, 0x7fefffffffffffff, 0x7ff0000000000000, 0x7ff0000000001234,
    0x7ff8000000004321, 0x1ff5555555555555, 0x0360000000000000, 0x380fffffffffffff, 0x3810000000000000, 0x47efffffffffffff,
};
static const uint32_t special32[] = {
    0x00000000, 0x00000001, 0x007fffff, 0x00800000, 0x00800001, 0x00ffffff, 0x33000000, 0x3f000000, 0x3f7fffff, 0x3f800000,
    0x3f800001, 0x3fc00000, 0x40000000, 0x4effffff, 0x4f000000, 0x4f7fffff, 0x4f800000, 0x5effffff, 0x5f000000, 0x5f800000,
    0x5f2aaaaa, 0x7f7fffff, 0x7f800000, 0x7f801234, 0x7fc04321, 0x1f2aaaaa, 0x0b800000,
};
static const uint16_t special16[] = {
    0x0000, 0x0001, 0x03ff, 0x0400, 0x0401, 0x3bff, 0x3c00, 0x3c01, 0x3e00, 0x4000, 0x7bff, 0x7c00, 0x7c12, 0x7e43,
};
// clang-format on

static uint64_t fp_lane(unsigned bits, uint64_t *random)
{
    uint64_t x = toy_random(random), n = x >> 32, sign = (x & 1) << (bits - 1);
    if (!(x >> 8 & 3)) // of middling size, so that sums cancel and round
        return sign ^ (bits == 64   ? (x >> 12 & 0x3fffffffffffff) + 0x3fe0000000000000
                       : bits == 32 ? (x >> 40 & 0x1ffffff) + 0x3f000000
                                    : (x >> 40 & 0xfff) + 0x3800);
    return sign ^ (bits == 64   ? special64[n % ARRAY_SIZE(special64)]
                   : bits == 32 ? special32[n % ARRAY_SIZE(special32)]
                                : special16[n % ARRAY_SIZE(special16)]);
}

static uint64_t int_lane(unsigned bits, uint64_t *random)
{
    uint64_t x = toy_random(random), edge;
    switch (x >> 60) {
    case 0:
    case 1:
        edge = 0;
        break;
    case 2:
    case 3:
        edge = BIT(bits - 1);
        break;
    case 4:
        edge = BIT(bits - 1) - 1;
        break;
    case 5:
        edge = UINT64_MAX;
        break;
    case 6:
        edge = 1;
        break;
    case 7:
        edge = toy_edges[(x >> 32) % toy_nr_edges];
        break;
    case 8:
        edge = x >> 8 & 0x1f;
        break;
    default:
        edge = x;
        break;
    }
    return edge & mask64(bits);
}

static union vec vector(const struct variant *v, uint64_t *random)
{
    unsigned bits = 8u << (v->type & 3), kind = ir_vop_info[v->vop].kind;
    bool fp = !(ir_vop_info[v->vop].flags & IR_F_FP) ? toy_random(random) & 1
                                                     : (toy_random(random) & 15) != 0;
    union vec r = {.u64 = {0, 0}};
    if (kind == IRV_KIND_NARROW && toy_random(random) & 7 && bits < 64)
        bits *= 2;
    if (bits == 8)
        fp = false;
    for (unsigned n = 0; n < 128; n += bits)
        r.u64[n / 64] |= (fp ? fp_lane(bits, random) : int_lane(bits, random)) << n % 64;
    return r;
}

// Immediates that an operation may have.
static uint64_t immediate(const struct variant *v, uint64_t *random)
{
    unsigned bits = 8u << (v->type & 3), bytes = (v->type & ~3u) == IR_FULL ? 16 : 8,
             lanes = bytes * 8 / bits;
    uint64_t x = toy_random(random) >> 8;
    uint64_t part = scalar(v) && (ir_vop_info[v->vop].kind == IRV_KIND_LONG ||
                                  ir_vop_info[v->vop].kind == IRV_KIND_NARROW)
                        ? 0
                        : x >> 32 & 1;
    switch (v->vop) {
    case IRV_IMM:
        return x & 1 ? x >> 3 : x & 2 ? 0 : 0x3ff0000000000000;
    case IRV_DUP:
    case IRV_LANE_U:
    case IRV_LANE_S32:
    case IRV_LANE_S64:
        return x % (128 / bits);
    case IRV_INS:
        return x % lanes | (x >> 8) % lanes << 8;
    case IRV_INSW:
        return x % lanes;
    case IRV_REV: { // groups of 16, 32, 64 bits
        unsigned n = 2u << x % 3;
        while (n * bits > 64)
            n /= 2;
        return n - 1;
    }
    case IRV_EXT:
        return x % bytes;
    case IRV_UZP3:
    case IRV_ZIP3:
        return x % 3;
    case IRV_TBX:
        return 16 * (x % 4);
    case IRV_XAR:
        return x & 63;
    case IRV_SHLI:
    case IRV_SLII:
    case IRV_SQSHLI:
    case IRV_UQSHLI:
    case IRV_SQSHLUI:
        return x % bits;
    case IRV_SSHLLI:
    case IRV_USHLLI:
        return x % bits | part << 8;
    case IRV_SSHRI:
    case IRV_USHRI:
    case IRV_SRSHRI:
    case IRV_URSHRI:
    case IRV_SSRAI:
    case IRV_USRAI:
    case IRV_SRSRAI:
    case IRV_URSRAI:
    case IRV_SRII:
        return x & 0x3000 ? x % bits + 1 : bits;
    case IRV_SHRNI:
    case IRV_RSHRNI:
    case IRV_SQSHRNI:
    case IRV_UQSHRNI:
    case IRV_SQSHRUNI:
    case IRV_SQRSHRNI:
    case IRV_UQRSHRNI:
    case IRV_SQRSHRUNI:
        return (x % bits + 1) | part << 8;
    case IRV_FRINT: {
        unsigned r = x % 6;
        return (r == 5 ? IRV_ROUND_FPCR : r) | (x >> 8 & 8);
    }
    case IRV_FRINTB:
        return (x & 1 ? FP_ZERO : IRV_ROUND_FPCR) | part << 8;
    case IRV_FTOI:
    case IRV_FTOIW: {
        unsigned r = x % 8;
        r = r > 5 ? FP_ZERO : r == 5 ? IRV_ROUND_FPCR : r;
        return irv_convert(x & 0x700 ? 0 : (x >> 16) % 16 + 1, part, r, x >> 33 & 1);
    }
    case IRV_ITOF:
    case IRV_ITOFW:
        return irv_convert(x & 0x700 ? 0 : (x >> 16) % 16 + 1, part, 0, x >> 33 & 1);
    case IRV_FCADD:
        return x & 1;
    case IRV_FCMLA:
        return x & 3;
    case IRV_FCMP:
        return x & 1;
    case IRV_FCCMP:
        return (x & 1   ? 0xf0f0
                : x & 2 ? 0xaa55
                : x & 4 ? 0x0c0c
                        : 0xffff) |
               (x >> 8 & 15) << 16 | (x >> 16 & 1) << 20;
    case IRV_FCSEL: {
        static const uint16_t conditions[] = {0xf0f0, 0x0f0f, 0xcccc, 0x3333, 0xff00,
                                              0x00ff, 0xaaaa, 0x5555, 0x0c0c, 0xf3f3,
                                              0xaa55, 0x55aa, 0x0a05, 0xf5fa, 0xffff};
        return conditions[x % ARRAY_SIZE(conditions)];
    }
    }
    switch (ir_vop_info[v->vop].kind) {
    case IRV_KIND_LONG:
    case IRV_KIND_NARROW:
        return part << 8;
    }
    return 0;
}

// Running -----------------------------------------------------------------------------------------

struct start {
    union vec v[4];   // of VD, VA, VB, VC
    uint64_t word[4]; // of R_HOT, R_HOT2, R_COLD, R_D
    uint32_t nzcv, fpcr;
};

static const unsigned regs_v[4] = {VD, VA, VB, VC}, regs_r[4] = {R_HOT, R_HOT2, R_COLD, R_D};

static void put(struct vcpu *cpu, const struct start *s)
{
    for (unsigned n = 0; n < 4; n++) {
        cpu->v[regs_v[n]] = s->v[n];
        cpu->r[regs_r[n]] = s->word[n];
    }
    cpu->nzcv = s->nzcv;
    fp_host_set_fpcr(&cpu->fp, s->fpcr);
    cpu->fp.fpsr = 0;
}

static void *slot(struct vcpu *cpu, ir_val v)
{
    return v == IR_NONE ? (void *)&cpu->sink
           : ir_is_v(v) ? (void *)&cpu->v[ir_num(v)]
                        : (void *)&cpu->r[ir_num(v)];
}

static void reference(struct vcpu *cpu, const struct variant *v)
{
    union vec in[3];
    const ir_val operands[3] = {v->a, v->b, v->c};
    memset(in, 0, sizeof in);
    for (unsigned n = 0; n < 3; n++)
        if (operands[n] == IR_KIND_CONST)
            in[n].u64[0] = v->consts[n];
        else if (operands[n] != IR_NONE)
            memcpy(&in[n], slot(cpu, operands[n]), ir_is_v(operands[n]) ? 16 : 8);
    ir_vec_fn[v->vop][v->type](cpu, slot(cpu, v->d), &in[0], &in[1], &in[2], v->imm);
}

static void describe(const struct variant *v, const struct start *s, const struct vcpu *want,
                     const struct vcpu *got)
{
    fprintf(stderr, "%s type %u form %u imm %#" PRIx64 " fpcr %x nzcv %x\n",
            ir_vop_info[v->vop].name, v->type, v->form, v->imm, s->fpcr, s->nzcv);
    for (unsigned n = 0; n < 4; n++)
        fprintf(stderr,
                "  v%-2u %016" PRIx64 ":%016" PRIx64 "  want %016" PRIx64 ":%016" PRIx64
                "  got %016" PRIx64 ":%016" PRIx64 "\n  r%-2u %016" PRIx64 "  want %016" PRIx64
                "  got %016" PRIx64 "\n",
                regs_v[n], s->v[n].u64[1], s->v[n].u64[0], want->v[regs_v[n]].u64[1],
                want->v[regs_v[n]].u64[0], got->v[regs_v[n]].u64[1], got->v[regs_v[n]].u64[0],
                regs_r[n], s->word[n], want->r[regs_r[n]], got->r[regs_r[n]]);
    fprintf(stderr,
            "  consts %" PRIx64 " %" PRIx64 " %" PRIx64
            "; fpsr want %x got %x; nzcv want %x got %x\n",
            v->consts[0], v->consts[1], v->consts[2], want->fp.fpsr, got->fp.fpsr, want->nzcv,
            got->nzcv);
}

static bool same(const struct vcpu *want, const struct vcpu *got)
{
    for (unsigned n = 0; n < 4; n++)
        if (memcmp(&want->v[regs_v[n]], &got->v[regs_v[n]], 16) ||
            want->r[regs_r[n]] != got->r[regs_r[n]])
            return false;
    return want->fp.fpsr == got->fp.fpsr && want->nzcv == got->nzcv;
}

static struct start make_start(const struct variant *v, uint64_t *random, uint32_t fpcr)
{
    struct start s = {.nzcv = toy_random(random) >> 32 & 15, .fpcr = fpcr};
    for (unsigned n = 0; n < 4; n++) {
        s.v[n] = vector(v, random);
        s.word[n] = vector(v, random).u64[0];
    }
    return s;
}

static bool check(struct toy *t, struct variant *v, uint64_t *random, unsigned runs,
                  const uint32_t *fpcrs, unsigned nr_fpcrs)
{
    static struct vcpu want;
    choose(t, v);
    for (unsigned n = 0; n < runs; n++) {
        struct start s = make_start(v, random, fpcrs[n % nr_fpcrs]);
        t->cpu.mode = s.fpcr ? MODE_FPCR : 0;
        put(&want, &s);
        put(&t->cpu, &s);
        reference(&want, v);
        toy_run(t, TOY_CODE);
        fp_host_sync(&t->cpu.fp);
        if (!same(&want, &t->cpu)) {
            describe(v, &s, &want, &t->cpu);
            return false;
        }
    }
    return true;
}

static unsigned check_op(struct toy *t, unsigned vop, uint64_t *random, const uint32_t *fpcrs,
                         unsigned nr_fpcrs, bool fp_only)
{
    unsigned bad = 0;
    bool fp = ir_vop_info[vop].flags & IR_F_FP;
    if (fp_only && !fp)
        return 0;
    for (unsigned type = 0; type < IR_NR_VEC_TYPES; type++) {
        bool lane_fp = fp && (type & 3) >= IR_LANE32;
        if (!ir_vec_fn[vop][type])
            continue;
        for (unsigned n = 0; n < NR_FORMS * (fp_only ? 1 : 4) && bad < 3; n++) {
            struct variant v = {.vop = vop, .type = type, .form = n % NR_FORMS};
            v.imm = immediate(&v, random);
            for (unsigned k = 0; k < 3; k++)
                v.consts[k] = vector(&v, random).u64[0];
            if (arrange(&v) && !check(t, &v, random, lane_fp ? 120 : 12, fpcrs, nr_fpcrs))
                bad++;
        }
    }
    return bad;
}

static void check_all(const uint32_t *fpcrs, unsigned nr_fpcrs, bool fp_only, bool mode_known)
{
    setenv("ARMLET_TEST_ENGINE", "quick", 1);
    struct toy *t = toy_create();
    uint64_t random = 0x5eed + fpcrs[0];
    unsigned bad = 0;
    if (mode_known)
        t->guest.mode_fpcr_zero = fpcr_is_zero;
    for (unsigned vop = 0; vop < IR_NR_VOPS; vop++)
        bad += check_op(t, vop, &random, fpcrs, nr_fpcrs, fp_only);
    toy_destroy(t);
    cr_assert_eq(bad, 0, "%u variants differ", bad);
}

Test(quick_vec, default_mode, .timeout = 120)
{
    static const uint32_t none[] = {0};
    check_all(none, 1, false, true);
}

// FPCR is looked at where nothing says that it is zero.
Test(quick_vec, mode_unknown, .timeout = 120)
{
    static const uint32_t some[] = {0, FPCR_FZ};
    check_all(some, 2, true, false);
}

Test(quick_vec, rounding_modes, .timeout = 120)
{
    static const uint32_t modes[] = {
        1u << FPCR_RMODE_SHIFT,
        2u << FPCR_RMODE_SHIFT,
        3u << FPCR_RMODE_SHIFT,
        FPCR_DN,
        FPCR_DN | 2u << FPCR_RMODE_SHIFT,
        FPCR_FZ,
        FPCR_FZ | FPCR_DN,
        FPCR_FZ16 | 1u << FPCR_RMODE_SHIFT,
        FPCR_AHP,
    };
    check_all(modes, ARRAY_SIZE(modes), true, true);
}

// Sequences ---------------------------------------------------------------------------------------

// What one operation leaves in host registers for later ones has to survive loads and stores, found
// and not found in the TLB, operations made again, functions called, and integers in temporaries.
enum { STEPS = 14, PAGES = 3, R_BASE = 50, NR_V = 8, DATA_SIZE = PAGES * PAGE_SIZE };

struct step {
    enum { STEP_VECTOR, STEP_LOAD, STEP_LOAD_PAIR, STEP_STORE, STEP_INTEGER } kind;
    struct variant v;
    ir_val d2;
    unsigned off;
};

struct program {
    struct step steps[STEPS];
};

static void emit_step(struct toy *t, struct ir *ir, uint32_t arg)
{
    const struct step *s = &((const struct program *)t->user)->steps[arg & 0xff];
    ir_val tmp;
    switch (s->kind) {
    case STEP_VECTOR:
        emit(ir, &s->v);
        return;
    case STEP_LOAD:
        ir_load(ir, IR_LDV128, 0, s->v.d, IR_NONE, ir_r(R_BASE), IR_NONE, s->off);
        return;
    case STEP_LOAD_PAIR:
        ir_load(ir, IR_LDPV64, 0, s->v.d, s->d2, ir_r(R_BASE), IR_NONE, s->off);
        return;
    case STEP_STORE:
        ir_store(ir, IR_STV128, 0, s->v.a, IR_NONE, ir_r(R_BASE), IR_NONE, s->off);
        return;
    default: // the temporary may have been a vector
        tmp = ir_tmp(ir);
        ir_ADD(ir, IR_I64, tmp, ir_r(R_HOT), ir_r(R_COLD));
        ir_vec(ir, IRV_DUPW, IR_FULL | IR_LANE64, s->v.d, tmp, IR_NONE, IR_NONE, 0);
    }
}

static ir_val any_v(uint64_t *random)
{
    return ir_v((unsigned)(toy_random(random) >> 33) % NR_V);
}

static void make_vector_step(struct variant *v, uint64_t *random, bool fp)
{
    do {
        v->vop = (unsigned)(toy_random(random) >> 33) % IR_NR_VOPS;
        v->type = (unsigned)(toy_random(random) >> 33) % IR_NR_VEC_TYPES;
    } while (!ir_vec_fn[v->vop][v->type] || (fp && !(ir_vop_info[v->vop].flags & IR_F_FP)));
    v->form = toy_random(random) >> 60 ? APART : TEMPORARIES;
    v->d = d_is_word(v) ? ir_r(R_D) : any_v(random);
    v->a = a_is_word(v) ? ir_r(R_D) : any_v(random);
    v->b = any_v(random);
    v->c = any_v(random);
    v->imm = immediate(v, random);
}

static void make_program(struct program *p, uint64_t *random)
{
    for (unsigned n = 0; n < STEPS; n++) {
        struct step *s = &p->steps[n];
        unsigned x = (unsigned)(toy_random(random) >> 40);
        s->kind = x % 16 < 10   ? STEP_VECTOR
                  : x % 16 < 12 ? STEP_LOAD
                  : x % 16 < 13 ? STEP_LOAD_PAIR
                  : x % 16 < 15 ? STEP_STORE
                                : STEP_INTEGER;
        make_vector_step(&s->v, random, x & 0x100);
        if (s->kind != STEP_VECTOR) {
            s->v.d = any_v(random);
            s->v.a = any_v(random);
        }
        do
            s->d2 = any_v(random);
        while (s->d2 == s->v.d);
        s->off = 16 * ((x >> 9) % (DATA_SIZE / 16));
    }
}

static void run_reference(struct vcpu *cpu, const struct program *p, uint8_t *data)
{
    for (unsigned n = 0; n < STEPS; n++) {
        const struct step *s = &p->steps[n];
        union vec r = {.u64 = {0, 0}};
        switch (s->kind) {
        case STEP_VECTOR:
            reference(cpu, &s->v);
            break;
        case STEP_LOAD:
            memcpy(slot(cpu, s->v.d), data + s->off, 16);
            break;
        case STEP_LOAD_PAIR:
            memcpy(&r, data + s->off, 8);
            memcpy(slot(cpu, s->v.d), &r, 16);
            memcpy(&r, data + s->off + 8, 8);
            memcpy(slot(cpu, s->d2), &r, 16);
            break;
        case STEP_STORE:
            memcpy(data + s->off, slot(cpu, s->v.a), 16);
            break;
        default:
            r.u64[0] = r.u64[1] = cpu->r[R_HOT] + cpu->r[R_COLD];
            memcpy(slot(cpu, s->v.d), &r, 16);
        }
    }
}

static void start_both(struct vcpu *want, struct vcpu *got, uint64_t *random)
{
    struct variant shape = {.vop = IRV_FADD};
    for (unsigned n = 0; n < NR_V; n++) {
        shape.type = IR_FULL | (n & 1 ? IR_LANE32 : IR_LANE64);
        want->v[n] = got->v[n] = vector(&shape, random);
    }
    for (unsigned n = 0; n < 4; n++)
        want->r[regs_r[n]] = got->r[regs_r[n]] = toy_random(random);
    want->r[R_BASE] = got->r[R_BASE] = TOY_DATA;
    want->nzcv = got->nzcv = toy_random(random) >> 60;
    want->fp.fpsr = got->fp.fpsr = 0;
}

static bool same_ends(const struct vcpu *want, const struct vcpu *got, const uint8_t *want_data,
                      const uint8_t *got_data)
{
    bool same = want->fp.fpsr == got->fp.fpsr && want->nzcv == got->nzcv &&
                want->r[R_D] == got->r[R_D] && !memcmp(want_data, got_data, DATA_SIZE);
    return same && !memcmp(want->v, got->v, NR_V * sizeof want->v[0]);
}

static void describe_program(const struct program *p, const struct vcpu *want,
                             const struct vcpu *got)
{
    static const char *const kinds[] = {"", "load", "load pair", "store", "integer"};
    for (unsigned n = 0; n < STEPS; n++) {
        const struct step *s = &p->steps[n];
        fprintf(stderr,
                "  %s%s type %u form %u d %x a %x b %x c %x d2 %x imm %#" PRIx64 " off %x\n",
                kinds[s->kind], s->kind == STEP_VECTOR ? ir_vop_info[s->v.vop].name : "", s->v.type,
                s->v.form, s->v.d, s->v.a, s->v.b, s->v.c, s->d2, s->v.imm, s->off);
    }
    for (unsigned n = 0; n < NR_V; n++)
        if (memcmp(&want->v[n], &got->v[n], 16))
            fprintf(stderr,
                    "  v%u want %016" PRIx64 ":%016" PRIx64 " got %016" PRIx64 ":%016" PRIx64 "\n",
                    n, want->v[n].u64[1], want->v[n].u64[0], got->v[n].u64[1], got->v[n].u64[0]);
    fprintf(stderr, "  fpsr want %x got %x, nzcv want %x got %x\n", want->fp.fpsr, got->fp.fpsr,
            want->nzcv, got->nzcv);
}

static void choose_program(struct toy *t, struct program *p)
{
    uint32_t *code = toy_host(t, TOY_CODE), serial = (code[0] >> 8 & 0xffff) + 1;
    t->user = p;
    t->emit[OP_STEP] = emit_step;
    for (unsigned n = 0; n < STEPS; n++)
        code[n] = toy_word(OP_STEP, (serial & 0xffff) << 8 | n);
    code[STEPS] = 0;
    jit_ram_written(&t->jit, TOY_CODE, 4 * STEPS + 4);
}

Test(quick_vec, sequences, .timeout = 120)
{
    static struct vcpu want;
    static uint8_t data[DATA_SIZE];
    setenv("ARMLET_TEST_ENGINE", "quick", 1);
    struct toy *t = toy_create();
    const char *count = getenv("QUICK_VEC_PROGRAMS");
    unsigned programs = count ? (unsigned)atoi(count) : 4000, bad = 0;
    uint64_t random = 0x5eed;
    t->guest.mode_fpcr_zero = fpcr_is_zero;
    for (unsigned n = 0; n < programs && bad < 3; n++) {
        struct program p;
        make_program(&p, &random);
        choose_program(t, &p);
        for (unsigned run = 0; run < 8; run++) {
            uint8_t *memory = toy_host(t, TOY_DATA);
            for (unsigned k = 0; k < DATA_SIZE; k += 8) {
                uint64_t word = k & 16 ? fp_lane(32, &random) : fp_lane(64, &random);
                memcpy(memory + k, &word, 8);
            }
            memcpy(data, memory, DATA_SIZE);
            start_both(&want, &t->cpu, &random);
            if (run & 1)
                for (unsigned k = 0; k < DATA_SIZE; k += PAGE_SIZE)
                    tlb_flush_va(&t->cpu, TOY_DATA + k);
            run_reference(&want, &p, data);
            toy_run(t, TOY_CODE);
            fp_host_sync(&t->cpu.fp);
            if (!same_ends(&want, &t->cpu, data, memory)) {
                describe_program(&p, &want, &t->cpu);
                bad++;
                break;
            }
        }
    }
    toy_destroy(t);
    cr_assert_eq(bad, 0, "%u programs differ", bad);
}
