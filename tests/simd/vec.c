// SPDX-License-Identifier: GPL-3.0-or-later
// What jit/ir_vec.h promises of every vector operation, for every row and type there is; and lanes
// recomputed one by one for operations whose meaning is easily written down a second time.
#include "jit/ir_vec.h"
#include "tests/support/random.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = RANDOM_SEED;

static uint64_t random64(void)
{
    return random_next(&state);
}

static struct vcpu *cpu;

static void set_up(void)
{
    cpu = aligned_alloc(64, ALIGN_UP(sizeof(*cpu), 64));
    cr_assert(cpu);
    memset(cpu, 0, sizeof(*cpu));
}

static void tear_down(void)
{
    free(cpu);
}

TestSuite(simd_vec, .init = set_up, .fini = tear_down);

static union vec random_vec(void)
{
    union vec v;

    for (unsigned i = 0; i < 2; i++)
        v.u64[i] = random64() & 1 ? random64() : random64() & random64() & random64();
    if (random64() % 4 == 0) // floating-point numbers of moderate size
        for (unsigned i = 0; i < 4; i++)
            v.u32[i] = (v.u32[i] & 0x80ffffff) | 0x3f000000;
    return v;
}

static unsigned lane_bytes(unsigned type)
{
    return 1u << (type & 3);
}

static unsigned result_bytes(unsigned vop, unsigned type)
{
    unsigned lane = lane_bytes(type), kind = ir_vop_info[vop].kind;

    switch (kind) {
    case IRV_KIND_FOLD:
        return vop == IRV_SADDLV || vop == IRV_UADDLV ? 2 * lane : lane;
    case IRV_KIND_TOWORD:
        return 8;
    case IRV_KIND_FLAGS:
        return 0;
    case IRV_KIND_LONG:
        lane *= 2;
        break;
    default:
        break;
    }
    return type & IR_FULL ? 16 : type & IR_HALF ? 8 : lane;
}

// An immediate that means something to the row, for this type.
static uint64_t random_imm(unsigned vop, unsigned type)
{
    unsigned lane = lane_bytes(type), bits = lane * 8, lanes = 16 / lane;
    uint64_t r = random64();

    switch (vop) {
    case IRV_IMM:
        return r;
    case IRV_DUP:
    case IRV_INSW:
    case IRV_LANE_U:
    case IRV_LANE_S32:
    case IRV_LANE_S64:
        return r % lanes;
    case IRV_INS:
        return r % lanes | (r >> 32) % lanes << 8;
    case IRV_REV:
        return (2u << r % (3 - (type & 3))) - 1;
    case IRV_EXT:
        return r % (type & IR_FULL ? 16 : 8);
    case IRV_UZP3:
    case IRV_ZIP3:
        return r % 3;
    case IRV_TBX:
        return r % 4 * 16;
    case IRV_FCMLA:
        return r % 4;
    case IRV_FCADD:
    case IRV_FCMP:
        return r % 2;
    case IRV_FRINTB:
        return r % 4 | (r & 256);
    case IRV_FRINT:
        return (r % 5) | (r & 8);
    case IRV_FTOI:
    case IRV_ITOF:
        return irv_convert((unsigned)(r % (bits + 1)), r >> 8 & 1, (unsigned)(r >> 9) % 5, false);
    case IRV_FTOIW:
    case IRV_ITOFW:
        return irv_convert((unsigned)(r % 33), r >> 8 & 1, (unsigned)(r >> 9) % 5, r >> 12 & 1);
    case IRV_FCSEL:
    case IRV_FCCMP:
        return r & 0x1fffff;
    case IRV_XAR:
        return r & 63;
    default:
        break;
    }
    if (strchr("SU", ir_vop_info[vop].name[0]) && strstr(ir_vop_info[vop].name, "HLLI"))
        return irv_part((unsigned)(r % (bits + 1)), type & IR_FULL && r >> 8 & 1);
    if (ir_vop_info[vop].kind == IRV_KIND_NARROW)
        return irv_part(1 + (unsigned)(r % bits), type & IR_FULL && r >> 8 & 1);
    if (ir_vop_info[vop].kind == IRV_KIND_LONG)
        return irv_part(0, type & (IR_FULL | IR_HALF) && r >> 8 & 1);
    return 1 + r % (bits - 1); // shifts either way
}

struct outcome {
    union vec d;
    uint32_t nzcv, fpsr;
};

static struct outcome call(unsigned vop, unsigned type, union vec *d, const union vec *a,
                           const union vec *b, const union vec *c, uint64_t imm)
{
    struct outcome o;

    cpu->nzcv = 5;
    cpu->fp.fpsr = 0;
    ir_vec_fn[vop][type](cpu, d, a, b, c, imm);
    o.d = *d;
    o.nzcv = cpu->nzcv;
    o.fpsr = cpu->fp.fpsr;
    return o;
}

static bool same(const struct outcome *x, const struct outcome *y, unsigned bytes)
{
    return memcmp(&x->d, &y->d, bytes) == 0 && x->nzcv == y->nzcv && x->fpsr == y->fpsr;
}

#define EVERY_ROW(vop, type)                                                                       \
    for (unsigned vop = 0; vop < IR_NR_VOPS; vop++)                                                \
        for (unsigned type = 0; type < IR_NR_VEC_TYPES; type++)                                    \
            if (ir_vec_fn[vop][type])

#define WHERE "%s, type %u, imm %llx", ir_vop_info[vop].name, type, (unsigned long long)imm

Test(simd_vec, every_row_exists)
{
    for (unsigned vop = 0; vop < IR_NR_VOPS; vop++) {
        unsigned types = 0;
        for (unsigned type = 0; type < IR_NR_VEC_TYPES; type++)
            types += ir_vec_fn[vop][type] != NULL;
        cr_assert(types > 0, "%s", ir_vop_info[vop].name);
    }
}

Test(simd_vec, operands_may_overlap)
{
    EVERY_ROW(vop, type)
    {
        for (unsigned round = 0; round < 20; round++) {
            union vec a = random_vec(), b = random_vec(), c = random_vec(), d = random_vec(), v;
            uint64_t imm = random_imm(vop, type);
            unsigned bytes = result_bytes(vop, type);
            struct outcome apart = call(vop, type, &d, &a, &b, &c, imm), o;

            v = a;
            o = call(vop, type, &v, &v, &b, &c, imm);
            cr_expect(same(&apart, &o, bytes), "d is a: " WHERE);
            v = b;
            o = call(vop, type, &v, &a, &v, &c, imm);
            cr_expect(same(&apart, &o, bytes), "d is b: " WHERE);
            v = c;
            o = call(vop, type, &v, &a, &b, &v, imm);
            cr_expect(same(&apart, &o, bytes), "d is c: " WHERE);
        }
    }
}

Test(simd_vec, the_rest_of_d_becomes_zero)
{
    static const uint8_t zeroes[16];

    EVERY_ROW(vop, type)
    {
        union vec a = random_vec(), b = random_vec(), c = random_vec(), d = random_vec(),
                  before = d;
        uint64_t imm = random_imm(vop, type);
        unsigned bytes = result_bytes(vop, type);

        call(vop, type, &d, &a, &b, &c, imm);
        if (ir_vop_info[vop].kind == IRV_KIND_TOWORD || ir_vop_info[vop].kind == IRV_KIND_FLAGS)
            cr_expect(!memcmp(&d.u8[bytes], &before.u8[bytes], 16 - bytes), "untouched: " WHERE);
        else
            cr_expect(!memcmp(&d.u8[bytes], zeroes, 16 - bytes), "zero: " WHERE);
    }
}

// Only what `operands` says is read, and of a scalar only the lane.
Test(simd_vec, operands_are_what_the_table_says)
{
    EVERY_ROW(vop, type)
    {
        for (unsigned round = 0; round < 20; round++) {
            const struct ir_vop_info *info = &ir_vop_info[vop];
            union vec v[3] = {random_vec(), random_vec(), random_vec()}, w[3], d;
            uint64_t imm = random_imm(vop, type);
            unsigned lane = lane_bytes(type) << (info->kind == IRV_KIND_NARROW);
            bool scalar = !(type & (IR_HALF | IR_FULL)) && vop != IRV_DUP;
            struct outcome x, y;

            if (info->kind == IRV_KIND_WORD)
                lane = 8;
            for (unsigned i = 0; i < 3; i++) {
                w[i] = random_vec();
                if (info->operands >> i & 1)
                    memcpy(&w[i], &v[i], scalar ? lane : 16);
            }
            x = call(vop, type, &d, &v[0], &v[1], &v[2], imm);
            y = call(vop, type, &d, &w[0], &w[1], &w[2], imm);
            cr_expect(same(&x, &y, result_bytes(vop, type)), WHERE);
        }
    }
}

// Status changes only where the row's flags admit it.
Test(simd_vec, status_is_what_the_table_says)
{
    EVERY_ROW(vop, type)
    {
        for (unsigned round = 0; round < 50; round++) {
            union vec a = random_vec(), b = random_vec(), c = random_vec(), d;
            uint64_t imm = random_imm(vop, type);
            struct outcome o = call(vop, type, &d, &a, &b, &c, imm);

            cr_expect(o.fpsr == 0 || ir_vop_flags(vop) & IR_F_FP, "FPSR: " WHERE);
            cr_expect(o.nzcv == 5 || ir_vop_flags(vop) & IR_F_WR_NZCV, "NZCV: " WHERE);
        }
    }
}

// Once more, in another way ----------------------------------------------------------------------

static int64_t lane_s(const union vec *v, unsigned size, unsigned i)
{
    return size == 0 ? v->s8[i] : size == 1 ? v->s16[i] : size == 2 ? v->s32[i] : v->s64[i];
}

static uint64_t lane_u(const union vec *v, unsigned size, unsigned i)
{
    return (uint64_t)lane_s(v, size, i) & mask64(8u << size);
}

// The lane of d that is to come out; false if the row is none of these.
static bool expected(unsigned vop, unsigned size, const union vec *a, const union vec *b,
                     unsigned i, uint64_t *r, bool *saturated)
{
    __int128 x = lane_s(a, size, i), y = lane_s(b, size, i);
    __int128 ux = (__int128)lane_u(a, size, i), uy = (__int128)lane_u(b, size, i);
    __int128 max = (__int128)(mask64(8u << size) >> 1), umax = (__int128)mask64(8u << size), v;

    *saturated = false;
    switch (vop) {
        // clang-format off
    case IRV_ADD: v = x + y; break;
    case IRV_SUB: v = x - y; break;
    case IRV_MUL: v = x * y; break;
    case IRV_SMAX: v = x > y ? x : y; break;
    case IRV_UMIN: v = ux < uy ? ux : uy; break;
    case IRV_SHADD: v = (x + y) >> 1; break;
    case IRV_UHADD: v = (ux + uy) >> 1; break;
    case IRV_SRHADD: v = (x + y + 1) >> 1; break;
    case IRV_URHADD: v = (ux + uy + 1) >> 1; break;
    case IRV_SABD: v = x > y ? x - y : y - x; break;
    case IRV_UABD: v = ux > uy ? ux - uy : uy - ux; break;
    case IRV_CMHI: v = -(ux > uy); break;
    case IRV_CMGE: v = -(x >= y); break;
    case IRV_SQADD: v = x + y; *saturated = v > max || v < -max - 1; v = v > max ? max : v < -max - 1 ? -max - 1 : v; break;
    case IRV_UQSUB: v = ux - uy; *saturated = v < 0; v = v < 0 ? 0 : v; break;
    case IRV_UQADD: v = ux + uy; *saturated = v > umax; v = v > umax ? umax : v; break;
        // clang-format on
    default:
        return false;
    }
    *r = (uint64_t)v & (uint64_t)umax;
    return true;
}

Test(simd_vec, lanes_recomputed)
{
    EVERY_ROW(vop, type)
    {
        for (unsigned round = 0; round < 200; round++) {
            union vec a = random_vec(), b = random_vec(), c = random_vec(), d;
            unsigned size = type & 3, n = result_bytes(vop, type) >> size;
            uint64_t imm = 0, want;
            bool saturated, any = false;
            struct outcome o;

            if (!expected(vop, size, &a, &b, 0, &want, &saturated))
                break;
            o = call(vop, type, &d, &a, &b, &c, imm);
            for (unsigned i = 0; i < n; i++) {
                expected(vop, size, &a, &b, i, &want, &saturated);
                any |= saturated;
                cr_expect_eq(lane_u(&d, size, i), want, WHERE);
            }
            cr_expect_eq(o.fpsr, any ? FPSR_QC : 0, WHERE);
        }
    }
}
