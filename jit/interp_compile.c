// SPDX-License-Identifier: GPL-3.0-or-later
// From IR to the interpreter's threaded code: picks a handler for each op and its operands' kinds,
// resolves operands to slots, joins a flag setter with the branch behind it.
#include "jit/interp.h"

#include "jit/atomic.h"
#include "jit/interp_ops.h"
#include "jit/ir_vec.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MAX_IOPS (2 * IR_MAX_INSNS)

struct compiler {
    const struct ir *ir;
    const void *const *handlers;
    struct iop iops[MAX_IOPS];
    uint16_t offs[MAX_IOPS];
    unsigned nr, off;
    unsigned scratch; // constants that had to go into a slot, in this instruction
};

// By op: the first of its handlers. What has none here is in emit_control() or a function.
static const uint16_t first_handler[IR_NR_OPS] = {
#define IR_INT1(name, ...)   [IR_##name] = H_##name##_32,
#define IR_INT2(name, ...)   [IR_##name] = H_##name##_32R,
#define IR_INT3(name, ...)   [IR_##name] = H_##name##_32,
#define IR_FLG2(name, ...)   [IR_##name] = H_##name##_32R,
#define IR_FLG3(name, ...)   [IR_##name] = H_##name##_32,
#define IR_LOAD(name, ...)   [IR_##name] = H_##name,
#define IR_STORE(name, ...)  [IR_##name] = H_##name,
#define IR_LOADP(name, ...)  [IR_##name] = H_##name,
#define IR_STOREP(name, ...) [IR_##name] = H_##name,
#define IR_LOADV(name, ...)  [IR_##name] = H_##name,
#define IR_STOREV(name, ...) [IR_##name] = H_##name,
#define IR_LOADVP(name, ...)  [IR_##name] = H_##name,
#define IR_STOREVP(name, ...) [IR_##name] = H_##name,
#include "jit/ir_ops.def"
};

static struct iop *emit(struct compiler *c, unsigned handler)
{
    assert(c->nr < MAX_IOPS);
    c->offs[c->nr] = (uint16_t)c->off;
    struct iop *i = &c->iops[c->nr++];
    *i = (struct iop){ .handler = c->handlers[handler], .d = SLOT(sink), .a = SLOT(zero),
                       .b = SLOT(zero), .c = SLOT(zero) };
    return i;
}

static bool const_value(const struct compiler *c, ir_val v, uint64_t *value)
{
    if (ir_kind(v) != IR_KIND_CONST)
        return false;
    *value = c->ir->consts[ir_num(v)];
    return true;
}

static uint16_t slot_of(ir_val v)
{
    if (ir_kind(v) == IR_KIND_TMP)
        return (uint16_t)(SLOT(tmp) + 2 * ir_num(v));
    return ir_is_v(v) ? (uint16_t)(SLOT(v) + 2 * ir_num(v)) : (uint16_t)(SLOT(r) + ir_num(v));
}

// A source's slot; a constant is put into one first.
static uint16_t source(struct compiler *c, ir_val v)
{
    uint64_t value;
    if (v == IR_NONE)
        return SLOT(zero);
    if (!const_value(c, v, &value))
        return slot_of(v);
    if (!value)
        return SLOT(zero);
    // Beyond the block's own temporaries; the verifier keeps these free.
    assert(c->scratch < IR_SCRATCH_TMP);
    uint16_t slot = (uint16_t)(SLOT(tmp) + 2 * (VCPU_NR_TMP + c->scratch++));
    struct iop *i = emit(c, H_MOVI);
    i->d = slot;
    i->imm = value;
    return slot;
}

static uint16_t dest(ir_val v)
{
    return v == IR_NONE ? SLOT(sink) : slot_of(v);
}

// A branch's way on: chained when it stays in the page.
static void emit_goto(struct compiler *c, uint64_t target)
{
    emit(c, target < PAGE_SIZE ? H_GOTO : H_GOTO_FAR)->imm = target;
}

static uint64_t next_insn(const struct compiler *c)
{
    return c->off + 4;
}

static void emit_int(struct compiler *c, const struct ir_insn *i, unsigned form)
{
    bool has_imm_form = form == IR_FORM_INT2 || form == IR_FORM_FLG2;
    unsigned h = first_handler[i->op] + (i->type == IR_I64 ? (has_imm_form ? 2 : 1) : 0);
    uint64_t value;
    if (form == IR_FORM_INT1 && i->op == IR_MOV && const_value(c, i->a, &value)) {
        struct iop *o = emit(c, H_MOVI);
        o->d = dest(i->d);
        o->imm = i->type == IR_I64 ? value : (uint32_t)value;
        return;
    }
    uint16_t a = source(c, i->a), b = SLOT(zero), third = source(c, i->c);
    bool immediate = has_imm_form && const_value(c, i->b, &value);
    if (!immediate)
        b = source(c, i->b);
    struct iop *o = emit(c, h + immediate);
    o->d = dest(i->d);
    o->a = a;
    o->b = b;
    o->c = third;
    o->imm = immediate ? value : i->imm;
}

// A flag setter followed by the conditional branch that ends the block, in one.
static bool emit_fused(struct compiler *c, const struct ir_insn *i, const struct ir_insn *br)
{
    if (ir_op_info[i->op].form != IR_FORM_FLG2 || br->op != IR_BR_COND)
        return false;
    emit_int(c, i, IR_FORM_FLG2);
    struct iop *o = &c->iops[c->nr - 1];
    unsigned h = first_handler[i->op];
    // The _BR handlers follow the plain four in the same order.
    for (unsigned n = 0; n < 4; n++)
        if (o->handler == c->handlers[h + n]) {
            o->handler = c->handlers[h + 4 + n];
            break;
        }
    o->c = br->attr;
    c->off = br->off;
    emit_goto(c, br->imm);
    emit_goto(c, next_insn(c));
    return true;
}

static void emit_function(struct compiler *c, const struct ir_insn *i, ir_fn *fn, bool bails,
                          uint64_t imm)
{
    assert(fn);
    uint16_t a = source(c, i->a), b = source(c, i->b), third = source(c, i->c);
    struct iop *o = emit(c, bails ? H_CALL_BAIL : H_CALL);
    o->d = dest(i->d);
    o->a = a;
    o->b = b;
    o->c = third;
    o->imm = imm;
    o->fn = fn;
}

static void emit_memory(struct compiler *c, const struct ir_insn *i, unsigned form)
{
    bool load_pair = form == IR_FORM_LOADP || form == IR_FORM_LOADVP;
    bool pair = load_pair || form == IR_FORM_STOREP || form == IR_FORM_STOREVP;
    bool indexed = !pair && i->b != IR_NONE;
    if (i->attr) {
        // d2 travels in the immediate's upper half, the attributes and the index shift below.
        uint64_t imm = indexed ? i->imm : (uint32_t)i->imm;
        emit_function(c, i, mem_fn(i->op, indexed), true,
                      (uint64_t)dest(i->d2) << 48 | (uint64_t)i->attr << 32 | (uint32_t)imm);
        return;
    }
    uint16_t a = source(c, i->a), b = source(c, i->b), value = source(c, i->c);
    struct iop *o = emit(c, first_handler[i->op] + indexed);
    o->d = dest(i->d);
    o->a = a;
    o->b = b;
    o->c = load_pair ? dest(i->d2) : value;
    o->imm = i->imm;
}

static void emit_branch(struct compiler *c, const struct ir_insn *i, unsigned handler)
{
    uint16_t a = source(c, i->a);
    struct iop *o = emit(c, handler);
    o->a = a;
    o->b = o->c = i->attr;
    emit_goto(c, i->imm);
    emit_goto(c, next_insn(c));
}

static void emit_control(struct compiler *c, const struct ir_insn *i)
{
    static const uint8_t simple[IR_NR_OPS] = {
        [IR_PCREL] = H_PCREL - H_MOVI,       [IR_PCREL_PAGE] = H_PCREL - H_MOVI,
        [IR_SET_NZCV] = H_SET_NZCV - H_MOVI, [IR_GET_NZCV] = H_GET_NZCV - H_MOVI,
        [IR_CHECK_SP] = H_CHECK_SP - H_MOVI, [IR_FENCE] = H_FENCE - H_MOVI,
        [IR_CLREX] = H_CLREX - H_MOVI,       [IR_BR_IND] = H_BR_IND - H_MOVI,
        [IR_EXIT] = H_EXIT - H_MOVI,         [IR_EXIT_PC] = H_EXIT_PC - H_MOVI,
        [IR_RAISE] = H_RAISE - H_MOVI,
    };
    bool wide = i->type == IR_I64;
    switch (i->op) {
    case IR_INSN_START: c->off = i->off; return;
    case IR_BR: emit_goto(c, i->imm); return;
    case IR_BR_COND: emit_branch(c, i, H_BR_COND); return;
    case IR_BR_Z: emit_branch(c, i, wide ? H_BR_Z_64 : H_BR_Z_32); return;
    case IR_BR_NZ: emit_branch(c, i, wide ? H_BR_NZ_64 : H_BR_NZ_32); return;
    case IR_BR_BIT0: emit_branch(c, i, H_BR_BIT0); return;
    case IR_BR_BIT1: emit_branch(c, i, H_BR_BIT1); return;
    case IR_CALL: {
        const struct helper *h = &c->ir->guest->helpers[i->attr];
        emit_function(c, i, h->fn, h->flags & HELPER_BAILS, i->imm);
        return;
    }
    case IR_VEC: emit_function(c, i, ir_vec_fn[i->attr][i->type], false, i->imm); return;
    case IR_PROBE:
        emit_function(c, i, atomic_probe, true, i->imm | (uint64_t)i->attr << 32 | (i->b ? BIT(63) : 0));
        return;
    case IR_ATOMIC: case IR_CASP: case IR_LDX: case IR_STX:
        emit_function(c, i, atomic_fn(i), true, atomic_imm(i, dest(i->d2)));
        return;
    }
    assert(simple[i->op]);
    uint16_t a = source(c, i->a);
    struct iop *o = emit(c, H_MOVI + simple[i->op]);
    o->a = a;
    o->d = dest(i->d);
    o->imm = i->imm;
    if (i->op == IR_BR_IND) // the targets seen last (tb.seen), in place of an iop
        memset(emit(c, H_BR_IND), 0, sizeof *o);
}

static void compile_one(struct compiler *c, const struct ir_insn *i)
{
    unsigned form = ir_op_info[i->op].form;
    c->scratch = 0;
    if (form == IR_FORM_CTL)
        emit_control(c, i);
    else if (form <= IR_FORM_FLG3)
        emit_int(c, i, form);
    else
        emit_memory(c, i, form);
}

void interp_compile(struct jit *jit, const struct ir *ir, struct tb *tb)
{
    struct compiler *c = malloc(sizeof *c);
    assert(c);
    c->ir = ir;
    c->handlers = interp_handlers();
    c->nr = c->scratch = 0;
    c->off = ir->off;
    emit(c, H_REGION); // not entered until a region is attached
    for (unsigned n = 0; n < ir->nr; n++) {
        const struct ir_insn *i = &ir->insn[n];
        // An INSN_START may stand between a setter and its branch.
        unsigned next = n + 1 < ir->nr && ir->insn[n + 1].op == IR_INSN_START ? n + 2 : n + 1;
        c->scratch = 0;
        if (next < ir->nr && emit_fused(c, i, &ir->insn[next]))
            break;
        compile_one(c, i);
    }
    struct iop *code = malloc(c->nr * (sizeof *c->iops + sizeof *c->offs));
    assert(code);
    tb->n_iops = c->nr;
    tb->offs = (uint16_t *)(code + c->nr);
    memcpy(code, c->iops, c->nr * sizeof *c->iops);
    memcpy(tb->offs, c->offs, c->nr * sizeof *c->offs);
    tb->code = code;
    tb->entry = code + 1;
    // A block that ends indirectly ends with room for where it went.
    if (tb->n_iops >= 2 && code[tb->n_iops - 2].handler == c->handlers[H_BR_IND])
        tb->seen = (uint64_t *)(void *)&code[tb->n_iops - 1];
    free(c);
}

void interp_unchain(struct tb *tb)
{
    const void *const *handlers = interp_handlers();
    for (unsigned n = 1; tb->code && n < tb->n_iops; n++) {
        if (tb->code[n].handler == handlers[H_GOTO])
            __atomic_store_n(&tb->code[n].link, NULL, __ATOMIC_RELAXED);
        else if (tb->code[n].handler == handlers[H_BR_IND])
            n++; // its targets
    }
}
