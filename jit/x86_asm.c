// SPDX-License-Identifier: GPL-3.0-or-later
#include "jit/x86_asm.h"

#include <assert.h>
#include <string.h>

// The longest instruction, and something for its immediate.
#define ROOM 32

static bool room(struct x86_asm *as)
{
    if (likely(as->end - as->p >= ROOM))
        return true;
    as->full = true;
    return false;
}

void x86_byte(struct x86_asm *as, unsigned byte)
{
    if (likely(as->p < as->end))
        *as->p++ = (uint8_t)byte;
    else
        as->full = true;
}

void x86_imm32(struct x86_asm *as, uint32_t imm)
{
    if (!room(as))
        return;
    memcpy(as->p, &imm, 4);
    as->p += 4;
}

void x86_imm64(struct x86_asm *as, uint64_t imm)
{
    if (!room(as))
        return;
    memcpy(as->p, &imm, 8);
    as->p += 8;
}

static void modrm(struct x86_asm *as, int reg, struct x86_rm rm, unsigned imm_bytes)
{
    unsigned r = (unsigned)(reg & 7) << 3;
    if (x86_is_reg(rm)) {
        x86_byte(as, 0xc0 | r | (rm.reg & 7));
        return;
    }
    if (rm.base == X86_RIP) {
        x86_byte(as, 5 | r);
        x86_imm32(as, (uint32_t)(rm.at - (as->p + 4 + imm_bytes)));
        return;
    }
    bool sib = rm.index != X86_NO_REG || (rm.base & 7) == RSP;
    unsigned low = sib ? 4 : rm.base & 7;
    unsigned mod = !rm.disp && (rm.base & 7) != RBP ? 0 : rm.disp == (int8_t)rm.disp ? 1 : 2;
    x86_byte(as, mod << 6 | r | low);
    if (sib)
        x86_byte(as, (unsigned)rm.scale << 6 | (rm.index == X86_NO_REG ? 4 : rm.index & 7) << 3 | (rm.base & 7));
    if (mod == 1)
        x86_byte(as, (uint8_t)rm.disp);
    else if (mod == 2)
        x86_imm32(as, (uint32_t)rm.disp);
}

// Bits above the low three of the registers' numbers: B (base or rm), X (index).
static unsigned high_b(struct x86_rm rm)
{
    int r = x86_is_reg(rm) ? rm.reg : rm.base;
    return r >= 8;
}

static unsigned high_x(struct x86_rm rm)
{
    return !x86_is_reg(rm) && rm.index >= 8;
}

void x86_emit(struct x86_asm *as, unsigned op, bool w, int reg, struct x86_rm rm, unsigned imm_bytes)
{
    if (!room(as))
        return;
    assert(!(op & X86_VEX));
    unsigned prefix = op >> 16 & 0xff, map = op >> 8 & 0xff;
    if (prefix)
        *as->p++ = (uint8_t)prefix;
    unsigned rex = (unsigned)w << 3 | (unsigned)(reg >= 8) << 2 | high_x(rm) << 1 | high_b(rm);
    // Without a REX prefix the byte registers 4 to 7 are others.
    bool force = (op & X86_BYTE && reg >= 4) || (op & X86_RMBYTE && rm.reg >= 4);
    if (rex || force)
        *as->p++ = (uint8_t)(0x40 | rex);
    if (map) {
        *as->p++ = 0x0f;
        if (map > 1)
            *as->p++ = map == 2 ? 0x38 : 0x3a;
    }
    *as->p++ = (uint8_t)op;
    modrm(as, reg, rm, imm_bytes);
    if (op & X86_FL)
        as->eflags = false;
}

void x86_emit3(struct x86_asm *as, unsigned op, bool w, int reg, int vreg, struct x86_rm rm, unsigned imm_bytes)
{
    if (!room(as))
        return;
    unsigned prefix = op >> 16 & 0xff, map = op >> 8 & 0xff;
    unsigned pp = prefix == 0x66 ? 1 : prefix == 0xf3 ? 2 : prefix == 0xf2 ? 3 : 0;
    *as->p++ = 0xc4;
    *as->p++ = (uint8_t)((reg < 8) << 7 | !high_x(rm) << 6 | !high_b(rm) << 5 | map);
    *as->p++ = (uint8_t)((unsigned)w << 7 | (unsigned)(~vreg & 15) << 3 | pp);
    *as->p++ = (uint8_t)op;
    modrm(as, reg, rm, imm_bytes);
    if (op & X86_FL)
        as->eflags = false;
}

void x86_mov(struct x86_asm *as, bool w, int dst, int src)
{
    if (dst != src)
        x86_rr(as, X86_MOV, w, dst, src);
}

void x86_mov_imm(struct x86_asm *as, int reg, uint64_t value)
{
    if (!room(as))
        return;
    if (value == (uint32_t)value) {
        if (reg >= 8)
            *as->p++ = 0x41;
        *as->p++ = (uint8_t)(0xb8 | (reg & 7));
        x86_imm32(as, (uint32_t)value);
    } else if (value == (uint64_t)(int32_t)value) {
        x86_emit(as, X86_MOV_IMM, true, 0, x86_r(reg), 4);
        x86_imm32(as, (uint32_t)value);
    } else {
        *as->p++ = (uint8_t)(0x48 | (reg >= 8));
        *as->p++ = (uint8_t)(0xb8 | (reg & 7));
        x86_imm64(as, value);
    }
}

void x86_alu_imm(struct x86_asm *as, unsigned group, bool w, struct x86_rm rm, int32_t imm)
{
    if (imm == (int8_t)imm) {
        x86_emit(as, X86_ALU_IMM8, w, (int)group, rm, 1);
        x86_byte(as, (uint8_t)imm);
    } else {
        x86_emit(as, X86_ALU_IMM32, w, (int)group, rm, 4);
        x86_imm32(as, (uint32_t)imm);
    }
}

void x86_shift_imm(struct x86_asm *as, unsigned group, bool w, struct x86_rm rm, unsigned count)
{
    x86_emit(as, X86_SHIFT_IMM, w, (int)group, rm, 1);
    x86_byte(as, count);
}

void x86_setcc(struct x86_asm *as, enum x86_cc cc, int reg)
{
    x86_emit(as, X86_SETCC + cc, false, 0, x86_r(reg), 0);
}

void x86_cmov(struct x86_asm *as, enum x86_cc cc, bool w, int reg, struct x86_rm rm)
{
    x86_emit(as, X86_CMOV + cc, w, reg, rm, 0);
}

void x86_bswap(struct x86_asm *as, bool w, int reg)
{
    if (w || reg >= 8)
        x86_byte(as, 0x40u | (unsigned)w << 3 | (reg >= 8));
    x86_byte(as, 0x0f);
    x86_byte(as, 0xc8u | (reg & 7));
}

void x86_push(struct x86_asm *as, int reg)
{
    if (reg >= 8)
        x86_byte(as, 0x41);
    x86_byte(as, 0x50u | (reg & 7));
}

void x86_pop(struct x86_asm *as, int reg)
{
    if (reg >= 8)
        x86_byte(as, 0x41);
    x86_byte(as, 0x58u | (reg & 7));
}

void x86_patchable(struct x86_asm *as, unsigned before)
{
    while (((uintptr_t)as->p + before) % 8 > 4)
        x86_byte(as, 0x2e); // CS:, without effect in 64-bit code
}

void x86_retarget(uint8_t *end, const uint8_t *to)
{
    x86_set_imm32(end, (uint32_t)(int32_t)(to - end));
}

void x86_set_imm32(uint8_t *end, uint32_t imm)
{
    assert((uintptr_t)(end - 4) % 8 <= 4); // x86_patchable()
    // One store: whoever executes it meanwhile sees the old value or the new one.
    __atomic_store_n((uint32_t *)(void *)(end - 4), imm, __ATOMIC_RELEASE);
}

static void distance(struct x86_asm *as, const uint8_t *to)
{
    x86_imm32(as, (uint32_t)(to - (as->p + 4)));
}

void x86_jmp(struct x86_asm *as, const uint8_t *to)
{
    x86_byte(as, 0xe9);
    distance(as, to);
}

void x86_jcc(struct x86_asm *as, enum x86_cc cc, const uint8_t *to)
{
    x86_byte(as, 0x0f);
    x86_byte(as, 0x80u | cc);
    distance(as, to);
}

void x86_call(struct x86_asm *as, const uint8_t *to)
{
    x86_byte(as, 0xe8);
    distance(as, to);
}

uint8_t *x86_jmp_ahead(struct x86_asm *as)
{
    x86_jmp(as, as->p);
    return as->p;
}

uint8_t *x86_jcc_ahead(struct x86_asm *as, enum x86_cc cc)
{
    x86_jcc(as, cc, as->p);
    return as->p;
}

uint8_t *x86_jcc_short(struct x86_asm *as, enum x86_cc cc)
{
    x86_byte(as, 0x70u | cc);
    x86_byte(as, 0);
    return as->p;
}

uint8_t *x86_jmp_short(struct x86_asm *as)
{
    x86_byte(as, 0xeb);
    x86_byte(as, 0);
    return as->p;
}

void x86_here(struct x86_asm *as, uint8_t *jump)
{
    as->eflags = false;
    if (as->full)
        return;
    int32_t d = (int32_t)(as->p - jump);
    memcpy(jump - 4, &d, 4);
}

void x86_here_short(struct x86_asm *as, uint8_t *jump)
{
    as->eflags = false;
    if (as->full)
        return;
    assert(as->p - jump < 128);
    jump[-1] = (uint8_t)(as->p - jump);
}
