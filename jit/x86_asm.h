// SPDX-License-Identifier: GPL-3.0-or-later
// A small x86-64 assembler: what the quick engine emits, and no more.
//
// An instruction is named by an enum x86_op, which packs its opcode, opcode map, mandatory prefix
// and what it does to EFLAGS; one function encodes them all. Operands are a register and an
// `x86_rm`, a register or a place in memory. Instructions go to the write view of a code buffer;
// since both views have one layout, every distance within it may be computed there.
//
// The assembler also knows whether EFLAGS still hold what somebody left there on purpose
// (x86_asm.eflags), because only it sees every instruction that changes them.
//
// A buffer belongs to the thread that fills it. Running over its end is noted (x86_asm.full), not
// done.
#ifndef JIT_X86_ASM_H
#define JIT_X86_ASM_H

#include "base/bits.h"

enum x86_reg {
    RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15,
    X86_NO_REG = -1,
    X86_RIP = -2, // as a base: the displacement is what x86_at() made of an address
};

enum x86_cc {
    CC_O, CC_NO, CC_B, CC_AE, CC_E, CC_NE, CC_BE, CC_A, CC_S, CC_NS, CC_P, CC_NP, CC_L, CC_GE, CC_LE, CC_G,
    CC_ALWAYS, CC_NEVER,
};

static inline enum x86_cc x86_cc_not(enum x86_cc cc)
{
    return (enum x86_cc)(cc ^ 1);
}

// A register (base is X86_NO_REG and reg valid), or memory: base + index * 2^scale + disp.
struct x86_rm {
    int8_t reg, base, index, scale;
    int32_t disp;
    const uint8_t *at; // base X86_RIP: the address meant
};

struct x86_asm {
    uint8_t *p, *end;  // write view
    bool full;
    bool eflags;       // what was left in EFLAGS on purpose is still there
};

static inline struct x86_rm x86_r(int reg)
{
    return (struct x86_rm){ .reg = (int8_t)reg, .base = X86_NO_REG, .index = X86_NO_REG };
}

static inline struct x86_rm x86_m(int base, int32_t disp)
{
    return (struct x86_rm){ .reg = X86_NO_REG, .base = (int8_t)base, .index = X86_NO_REG, .disp = disp };
}

static inline struct x86_rm x86_mx(int base, int index, unsigned scale, int32_t disp)
{
    return (struct x86_rm){ .reg = X86_NO_REG, .base = (int8_t)base, .index = (int8_t)index,
                            .scale = (int8_t)scale, .disp = disp };
}

// What lies at `at` (an address of the write view's layout), relative to the instruction pointer.
static inline struct x86_rm x86_at(const void *at)
{
    return (struct x86_rm){ .reg = X86_NO_REG, .base = X86_RIP, .index = X86_NO_REG, .at = at };
}

static inline bool x86_is_reg(struct x86_rm rm)
{
    return rm.reg != X86_NO_REG;
}

// Packed: opcode, map (1: 0f, 2: 0f38, 3: 0f3a), mandatory prefix, and:
#define X86_FL    0x01000000 // changes EFLAGS
#define X86_BYTE  0x02000000 // the register operand is a byte register
#define X86_VEX   0x04000000 // encoded with a VEX prefix; map and prefix as above
#define X86_RMBYTE 0x08000000 // the other operand is a byte (register)
#define X86_(prefix, map, opcode, what) ((opcode) | (map) << 8 | (prefix) << 16 | (what))
enum x86_op {
    // reg, rm
    X86_ADD = X86_(0, 0, 0x03, X86_FL), X86_OR = X86_(0, 0, 0x0b, X86_FL),
    X86_ADC = X86_(0, 0, 0x13, X86_FL), X86_SBB = X86_(0, 0, 0x1b, X86_FL),
    X86_AND = X86_(0, 0, 0x23, X86_FL), X86_SUB = X86_(0, 0, 0x2b, X86_FL),
    X86_XOR = X86_(0, 0, 0x33, X86_FL), X86_CMP = X86_(0, 0, 0x3b, X86_FL),
    X86_MOV = X86_(0, 0, 0x8b, 0), X86_LEA = X86_(0, 0, 0x8d, 0), X86_MOVSXD = X86_(0, 0, 0x63, 0),
    X86_MOVZX8 = X86_(0, 1, 0xb6, X86_RMBYTE), X86_MOVZX16 = X86_(0, 1, 0xb7, 0),
    X86_MOVSX8 = X86_(0, 1, 0xbe, X86_RMBYTE), X86_MOVSX16 = X86_(0, 1, 0xbf, 0),
    X86_IMUL = X86_(0, 1, 0xaf, X86_FL), X86_TEST = X86_(0, 0, 0x85, X86_FL),
    X86_BSR = X86_(0, 1, 0xbd, X86_FL), X86_LZCNT = X86_(0xf3, 1, 0xbd, X86_FL),
    X86_CMOV = X86_(0, 1, 0x40, 0), // + enum x86_cc
    // rm, reg
    X86_ADD_TO = X86_(0, 0, 0x01, X86_FL), X86_OR_TO = X86_(0, 0, 0x09, X86_FL),
    X86_AND_TO = X86_(0, 0, 0x21, X86_FL), X86_SUB_TO = X86_(0, 0, 0x29, X86_FL),
    X86_XOR_TO = X86_(0, 0, 0x31, X86_FL), X86_CMP_TO = X86_(0, 0, 0x39, X86_FL),
    X86_MOV_TO = X86_(0, 0, 0x89, 0), X86_MOV8_TO = X86_(0, 0, 0x88, X86_BYTE),
    X86_MOV16_TO = X86_(0x66, 0, 0x89, 0), X86_XCHG = X86_(0, 0, 0x87, 0),
    X86_CMPXCHG = X86_(0, 1, 0xb1, X86_FL), X86_XADD = X86_(0, 1, 0xc1, X86_FL),
    X86_CMPXCHG128 = X86_(0, 1, 0xc7, X86_FL), // w; reg 1: rdx:rax, rcx:rbx
    X86_SHLD = X86_(0, 1, 0xa4, X86_FL), X86_SHRD = X86_(0, 1, 0xac, X86_FL), // with an imm8
    X86_SETCC = X86_(0, 1, 0x90, X86_RMBYTE), // + enum x86_cc; reg 0
    // One operand: reg is the group's number.
    X86_GROUP3 = X86_(0, 0, 0xf7, X86_FL), X86_GROUP5 = X86_(0, 0, 0xff, X86_FL),
    X86_SHIFT_CL = X86_(0, 0, 0xd3, X86_FL), X86_SHIFT_IMM = X86_(0, 0, 0xc1, X86_FL),
    X86_BT = X86_(0, 1, 0xa3, X86_FL), // rm, reg
    X86_BT_IMM = X86_(0, 1, 0xba, X86_FL),
    X86_NOT = X86_(0, 0, 0xf7, 0), // group 3 without EFLAGS; reg 2
    X86_JMP_RM = X86_(0, 0, 0xff, 0), X86_MOV_IMM = X86_(0, 0, 0xc7, 0),
    X86_ALU_IMM8 = X86_(0, 0, 0x83, X86_FL), X86_ALU_IMM32 = X86_(0, 0, 0x81, X86_FL),
    X86_CMP8_IMM = X86_(0, 0, 0x80, X86_FL), X86_TEST8_IMM = X86_(0, 0, 0xf6, X86_FL | X86_RMBYTE),
    X86_CMP8 = X86_(0, 0, 0x3a, X86_FL | X86_BYTE | X86_RMBYTE), // reg, rm
    X86_TEST_IMM = X86_(0, 0, 0xf7, X86_FL), X86_IMUL_IMM = X86_(0, 0, 0x69, X86_FL),
    // BMI: encoded with VEX, which names a third register
    X86_SHLX = X86_(0x66, 2, 0xf7, X86_VEX), X86_SHRX = X86_(0xf2, 2, 0xf7, X86_VEX),
    X86_SARX = X86_(0xf3, 2, 0xf7, X86_VEX), X86_ANDN = X86_(0, 2, 0xf2, X86_VEX | X86_FL),
    X86_MULX = X86_(0xf2, 2, 0xf6, X86_VEX), X86_RORX = X86_(0xf2, 3, 0xf0, X86_VEX),
    // Vectors, moves: xmm, rm (and _TO: rm, xmm)
    X86_MOVUPS = X86_(0, 1, 0x10, 0), X86_MOVUPS_TO = X86_(0, 1, 0x11, 0),
    X86_MOVAPS = X86_(0, 1, 0x28, 0), X86_MOVAPS_TO = X86_(0, 1, 0x29, 0),
    X86_MOVSD = X86_(0xf2, 1, 0x10, 0), X86_MOVSD_TO = X86_(0xf2, 1, 0x11, 0),
    X86_MOVSS = X86_(0xf3, 1, 0x10, 0), X86_MOVSS_TO = X86_(0xf3, 1, 0x11, 0),
    X86_MOVQ = X86_(0xf3, 1, 0x7e, 0), X86_MOVQ_TO = X86_(0x66, 1, 0xd6, 0),
    X86_MOVD = X86_(0x66, 1, 0x6e, 0), X86_MOVD_TO = X86_(0x66, 1, 0x7e, 0), // w: 64 bits
    // Vectors, bits and integer lanes: xmm, rm
    X86_PAND = X86_(0x66, 1, 0xdb, 0), X86_PANDN = X86_(0x66, 1, 0xdf, 0),
    X86_POR = X86_(0x66, 1, 0xeb, 0), X86_PXOR = X86_(0x66, 1, 0xef, 0),
    X86_PADDB = X86_(0x66, 1, 0xfc, 0), X86_PADDW = X86_(0x66, 1, 0xfd, 0),
    X86_PADDD = X86_(0x66, 1, 0xfe, 0), X86_PADDQ = X86_(0x66, 1, 0xd4, 0),
    X86_PSUBB = X86_(0x66, 1, 0xf8, 0), X86_PSUBW = X86_(0x66, 1, 0xf9, 0),
    X86_PSUBD = X86_(0x66, 1, 0xfa, 0), X86_PSUBQ = X86_(0x66, 1, 0xfb, 0),
    X86_PADDSB = X86_(0x66, 1, 0xec, 0), X86_PADDSW = X86_(0x66, 1, 0xed, 0),
    X86_PADDUSB = X86_(0x66, 1, 0xdc, 0), X86_PADDUSW = X86_(0x66, 1, 0xdd, 0),
    X86_PSUBSB = X86_(0x66, 1, 0xe8, 0), X86_PSUBSW = X86_(0x66, 1, 0xe9, 0),
    X86_PSUBUSB = X86_(0x66, 1, 0xd8, 0), X86_PSUBUSW = X86_(0x66, 1, 0xd9, 0),
    X86_PACKSSWB = X86_(0x66, 1, 0x63, 0), X86_PACKSSDW = X86_(0x66, 1, 0x6b, 0),
    X86_PACKUSWB = X86_(0x66, 1, 0x67, 0), X86_PACKUSDW = X86_(0x66, 2, 0x2b, 0),
    X86_PMOVMSKB = X86_(0x66, 1, 0xd7, 0), X86_PMULLW = X86_(0x66, 1, 0xd5, 0),
    X86_PMULLD = X86_(0x66, 2, 0x40, 0), X86_PMULUDQ = X86_(0x66, 1, 0xf4, 0),
    X86_PMULDQ = X86_(0x66, 2, 0x28, 0), X86_PMADDWD = X86_(0x66, 1, 0xf5, 0),
    X86_PMADDUBSW = X86_(0x66, 2, 0x04, 0), X86_PSADBW = X86_(0x66, 1, 0xf6, 0),
    X86_PAVGB = X86_(0x66, 1, 0xe0, 0), X86_PAVGW = X86_(0x66, 1, 0xe3, 0),
    X86_PMINUB = X86_(0x66, 1, 0xda, 0), X86_PMINUW = X86_(0x66, 2, 0x3a, 0),
    X86_PMINUD = X86_(0x66, 2, 0x3b, 0), X86_PMINSB = X86_(0x66, 2, 0x38, 0),
    X86_PMINSW = X86_(0x66, 1, 0xea, 0), X86_PMINSD = X86_(0x66, 2, 0x39, 0),
    X86_PMAXUB = X86_(0x66, 1, 0xde, 0), X86_PMAXUW = X86_(0x66, 2, 0x3e, 0),
    X86_PMAXUD = X86_(0x66, 2, 0x3f, 0), X86_PMAXSB = X86_(0x66, 2, 0x3c, 0),
    X86_PMAXSW = X86_(0x66, 1, 0xee, 0), X86_PMAXSD = X86_(0x66, 2, 0x3d, 0),
    X86_PCMPEQB = X86_(0x66, 1, 0x74, 0), X86_PCMPEQW = X86_(0x66, 1, 0x75, 0),
    X86_PCMPEQD = X86_(0x66, 1, 0x76, 0), X86_PCMPEQQ = X86_(0x66, 2, 0x29, 0),
    X86_PCMPGTB = X86_(0x66, 1, 0x64, 0), X86_PCMPGTW = X86_(0x66, 1, 0x65, 0),
    X86_PCMPGTD = X86_(0x66, 1, 0x66, 0), X86_PCMPGTQ = X86_(0x66, 2, 0x37, 0),
    X86_PABSB = X86_(0x66, 2, 0x1c, 0), X86_PABSW = X86_(0x66, 2, 0x1d, 0),
    X86_PABSD = X86_(0x66, 2, 0x1e, 0),
    // Vectors, permutations; with an imm8: PSHUFD, SHUFPS, PALIGNR, PINSRx
    X86_PUNPCKLBW = X86_(0x66, 1, 0x60, 0), X86_PUNPCKLWD = X86_(0x66, 1, 0x61, 0),
    X86_PUNPCKLDQ = X86_(0x66, 1, 0x62, 0), X86_PUNPCKLQDQ = X86_(0x66, 1, 0x6c, 0),
    X86_PUNPCKHBW = X86_(0x66, 1, 0x68, 0), X86_PUNPCKHWD = X86_(0x66, 1, 0x69, 0),
    X86_PUNPCKHDQ = X86_(0x66, 1, 0x6a, 0), X86_PUNPCKHQDQ = X86_(0x66, 1, 0x6d, 0),
    X86_PMOVSXBW = X86_(0x66, 2, 0x20, 0), X86_PMOVSXWD = X86_(0x66, 2, 0x23, 0),
    X86_PMOVSXDQ = X86_(0x66, 2, 0x25, 0), X86_PMOVZXBW = X86_(0x66, 2, 0x30, 0),
    X86_PMOVZXWD = X86_(0x66, 2, 0x33, 0), X86_PMOVZXDQ = X86_(0x66, 2, 0x35, 0),
    X86_PSHUFB = X86_(0x66, 2, 0x00, 0), X86_PSHUFD = X86_(0x66, 1, 0x70, 0),
    X86_PSHUFLW = X86_(0xf2, 1, 0x70, 0), X86_SHUFPS = X86_(0, 1, 0xc6, 0),
    X86_PALIGNR = X86_(0x66, 3, 0x0f, 0), X86_PBLENDVB = X86_(0x66, 2, 0x10, 0),
    X86_PINSRB = X86_(0x66, 3, 0x20, 0), X86_PINSRW = X86_(0x66, 1, 0xc4, 0),
    X86_PINSRD = X86_(0x66, 3, 0x22, 0), X86_INSERTPS = X86_(0x66, 3, 0x21, 0), X86_MOVLPS = X86_(0, 1, 0x12, 0),
    X86_MOVHPS = X86_(0, 1, 0x16, 0), X86_MOVMSKPS = X86_(0, 1, 0x50, 0),
    X86_MOVMSKPD = X86_(0x66, 1, 0x50, 0),
    // Vectors, shifts by an imm8: reg is the group's number, the register shifted is rm
    X86_PSHIFTW = X86_(0x66, 1, 0x71, 0), X86_PSHIFTD = X86_(0x66, 1, 0x72, 0),
    X86_PSHIFTQ = X86_(0x66, 1, 0x73, 0),
    // Floating point: | X86_PS, X86_PD, X86_SS, X86_SD; CMPF with an imm8
    X86_ADDF = X86_(0, 1, 0x58, 0), X86_MULF = X86_(0, 1, 0x59, 0), X86_SUBF = X86_(0, 1, 0x5c, 0),
    X86_DIVF = X86_(0, 1, 0x5e, 0), X86_SQRTF = X86_(0, 1, 0x51, 0), X86_MINF = X86_(0, 1, 0x5d, 0),
    X86_MAXF = X86_(0, 1, 0x5f, 0), X86_CMPF = X86_(0, 1, 0xc2, 0),
    X86_CVTSI2F = X86_(0, 1, 0x2a, 0), X86_CVTTF2SI = X86_(0, 1, 0x2c, 0),
    X86_CVTF2F = X86_(0, 1, 0x5a, 0), X86_UCOMISS = X86_(0, 1, 0x2e, X86_FL),
    X86_UCOMISD = X86_(0x66, 1, 0x2e, X86_FL), X86_COMISS = X86_(0, 1, 0x2f, X86_FL),
    X86_COMISD = X86_(0x66, 1, 0x2f, X86_FL), X86_HADDPS = X86_(0xf2, 1, 0x7c, 0),
    X86_HADDPD = X86_(0x66, 1, 0x7c, 0), X86_CVTDQ2PS = X86_(0, 1, 0x5b, 0),
    X86_CVTTPS2DQ = X86_(0xf3, 1, 0x5b, 0), X86_ROUNDPS = X86_(0x66, 3, 0x08, 0),
    X86_ROUNDPD = X86_(0x66, 3, 0x09, 0), X86_ROUNDSS = X86_(0x66, 3, 0x0a, 0),
    X86_ROUNDSD = X86_(0x66, 3, 0x0b, 0),
    // Fused: reg = +-(vreg * rm) +- reg; w: doubles; + 1: of lane 0 alone
    X86_VFMADD231 = X86_(0x66, 2, 0xb8, X86_VEX), X86_VFMSUB231 = X86_(0x66, 2, 0xba, X86_VEX),
    X86_VFNMADD231 = X86_(0x66, 2, 0xbc, X86_VEX), X86_VFNMSUB231 = X86_(0x66, 2, 0xbe, X86_VEX),
};
// ADD ... CMP and _TO, XCHG, CMPXCHG, XADD on 2^log2 bytes; w is still up to the caller.
static inline unsigned x86_sized(unsigned op, unsigned log2)
{
    return log2 == 0 ? (op - 1) | X86_BYTE | X86_RMBYTE : log2 == 1 ? op | 0x660000 : op;
}

#define X86_PS 0u
#define X86_PD 0x660000u
#define X86_SS 0xf30000u
#define X86_SD 0xf20000u
// Groups' numbers
enum { X86_G_ADD, X86_G_OR, X86_G_ADC, X86_G_SBB, X86_G_AND, X86_G_SUB, X86_G_XOR, X86_G_CMP }; // ALU_IMM
enum { X86_G_ROL, X86_G_ROR, X86_G_SHL = 4, X86_G_SHR, X86_G_SAR = 7 };                          // SHIFT
enum { X86_G_PSRL = 2, X86_G_PSRLDQ, X86_G_PSRA, X86_G_PSLL = 6, X86_G_PSLLDQ };                 // PSHIFTx
enum { X86_G_NOT = 2, X86_G_NEG, X86_G_MUL, X86_G_IMUL, X86_G_DIV, X86_G_IDIV };                 // GROUP3

// reg (or a group's number) and rm; w: 64-bit operands. Immediates follow by x86_imm*().
// imm_bytes: how many of them, which a rip-relative operand has to know.
void x86_emit(struct x86_asm *as, unsigned op, bool w, int reg, struct x86_rm rm, unsigned imm_bytes);
// Three operands, VEX encoding: reg = op(vreg, rm).
void x86_emit3(struct x86_asm *as, unsigned op, bool w, int reg, int vreg, struct x86_rm rm, unsigned imm_bytes);

void x86_byte(struct x86_asm *as, unsigned byte);
void x86_imm32(struct x86_asm *as, uint32_t imm);
void x86_imm64(struct x86_asm *as, uint64_t imm);

static inline void x86_rr(struct x86_asm *as, unsigned op, bool w, int reg, int rm)
{
    x86_emit(as, op, w, reg, x86_r(rm), 0);
}

// dst = src unless they are one.
void x86_mov(struct x86_asm *as, bool w, int dst, int src);
// reg = value, in as few bytes as it takes; leaves EFLAGS alone.
void x86_mov_imm(struct x86_asm *as, int reg, uint64_t value);
// Group 1 (ADD ... CMP) with an immediate that fits 32 bits signed.
void x86_alu_imm(struct x86_asm *as, unsigned group, bool w, struct x86_rm rm, int32_t imm);
void x86_shift_imm(struct x86_asm *as, unsigned group, bool w, struct x86_rm rm, unsigned count);
void x86_setcc(struct x86_asm *as, enum x86_cc cc, int reg);
void x86_cmov(struct x86_asm *as, enum x86_cc cc, bool w, int reg, struct x86_rm rm);
void x86_bswap(struct x86_asm *as, bool w, int reg);
void x86_push(struct x86_asm *as, int reg);
void x86_pop(struct x86_asm *as, int reg);

// Jumps to an address of the write view; the distance takes four bytes.
void x86_jmp(struct x86_asm *as, const uint8_t *to);
void x86_jcc(struct x86_asm *as, enum x86_cc cc, const uint8_t *to);
void x86_call(struct x86_asm *as, const uint8_t *to);
// What is patched while other processors execute it must change as one: puts prefixes that mean
// nothing before the next instruction, so that the four bytes that come `before` bytes into it lie in
// one aligned quadword.
void x86_patchable(struct x86_asm *as, unsigned before);
// Jumps ahead: returns the place to give to x86_here() later. short: one byte of distance.
uint8_t *x86_jmp_ahead(struct x86_asm *as);
uint8_t *x86_jcc_ahead(struct x86_asm *as, enum x86_cc cc);
uint8_t *x86_jcc_short(struct x86_asm *as, enum x86_cc cc);
uint8_t *x86_jmp_short(struct x86_asm *as);
// Makes a jump ahead end here. In straight code only: EFLAGS count as lost.
void x86_here(struct x86_asm *as, uint8_t *jump);
void x86_here_short(struct x86_asm *as, uint8_t *jump);
// Rewrites the distance of a jump, or a constant, whose four bytes end at `end`; x86_patchable().
void x86_retarget(uint8_t *end, const uint8_t *to);
void x86_set_imm32(uint8_t *end, uint32_t imm);

#endif
