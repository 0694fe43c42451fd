// SPDX-License-Identifier: GPL-3.0-or-later
// Exceptions to EL1 and back: entry with syndrome, interrupts, ERET, software step
// (Arm ARM D1.3, D2.12, D17.2.37 for ESR_EL1).
//
// Every exception goes to EL1. Nothing here is asynchronous: it runs in the vCPU's thread between
// blocks, or in the ERET helper at the end of one.
#include "frontend/sysreg.h"
#include "jit/debug.h"
#include "jit/jit.h"

#include <inttypes.h>

#define ESR_IL  BIT(25) // the instruction was 32 bits wide: always, in AArch64
#define ESR_CM  BIT(8)
#define ESR_WnR BIT(6)

#define SPSR_SSBS BIT(12)
#define SPSR_IL   BIT(20)
#define SPSR_SS   BIT(21)
#define SPSR_PAN  BIT(22)
#define SPSR_UAO  BIT(23)
#define SPSR_DIT  BIT(24)

enum { VECTOR_SYNC = 0, VECTOR_IRQ = 0x80, VECTOR_FIQ = 0x100 };

uint64_t a64_spsr_pack(const struct a64_cpu *cpu)
{
    return (uint64_t)cpu->v.nzcv << 28 | (cpu->dit ? SPSR_DIT : 0) | (cpu->uao ? SPSR_UAO : 0) |
           (cpu->pan ? SPSR_PAN : 0) | (cpu->ss ? SPSR_SS : 0) | (cpu->il ? SPSR_IL : 0) |
           (cpu->ssbs ? SPSR_SSBS : 0) | (uint64_t)cpu->daif << 6 | cpu->el << 2 |
           (cpu->el && cpu->spsel);
}

static const char *class_name(unsigned ec)
{
    // clang-format off
    static const char *const names[64] = {
        [EC_UNKNOWN] = "undefined", [EC_WFX] = "wfx", [EC_FP_TRAP] = "fp trap",
        [EC_ILLEGAL_STATE] = "illegal state", [EC_SVC64] = "svc", [EC_SYSREG] = "sysreg",
        [EC_IABT_LOWER] = "instruction abort", [EC_IABT] = "instruction abort",
        [EC_PC_ALIGN] = "pc alignment", [EC_SP_ALIGN] = "sp alignment",
        [EC_DABT_LOWER] = "data abort", [EC_DABT] = "data abort",
        [EC_STEP_LOWER] = "step", [EC_STEP] = "step", [EC_BRK64] = "brk",
        [EC_BREAKPOINT_LOWER] = "breakpoint", [EC_BREAKPOINT_LOWER + 1] = "breakpoint",
        [EC_WATCHPOINT_LOWER] = "watchpoint", [EC_WATCHPOINT_LOWER + 1] = "watchpoint",
    };
    // clang-format on
    return names[ec & 63] ? names[ec & 63] : "other";
}

// Enters EL1 at a vector. ret is the preferred return address.
static void enter_el1(struct a64_cpu *cpu, unsigned vector, gva_t ret)
{
    struct vcpu *v = &cpu->v;
    uint64_t sctlr = v->r[A64_SCTLR_EL1];
    if (unlikely(cpu->pmu.counting))
        a64_pmu_sync(cpu);
    v->r[A64_SPSR_EL1] = a64_spsr_pack(cpu);
    v->r[A64_ELR_EL1] = ret;
    v->pc = v->r[A64_VBAR_EL1] + vector + (!cpu->el ? 0x400 : cpu->spsel ? 0x200 : 0);
    cpu->el = 1;
    cpu->spsel = 1;
    cpu->daif = PSTATE_D | PSTATE_A | PSTATE_I | PSTATE_F;
    cpu->il = cpu->ss = cpu->uao = cpu->stepping = cpu->exc_recorded = false;
    cpu->pan = cpu->pan || !(sctlr & SCTLR_SPAN);
    cpu->ssbs = sctlr & SCTLR_DSSBS;
    v->excl_size = 0;
    a64_update_mode(cpu);
}

// A debugger waits for one of these turns, which the guest has just taken.
static void turn(struct a64_cpu *cpu, unsigned what)
{
    if (unlikely(cpu->v.debug.catches & what))
        debug_caught(&cpu->v);
}

static unsigned turns_sync(const struct a64_cpu *cpu, unsigned ec)
{
    const struct vcpu *v = &cpu->v;
    bool svc = ec == EC_SVC64 && (v->debug.svc == DEBUG_ANY_SVC || v->debug.svc == v->r[A64_X0 + 8]);
    return DEBUG_CATCH_SYNC | (svc ? DEBUG_CATCH_SVC : 0);
}

// Where there are several: whose line of the log it is.
static const char *whose(const struct a64_cpu *cpu, char text[16])
{
    text[0] = 0;
    if (cpu->v.jit->nr_cpus > 1)
        snprintf(text, 16, "cpu %u: ", cpu->v.index);
    return text;
}

// A synchronous exception; ec in its form for the same EL where it has two.
static void take_sync(struct a64_cpu *cpu, unsigned ec, uint32_t iss, gva_t ret)
{
    bool paired = ec == EC_IABT || ec == EC_DABT || ec == EC_STEP ||
                  ec == EC_BREAKPOINT_LOWER + 1 || ec == EC_WATCHPOINT_LOWER + 1;
    if (paired && !cpu->el)
        ec--;
    char who[16];
    if (log_enabled(cpu->log, LOG_INT) && log_wants(cpu->log, ret, cpu->el))
        log_printf(cpu->log, LOG_INT,
                   "%sexception %s (ec %#x iss %#x) EL%d pc %#" PRIx64 " far %#" PRIx64 "\n",
                   whose(cpu, who), class_name(ec), ec, iss, cpu->el, ret, cpu->v.r[A64_FAR_EL1]);
    cpu->v.r[A64_ESR_EL1] = (uint64_t)ec << 26 | ESR_IL | iss;
    unsigned turns = turns_sync(cpu, ec) | (cpu->el ? 0 : DEBUG_CATCH_UP);
    enter_el1(cpu, VECTOR_SYNC, ret);
    turn(cpu, turns);
}

gva_t a64_untag_pc(const struct a64_cpu *cpu, gva_t pc)
{
    if (!(cpu->v.r[A64_TCR_EL1] & (pc >> 55 & 1 ? TCR_TBI1 : TCR_TBI0)))
        return pc;
    return (gva_t)sext64(pc, 56);
}

static uint32_t step_iss(struct a64_cpu *cpu)
{
    uint32_t iss = FSC_DEBUG;
    if (cpu->step_valid)
        iss |= (uint32_t)(BIT(24) | (cpu->step_ex ? BIT(6) : 0));
    cpu->step_valid = false;
    return iss;
}

void a64_raise(struct vcpu *v, uint64_t what)
{
    struct a64_cpu *cpu = a64(v);
    unsigned ec = what >> 32 & 0x3f;
    uint32_t iss = (uint32_t)what;
    gva_t ret = v->pc;
    if (what & A64_EXC_NEXT) {
        ret += 4;
        cpu->ss = false; // the instruction has been stepped
    }
    if (ec == EC_IABT_LOWER || ec == EC_DABT_LOWER || ec == EC_STEP_LOWER ||
        ec == EC_BREAKPOINT_LOWER || ec == EC_WATCHPOINT_LOWER)
        ec++;
    if (ec == EC_STEP)
        iss = step_iss(cpu);
    if (ec == EC_PC_ALIGN)
        v->r[A64_FAR_EL1] = ret = a64_untag_pc(cpu, v->pc);
    take_sync(cpu, ec, iss, ret);
}

void a64_raise_fault(struct vcpu *v)
{
    struct a64_cpu *cpu = a64(v);
    const struct a64_fault *f = &cpu->fault;
    bool fetch = f->access == MEM_FETCH;
    if (debug_takes_fault(v))
        return;
    if (cpu->exc_recorded && cpu->exc >> 32 != EC_PC_ALIGN) {
        a64_raise(v, cpu->exc);
        return;
    }
    // A step exception that is due comes before anything the next instruction's fetch may do.
    if (v->mode & A64_MODE_STEP_PENDING) {
        a64_raise(v, A64_EXC(EC_STEP, 0));
        return;
    }
    if (cpu->exc_recorded) {
        a64_raise(v, cpu->exc);
        return;
    }
    v->r[A64_FAR_EL1] = f->va;
    unsigned ec = f->fsc == FSC_DEBUG ? EC_WATCHPOINT_LOWER + 1 : EC_DABT;
    if (fetch)
        take_sync(cpu, EC_IABT, f->fsc, v->pc);
    else if (f->attr & MEM_CACHE)
        take_sync(cpu, ec, f->fsc | ESR_CM | ESR_WnR, v->pc);
    else
        take_sync(cpu, ec, f->fsc | (f->access == MEM_WRITE ? ESR_WnR : 0), v->pc);
}

void a64_record_fault(struct vcpu *v, enum mem_fault_kind kind, gva_t va, enum mem_access access,
                      unsigned attr)
{
    struct a64_cpu *cpu = a64(v);
    cpu->exc_recorded = false;
    if (kind == FAULT_STACK || (kind == FAULT_ALIGNMENT && access == MEM_FETCH)) {
        cpu->exc = A64_EXC(kind == FAULT_STACK ? EC_SP_ALIGN : EC_PC_ALIGN, 0);
        cpu->exc_recorded = true;
        return;
    }
    if (kind == FAULT_WALK)
        return; // a64_mmu_translate() has recorded it
    if (kind == FAULT_BUS)
        log_printf(cpu->log, LOG_GUEST_ERROR, "nothing answers at %#" PRIx64 " (pc %#" PRIx64 ")\n",
                   va, v->pc);
    cpu->fault = (struct a64_fault){
        .va = va,
        .fsc = kind == FAULT_ALIGNMENT ? FSC_ALIGNMENT : FSC_EXTERNAL,
        .access = access,
        .attr = attr,
    };
}

void a64_fail(struct a64_cpu *cpu, uint64_t what)
{
    cpu->exc = what;
    cpu->exc_recorded = true;
    cpu->v.bail = true;
}

void a64_fail_fault(struct a64_cpu *cpu, gva_t va, unsigned fsc, enum mem_access access,
                    unsigned attr)
{
    cpu->exc_recorded = false;
    cpu->fault =
        (struct a64_fault){ .va = va, .fsc = (uint8_t)fsc, .access = access, .attr = attr };
    cpu->v.bail = true;
}

gva_t a64_branch_target(struct vcpu *v, gva_t pc)
{
    return a64_untag_pc(a64(v), pc);
}

void a64_interrupt(struct vcpu *v)
{
    struct a64_cpu *cpu = a64(v);
    if (cpu->stepping) {
        // The stepped instruction is complete; its successor is not to run.
        cpu->stepping = false;
        cpu->ss = false;
        a64_update_mode(cpu);
    }
    a64_pmu_look(cpu);
    unsigned lines = unlikely(v->debug.hold) ? 0 : __atomic_load_n(&cpu->irq_lines, __ATOMIC_ACQUIRE);
    unsigned vector;
    v->pc = a64_branch_target(v, v->pc);
    if (lines & A64_LINE_FIQ && !(cpu->daif & PSTATE_F))
        vector = VECTOR_FIQ;
    else if (lines & A64_LINE_IRQ && !(cpu->daif & PSTATE_I))
        vector = VECTOR_IRQ;
    else
        return;
    v->stats.interrupts++;
    char who[16];
    if (log_enabled(cpu->log, LOG_INT) && log_wants(cpu->log, v->pc, cpu->el))
        log_printf(cpu->log, LOG_INT, "%sinterrupt %s EL%d pc %#" PRIx64 "\n", whose(cpu, who),
                   vector == VECTOR_FIQ ? "fiq" : "irq", cpu->el, v->pc);
    unsigned turns = DEBUG_CATCH_IRQ | (cpu->el ? 0 : DEBUG_CATCH_UP);
    enter_el1(cpu, vector, v->pc);
    turn(cpu, turns);
}

// Return ---------------------------------------------------------------------------------------

bool a64_debug_enabled(const struct a64_cpu *cpu, unsigned el, bool masked)
{
    const uint64_t *r = cpu->v.r;
    bool os_locked = r[A64_OSLSR_EL1] & BIT(1);
    bool double_locked = r[A64_OSDLR_EL1] & 1 && !(r[A64_DBGPRCR_EL1] & 1);
    if (os_locked || double_locked)
        return false;
    return el == 0 || (r[A64_MDSCR_EL1] & MDSCR_KDE && !masked);
}

// Is there nothing that M[4:0] could return to from EL1?
static bool illegal_return(uint64_t spsr)
{
    switch (spsr & 0x1f) {
    case 0: // EL0t
    case 4: // EL1t
    case 5: // EL1h
        return false;
    default: // AArch32, EL2 and EL3, reserved values
        return true;
    }
}

// PSTATE.SS after a return with this SPSR.
static bool return_ss(const struct a64_cpu *cpu, uint64_t spsr, unsigned el)
{
    return spsr & SPSR_SS && cpu->v.r[A64_MDSCR_EL1] & MDSCR_SS &&
           !a64_debug_enabled(cpu, cpu->el, cpu->daif & PSTATE_D) &&
           a64_debug_enabled(cpu, el, spsr >> 6 & PSTATE_D);
}

void a64_eret(struct a64_cpu *cpu)
{
    struct vcpu *v = &cpu->v;
    uint64_t spsr = v->r[A64_SPSR_EL1];
    if (unlikely(cpu->pmu.counting))
        a64_pmu_sync(cpu);
    bool illegal = illegal_return(spsr);
    unsigned el = illegal ? cpu->el : spsr >> 2 & 3;
    unsigned turns = cpu->el && !el ? DEBUG_CATCH_DOWN : 0;
    cpu->ss = return_ss(cpu, spsr, el);
    cpu->stepping = false;
    cpu->step_valid = false;
    cpu->el = (uint8_t)el;
    if (!illegal)
        cpu->spsel = spsr & 1;
    cpu->il = illegal || spsr & SPSR_IL;
    v->nzcv = spsr >> 28 & 15;
    cpu->daif = spsr >> 6 & 15;
    cpu->pan = spsr & SPSR_PAN;
    cpu->uao = spsr & SPSR_UAO;
    cpu->dit = spsr & SPSR_DIT;
    cpu->ssbs = spsr & SPSR_SSBS;
    v->pc = a64_untag_pc(cpu, v->r[A64_ELR_EL1]);
    v->excl_size = 0;
    __atomic_store_n(&cpu->event, true, __ATOMIC_RELAXED);
    char who[16];
    if (unlikely(illegal))
        log_printf(cpu->log, LOG_GUEST_ERROR, "illegal exception return: SPSR_EL1 %#" PRIx64 "\n",
                   spsr);
    else if (log_enabled(cpu->log, LOG_INT) && log_wants(cpu->log, v->pc, el))
        log_printf(cpu->log, LOG_INT, "%sreturn to EL%u pc %#" PRIx64 "\n", whose(cpu, who), el, v->pc);
    a64_update_mode(cpu);
    a64_check_interrupts(cpu);
    turn(cpu, turns);
}
