// SPDX-License-Identifier: GPL-3.0-or-later
// Advanced SIMD loads and stores of structures: LD1-LD4, ST1-ST4, one lane, replicated.
//
// Memory is read and written in whole vectors and taken apart in registers. All bytes are probed
// first; loads go to temporaries, so that nothing is committed before the last access is done.
// Alignment, where it is checked, is the element's: if the first element is aligned, all are.
#include "frontend/tr_simd.h"

static const uint8_t load_vector[] = {IR_LDV8, IR_LDV16, IR_LDV32, IR_LDV64, IR_LDV128};
static const uint8_t store_vector[] = {IR_STV8, IR_STV16, IR_STV32, IR_STV64, IR_STV128};
static const uint8_t load_word[] = {IR_LD8, IR_LD16, IR_LD32, IR_LD64};
static const uint8_t store_word[] = {IR_ST8, IR_ST16, IR_ST32, IR_ST64};

static ir_val reg(int n)
{
    return tr_v((unsigned)n & 31);
}

static void probe(struct tr *t, ir_val base, unsigned bytes, int element_size, bool write,
                  bool several)
{
    if (element_size && (t->mode & A64_MODE_ALIGN))
        ir_probe(&t->ir, base, 1u << element_size, write, MEM_ALIGNED);
    if (several)
        ir_probe(&t->ir, base, bytes, write, 0);
}

// Post-indexing by the size of the access (rm 31) or a register.
static void write_back(struct tr *t, int idx, int rn, int rm, unsigned bytes)
{
    ir_val base = tr_xsp(t, (unsigned)rn);

    if (idx != A64_IDX_POST)
        return;
    ir_ADD(&t->ir, IR_I64, base, base,
           rm == 31 ? ir_const(&t->ir, bytes) : tr_x(t, (unsigned)rm));
    if (rn == 31 && (rm != 31 || bytes & 15))
        t->sp_checked = false;
}

// Several registers -------------------------------------------------------------------------------

static void permute(struct tr *t, unsigned vop, unsigned type, ir_val d, ir_val a, ir_val b)
{
    ir_vec(&t->ir, vop, type, d, a, b, IR_NONE, 0);
}

// From memory's vectors m to the registers of structures of two, three, four elements.
static void take_apart(struct tr *t, int elems, unsigned type, int rt, const ir_val *m)
{
    ir_val s[4];

    switch (elems) {
    case 2:
        permute(t, IRV_UZP1, type, reg(rt), m[0], m[1]);
        permute(t, IRV_UZP2, type, reg(rt + 1), m[0], m[1]);
        break;
    case 3:
        for (int i = 0; i < 3; i++)
            ir_vec(&t->ir, IRV_UZP3, type, reg(rt + i), m[0], m[1], m[2], (uint64_t)i);
        break;
    default:
        for (int i = 0; i < 4; i++) {
            s[i] = ir_tmp(&t->ir);
            permute(t, i & 1 ? IRV_UZP2 : IRV_UZP1, type, s[i], m[i & 2], m[(i & 2) + 1]);
        }
        permute(t, IRV_UZP1, type, reg(rt), s[0], s[2]);
        permute(t, IRV_UZP1, type, reg(rt + 1), s[1], s[3]);
        permute(t, IRV_UZP2, type, reg(rt + 2), s[0], s[2]);
        permute(t, IRV_UZP2, type, reg(rt + 3), s[1], s[3]);
    }
}

// The other way round: memory's vectors, in temporaries.
static void put_together(struct tr *t, int elems, unsigned type, int rt, ir_val *m)
{
    ir_val s[4];

    for (int i = 0; i < elems; i++)
        m[i] = ir_tmp(&t->ir);
    switch (elems) {
    case 2:
        permute(t, IRV_ZIP1, type, m[0], reg(rt), reg(rt + 1));
        permute(t, IRV_ZIP2, type, m[1], reg(rt), reg(rt + 1));
        break;
    case 3:
        for (int i = 0; i < 3; i++)
            ir_vec(&t->ir, IRV_ZIP3, type, m[i], reg(rt), reg(rt + 1), reg(rt + 2), (uint64_t)i);
        break;
    default:
        // Even and odd elements first, then those together.
        for (int i = 0; i < 4; i++) {
            s[i] = ir_tmp(&t->ir);
            permute(t, i & 1 ? IRV_ZIP2 : IRV_ZIP1, type, s[i], reg(rt + (i >> 1)),
                    reg(rt + (i >> 1) + 2));
        }
        permute(t, IRV_ZIP1, type, m[0], s[0], s[2]);
        permute(t, IRV_ZIP2, type, m[1], s[0], s[2]);
        permute(t, IRV_ZIP1, type, m[2], s[1], s[3]);
        permute(t, IRV_ZIP2, type, m[3], s[1], s[3]);
    }
}

static void load_multi(struct tr *t, const struct a64_ld_multi *f, ir_val base)
{
    unsigned bytes = 8u << f->Q;
    bool apart = f->elems > 1;
    ir_val m[4];

    for (int i = 0; i < f->regs; i++) {
        // The last one may go straight to its register: with it the last access is done.
        m[i] = !apart && i == f->regs - 1 ? reg(f->rt + i) : ir_tmp(&t->ir);
        ir_load(&t->ir, load_vector[3 + f->Q], 0, m[i], IR_NONE, base, IR_NONE,
                (uint64_t)i * bytes);
    }
    if (apart)
        take_apart(t, f->elems, tr_vector(f->size, f->Q), f->rt, m);
    else
        for (int i = 0; i < f->regs - 1; i++)
            ir_vec(&t->ir, IRV_MOV, tr_bits(f->Q), reg(f->rt + i), m[i], IR_NONE, IR_NONE, 0);
}

static void store_multi(struct tr *t, const struct a64_ld_multi *f, ir_val base)
{
    unsigned bytes = 8u << f->Q;
    ir_val m[4];

    if (f->elems > 1)
        put_together(t, f->elems, tr_vector(f->size, f->Q), f->rt, m);
    for (int i = 0; i < f->regs; i++)
        ir_store(&t->ir, store_vector[3 + f->Q], 0, f->elems > 1 ? m[i] : reg(f->rt + i), IR_NONE,
                 base, IR_NONE, (uint64_t)i * bytes);
}

bool tr_ld_multi(struct tr *t, enum a64_op op, const struct a64_ld_multi *f)
{
    unsigned bytes = (unsigned)f->regs << (3 + f->Q);
    ir_val base;

    if (!tr_fp_enabled(t))
        return true;
    base = tr_base(t, (unsigned)f->rn);
    probe(t, base, bytes, f->size, !f->L, f->regs > 1);
    if (f->L)
        load_multi(t, f, base);
    else
        store_multi(t, f, base);
    write_back(t, f->idx, f->rn, f->rm, bytes);
    return true;
}

// One lane ----------------------------------------------------------------------------------------

bool tr_ld_single(struct tr *t, enum a64_op op, const struct a64_ld_single *f)
{
    unsigned bytes = 1u << f->scale, type = (unsigned)f->scale | IR_FULL;
    ir_val base, m[4];

    if (!tr_fp_enabled(t))
        return true;
    base = tr_base(t, (unsigned)f->rn);
    probe(t, base, bytes * (unsigned)f->regs, f->scale, !f->L, f->regs > 1);
    for (int i = 0; i < f->regs; i++) {
        m[i] = ir_tmp(&t->ir);
        if (f->L) {
            ir_load(&t->ir, load_word[f->scale], 0, m[i], IR_NONE, base, IR_NONE,
                    (uint64_t)i * bytes);
        } else {
            ir_vec(&t->ir, IRV_LANE_U, type, m[i], reg(f->rt + i), IR_NONE, IR_NONE,
                   (uint64_t)f->index);
            ir_store(&t->ir, store_word[f->scale], 0, m[i], IR_NONE, base, IR_NONE,
                     (uint64_t)i * bytes);
        }
    }
    for (int i = 0; f->L && i < f->regs; i++)
        ir_vec(&t->ir, IRV_INSW, type, reg(f->rt + i), m[i], IR_NONE, reg(f->rt + i),
               (uint64_t)f->index);
    write_back(t, f->idx, f->rn, f->rm, bytes * (unsigned)f->regs);
    return true;
}

bool tr_ld_repl(struct tr *t, enum a64_op op, const struct a64_ld_repl *f)
{
    unsigned bytes = 1u << f->size;
    ir_val base, m[4];

    if (!tr_fp_enabled(t))
        return true;
    base = tr_base(t, (unsigned)f->rn);
    probe(t, base, bytes * (unsigned)f->regs, f->size, false, f->regs > 1);
    for (int i = 0; i < f->regs; i++) {
        m[i] = ir_tmp(&t->ir);
        ir_load(&t->ir, load_word[f->size], 0, m[i], IR_NONE, base, IR_NONE, (uint64_t)i * bytes);
    }
    for (int i = 0; i < f->regs; i++)
        ir_vec(&t->ir, IRV_DUPW, tr_vector(f->size, f->Q), reg(f->rt + i), m[i], IR_NONE, IR_NONE,
               0);
    write_back(t, f->idx, f->rn, f->rm, bytes * (unsigned)f->regs);
    return true;
}
