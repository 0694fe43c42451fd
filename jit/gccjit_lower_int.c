// SPDX-License-Identifier: GPL-3.0-or-later
// Integer ops as C expressions for GCC. Meanings are those of ir_ops.def; what has no case here
// calls the reference function.
#include "jit/gccjit_ctx.h"

#define OP(op)  GCC_JIT_BINARY_OP_##op
#define CMP(op) GCC_JIT_COMPARISON_##op

// One op's operands, in its type.
struct operands {
    gcc_jit_type *t, *s;
    unsigned bits;
    rval a, b, c;
};

static struct operands operands_of(struct gc *g, const struct ir_insn *i)
{
    bool wide = i->type == IR_I64;
    struct operands o = { wide ? g->u64 : g->u32, wide ? g->s64 : g->s32, wide ? 64 : 32, NULL, NULL, NULL };
    o.a = gc_cast(g, gc_src(g, i->a), o.t);
    o.b = gc_cast(g, gc_src(g, i->b), o.t);
    o.c = gc_cast(g, gc_src(g, i->c), o.t);
    return o;
}

static rval imm(struct gc *g, const struct operands *o, uint64_t v)
{
    return gcc_jit_context_new_rvalue_from_long(g->ctx, o->t, (long)v);
}

static rval not(struct gc *g, const struct operands *o, rval v)
{
    return gc_un(g, GCC_JIT_UNARY_OP_BITWISE_NEGATE, o->t, v);
}

static rval bin(struct gc *g, const struct operands *o, enum gcc_jit_binary_op op, rval a, rval b)
{
    return gc_bin(g, op, o->t, a, b);
}

static rval shift(struct gc *g, const struct operands *o, enum gcc_jit_binary_op op, rval v, rval by)
{
    return bin(g, o, op, v, bin(g, o, OP(BITWISE_AND), by, imm(g, o, o->bits - 1)));
}

static rval arithmetic_right(struct gc *g, const struct operands *o, rval v, rval by)
{
    rval n = bin(g, o, OP(BITWISE_AND), by, imm(g, o, o->bits - 1));
    return gc_cast(g, gc_bin(g, OP(RSHIFT), o->s, gc_cast(g, v, o->s), gc_cast(g, n, o->s)), o->t);
}

static rval rotate(struct gc *g, const struct operands *o, rval v, rval by)
{
    rval left = gc_un(g, GCC_JIT_UNARY_OP_MINUS, o->t, by);
    return bin(g, o, OP(BITWISE_OR), shift(g, o, OP(RSHIFT), v, by), shift(g, o, OP(LSHIFT), v, left));
}

static rval through(struct gc *g, const struct operands *o, rval v, gcc_jit_type *narrow, gcc_jit_type *sign)
{
    return gc_cast(g, gc_cast(g, gc_cast(g, v, narrow), sign), o->t);
}

// The low half, by asm: GCC makes of the extension and a shift behind it two operations on the chain
// to an address, where a move and the address itself would do.
static rval low_half(struct gc *g, rval v)
{
    lval d = gc_local(g, g->u64, "low");
    v = gc_copy(g, v, g->u64);
    gcc_jit_extended_asm *as = gcc_jit_block_add_extended_asm(g->at, NULL, "movl %k1, %k0");
    gcc_jit_extended_asm_add_output_operand(as, NULL, "=r", d);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "r", v);
    return gcc_jit_lvalue_as_rvalue(d);
}

static rval wide_product(struct gc *g, const struct operands *o, bool is_signed)
{
    gcc_jit_type *t = is_signed ? g->s32 : g->u32, *to = is_signed ? g->s64 : g->u64;
    rval a = gc_cast(g, gc_cast(g, o->a, t), to), b = gc_cast(g, gc_cast(g, o->b, t), to);
    return gc_cast(g, gc_bin(g, OP(MULT), to, a, b), g->u64);
}

static rval high_product(struct gc *g, const struct operands *o, bool is_signed)
{
    gcc_jit_type *t = is_signed ? g->s128 : g->u128;
    rval a = gc_cast(g, is_signed ? gc_cast(g, o->a, g->s64) : o->a, t);
    rval b = gc_cast(g, is_signed ? gc_cast(g, o->b, g->s64) : o->b, t);
    rval p = gc_bin(g, OP(MULT), t, a, b);
    return gc_cast(g, gc_bin(g, OP(RSHIFT), t, p, gcc_jit_context_new_rvalue_from_int(g->ctx, t, 64)), g->u64);
}

static rval builtin1(struct gc *g, const char *name, gcc_jit_type *type, rval a)
{
    rval args[1] = { a };
    return gc_cast(g, gcc_jit_context_new_call(g->ctx, NULL, gcc_jit_context_get_builtin_function(g->ctx, name), 1, args), type);
}

static rval carry_in(struct gc *g, const struct operands *o)
{
    enum { CS = 0xcccc };
    return gc_cast(g, gc_cast(g, gc_condition(g, CS), g->s32), o->t);
}

static rval unary_asm(struct gc *g, const struct operands *o, const char *text, rval v)
{
    lval d = gc_local(g, o->t, "u");
    v = gc_copy(g, v, o->t);
    gcc_jit_extended_asm *as = gcc_jit_block_add_extended_asm(g->at, NULL, text);
    gcc_jit_extended_asm_add_output_operand(as, NULL, "=r", d);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "r", v);
    gcc_jit_extended_asm_add_clobber(as, "cc");
    return gcc_jit_lvalue_as_rvalue(d);
}

static rval count_zeros(struct gc *g, const struct operands *o, rval v)
{
    return unary_asm(g, o, o->bits == 64 ? "lzcntq %1, %0" : "lzcntl %1, %0", v);
}

// Sign bits beyond the first: zeros of what differs from the sign, with a one behind.
static rval count_signs(struct gc *g, const struct operands *o)
{
    rval sign = arithmetic_right(g, o, o->a, imm(g, o, o->bits - 1));
    rval differs = bin(g, o, OP(BITWISE_XOR), o->a, sign), one = imm(g, o, 1);
    return count_zeros(g, o, bin(g, o, OP(BITWISE_OR), bin(g, o, OP(LSHIFT), differs, one), one));
}

// (v & mask) << n | (v >> n & mask)
static rval swap_groups(struct gc *g, const struct operands *o, rval v, unsigned n, uint64_t mask)
{
    rval m = imm(g, o, mask), by = imm(g, o, n);
    rval up = bin(g, o, OP(LSHIFT), bin(g, o, OP(BITWISE_AND), v, m), by);
    return bin(g, o, OP(BITWISE_OR), up, bin(g, o, OP(BITWISE_AND), bin(g, o, OP(RSHIFT), v, by), m));
}

static rval swap_bytes(struct gc *g, const struct operands *o)
{
    return builtin1(g, o->bits == 64 ? "__builtin_bswap64" : "__builtin_bswap32", o->t, o->a);
}

static rval reverse_bits(struct gc *g, const struct operands *o)
{
    rval v = gc_copy(g, swap_bytes(g, o), o->t);
    v = gc_copy(g, swap_groups(g, o, v, 4, UINT64_C(0x0f0f0f0f0f0f0f0f)), o->t);
    v = gc_copy(g, swap_groups(g, o, v, 2, UINT64_C(0x3333333333333333)), o->t);
    return swap_groups(g, o, v, 1, UINT64_C(0x5555555555555555));
}

static rval simple2(struct gc *g, const struct ir_insn *i, const struct operands *o)
{
    switch (i->op) {
    case IR_ADD: return bin(g, o, OP(PLUS), o->a, o->b);
    case IR_SUB: return bin(g, o, OP(MINUS), o->a, o->b);
    case IR_AND: return bin(g, o, OP(BITWISE_AND), o->a, o->b);
    case IR_OR: return bin(g, o, OP(BITWISE_OR), o->a, o->b);
    case IR_XOR: return bin(g, o, OP(BITWISE_XOR), o->a, o->b);
    case IR_ANDN: return bin(g, o, OP(BITWISE_AND), o->a, not(g, o, o->b));
    case IR_ORN: return bin(g, o, OP(BITWISE_OR), o->a, not(g, o, o->b));
    case IR_XORN: return bin(g, o, OP(BITWISE_XOR), o->a, not(g, o, o->b));
    case IR_MUL: return bin(g, o, OP(MULT), o->a, o->b);
    case IR_SHL: return shift(g, o, OP(LSHIFT), o->a, o->b);
    case IR_SHR: return shift(g, o, OP(RSHIFT), o->a, o->b);
    case IR_SAR: return arithmetic_right(g, o, o->a, o->b);
    case IR_ROR: return rotate(g, o, o->a, o->b);
    case IR_SMULL: return wide_product(g, o, true);
    case IR_UMULL: return wide_product(g, o, false);
    case IR_SMULH: return high_product(g, o, true);
    case IR_UMULH: return high_product(g, o, false);
    case IR_ADC: return bin(g, o, OP(PLUS), bin(g, o, OP(PLUS), o->a, o->b), carry_in(g, o));
    case IR_SBC: return bin(g, o, OP(PLUS), bin(g, o, OP(PLUS), o->a, not(g, o, o->b)), carry_in(g, o));
    }
    return NULL;
}

static rval simple1(struct gc *g, const struct ir_insn *i, const struct operands *o)
{
    unsigned lsb = i->imm & 63, width = (unsigned)(i->imm >> 8) & 127;
    rval up, field;
    switch (i->op) {
    case IR_MOV: return o->a;
    case IR_CLZ: return count_zeros(g, o, o->a);
    case IR_CLS: return count_signs(g, o);
    case IR_RBIT: return reverse_bits(g, o);
    case IR_REV: return swap_bytes(g, o);
    case IR_REV16: return swap_groups(g, o, o->a, 8, UINT64_C(0x00ff00ff00ff00ff));
    case IR_REV32: return rotate(g, o, swap_bytes(g, o), imm(g, o, 32));
    case IR_SEXT8: return through(g, o, o->a, g->s8, o->s);
    case IR_SEXT16: return through(g, o, o->a, g->s16, o->s);
    case IR_SEXT32: return through(g, o, o->a, g->s32, o->s);
    case IR_UBFX: return bin(g, o, OP(BITWISE_AND), bin(g, o, OP(RSHIFT), o->a, imm(g, o, lsb)), imm(g, o, mask64(width)));
    case IR_SBFX:
        up = bin(g, o, OP(LSHIFT), o->a, imm(g, o, o->bits - lsb - width));
        return arithmetic_right(g, o, up, imm(g, o, o->bits - width));
    case IR_UBFIZ:
        field = bin(g, o, OP(BITWISE_AND), o->a, imm(g, o, mask64(width)));
        return bin(g, o, OP(LSHIFT), field, imm(g, o, lsb));
    case IR_SBFIZ:
        up = bin(g, o, OP(LSHIFT), o->a, imm(g, o, o->bits - width));
        return bin(g, o, OP(LSHIFT), arithmetic_right(g, o, up, imm(g, o, o->bits - width)), imm(g, o, lsb));
    }
    return NULL;
}

static rval simple3(struct gc *g, const struct ir_insn *i, const struct operands *o)
{
    unsigned lsb = i->imm & 63, width = (unsigned)(i->imm >> 8) & 127;
    uint64_t mask = mask64(width) << lsb;
    rval sh = imm(g, o, i->imm & 63), x, y;
    switch (i->op) {
    case IR_BFI:
        x = bin(g, o, OP(BITWISE_AND), o->a, imm(g, o, ~mask));
        y = bin(g, o, OP(BITWISE_AND), bin(g, o, OP(LSHIFT), o->b, imm(g, o, lsb)), imm(g, o, mask));
        return bin(g, o, OP(BITWISE_OR), x, y);
    case IR_EXTR:
        if (!i->imm)
            return o->b;
        x = bin(g, o, OP(LSHIFT), o->a, imm(g, o, o->bits - i->imm));
        return bin(g, o, OP(BITWISE_OR), x, bin(g, o, OP(RSHIFT), o->b, sh));
    case IR_ADD_SHL: return bin(g, o, OP(PLUS), o->a, bin(g, o, OP(LSHIFT), o->b, sh));
    case IR_SUB_SHL: return bin(g, o, OP(MINUS), o->a, bin(g, o, OP(LSHIFT), o->b, sh));
    case IR_ADD_SXTW: return bin(g, o, OP(PLUS), o->a, bin(g, o, OP(LSHIFT), through(g, o, o->b, g->s32, g->s64), sh));
    case IR_ADD_UXTW: return bin(g, o, OP(PLUS), o->a, bin(g, o, OP(LSHIFT), low_half(g, o->b), sh));
    case IR_MADD: return bin(g, o, OP(PLUS), o->c, bin(g, o, OP(MULT), o->a, o->b));
    case IR_MSUB: return bin(g, o, OP(MINUS), o->c, bin(g, o, OP(MULT), o->a, o->b));
    case IR_SMADDL: return bin(g, o, OP(PLUS), o->c, wide_product(g, o, true));
    case IR_SMSUBL: return bin(g, o, OP(MINUS), o->c, wide_product(g, o, true));
    case IR_UMADDL: return bin(g, o, OP(PLUS), o->c, wide_product(g, o, false));
    case IR_UMSUBL: return bin(g, o, OP(MINUS), o->c, wide_product(g, o, false));
    }
    return NULL;
}

static bool select_op(struct gc *g, const struct ir_insn *i, const struct operands *o)
{
    rval other;
    switch (i->op) {
    case IR_SEL: other = o->b; break;
    case IR_SELINC: other = bin(g, o, OP(PLUS), o->b, imm(g, o, 1)); break;
    case IR_SELINV: other = not(g, o, o->b); break;
    case IR_SELNEG: other = gc_un(g, GCC_JIT_UNARY_OP_MINUS, o->t, o->b); break;
    default: return false;
    }
    rval v = gc_select(g, gc_condition(g, i->imm & 0xffff), o->a, other, o->t);
    gc_dst(g, i->d, gc_cast(g, v, g->u64));
    return true;
}

// x / 0 is 0, and the most negative number over -1 is itself: what the host would trap on is a
// branch away.
static bool divide_op(struct gc *g, const struct ir_insn *i, const struct operands *o)
{
    if (i->op != IR_UDIV && i->op != IR_SDIV)
        return false;
    lval d = gc_local(g, g->u64, "quotient");
    rval a = gc_copy(g, o->a, o->t), b = gc_copy(g, o->b, o->t);
    gcc_jit_block *divide = gc_block(g), *join = gc_block(g), *zero = gc_block(g);
    rval none = imm(g, o, 0), all = imm(g, o, ~UINT64_C(0));
    gcc_jit_block_add_assignment(zero, NULL, d, gc_u64(g, 0));
    gcc_jit_block_end_with_jump(zero, NULL, join);
    gc_branch_rarely(g, gc_cmp(g, CMP(EQ), b, none), zero, divide);
    g->at = divide;
    if (i->op == IR_SDIV) {
        gcc_jit_block *negate = gc_block(g), *plain = gc_block(g);
        gc_branch_rarely(g, gc_cmp(g, CMP(EQ), b, all), negate, plain);
        gcc_jit_block_add_assignment(negate, NULL, d, gc_cast(g, gc_un(g, GCC_JIT_UNARY_OP_MINUS, o->t, a), g->u64));
        gcc_jit_block_end_with_jump(negate, NULL, join);
        g->at = plain;
        rval q = gc_bin(g, OP(DIVIDE), o->s, gc_cast(g, a, o->s), gc_cast(g, b, o->s));
        gc_set(g, d, gc_cast(g, gc_cast(g, q, o->t), g->u64));
    } else {
        gc_set(g, d, gc_cast(g, gc_bin(g, OP(DIVIDE), o->t, a, b), g->u64));
    }
    gcc_jit_block_end_with_jump(g->at, NULL, join);
    g->at = join;
    gc_dst(g, i->d, gcc_jit_lvalue_as_rvalue(d));
    return true;
}

// r = a + b + carry by the host's own, whose carry and overflow are the guest's.
static bool carry_op(struct gc *g, const struct ir_insn *i, const struct operands *o)
{
    if (i->op != IR_ADCS && i->op != IR_SBCS)
        return false;
    lval r = gc_local(g, o->t, "r"), c = gc_local(g, g->u32, "c");
    rval b = gc_copy(g, i->op == IR_ADCS ? o->b : not(g, o, o->b), o->t);
    gc_set(g, c, gc_cast(g, carry_in(g, o), g->u32));
    gc_set(g, r, o->a);
    gcc_jit_extended_asm *as = gcc_jit_block_add_extended_asm(
        g->at, NULL, o->bits == 64 ? "addl $-1, %k1\n\tadcq %4, %0" : "addl $-1, %k1\n\tadcl %4, %0");
    gcc_jit_extended_asm_add_output_operand(as, NULL, "+&r", r);
    gcc_jit_extended_asm_add_output_operand(as, NULL, "+&r", c);
    gcc_jit_extended_asm_add_output_operand(as, NULL, "=@ccc", g->fc);
    gcc_jit_extended_asm_add_output_operand(as, NULL, "=@cco", g->fv);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "r", b);
    rval wide = gc_cast(g, gcc_jit_lvalue_as_rvalue(r), g->u64);
    gc_flags_set(g, FLAGS_CARRY, i->type == IR_I64, wide, NULL);
    gc_dst(g, i->d, wide);
    return true;
}

static bool flags_op(struct gc *g, const struct ir_insn *i, const struct operands *o)
{
    bool wide = i->type == IR_I64;
    rval r = NULL;
    switch (i->op) {
    case IR_ADDS:
    case IR_SUBS:
        gc_flags_set(g, i->op == IR_ADDS ? FLAGS_ADD : FLAGS_SUB, wide, gc_src(g, i->a), gc_src(g, i->b));
        r = gc_bin(g, i->op == IR_ADDS ? OP(PLUS) : OP(MINUS), o->t,
                   gc_cast(g, gcc_jit_lvalue_as_rvalue(g->fa), o->t), gc_cast(g, gcc_jit_lvalue_as_rvalue(g->fb), o->t));
        break;
    case IR_ANDS:
    case IR_BICS:
        r = bin(g, o, OP(BITWISE_AND), o->a, i->op == IR_ANDS ? o->b : not(g, o, o->b));
        gc_flags_set(g, FLAGS_LOGIC, wide, gc_cast(g, r, g->u64), NULL);
        r = gcc_jit_lvalue_as_rvalue(g->fa);
        break;
    default:
        return false;
    }
    gc_dst(g, i->d, gc_cast(g, gc_cast(g, r, o->t), g->u64));
    return true;
}

// A conditional compare leaves packed flags: which operation they come from is known only at run
// time.
static bool compare_op(struct gc *g, const struct ir_insn *i)
{
    if (i->op != IR_CCMP && i->op != IR_CCMN)
        return false;
    lval packed = gc_local(g, g->u32, "ccmp");
    gcc_jit_block *yes = gc_block(g), *no = gc_block(g), *join = gc_block(g);
    gc_branch(g, gc_condition(g, i->imm & 0xffff), yes, no);
    g->at = yes;
    gc_flags_set(g, i->op == IR_CCMP ? FLAGS_SUB : FLAGS_ADD, i->type == IR_I64, gc_src(g, i->a), gc_src(g, i->b));
    gc_set(g, packed, gc_flags_pack(g, g->flags));
    gcc_jit_block_end_with_jump(g->at, NULL, join);
    gcc_jit_block_add_assignment(no, NULL, packed, gc_u32(g, (uint32_t)(i->imm >> 16)));
    gcc_jit_block_end_with_jump(no, NULL, join);
    g->at = join;
    gc_set(g, g->nzcv, gcc_jit_lvalue_as_rvalue(packed));
    g->flags.kind = FLAGS_PACKED;
    return true;
}

bool gc_lower_int(struct gc *g, const struct ir_insn *i)
{
    struct operands o = operands_of(g, i);
    rval v = simple2(g, i, &o);
    v = v ? v : simple1(g, i, &o);
    v = v ? v : simple3(g, i, &o);
    if (v) {
        gc_dst(g, i->d, gc_cast(g, v, g->u64));
        return true;
    }
    return divide_op(g, i, &o) || select_op(g, i, &o) || flags_op(g, i, &o) || carry_op(g, i, &o) || compare_op(g, i);
}
