// SPDX-License-Identifier: GPL-3.0-or-later
// The verifier's rules, each broken once; the printer; the pass that drops dead flags.
#include "jit/ir_ref.h"
#include "jit/ir_vec.h"
#include "tests/jit/toy.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum {
    H_PLAIN = TOY_HELPER_FREE,
    H_BAILS,
    H_READS_NZCV,
    H_WRITES_NZCV,
    H_WRITES_REGS,
};

static void nothing(struct vcpu *cpu, void *d, const void *a, const void *b, const void *c,
                    uint64_t imm)
{
}

static struct toy *machine(void)
{
    struct toy *t = toy_create();
    t->helpers[H_PLAIN] = (struct helper){"plain", nothing, 0};
    t->helpers[H_BAILS] = (struct helper){"bails", nothing, HELPER_BAILS};
    t->helpers[H_READS_NZCV] = (struct helper){"reads_nzcv", nothing, HELPER_READS_NZCV};
    t->helpers[H_WRITES_NZCV] = (struct helper){"writes_nzcv", nothing, HELPER_WRITES_NZCV};
    t->helpers[H_WRITES_REGS] = (struct helper){"writes_regs", nothing, HELPER_WRITES_REGS};
    return t;
}

// What is between INSN_START and the block's end.
typedef void body(struct ir *ir);

static const char *verify(struct toy *t, body *b, bool end)
{
    static char buf[256];
    struct ir *ir = t->jit.ir;
    ir_begin(ir, &t->guest, 0, 0);
    ir_insn_start(ir, 0);
    b(ir);
    if (end)
        ir_br(ir, 4);
    return ir_verify(ir, buf, sizeof buf);
}

#define R0              ir_r(0)
#define R1              ir_r(1)
#define T0              ((ir_val)IR_KIND_TMP)
#define LD(ir, d, base) ir_load(ir, IR_LD64, 0, d, IR_NONE, base, IR_NONE, 0)
#define ST(ir, v, base) ir_store(ir, IR_ST64, 0, v, IR_NONE, base, IR_NONE, 0)
#define MOV(ir, d, a)   ir_MOV(ir, IR_I64, d, a, 0)

// One function a rule -----------------------------------------------------------------------------
// clang-format off

static void tmp_unwritten(struct ir *ir) { MOV(ir, R0, T0); }
static void tmp_of_last_insn(struct ir *ir) { MOV(ir, T0, R0); ir_insn_start(ir, 4); MOV(ir, R0, T0); }
static void tmp_too_big(struct ir *ir) { MOV(ir, (ir_val)(IR_KIND_TMP | VCPU_NR_TMP), R0); }
static void tmp_too_big_read(struct ir *ir) { MOV(ir, R0, (ir_val)(IR_KIND_TMP | VCPU_NR_TMP)); }
static void casp_reads_tmp(struct ir *ir) { ir_excl(ir, IR_CASP, 3, 0, T0, R1, R0, R0, R0); }
static void reg_too_big(struct ir *ir) { MOV(ir, ir_r(64), R0); }
static void reg_too_big_read(struct ir *ir) { MOV(ir, R0, ir_r(64)); }
static void vec_too_big(struct ir *ir) { ir_load(ir, IR_LDV64, 0, ir_v(32), IR_NONE, R0, IR_NONE, 0); }
static void const_unknown(struct ir *ir) { MOV(ir, R0, IR_KIND_CONST | 5); }
static void const_written(struct ir *ir) { MOV(ir, ir_const(ir, 1), R0); }
static void const_written_d2(struct ir *ir) { ir_load(ir, IR_LDP64, 0, R0, ir_const(ir, 1), R0, IR_NONE, 0); }
static void odd_operand(struct ir *ir) { MOV(ir, R0, 0x0123); }
static void bad_type(struct ir *ir) { ir_ADD(ir, 2, R0, R0, R1); }
static void i64_only(struct ir *ir) { ir_UMULH(ir, IR_I32, R0, R0, R1); }
static void bad_vec_type(struct ir *ir) { ir_vec(ir, IRV_MUL, IR_LANE64 | IR_FULL, ir_v(0), ir_v(1), ir_v(2), IR_NONE, 0); }
static void vec_type_range(struct ir *ir) { ir_vec(ir, IRV_MUL, 40, ir_v(0), ir_v(1), ir_v(2), IR_NONE, 0); }
static void no_vop(struct ir *ir) { ir_vec(ir, IR_NR_VOPS, 0, ir_v(0), ir_v(1), ir_v(2), IR_NONE, 0); }
static void no_helper(struct ir *ir) { ir_call(ir, TOY_NR_HELPERS, IR_NONE, IR_NONE, IR_NONE, IR_NONE, 0); }
static void no_op(struct ir *ir) { ir_emit(ir, (enum ir_op)255, 0, R0, R0, R0, R0, 0); }
static void reg_then_load(struct ir *ir) { MOV(ir, R0, R1); LD(ir, R1, R0); }
static void load_then_load(struct ir *ir) { LD(ir, R1, R0); LD(ir, R0, R1); }
static void pair_then_store(struct ir *ir) { ir_load(ir, IR_LDP64, 0, T0, R1, R0, IR_NONE, 0); ST(ir, R0, R1); }
static void vector_then_load(struct ir *ir) { ir_load(ir, IR_LDV128, 0, ir_v(0), IR_NONE, R0, IR_NONE, 0); LD(ir, R0, R1); }
static void flags_then_store(struct ir *ir) { ir_ADDS(ir, IR_I64, IR_NONE, R0, R1); ST(ir, R0, R1); }
static void set_nzcv_then_load(struct ir *ir) { ir_emit(ir, IR_SET_NZCV, 0, IR_NONE, R0, IR_NONE, IR_NONE, 0); LD(ir, R0, R1); }
static void helper_flags_then_load(struct ir *ir) { ir_call(ir, H_WRITES_NZCV, IR_NONE, IR_NONE, IR_NONE, IR_NONE, 0); LD(ir, R0, R1); }
static void helper_regs_then_load(struct ir *ir) { ir_call(ir, H_WRITES_REGS, IR_NONE, IR_NONE, IR_NONE, IR_NONE, 0); LD(ir, R0, R1); }
static void clrex_then_load(struct ir *ir) { ir_emit(ir, IR_CLREX, 0, IR_NONE, IR_NONE, IR_NONE, IR_NONE, 0); LD(ir, R0, R1); }
static void ldx_then_load(struct ir *ir) { ir_excl(ir, IR_LDX, 3, 0, T0, IR_NONE, R0, IR_NONE, IR_NONE); LD(ir, R0, R1); }
static void stx_then_load(struct ir *ir) { ir_excl(ir, IR_STX, 3, 0, T0, IR_NONE, R0, R1, IR_NONE); LD(ir, R0, R1); }
static void reg_then_helper(struct ir *ir) { MOV(ir, R0, R1); ir_call(ir, H_BAILS, IR_NONE, R0, IR_NONE, IR_NONE, 0); }
static void reg_then_sp(struct ir *ir) { MOV(ir, R0, R1); ir_emit(ir, IR_CHECK_SP, 0, IR_NONE, R0, IR_NONE, IR_NONE, 0); }
static void reg_then_probe(struct ir *ir) { MOV(ir, R0, R1); ir_probe(ir, R0, 8, true, 0); }
static void reg_then_atomic(struct ir *ir) { MOV(ir, R0, R1); ir_atomic(ir, IR_ATOMIC_ADD, 3, 0, R0, R1, R0, IR_NONE); }
static void branch_inside(struct ir *ir) { ir_br(ir, 8); MOV(ir, R0, R1); }

// clang-format on

static const struct {
    const char *name;
    body *build;
    const char *says;
} broken[] = {
#define B(fn, says)                                                                                \
    {                                                                                              \
#fn, fn, says                                                                              \
    }
    B(tmp_unwritten, "op 1 (MOV): temporary t0 is read before it is written"),
    B(tmp_of_last_insn, "op 3 (MOV): temporary t0 is read before it is written"),
    B(tmp_too_big, "op 1 (MOV): no temporary 96"),
    B(tmp_too_big_read, "op 1 (MOV): no temporary 96"),
    B(casp_reads_tmp, "op 1 (CASP): temporary t0 is read before it is written"),
    B(reg_too_big, "op 1 (MOV): no guest register 64"),
    B(reg_too_big_read, "op 1 (MOV): no guest register 64"),
    B(vec_too_big, "op 1 (LDV64): no guest register 32"),
    B(const_unknown, "op 1 (MOV): no constant 5"),
    B(const_written, "op 1 (MOV): a constant is written"),
    B(const_written_d2, "op 1 (LDP64): a constant is written"),
    B(odd_operand, "op 1 (MOV): operand 0x123"),
    B(bad_type, "op 1 (ADD): type 2"),
    B(i64_only, "op 1 (UMULH): exists for i64 only"),
    B(bad_vec_type, "op 1 (VEC): MUL has no type 11"),
    B(vec_type_range, "op 1 (VEC): MUL has no type 40"),
    B(no_vop, "no vector op"),
    B(no_helper, "op 1 (CALL): no helper 8"),
    B(no_op, "no such op"),
    B(reg_then_load, "op 2 (LD64): may bail out after guest state was written"),
    B(load_then_load, "op 2 (LD64): may bail out after guest state was written"),
    B(pair_then_store, "op 2 (ST64): may bail out after guest state was written"),
    B(vector_then_load, "op 2 (LD64): may bail out after guest state was written"),
    B(flags_then_store, "op 2 (ST64): may bail out after guest state was written"),
    B(set_nzcv_then_load, "op 2 (LD64): may bail out after guest state was written"),
    B(helper_flags_then_load, "op 2 (LD64): may bail out after guest state was written"),
    B(helper_regs_then_load, "op 2 (LD64): may bail out after guest state was written"),
    B(clrex_then_load, "op 2 (LD64): may bail out after guest state was written"),
    B(ldx_then_load, "op 2 (LD64): may bail out after guest state was written"),
    B(stx_then_load, "op 2 (LD64): may bail out after guest state was written"),
    B(reg_then_helper, "op 2 (CALL): may bail out after guest state was written"),
    B(reg_then_sp, "op 2 (CHECK_SP): may bail out after guest state was written"),
    B(reg_then_probe, "op 2 (PROBE): may bail out after guest state was written"),
    B(reg_then_atomic, "op 2 (ATOMIC): may bail out after guest state was written"),
    B(branch_inside, "op 1 (BR): the last op, and only the last, ends the block"),
#undef B
};

Test(jit_verify, each_rule_refuses)
{
    struct toy *t = machine();
    for (unsigned n = 0; n < ARRAY_SIZE(broken); n++) {
        const char *why = verify(t, broken[n].build, true);
        cr_expect(why && strstr(why, broken[n].says), "%s: says '%s', not '%s'", broken[n].name,
                  why ? why : "(accepted)", broken[n].says);
    }
    toy_destroy(t);
}

// clang-format off
static void raise_after_write(struct ir *ir) { MOV(ir, R0, R1); ir_raise(ir, 1); }
static void empty_insn(struct ir *ir) { }
// clang-format on

Test(jit_verify, blocks_without_an_end)
{
    struct toy *t = machine();
    char buf[256];
    const char *why = verify(t, empty_insn, false);
    cr_expect(why && strstr(why, "the last op, and only the last"), "no end: '%s'", why);
    why = verify(t, raise_after_write, false);
    cr_expect(why && strstr(why, "may bail out"), "RAISE after a write: '%s'", why);
    ir_begin(t->jit.ir, &t->guest, 0, 0);
    why = ir_verify(t->jit.ir, buf, sizeof buf);
    cr_expect(why && !strcmp(why, "empty"), "empty: '%s'", why);
    toy_destroy(t);
}

// clang-format off
static void many_ops(struct ir *ir) { for (unsigned n = 0; n < IR_MAX_INSNS + 5; n++) MOV(ir, R0, R1); }
static void many_tmps(struct ir *ir) { for (unsigned n = 0; n < VCPU_NR_TMP + 1; n++) MOV(ir, ir_tmp(ir), R1); }
static void many_consts(struct ir *ir) { for (unsigned n = 0; n < IR_MAX_CONSTS + 1; n++) MOV(ir, R0, ir_const(ir, n)); }
// clang-format on

Test(jit_verify, overflows_are_caught)
{
    struct toy *t = machine();
    body *const bodies[] = {many_ops, many_tmps, many_consts};
    for (unsigned n = 0; n < ARRAY_SIZE(bodies); n++) {
        const char *why = verify(t, bodies[n], true);
        cr_expect(why && strstr(why, "than fit"), "overflow %u: '%s'", n, why ? why : "(accepted)");
    }
    toy_destroy(t);
}

// A short buffer is never overrun.
Test(jit_verify, message_fits_its_buffer)
{
    struct toy *t = machine();
    char buf[64];
    verify(t, reg_then_load, true);
    for (unsigned size = 1; size < sizeof buf; size++) {
        memset(buf, '#', sizeof buf);
        ir_verify(t->jit.ir, buf, size);
        cr_expect(memchr(buf, 0, size) && buf[size] == '#', "size %u", size);
    }
    toy_destroy(t);
}

// Everything the builder makes --------------------------------------------------------------------

static void every_op(struct ir *ir)
{
    unsigned off = 0;
    for (unsigned op = 0; op < IR_NR_OPS; op++) {
        unsigned form = ir_op_info[op].form;
        ir_val c = ir_const(ir, op);
        ir_insn_start(ir, off += 4);
        switch (form) {
        case IR_FORM_INT1:
            ir_emit(ir, op, IR_I64, R0, R1, IR_NONE, IR_NONE, 0x101);
            break;
        case IR_FORM_INT2:
        case IR_FORM_FLG2:
            ir_emit(ir, op, IR_I64, R0, R1, c, IR_NONE, 0);
            break;
        case IR_FORM_INT3:
            ir_emit(ir, op, IR_I64, R0, R1, c, R0, 1);
            break;
        case IR_FORM_FLG3:
            ir_emit(ir, op, IR_I64, IR_NONE, R1, c, IR_NONE, 1);
            break;
        case IR_FORM_LOAD:
            ir_load(ir, op, 0, R0, IR_NONE, R1, R0, 3);
            break;
        case IR_FORM_LOADP:
            ir_load(ir, op, 0, R0, R1, R1, IR_NONE, 8);
            break;
        case IR_FORM_LOADV:
            ir_load(ir, op, MEM_UNPRIV, ir_v(0), IR_NONE, R1, IR_NONE, 8);
            break;
        case IR_FORM_LOADVP:
            ir_load(ir, op, 0, ir_v(0), ir_v(31), R1, IR_NONE, 8);
            break;
        case IR_FORM_STORE:
            ir_store(ir, op, 0, R0, IR_NONE, R1, R0, 3);
            break;
        case IR_FORM_STOREP:
            ir_store(ir, op, 0, R0, R1, R1, IR_NONE, 8);
            break;
        case IR_FORM_STOREV:
            ir_store(ir, op, 0, ir_v(0), IR_NONE, R1, IR_NONE, 8);
            break;
        case IR_FORM_STOREVP:
            ir_store(ir, op, 0, ir_v(0), ir_v(1), R1, IR_NONE, 8);
            break;
        }
    }
    ir_insn_start(ir, off += 4);
    ir_probe(ir, R0, 64, true, 0);
    ir_atomic(ir, IR_ATOMIC_CAS, 3, MEM_ACQUIRE, R0, R1, R0, R1);
    ir_insn_start(ir, off += 4);
    ir_excl(ir, IR_CASP, 3, 0, R0, R1, R1, R0, R1);
    ir_insn_start(ir, off += 4);
    ir_excl(ir, IR_LDX, 3, 0, R0, R1, R1, IR_NONE, IR_NONE);
    ir_insn_start(ir, off += 4);
    ir_excl(ir, IR_STX, 3, 0, R0, IR_NONE, R1, R0, R1);
    ir_insn_start(ir, off += 4);
    ir_emit(ir, IR_CHECK_SP, 0, IR_NONE, R0, IR_NONE, IR_NONE, 0);
    ir_pcrel(ir, T0, -4096);
    ir_call(ir, H_PLAIN, R0, T0, R1, ir_const(ir, 3), 7);
    ir_vec(ir, IRV_ADD, IR_LANE32 | IR_FULL, ir_v(1), ir_v(2), ir_v(3), IR_NONE, 0);
}

// clang-format off
static void end_br(struct ir *ir) { ir_br(ir, 0x1000); }
static void end_cond(struct ir *ir) { ir_br_if(ir, IR_BR_COND, 0, IR_NONE, 0xf0f0, 8); }
static void end_z(struct ir *ir) { ir_br_if(ir, IR_BR_Z, IR_I32, R0, 0, 8); }
static void end_nz(struct ir *ir) { ir_br_if(ir, IR_BR_NZ, IR_I64, R0, 0, 8); }
static void end_bit0(struct ir *ir) { ir_br_if(ir, IR_BR_BIT0, IR_I64, R0, 33, 8); }
static void end_bit1(struct ir *ir) { ir_br_if(ir, IR_BR_BIT1, IR_I64, R0, 33, -8); }
static void end_ind(struct ir *ir) { ir_br_ind(ir, R0, IR_HINT_RETURN); }
static void end_exit(struct ir *ir) { ir_exit(ir, 8); }
static void end_exit_pc(struct ir *ir) { ir_exit_pc(ir); }
static void end_raise(struct ir *ir) { ir_insn_start(ir, 0x800); ir_raise(ir, 77); }
// clang-format on

Test(jit_verify, what_the_builder_makes_is_accepted_and_printed)
{
    struct toy *t = machine();
    body *const ends[] = {end_br,   end_cond, end_z,    end_nz,      end_bit0,
                          end_bit1, end_ind,  end_exit, end_exit_pc, end_raise};
    char buf[256];
    struct ir *ir = t->jit.ir;
    for (unsigned n = 0; n < ARRAY_SIZE(ends); n++) {
        ir_begin(ir, &t->guest, 0, 0);
        ir_insn_start(ir, 0);
        every_op(ir);
        ends[n](ir);
        const char *why = ir_verify(ir, buf, sizeof buf);
        cr_expect(!why, "end %u: %s", n, why);
        char *text;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        ir_print(ir, out);
        fclose(out);
        unsigned lines = 0;
        for (char *p = text; *p; p++)
            lines += *p == '\n';
        cr_expect_eq(lines, ir->nr, "%u ops, %u lines", ir->nr, lines);
        for (unsigned k = 0; k < ir->nr; k++) {
            unsigned op = ir->insn[k].op;
            if (op != IR_CALL && op != IR_VEC && op != IR_INSN_START)
                cr_expect(strstr(text, ir_op_info[op].name), "%s is not in the text",
                          ir_op_info[op].name);
        }
        free(text);
    }
    toy_destroy(t);
}

Test(jit_verify, printed_text)
{
    struct toy *t = machine();
    struct ir *ir = t->jit.ir;
    ir_begin(ir, &t->guest, 0x10, 0);
    ir_insn_start(ir, 0x10);
    ir_ADD(ir, IR_I64, ir_r(2), ir_r(1), ir_const(ir, 5));
    ir_load(ir, IR_LDP64, MEM_ALIGNED, ir_tmp(ir), ir_r(60), ir_r(0), IR_NONE, 16);
    ir_vec(ir, IRV_ADD, IR_LANE32 | IR_FULL, ir_v(1), ir_v(2), ir_v(3), IR_NONE, 0);
    ir_call(ir, TOY_HELPER_BAIL, IR_NONE, ir_r(0), IR_NONE, IR_NONE, 0);
    ir_br(ir, 0x20);
    char text[1024];
    FILE *out = fmemopen(text, sizeof text, "w");
    ir_print(ir, out);
    fclose(out);
    const char *want = "  ---- +0x10\n"
                       "  ADD.i64 x2 <- x1, #0x5\n"
                       "  LDP64 t0 r60 <- x0 imm 0x10 attr 0x2\n"
                       "  ADD.32x128 v1 <- v2, v3\n"
                       "  bail <- x0\n"
                       "  BR imm 0x20\n";
    cr_expect(!strcmp(text, want), "printed:\n%swanted:\n%s", text, want);
    toy_destroy(t);
}

// Dead flags --------------------------------------------------------------------------------------

static void optimise(struct toy *t, body *b)
{
    struct ir *ir = t->jit.ir;
    ir_begin(ir, &t->guest, 0, 0);
    ir_insn_start(ir, 0);
    b(ir);
    ir_br(ir, 8);
    ir_opt_dead_flags(ir);
}

#define CMP(ir)  ir_SUBS(ir, IR_I64, IR_NONE, R0, R1)
#define CCMP(ir) ir_CCMP(ir, IR_I64, R0, R1, 0xf0f0)

// clang-format off
static void cmp_cmp(struct ir *ir) { CMP(ir); CMP(ir); }
static void subs_adds(struct ir *ir) { ir_SUBS(ir, IR_I64, R0, R0, R1); ir_ADDS(ir, IR_I32, R1, R0, R1); }
static void ands_bics(struct ir *ir) { ir_ANDS(ir, IR_I64, R0, R0, R1); ir_BICS(ir, IR_I64, R0, R0, R1); CMP(ir); }
static void cmp_load_cmp(struct ir *ir) { CMP(ir); LD(ir, R0, R1); CMP(ir); }
static void cmp_sel_cmp(struct ir *ir) { CMP(ir); ir_SEL(ir, IR_I64, R0, R0, R1, IR_NONE, 0xf0f0); CMP(ir); }
static void cmp_ccmp_cmp(struct ir *ir) { CMP(ir); CCMP(ir); CMP(ir); }
static void cmp_ccmp(struct ir *ir) { CMP(ir); CCMP(ir); }
static void adcs_cmp(struct ir *ir) { CMP(ir); ir_ADCS(ir, IR_I64, R0, R0, R1); CMP(ir); }
static void cmp_helper_cmp(struct ir *ir) { CMP(ir); ir_call(ir, H_READS_NZCV, IR_NONE, IR_NONE, IR_NONE, IR_NONE, 0); CMP(ir); }
static void cmp_bails_cmp(struct ir *ir) { CMP(ir); ir_call(ir, H_BAILS, IR_NONE, IR_NONE, IR_NONE, IR_NONE, 0); CMP(ir); }
static void cmp_plain_cmp(struct ir *ir) { CMP(ir); ir_call(ir, H_PLAIN, IR_NONE, IR_NONE, IR_NONE, IR_NONE, 0); CMP(ir); }
static void cmp_writer(struct ir *ir) { CMP(ir); ir_call(ir, H_WRITES_NZCV, IR_NONE, IR_NONE, IR_NONE, IR_NONE, 0); }
static void cmp_set(struct ir *ir) { CMP(ir); ir_emit(ir, IR_SET_NZCV, 0, IR_NONE, R0, IR_NONE, IR_NONE, 0); }
static void cmp_get_cmp(struct ir *ir) { CMP(ir); ir_emit(ir, IR_GET_NZCV, 0, R0, IR_NONE, IR_NONE, IR_NONE, 0); CMP(ir); }
// clang-format on

static const struct {
    const char *name;
    body *build;
    uint8_t left[6]; // ops between INSN_START and BR
} dead[] = {
#define D(fn, ...)                                                                                 \
    {                                                                                              \
#fn, fn,                                                                                   \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
    D(cmp_cmp, IR_SUBS),
    D(subs_adds, IR_SUB, IR_ADDS),
    D(ands_bics, IR_AND, IR_ANDN, IR_SUBS),
    D(cmp_load_cmp, IR_SUBS, IR_LD64, IR_SUBS),
    D(cmp_sel_cmp, IR_SUBS, IR_SEL, IR_SUBS),
    D(cmp_ccmp_cmp, IR_SUBS),
    D(cmp_ccmp, IR_SUBS, IR_CCMP),
    D(adcs_cmp, IR_SUBS, IR_ADC, IR_SUBS),
    D(cmp_helper_cmp, IR_SUBS, IR_CALL, IR_SUBS),
    D(cmp_bails_cmp, IR_SUBS, IR_CALL, IR_SUBS),
    D(cmp_plain_cmp, IR_CALL, IR_SUBS),
    D(cmp_writer, IR_CALL),
    D(cmp_set, IR_SET_NZCV),
    D(cmp_get_cmp, IR_SUBS, IR_GET_NZCV, IR_SUBS),
#undef D
};

Test(jit_dead_flags, kept_and_dropped)
{
    struct toy *t = machine();
    const struct ir *ir = t->jit.ir;
    for (unsigned n = 0; n < ARRAY_SIZE(dead); n++) {
        optimise(t, dead[n].build);
        unsigned want = 0;
        while (want < 6 && dead[n].left[want])
            want++;
        bool same = ir->nr == want + 2;
        for (unsigned k = 0; same && k < want; k++)
            same = ir->insn[k + 1].op == dead[n].left[k];
        if (!same)
            ir_print(ir, stderr);
        cr_expect(same, "%s: %u ops left, %u wanted", dead[n].name, ir->nr - 2, want);
    }
    toy_destroy(t);
}

// Runs the block by the reference functions alone.
static void execute(struct vcpu *cpu, const struct ir *ir)
{
    for (unsigned n = 0; n < ir->nr; n++) {
        const struct ir_insn *i = &ir->insn[n];
        ir_fn *fn = ir_ref_fn[i->op][i->type == IR_I64];
        if (!fn)
            continue;
        const ir_val vals[3] = {i->a, i->b, i->c};
        uint64_t in[3], d = 0;
        for (unsigned k = 0; k < 3; k++)
            in[k] = vals[k] == IR_NONE ? 0 : cpu->r[ir_num(vals[k])];
        fn(cpu, &d, &in[0], &in[1], &in[2], i->imm);
        if (i->d != IR_NONE)
            cpu->r[ir_num(i->d)] = d;
    }
}

static void random_block(struct toy *t, uint64_t *state)
{
    static const uint8_t ops[] = {IR_ADDS, IR_SUBS, IR_ANDS, IR_BICS, IR_ADCS, IR_SBCS,   IR_CCMP,
                                  IR_CCMN, IR_ADD,  IR_ADC,  IR_SBC,  IR_SEL,  IR_SELINC, IR_XOR};
    struct ir *ir = t->jit.ir;
    ir_begin(ir, &t->guest, 0, 0);
    for (unsigned n = 0; n < 20; n++) {
        uint64_t x = toy_random(state);
        enum ir_op op = ops[x % ARRAY_SIZE(ops)];
        unsigned form = ir_op_info[op].form;
        ir_val d = form == IR_FORM_FLG3 || !(x >> 8 & 3) ? IR_NONE : ir_r(x >> 10 & 7);
        ir_val c = form == IR_FORM_INT3 ? ir_r(x >> 19 & 7) : IR_NONE;
        ir_insn_start(ir, 4 * n);
        ir_emit(ir, op, x >> 63, d, ir_r(x >> 13 & 7), ir_r(x >> 16 & 7), c, x >> 32 & 0xfffff);
    }
    ir_br(ir, 80);
}

Test(jit_dead_flags, the_final_state_is_the_same)
{
    static struct vcpu before, after;
    struct toy *t = machine();
    uint64_t state = 42;
    unsigned changed = 0;
    for (unsigned n = 0; n < 3000; n++) {
        random_block(t, &state);
        for (unsigned k = 0; k < 8; k++)
            before.r[k] = after.r[k] = toy_edges[toy_random(&state) % toy_nr_edges];
        before.nzcv = after.nzcv = toy_random(&state) & 15;
        static struct ir original;
        original = *t->jit.ir;
        ir_opt_all(t->jit.ir);
        changed += memcmp(&original, t->jit.ir, sizeof original) != 0;
        execute(&before, &original);
        execute(&after, t->jit.ir);
        bool same = !memcmp(before.r, after.r, sizeof before.r) && before.nzcv == after.nzcv;
        if (!same) {
            ir_print(&original, stderr);
            fprintf(stderr, "became\n");
            ir_print(t->jit.ir, stderr);
        }
        cr_assert(same, "block %u ends in another state: nzcv %x, not %x", n, after.nzcv,
                  before.nzcv);
    }
    cr_expect_gt(changed, 2000, "only %u of 3000 blocks changed", changed);
    toy_destroy(t);
}
