// SPDX-License-Identifier: GPL-3.0-or-later
// The state of one Armv8-A CPU (AArch64, EL0 and EL1), and what the machine around it supplies.
//
// General registers and those system registers that are plain storage are slots of vcpu.r[] (enum
// a64_reg), V0-V31 are vcpu.v[], NZCV is vcpu.nzcv, FPCR and FPSR are vcpu.fp. Everything belongs
// to the vCPU's thread except irq_lines.
#ifndef FRONTEND_CPU_H
#define FRONTEND_CPU_H

#include "base/clock.h"
#include "base/log.h"
#include "frontend/pmu.h"
#include "jit/vcpu.h"

// Slots of vcpu.r[]. System registers follow in the order of sysregs.def: A64_<NAME>.
enum a64_reg {
    A64_X0 = 0,
    A64_X30 = 30,
    A64_SP_EL0 = 31,
    A64_SP_EL1 = 32,
#define SYSREG_STORED(name) A64_##name,
#include "frontend/sysregs_stored.h"
    A64_NR_R
};

// vcpu.mode: what of the CPU's state changes the code of a block.
enum a64_mode {
    A64_MODE_EL1 = 1,       // else EL0
    A64_MODE_SPSEL = 2,     // SP is SP_EL1
    A64_MODE_FP_TRAP = 4,   // CPACR_EL1.FPEN traps FP and SIMD at this EL
    A64_MODE_ALIGN = 8,     // SCTLR_EL1.A
    A64_MODE_SP_ALIGN = 16, // SCTLR_EL1.SA or SA0 at this EL
    A64_MODE_UAO = 32,      // unprivileged accesses are privileged
    A64_MODE_FPCR = 64,     // FPCR is not zero
    A64_MODE_STEP = 128,    // software step active: one instruction a block, then the exception
    A64_MODE_STEP_PENDING = 256, // the step exception is due before this instruction
    A64_MODE_NTWI = 512,    // EL0: WFI traps
    A64_MODE_NTWE = 1024,   // EL0: WFE traps
    A64_MODE_UCI = 2048,    // EL0: cache maintenance allowed
    A64_MODE_UCT = 4096,    // EL0: CTR_EL0 readable
    A64_MODE_DZE = 8192,    // EL0: DC ZVA allowed
    A64_MODE_UMA = 16384,   // EL0: DAIF accessible
    A64_MODE_IL = 32768,    // PSTATE.IL: everything is an illegal state exception
};
// Of a page, not of the CPU: it may hold a breakpoint, which every instruction asks about.
#define A64_MODE_BREAK BIT(16)
// Bit 17 is VCPU_MODE_DEBUG.
// From this bit of the mode on: the features (cpu_features.def) that the CPU does not have.
#define A64_MODE_LACKS 20

// PSTATE.DAIF as in SPSR bits 9..6.
enum { PSTATE_F = 1, PSTATE_I = 2, PSTATE_A = 4, PSTATE_D = 8 };

enum { A64_LINE_IRQ = 1, A64_LINE_FIQ = 2 };

// The fault that jit/ or the walk recorded, for raise_fault().
struct a64_fault {
    gva_t va;
    uint8_t fsc;          // fault status code, DFSC/IFSC
    enum mem_access access;
    unsigned attr;        // MEM_*
};

// The board's side. All pointers are set before the CPU runs; the functions take the machine lock
// themselves and may be called from the vCPU's thread.
struct a64_board {
    void *opaque;
    // GIC CPU interface; reg is the register's encoding as in a64_sysreg_id(). NULL: there is none
    // (and ID_AA64PFR0_EL1 says so). False: Undefined.
    bool (*icc_read)(void *opaque, unsigned cpu, unsigned reg, uint64_t *value);
    bool (*icc_write)(void *opaque, unsigned cpu, unsigned reg, uint64_t value);
    // Generic timers: which is A64_TIMER_*; reg A64_TIMER_CTL, _CVAL or _TVAL.
    uint64_t (*timer_read)(void *opaque, unsigned cpu, unsigned which, unsigned reg);
    void (*timer_write)(void *opaque, unsigned cpu, unsigned which, unsigned reg, uint64_t value);
    uint64_t (*counter)(void *opaque, unsigned cpu, unsigned which); // CNTPCT, CNTVCT
    // Performance monitors: the level of their interrupt; a64_pmu_poke() after so many ns of guest
    // time, once and instead of what was asked for before. Both may be NULL.
    void (*pmu_irq)(void *opaque, unsigned cpu, bool level);
    void (*pmu_look_after)(void *opaque, unsigned cpu, uint64_t ns);
    // PSCI and reset. They only request; the CPU leaves at the end of the block. CPU_OFF is no
    // business of the board's: the vCPU leaves with VCPU_EXIT_OFF.
    void (*system_off)(void *opaque);
    void (*system_reset)(void *opaque);
    int64_t (*cpu_on)(void *opaque, uint64_t mpidr, uint64_t entry, uint64_t context);
    int64_t (*affinity_info)(void *opaque, uint64_t mpidr, uint64_t level);
    // CPUs that wait for an event may have got one.
    void (*event)(void *opaque);
    // Semihosting: text for the host's console, the end with a status. NULL: there is none.
    void (*semihost_write)(void *opaque, const char *data, size_t len);
    void (*semihost_exit)(void *opaque, int status);
};

enum { A64_TIMER_PHYS, A64_TIMER_VIRT };
enum { A64_TIMER_CTL, A64_TIMER_CVAL, A64_TIMER_TVAL };

struct a64_model; // ID registers and features of a CPU model; cpu_models.h

struct a64_cpu {
    struct vcpu v; // first

    // PSTATE beyond NZCV
    uint8_t el;    // 0 or 1
    uint8_t spsel; // 0 or 1
    uint8_t daif;  // PSTATE_*
    bool pan, uao, ss, il, dit, ssbs;

    uint32_t irq_lines;  // atomic; A64_LINE_*, written by the interrupt controller
    bool event;          // atomic; the event register (SEV, WFE)
    bool off;            // atomic; PSCI: it does not run, and who switches it on owns everything
    uint8_t claim;       // DBGCLAIM tags
    uint32_t yields;     // YIELDs so far
    struct a64_fault fault;
    bool exc_recorded;   // instead of the fault, `exc` is what raise_fault() takes: A64_EXC()
    uint64_t exc;

    // Software step: an instruction runs whose completion moves on the state machine; what the
    // next step exception says of the instruction stepped.
    bool stepping, step_valid, step_ex;

    // Where TLB contexts were found last; checked against vcpu.ctx_keys[] before use. By kind for
    // those of EL1, by ASID modulo the table's size for EL0's.
    uint16_t ctx_el1[4], ctx_asid[256];

    struct a64_pmu pmu;

    const struct a64_model *model;
    uint64_t lacks; // a64_model_lacks()
    const struct a64_board *board;
    const struct log *log;
};

static inline struct a64_cpu *a64(struct vcpu *cpu)
{
    return (struct a64_cpu *)cpu;
}

static inline unsigned a64_sysreg_id(unsigned op0, unsigned op1, unsigned crn, unsigned crm, unsigned op2)
{
    return op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2;
}

extern const struct guest a64_guest;

// Zeroes and resets. index is the CPU's number; mpidr follows from it as on QEMU's virt.
void a64_cpu_init(struct a64_cpu *cpu, struct jit *jit, const struct a64_model *model,
                  const struct a64_board *board, const struct log *log, unsigned index);
// Architectural cold reset, then EL1h with DAIF masked at pc, x0 = arg.
void a64_cpu_reset(struct a64_cpu *cpu, uint64_t pc, uint64_t x0);

// Recomputes vcpu.mode and the contexts after any change of EL, PSTATE or the registers they
// depend on. Cheap when nothing changed.
void a64_update_mode(struct a64_cpu *cpu);
// Recomputes dctx, uctx, ictx after a change of TTBR, TCR, SCTLR.M, PAN, EL.
void a64_update_context(struct a64_cpu *cpu);
// Is a line up that PSTATE.DAIF lets through? vCPU's thread.
bool a64_interrupt_due(const struct a64_cpu *cpu);
// Asks for EXIT_REQ_INTERRUPT if so. After any unmasking.
void a64_check_interrupts(struct a64_cpu *cpu);
// PSTATE.DAIF from here on (PSTATE_*). A block may go on to its successor after it: what has to be
// looked at again is asked for.
void a64_set_daif(struct a64_cpu *cpu, unsigned daif);
// The interrupt controller's door: sets the lines and kicks the vCPU. Any thread. True if a
// sleeping vCPU should wake.
bool a64_set_lines(struct a64_cpu *cpu, unsigned lines);

uint64_t a64_spsr_pack(const struct a64_cpu *cpu);

// Debug exceptions can be taken from exception level `el` with PSTATE.D as given.
bool a64_debug_enabled(const struct a64_cpu *cpu, unsigned el, bool masked);

// exception.c --------------------------------------------------------------------------------
// What a RAISE op carries: exception class, ISS, and where the preferred return address is. Of
// the classes that come in pairs either may be given; the EL it is taken from decides.
#define A64_EXC(ec, iss)      ((uint64_t)(ec) << 32 | (uint32_t)(iss))
#define A64_EXC_NEXT          BIT(40) // return address is the following instruction (SVC, HVC)
enum a64_ec {
    EC_UNKNOWN = 0x00,
    EC_WFX = 0x01,
    EC_FP_TRAP = 0x07,
    EC_ILLEGAL_STATE = 0x0e,
    EC_SVC64 = 0x15,
    EC_HVC64 = 0x16,
    EC_SMC64 = 0x17,
    EC_SYSREG = 0x18,
    EC_IABT_LOWER = 0x20,
    EC_IABT = 0x21,
    EC_PC_ALIGN = 0x22,
    EC_DABT_LOWER = 0x24,
    EC_DABT = 0x25,
    EC_SP_ALIGN = 0x26,
    EC_FP_EXC = 0x2c,
    EC_BREAKPOINT_LOWER = 0x30,
    EC_STEP_LOWER = 0x32,
    EC_STEP = 0x33,
    EC_WATCHPOINT_LOWER = 0x34,
    EC_BRK64 = 0x3c,
};

void a64_raise(struct vcpu *cpu, uint64_t what);       // guest.raise
void a64_raise_fault(struct vcpu *cpu);                // guest.raise_fault
void a64_interrupt(struct vcpu *cpu);                  // guest.interrupt
gva_t a64_branch_target(struct vcpu *cpu, gva_t pc);   // guest.branch_target: BranchAddr()
void a64_record_fault(struct vcpu *cpu, enum mem_fault_kind kind, gva_t va, enum mem_access access,
                      unsigned attr);                  // guest.record_fault
// A branch's target without the tag, where the regime ignores it.
gva_t a64_untag_pc(const struct a64_cpu *cpu, gva_t pc);
void a64_eret(struct a64_cpu *cpu);                    // sets pc, PSTATE; illegal return handled
// From a helper with HELPER_BAILS that has committed nothing: its instruction takes this exception.
void a64_fail(struct a64_cpu *cpu, uint64_t what);
// The same for a fault on memory that the helper found itself; fsc is FSC_*.
void a64_fail_fault(struct a64_cpu *cpu, gva_t va, unsigned fsc, enum mem_access access,
                    unsigned attr);

// mmu.c --------------------------------------------------------------------------------------
bool a64_mmu_translate(struct vcpu *cpu, gva_t va, enum mem_access access, unsigned attr,
                   struct translation *out);           // guest.translate

// Fault status codes (DFSC, IFSC, PAR_EL1.FST); FSC_L + level for those of a walk.
enum a64_fsc {
    FSC_ADDRESS_SIZE_L = 0x00,
    FSC_TRANSLATION_L = 0x04,
    FSC_ACCESS_FLAG_L = 0x08,
    FSC_PERMISSION_L = 0x0c,
    FSC_EXTERNAL = 0x10,
    FSC_EXTERNAL_WALK_L = 0x14,
    FSC_ALIGNMENT = 0x21,
    FSC_DEBUG = 0x22,
};

// On whose behalf a walk is made, and what it may do.
enum a64_walk_flags {
    WALK_EL1 = 1,     // privileged; else as EL0
    WALK_PAN = 2,     // PSTATE.PAN applies, if set, to this privileged data access
    WALK_UPDATE = 4,  // the access really happens: hardware may update the descriptor
    WALK_ANY = 8,     // permissions are not asked (cache maintenance)
};

struct a64_walk {
    uint8_t fsc;         // of a failed walk
    gpa_t pa;            // of the address itself
    uint8_t log2_size;   // of the block or page; PAGE_BITS with the MMU off
    uint8_t attr, sh;    // MAIR attribute byte, shareability
    bool read, write, exec; // permitted in this context
    bool clean;          // writable, but a write must first be recorded in the descriptor
    bool global, device;
};

// Translation of va without touching the CPU's state (nor memory, without WALK_UPDATE). True if
// mapped and access is permitted.
bool a64_walk(const struct a64_cpu *cpu, gva_t va, enum mem_access access, unsigned flags,
              struct a64_walk *w);

// debug_match.c ------------------------------------------------------------------------------
// May there be a breakpoint, or a watched byte, in va's page?
bool a64_break_page(const struct a64_cpu *cpu, gva_t va);
bool a64_watch_page(const struct a64_cpu *cpu, gva_t va);
bool a64_watch(struct vcpu *cpu, gva_t va, unsigned size, enum mem_access access,
               unsigned attr);                         // guest.watch

// tlbi.c -------------------------------------------------------------------------------------
void a64_flush_tlb(struct vcpu *cpu);                  // guest.flush_tlb

// psci.c -------------------------------------------------------------------------------------
void a64_psci_call(struct a64_cpu *cpu);               // HVC: function and arguments in X0-X3
// semihost.c: HLT #0xf000, operation and parameter in X0 and X1. Fails where the board has none.
void a64_semihost(struct a64_cpu *cpu);

#endif
