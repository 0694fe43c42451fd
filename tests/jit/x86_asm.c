// SPDX-License-Identifier: GPL-3.0-or-later
// The assembler against a disassembler (capstone): every instruction with every register and every
// form of memory operand, and the pieces that are not instructions by table.
//
// One row an enum x86_op: how its text reads. Classes of operands are letters, of the 32-bit form
// and of the 64-bit one if there is one: b h d q registers or memory of 8 to 64 bits, x an xmm or
// 16 bytes, - no size; a point: there is no such form.
#include "jit/x86_asm.h"
#include "tests/jit/disas_x86.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { TO = 1, IMM = 2, MEM_ONLY = 4, REG_ONLY = 8 }; // TO: rm comes first; IMM: with an imm8

struct row {
    const char *enum_name;
    unsigned op;
    const char *name; // "movd|movq": the 64-bit form has another
    const char *reg, *rm, *mem;
    unsigned flags;
};

// clang-format off
#define R(op, name, reg, rm, mem, flags) { #op, X86_##op, name, reg, rm, mem, flags },
#define GG(op, name, flags)  R(op, name, "dq", "dq", "dq", flags)
#define XX(op, name)         R(op, name, "x", "x", "x", 0)
#define XXI(op, name)        R(op, name, "x", "x", "x", IMM)
#define XQ(op, name)         R(op, name, "x", "x", "q", 0)
#define FP(op, name) \
    { #op, X86_##op | X86_PS, name "ps", "x", "x", "x", 0 }, { #op, X86_##op | X86_PD, name "pd", "x", "x", "x", 0 }, \
    { #op, X86_##op | X86_SS, name "ss", "x", "x", "d", 0 }, { #op, X86_##op | X86_SD, name "sd", "x", "x", "q", 0 },
#define SIZED(op, name) \
    { #op " 8", (X86_##op - 1) | X86_BYTE | X86_RMBYTE, name, "b", "b", "b", TO | MEM_ONLY }, \
    { #op " 16", X86_##op | 0x660000, name, "h", "h", "h", TO | MEM_ONLY },
#define SIZED_FROM(op, name) \
    { #op " 8", (X86_##op - 1) | X86_BYTE | X86_RMBYTE, name, "b", "b", "b", 0 }, { #op " 16", X86_##op | 0x660000, name, "h", "h", "h", 0 },
static const struct row rows[] = {
    GG(ADD, "add", 0) GG(OR, "or", 0) GG(ADC, "adc", 0) GG(SBB, "sbb", 0) GG(AND, "and", 0) GG(SUB, "sub", 0)
    GG(XOR, "xor", 0) GG(CMP, "cmp", 0) GG(MOV, "mov", 0) R(LEA, "lea", "dq", "dq", "--", MEM_ONLY)
    R(MOVSXD, "movsxd", ".q", ".d", ".d", 0) R(MOVZX8, "movzx", "dq", "bb", "bb", 0) R(MOVZX16, "movzx", "dq", "hh", "hh", 0)
    R(MOVSX8, "movsx", "dq", "bb", "bb", 0) R(MOVSX16, "movsx", "dq", "hh", "hh", 0) GG(IMUL, "imul", 0) GG(TEST, "test", TO)
    GG(BSR, "bsr", 0) GG(LZCNT, "lzcnt", 0) GG(ADD_TO, "add", TO) GG(OR_TO, "or", TO) GG(AND_TO, "and", TO) GG(SUB_TO, "sub", TO)
    GG(XOR_TO, "xor", TO) GG(CMP_TO, "cmp", TO) GG(MOV_TO, "mov", TO) R(MOV8_TO, "mov", "b", "b", "b", TO | MEM_ONLY)
    R(MOV16_TO, "mov", "h", "h", "h", TO) GG(XCHG, "xchg", TO | MEM_ONLY) GG(CMPXCHG, "cmpxchg", TO)
    GG(XADD, "xadd", TO) SIZED(ADD_TO, "add") SIZED(OR_TO, "or") SIZED(AND_TO, "and") SIZED(XOR_TO, "xor") SIZED(XCHG, "xchg")
    SIZED(CMPXCHG, "cmpxchg") SIZED(XADD, "xadd") SIZED_FROM(CMP, "cmp")
    GG(SHLD, "shld", TO | IMM) GG(SHRD, "shrd", TO | IMM) GG(BT, "bt", TO) R(CMP8, "cmp", "b", "b", "b", 0)
    XX(MOVUPS, "movups") R(MOVUPS_TO, "movups", "x", "x", "x", TO) XX(MOVAPS, "movaps") R(MOVAPS_TO, "movaps", "x", "x", "x", TO)
    XQ(MOVSD, "movsd") R(MOVSD_TO, "movsd", "x", "x", "q", TO) R(MOVSS, "movss", "x", "x", "d", 0) R(MOVSS_TO, "movss", "x", "x", "d", TO)
    XQ(MOVQ, "movq") R(MOVQ_TO, "movq", "x", "x", "q", TO) R(MOVD, "movd|movq", "xx", "dq", "dq", 0) R(MOVD_TO, "movd|movq", "xx", "dq", "dq", TO)
    XX(PAND, "pand") XX(PANDN, "pandn") XX(POR, "por") XX(PXOR, "pxor") XX(PADDB, "paddb") XX(PADDW, "paddw") XX(PADDD, "paddd")
    XX(PADDQ, "paddq") XX(PSUBB, "psubb") XX(PSUBW, "psubw") XX(PSUBD, "psubd") XX(PSUBQ, "psubq") XX(PADDSB, "paddsb") XX(PADDSW, "paddsw") XX(PADDUSB, "paddusb") XX(PADDUSW, "paddusw")
    XX(PSUBSB, "psubsb") XX(PSUBSW, "psubsw") XX(PSUBUSB, "psubusb") XX(PSUBUSW, "psubusw") XX(PACKSSWB, "packsswb")
    XX(PACKSSDW, "packssdw") XX(PACKUSWB, "packuswb") XX(PACKUSDW, "packusdw") R(PMOVMSKB, "pmovmskb", "d", "x", "x", REG_ONLY)
    XX(PMULLW, "pmullw") XX(PMULLD, "pmulld") XX(PMULUDQ, "pmuludq") XX(PMULDQ, "pmuldq") XX(PMADDWD, "pmaddwd")
    XX(PMADDUBSW, "pmaddubsw") XX(PSADBW, "psadbw") XX(PAVGB, "pavgb") XX(PAVGW, "pavgw")
    XX(PMINUB, "pminub") XX(PMINUW, "pminuw") XX(PMINUD, "pminud") XX(PMINSB, "pminsb") XX(PMINSW, "pminsw") XX(PMINSD, "pminsd")
    XX(PMAXUB, "pmaxub") XX(PMAXUW, "pmaxuw") XX(PMAXUD, "pmaxud") XX(PMAXSB, "pmaxsb") XX(PMAXSW, "pmaxsw") XX(PMAXSD, "pmaxsd")
    XX(PCMPEQB, "pcmpeqb") XX(PCMPEQW, "pcmpeqw") XX(PCMPEQD, "pcmpeqd") XX(PCMPEQQ, "pcmpeqq")
    XX(PCMPGTB, "pcmpgtb") XX(PCMPGTW, "pcmpgtw") XX(PCMPGTD, "pcmpgtd") XX(PCMPGTQ, "pcmpgtq")
    XX(PABSB, "pabsb") XX(PABSW, "pabsw") XX(PABSD, "pabsd")
    XX(PUNPCKLBW, "punpcklbw") XX(PUNPCKLWD, "punpcklwd") XX(PUNPCKLDQ, "punpckldq") XX(PUNPCKLQDQ, "punpcklqdq")
    XX(PUNPCKHBW, "punpckhbw") XX(PUNPCKHWD, "punpckhwd") XX(PUNPCKHDQ, "punpckhdq") XX(PUNPCKHQDQ, "punpckhqdq")
    XQ(PMOVSXBW, "pmovsxbw") XQ(PMOVSXWD, "pmovsxwd") XQ(PMOVSXDQ, "pmovsxdq") XQ(PMOVZXBW, "pmovzxbw") XQ(PMOVZXWD, "pmovzxwd")
    XQ(PMOVZXDQ, "pmovzxdq") XX(PSHUFB, "pshufb") XXI(PSHUFD, "pshufd") XXI(PSHUFLW, "pshuflw") XXI(SHUFPS, "shufps")
    XXI(PALIGNR, "palignr") R(PBLENDVB, "pblendvb", "x", "x", "x", 0) R(PINSRB, "pinsrb", "x", "d", "b", IMM)
    R(PINSRW, "pinsrw", "x", "d", "h", IMM) R(PINSRD, "pinsrd|pinsrq", "xx", "dq", "dq", IMM)
    R(INSERTPS, "insertps", "x", "x", "d", IMM) R(MOVLPS, "movlps", "x", "x", "q", MEM_ONLY) R(MOVHPS, "movhps", "x", "x", "q", MEM_ONLY)
    R(MOVMSKPS, "movmskps", "d", "x", "x", REG_ONLY) R(MOVMSKPD, "movmskpd", "d", "x", "x", REG_ONLY)
    FP(ADDF, "add") FP(MULF, "mul") FP(SUBF, "sub") FP(DIVF, "div") FP(SQRTF, "sqrt") FP(MINF, "min") FP(MAXF, "max")
    { "CMPF", X86_CMPF | X86_PS, "cmpunordps", "x", "x", "x", IMM }, { "CMPF", X86_CMPF | X86_SD, "cmpunordsd", "x", "x", "q", IMM },
    { "CVTSI2F", X86_CVTSI2F | X86_SS, "cvtsi2ss", "xx", "dq", "dq", 0 }, { "CVTSI2F", X86_CVTSI2F | X86_SD, "cvtsi2sd", "xx", "dq", "dq", 0 },
    { "CVTTF2SI", X86_CVTTF2SI | X86_SS, "cvttss2si", "dq", "xx", "dd", 0 }, { "CVTTF2SI", X86_CVTTF2SI | X86_SD, "cvttsd2si", "dq", "xx", "qq", 0 },
    { "CVTF2F", X86_CVTF2F | X86_SS, "cvtss2sd", "x", "x", "d", 0 }, { "CVTF2F", X86_CVTF2F | X86_SD, "cvtsd2ss", "x", "x", "q", 0 },
    { "CVTF2F", X86_CVTF2F | X86_PS, "cvtps2pd", "x", "x", "q", 0 }, { "CVTF2F", X86_CVTF2F | X86_PD, "cvtpd2ps", "x", "x", "x", 0 },
    R(UCOMISS, "ucomiss", "x", "x", "d", 0) R(UCOMISD, "ucomisd", "x", "x", "q", 0) /* the disassembler has these two's memory wrong */ R(COMISS, "comiss", "x", "x", "x", 0)
    R(COMISD, "comisd", "x", "x", "x", 0) XX(HADDPS, "haddps") XX(HADDPD, "haddpd") XX(CVTDQ2PS, "cvtdq2ps") XX(CVTTPS2DQ, "cvttps2dq")
    XXI(ROUNDPS, "roundps") XXI(ROUNDPD, "roundpd") R(ROUNDSS, "roundss", "x", "x", "d", IMM) R(ROUNDSD, "roundsd", "x", "x", "q", IMM)
};

// VEX, three operands; the order of the text: reg, and then v(reg) and m(rm), or i for an immediate.
static const struct row3 {
    unsigned op;
    const char *name, *cls, *mem, *order;
} rows3[] = {
    { X86_SHLX, "shlx", "dq", "dq", "mv" }, { X86_SHRX, "shrx", "dq", "dq", "mv" }, { X86_SARX, "sarx", "dq", "dq", "mv" },
    { X86_ANDN, "andn", "dq", "dq", "vm" }, { X86_MULX, "mulx", "dq", "dq", "vm" }, { X86_RORX, "rorx", "dq", "dq", "mi" },
    { X86_VFMADD231, "vfmadd231ps|vfmadd231pd", "xx", "xx", "vm" }, { X86_VFMADD231 + 1, "vfmadd231ss|vfmadd231sd", "xx", "dq", "vm" },
    { X86_VFMSUB231, "vfmsub231ps|vfmsub231pd", "xx", "xx", "vm" }, { X86_VFMSUB231 + 1, "vfmsub231ss|vfmsub231sd", "xx", "dq", "vm" },
    { X86_VFNMADD231, "vfnmadd231ps|vfnmadd231pd", "xx", "xx", "vm" }, { X86_VFNMADD231 + 1, "vfnmadd231ss|vfnmadd231sd", "xx", "dq", "vm" },
    { X86_VFNMSUB231, "vfnmsub231ps|vfnmsub231pd", "xx", "xx", "vm" }, { X86_VFNMSUB231 + 1, "vfnmsub231ss|vfnmsub231sd", "xx", "dq", "vm" },
};

static const char *const regs_q[16] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };
static const char *const regs_d[16] = { "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d" };
static const char *const regs_h[16] = { "ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "r8w", "r9w", "r10w", "r11w", "r12w", "r13w", "r14w", "r15w" };
static const char *const regs_b[16] = { "al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", "r8b", "r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b" };
static const char *const regs_x[16] = { "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15" };
// clang-format on

// Text
// ---------------------------------------------------------------------------------------------

static const char *reg_text(char cls, int reg)
{
    return (cls == 'q'   ? regs_q
            : cls == 'd' ? regs_d
            : cls == 'h' ? regs_h
            : cls == 'b' ? regs_b
                         : regs_x)[reg];
}

static void number(char *out, size_t size, int64_t v)
{
    const char *sign = v < 0 ? "-" : "";
    uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
    snprintf(out, size, u < 10 ? "%s%" PRIu64 : "%s0x%" PRIx64, sign, u);
}

static void rm_text(char *out, size_t size, char cls, char mem, struct x86_rm rm)
{
    if (x86_is_reg(rm)) {
        snprintf(out, size, "%s", reg_text(cls, rm.reg));
        return;
    }
    const char *of = mem == 'b'   ? "byte ptr "
                     : mem == 'h' ? "word ptr "
                     : mem == 'd' ? "dword ptr "
                     : mem == 'q' ? "qword ptr "
                     : mem == 'x' ? "xmmword ptr "
                                  : "";
    char disp[32] = "", index[16] = "", text[24];
    number(text, sizeof text, rm.disp < 0 ? -(int64_t)rm.disp : rm.disp);
    if (rm.disp)
        snprintf(disp, sizeof disp, " %c %s", rm.disp < 0 ? '-' : '+', text);
    if (rm.index != X86_NO_REG && rm.scale)
        snprintf(index, sizeof index, " + %s*%d", regs_q[rm.index], 1 << rm.scale);
    else if (rm.index != X86_NO_REG)
        snprintf(index, sizeof index, " + %s", regs_q[rm.index]);
    snprintf(out, size, "%s[%s%s%s]", of, rm.base == X86_RIP ? "rip" : regs_q[rm.base], index,
             disp);
}

// The name of the 32-bit or 64-bit form.
static void name_text(char *out, size_t size, const char *name, bool w)
{
    const char *bar = strchr(name, '|');
    if (bar && w)
        snprintf(out, size, "%s", bar + 1);
    else
        snprintf(out, size, "%.*s", bar ? (int)(bar - name) : (int)strlen(name), name);
}

// Checking
// -----------------------------------------------------------------------------------------

struct bed {
    struct disas_x86 *disas;
    uint8_t code[256];
    struct x86_asm as;
    unsigned checked, bad;
};

#define ADDRESS 0x1000

static void begin(struct bed *b)
{
    b->as = (struct x86_asm){.p = b->code, .end = b->code + sizeof b->code, .eflags = true};
}

// What stands in the buffer is one instruction that reads so.
static void expect(struct bed *b, const char *want)
{
    char got[256];
    size_t length = (size_t)(b->as.p - b->code);
    size_t read = disas_x86_one(b->disas, b->code, length, ADDRESS, got, sizeof got);
    b->checked++;
    if ((strcmp(got, want) || read != length) && b->bad++ < 20) {
        fprintf(stderr, "want '%s', got '%s' (%zu of %zu bytes):", want, got, read, length);
        for (size_t k = 0; k < length; k++)
            fprintf(stderr, " %02x", b->code[k]);
        fprintf(stderr, "\n");
    }
}

static void check_row(struct bed *b, const struct row *r, bool w, int reg, struct x86_rm rm)
{
    char name[40], operand[96], want[256];
    if (r->reg[w] == '.')
        return;
    name_text(name, sizeof name, r->name, w);
    rm_text(operand, sizeof operand, r->rm[w], r->mem[w], rm);
    const char *reg_name = reg_text(r->reg[w], reg),
               *imm = r->flags & IMM && strncmp(r->name, "cmp", 3) ? ", 3" : "";
    snprintf(want, sizeof want, r->flags & TO ? "%s %s, %s%s" : "%s %s, %s%s", name,
             r->flags & TO ? operand : reg_name, r->flags & TO ? reg_name : operand, imm);
    begin(b);
    if (rm.base == X86_RIP)
        rm.at = b->code; // the distance is known once the length is
    x86_emit(&b->as, r->op, w, reg, rm, r->flags & IMM ? 1 : 0);
    if (r->flags & IMM)
        x86_byte(&b->as, 3);
    if (rm.base == X86_RIP) {
        rm.disp = (int32_t)(b->code - b->as.p);
        rm_text(operand, sizeof operand, r->rm[w], r->mem[w], rm);
        snprintf(want, sizeof want, "%s %s, %s%s", name, r->flags & TO ? operand : reg_name,
                 r->flags & TO ? reg_name : operand, imm);
    }
    expect(b, want);
    cr_expect(!b->as.full);
    cr_expect_eq(b->as.eflags, !(r->op & X86_FL), "%s: EFLAGS", r->enum_name);
}

static const int32_t displacements[] = {0, 8, 127, -128, 128, -129, 0x12345678, -0x12345678};

// Calls for memory operands: every `step`th of base, index, scale and displacement.
static void each_memory(struct bed *b, unsigned step, unsigned from,
                        void (*fn)(struct bed *, const void *, struct x86_rm), const void *row)
{
    unsigned n = from;
    for (; n < 16 * 17 * 4 * ARRAY_SIZE(displacements); n += step) {
        int base = (int)(n % 16), index = (int)(n / 16 % 17) - 1;
        struct x86_rm rm = x86_m(base, displacements[n / (16 * 17 * 4)]);
        if (index == RSP)
            continue;
        if (index >= 0)
            rm = x86_mx(base, index, n / (16 * 17) % 4, rm.disp);
        fn(b, row, rm);
    }
}

static void row_memory(struct bed *b, const void *row, struct x86_rm rm)
{
    const struct row *r = row;
    for (unsigned w = 0; w < strlen(r->reg); w++)
        check_row(b, r, w, (int)(b->checked / 2 % 16), rm);
}

static void open_bed(struct bed *b)
{
    memset(b, 0, sizeof *b);
    b->disas = disas_x86_create();
    cr_assert(b->disas);
}

static void close_bed(struct bed *b)
{
    disas_x86_destroy(b->disas);
    cr_assert_eq(b->bad, 0, "%u of %u differ", b->bad, b->checked);
}

Test(x86_asm, two_operands)
{
    struct bed b;
    open_bed(&b);
    for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
        const struct row *r = &rows[n];
        for (unsigned w = 0; w < strlen(r->reg); w++) {
            for (int reg = 0; reg < 16; reg++)
                for (int rm = 0; rm < 16 && !(r->flags & MEM_ONLY); rm++)
                    check_row(&b, r, w, reg, x86_r(rm));
            for (int reg = 0; reg < 16 && !(r->flags & REG_ONLY); reg++)
                check_row(&b, r, w, reg, x86_at(b.code));
        }
        if (!(r->flags & REG_ONLY))
            each_memory(&b, n % 8 ? 11 : 1, (unsigned)n % 11, row_memory, r);
    }
    close_bed(&b);
}

static void check_row3(struct bed *b, const struct row3 *r, bool w, int reg, int vreg,
                       struct x86_rm rm)
{
    char name[40], operand[96], want[256];
    const char *v = reg_text(r->cls[w], vreg);
    bool imm = r->order[1] == 'i';
    name_text(name, sizeof name, r->name, w);
    rm_text(operand, sizeof operand, r->cls[w], r->mem[w], rm);
    snprintf(want, sizeof want, "%s %s, %s, %s", name, reg_text(r->cls[w], reg),
             r->order[0] == 'm' ? operand : v,
             imm                  ? "3"
             : r->order[0] == 'm' ? v
                                  : operand);
    begin(b);
    x86_emit3(&b->as, r->op, w, reg, imm ? 0 : vreg, rm, imm);
    if (imm)
        x86_byte(&b->as, 3);
    expect(b, want);
    cr_expect_eq(b->as.eflags, !(r->op & X86_FL), "%s: EFLAGS", r->name);
}

static void row3_memory(struct bed *b, const void *row, struct x86_rm rm)
{
    check_row3(b, row, b->checked & 1, (int)(b->checked / 2 % 16), (int)(b->checked / 32 % 16), rm);
}

Test(x86_asm, three_operands)
{
    struct bed b;
    open_bed(&b);
    for (size_t n = 0; n < ARRAY_SIZE(rows3); n++) {
        for (unsigned k = 0; k < 2 * 16 * 16 * 16; k++)
            check_row3(&b, &rows3[n], k & 1, (int)(k >> 1 & 15), (int)(k >> 5 & 15),
                       x86_r((int)(k >> 9)));
        each_memory(&b, 5, (unsigned)n % 5, row3_memory, &rows3[n]);
    }
    close_bed(&b);
}

// Groups and immediates
// ----------------------------------------------------------------------------

static void check_text(struct bed *b, const char *format, char cls, char mem, struct x86_rm rm)
{
    char operand[96], want[256];
    rm_text(operand, sizeof operand, cls, mem, rm);
    snprintf(want, sizeof want, format, operand);
    expect(b, want);
}

static const char *const alu_names[8] = {"add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"};

static void check_alu(struct bed *b, unsigned group, bool w, struct x86_rm rm, int32_t imm)
{
    char format[64], value[24];
    // AND, OR, XOR print their immediates as bits.
    bool bits = group == X86_G_AND || group == X86_G_OR || group == X86_G_XOR;
    int64_t shown = bits && !w ? (int64_t)(uint32_t)imm : imm;
    if (bits && w && imm < 0)
        snprintf(value, sizeof value, "0x%" PRIx64, (uint64_t)(int64_t)imm);
    else
        number(value, sizeof value, shown);
    snprintf(format, sizeof format, "%s %%s, %s", alu_names[group], value);
    begin(b);
    x86_alu_imm(&b->as, group, w, rm, imm);
    check_text(b, format, w ? 'q' : 'd', w ? 'q' : 'd', rm);
    cr_expect(!b->as.eflags);
}

static void group_memory(struct bed *b, const void *row, struct x86_rm rm)
{
    static const char *const group3[8] = {NULL,     NULL,      "not %s", "neg %s",
                                          "mul %s", "imul %s", "div %s", "idiv %s"};
    static const char *const shifts[8] = {"rol", "ror", NULL, NULL, "shl", "shr", NULL, "sar"};
    for (unsigned w = 0; w < 2; w++) {
        char cls = w ? 'q' : 'd', format[32];
        for (unsigned group = 0; group < 8; group++) {
            check_alu(b, group, w, rm, 5);
            check_alu(b, group, w, rm, 0x1234);
            if (group3[group]) {
                begin(b);
                x86_emit(&b->as, X86_GROUP3, w, (int)group, rm, 0);
                check_text(b, group3[group], cls, cls, rm);
            }
            if (!shifts[group])
                continue;
            begin(b);
            x86_shift_imm(&b->as, group, w, rm, 13);
            snprintf(format, sizeof format, "%s %%s, 0xd", shifts[group]);
            check_text(b, format, cls, cls, rm);
            begin(b);
            x86_emit(&b->as, X86_SHIFT_CL, w, (int)group, rm, 0);
            snprintf(format, sizeof format, "%s %%s, cl", shifts[group]);
            check_text(b, format, cls, cls, rm);
        }
        begin(b);
        x86_emit(&b->as, X86_NOT, w, X86_G_NOT, rm, 0);
        check_text(b, "not %s", cls, cls, rm);
        cr_expect(b->as.eflags);
        begin(b);
        x86_emit(&b->as, X86_MOV_IMM, w, 0, rm, 4);
        x86_imm32(&b->as, 0x12345678);
        check_text(b, "mov %s, 0x12345678", cls, cls, rm);
        begin(b);
        x86_emit(&b->as, X86_TEST_IMM, w, 0, rm, 4);
        x86_imm32(&b->as, 0x12345678);
        check_text(b, "test %s, 0x12345678", cls, cls, rm);
        begin(b);
        x86_emit(&b->as, X86_IMUL_IMM, w, R9, rm, 4);
        x86_imm32(&b->as, 0x12345678);
        check_text(b, w ? "imul r9, %s, 0x12345678" : "imul r9d, %s, 0x12345678", cls, cls, rm);
        cr_expect(!b->as.eflags);
        begin(b);
        x86_emit(&b->as, X86_BT_IMM, w, 4, rm, 1);
        x86_byte(&b->as, 13);
        check_text(b, "bt %s, 0xd", cls, cls, rm);
    }
    begin(b);
    x86_emit(&b->as, X86_JMP_RM, false, 4, rm, 0);
    check_text(b, "jmp %s", 'q', 'q', rm);
    begin(b);
    x86_emit(&b->as, X86_JMP_RM, false, 2, rm, 0);
    check_text(b, "call %s", 'q', 'q', rm);
    begin(b);
    x86_emit(&b->as, X86_TEST8_IMM, false, 0, rm, 1);
    x86_byte(&b->as, 15);
    check_text(b, "test %s, 0xf", 'b', 'b', rm);
    if (!x86_is_reg(rm)) {
        begin(b);
        x86_emit(&b->as, X86_CMPXCHG128, true, 1, rm, 0);
        check_text(b, "cmpxchg16b %s", 'x', 'x', rm);
        begin(b);
        x86_emit(&b->as, X86_CMP8_IMM, false, 7, rm, 1);
        x86_byte(&b->as, 15);
        check_text(b, "cmp %s, 0xf", 'b', 'b', rm);
        begin(b);
        x86_emit(&b->as, X86_GROUP5, true, 0, rm, 0);
        check_text(b, "inc %s", 'q', 'q', rm);
    }
}

Test(x86_asm, groups)
{
    struct bed b;
    open_bed(&b);
    for (int reg = 0; reg < 16; reg++)
        group_memory(&b, NULL, x86_r(reg));
    each_memory(&b, 13, 0, group_memory, NULL);
    // With immediates rip-relative operands end elsewhere.
    begin(&b);
    x86_emit(&b.as, X86_MOV_IMM, true, 0, x86_at(b.code), 4);
    x86_imm32(&b.as, 7);
    expect(&b, "mov qword ptr [rip - 0xb], 7");
    close_bed(&b);
}

Test(x86_asm, immediates)
{
    static const int32_t values[] = {0, 1, 9, 10, 127, 128, 0x7fffffff};
    static const int32_t negative[] = {-1, -128, -129, INT32_MIN};
    struct bed b;
    open_bed(&b);
    for (int reg = 0; reg < 16; reg++)
        for (unsigned w = 0; w < 2; w++)
            for (unsigned group = 0; group < 8; group++)
                for (size_t n = 0; n < ARRAY_SIZE(values); n++)
                    check_alu(&b, group, w, x86_r(reg), values[n]);
    for (int reg = 0; reg < 16; reg++)
        for (size_t n = 0; n < ARRAY_SIZE(negative); n++) {
            check_alu(&b, X86_G_ADD, true, x86_r(reg), negative[n]);
            check_alu(&b, X86_G_AND, true, x86_r(reg), negative[n]);
        }
    close_bed(&b);
}

// Moves, conditions, jumps
// -------------------------------------------------------------------------

static const char *const cc_names[16] = {"o", "no", "b", "ae", "e", "ne", "be", "a",
                                         "s", "ns", "p", "np", "l", "ge", "le", "g"};

Test(x86_asm, moves)
{
    struct bed b;
    char want[80];
    open_bed(&b);
    for (int reg = 0; reg < 16; reg++) {
        static const uint64_t values[] = {0,          5,           0x7fffffff,        0x80000000,
                                          0xffffffff, 0x100000000, 0x123456789abcdef0};
        for (size_t n = 0; n < ARRAY_SIZE(values); n++) {
            char value[24];
            bool low = values[n] <= UINT32_MAX;
            number(value, sizeof value, (int64_t)values[n]);
            begin(&b);
            x86_mov_imm(&b.as, reg, values[n]);
            cr_expect(b.as.eflags);
            snprintf(want, sizeof want, "%s %s, %s", low ? "mov" : "movabs",
                     reg_text(low ? 'd' : 'q', reg), value);
            expect(&b, want);
        }
        begin(&b);
        x86_mov_imm(&b.as, reg, (uint64_t)-2);
        snprintf(want, sizeof want, "mov %s, -2", regs_q[reg]);
        expect(&b, want);
        for (unsigned w = 0; w < 2; w++) {
            begin(&b);
            x86_bswap(&b.as, w, reg);
            snprintf(want, sizeof want, "bswap %s", reg_text(w ? 'q' : 'd', reg));
            expect(&b, want);
        }
        begin(&b);
        x86_push(&b.as, reg);
        snprintf(want, sizeof want, "push %s", regs_q[reg]);
        expect(&b, want);
        begin(&b);
        x86_pop(&b.as, reg);
        snprintf(want, sizeof want, "pop %s", regs_q[reg]);
        expect(&b, want);
        begin(&b);
        x86_mov(&b.as, true, reg, reg);
        cr_expect_eq(b.as.p, b.code, "a register is moved to itself");
    }
    close_bed(&b);
}

Test(x86_asm, conditions)
{
    struct bed b;
    char want[80];
    open_bed(&b);
    for (unsigned cc = 0; cc < 16; cc++)
        for (int reg = 0; reg < 16; reg++) {
            begin(&b);
            x86_setcc(&b.as, cc, reg);
            snprintf(want, sizeof want, "set%s %s", cc_names[cc], regs_b[reg]);
            expect(&b, want);
            begin(&b);
            x86_cmov(&b.as, cc, reg & 1, reg, x86_m(R13, 0));
            snprintf(want, sizeof want, "cmov%s %s, %s ptr [r13]", cc_names[cc],
                     reg_text(reg & 1 ? 'q' : 'd', reg), reg & 1 ? "qword" : "dword");
            expect(&b, want);
            cr_expect(b.as.eflags);
        }
    close_bed(&b);
}

Test(x86_asm, jumps)
{
    struct bed b;
    char want[80];
    open_bed(&b);
    for (unsigned cc = 0; cc < 16; cc++) {
        begin(&b);
        x86_jcc(&b.as, cc, b.code + 0x100);
        snprintf(want, sizeof want, "j%s 0x1100", cc_names[cc]);
        expect(&b, want);
        for (unsigned s = 0; s < 2; s++) {
            begin(&b);
            uint8_t *ahead = s ? x86_jcc_short(&b.as, cc) : x86_jcc_ahead(&b.as, cc), *end = b.as.p;
            cr_expect(b.as.eflags);
            b.as.p += 0x20;
            (s ? x86_here_short : x86_here)(&b.as, ahead);
            cr_expect(!b.as.eflags, "EFLAGS are known where two ways meet");
            b.as.p = end;
            snprintf(want, sizeof want, "j%s 0x%x", cc_names[cc],
                     (unsigned)(ADDRESS + (end - b.code) + 0x20));
            expect(&b, want);
        }
    }
    begin(&b);
    x86_jmp(&b.as, b.code);
    expect(&b, "jmp 0x1000");
    x86_retarget(b.as.p, b.code + 0xff);
    expect(&b, "jmp 0x10ff");
    begin(&b);
    x86_call(&b.as, b.code + 0x100);
    expect(&b, "call 0x1100");
    begin(&b);
    uint8_t *ahead = x86_jmp_short(&b.as), *end = b.as.p;
    b.as.p += 0x7f;
    x86_here_short(&b.as, ahead);
    b.as.p = end;
    expect(&b, "jmp 0x1081");
    begin(&b);
    ahead = x86_jmp_ahead(&b.as);
    end = b.as.p;
    b.as.p += 0x90;
    x86_here(&b.as, ahead);
    b.as.p = end;
    expect(&b, "jmp 0x1095");
    close_bed(&b);
}

// PSHIFTx take the register as rm.
Test(x86_asm, vector_shifts)
{
    static const struct {
        unsigned op, group;
        const char *name;
    } shifts[] = {
        {X86_PSHIFTW, X86_G_PSRL, "psrlw"},    {X86_PSHIFTW, X86_G_PSRA, "psraw"},
        {X86_PSHIFTW, X86_G_PSLL, "psllw"},    {X86_PSHIFTD, X86_G_PSRL, "psrld"},
        {X86_PSHIFTD, X86_G_PSRA, "psrad"},    {X86_PSHIFTD, X86_G_PSLL, "pslld"},
        {X86_PSHIFTQ, X86_G_PSRL, "psrlq"},    {X86_PSHIFTQ, X86_G_PSLL, "psllq"},
        {X86_PSHIFTQ, X86_G_PSRLDQ, "psrldq"}, {X86_PSHIFTQ, X86_G_PSLLDQ, "pslldq"},
    };
    struct bed b;
    char want[80];
    open_bed(&b);
    for (size_t n = 0; n < ARRAY_SIZE(shifts); n++)
        for (int reg = 0; reg < 16; reg++) {
            begin(&b);
            x86_emit(&b.as, shifts[n].op, false, (int)shifts[n].group, x86_r(reg), 1);
            x86_byte(&b.as, 9);
            snprintf(want, sizeof want, "%s xmm%d, 9", shifts[n].name, reg);
            expect(&b, want);
        }
    close_bed(&b);
}

// What does not fit is noted, and not written.
Test(x86_asm, full)
{
    uint8_t code[48];
    struct x86_asm as = {.p = code, .end = code + sizeof code - 8};
    memset(code, 0xa5, sizeof code);
    for (unsigned n = 0; n < 20; n++)
        x86_emit(&as, X86_MOV_IMM, true, 0, x86_mx(R12, R13, 3, 0x12345678), 4), x86_imm32(&as, n);
    cr_expect(as.full);
    for (unsigned n = 40; n < 48; n++)
        cr_expect_eq(code[n], 0xa5, "byte %u was written", n);
}
