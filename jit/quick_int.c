// SPDX-License-Identifier: GPL-3.0-or-later
// Integer operations in x86-64. Results are computed in the destination's own host register where
// no other operand is in it, else in rax; rcx and rdx hold what has to be in a register besides.
#include "jit/quick_ctx.h"

#include "jit/ir_ref.h"

#include <assert.h>

static bool wide(const struct ir_insn *i)
{
    return i->type == IR_I64;
}

// reg = reg op v.
static void alu(struct quick_tr *t, unsigned op, unsigned group, bool w, int reg, ir_val v)
{
    struct x86_rm rm;
    uint64_t imm;
    if (quick_rm(t, v, &rm, &imm)) {
        x86_emit(&t->as, op, w, reg, rm, 0);
        return;
    }
    if (!w)
        imm = (uint64_t)(int32_t)imm;
    if (imm == (uint64_t)(int32_t)imm) {
        x86_alu_imm(&t->as, group, w, x86_r(reg), (int32_t)imm);
    } else {
        x86_mov_imm(&t->as, RCX, imm);
        x86_rr(&t->as, op, w, reg, RCX);
    }
}

// [slot] op= v, where d is a and not in a register.
static bool in_memory(struct quick_tr *t, const struct ir_insn *i, unsigned op_to, unsigned group)
{
    struct x86_rm rm = x86_m(QR_STATE, 0);
    int32_t imm;
    if (!wide(i) || i->d != i->a || quick_host_of(t, i->d) != X86_NO_REG)
        return false;
    rm.disp = quick_disp(t, i->d);
    if (quick_imm32(t, i->b, &imm)) {
        x86_alu_imm(&t->as, group, true, rm, imm);
        return true;
    }
    int b = quick_host_of(t, i->b);
    if (b == X86_NO_REG)
        return false;
    x86_emit(&t->as, op_to, true, b, rm, 0);
    return true;
}

static void binary(struct quick_tr *t, const struct ir_insn *i, unsigned op, unsigned op_to, unsigned group)
{
    if (in_memory(t, i, op_to, group))
        return;
    ir_val a = i->a, b = i->b;
    bool commutes = op != X86_SUB;
    if (commutes && i->d == b) {
        a = i->b;
        b = i->a;
    }
    int d = quick_dest(t, i->d, b, IR_NONE);
    quick_load(t, wide(i), d, a);
    alu(t, op, group, wide(i), d, b);
    quick_store(t, i->d, d);
}

// Into another register than either operand's one LEA does.
static bool add_by_lea(struct quick_tr *t, const struct ir_insn *i, bool negate)
{
    int a = quick_host_of(t, i->a), b = quick_host_of(t, i->b), d = quick_host_of(t, i->d);
    int32_t imm;
    if (a == X86_NO_REG || d == X86_NO_REG || a == d || (b == d && b != X86_NO_REG))
        return false;
    if (quick_imm32(t, i->b, &imm) && imm != INT32_MIN) {
        x86_emit(&t->as, X86_LEA, wide(i), d, x86_m(a, negate ? -imm : imm), 0);
        return true;
    }
    if (b == X86_NO_REG || negate)
        return false;
    x86_emit(&t->as, X86_LEA, wide(i), d, x86_mx(a, b, 0, 0), 0);
    return true;
}

static void with_not(struct quick_tr *t, const struct ir_insn *i, unsigned op, unsigned group)
{
    uint64_t imm;
    if (quick_const(t, i->b, &imm)) {
        quick_load(t, wide(i), RAX, i->a);
        imm = wide(i) ? ~imm : (uint32_t)~imm;
        if (imm == (uint64_t)(int32_t)imm || !wide(i)) {
            x86_alu_imm(&t->as, group, wide(i), x86_r(RAX), (int32_t)imm);
        } else {
            x86_mov_imm(&t->as, RCX, imm);
            x86_rr(&t->as, op, true, RAX, RCX);
        }
    } else {
        quick_load(t, wide(i), RAX, i->b);
        x86_emit(&t->as, X86_NOT, wide(i), X86_G_NOT, x86_r(RAX), 0);
        alu(t, op, group, wide(i), RAX, i->a);
    }
    quick_store(t, i->d, RAX);
}

static void shift(struct quick_tr *t, const struct ir_insn *i, unsigned group, unsigned bmi2)
{
    unsigned bits = wide(i) ? 63 : 31;
    uint64_t count;
    if (quick_const(t, i->b, &count)) {
        int d = quick_dest(t, i->d, IR_NONE, IR_NONE);
        quick_load(t, wide(i), d, i->a);
        if (count & bits)
            x86_shift_imm(&t->as, group, wide(i), x86_r(d), count & bits);
        quick_store(t, i->d, d);
        return;
    }
    if (bmi2 && t->q->bmi2) {
        struct x86_rm a;
        uint64_t imm;
        if (!quick_rm(t, i->a, &a, &imm)) {
            x86_mov_imm(&t->as, RAX, imm);
            a = x86_r(RAX);
        }
        int b = quick_reg(t, false, i->b, RCX), d = quick_dest(t, i->d, IR_NONE, IR_NONE);
        x86_emit3(&t->as, bmi2, wide(i), d, b, a, 0);
        quick_store(t, i->d, d);
        return;
    }
    quick_load(t, false, RCX, i->b);
    quick_load(t, wide(i), RAX, i->a);
    x86_emit(&t->as, X86_SHIFT_CL, wide(i), (int)group, x86_r(RAX), 0);
    quick_store(t, i->d, RAX);
}

// A constant that has to be an operand of IMUL and the like.
static struct x86_rm operand(struct quick_tr *t, bool w, ir_val v, int scratch)
{
    struct x86_rm rm;
    uint64_t imm;
    if (quick_rm(t, v, &rm, &imm))
        return rm;
    x86_mov_imm(&t->as, scratch, w ? imm : (uint32_t)imm);
    return x86_r(scratch);
}

// Where EFLAGS have to live on, or where it is shorter. hi, lo: two registers, or the same for the
// high half alone.
static void mulx(struct quick_tr *t, const struct ir_insn *i, int hi, int lo)
{
    struct x86_rm b = operand(t, wide(i), i->b, RCX);
    quick_load(t, wide(i), RDX, i->a);
    x86_emit3(&t->as, X86_MULX, wide(i), hi, lo, b, 0);
}

// How operands are taken.
enum taken { WHOLE, SIGNED_WORD, UNSIGNED_WORD };

static void product(struct quick_tr *t, const struct ir_insn *i, enum taken taken)
{
    if (taken == WHOLE) {
        quick_load(t, wide(i), RAX, i->a);
        x86_emit(&t->as, X86_IMUL, wide(i), RAX, operand(t, wide(i), i->b, RCX), 0);
        return;
    }
    bool sign = taken == SIGNED_WORD;
    unsigned load = sign ? X86_MOVSXD : X86_MOV;
    x86_emit(&t->as, load, sign, RAX, operand(t, false, i->a, RAX), 0);
    x86_emit(&t->as, load, sign, RCX, operand(t, false, i->b, RCX), 0);
    x86_rr(&t->as, X86_IMUL, true, RAX, RCX);
}

static void multiply(struct quick_tr *t, const struct ir_insn *i, enum taken taken)
{
    if (taken == WHOLE && t->as.eflags && t->q->bmi2) {
        int d = quick_dest(t, i->d, IR_NONE, IR_NONE);
        mulx(t, i, RDX, d);
        quick_store(t, i->d, d);
        return;
    }
    product(t, i, taken);
    quick_store(t, i->d, RAX);
}

static void multiply_add(struct quick_tr *t, const struct ir_insn *i, enum taken taken)
{
    product(t, i, taken);
    alu(t, X86_ADD, X86_G_ADD, wide(i), RAX, i->c);
    quick_store(t, i->d, RAX);
}

static void multiply_sub(struct quick_tr *t, const struct ir_insn *i, enum taken taken)
{
    product(t, i, taken);
    quick_load(t, wide(i), RDX, i->c);
    x86_rr(&t->as, X86_SUB, wide(i), RDX, RAX);
    quick_store(t, i->d, RDX);
}

static void multiply_high(struct quick_tr *t, const struct ir_insn *i, unsigned group)
{
    if (group == X86_G_MUL && t->q->bmi2) {
        int d = quick_dest(t, i->d, IR_NONE, IR_NONE);
        mulx(t, i, d, d);
        quick_store(t, i->d, d);
        return;
    }
    struct x86_rm b = operand(t, true, i->b, RCX);
    quick_load(t, true, RAX, i->a);
    x86_emit(&t->as, X86_GROUP3, true, (int)group, b, 0);
    quick_store(t, i->d, RDX);
}

// Division by zero gives zero; the smallest number by -1 gives itself.
static void divide(struct quick_tr *t, const struct ir_insn *i, bool sign)
{
    struct x86_asm *as = &t->as;
    bool w = wide(i);
    quick_load(t, w, RCX, i->b);
    x86_mov_imm(as, RAX, 0);
    x86_rr(as, X86_TEST, w, RCX, RCX);
    uint8_t *zero = x86_jcc_short(as, CC_E), *minus = NULL, *done = NULL;
    quick_load(t, w, RAX, i->a);
    if (sign) {
        x86_alu_imm(as, X86_G_CMP, w, x86_r(RCX), -1);
        minus = x86_jcc_short(as, CC_E);
        if (w)
            x86_byte(as, 0x48);
        x86_byte(as, 0x99); // cqo, cdq
    } else {
        x86_rr(as, X86_XOR, false, RDX, RDX);
    }
    x86_emit(as, X86_GROUP3, w, sign ? X86_G_IDIV : X86_G_DIV, x86_r(RCX), 0);
    if (sign) {
        done = x86_jmp_short(as);
        x86_here_short(as, minus);
        x86_emit(as, X86_GROUP3, w, X86_G_NEG, x86_r(RAX), 0);
        x86_here_short(as, done);
    }
    x86_here_short(as, zero);
    quick_store(t, i->d, RAX);
}

static void unary(struct quick_tr *t, const struct ir_insn *i, unsigned op, bool w)
{
    int d = quick_dest(t, i->d, IR_NONE, IR_NONE);
    x86_emit(&t->as, op, w, d, operand(t, true, i->a, RAX), 0);
    quick_store(t, i->d, d);
}

static void set_constant(struct quick_tr *t, ir_val d, uint64_t value)
{
    int host = d == IR_NONE ? X86_NO_REG : quick_host_of(t, d);
    if (d != IR_NONE && d == t->constant.d && t->constant.to == t->as.p)
        t->as.p = t->constant.from; // nobody has seen the last one
    uint8_t *from = t->as.p;
    if (host == X86_NO_REG && value == (uint64_t)(int32_t)value && d != IR_NONE) {
        x86_emit(&t->as, X86_MOV_IMM, true, 0, x86_m(QR_STATE, quick_disp(t, d)), 4);
        x86_imm32(&t->as, (uint32_t)value);
    } else {
        host = host == X86_NO_REG ? RAX : host;
        x86_mov_imm(&t->as, host, value);
        quick_store(t, d, host);
    }
    quick_note_constant(t, d, value, false, from);
}

// d = page base + distance.
void quick_set_relative(struct quick_tr *t, ir_val d, uint64_t distance)
{
    struct x86_asm *as = &t->as;
    uint8_t *from = as->p;
    int r = quick_dest(t, d, IR_NONE, IR_NONE);
    x86_emit(as, X86_MOV, true, r, Q_STATE(pc_page), 0);
    if (distance == (uint64_t)(int32_t)distance) {
        if (distance)
            x86_alu_imm(as, X86_G_ADD, true, x86_r(r), (int32_t)distance);
    } else {
        x86_mov_imm(as, RCX, distance);
        x86_rr(as, X86_ADD, true, r, RCX);
    }
    quick_store(t, d, r);
    quick_note_constant(t, d, distance, true, from);
}

// A constant that is made in pieces (MOVZ and MOVK, which the frontend puts together; ADRP and ADD) is
// made once, by the last of them: nothing can leave the block in between.
static bool next_piece(struct quick_tr *t, const struct ir_insn *i)
{
    uint64_t piece;
    if (i->op != IR_ADD || i->d != t->constant.d || i->a != i->d || i->d == IR_NONE || t->constant.to != t->as.p ||
        !wide(i) || !quick_const(t, i->b, &piece))
        return false;
    if (t->constant.relative) {
        t->as.p = t->constant.from;
        quick_set_relative(t, i->d, t->constant.value + piece);
    } else {
        set_constant(t, i->d, t->constant.value + piece);
    }
    return true;
}

static void move(struct quick_tr *t, const struct ir_insn *i)
{
    uint64_t imm;
    if (quick_const(t, i->a, &imm)) {
        set_constant(t, i->d, wide(i) ? imm : (uint32_t)imm);
        return;
    }
    int a = quick_host_of(t, i->a);
    if (wide(i) && a != X86_NO_REG) {
        quick_store(t, i->d, a);
        return;
    }
    int d = quick_dest(t, i->d, IR_NONE, IR_NONE);
    quick_load(t, wide(i), d, i->a);
    quick_store(t, i->d, d);
}

static bool count_zeros(struct quick_tr *t, const struct ir_insn *i)
{
    if (!t->q->lzcnt)
        return false;
    unary(t, i, X86_LZCNT, wide(i));
    return true;
}

static void swap_bits(struct quick_tr *t, bool w, uint64_t mask, unsigned by)
{
    x86_mov_imm(&t->as, RDX, w ? mask : (uint32_t)mask);
    x86_rr(&t->as, X86_MOV, w, RCX, RAX);
    x86_shift_imm(&t->as, X86_G_SHR, w, x86_r(RCX), by);
    x86_rr(&t->as, X86_AND, w, RCX, RDX);
    x86_rr(&t->as, X86_AND, w, RAX, RDX);
    x86_shift_imm(&t->as, X86_G_SHL, w, x86_r(RAX), by);
    x86_rr(&t->as, X86_OR, w, RAX, RCX);
}

static void reverse_bits(struct quick_tr *t, const struct ir_insn *i)
{
    quick_load(t, wide(i), RAX, i->a);
    x86_bswap(&t->as, wide(i), RAX);
    swap_bits(t, wide(i), 0x0f0f0f0f0f0f0f0f, 4);
    swap_bits(t, wide(i), 0x3333333333333333, 2);
    swap_bits(t, wide(i), 0x5555555555555555, 1);
    quick_store(t, i->d, RAX);
}

static void reverse_bytes(struct quick_tr *t, const struct ir_insn *i, bool halves)
{
    int d = quick_dest(t, i->d, IR_NONE, IR_NONE);
    quick_load(t, wide(i), d, i->a);
    x86_bswap(&t->as, wide(i), d);
    if (halves)
        x86_shift_imm(&t->as, X86_G_ROR, true, x86_r(d), 32);
    quick_store(t, i->d, d);
}

// Fields ------------------------------------------------------------------------------------------

static void extract(struct quick_tr *t, const struct ir_insn *i, bool sign)
{
    unsigned lsb = i->imm & 63, width = (unsigned)(i->imm >> 8), bits = wide(i) ? 64 : 32;
    struct x86_asm *as = &t->as;
    bool w = wide(i);
    if (!lsb && width < bits && (width == 8 || width == 16 || width == 32)) {
        if (width == 32 && !sign) {
            int d = quick_dest(t, i->d, IR_NONE, IR_NONE);
            quick_load(t, false, d, i->a);
            quick_store(t, i->d, d);
        } else {
            unary(t, i, width == 32 ? X86_MOVSXD : width == 16 ? (sign ? X86_MOVSX16 : X86_MOVZX16) :
                                                                 (sign ? X86_MOVSX8 : X86_MOVZX8), w && sign);
        }
        return;
    }
    int d = quick_dest(t, i->d, IR_NONE, IR_NONE);
    quick_load(t, w, d, i->a);
    if (!sign && lsb + width == bits) {
        x86_shift_imm(as, X86_G_SHR, w, x86_r(d), lsb);
    } else if (!sign && width < 32) {
        if (lsb)
            x86_shift_imm(as, X86_G_SHR, w, x86_r(d), lsb);
        x86_alu_imm(as, X86_G_AND, false, x86_r(d), (int32_t)mask64(width));
    } else {
        if (lsb + width < bits)
            x86_shift_imm(as, X86_G_SHL, w, x86_r(d), bits - lsb - width);
        if (width < bits)
            x86_shift_imm(as, sign ? X86_G_SAR : X86_G_SHR, w, x86_r(d), bits - width);
    }
    quick_store(t, i->d, d);
}

static void insert_zeros(struct quick_tr *t, const struct ir_insn *i, bool sign)
{
    unsigned lsb = i->imm & 63, width = (unsigned)(i->imm >> 8), bits = wide(i) ? 64 : 32;
    int d = quick_dest(t, i->d, IR_NONE, IR_NONE);
    quick_load(t, wide(i), d, i->a);
    if (width < bits)
        x86_shift_imm(&t->as, X86_G_SHL, wide(i), x86_r(d), bits - width);
    if (bits - width > lsb)
        x86_shift_imm(&t->as, sign ? X86_G_SAR : X86_G_SHR, wide(i), x86_r(d), bits - width - lsb);
    else if (lsb > bits - width)
        x86_shift_imm(&t->as, X86_G_SHL, wide(i), x86_r(d), lsb - (bits - width));
    quick_store(t, i->d, d);
}

// reg &= mask, by rcx if need be.
static void mask_reg(struct quick_tr *t, bool w, int reg, uint64_t mask)
{
    if (!w)
        mask = (uint64_t)(int32_t)mask;
    if (mask == (uint64_t)(int32_t)mask) {
        x86_alu_imm(&t->as, X86_G_AND, w, x86_r(reg), (int32_t)mask);
    } else {
        x86_mov_imm(&t->as, RCX, mask);
        x86_rr(&t->as, X86_AND, w, reg, RCX);
    }
}

static void insert(struct quick_tr *t, const struct ir_insn *i)
{
    unsigned lsb = i->imm & 63, width = (unsigned)(i->imm >> 8), bits = wide(i) ? 64 : 32;
    bool w = wide(i);
    quick_load(t, w, RDX, i->b);
    if (lsb + width < bits)
        mask_reg(t, w, RDX, mask64(width));
    if (lsb)
        x86_shift_imm(&t->as, X86_G_SHL, w, x86_r(RDX), lsb);
    quick_load(t, w, RAX, i->a);
    mask_reg(t, w, RAX, ~(mask64(width) << lsb));
    x86_rr(&t->as, X86_OR, w, RAX, RDX);
    quick_store(t, i->d, RAX);
}

static void extract_pair(struct quick_tr *t, const struct ir_insn *i)
{
    quick_load(t, wide(i), RAX, i->b);
    if (i->imm) {
        int a = quick_reg(t, wide(i), i->a, RCX);
        x86_emit(&t->as, X86_SHRD, wide(i), a, x86_r(RAX), 1);
        x86_byte(&t->as, (unsigned)i->imm);
    }
    quick_store(t, i->d, RAX);
}

// a plus b shifted or extended.
static void add_shifted(struct quick_tr *t, const struct ir_insn *i, enum taken taken, bool sub)
{
    bool w = wide(i);
    if (taken == WHOLE && i->imm <= 3 && !sub) {
        int b = quick_reg(t, w, i->b, RCX), a = quick_reg(t, w, i->a, RAX);
        int d = quick_dest(t, i->d, IR_NONE, IR_NONE);
        x86_emit(&t->as, X86_LEA, w, d, x86_mx(a, b, (unsigned)i->imm, 0), 0);
        quick_store(t, i->d, d);
        return;
    }
    if (taken == WHOLE)
        quick_load(t, w, RCX, i->b);
    else
        x86_emit(&t->as, taken == SIGNED_WORD ? X86_MOVSXD : X86_MOV, taken == SIGNED_WORD, RCX,
                 operand(t, false, i->b, RCX), 0);
    if (i->imm)
        x86_shift_imm(&t->as, X86_G_SHL, w, x86_r(RCX), (unsigned)i->imm);
    int d = quick_dest(t, i->d, IR_NONE, IR_NONE);
    quick_load(t, w, d, i->a);
    x86_rr(&t->as, sub ? X86_SUB : X86_ADD, w, d, RCX);
    quick_store(t, i->d, d);
}

// Conditions --------------------------------------------------------------------------------------

// d = condition ? a : what b became in rcx.
static void select(struct quick_tr *t, const struct ir_insn *i)
{
    struct x86_asm *as = &t->as;
    enum x86_cc cc = quick_condition(t, i->imm & 0xffff);
    bool w = wide(i);
    uint64_t a = 1, b = 1;
    if (cc == CC_ALWAYS) {
        quick_load(t, w, RAX, i->a);
        quick_store(t, i->d, RAX);
        return;
    }
    bool zeros = quick_const(t, i->a, &a) && quick_const(t, i->b, &b) && !a && !b;
    if (zeros && i->op == IR_SELINC) {
        x86_setcc(as, x86_cc_not(cc), RAX);
        x86_rr(as, X86_MOVZX8, false, RAX, RAX);
        quick_store(t, i->d, RAX);
        return;
    }
    int r = i->op == IR_SEL ? quick_dest(t, i->d, i->a, IR_NONE) : RCX;
    quick_load(t, w, r, i->b);
    if (i->op == IR_SELINV || i->op == IR_SELNEG)
        x86_emit(as, X86_NOT, w, X86_G_NOT, x86_r(r), 0);
    if (i->op == IR_SELINC || i->op == IR_SELNEG)
        x86_emit(as, X86_LEA, w, r, x86_m(r, 1), 0);
    x86_cmov(as, cc, w, r, operand(t, w, i->a, RDX));
    quick_store(t, i->d, r);
}

// Compares a and b for their flags alone.
static void compare(struct quick_tr *t, bool w, ir_val va, ir_val vb)
{
    struct x86_rm a, b;
    uint64_t ia, ib;
    int32_t imm;
    if (!quick_rm(t, va, &a, &ia)) {
        x86_mov_imm(&t->as, RAX, w ? ia : (uint32_t)ia);
        a = x86_r(RAX);
    }
    if (quick_rm(t, vb, &b, &ib)) {
        if (!x86_is_reg(a)) {
            if (x86_is_reg(b)) {
                x86_emit(&t->as, X86_CMP_TO, w, b.reg, a, 0);
                return;
            }
            x86_emit(&t->as, X86_MOV, w, RAX, a, 0);
            a = x86_r(RAX);
        }
        x86_emit(&t->as, X86_CMP, w, a.reg, b, 0);
        return;
    }
    imm = (int32_t)ib;
    if (!w || ib == (uint64_t)(int64_t)imm) {
        if (!imm && x86_is_reg(a))
            x86_rr(&t->as, X86_TEST, w, a.reg, a.reg); // leaves CF and OF as the comparison would
        else
            x86_alu_imm(&t->as, X86_G_CMP, w, a, imm);
        return;
    }
    x86_mov_imm(&t->as, RCX, ib);
    if (x86_is_reg(a))
        x86_rr(&t->as, X86_CMP, w, a.reg, RCX);
    else
        x86_emit(&t->as, X86_CMP_TO, w, RCX, a, 0);
}

static void complement_carry(struct quick_tr *t)
{
    x86_byte(&t->as, 0xf5); // cmc
}

// CF = the guest's C, or (borrow) its opposite.
static void want_carry(struct quick_tr *t, bool borrow)
{
    bool is_borrow = t->only != QUICK_FLAGS_CARRY;
    assert(t->as.eflags || t->only == QUICK_FLAGS_KEPT);
    if (!t->as.eflags) {
        x86_emit(&t->as, X86_BT_IMM, false, 4, Q_STATE(qflags), 1);
        x86_byte(&t->as, 8);
    }
    if (is_borrow != borrow)
        complement_carry(t);
    t->only = QUICK_FLAGS_KEPT;
}

static void set_flags(struct quick_tr *t, const struct ir_insn *i)
{
    bool w = wide(i);
    bool adds = i->op == IR_ADDS || i->op == IR_ADCS;
    if (i->op == IR_ADCS || i->op == IR_SBCS)
        want_carry(t, i->op == IR_SBCS);
    if (quick_flags_pass_carry(t))
        t->only = adds ? QUICK_FLAGS_CARRY : QUICK_FLAGS_BORROW;
    if (i->op == IR_SUBS && i->d == IR_NONE) {
        compare(t, w, i->a, i->b);
        quick_flags_keep(t);
        return;
    }
    int d = quick_dest(t, i->d, i->b, IR_NONE);
    switch (i->op) {
    case IR_BICS:
        d = RAX;
        quick_load(t, w, RAX, i->b);
        x86_emit(&t->as, X86_NOT, w, X86_G_NOT, x86_r(RAX), 0);
        alu(t, X86_AND, X86_G_AND, w, RAX, i->a);
        break;
    case IR_ANDS: {
        struct x86_rm a;
        uint64_t imm;
        int32_t imm32;
        if (i->d == IR_NONE && i->a == i->b && quick_host_of(t, i->a) != X86_NO_REG) {
            x86_rr(&t->as, X86_TEST, w, quick_host_of(t, i->a), quick_host_of(t, i->a));
            break;
        }
        if (i->d == IR_NONE && quick_rm(t, i->a, &a, &imm) && (quick_imm32(t, i->b, &imm32) ||
                                                                (!w && quick_const(t, i->b, &imm)))) {
            if (w || !quick_const(t, i->b, &imm))
                imm = (uint64_t)(int64_t)imm32;
            x86_emit(&t->as, X86_TEST_IMM, w, 0, a, 4);
            x86_imm32(&t->as, (uint32_t)imm);
            break;
        }
        quick_load(t, w, d, i->a);
        alu(t, X86_AND, X86_G_AND, w, d, i->b);
        break;
    }
    default: {
        static const struct { uint32_t op, group; } ops[IR_NR_OPS] = {
            [IR_ADDS] = { X86_ADD, X86_G_ADD }, [IR_SUBS] = { X86_SUB, X86_G_SUB },
            [IR_ADCS] = { X86_ADC, X86_G_ADC }, [IR_SBCS] = { X86_SBB, X86_G_SBB },
        };
        quick_load(t, w, d, i->a);
        alu(t, ops[i->op].op, ops[i->op].group, w, d, i->b);
    }
    }
    if (adds && t->only == QUICK_FLAGS_KEPT)
        complement_carry(t);
    else if (i->op == IR_ANDS || i->op == IR_BICS)
        x86_byte(&t->as, 0xf9); // stc: C is 0
    // Neither a move nor a store touches EFLAGS.
    quick_store(t, i->d, d);
    quick_flags_keep(t);
}

static void compare_if(struct quick_tr *t, const struct ir_insn *i)
{
    struct x86_asm *as = &t->as;
    enum x86_cc cc = quick_condition(t, i->imm & 0xffff);
    uint8_t *otherwise = NULL, *done = NULL;
    if (cc != CC_ALWAYS)
        otherwise = x86_jcc_short(as, x86_cc_not(cc));
    if (i->op == IR_CCMP) {
        compare(t, wide(i), i->a, i->b);
    } else {
        quick_load(t, wide(i), RAX, i->a);
        alu(t, X86_ADD, X86_G_ADD, wide(i), RAX, i->b);
        complement_carry(t);
    }
    x86_byte(as, 0x9f); // lahf
    x86_setcc(as, CC_O, RAX);
    if (otherwise) {
        done = x86_jmp_short(as);
        x86_here_short(as, otherwise);
        x86_mov_imm(as, RAX, quick_flags_from(i->imm >> 16 & 15));
        x86_here_short(as, done);
    }
    if (!quick_flags_pass(t))
        x86_emit(as, X86_MOV_TO, false, RAX, Q_STATE(qflags), 0);
    as->eflags = false;
    t->flags_in_rax = as->p;
}

static void with_carry(struct quick_tr *t, const struct ir_insn *i)
{
    want_carry(t, i->op == IR_SBC);
    int d = quick_dest(t, i->d, i->b, IR_NONE);
    quick_load(t, wide(i), d, i->a);
    alu(t, i->op == IR_ADC ? X86_ADC : X86_SBB, i->op == IR_ADC ? X86_G_ADC : X86_G_SBB, wide(i), d, i->b);
    quick_store(t, i->d, d);
}

bool quick_lower_int(struct quick_tr *t, const struct ir_insn *i)
{
    if (next_piece(t, i))
        return true;
    switch (i->op) {
    case IR_ADD:
        if (!add_by_lea(t, i, false))
            binary(t, i, X86_ADD, X86_ADD_TO, X86_G_ADD);
        return true;
    case IR_SUB:
        if (!add_by_lea(t, i, true))
            binary(t, i, X86_SUB, X86_SUB_TO, X86_G_SUB);
        return true;
    case IR_AND: binary(t, i, X86_AND, X86_AND_TO, X86_G_AND); return true;
    case IR_OR: binary(t, i, X86_OR, X86_OR_TO, X86_G_OR); return true;
    case IR_XOR: binary(t, i, X86_XOR, X86_XOR_TO, X86_G_XOR); return true;
    case IR_ANDN: with_not(t, i, X86_AND, X86_G_AND); return true;
    case IR_ORN: with_not(t, i, X86_OR, X86_G_OR); return true;
    case IR_XORN: with_not(t, i, X86_XOR, X86_G_XOR); return true;
    case IR_SHL: shift(t, i, X86_G_SHL, X86_SHLX); return true;
    case IR_SHR: shift(t, i, X86_G_SHR, X86_SHRX); return true;
    case IR_SAR: shift(t, i, X86_G_SAR, X86_SARX); return true;
    case IR_ROR: shift(t, i, X86_G_ROR, 0); return true;
    case IR_MUL: multiply(t, i, WHOLE); return true;
    case IR_SMULL: multiply(t, i, SIGNED_WORD); return true;
    case IR_UMULL: multiply(t, i, UNSIGNED_WORD); return true;
    case IR_MADD: multiply_add(t, i, WHOLE); return true;
    case IR_MSUB: multiply_sub(t, i, WHOLE); return true;
    case IR_SMADDL: multiply_add(t, i, SIGNED_WORD); return true;
    case IR_SMSUBL: multiply_sub(t, i, SIGNED_WORD); return true;
    case IR_UMADDL: multiply_add(t, i, UNSIGNED_WORD); return true;
    case IR_UMSUBL: multiply_sub(t, i, UNSIGNED_WORD); return true;
    case IR_UMULH: multiply_high(t, i, X86_G_MUL); return true;
    case IR_SMULH: multiply_high(t, i, X86_G_IMUL); return true;
    case IR_UDIV: divide(t, i, false); return true;
    case IR_SDIV: divide(t, i, true); return true;
    case IR_MOV: move(t, i); return true;
    case IR_CLZ: return count_zeros(t, i);
    case IR_RBIT: reverse_bits(t, i); return true;
    case IR_REV: reverse_bytes(t, i, false); return true;
    case IR_REV32: reverse_bytes(t, i, true); return true;
    case IR_SEXT8: unary(t, i, X86_MOVSX8, wide(i)); return true;
    case IR_SEXT16: unary(t, i, X86_MOVSX16, wide(i)); return true;
    case IR_SEXT32: unary(t, i, X86_MOVSXD, true); return true;
    case IR_UBFX: extract(t, i, false); return true;
    case IR_SBFX: extract(t, i, true); return true;
    case IR_UBFIZ: insert_zeros(t, i, false); return true;
    case IR_SBFIZ: insert_zeros(t, i, true); return true;
    case IR_BFI: insert(t, i); return true;
    case IR_EXTR: extract_pair(t, i); return true;
    case IR_ADD_SHL: add_shifted(t, i, WHOLE, false); return true;
    case IR_SUB_SHL: add_shifted(t, i, WHOLE, true); return true;
    case IR_ADD_SXTW: add_shifted(t, i, SIGNED_WORD, false); return true;
    case IR_ADD_UXTW: add_shifted(t, i, UNSIGNED_WORD, false); return true;
    case IR_ADC: case IR_SBC: with_carry(t, i); return true;
    case IR_SEL: case IR_SELINC: case IR_SELINV: case IR_SELNEG: select(t, i); return true;
    case IR_ADDS: case IR_SUBS: case IR_ANDS: case IR_BICS: case IR_ADCS: case IR_SBCS: set_flags(t, i); return true;
    case IR_CCMP: case IR_CCMN: compare_if(t, i); return true;
    }
    return false;
}
