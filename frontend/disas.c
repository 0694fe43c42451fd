// SPDX-License-Identifier: GPL-3.0-or-later
// Guest disassembly. decodegen.py turns each row's template into calls of the dis_*() functions
// below ("{r:sf,rd}" is dis_r(d, sf, rd)), collected in dis_row(); each writes one operand as GNU
// as spells it. No state, any thread; no floating point, because vCPU threads log through here.
#include "frontend/disas.h"

#include "base/bits.h"
#include "frontend/a64_decode.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct dis {
    char *out;
    size_t size, len; // len < size
    uint64_t pc;
    bool aliases;
};

__attribute__((format(printf, 2, 3))) static void dis_printf(struct dis *d, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(d->out + d->len, d->size - d->len, fmt, ap);
    va_end(ap);
    if (n > 0)
        d->len = d->len + (size_t)n < d->size ? d->len + (size_t)n : d->size - 1;
}

static void dis_text(struct dis *d, const char *s)
{
    dis_printf(d, "%s", s);
}

static void dis_opt(struct dis *d, int condition, const char *s)
{
    if (condition)
        dis_text(d, s);
}

static void dis_pick(struct dis *d, int i, const char *const *names, int count)
{
    dis_text(d, i >= 0 && i < count ? names[i] : "?");
}

// --- General registers; r 31 is the zero register, rsp 31 the stack pointer

static void dis_r(struct dis *d, int is64, int n)
{
    if (n == 31)
        dis_text(d, is64 ? "xzr" : "wzr");
    else
        dis_printf(d, "%c%d", is64 ? 'x' : 'w', n);
}

static void dis_w(struct dis *d, int n)
{
    dis_r(d, 0, n);
}

static void dis_x(struct dis *d, int n)
{
    dis_r(d, 1, n);
}

static void dis_rsp(struct dis *d, int is64, int n)
{
    if (n == 31)
        dis_text(d, is64 ? "sp" : "wsp");
    else
        dis_r(d, is64, n);
}

static void dis_xsp(struct dis *d, int n)
{
    dis_rsp(d, 1, n);
}

static void dis_opt_x(struct dis *d, int n)
{
    if (n != 31)
        dis_printf(d, ", x%d", n);
}

static void dis_ret(struct dis *d, int n)
{
    if (n != 30) {
        dis_text(d, " ");
        dis_x(d, n);
    }
}

// --- Immediates

static void dis_n(struct dis *d, int v)
{
    dis_printf(d, "%d", v);
}

static void dis_i(struct dis *d, int v)
{
    dis_printf(d, "#%d", v);
}

static void dis_h(struct dis *d, int v)
{
    dis_printf(d, "#0x%x", v);
}

static void dis_opt_h(struct dis *d, int v)
{
    if (v)
        dis_printf(d, " #0x%x", v);
}

static void dis_zero(struct dis *d)
{
    dis_text(d, "#0.0");
}

static void dis_izero(struct dis *d)
{
    dis_text(d, "#0");
}

static void dis_lsl12(struct dis *d, int shifted)
{
    dis_opt(d, shifted, ", lsl #12");
}

static void dis_lsl16(struct dis *d, int hw)
{
    if (hw)
        dis_printf(d, ", lsl #%d", 16 * hw);
}

static void dis_lsl8(struct dis *d, int n)
{
    if (n)
        dis_printf(d, ", lsl #%d", 8 * n);
}

static void dis_msl(struct dis *d, int n)
{
    dis_printf(d, ", msl #%d", 8 + 8 * n);
}

// What MOVZ or (inverted) MOVN moves.
static void dis_wide(struct dis *d, int is64, int imm16, int hw, int inverted)
{
    uint64_t v = (uint64_t)(unsigned)imm16 << (16 * hw);

    v = inverted ? ~v : v;
    dis_printf(d, "#0x%" PRIx64, is64 ? v : v & mask64(32));
}

// The mask that N:immr:imms stand for: a run of imms+1 ones, rotated, replicated.
static void dis_bitmask(struct dis *d, int is64, int n, int immr, int imms)
{
    unsigned levels = (unsigned)(n << 6 | (~imms & 0x3f));
    unsigned esize = 1u << (31 - clz32(levels | 1));
    unsigned ones = ((unsigned)imms & (esize - 1)) + 1, rot = (unsigned)immr & (esize - 1);
    uint64_t run = mask64(ones), v = 0;

    if (rot)
        run = (run >> rot | run << (esize - rot)) & mask64(esize);
    for (unsigned i = 0; i < 64; i += esize)
        v |= run << i;
    dis_printf(d, "#0x%" PRIx64, is64 ? v : v & mask64(32));
}

// Every bit of imm8 a byte of zeros or ones.
static void dis_bytemask(struct dis *d, int imm8)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < 8; i++)
        v |= imm8 >> i & 1 ? UINT64_C(0xff) << (8 * i) : 0;
    dis_printf(d, "#0x%" PRIx64, v);
}

// VFPExpandImm(): sign, 3 bits of exponent, 4 of fraction; a multiple of 1/128, so exact in
// seven decimals.
static void dis_fpimm(struct dis *d, int imm8)
{
    unsigned exp = ((unsigned)imm8 >> 4 & 7) ^ 4, v128 = (16 + ((unsigned)imm8 & 15)) << exp;
    char digits[8];
    int last = 6;

    snprintf(digits, sizeof(digits), "%07u", (v128 & 127) * 78125);
    while (last > 0 && digits[last] == '0')
        digits[last--] = '\0';
    dis_printf(d, "#%s%u.%s", imm8 & 0x80 ? "-" : "", v128 >> 7, digits);
}

// --- Addresses

static void dis_label(struct dis *d, int offset)
{
    dis_printf(d, "0x%" PRIx64, d->pc + (uint64_t)(int64_t)offset);
}

static void dis_page(struct dis *d, int pages)
{
    dis_printf(d, "0x%" PRIx64, (d->pc & ~UINT64_C(0xfff)) + (uint64_t)(int64_t)pages * 4096);
}

static void dis_base(struct dis *d, int rn)
{
    dis_text(d, "[");
    dis_xsp(d, rn);
}

static void dis_addr(struct dis *d, int rn, int imm)
{
    dis_base(d, rn);
    if (imm)
        dis_printf(d, ", #%d", imm);
    dis_text(d, "]");
}

static void dis_addr_pre(struct dis *d, int rn, int imm)
{
    dis_base(d, rn);
    dis_printf(d, ", #%d]!", imm);
}

static void dis_addr_post(struct dis *d, int rn, int imm)
{
    dis_base(d, rn);
    dis_printf(d, "], #%d", imm);
}

// What follows the address of a SIMD structure access with write-back.
static void dis_post(struct dis *d, int rm, int bytes)
{
    if (rm == 31)
        dis_printf(d, ", #%d", bytes);
    else
        dis_printf(d, ", x%d", rm);
}

static const char *const extends[] = {"uxtb", "uxth", "uxtw", "uxtx",
                                      "sxtb", "sxth", "sxtw", "sxtx"};

static void dis_addr_reg(struct dis *d, int rn, int rm, int option, int shifted, int scale)
{
    dis_base(d, rn);
    dis_text(d, ", ");
    dis_r(d, option & 1, rm);
    if (option != 3)
        dis_printf(d, ", %s", extends[option & 7]);
    else if (shifted)
        dis_text(d, ", lsl");
    if (shifted)
        dis_printf(d, " #%d", scale);
    dis_text(d, "]");
}

// --- Shifted and extended registers, conditions

static void dis_shift(struct dis *d, int shift, int amount)
{
    static const char *const names[] = {"lsl", "lsr", "asr", "ror"};

    if (shift || amount)
        dis_printf(d, ", %s #%d", names[shift & 3], amount);
}

// LSL is the preferred name of the full-width extension where an operand may be the stack pointer.
static void dis_extend(struct dis *d, int is64, int rm, int option, int amount, int with_sp)
{
    bool lsl = with_sp && option == (is64 ? 3 : 2);

    dis_r(d, is64 && (option & 3) == 3, rm);
    if (!lsl)
        dis_printf(d, ", %s", extends[option & 7]);
    else if (amount)
        dis_text(d, ", lsl");
    if (amount)
        dis_printf(d, " #%d", amount);
}

static void dis_cond(struct dis *d, int cond)
{
    static const char *const names[] = {"eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc",
                                        "hi", "ls", "ge", "lt", "gt", "le", "al", "nv"};
    dis_text(d, names[cond & 15]);
}

// --- System

static void dis_cr(struct dis *d, int n)
{
    dis_printf(d, "c%d", n);
}

static void dis_sysreg(struct dis *d, int op0, int op1, int crn, int crm, int op2)
{
    dis_printf(d, "s%d_%d_c%d_c%d_%d", op0, op1, crn, crm, op2);
}

static void dis_opt_crm(struct dis *d, int crm)
{
    if (crm != 15)
        dis_printf(d, " #0x%x", crm);
}

static void dis_barrier(struct dis *d, int crm)
{
    static const char *const names[] = {NULL,    "oshld", "oshst", "osh",   NULL,    "nshld",
                                        "nshst", "nsh",   NULL,    "ishld", "ishst", "ish",
                                        NULL,    "ld",    "st",    "sy"};
    if (names[crm & 15])
        dis_text(d, names[crm & 15]);
    else
        dis_printf(d, "#0x%02x", crm);
}

static void dis_dsb(struct dis *d, int crm)
{
    if (d->aliases && (crm == 0 || crm == 4)) {
        dis_text(d, crm ? "pssbb" : "ssbb");
    } else {
        dis_text(d, "dsb ");
        dis_barrier(d, crm);
    }
}

static void dis_hint(struct dis *d, int number)
{
    dis_printf(d, "hint #0x%x", number);
}

static void dis_prfop(struct dis *d, int op)
{
    static const char *const types[] = {"pld", "pli", "pst"};

    if (op >> 3 < 3 && (op >> 1 & 3) < 3)
        dis_printf(d, "%sl%d%s", types[op >> 3], (op >> 1 & 3) + 1, op & 1 ? "strm" : "keep");
    else
        dis_printf(d, "#0x%02x", op);
}

// --- SIMD and floating-point registers; size is log2 of the bytes

static void dis_f(struct dis *d, int size, int n)
{
    dis_printf(d, "%c%d", "bhsdq"[size], n);
}

static void dis_v(struct dis *d, int n, int q, int size)
{
    dis_printf(d, "v%d.%d%c", n, (8 << q) >> size, "bhsdq"[size]);
}

// The lower half of what q would name: v0.2h, v0.4h.
static void dis_vhalf(struct dis *d, int n, int q, int size)
{
    dis_printf(d, "v%d.%d%c", n, (4 << q) >> size, "bhsdq"[size]);
}

static void dis_vpair(struct dis *d, int n, int size)
{
    dis_printf(d, "v%d.2%c", n, "bhsdq"[size]);
}

static void dis_vname(struct dis *d, int n)
{
    dis_printf(d, "v%d", n);
}

static void dis_vord(struct dis *d, int vector, int n)
{
    dis_printf(d, vector ? "v%d.2d" : "d%d", n);
}

static void dis_vlane(struct dis *d, int n, int size, int index)
{
    dis_printf(d, "v%d.%c[%d]", n, "bhsdq"[size], index);
}

// {v0.8b, v1.8b}: up to two by name, more as a range unless they wrap around.
static void dis_list(struct dis *d, int n, int regs, const char *suffix)
{
    int last = (n + regs - 1) & 31;

    if (regs > 2 && last > n) {
        dis_printf(d, "{v%d.%s-v%d.%s}", n, suffix, last, suffix);
        return;
    }
    for (int i = 0; i < regs; i++)
        dis_printf(d, "%sv%d.%s", i ? ", " : "{", (n + i) & 31, suffix);
    dis_text(d, "}");
}

static void dis_vlist(struct dis *d, int n, int regs, int q, int size)
{
    char suffix[16];

    snprintf(suffix, sizeof(suffix), "%d%c", (8 << q) >> size, "bhsdq"[size]);
    dis_list(d, n, regs, suffix);
}

static void dis_vlane_list(struct dis *d, int n, int regs, int size, int index)
{
    char suffix[] = {"bhsdq"[size], '\0'};

    dis_list(d, n, regs, suffix);
    dis_printf(d, "[%d]", index);
}

#include "frontend/a64_disas.inc"

static void disas(uint32_t insn, uint64_t pc, bool aliases, char *out, size_t size)
{
    struct dis d = {.out = out, .size = size, .pc = pc, .aliases = aliases};
    union a64_fields f;
    enum a64_op op = a64_decode(insn, &f);

    if (!size)
        return;
    out[0] = '\0';
    if (op == A64_UNALLOCATED)
        dis_printf(&d, ".inst 0x%08" PRIx32, insn);
    else
        dis_row(&d, op, insn);
}

void a64_disas(uint32_t insn, uint64_t pc, char *out, size_t size)
{
    disas(insn, pc, true, out, size);
}

void a64_disas_plain(uint32_t insn, uint64_t pc, char *out, size_t size)
{
    disas(insn, pc, false, out, size);
}
