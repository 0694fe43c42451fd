// SPDX-License-Identifier: GPL-3.0-or-later
// Life of a CPU: reset, the mode word and the TLB contexts that follow from its state, interrupt
// lines. Also the one description of the guest that jit/ gets.
#include "frontend/cpu.h"

#include "frontend/cpu_models.h"
#include "frontend/cpu_state.h"
#include "frontend/disas.h"
#include "frontend/helpers.h"
#include "frontend/sysreg.h"
#include "frontend/translate.h"
#include "jit/fp_host.h"
#include "jit/tlb.h"
#include "jit/verify.h"

#include <string.h>

_Static_assert(A64_NR_R <= VCPU_NR_R, "more stored registers than vcpu.r[] has slots");

static const char *const r_names[A64_NR_R] = {
    "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
    "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27",
    "x28", "x29", "x30", "sp_el0", "sp_el1",
#define SYSREG_STORED(name) #name,
#include "frontend/sysregs_stored.h"
};

const struct helper a64_helpers[A64_NR_HELPERS] = {
#define HELPER(name, flags) { #name, a64_helper_##name, flags },
#include "frontend/helpers.def"
#undef HELPER
};

static void disas(uint32_t insn, uint64_t pc, char *out, size_t size)
{
    a64_disas(insn, pc, out, size);
}

static unsigned stack_pointer(uint64_t mode)
{
    return mode & A64_MODE_SPSEL ? A64_SP_EL1 : A64_SP_EL0;
}

static bool fpcr_is_zero(uint64_t mode)
{
    return !(mode & A64_MODE_FPCR);
}

const struct guest a64_guest = {
    .name = "a64",
    .r_names = r_names,
    .nr_r = A64_NR_R,
    .nr_v = 32,
    .hot_r = { 0, 1, 2, 3, 4, 19, 20, 21 },
    .mode_r = stack_pointer,
    .mode_fpcr_zero = fpcr_is_zero,
    .translator_size = sizeof(struct tr),
    .helpers = a64_helpers,
    .nr_helpers = A64_NR_HELPERS,
    .translate_block = a64_translate_block,
    .translate = a64_mmu_translate,
    .watch = a64_watch,
    .branch_target = a64_branch_target,
    .record_fault = a64_record_fault,
    .raise_fault = a64_raise_fault,
    .raise = a64_raise,
    .interrupt = a64_interrupt,
    .flush_tlb = a64_flush_tlb,
    .extra_size = sizeof(struct a64_extra),
    .extra_get = a64_extra_get,
    .extra_set = a64_extra_set,
    .disas = disas,
};

void a64_cpu_init(struct a64_cpu *cpu, struct jit *jit, const struct a64_model *model,
                  const struct a64_board *board, const struct log *log, unsigned index)
{
    memset(cpu, 0, sizeof *cpu);
    cpu->v.index = index;
    cpu->model = model;
    cpu->lacks = a64_model_lacks(model);
    cpu->board = board;
    cpu->log = log;
    jit_add_cpu(jit, &cpu->v);
    a64_cpu_reset(cpu, 0, 0);
}

void a64_cpu_reset(struct a64_cpu *cpu, uint64_t pc, uint64_t x0)
{
    struct vcpu *v = &cpu->v;
    memset(v->r, 0, sizeof v->r);
    memset(v->v, 0, sizeof v->v);
    a64_sysreg_reset(cpu);
    v->r[A64_X0] = x0;
    // As QEMU's virt numbers them: 16 a cluster.
    v->r[A64_MPIDR_EL1] |= (v->index & 15) | (uint64_t)(v->index >> 4) << 8;
    // RVBAR_EL1 stays 0: where the firmware would start, whatever the loader does instead.
    v->pc = pc;
    v->nzcv = 0;
    v->excl_size = 0;
    v->bail = false;
    v->halt = VCPU_EXIT_NONE;
    v->fp.fpsr = 0;
    fp_host_set_fpcr(&v->fp, 0);
    cpu->el = 1;
    cpu->spsel = 1;
    cpu->daif = PSTATE_D | PSTATE_A | PSTATE_I | PSTATE_F;
    cpu->pan = cpu->uao = cpu->ss = cpu->il = cpu->dit = cpu->ssbs = false;
    cpu->claim = 0;
    a64_pmu_reset(cpu);
    RELAXED_SET(cpu->event, false); // SEV does not ask who is off
    cpu->exc_recorded = cpu->stepping = cpu->step_valid = cpu->step_ex = false;
    tlb_flush_all(v);
    a64_update_mode(cpu);
}

// Does CPACR_EL1.FPEN trap FP and SIMD at this EL?
static bool fp_traps(const struct a64_cpu *cpu)
{
    switch (bits64(cpu->v.r[A64_CPACR_EL1], 20, 2)) {
    case 1:
        return cpu->el == 0;
    case 3:
        return false;
    default:
        return true;
    }
}

static uint32_t mode_el0(uint64_t sctlr)
{
    return (sctlr & SCTLR_SA0 ? A64_MODE_SP_ALIGN : 0) | (sctlr & SCTLR_nTWI ? 0 : A64_MODE_NTWI) |
           (sctlr & SCTLR_nTWE ? 0 : A64_MODE_NTWE) | (sctlr & SCTLR_UCI ? A64_MODE_UCI : 0) |
           (sctlr & SCTLR_UCT ? A64_MODE_UCT : 0) | (sctlr & SCTLR_DZE ? A64_MODE_DZE : 0) |
           (sctlr & SCTLR_UMA ? A64_MODE_UMA : 0);
}

static uint32_t mode_el1(const struct a64_cpu *cpu, uint64_t sctlr)
{
    return A64_MODE_EL1 | (cpu->spsel ? A64_MODE_SPSEL : 0) |
           (sctlr & SCTLR_SA ? A64_MODE_SP_ALIGN : 0) | (cpu->uao ? A64_MODE_UAO : 0);
}

void a64_update_mode(struct a64_cpu *cpu)
{
    const uint64_t *r = cpu->v.r;
    uint64_t sctlr = r[A64_SCTLR_EL1];
    uint64_t mode = cpu->el ? mode_el1(cpu, sctlr) : mode_el0(sctlr);
    mode |= cpu->lacks << A64_MODE_LACKS;
    mode |= fp_traps(cpu) ? A64_MODE_FP_TRAP : 0;
    mode |= sctlr & SCTLR_A ? A64_MODE_ALIGN : 0;
    mode |= cpu->v.fp.fpcr ? A64_MODE_FPCR : 0;
    mode |= cpu->il ? A64_MODE_IL : 0;
    if (unlikely(r[A64_MDSCR_EL1] & MDSCR_SS) &&
        a64_debug_enabled(cpu, cpu->el, cpu->daif & PSTATE_D))
        mode |= cpu->ss ? A64_MODE_STEP : A64_MODE_STEP_PENDING;
    cpu->v.mode = mode;
    a64_update_context(cpu);
}

// Keys of TLB contexts: the ASID in the low bits, and these.
enum {
    KEY_EL1 = 1 << 16,
    KEY_PAN = 1 << 17,
    KEY_MMU = 1 << 18,
};

static unsigned asid(const struct a64_cpu *cpu)
{
    uint64_t tcr = cpu->v.r[A64_TCR_EL1];
    uint64_t ttbr = cpu->v.r[tcr & TCR_A1 ? A64_TTBR1_EL1 : A64_TTBR0_EL1];
    return (unsigned)bits64(ttbr, 48, tcr & TCR_AS ? 16 : 8);
}

// The id for a key, which *hint remembers.
static uint32_t context(struct vcpu *v, uint16_t *hint, uint64_t key)
{
    if (likely(*hint < v->nr_ctx && v->ctx_keys[*hint] == key))
        return *hint;
    return *hint = (uint16_t)tlb_context(v, key);
}

void a64_update_context(struct a64_cpu *cpu)
{
    struct vcpu *v = &cpu->v;
    bool mmu = v->r[A64_SCTLR_EL1] & SCTLR_M;
    unsigned id = asid(cpu);
    uint64_t key0 = mmu ? KEY_MMU | id : TLB_KEY_NO_ASID;
    uint64_t key1 = TLB_KEY_NO_ASID | KEY_EL1 | (mmu ? KEY_MMU : 0);
    uint16_t *hint1 = &cpu->ctx_el1[mmu ? 2 : 0];
    uint32_t before;
    do {
        before = v->nr_ctx;
        uint32_t el0 = context(v, &cpu->ctx_asid[id % ARRAY_SIZE(cpu->ctx_asid)], key0);
        if (!cpu->el) {
            v->ictx = el0;
            vcpu_set_contexts(v, el0, el0);
            continue;
        }
        v->ictx = context(v, &hint1[0], key1);
        uint32_t data = cpu->pan ? context(v, &hint1[1], key1 | KEY_PAN) : v->ictx;
        vcpu_set_contexts(v, data, cpu->uao ? data : el0);
    } while (v->nr_ctx < before); // ids ran out on the way, and all were handed out anew
}

bool a64_interrupt_due(const struct a64_cpu *cpu)
{
    unsigned lines = __atomic_load_n(&cpu->irq_lines, __ATOMIC_SEQ_CST);
    return (lines & A64_LINE_IRQ && !(cpu->daif & PSTATE_I)) ||
           (lines & A64_LINE_FIQ && !(cpu->daif & PSTATE_F));
}

void a64_check_interrupts(struct a64_cpu *cpu)
{
    if (a64_interrupt_due(cpu))
        vcpu_kick(&cpu->v, EXIT_REQ_INTERRUPT);
}

void a64_set_daif(struct a64_cpu *cpu, unsigned daif)
{
    cpu->daif = (uint8_t)daif;
    a64_check_interrupts(cpu);
    if (unlikely(cpu->v.r[A64_MDSCR_EL1] & MDSCR_SS)) {
        a64_update_mode(cpu); // D takes part in software step
        vcpu_kick(&cpu->v, EXIT_REQ_INTERRUPT);
    }
}

bool a64_set_lines(struct a64_cpu *cpu, unsigned lines)
{
    __atomic_store_n(&cpu->irq_lines, lines, __ATOMIC_SEQ_CST);
    if (!lines)
        return false;
    vcpu_kick(&cpu->v, EXIT_REQ_INTERRUPT);
    return true;
}
