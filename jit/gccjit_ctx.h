// SPDX-License-Identifier: GPL-3.0-or-later
// What the gccjit lowerings share: one region being lowered.
//
// The guest registers that are used most are locals of the C function, loaded at its head and
// written back on the way out, all of them at one shared place. Temporaries are locals too. Nothing else lives across guest
// instructions. Addresses all come from `cpu`; the object has no relocations beyond its own.
#ifndef JIT_GCCJIT_CTX_H
#define JIT_GCCJIT_CTX_H

#include "jit/ir.h"
#include "jit/region.h"

#include <libgccjit.h>

typedef gcc_jit_rvalue *rval;
typedef gcc_jit_lvalue *lval;

// How NZCV is known at a point of the program.
enum flag_kind {
    FLAGS_PACKED, // in the local nzcv
    FLAGS_ADD,    // of fa + fb
    FLAGS_SUB,    // of fa - fb
    FLAGS_LOGIC,  // of fa
    FLAGS_CARRY,  // N and Z of fa; C and V in fc and fv
    FLAGS_FCMP,   // of the floating-point comparison of fva with fvb; wide: doubles
};

struct flags {
    enum flag_kind kind;
    bool wide; // 64 bits
};

// A flag state as an index: packed, or kind and width.
#define GC_NR_FLAG_STATES 11

// A block is lowered once for every flag state it is reached with, up to GC_MAX_STATES; further
// ones are packed first. So a comparison keeps its operands on its way to where they are needed.
#define GC_MAX_STATES 2
struct gc_version {
    unsigned block;
    struct flags flags;
};

struct gc {
    gcc_jit_context *ctx;
    const struct guest *guest;
    const struct region_recipe *recipe;
    struct ir *ir; // of the block being lowered

    gcc_jit_type *u8, *u16, *u32, *u64, *s8, *s16, *s32, *s64, *u128, *s128, *boolean, *ptr, *v2;
    gcc_jit_type *vol[4];      // volatile u8 .. u64
    gcc_jit_function *fn, *expect;
    gcc_jit_param *cpu, *page0, *entry;
    gcc_jit_block *head;       // loads of guest registers; ends in the switch over entries
    gcc_jit_block *at;         // where code goes now
    struct gc_version *versions; // what has to be lowered, in order of discovery
    unsigned nr_versions;
    gcc_jit_block *blocks[REGION_MAX_BLOCKS][GC_NR_FLAG_STATES]; // by how flags come in
    unsigned nr_states[REGION_MAX_BLOCKS];                       // of them
    bool flags_dead[REGION_MAX_BLOCKS]; // NZCV is overwritten before anybody can see it
    gcc_jit_block *leave;      // writes everything back and returns `result`
    gcc_jit_block *leave_with[6][2]; // packs flags of a kind first
    lval pc, result;           // pc: distance from page0; of the exit being taken
    lval nzcv, fa, fb, fc, fv, fva, fvb, icount;
    lval r[VCPU_NR_R], v[VCPU_NR_V];
    bool r_hot[VCPU_NR_R], v_hot[VCPU_NR_V]; // worth a local; the others are used where they live
    bool r_dirty[VCPU_NR_R], v_dirty[VCPU_NR_V];
    lval tmp[VCPU_NR_TMP], vtmp[VCPU_NR_TMP];
    bool tmp_is_vec[VCPU_NR_TMP]; // which of the two was written last
    // Above how many bits a vector is known to be zero: 32, 64, or 0 for not known.
    uint8_t v_bits[VCPU_NR_V], tmp_bits[VCPU_NR_TMP];
    struct flags flags;
    gcc_jit_block *bail;       // leaves at the instruction at bail_off, with these flags
    unsigned bail_off;
    struct flags bail_flags;
    struct gc_site *sites;     // [2 * VCPU_NR_R] by register and direction, then the others
    unsigned nr_sites;

    bool uses_fp;              // host floating point that wants FP_HOST_FAST
    unsigned block;            // number of the block being lowered
    int64_t page;              // its page's distance from page0, in bytes
    unsigned insns_done;       // instructions of this block before the present one
    unsigned unique;           // for names
};

// Constants, conversions, operations (gccjit_types.c)
void gc_types(struct gc *g);
rval gc_u64(struct gc *g, uint64_t v);
rval gc_u32(struct gc *g, uint32_t v);
rval gc_cast(struct gc *g, rval v, gcc_jit_type *type);
rval gc_bin(struct gc *g, enum gcc_jit_binary_op op, gcc_jit_type *type, rval a, rval b);
rval gc_un(struct gc *g, enum gcc_jit_unary_op op, gcc_jit_type *type, rval a);
rval gc_cmp(struct gc *g, enum gcc_jit_comparison op, rval a, rval b);
rval gc_select(struct gc *g, rval condition, rval a, rval b, gcc_jit_type *type);
lval gc_local(struct gc *g, gcc_jit_type *type, const char *name);
// Evaluated here, once. What goes into an asm has to be such a one: the compiler crashes over operands
// that are in memory.
rval gc_copy(struct gc *g, rval v, gcc_jit_type *type);
void gc_set(struct gc *g, lval to, rval v);
gcc_jit_block *gc_block(struct gc *g);
lval gc_field(struct gc *g, size_t offset, gcc_jit_type *type); // of *cpu
void gc_branch(struct gc *g, rval condition, gcc_jit_block *yes, gcc_jit_block *no); // ends g->at
void gc_branch_rarely(struct gc *g, rval condition, gcc_jit_block *rare, gcc_jit_block *often);

// Operands (gccjit_operands.c)
rval gc_src(struct gc *g, ir_val v);                  // 64 bits
rval gc_src32(struct gc *g, ir_val v);
void gc_dst(struct gc *g, ir_val v, rval value);      // a u64; nothing when v is IR_NONE
lval gc_reg(struct gc *g, unsigned n);                // local of vcpu.r[n]
rval gc_vec_src(struct gc *g, ir_val v);              // 128 bits of any operand
// Writes locals back into the vcpu, or reads them again.
void gc_spill(struct gc *g, ir_val v);
void gc_reload(struct gc *g, ir_val v);
uint32_t gc_offset(ir_val v);                         // of its slot in struct vcpu

rval gc_vec_word(struct gc *g, rval vector, unsigned n); // 64 bits of a vector
rval gc_vec_of(struct gc *g, rval low, rval high);
void gc_vec_dst(struct gc *g, ir_val v, rval value);  // a whole vector
void gc_vec_dst_low(struct gc *g, ir_val v, rval value, unsigned bits); // zero above bits
bool gc_vec_is_low(const struct gc *g, ir_val v, unsigned bits); // known to be zero above bits

// Flags (gccjit_flags.c)
void gc_flags_set(struct gc *g, enum flag_kind kind, bool wide, rval a, rval b);
rval gc_flags_pack(struct gc *g, struct flags f);     // as a u32
void gc_flags_settle(struct gc *g);                   // into the local nzcv
rval gc_condition(struct gc *g, unsigned mask);       // a bool

// Lowerings: false when the op has none here.
bool gc_lower_int(struct gc *g, const struct ir_insn *i);
bool gc_lower_mem(struct gc *g, const struct ir_insn *i);
bool gc_lower_atomic(struct gc *g, const struct ir_insn *i);
bool gc_lower_vec(struct gc *g, const struct ir_insn *i);
bool gc_lower_simd(struct gc *g, const struct ir_insn *i);
bool gc_lower_fp(struct gc *g, const struct ir_insn *i);
// What its code refers to; once in a context.
void gc_fp_constants(gcc_jit_context *ctx);
// Any op that is a function, through the table in the vcpu.
void gc_lower_call(struct gc *g, const struct ir_insn *i);

void gc_fence(struct gc *g); // full
// Leaving: pc is the page offset (of the present page) to go on at.
void gc_leave(struct gc *g, int64_t pc, enum region_result result); // ends g->at
gcc_jit_block *gc_bail_block(struct gc *g);           // leaves at the present instruction

#endif
