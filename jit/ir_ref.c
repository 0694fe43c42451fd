// SPDX-License-Identifier: GPL-3.0-or-later
#include "jit/ir_ref.h"

// Each row becomes two functions, for 32 and 64 bits. What an expression may use is declared here
// for all rows alike, hence the unused attributes.
#define DEFINE(name, bits, body)                                                             \
    static void ref_##name##_##bits(struct vcpu *cpu, void *dp, const void *ap, const void *bp, \
                                    const void *cp, uint64_t imm)                            \
    {                                                                                        \
        typedef uint##bits##_t T;                                                            \
        typedef int##bits##_t ST __attribute__((unused));                                    \
        enum { W = bits };                                                                   \
        T a = (T)*(const uint64_t *)ap;                                                      \
        T b __attribute__((unused)) = (T)*(const uint64_t *)bp;                              \
        T c __attribute__((unused)) = (T)*(const uint64_t *)cp;                              \
        uint64_t *d = dp;                                                                    \
        body                                                                                 \
    }
#define VALUE(expr) *d = (T)(expr);
#define FLAGS(expr)                \
    T r;                           \
    uint32_t nzcv;                 \
    expr;                          \
    cpu->nzcv = nzcv;              \
    *d = r;
#define BOTH(name, body) DEFINE(name, 32, body) DEFINE(name, 64, body)
#define IR_INT1(name, flags, ...) BOTH(name, VALUE((__VA_ARGS__)))
#define IR_INT2(name, flags, ...) BOTH(name, VALUE((__VA_ARGS__)))
#define IR_INT3(name, flags, ...) BOTH(name, VALUE((__VA_ARGS__)))
#define IR_FLG2(name, flags, ...) BOTH(name, FLAGS(__VA_ARGS__))
#define IR_FLG3(name, flags, ...) BOTH(name, FLAGS(__VA_ARGS__))
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshift-count-overflow" // i32 twins of rows that are 64-bit only
#include "jit/ir_ops.def"
#pragma GCC diagnostic pop

ir_fn *const ir_ref_fn[IR_NR_OPS][2] = {
#define IR_INT1(name, ...) [IR_##name] = { ref_##name##_32, ref_##name##_64 },
#define IR_INT2(name, ...) [IR_##name] = { ref_##name##_32, ref_##name##_64 },
#define IR_INT3(name, ...) [IR_##name] = { ref_##name##_32, ref_##name##_64 },
#define IR_FLG2(name, ...) [IR_##name] = { ref_##name##_32, ref_##name##_64 },
#define IR_FLG3(name, ...) [IR_##name] = { ref_##name##_32, ref_##name##_64 },
#include "jit/ir_ops.def"
};
