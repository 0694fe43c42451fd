// SPDX-License-Identifier: GPL-3.0-or-later
// IR as text, for `-d ir` and for failing tests.
#include "jit/ir.h"
#include "jit/ir_vec.h"

static const char *operand(const struct ir *ir, ir_val v, char *buf, size_t size)
{
    unsigned n = ir_num(v);
    switch (ir_kind(v)) {
    case IR_KIND_R:
        if (ir_is_v(v))
            snprintf(buf, size, "v%u", n);
        else if (ir->guest && n < ir->guest->nr_r && ir->guest->r_names[n])
            snprintf(buf, size, "%s", ir->guest->r_names[n]);
        else
            snprintf(buf, size, "r%u", n);
        break;
    case IR_KIND_TMP: snprintf(buf, size, "t%u", n); break;
    case IR_KIND_CONST: snprintf(buf, size, "#%#" PRIx64, ir->consts[n]); break;
    default: snprintf(buf, size, "-");
    }
    return buf;
}

static const char *op_name(const struct ir *ir, const struct ir_insn *i)
{
    if (i->op == IR_CALL && ir->guest)
        return ir->guest->helpers[i->attr].name;
    return i->op == IR_VEC ? ir_vop_info[i->attr].name : ir_op_info[i->op].name;
}

static void print_type(const struct ir_insn *i, FILE *out)
{
    static const char *const lanes[] = { "8", "16", "32", "64" };
    static const char *const shapes[] = { "", "x64", "x128", "?" };
    if (i->op == IR_VEC)
        fprintf(out, ".%s%s", lanes[i->type & 3], shapes[i->type >> 2 & 3]);
    else if (ir_op_info[i->op].form <= IR_FORM_FLG3 || i->op == IR_BR_Z || i->op == IR_BR_NZ)
        fprintf(out, ".i%s", i->type == IR_I64 ? "64" : "32");
}

void ir_print(const struct ir *ir, FILE *out)
{
    char buf[32];
    for (unsigned n = 0; n < ir->nr; n++) {
        const struct ir_insn *i = &ir->insn[n];
        if (i->op == IR_INSN_START) {
            fprintf(out, "  ---- +%#x\n", i->off);
            continue;
        }
        fprintf(out, "  %s", op_name(ir, i));
        print_type(i, out);
        const ir_val vals[] = { i->d, i->d2, i->a, i->b, i->c };
        for (unsigned k = 0; k < ARRAY_SIZE(vals); k++)
            if (vals[k] != IR_NONE)
                fprintf(out, "%s%s%s", k == 2 ? " <- " : " ", operand(ir, vals[k], buf, sizeof buf),
                        k == 2 && i->b != IR_NONE ? "," : "");
        if (i->imm)
            fprintf(out, " imm %#" PRIx64, i->imm);
        if (i->attr && i->op != IR_CALL && i->op != IR_VEC)
            fprintf(out, " attr %#x", i->attr);
        fputc('\n', out);
    }
}
