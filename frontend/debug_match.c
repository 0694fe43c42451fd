// SPDX-License-Identifier: GPL-3.0-or-later
// Hardware breakpoints and watchpoints (Arm ARM D2.8 to D2.10): what they match.
//
// What the architecture leaves open follows QEMU where it says something: reserved types of
// breakpoint and reserved masks never match, of several runs of bytes the lowest counts, masked
// address bits are ignored, a link to a breakpoint that is not a linked context matches nothing.
//
// Neither costs anything where there is none. Code in a page with a breakpoint is translated for
// A64_MODE_BREAK: every instruction is preceded by the break_check helper. A page with a watched
// byte has no entry in the TLB, and the slow path asks a64_watch(). Both questions are asked anew
// each time, so that PSTATE, the context and the OS lock need not be followed; what decides which
// pages are concerned (the debug registers, MDSCR_EL1.MDE) empties the TLBs when it changes.
#include "frontend/debug_regs.h"
#include "frontend/sysreg.h"
#include "jit/debug.h"

_Static_assert(A64_DBGBCR1_EL1 == A64_DBGBCR0_EL1 + 2 && A64_DBGBVR0_EL1 == A64_DBGBCR0_EL1 - 1 &&
                   A64_DBGWCR1_EL1 == A64_DBGWCR0_EL1 + 2 && A64_DBGWVR0_EL1 == A64_DBGWCR0_EL1 - 1,
               "value and control registers take turns");

enum { NR_BREAKPOINTS = 6, NR_CONTEXTS = 2, NR_WATCHPOINTS = 4 };

// DBGBCR<n>_EL1 and DBGWCR<n>_EL1
#define DBGCR_E   BIT(0)
#define DBGWCR_WT BIT(20)
enum { BT_ADDRESS = 0, BT_ADDRESS_LINKED = 1, BT_CONTEXT = 2, BT_CONTEXT_LINKED = 3 };
enum { LSC_LOAD = 1, LSC_STORE = 2 };

static uint64_t bcr(const struct a64_cpu *cpu, unsigned n)
{
    return cpu->v.r[A64_DBGBCR0_EL1 + 2 * n];
}

static uint64_t bvr(const struct a64_cpu *cpu, unsigned n)
{
    return cpu->v.r[A64_DBGBVR0_EL1 + 2 * n];
}

static uint64_t wcr(const struct a64_cpu *cpu, unsigned n)
{
    return cpu->v.r[A64_DBGWCR0_EL1 + 2 * n];
}

// Bits 48:2 of an address are what is compared.
static uint64_t address(uint64_t va)
{
    return (uint64_t)sext64(va, 49) & ~UINT64_C(3);
}

static unsigned breakpoint_type(const struct a64_cpu *cpu, unsigned n)
{
    return bits64(bcr(cpu, n), 20, 4);
}

static bool context_matches(const struct a64_cpu *cpu, unsigned n)
{
    return (uint32_t)cpu->v.r[A64_CONTEXTIDR_EL1] == (uint32_t)bvr(cpu, n);
}

// Breakpoint LBN, as what another one or a watchpoint is linked to.
static bool link_matches(const struct a64_cpu *cpu, unsigned n)
{
    return n >= NR_BREAKPOINTS - NR_CONTEXTS && n < NR_BREAKPOINTS && bcr(cpu, n) & DBGCR_E &&
           breakpoint_type(cpu, n) == BT_CONTEXT_LINKED && context_matches(cpu, n);
}

// SSC (there is Non-secure state alone) and PMC or PAC, which have the same places in both kinds.
static bool state_matches(const struct a64_cpu *cpu, uint64_t control, unsigned el, bool linked)
{
    return bits64(control, 14, 2) != 2 && control & (el ? BIT(1) : BIT(2)) &&
           (!linked || link_matches(cpu, (unsigned)bits64(control, 16, 4)));
}

// Breakpoints ------------------------------------------------------------------------------------

static bool breakpoint_matches(const struct a64_cpu *cpu, unsigned n, gva_t pc)
{
    unsigned type = breakpoint_type(cpu, n);
    bool linked = type == BT_ADDRESS_LINKED;
    if (!(bcr(cpu, n) & DBGCR_E) || !state_matches(cpu, bcr(cpu, n), cpu->el, linked))
        return false;
    switch (type) {
    case BT_ADDRESS:
    case BT_ADDRESS_LINKED:
        return address(pc) == address(bvr(cpu, n));
    case BT_CONTEXT:
        return n >= NR_BREAKPOINTS - NR_CONTEXTS && context_matches(cpu, n);
    default:
        return false;
    }
}

bool a64_break_page(const struct a64_cpu *cpu, gva_t va)
{
    if (likely(!(cpu->v.r[A64_MDSCR_EL1] & MDSCR_MDE)))
        return false;
    for (unsigned n = 0; n < NR_BREAKPOINTS; n++) {
        if (!(bcr(cpu, n) & DBGCR_E))
            continue;
        unsigned type = breakpoint_type(cpu, n);
        if (type == BT_CONTEXT)
            return true;
        if (type <= BT_ADDRESS_LINKED && !((address(va) ^ address(bvr(cpu, n))) & PAGE_MASK))
            return true;
    }
    return false;
}

// a: the address of the instruction that is about to run
void a64_helper_break_check(struct vcpu *v, void *d, const void *a, const void *b, const void *c,
                            uint64_t imm)
{
    struct a64_cpu *cpu = a64(v);
    if (!a64_debug_enabled(cpu, cpu->el, cpu->daif & PSTATE_D))
        return;
    for (unsigned n = 0; n < NR_BREAKPOINTS; n++)
        if (breakpoint_matches(cpu, n, *(const uint64_t *)a)) {
            a64_fail(cpu, A64_EXC(EC_BREAKPOINT_LOWER, FSC_DEBUG));
            return;
        }
}

// What a debugger outside the guest wants of the instruction at a: jit/debug.h.
void a64_helper_debug_check(struct vcpu *v, void *d, const void *a, const void *b, const void *c,
                            uint64_t imm)
{
    if (!debug_check_break(v, *(const uint64_t *)a))
        v->bail = true;
}

void a64_helper_debug_trace(struct vcpu *v, void *d, const void *a, const void *b, const void *c,
                            uint64_t imm)
{
    debug_trace(v, *(const uint64_t *)a);
}

// Watchpoints ------------------------------------------------------------------------------------

// The watched bytes; false: none.
static bool watched_bytes(const struct a64_cpu *cpu, unsigned n, gva_t *start, uint64_t *len)
{
    uint64_t control = wcr(cpu, n), at = address(cpu->v.r[A64_DBGWVR0_EL1 + 2 * n]);
    unsigned mask = bits64(control, 24, 5), bas = bits64(control, 5, 8);
    if (!(control & DBGCR_E) || mask == 1 || mask == 2)
        return false;
    if (mask) {
        *len = BIT(mask);
        *start = at & ~(*len - 1);
        return true;
    }
    if (at & 4)
        bas &= 15;
    if (!bas)
        return false;
    unsigned first = (unsigned)__builtin_ctz(bas);
    *start = at + first;
    *len = (unsigned)__builtin_ctz(~(bas >> first));
    return true;
}

bool a64_watch_page(const struct a64_cpu *cpu, gva_t va)
{
    gva_t start, page = (uint64_t)sext64(va, 49) & PAGE_MASK;
    uint64_t len;
    if (likely(!(cpu->v.r[A64_MDSCR_EL1] & MDSCR_MDE)))
        return false;
    for (unsigned n = 0; n < NR_WATCHPOINTS; n++)
        if (watched_bytes(cpu, n, &start, &len) && (start - page < PAGE_SIZE || page - start < len))
            return true;
    return false;
}

bool a64_watch(struct vcpu *v, gva_t va, unsigned size, enum mem_access access, unsigned attr)
{
    struct a64_cpu *cpu = a64(v);
    unsigned el = attr & MEM_UNPRIV && !cpu->uao ? 0 : cpu->el;
    gva_t start, at = (uint64_t)sext64(va, 49);
    uint64_t len;
    if (!(v->r[A64_MDSCR_EL1] & MDSCR_MDE) ||
        !a64_debug_enabled(cpu, cpu->el, cpu->daif & PSTATE_D))
        return true;
    for (unsigned n = 0; n < NR_WATCHPOINTS; n++) {
        uint64_t control = wcr(cpu, n);
        if (!watched_bytes(cpu, n, &start, &len) || (start - at >= size && at - start >= len) ||
            !(bits64(control, 3, 2) & (access == MEM_WRITE ? LSC_STORE : LSC_LOAD)) ||
            !state_matches(cpu, control, el, control & DBGWCR_WT))
            continue;
        cpu->exc_recorded = false;
        // The first byte that is watched, by the address that the access used.
        cpu->fault = (struct a64_fault){.va = start - at < size ? va + (start - at) : va,
                                        .fsc = FSC_DEBUG,
                                        .access = access,
                                        .attr = attr};
        return false;
    }
    return true;
}
