// SPDX-License-Identifier: GPL-3.0-or-later
// The intermediate representation: linear code for one block.
//
// Operands are guest registers (slots of vcpu.r[] and vcpu.v[]), block temporaries and constants.
// Rules, checked by ir_verify():
//  - no guest virtual address is an immediate; the program counter is page base + constant;
//  - INSN_START marks each guest instruction, and within one nothing of the guest (registers,
//    NZCV, monitor) is written before the last op that may bail out;
//  - a temporary is written before it is read; the last op, and only the last, ends the block.
//
// A struct ir is reused for block after block; it belongs to the thread that builds it.
#ifndef JIT_IR_H
#define JIT_IR_H

#include "jit/vcpu.h"

#include <stdio.h>

// An operand: kind in the two top bits, number below.
typedef uint16_t ir_val;
enum {
    IR_NONE = 0,
    IR_KIND_R = 0x4000,     // vcpu.r[n]; with IR_VEC_BIT vcpu.v[n]
    IR_KIND_TMP = 0x8000,
    IR_KIND_CONST = 0xc000, // ir->consts[n]
    IR_KIND_MASK = 0xc000,
    IR_VEC_BIT = 0x1000,
    IR_NUM_MASK = 0x0fff,
};

static inline ir_val ir_r(unsigned n) { return (ir_val)(IR_KIND_R | n); }
static inline ir_val ir_v(unsigned n) { return (ir_val)(IR_KIND_R | IR_VEC_BIT | n); }
static inline unsigned ir_kind(ir_val v) { return v & IR_KIND_MASK; }
static inline unsigned ir_num(ir_val v) { return v & IR_NUM_MASK; }
static inline bool ir_is_v(ir_val v) { return (v & (IR_KIND_MASK | IR_VEC_BIT)) == (IR_KIND_R | IR_VEC_BIT); }

enum ir_op {
#define IR_INT1(name, ...)   IR_##name,
#define IR_INT2(name, ...)   IR_##name,
#define IR_INT3(name, ...)   IR_##name,
#define IR_FLG2(name, ...)   IR_##name,
#define IR_FLG3(name, ...)   IR_##name,
#define IR_LOAD(name, ...)   IR_##name,
#define IR_STORE(name, ...)  IR_##name,
#define IR_LOADP(name, ...)  IR_##name,
#define IR_STOREP(name, ...) IR_##name,
#define IR_LOADV(name, ...)  IR_##name,
#define IR_STOREV(name, ...) IR_##name,
#define IR_LOADVP(name, ...)  IR_##name,
#define IR_STOREVP(name, ...) IR_##name,
#define IR_CTL(name, ...)    IR_##name,
#include "jit/ir_ops.def"
    IR_NR_OPS
};

// Scalar types, and for VEC the lanes: log2 of a lane's bytes | shape.
enum ir_type {
    IR_I32 = 0,
    IR_I64 = 1,
    IR_LANE8 = 0,
    IR_LANE16 = 1,
    IR_LANE32 = 2,
    IR_LANE64 = 3,
    IR_SCALAR = 0,  // lane 0 alone; the rest of d becomes zero
    IR_HALF = 4,    // 64 bits; the upper half of d becomes zero
    IR_FULL = 8,    // 128 bits
};

enum ir_op_flags {
    IR_F_I64 = 1,      // has no i32 form
    IR_F_RD_NZCV = 2,
    IR_F_WR_NZCV = 4,
    IR_F_BAIL = 8,     // may bail out
    IR_F_RD_MEM = 16,
    IR_F_WR_MEM = 32,
    IR_F_END = 64,     // ends the block
    IR_F_FP = 128,     // may raise floating-point status flags
};

// What ATOMIC does with (old, b, c).
enum ir_atomic {
    IR_ATOMIC_ADD, IR_ATOMIC_CLR, IR_ATOMIC_XOR, IR_ATOMIC_SET, IR_ATOMIC_SMAX, IR_ATOMIC_SMIN,
    IR_ATOMIC_UMAX, IR_ATOMIC_UMIN, IR_ATOMIC_SWP,
    IR_ATOMIC_CAS, // if old == b: c
};

enum ir_branch_hint { IR_HINT_JUMP, IR_HINT_CALL, IR_HINT_RETURN };

struct ir_insn {
    uint8_t op;    // enum ir_op
    uint8_t type;  // enum ir_type
    uint16_t attr; // MEM_* of an access, number of a helper, condition, bit
    ir_val d, d2;  // destinations
    ir_val a, b, c;
    uint16_t off;  // page offset of the guest instruction
    uint64_t imm;
};

#define IR_MAX_INSNS  1024 // IR ops a block
#define IR_MAX_CONSTS 512
#define IR_MAX_GUEST  64   // guest instructions a block
// One guest instruction never takes more than this, so that a block ends in time.
#define IR_MAX_PER_GUEST 160

struct ir {
    unsigned off;  // page offset of the block's first instruction
    uint64_t mode; // vcpu.mode it is made for
    const struct debug_set *debug; // with VCPU_MODE_DEBUG: what to ask a debugger (jit/debug.h)
    const struct guest *guest;
    unsigned nr, nr_tmp, nr_consts;
    unsigned max_guest; // guest instructions the block may have, at most IR_MAX_GUEST
    unsigned cur_off; // page offset of the instruction being translated
    bool overflow;    // more ops than fit: an armlet bug, caught by the verifier
    struct ir_insn insn[IR_MAX_INSNS];
    uint64_t consts[IR_MAX_CONSTS];
};

struct ir_op_info {
    const char *name;
    uint8_t flags;
    uint8_t form; // enum ir_form
};

enum ir_form {
    IR_FORM_INT1, IR_FORM_INT2, IR_FORM_INT3, IR_FORM_FLG2, IR_FORM_FLG3,
    IR_FORM_LOAD, IR_FORM_STORE, IR_FORM_LOADP, IR_FORM_STOREP, IR_FORM_LOADV, IR_FORM_STOREV,
    IR_FORM_LOADVP, IR_FORM_STOREVP, IR_FORM_CTL,
};

extern const struct ir_op_info ir_op_info[IR_NR_OPS];

unsigned ir_vop_flags(unsigned vop); // ir_vec.c

// Flags of one instruction; those of CALL and VEC are their helper's or row's.
unsigned ir_flags(const struct ir *ir, const struct ir_insn *i);

static inline uint32_t ir_nzcv(uint64_t n, bool z, bool c, uint64_t v)
{
    return (uint32_t)(n << 3 | (uint64_t)z << 2 | (uint64_t)c << 1 | v);
}

// Building ---------------------------------------------------------------------------------------

void ir_begin(struct ir *ir, const struct guest *guest, unsigned off, uint64_t mode);
ir_val ir_tmp(struct ir *ir);
ir_val ir_const(struct ir *ir, uint64_t value);
struct ir_insn *ir_emit(struct ir *ir, enum ir_op op, unsigned type, ir_val d, ir_val a, ir_val b,
                        ir_val c, uint64_t imm);
void ir_insn_start(struct ir *ir, unsigned off);

// A function for every row: ir_ADD(ir, type, d, a, b), ir_LD64(ir, attr, d, base, index, imm), ...
#define IR_INT1(name, ...)                                                                       \
    static inline void ir_##name(struct ir *ir, unsigned type, ir_val d, ir_val a, uint64_t imm) \
    { ir_emit(ir, IR_##name, type, d, a, IR_NONE, IR_NONE, imm); }
#define IR_INT2(name, ...)                                                                       \
    static inline void ir_##name(struct ir *ir, unsigned type, ir_val d, ir_val a, ir_val b)     \
    { ir_emit(ir, IR_##name, type, d, a, b, IR_NONE, 0); }
#define IR_INT3(name, ...)                                                                       \
    static inline void ir_##name(struct ir *ir, unsigned type, ir_val d, ir_val a, ir_val b,     \
                                 ir_val c, uint64_t imm)                                         \
    { ir_emit(ir, IR_##name, type, d, a, b, c, imm); }
#define IR_FLG2(name, ...) IR_INT2(name)
#define IR_FLG3(name, ...)                                                                       \
    static inline void ir_##name(struct ir *ir, unsigned type, ir_val a, ir_val b, uint64_t imm) \
    { ir_emit(ir, IR_##name, type, IR_NONE, a, b, IR_NONE, imm); }
#include "jit/ir_ops.def"

// A load: d (and d2 for a pair) from base + imm, or from base + (index << imm).
void ir_load(struct ir *ir, enum ir_op op, unsigned attr, ir_val d, ir_val d2, ir_val base,
             ir_val index, uint64_t imm);
// A store of v (and v2 for a pair) to base + imm, or to base + (index << imm); no index for pairs.
void ir_store(struct ir *ir, enum ir_op op, unsigned attr, ir_val v, ir_val v2, ir_val base,
              ir_val index, uint64_t imm);
// Bails out unless size bytes at address can be read (or written).
void ir_probe(struct ir *ir, ir_val address, unsigned size, bool write, unsigned attr);
void ir_atomic(struct ir *ir, enum ir_atomic kind, unsigned log2_size, unsigned attr, ir_val d,
               ir_val address, ir_val b, ir_val c);
// LDX, STX, CASP.
void ir_excl(struct ir *ir, enum ir_op op, unsigned log2_size, unsigned attr, ir_val d, ir_val d2,
             ir_val address, ir_val b, ir_val c);
void ir_call(struct ir *ir, unsigned helper, ir_val d, ir_val a, ir_val b, ir_val c, uint64_t imm);
// Vector or floating-point op of ir_vec.def.
void ir_vec(struct ir *ir, unsigned vop, unsigned type, ir_val d, ir_val a, ir_val b, ir_val c,
            uint64_t imm);
void ir_pcrel(struct ir *ir, ir_val d, int64_t distance);
void ir_raise(struct ir *ir, uint64_t what);
void ir_br(struct ir *ir, int64_t target);
void ir_br_if(struct ir *ir, enum ir_op op, unsigned type, ir_val a, unsigned attr, int64_t target);
void ir_br_ind(struct ir *ir, ir_val a, enum ir_branch_hint hint);
void ir_exit(struct ir *ir, int64_t target);
void ir_exit_pc(struct ir *ir);

// Passes: each optional, each in its own file.
void ir_opt_dead_flags(struct ir *ir); // flag setters nobody reads become plain
void ir_opt_all(struct ir *ir);

// Checks the rules above. Returns NULL, or what is wrong (static or in buf).
const char *ir_verify(const struct ir *ir, char *buf, size_t size);
void ir_print(const struct ir *ir, FILE *out);

#endif
