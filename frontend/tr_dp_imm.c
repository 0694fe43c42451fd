// SPDX-License-Identifier: GPL-3.0-or-later
// Data processing, immediate (Arm ARM C4.1.86): PC-relative, add and subtract, logical, move wide,
// bitfield, extract.
#include "frontend/translate.h"

bool tr_adr(struct tr *t, enum a64_op op, const struct a64_pcrel *f)
{
    ir_pcrel(&t->ir, tr_xd((unsigned)f->rd), t->off + (int64_t)f->imm);
    return true;
}

bool tr_adrp(struct tr *t, enum a64_op op, const struct a64_pcrel *f)
{
    ir_emit(&t->ir, IR_PCREL_PAGE, IR_I64, tr_xd((unsigned)f->rd), IR_NONE, IR_NONE, IR_NONE,
            (uint64_t)((int64_t)f->imm * 4096));
    return true;
}

bool tr_addsub_imm(struct tr *t, enum a64_op op, const struct a64_addsub_imm *f)
{
    struct ir *ir = &t->ir;
    unsigned type = tr_type((unsigned)f->sf), rd = (unsigned)f->rd;
    ir_val a = tr_xsp(t, (unsigned)f->rn);
    ir_val imm = ir_const(ir, (uint64_t)f->imm);
    if (f->S) {
        (f->op ? ir_SUBS : ir_ADDS)(ir, type, tr_xd(rd), a, imm);
        return true;
    }
    if (f->imm == 0)
        ir_MOV(ir, type, tr_xsp(t, rd), a, 0);
    else
        (f->op ? ir_SUB : ir_ADD)(ir, type, tr_xsp(t, rd), a, imm);
    if (rd == 31 && (f->rn != 31 || !f->sf || f->imm & 15))
        t->sp_checked = false;
    return true;
}

// DecodeBitMasks() for immediates: a run of ones in an element, rotated, replicated.
static uint64_t bitmask(unsigned n, unsigned immr, unsigned imms)
{
    unsigned len = 31 - clz32(n << 6 | (~imms & 63));
    unsigned size = 1u << len, ones = (imms & (size - 1)) + 1, rot = immr & (size - 1);
    uint64_t e = mask64(ones);
    e = ((e >> rot) | (rot ? e << (size - rot) : 0)) & mask64(size);
    for (; size < 64; size *= 2)
        e |= e << size;
    return e;
}

bool tr_logical_imm(struct tr *t, enum a64_op op, const struct a64_logical_imm *f)
{
    struct ir *ir = &t->ir;
    unsigned type = tr_type((unsigned)f->sf), rd = (unsigned)f->rd;
    uint64_t mask = bitmask((unsigned)f->N, (unsigned)f->immr, (unsigned)f->imms);
    if (!f->sf)
        mask = (uint32_t)mask;
    ir_val a = tr_x(t, (unsigned)f->rn), imm = ir_const(ir, mask);
    if (f->opc == 3) {
        ir_ANDS(ir, type, tr_xd(rd), a, imm);
        return true;
    }
    if (rd == 31)
        t->sp_checked = false;
    if (f->opc == 1 && f->rn == 31)
        ir_MOV(ir, type, tr_xsp(t, rd), imm, 0);
    else
        (f->opc == 0 ? ir_AND : f->opc == 1 ? ir_OR : ir_XOR)(ir, type, tr_xsp(t, rd), a, imm);
    return true;
}

bool tr_movwide(struct tr *t, enum a64_op op, const struct a64_movwide *f)
{
    struct ir *ir = &t->ir;
    unsigned type = tr_type((unsigned)f->sf), rd = (unsigned)f->rd, shift = (unsigned)f->hw * 16;
    uint64_t value = (uint64_t)f->imm16 << shift;
    if (f->opc == 0)
        value = ~value;
    if (f->opc == 3) {
        // A constant built piece by piece is one MOV with what is known so far.
        if (t->movk_rd != rd || t->movk_off != t->off || rd == 31) {
            ir_BFI(ir, type, tr_xd(rd), tr_x(t, rd), ir_const(ir, (uint64_t)f->imm16), IR_NONE,
                   shift | 16 << 8);
            return true;
        }
        value |= t->movk_value & ~((uint64_t)0xffff << shift);
    }
    if (!f->sf)
        value = (uint32_t)value;
    ir_MOV(ir, type, tr_xd(rd), ir_const(ir, value), 0);
    t->movk_rd = rd;
    t->movk_off = t->off + 4;
    t->movk_value = value;
    return true;
}

static void extend(struct tr *t, const struct a64_bitfield *f, ir_val rd, ir_val rn, unsigned type,
                   unsigned lsb, unsigned width, bool to_bit0)
{
    struct ir *ir = &t->ir;
    unsigned bits = f->sf ? 64 : 32;
    uint64_t imm = lsb | width << 8;
    bool is_signed = f->opc == 0;
    if (!to_bit0) {
        if (lsb + width == bits)
            ir_SHL(ir, type, rd, rn, ir_const(ir, lsb));
        else
            (is_signed ? ir_SBFIZ : ir_UBFIZ)(ir, type, rd, rn, imm);
    } else if (lsb + width == bits) {
        (is_signed ? ir_SAR : ir_SHR)(ir, type, rd, rn, ir_const(ir, lsb));
    } else if (lsb == 0 && is_signed && (width == 8 || width == 16 || width == 32)) {
        (width == 8 ? ir_SEXT8 : width == 16 ? ir_SEXT16 : ir_SEXT32)(ir, type, rd, rn, 0);
    } else if (lsb == 0 && !is_signed) {
        ir_AND(ir, type, rd, rn, ir_const(ir, mask64(width)));
    } else {
        (is_signed ? ir_SBFX : ir_UBFX)(ir, type, rd, rn, imm);
    }
}

bool tr_bitfield(struct tr *t, enum a64_op op, const struct a64_bitfield *f)
{
    struct ir *ir = &t->ir;
    unsigned type = tr_type((unsigned)f->sf), bits = f->sf ? 64 : 32;
    unsigned immr = (unsigned)f->immr, imms = (unsigned)f->imms;
    ir_val rd = tr_xd((unsigned)f->rd), rn = tr_x(t, (unsigned)f->rn);
    bool to_bit0 = imms >= immr;
    unsigned lsb = to_bit0 ? immr : bits - immr;
    unsigned width = to_bit0 ? imms - immr + 1 : imms + 1;
    if (f->opc != 1) {
        extend(t, f, rd, rn, type, lsb, width, to_bit0);
        return true;
    }
    ir_val field = rn;
    if (to_bit0 && lsb) {
        field = ir_tmp(ir);
        ir_SHR(ir, type, field, rn, ir_const(ir, lsb));
    }
    ir_BFI(ir, type, rd, tr_x(t, (unsigned)f->rd), field, IR_NONE, (to_bit0 ? 0 : lsb) | width << 8);
    return true;
}

bool tr_extr(struct tr *t, enum a64_op op, const struct a64_extr *f)
{
    struct ir *ir = &t->ir;
    unsigned type = tr_type((unsigned)f->sf), imms = (unsigned)f->imms;
    ir_val rd = tr_xd((unsigned)f->rd), rn = tr_x(t, (unsigned)f->rn), rm = tr_x(t, (unsigned)f->rm);
    if (f->rn == f->rm)
        ir_ROR(ir, type, rd, rn, ir_const(ir, imms));
    else
        ir_EXTR(ir, type, rd, rn, rm, IR_NONE, imms);
    return true;
}
