// SPDX-License-Identifier: GPL-3.0-or-later
// What the lowerings of vector ops share: SSE and AVX by asm.
#ifndef JIT_GCCJIT_VEC_H
#define JIT_GCCJIT_VEC_H

#include "jit/gccjit_ctx.h"
#include "jit/ir_vec.h"

// A local with the value it has now.
lval gc_vec_local(struct gc *g, rval v);
// An operand, as that.
lval gc_vec_source(struct gc *g, ir_val v);
// One constant in both 64-bit halves.
lval gc_vec_const(struct gc *g, uint64_t low, uint64_t high);
// d = asm of up to two vectors; the sources' placeholders are %1 and %2, or NULL. With acc, %0
// starts out as that.
lval gc_vec_asm(struct gc *g, const char *text, bool is_volatile, lval a, lval b, lval acc);
// The op's result: what its shape leaves out of v becomes zero. Returns true.
bool gc_vec_put(struct gc *g, const struct ir_insn *i, lval v);
// A vector's low 64 bits.
rval gc_vec_low(struct gc *g, lval v);

#endif
