// SPDX-License-Identifier: GPL-3.0-or-later
// Exclusives and read-modify-writes, by the host's locked instructions on the guest's memory.
//
// The page is looked up in the TLB inline (that for writes, except by LDXR); what is misaligned, or
// not there, calls the op's function in jit/atomic.c out of line, which does all of it again. The
// meaning is the same there: STXR is a compare-and-swap with the value that LDXR saw, and every
// locked instruction is a full barrier, which is as much as any acquire or release asks for. LDXR
// and its pairs are plain loads, which the host orders as acquire; a pair of 64-bit registers is
// read in one access where the host makes one of it, and if it is torn, STXP fails.
//
// Registers: rdx (with the base's own, or alone) is the place, rax what CMPXCHG compares, rcx what
// is stored. The widest form wants rbx and a place outside of all these besides: the guest's values
// there are kept in xmm0 and xmm1 meanwhile.
#include "jit/quick_vec.h"

#define EXCL(field) Q_STATE(excl_##field)

static void emit_function(struct quick_tr *t, struct quick_cold *c)
{
    x86_here(&t->as, c->from[0]);
    if (c->from[1])
        x86_here(&t->as, c->from[1]);
    t->off = quick_where_off(c->where);
    t->left = quick_where_left(c->where);
    quick_lower_call(t, &t->ir->insn[c->imm]);
    quick_vec_reload(t, c);
    quick_unmerge(t, c);
    x86_jmp(&t->as, c->back);
}

// The place of i's access, found in the TLB. The base is the register of *va, where the whole
// address stays: out of line it is asked for again.
static struct x86_rm look(struct quick_tr *t, const struct ir_insn *i, unsigned size, bool store, int *va,
                          struct quick_cold **cold)
{
    struct quick_cold *c = quick_cold(t, emit_function);
    int base = quick_reg(t, true, i->a, RAX);
    c->imm = (int64_t)t->n;
    quick_look(t, c, base, 0, (struct quick_look){ .size = size, .attr = i->attr | MEM_ALIGNED, .store = store });
    x86_emit(&t->as, X86_MOV, true, RDX, quick_addend(store), 0);
    *va = base;
    *cold = c;
    return x86_mx(RDX, base, 0, 0);
}

// rax is wanted for something else.
static struct x86_rm free_rax(struct quick_tr *t, struct x86_rm at)
{
    if (at.index != RAX)
        return at;
    x86_rr(&t->as, X86_ADD, true, RDX, RAX);
    return x86_m(RDX, 0);
}

static void locked(struct quick_tr *t, unsigned op, int reg, struct x86_rm at, unsigned log2)
{
    x86_byte(&t->as, 0xf0);
    x86_emit(&t->as, x86_sized(op, log2), log2 == 3, reg, at, 0);
}

// d = the low bytes of reg.
static void result(struct quick_tr *t, ir_val d, int reg, unsigned log2)
{
    static const uint32_t op[4] = { X86_MOVZX8, X86_MOVZX16, X86_MOV, X86_MOV };
    if (d == IR_NONE)
        return;
    int to = quick_dest(t, d, IR_NONE, IR_NONE);
    if (log2 < 2 || to != reg)
        x86_rr(&t->as, op[log2], log2 == 3, to, reg);
    quick_store(t, d, to);
}

// Read-modify-writes -----------------------------------------------------------------------------

// rcx = the value to store, of the old one in rax and i's operand.
static void combine(struct quick_tr *t, const struct ir_insn *i, unsigned log2)
{
    static const struct { uint8_t kind, keep; } limits[] = { // the old value, if it is ...
        [IR_ATOMIC_SMAX] = { 1, CC_G }, [IR_ATOMIC_SMIN] = { 1, CC_L },
        [IR_ATOMIC_UMAX] = { 1, CC_A }, [IR_ATOMIC_UMIN] = { 1, CC_B },
    };
    struct x86_asm *as = &t->as;
    quick_load(t, true, RCX, i->b);
    switch ((enum ir_atomic)i->imm) {
    case IR_ATOMIC_CLR:
        x86_emit(as, X86_NOT, true, X86_G_NOT, x86_r(RCX), 0);
        x86_rr(as, X86_AND, true, RCX, RAX);
        break;
    case IR_ATOMIC_XOR:
        x86_rr(as, X86_XOR, true, RCX, RAX);
        break;
    case IR_ATOMIC_SET:
        x86_rr(as, X86_OR, true, RCX, RAX);
        break;
    default:
        x86_emit(as, x86_sized(X86_CMP, log2), log2 == 3, RAX, x86_r(RCX), 0);
        x86_cmov(as, limits[i->imm].keep, true, RCX, x86_r(RAX));
    }
}

static void swap_loop(struct quick_tr *t, const struct ir_insn *i, struct x86_rm at)
{
    static const uint32_t load[4] = { X86_MOVZX8, X86_MOVZX16, X86_MOV, X86_MOV };
    unsigned log2 = i->type;
    at = free_rax(t, at);
    x86_emit(&t->as, load[log2], log2 == 3, RAX, at, 0);
    const uint8_t *again = t->as.p;
    combine(t, i, log2);
    locked(t, X86_CMPXCHG, RCX, at, log2);
    x86_jcc(&t->as, CC_NE, again);
    result(t, i->d, RAX, log2);
}

// The old value comes back in the register that the operand goes in by.
static void exchange(struct quick_tr *t, const struct ir_insn *i, struct x86_rm at, unsigned op)
{
    unsigned log2 = i->type;
    int reg = i->d == IR_NONE ? X86_NO_REG : quick_host_of(t, i->d);
    if (log2 < 2 || reg == X86_NO_REG || reg == at.index) {
        at = free_rax(t, at);
        reg = RAX;
    }
    quick_load(t, log2 == 3, reg, i->b);
    if (op == X86_XCHG) // locked by itself
        x86_emit(&t->as, x86_sized(op, log2), log2 == 3, reg, at, 0);
    else
        locked(t, op, reg, at, log2);
    result(t, i->d, reg, log2);
}

static void rmw(struct quick_tr *t, const struct ir_insn *i)
{
    static const uint32_t without_result[] = {
        [IR_ATOMIC_ADD] = X86_ADD_TO, [IR_ATOMIC_CLR] = X86_AND_TO, [IR_ATOMIC_XOR] = X86_XOR_TO, [IR_ATOMIC_SET] = X86_OR_TO,
    };
    struct quick_cold *c;
    unsigned log2 = i->type;
    int va;
    struct x86_rm at = look(t, i, 1u << log2, true, &va, &c);
    if (i->imm == IR_ATOMIC_CAS) {
        at = free_rax(t, at);
        quick_load(t, log2 == 3, RAX, i->b);
        locked(t, X86_CMPXCHG, quick_reg(t, true, i->c, RCX), at, log2);
        result(t, i->d, RAX, log2);
    } else if (i->imm == IR_ATOMIC_SWP) {
        exchange(t, i, at, X86_XCHG);
    } else if (i->d == IR_NONE && i->imm <= IR_ATOMIC_SET) {
        int b = quick_reg(t, true, i->b, RCX);
        if (i->imm == IR_ATOMIC_CLR) {
            x86_mov(&t->as, true, RCX, b);
            x86_emit(&t->as, X86_NOT, true, X86_G_NOT, x86_r(RCX), 0);
            b = RCX;
        }
        locked(t, without_result[i->imm], b, at, log2);
    } else if (i->imm == IR_ATOMIC_ADD) {
        exchange(t, i, at, X86_XADD);
    } else {
        swap_loop(t, i, at);
    }
    c->back = t->as.p;
}

// Pairs ------------------------------------------------------------------------------------------

// reg = two words as one value. rax, xmm0 and xmm1 are lost.
static void join(struct quick_tr *t, int reg, ir_val lo, ir_val hi)
{
    struct x86_asm *as = &t->as;
    x86_rr(as, X86_MOVD, false, 0, quick_reg(t, false, lo, RAX));
    x86_rr(as, X86_MOVD, false, 1, quick_reg(t, false, hi, RAX));
    x86_rr(as, X86_PUNPCKLDQ, false, 0, 1);
    x86_rr(as, X86_MOVD_TO, true, 0, reg);
}

// d, d2 = the halves of rax, which is lost.
static void split(struct quick_tr *t, ir_val d, ir_val d2)
{
    x86_rr(&t->as, X86_MOV, false, RCX, RAX);
    x86_shift_imm(&t->as, X86_G_SHR, true, x86_r(RAX), 32);
    quick_store(t, d, RCX);
    quick_store(t, d2, RAX);
}

// The 16 bytes at `at` become (lo, hi) if they are what rdx:rax is loaded with by expect().
// Leaves what was there in rdx:rax and whether it was that in ZF.
static void swap_wide(struct quick_tr *t, const struct ir_insn *i, struct x86_rm at,
                      void (*expect)(struct quick_tr *, const struct ir_insn *))
{
    struct x86_asm *as = &t->as;
    if (at.index != X86_NO_REG)
        x86_emit(as, X86_LEA, true, RDX, at, 0);
    x86_rr(as, X86_MOVD, true, 0, RBX);
    x86_rr(as, X86_MOVD, true, 1, QR_TMP);
    quick_load(t, true, RCX, i->c);
    quick_load(t, true, RBX, i->b);
    x86_mov(as, true, QR_TMP, RDX);
    expect(t, i);
    x86_byte(as, 0xf0);
    x86_emit(as, X86_CMPXCHG128, true, 1, x86_m(QR_TMP, 0), 0);
    x86_rr(as, X86_MOVD_TO, true, 0, RBX);
    x86_rr(as, X86_MOVD_TO, true, 1, QR_TMP);
}

// reg = v, as it was before swap_wide() took registers away.
static void load_before(struct quick_tr *t, int reg, ir_val v)
{
    int host = quick_host_of(t, v);
    if (host == RBX || host == QR_TMP)
        x86_rr(&t->as, X86_MOVD_TO, true, host == RBX ? 0 : 1, reg);
    else
        quick_load(t, true, reg, v);
}

static void expect_operands(struct quick_tr *t, const struct ir_insn *i)
{
    load_before(t, RAX, i->d);
    load_before(t, RDX, i->d2);
}

static void expect_seen(struct quick_tr *t, const struct ir_insn *i)
{
    (void)i;
    x86_emit(&t->as, X86_MOV, true, RAX, EXCL(value), 0);
    x86_emit(&t->as, X86_MOV, true, RDX, Q_STATE(excl_value[1]), 0);
}

static void casp(struct quick_tr *t, const struct ir_insn *i)
{
    struct quick_cold *c;
    int va;
    struct x86_rm at = free_rax(t, look(t, i, 2u << i->type, true, &va, &c));
    if (i->type == 3) {
        swap_wide(t, i, at, expect_operands);
        quick_store(t, i->d, RAX);
        quick_store(t, i->d2, RDX);
    } else {
        join(t, RCX, i->b, i->c);
        join(t, RAX, i->d, i->d2);
        locked(t, X86_CMPXCHG, RCX, at, 3);
        split(t, i->d, i->d2);
    }
    c->back = t->as.p;
}

// Exclusives -------------------------------------------------------------------------------------

static void load_exclusive(struct quick_tr *t, const struct ir_insn *i)
{
    static const uint32_t load[4] = { X86_MOVZX8, X86_MOVZX16, X86_MOV, X86_MOV };
    struct x86_asm *as = &t->as;
    struct quick_cold *c;
    bool pair = i->d2 != IR_NONE;
    unsigned size = (1u + pair) << i->type;
    int va;
    struct x86_rm at = look(t, i, size, false, &va, &c);
    x86_emit(as, X86_MOV_TO, true, va, EXCL(addr), 0);
    x86_emit(as, X86_MOV_IMM, false, 0, EXCL(size), 4);
    x86_imm32(as, size);
    if (size == 16) {
        x86_emit(as, X86_MOVUPS, false, 0, at, 0);
        x86_emit(as, X86_MOVUPS_TO, false, 0, EXCL(value), 0);
        x86_emit(as, X86_MOV, true, RAX, EXCL(value), 0);
        x86_emit(as, X86_MOV, true, RDX, Q_STATE(excl_value[1]), 0);
        quick_store(t, i->d, RAX);
        quick_store(t, i->d2, RDX);
    } else {
        unsigned log2 = i->type + pair;
        x86_emit(as, load[log2], log2 == 3, RAX, at, 0);
        x86_emit(as, X86_MOV_TO, true, RAX, EXCL(value), 0);
        x86_emit(as, X86_MOV_IMM, true, 0, Q_STATE(excl_value[1]), 4);
        x86_imm32(as, 0);
        if (pair)
            split(t, i->d, i->d2);
        else
            quick_store(t, i->d, RAX);
    }
    c->back = as->p;
}

static void store_exclusive(struct quick_tr *t, const struct ir_insn *i)
{
    struct x86_asm *as = &t->as;
    struct quick_cold *c;
    bool pair = i->c != IR_NONE;
    unsigned size = (1u + pair) << i->type;
    int va;
    struct x86_rm at = look(t, i, size, true, &va, &c);
    x86_emit(as, X86_CMP, true, va, EXCL(addr), 0);
    uint8_t *elsewhere = x86_jcc_ahead(as, CC_NE);
    x86_alu_imm(as, X86_G_CMP, false, EXCL(size), (int32_t)size);
    uint8_t *not_so = x86_jcc_ahead(as, CC_NE);
    at = free_rax(t, at);
    if (size == 16) {
        swap_wide(t, i, at, expect_seen);
    } else {
        int value = RCX;
        if (pair)
            join(t, RCX, i->b, i->c);
        else
            value = quick_reg(t, true, i->b, RCX);
        x86_emit(as, X86_MOV, true, RAX, EXCL(value), 0);
        locked(t, X86_CMPXCHG, value, at, i->type + pair);
    }
    x86_here(as, elsewhere);
    x86_here(as, not_so);
    // Whichever way: ZF says that it was stored.
    x86_emit(as, X86_MOV_IMM, false, 0, EXCL(size), 4);
    x86_imm32(as, 0);
    if (i->d != IR_NONE) {
        x86_setcc(as, CC_NE, RAX);
        result(t, i->d, RAX, 0);
    }
    c->back = as->p;
}

bool quick_lower_atomic(struct quick_tr *t, const struct ir_insn *i)
{
    switch (i->op) {
    case IR_ATOMIC:
        if (i->imm > IR_ATOMIC_CAS)
            return false;
        rmw(t, i);
        return true;
    case IR_CASP:
        if (i->type == 3 && !t->q->cx16)
            return false;
        casp(t, i);
        return true;
    case IR_LDX:
        load_exclusive(t, i);
        return true;
    case IR_STX:
        if (i->type == 3 && i->c != IR_NONE && !t->q->cx16)
            return false;
        store_exclusive(t, i);
        return true;
    case IR_FENCE: {
        static const uint8_t locked_or[] = { 0xf0, 0x83, 0x0c, 0x24, 0x00 }; // lock or [rsp], 0
        for (unsigned n = 0; n < sizeof locked_or; n++)
            x86_byte(&t->as, locked_or[n]);
        t->as.eflags = false;
        return true;
    }
    }
    return false;
}
