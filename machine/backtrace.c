// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/backtrace.h"

#include "frontend/sysreg.h"
#include "machine/debug_mem.h"
#include "machine/kernel.h"

// Where a frame record is, and the return address that X30 may still hold.
struct place {
    uint64_t fp, x30;
};

// struct pt_regs, as far as it is the same in every Linux; and where the frame record stands in it,
// by version.
enum { REGS_X29 = 29 * 8, REGS_X30 = 30 * 8, REGS_PC = 32 * 8, REGS_PSTATE = 33 * 8 };
static const unsigned record_offsets[] = { 0x130, 0x128 };

bool backtrace_word(struct machine *m, const struct a64_cpu *cpu, uint64_t va, uint64_t *word)
{
    gpa_t pa;
    return !(va & 7) && debug_mem_translate(cpu, va, false, &pa) && jit_region(&m->jit, pa) &&
           jit_phys_read64(&m->jit, pa, word);
}

// Is the record at `at` that of an exception? Then *frame and *at become what it has interrupted.
static bool leave_exception(struct machine *m, const struct a64_cpu *cpu, struct place *at, uint64_t next, uint64_t lr,
                            struct backtrace_frame *frame)
{
    for (size_t n = 0; n < ARRAY_SIZE(record_offsets); n++) {
        uint64_t regs = at->fp - record_offsets[n], x29, x30, pc, pstate;
        if (!backtrace_word(m, cpu, regs + REGS_X29, &x29) || !backtrace_word(m, cpu, regs + REGS_X30, &x30) ||
            !backtrace_word(m, cpu, regs + REGS_PC, &pc) || !backtrace_word(m, cpu, regs + REGS_PSTATE, &pstate))
            continue;
        unsigned mode = pstate & 0x1f;
        bool user = mode == 0, high = pc >> 55 & 1, empty = !next && !lr;
        if (!pc || pc & 3 || user == high || (mode & ~5u) || pstate >> 32 || (!empty && (next != x29 || lr != pc)))
            continue;
        *frame = (struct backtrace_frame){ .pc = pc, .interrupted = true, .user = user };
        *at = (struct place){ .fp = x29, .x30 = x30 };
        return true;
    }
    return false;
}

// A kernel's function that has made no frame, or not yet, was called from where X30 points: behind a
// call, in another function.
static bool leave_leaf(struct machine *m, const struct a64_cpu *cpu, uint64_t pc, uint64_t x30)
{
    uint64_t offset, word;
    if (!kernel_offset(m, cpu, &offset) || x30 & 3 || !backtrace_word(m, cpu, (x30 - 4) & ~UINT64_C(7), &word))
        return false;
    uint32_t insn = (uint32_t)(word >> ((x30 - 4) & 4) * 8);
    const struct symbol *inner = symbols_at(m->symbols, pc - offset), *outer = symbols_at(m->symbols, x30 - 4 - offset);
    bool call = insn >> 26 == 0x25 || (insn & 0xfffffc1f) == 0xd63f0000;
    return call && inner && outer && inner != outer;
}

// The frame around the one that pc is in; false: there is none.
static bool leave(struct machine *m, const struct a64_cpu *cpu, struct place *at, const struct backtrace_frame *inner,
                  struct backtrace_frame *outer)
{
    uint64_t next, lr;
    bool has_record = backtrace_word(m, cpu, at->fp, &next) && backtrace_word(m, cpu, at->fp + 8, &lr);
    if (at->x30 && !inner->user && (!has_record || lr != at->x30) && leave_leaf(m, cpu, inner->pc, at->x30)) {
        *outer = (struct backtrace_frame){ .pc = at->x30 - 4 };
        at->x30 = 0;
        return true;
    }
    at->x30 = 0;
    if (!has_record)
        return false;
    if (!inner->user && leave_exception(m, cpu, at, next, lr, outer))
        return true;
    // A kernel changes stacks on its way to an interrupt's handler.
    if (!lr || next == at->fp || (inner->user && next < at->fp))
        return false;
    *outer = (struct backtrace_frame){ .pc = lr - 4, .user = inner->user };
    at->fp = next;
    return true;
}

unsigned backtrace(struct machine *m, const struct a64_cpu *cpu, struct backtrace_frame frames[BACKTRACE_MAX])
{
    struct place at = { .fp = cpu->v.r[29], .x30 = cpu->v.r[30] };
    unsigned n = 0;
    frames[n++] = (struct backtrace_frame){ .pc = cpu->v.pc, .user = !cpu->el };
    if (cpu->el && cpu->v.pc - cpu->v.r[A64_VBAR_EL1] < 0x800) // nothing is saved yet
        frames[n++] = (struct backtrace_frame){ .pc = cpu->v.r[A64_ELR_EL1], .interrupted = true,
                                                .user = !(cpu->v.r[A64_SPSR_EL1] & 0xf) };
    while (n < BACKTRACE_MAX && leave(m, cpu, &at, &frames[n - 1], &frames[n]))
        n++;
    return n;
}
