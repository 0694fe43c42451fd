// SPDX-License-Identifier: GPL-3.0-or-later
// How a row of ir_vec.def becomes functions: sets of lane widths and shapes, and for each kind of
// row the function around the expression. Only for ir_vec*.c.
#ifndef JIT_IR_VEC_EXPAND_H
#define JIT_IR_VEC_EXPAND_H

#include "jit/ir_vec.h"

// IRV_SET_<set>(M, ...): M(lane bits, shape, ...) for every member. Shape 1: scalar; 8, 16: bytes.
// clang-format off
#define IRV_S_B(M, ...) M(8, 1, __VA_ARGS__)
#define IRV_S_H(M, ...) M(16, 1, __VA_ARGS__)
#define IRV_S_S(M, ...) M(32, 1, __VA_ARGS__)
#define IRV_S_D(M, ...) M(64, 1, __VA_ARGS__)
#define IRV_Q_B(M, ...) M(8, 16, __VA_ARGS__)
#define IRV_Q_H(M, ...) M(16, 16, __VA_ARGS__)
#define IRV_Q_S(M, ...) M(32, 16, __VA_ARGS__)
#define IRV_Q_D(M, ...) M(64, 16, __VA_ARGS__)
#define IRV_V_B(M, ...) M(8, 8, __VA_ARGS__) IRV_Q_B(M, __VA_ARGS__)
#define IRV_V_H(M, ...) M(16, 8, __VA_ARGS__) IRV_Q_H(M, __VA_ARGS__)
#define IRV_V_S(M, ...) M(32, 8, __VA_ARGS__) IRV_Q_S(M, __VA_ARGS__)

#define IRV_SET_W(M, ...)       IRV_S_D(M, __VA_ARGS__) IRV_Q_D(M, __VA_ARGS__)
#define IRV_SET_S_D(M, ...)     IRV_S_D(M, __VA_ARGS__)
#define IRV_SET_S_HSD(M, ...)   IRV_S_H(M, __VA_ARGS__) IRV_S_S(M, __VA_ARGS__) IRV_S_D(M, __VA_ARGS__)
#define IRV_SET_S_BHSD(M, ...)  IRV_S_B(M, __VA_ARGS__) IRV_SET_S_HSD(M, __VA_ARGS__)
#define IRV_SET_M_BHSD(M, ...)  IRV_SET_S_BHSD(M, __VA_ARGS__) IRV_Q_D(M, __VA_ARGS__)
#define IRV_SET_Q_B(M, ...)     IRV_Q_B(M, __VA_ARGS__)
#define IRV_SET_Q_BHS(M, ...)   IRV_Q_B(M, __VA_ARGS__) IRV_Q_H(M, __VA_ARGS__) IRV_Q_S(M, __VA_ARGS__)
#define IRV_SET_Q_BHSD(M, ...)  IRV_SET_Q_BHS(M, __VA_ARGS__) IRV_Q_D(M, __VA_ARGS__)
#define IRV_SET_QS_S(M, ...)    IRV_Q_S(M, __VA_ARGS__) IRV_S_S(M, __VA_ARGS__)
#define IRV_SET_QS_HS(M, ...)   IRV_Q_H(M, __VA_ARGS__) IRV_S_H(M, __VA_ARGS__) IRV_SET_QS_S(M, __VA_ARGS__)
#define IRV_SET_QS_BHS(M, ...)  IRV_Q_B(M, __VA_ARGS__) IRV_S_B(M, __VA_ARGS__) IRV_SET_QS_HS(M, __VA_ARGS__)
#define IRV_SET_V_B(M, ...)     IRV_V_B(M, __VA_ARGS__)
#define IRV_SET_V_D(M, ...)     IRV_Q_D(M, __VA_ARGS__)
#define IRV_SET_V_H(M, ...)     IRV_V_H(M, __VA_ARGS__)
#define IRV_SET_V_S(M, ...)     IRV_V_S(M, __VA_ARGS__)
#define IRV_SET_V_HS(M, ...)    IRV_V_H(M, __VA_ARGS__) IRV_V_S(M, __VA_ARGS__)
#define IRV_SET_V_BHS(M, ...)   IRV_V_B(M, __VA_ARGS__) IRV_SET_V_HS(M, __VA_ARGS__)
#define IRV_SET_V_HSD(M, ...)   IRV_SET_V_HS(M, __VA_ARGS__) IRV_Q_D(M, __VA_ARGS__)
#define IRV_SET_V_BHSD(M, ...)  IRV_SET_V_BHS(M, __VA_ARGS__) IRV_Q_D(M, __VA_ARGS__)
#define IRV_SET_VD_BHSD(M, ...) IRV_SET_V_BHSD(M, __VA_ARGS__) IRV_S_D(M, __VA_ARGS__)
#define IRV_SET_VS_HS(M, ...)   IRV_SET_V_HS(M, __VA_ARGS__) IRV_S_H(M, __VA_ARGS__) IRV_S_S(M, __VA_ARGS__)
#define IRV_SET_VS_SD(M, ...)   IRV_V_S(M, __VA_ARGS__) IRV_Q_D(M, __VA_ARGS__) IRV_S_S(M, __VA_ARGS__) IRV_S_D(M, __VA_ARGS__)
#define IRV_SET_VS_HSD(M, ...)  IRV_SET_V_HSD(M, __VA_ARGS__) IRV_SET_S_HSD(M, __VA_ARGS__)
#define IRV_SET_VS_BHSD(M, ...) IRV_SET_V_BHSD(M, __VA_ARGS__) IRV_SET_S_BHSD(M, __VA_ARGS__)

#define IRV_LANE_8   IR_LANE8
#define IRV_LANE_16  IR_LANE16
#define IRV_LANE_32  IR_LANE32
#define IRV_LANE_64  IR_LANE64
#define IRV_SHAPE_1  IR_SCALAR
#define IRV_SHAPE_8  IR_HALF
#define IRV_SHAPE_16 IR_FULL
// clang-format on

#define IRV_ARGS                                                                                   \
    struct vcpu *cpu, void *d, const void *a, const void *b, const void *c, uint64_t imm
#define IRV_FN_NAME(name, B, shape) irv_##name##_##B##_##shape

// Twice a lane's width: bits, types; and a signed type of at least that width to calculate in.
#define IRV_D8   uint16_t
#define IRV_D16  uint32_t
#define IRV_D32  uint64_t
#define IRV_D64  unsigned __int128
#define IRV_SD8  int16_t
#define IRV_SD16 int32_t
#define IRV_SD32 int64_t
#define IRV_SD64 __int128
#define IRV_SW8  int32_t
#define IRV_SW16 int32_t
#define IRV_SW32 int64_t
#define IRV_SW64 __int128

#define IRV_LANES_OF(shape, bits) ((shape) == 1 ? 1 : (shape)*8 / (bits))

// What expressions may name, beyond the lanes themselves.
#define IRV_PROLOGUE(B, lanes)                                                                     \
    typedef uint##B##_t T;                                                                         \
    typedef int##B##_t ST;                                                                         \
    typedef IRV_D##B DT;                                                                           \
    typedef IRV_SD##B SDT;                                                                         \
    typedef IRV_SW##B SW;                                                                          \
    enum { W = B, N = lanes };                                                                     \
    struct fp_env *fp = &cpu->fp;                                                                  \
    const unsigned n = imm & 0xff;                                                                 \
    const unsigned part = imm >> 8 & 1;                                                            \
    T q = 0;                                                                                       \
    bool sat = false;                                                                              \
    (void)fp, (void)n, (void)part, (void)sizeof(ST), (void)sizeof(SDT), (void)sizeof(SW);          \
    (void)sizeof(DT), (void)W, (void)N, (void)a, (void)b, (void)c, (void)imm;

// One lane's names. The arrays are what the kind says.
#define IRV_XYZ(TX, STX, TZ, STZ, ix, iy, iz)                                                      \
    const TX x = xs[ix];                                                                           \
    const TX y = ys[iy];                                                                           \
    const TZ z = zs[iz];                                                                           \
    const STX sx = (STX)x;                                                                         \
    const STX sy = (STX)y;                                                                         \
    const STZ sz = (STZ)z;                                                                         \
    (void)x, (void)y, (void)z, (void)sx, (void)sy, (void)sz;

// The result, and zeroes to 16 bytes.
#define IRV_STORE                                                                                  \
    memcpy(d, rs, sizeof(rs));                                                                     \
    if (sizeof(rs) < 16)                                                                           \
        memset((char *)d + sizeof(rs), 0, 16 - sizeof(rs));                                        \
    IRV_SATURATED

#define IRV_SATURATED                                                                              \
    if (q || sat)                                                                                  \
        cpu->fp.fpsr |= FPSR_QC;

#define IRV_FN_LANES(B, shape, name, ...)                                                          \
    void IRV_FN_NAME(name, B, shape)(IRV_ARGS)                                                     \
    {                                                                                              \
        IRV_PROLOGUE(B, IRV_LANES_OF(shape, B))                                                    \
        const T *xs = a, *ys = b, *zs = c;                                                         \
        T rs[N];                                                                                   \
        for (unsigned i = 0; i < N; i++) {                                                         \
            IRV_XYZ(T, ST, T, ST, i, i, i)                                                         \
            rs[i] = (T)(__VA_ARGS__);                                                              \
        }                                                                                          \
        IRV_STORE                                                                                  \
    }

#define IRV_FN_LONG(B, shape, name, ...)                                                           \
    void IRV_FN_NAME(name, B, shape)(IRV_ARGS)                                                     \
    {                                                                                              \
        IRV_PROLOGUE(B, IRV_LANES_OF(shape, (2 * B)))                                              \
        const T *xs = (const T *)a + part * N, *ys = (const T *)b + part * N;                      \
        const DT *ws = a, *zs = c;                                                                 \
        DT rs[N];                                                                                  \
        for (unsigned i = 0; i < N; i++) {                                                         \
            IRV_XYZ(T, ST, DT, SDT, i, i, i)                                                       \
            const DT wx = ws[i];                                                                   \
            (void)wx;                                                                              \
            rs[i] = (DT)(__VA_ARGS__);                                                             \
        }                                                                                          \
        IRV_STORE                                                                                  \
    }

#define IRV_FN_NARROW(B, shape, name, ...)                                                         \
    void IRV_FN_NAME(name, B, shape)(IRV_ARGS)                                                     \
    {                                                                                              \
        IRV_PROLOGUE(B, IRV_LANES_OF(shape, (2 * B)))                                              \
        const DT *xs = a, *ys = b;                                                                 \
        T rn[N];                                                                                   \
        uint64_t rs[2] = {0};                                                                      \
        for (unsigned i = 0; i < N; i++) {                                                         \
            const DT x = xs[i];                                                                    \
            const DT y = ys[i];                                                                    \
            const SDT sx = (SDT)x;                                                                 \
            const SDT sy = (SDT)y;                                                                 \
            (void)x, (void)y, (void)sx, (void)sy;                                                  \
            rn[i] = (T)(__VA_ARGS__);                                                              \
        }                                                                                          \
        memcpy(&rs[0], rn, sizeof(rn));                                                            \
        if (part) {                                                                                \
            rs[1] = rs[0];                                                                         \
            memcpy(&rs[0], c, 8);                                                                  \
        }                                                                                          \
        IRV_STORE                                                                                  \
    }

#define IRV_FN_PAIRL(B, shape, name, ...)                                                          \
    void IRV_FN_NAME(name, B, shape)(IRV_ARGS)                                                     \
    {                                                                                              \
        IRV_PROLOGUE(B, IRV_LANES_OF(shape, (2 * B)))                                              \
        const T *xs = a, *ys = a;                                                                  \
        const DT *zs = c;                                                                          \
        DT rs[N];                                                                                  \
        for (unsigned i = 0; i < N; i++) {                                                         \
            IRV_XYZ(T, ST, DT, SDT, 2 * i, 2 * i + 1, i)                                           \
            rs[i] = (DT)(__VA_ARGS__);                                                             \
        }                                                                                          \
        IRV_STORE                                                                                  \
    }

#define IRV_FN_FOLD(B, shape, name, R, element, ...)                                               \
    void IRV_FN_NAME(name, B, shape)(IRV_ARGS)                                                     \
    {                                                                                              \
        IRV_PROLOGUE(B, IRV_LANES_OF(shape, B))                                                    \
        const T *xs = a;                                                                           \
        R fold[N], rs[1];                                                                          \
        for (unsigned i = 0; i < N; i++) {                                                         \
            const T e = xs[i];                                                                     \
            fold[i] = (R)(element);                                                                \
        }                                                                                          \
        for (unsigned left = N / 2; left; left /= 2)                                               \
            for (unsigned i = 0; i < left; i++) {                                                  \
                const R x = fold[2 * i], y = fold[2 * i + 1];                                      \
                fold[i] = (R)(__VA_ARGS__);                                                        \
            }                                                                                      \
        rs[0] = fold[0];                                                                           \
        IRV_STORE                                                                                  \
    }

#define IRV_FN_TOWORD(B, shape, name, ...)                                                         \
    void IRV_FN_NAME(name, B, shape)(IRV_ARGS)                                                     \
    {                                                                                              \
        IRV_PROLOGUE(B, IRV_LANES_OF(shape, B))                                                    \
        const T *xs = a;                                                                           \
        const T x = xs[0];                                                                         \
        (void)x;                                                                                   \
        *(uint64_t *)d = (uint64_t)(__VA_ARGS__);                                                  \
        IRV_SATURATED                                                                              \
    }

#define IRV_FN_WORD(B, shape, name, ...)                                                           \
    void IRV_FN_NAME(name, B, shape)(IRV_ARGS)                                                     \
    {                                                                                              \
        IRV_PROLOGUE(B, IRV_LANES_OF(shape, B))                                                    \
        const uint64_t w = *(const uint64_t *)a;                                                   \
        const T *zs = c;                                                                           \
        T rs[N];                                                                                   \
        for (unsigned i = 0; i < N; i++) {                                                         \
            const T z = zs[i];                                                                     \
            (void)z;                                                                               \
            rs[i] = (T)(__VA_ARGS__);                                                              \
        }                                                                                          \
        IRV_STORE                                                                                  \
    }

#define IRV_FN_FLAGS(B, shape, name, ...)                                                          \
    void IRV_FN_NAME(name, B, shape)(IRV_ARGS)                                                     \
    {                                                                                              \
        IRV_PROLOGUE(B, 1)                                                                         \
        const T *xs = a, *ys = b;                                                                  \
        const T x = xs[0], y = ys[0];                                                              \
        cpu->nzcv = (uint32_t)(__VA_ARGS__);                                                       \
        IRV_SATURATED                                                                              \
    }

// Lane j of a, then b.
#define PAIRWISE(j) ((j) < N ? xs[j] : ys[(j)-N])
// Lane j of a, then b, then c.
#define LANE_OF_THREE(j) ((j) < N ? xs[j] : (j) < 2 * N ? ys[(j)-N] : zs[(j)-2 * N])

// Every function of the table.
#define IRV_DECLARE(B, shape, name)               ir_fn IRV_FN_NAME(name, B, shape);
#define VOP_ROW(name, kind, operands, set, flags) IRV_SET_##set(IRV_DECLARE, name)
#include "jit/ir_vec_rows.h"
#undef VOP_ROW

#endif
