// SPDX-License-Identifier: GPL-3.0-or-later
// The rules of ir.h, checked. Debug builds run this on every block; tests on every instruction.
#include "jit/ir.h"
#include "jit/ir_vec.h"

#include <stdarg.h>

struct verifier {
    const struct ir *ir;
    unsigned n; // instruction being looked at
    char *buf;
    size_t size;
    bool written[VCPU_NR_TMP];
    bool committed; // this guest instruction has written guest state
};

static const char *wrong(struct verifier *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static const char *wrong(struct verifier *v, const char *fmt, ...)
{
    unsigned op = v->ir->insn[v->n].op;
    const char *name = op < IR_NR_OPS ? ir_op_info[op].name : "?";
    int n = snprintf(v->buf, v->size, "op %u (%s): ", v->n, name);
    va_list ap;
    va_start(ap, fmt);
    if (n >= 0 && (size_t)n < v->size)
        vsnprintf(v->buf + n, v->size - (size_t)n, fmt, ap);
    va_end(ap);
    return v->buf;
}

static const char *check_source(struct verifier *v, ir_val val)
{
    const struct ir *ir = v->ir;
    unsigned n = ir_num(val);
    switch (ir_kind(val)) {
    case IR_KIND_TMP:
        if (n >= VCPU_NR_TMP)
            return wrong(v, "no temporary %u", n);
        return v->written[n] ? NULL : wrong(v, "temporary t%u is read before it is written", n);
    case IR_KIND_R:
        if (n >= (ir_is_v(val) ? ir->guest->nr_v : ir->guest->nr_r))
            return wrong(v, "no guest register %u", n);
        return NULL;
    case IR_KIND_CONST:
        return n < ir->nr_consts ? NULL : wrong(v, "no constant %u", n);
    }
    return val == IR_NONE ? NULL : wrong(v, "operand %#x", val);
}

static const char *check_dest(struct verifier *v, ir_val val)
{
    if (ir_kind(val) == IR_KIND_CONST)
        return wrong(v, "a constant is written");
    if (ir_kind(val) == IR_KIND_TMP) {
        if (ir_num(val) >= VCPU_NR_TMP)
            return wrong(v, "no temporary %u", ir_num(val));
        v->written[ir_num(val)] = true;
        return NULL;
    }
    if (ir_kind(val) == IR_KIND_R)
        v->committed = true;
    return check_source(v, val);
}

static const char *check_type(struct verifier *v, const struct ir_insn *i)
{
    const struct ir_op_info *info = &ir_op_info[i->op];
    if (i->op == IR_VEC)
        return i->type < IR_NR_VEC_TYPES && ir_vec_fn[i->attr][i->type]
                   ? NULL : wrong(v, "%s has no type %u", ir_vop_info[i->attr].name, i->type);
    if (info->form <= IR_FORM_FLG3 && i->type > IR_I64)
        return wrong(v, "type %u", i->type);
    if (info->flags & IR_F_I64 && i->type != IR_I64)
        return wrong(v, "exists for i64 only");
    return NULL;
}

// Does it change guest state other than its destinations?
static bool commits(const struct verifier *v, const struct ir_insn *i, unsigned flags)
{
    bool monitor = i->op == IR_CLREX || i->op == IR_LDX || i->op == IR_STX;
    return flags & IR_F_WR_NZCV || monitor ||
           (i->op == IR_CALL && v->ir->guest->helpers[i->attr].flags & HELPER_WRITES_REGS);
}

static const char *check_insn(struct verifier *v, const struct ir_insn *i)
{
    if (i->op >= IR_NR_OPS)
        return wrong(v, "no such op");
    if (i->op == IR_CALL && i->attr >= v->ir->guest->nr_helpers)
        return wrong(v, "no helper %u", i->attr);
    if (i->op == IR_VEC && i->attr >= IR_NR_VOPS)
        return wrong(v, "no vector op %u", i->attr);
    unsigned flags = ir_flags(v->ir, i);
    if (!(flags & IR_F_END) != (v->n + 1 != v->ir->nr))
        return wrong(v, "the last op, and only the last, ends the block");
    if (i->op == IR_INSN_START) {
        v->committed = false;
        for (unsigned n = 0; n < ARRAY_SIZE(v->written); n++)
            v->written[n] = false;
        return NULL;
    }
    if (flags & IR_F_BAIL && v->committed)
        return wrong(v, "may bail out after guest state was written");
    bool reads_d = i->op == IR_CASP;
    const ir_val sources[] = { i->a, i->b, i->c, reads_d ? i->d : IR_NONE, reads_d ? i->d2 : IR_NONE };
    for (unsigned n = 0; n < ARRAY_SIZE(sources); n++) {
        const char *why = check_source(v, sources[n]);
        if (why)
            return why;
    }
    if (commits(v, i, flags))
        v->committed = true;
    const char *why = check_type(v, i);
    if (!why)
        why = check_dest(v, i->d);
    return why ? why : check_dest(v, i->d2);
}

const char *ir_verify(const struct ir *ir, char *buf, size_t size)
{
    struct verifier v = { .ir = ir, .buf = buf, .size = size };
    if (ir->overflow)
        return "more ops, temporaries or constants than fit";
    if (!ir->nr)
        return "empty";
    for (v.n = 0; v.n < ir->nr; v.n++) {
        const char *why = check_insn(&v, &ir->insn[v.n]);
        if (why)
            return why;
    }
    return NULL;
}
