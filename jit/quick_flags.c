// SPDX-License-Identifier: GPL-3.0-or-later
// The guest's flags in the host's.
//
// Within quick code NZCV is kept as LAHF and SETO leave it: bits 15 and 14 are N and Z, bit 8 is C
// inverted (x86 subtracts with a borrow where Arm subtracts with a carry, and comparisons are what
// flags are mostly made by), bit 0 is V. Where the flags were set just now, EFLAGS still have them.
#include "jit/quick_ctx.h"

#include <assert.h>

uint32_t quick_flags_from(uint32_t nzcv)
{
    return (nzcv & NZCV_N) << 12 | (nzcv & NZCV_Z) << 12 | (uint32_t)!(nzcv & NZCV_C) << 8 | (nzcv & NZCV_V);
}

uint32_t quick_flags_to(uint32_t qflags)
{
    return (qflags >> 12 & (NZCV_N | NZCV_Z)) | (qflags >> 8 & 1 ? 0 : NZCV_C) | (qflags & NZCV_V);
}

void quick_flags_keep(struct quick_tr *t)
{
    x86_byte(&t->as, 0x9f); // lahf
    x86_setcc(&t->as, CC_O, RAX);
    x86_emit(&t->as, X86_MOV_TO, false, RAX, Q_STATE(qflags), 0);
    t->as.eflags = true;
}

void quick_flags_want(struct quick_tr *t)
{
    if (t->as.eflags)
        return;
    x86_emit(&t->as, X86_MOV, false, RAX, Q_STATE(qflags), 0);
    x86_byte(&t->as, 0x04); // add al, 0x7f: overflows where bit 0 is set
    x86_byte(&t->as, 0x7f);
    x86_byte(&t->as, 0x9e); // sahf
    t->as.eflags = true;
}

enum x86_cc quick_cc(unsigned mask)
{
    switch (mask) {
    case 0xf0f0: return CC_E;
    case 0x0f0f: return CC_NE;
    case 0xcccc: return CC_AE;
    case 0x3333: return CC_B;
    case 0xff00: return CC_S;
    case 0x00ff: return CC_NS;
    case 0xaaaa: return CC_O;
    case 0x5555: return CC_NO;
    case 0x0c0c: return CC_A;
    case 0xf3f3: return CC_BE;
    case 0xaa55: return CC_GE;
    case 0x55aa: return CC_L;
    case 0x0a05: return CC_G;
    case 0xf5fa: return CC_LE;
    case 0xffff: return CC_ALWAYS;
    }
    assert(!"a condition that Arm does not have");
    return CC_NEVER;
}
