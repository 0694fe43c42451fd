// SPDX-License-Identifier: GPL-3.0-or-later
// Loads and stores: the softMMU TLB looked up inline, everything else out of line.
//
// The check compares the page of the access's last byte with the entry's tag, so that crossing a
// page and whatever was never entered (devices, watched pages) miss. Accesses that have to be aligned
// are looked at for that first.
//
// Accesses through one base share a check where they can (quick_merge.c).
//
// FAST PATH: with a base in a host register, 9 instructions and 2 loads before the access; 3 and one
// where another one's check covers it.
#include "jit/quick_vec.h"

#include "jit/tlb.h"

#define INDEX_SHIFT (PAGE_BITS - 4) // to bytes: an entry takes 16
#define INDEX_MASK  ((TLB_SIZE - 1) << 4)

// What misses: rax gets the address, the thunk gives host address - address, or leaves.
enum { BY_REGISTER, BY_SLOT, BY_RAX, BY_SLOT_UNREAD };

static void put_value(struct quick_tr *t, const struct ir_insn *i, unsigned size);

static void emit_miss(struct quick_tr *t, struct quick_cold *c)
{
    struct x86_asm *as = &t->as;
    const struct ir_insn *i = &t->ir->insn[c->imm];
    x86_here(as, c->from[0]);
    if (c->from[1])
        x86_here(as, c->from[1]);
    unsigned form = ir_op_info[i->op].form;
    // A store's value goes along, in case it is for a device.
    if (form == IR_FORM_STORE || form == IR_FORM_STOREP || form == IR_FORM_STOREV || form == IR_FORM_STOREVP) {
        put_value(t, i, c->where & 0x3f); // rax stays
    }
    if (c->kind == BY_SLOT_UNREAD)
        quick_load(t, true, RAX, i->a);
    if (c->kind == BY_REGISTER)
        x86_emit(as, X86_LEA, true, RAX, x86_m(c->reg, c->rm.disp), 0);
    else if (c->kind != BY_RAX && c->rm.disp)
        x86_alu_imm(as, X86_G_ADD, true, x86_r(RAX), c->rm.disp);
    x86_mov_imm(as, RDX, c->where);
    bool alone = t->group_of[c->imm] == 0 || t->group[t->group_of[c->imm]].word == QUICK_NO_WORD;
    x86_call(as, alone ? t->q->access : c->where >> 15 & 1 ? t->q->look_write : t->q->look_read);
    quick_vec_reload(t, c);
    quick_unmerge(t, c);
    if (c->kind == BY_SLOT || c->kind == BY_SLOT_UNREAD)
        x86_emit(as, X86_ADD, true, RAX, x86_m(QR_STATE, quick_disp(t, i->a)), 0);
    else if (c->kind == BY_RAX)
        x86_rr(as, X86_ADD, true, RAX, RCX); // the thunk gives the address back there
    x86_jmp(as, c->back);
}

struct x86_rm quick_addend(bool store)
{
    return x86_mx(QR_STATE, RCX, 0, (store ? Q_DISP(wtlb) : Q_DISP(rtlb)) + (int32_t)offsetof(struct tlb_entry, addend));
}

void quick_look(struct quick_tr *t, struct quick_cold *cold, int base, int32_t disp, struct quick_look a)
{
    struct x86_asm *as = &t->as;
    bool aligned = a.attr & MEM_ALIGNED; // never of a pair
    int32_t ctx = a.attr & MEM_UNPRIV ? Q_DISP(uctx) : Q_DISP(dctx);
    int32_t table = a.store ? Q_DISP(wtlb) : Q_DISP(rtlb);
    // What is aligned to its size does not cross a page.
    int32_t reach = aligned ? disp : disp + (int32_t)a.size - 1;
    if (reach)
        x86_emit(as, X86_LEA, true, RDX, x86_m(base, reach), 0);
    else
        x86_rr(as, X86_MOV, true, RDX, base);
    if (t->q->bmi2 && (!disp || disp == reach)) { // what it turns in above is masked
        x86_emit3(as, X86_RORX, false, RCX, 0, x86_r(disp ? RDX : base), 1);
        x86_byte(as, INDEX_SHIFT);
    } else {
        if (disp)
            x86_emit(as, X86_LEA, false, RCX, x86_m(base, disp), 0);
        else
            x86_rr(as, X86_MOV, false, RCX, base);
        x86_shift_imm(as, X86_G_SHR, false, x86_r(RCX), INDEX_SHIFT);
    }
    if (aligned && a.size > 1) {
        x86_emit(as, X86_TEST8_IMM, false, 0, x86_r(RDX), 1);
        x86_byte(as, a.size - 1);
        cold->from[1] = x86_jcc_ahead(as, CC_NE);
    }
    x86_alu_imm(as, X86_G_AND, true, x86_r(RDX), -(int32_t)PAGE_SIZE);
    x86_alu_imm(as, X86_G_AND, false, x86_r(RCX), INDEX_MASK);
    x86_emit(as, X86_XOR, true, RDX, x86_m(QR_STATE, ctx), 0);
    x86_emit(as, X86_CMP, true, RDX, x86_mx(QR_STATE, RCX, 0, table), 0);
    cold->from[0] = x86_jcc_ahead(as, CC_NE);
}

// The base register's value; sets how it comes by in `cold`.
static int get_base(struct quick_tr *t, const struct ir_insn *i, bool indexed, int32_t *disp, struct quick_cold *cold)
{
    struct x86_asm *as = &t->as;
    int base = quick_host_of(t, i->a);
    uint64_t absolute;
    cold->kind = BY_RAX;
    if (indexed) {
        // rax = the whole address
        int b = quick_reg(t, true, i->b, RCX), r = quick_reg(t, true, i->a, RAX);
        if (i->imm <= 3) {
            x86_emit(as, X86_LEA, true, RAX, x86_mx(r, b, (unsigned)i->imm, 0), 0);
        } else {
            x86_mov(as, true, RCX, b);
            x86_shift_imm(as, X86_G_SHL, true, x86_r(RCX), (unsigned)i->imm);
            x86_emit(as, X86_LEA, true, RAX, x86_mx(r, RCX, 0, 0), 0);
        }
        return RAX;
    }
    if (base != X86_NO_REG) {
        cold->kind = BY_REGISTER;
        return base;
    }
    if (quick_const(t, i->a, &absolute)) {
        x86_mov_imm(as, RAX, absolute + (uint64_t)(int64_t)*disp);
        *disp = 0;
        return RAX;
    }
    quick_load(t, true, RAX, i->a);
    cold->kind = BY_SLOT;
    return RAX;
}

// The place of an access that an earlier one's check covers, unless that failed.
static struct x86_rm covered(struct quick_tr *t, const struct ir_insn *i, unsigned word, struct quick_cold *cold)
{
    struct x86_asm *as = &t->as;
    int base = quick_host_of(t, i->a);
    x86_emit(as, X86_MOV, true, RAX, quick_merged_rm(word), 0);
    x86_rr(as, X86_TEST, true, RAX, RAX);
    cold->from[0] = x86_jcc_ahead(as, CC_E);
    cold->reg = (int8_t)base;
    if (base != X86_NO_REG) {
        cold->kind = BY_REGISTER;
        cold->back = as->p;
        return x86_mx(RAX, base, 0, cold->rm.disp);
    }
    cold->kind = BY_SLOT_UNREAD;
    x86_emit(as, X86_ADD, true, RAX, x86_m(QR_STATE, quick_disp(t, i->a)), 0);
    cold->back = as->p;
    return x86_m(RAX, cold->rm.disp);
}

// Checks an access of i and says where it is to be made.
static struct x86_rm check(struct quick_tr *t, const struct ir_insn *i, bool indexed, struct quick_look a)
{
    struct x86_asm *as = &t->as;
    bool first = false;
    unsigned word = quick_merged(t, t->n, &first);
    const struct quick_group *g = &t->group[t->group_of[t->n]];
    struct quick_cold *cold = quick_cold(t, emit_miss);
    cold->where |= quick_access(a.size, a.attr, a.store);
    cold->imm = (int64_t)t->n;
    cold->rm.disp = indexed ? 0 : (int32_t)i->imm;
    if (word != QUICK_NO_WORD && !first)
        return covered(t, i, word, cold);
    int32_t disp = cold->rm.disp;
    int base = get_base(t, i, indexed, &disp, cold);
    cold->rm.disp = disp;
    cold->reg = (int8_t)base;
    if (word != QUICK_NO_WORD) {
        struct quick_look all = { .size = (unsigned)(g->hi - g->lo), .store = a.store };
        quick_look(t, cold, base, g->lo - g->distance, all);
    } else {
        quick_look(t, cold, base, disp, a);
    }
    struct x86_rm at;
    if (word != QUICK_NO_WORD && cold->kind != BY_REGISTER) {
        x86_emit(as, X86_MOV, true, RDX, quick_addend(a.store), 0);
        x86_emit(as, X86_MOV_TO, true, RDX, quick_merged_rm(word), 0);
        x86_rr(as, X86_ADD, true, RAX, RDX);
        at = x86_m(RAX, disp);
    } else if (cold->kind == BY_REGISTER) {
        x86_emit(as, X86_MOV, true, RAX, quick_addend(a.store), 0);
        if (word != QUICK_NO_WORD)
            x86_emit(as, X86_MOV_TO, true, RAX, quick_merged_rm(word), 0);
        at = x86_mx(RAX, base, 0, disp);
    } else {
        x86_emit(as, X86_ADD, true, RAX, quick_addend(a.store), 0);
        at = x86_m(RAX, disp);
    }
    cold->back = as->p;
    return at;
}

static struct x86_rm further(struct x86_rm rm, unsigned bytes)
{
    rm.disp += (int32_t)bytes;
    return rm;
}

// Integers ----------------------------------------------------------------------------------------

// What a load of each op does: instruction and operand width.
static const struct { uint32_t op; bool w; uint8_t size; } int_load[IR_NR_OPS] = {
    [IR_LD8] = { X86_MOVZX8, false, 1 }, [IR_LD16] = { X86_MOVZX16, false, 2 },
    [IR_LD32] = { X86_MOV, false, 4 }, [IR_LD64] = { X86_MOV, true, 8 },
    [IR_LD8S32] = { X86_MOVSX8, false, 1 }, [IR_LD8S64] = { X86_MOVSX8, true, 1 },
    [IR_LD16S32] = { X86_MOVSX16, false, 2 }, [IR_LD16S64] = { X86_MOVSX16, true, 2 },
    [IR_LD32S64] = { X86_MOVSXD, true, 4 },
    [IR_LDP32] = { X86_MOV, false, 4 }, [IR_LDP64] = { X86_MOV, true, 8 },
};

static const struct { uint32_t op; bool w; uint8_t size; } int_store[IR_NR_OPS] = {
    [IR_ST8] = { X86_MOV8_TO, false, 1 }, [IR_ST16] = { X86_MOV16_TO, false, 2 },
    [IR_ST32] = { X86_MOV_TO, false, 4 }, [IR_ST64] = { X86_MOV_TO, true, 8 },
    [IR_STP32] = { X86_MOV_TO, false, 4 }, [IR_STP64] = { X86_MOV_TO, true, 8 },
};

static void load_to(struct quick_tr *t, const struct ir_insn *i, ir_val d, struct x86_rm from)
{
    int host = d == IR_NONE ? X86_NO_REG : quick_host_of(t, d);
    int reg = host == X86_NO_REG ? RCX : host;
    x86_emit(&t->as, int_load[i->op].op, int_load[i->op].w, reg, from, 0);
    if (host == X86_NO_REG)
        quick_store(t, d, reg);
}

// Is the register that the address is made of the destination's?
static bool in_address(const struct quick_tr *t, ir_val d, struct x86_rm rm)
{
    int host = d == IR_NONE ? X86_NO_REG : quick_host_of(t, d);
    return host != X86_NO_REG && (host == rm.base || host == rm.index);
}

static void load(struct quick_tr *t, const struct ir_insn *i)
{
    unsigned size = int_load[i->op].size;
    bool pair = ir_op_info[i->op].form == IR_FORM_LOADP, indexed = !pair && i->b != IR_NONE;
    struct quick_look a = { .size = pair ? 2 * size : size, .attr = i->attr | (pair ? MEM_PAIR : 0) };
    struct x86_rm at = check(t, i, indexed, a);
    if (!pair) {
        load_to(t, i, i->d, at);
    } else if (in_address(t, i->d, at)) {
        load_to(t, i, i->d2, further(at, size));
        load_to(t, i, i->d, at);
    } else {
        load_to(t, i, i->d, at);
        load_to(t, i, i->d2, further(at, size));
    }
}

static void store_from(struct quick_tr *t, const struct ir_insn *i, ir_val v, struct x86_rm to)
{
    uint32_t op = int_store[i->op].op;
    bool w = int_store[i->op].w;
    uint64_t imm;
    if (quick_const(t, v, &imm) && int_store[i->op].size >= 4 && (!w || imm == (uint64_t)(int32_t)imm)) {
        x86_emit(&t->as, X86_MOV_IMM, w, 0, to, 4);
        x86_imm32(&t->as, (uint32_t)imm);
        return;
    }
    x86_emit(&t->as, op, w, quick_reg(t, true, v, RCX), to, 0);
}

static void store(struct quick_tr *t, const struct ir_insn *i)
{
    unsigned size = int_store[i->op].size;
    bool pair = ir_op_info[i->op].form == IR_FORM_STOREP, indexed = !pair && i->b != IR_NONE;
    struct quick_look a = { .size = pair ? 2 * size : size, .attr = i->attr | (pair ? MEM_PAIR : 0), .store = true };
    struct x86_rm at = check(t, i, indexed, a);
    store_from(t, i, i->c, at);
    if (pair)
        store_from(t, i, i->b, further(at, size));
}

// Vectors -----------------------------------------------------------------------------------------

static unsigned vec_size(const struct ir_insn *i)
{
    switch (i->op) {
    case IR_LDV8: case IR_STV8: return 1;
    case IR_LDV16: case IR_STV16: return 2;
    case IR_LDV32: case IR_STV32: case IR_LDPV32: case IR_STPV32: return 4;
    case IR_LDV64: case IR_STV64: case IR_LDPV64: case IR_STPV64: return 8;
    default: return 16;
    }
}

// The low bytes of a vector register from memory; the rest becomes zero.
static void load_vec(struct quick_tr *t, ir_val d, struct x86_rm from, unsigned size)
{
    struct x86_asm *as = &t->as;
    struct x86_rm to = d == IR_NONE ? Q_STATE(sink) : x86_m(QR_STATE, quick_disp(t, d));
    if (size <= 2) {
        x86_emit(as, size == 1 ? X86_MOVZX8 : X86_MOVZX16, false, RCX, from, 0);
        x86_emit(as, X86_MOVD, false, 0, x86_r(RCX), 0);
    } else {
        x86_emit(as, size == 4 ? X86_MOVSS : size == 8 ? X86_MOVQ : X86_MOVUPS, false, 0, from, 0);
    }
    x86_emit(as, X86_MOVAPS_TO, false, 0, to, 0);
    if (d != IR_NONE)
        quick_vec_hold(t, d, 0);
}

static void store_vec(struct quick_tr *t, ir_val v, struct x86_rm to, unsigned size)
{
    struct x86_asm *as = &t->as;
    int held = quick_vec_held(t, v);
    if (held != X86_NO_REG && size >= 4) {
        x86_emit(as, size == 16 ? X86_MOVUPS_TO : size == 8 ? X86_MOVQ_TO : X86_MOVSS_TO, false, held, to, 0);
        return;
    }
    struct x86_rm from = quick_mem(t, v);
    switch (size) {
    case 16:
        x86_emit(as, X86_MOVAPS, false, 0, from, 0);
        x86_emit(as, X86_MOVUPS_TO, false, 0, to, 0);
        return;
    case 8: case 4:
        x86_emit(as, X86_MOV, size == 8, RCX, from, 0);
        x86_emit(as, X86_MOV_TO, size == 8, RCX, to, 0);
        return;
    default:
        x86_emit(as, X86_MOV, false, RCX, from, 0);
        x86_emit(as, size == 2 ? X86_MOV16_TO : X86_MOV8_TO, false, RCX, to, 0);
    }
}

unsigned quick_access_size(const struct ir_insn *i)
{
    unsigned form = ir_op_info[i->op].form;
    bool pair = form == IR_FORM_LOADP || form == IR_FORM_STOREP || form == IR_FORM_LOADVP || form == IR_FORM_STOREVP;
    unsigned size = form >= IR_FORM_LOADV ? vec_size(i) : int_load[i->op].size | int_store[i->op].size;
    return pair ? 2 * size : size;
}

static void vector(struct quick_tr *t, const struct ir_insn *i, unsigned form)
{
    bool store = form == IR_FORM_STOREV || form == IR_FORM_STOREVP;
    bool pair = form == IR_FORM_LOADVP || form == IR_FORM_STOREVP;
    unsigned size = vec_size(i);
    struct quick_look a = { .size = pair ? 2 * size : size, .attr = i->attr | (pair ? MEM_PAIR : 0), .store = store };
    struct x86_rm at = check(t, i, !pair && i->b != IR_NONE, a);
    if (store) {
        store_vec(t, i->c, at, size);
        if (pair)
            store_vec(t, i->b, further(at, size), size);
    } else {
        load_vec(t, i->d, at, size);
        if (pair)
            load_vec(t, i->d2, further(at, size), size);
    }
}

// What a store writes, to vcpu.xfer.
static void put_value(struct quick_tr *t, const struct ir_insn *i, unsigned size)
{
    struct x86_rm to = Q_STATE(xfer);
    unsigned form = ir_op_info[i->op].form;
    if (form == IR_FORM_STOREV) {
        store_vec(t, i->c, to, size);
    } else if (form == IR_FORM_STOREVP) {
        store_vec(t, i->c, to, size / 2);
        store_vec(t, i->b, further(to, size / 2), size / 2);
    } else {
        store_from(t, i, i->c, to);
        if (form == IR_FORM_STOREP)
            store_from(t, i, i->b, further(to, int_store[i->op].size));
    }
}

bool quick_lower_mem(struct quick_tr *t, const struct ir_insn *i)
{
    unsigned form = ir_op_info[i->op].form;
    bool pair = form == IR_FORM_LOADP || form == IR_FORM_STOREP || form == IR_FORM_LOADVP || form == IR_FORM_STOREVP;
    // Cache maintenance reports its faults in its own way; a pair may be aligned and cross a page.
    if (i->attr & MEM_CACHE || (i->attr & MEM_ALIGNED && pair))
        return false;
    switch (form) {
    case IR_FORM_LOAD: case IR_FORM_LOADP:
        load(t, i);
        break;
    case IR_FORM_STORE: case IR_FORM_STOREP:
        store(t, i);
        break;
    default:
        vector(t, i, form);
    }
    if (i->attr & MEM_RELEASE && ir_op_info[i->op].flags & IR_F_WR_MEM) {
        // Later loads do not overtake it.
        static const uint8_t locked_or[] = { 0xf0, 0x83, 0x0c, 0x24, 0x00 }; // lock or [rsp], 0
        for (unsigned n = 0; n < sizeof locked_or; n++)
            x86_byte(&t->as, locked_or[n]);
        t->as.eflags = false;
    }
    return true;
}
