// SPDX-License-Identifier: GPL-3.0-or-later
// What a frontend supplies: the names of its registers, its helpers, and what only an architecture
// can decide. jit/ knows no guest; everything guest-specific reaches it through `struct guest`.
//
// The guest's integer registers (and those system registers that are plain storage) are the slots
// vcpu.r[], its vector registers vcpu.v[]; which slot is which register is the frontend's business.
#ifndef JIT_GUEST_H
#define JIT_GUEST_H

#include "base/bits.h"

typedef uint64_t gva_t; // guest virtual address
typedef uint64_t gpa_t; // guest physical address

#define PAGE_BITS 12 // the translation granule of jit/: blocks and TLB entries never span more
#define PAGE_SIZE (1u << PAGE_BITS)
#define PAGE_MASK (~(uint64_t)(PAGE_SIZE - 1))

struct vcpu;
struct ir;

enum mem_access { MEM_READ, MEM_WRITE, MEM_FETCH };

// Attributes of one guest access, as the translator knows them.
enum mem_attr {
    MEM_UNPRIV = 1,  // as EL0 would (LDTR, STTR)
    MEM_ALIGNED = 2, // must be naturally aligned whatever the mode says (exclusives, atomics)
    MEM_ACQUIRE = 4,
    MEM_RELEASE = 8,
    MEM_CACHE = 16,  // cache maintenance: faults are reported as such
    MEM_PAIR = 32,   // two elements: alignment is that of one
};

// Why an access could not be done; the frontend makes an exception of it.
enum mem_fault_kind {
    FAULT_WALK,      // the frontend's own translate() said no, and remembers why
    FAULT_ALIGNMENT,
    FAULT_BUS,       // nothing answers at the physical address
    FAULT_STACK,     // stack pointer not aligned (CHECK_SP)
};

// What translate() found for a virtual page. All for the context the access is made in.
struct translation {
    gpa_t page;          // physical page of the address
    uint8_t log2_size;   // of the mapping it came from, 12 or more
    bool readable, writable;
    bool global;         // valid in every address space of the regime
    bool device;         // unaligned accesses fault
    bool dirty_trap;     // a write must come back through translate() (dirty state)
    bool watched;        // guest.watch() is to be asked about every access to this page
    uint64_t fetch_mode; // of a fetch: mode bits, beyond vcpu.mode, that this page's blocks have
};

// One helper: a C function that IR's CALL reaches. It gets pointers to its operands' slots (a
// vector register, or a 64-bit word), which may overlap, and an immediate.
typedef void ir_fn(struct vcpu *cpu, void *d, const void *a, const void *b, const void *c,
                   uint64_t imm);

enum helper_flags {
    HELPER_BAILS = 1,      // may set vcpu.bail: then nothing has been committed
    HELPER_READS_NZCV = 2,
    HELPER_WRITES_NZCV = 4,
    HELPER_READS_MEM = 8,
    HELPER_WRITES_MEM = 16,
    HELPER_FP = 32,        // may raise FP status flags
    HELPER_READS_REGS = 64,   // reads guest registers beyond its operands
    HELPER_WRITES_REGS = 128, // writes guest registers beyond d
};

struct helper {
    const char *name;
    ir_fn *fn;
    unsigned flags;
};

#define GUEST_NR_HOT 8

struct guest {
    const char *name;
    const char *const *r_names; // of vcpu.r[], nr_r of them
    unsigned nr_r, nr_v;
    // The registers that code uses most, and the one of a mode (its stack pointer): an engine may
    // keep these in host registers throughout. Slots of vcpu.r[].
    uint8_t hot_r[GUEST_NR_HOT];
    unsigned (*mode_r)(uint64_t mode);
    // Does this mode mean that FPCR (jit/fp.h) is zero? NULL: none does.
    bool (*mode_fpcr_zero)(uint64_t mode);
    const struct helper *helpers;
    unsigned nr_helpers;

    size_t translator_size; // of the frontend's translator, whose first member is a struct ir
    // Translates the guest code at host address `code` (the page holds it to its end) into ir,
    // starting at page offset ir->off, for the mode ir->mode. At least one instruction.
    void (*translate_block)(struct ir *ir, const uint8_t *page, uint32_t *n_insns);
    // Translation-table walk. False: the frontend has recorded the fault for raise_fault().
    bool (*translate)(struct vcpu *cpu, gva_t va, enum mem_access access, unsigned attr,
                      struct translation *out);
    // About a data access to a watched page, which is otherwise permitted. False: it does not take
    // place, and the frontend has recorded why for raise_fault(). NULL if translate() watches nothing.
    bool (*watch)(struct vcpu *cpu, gva_t va, unsigned size, enum mem_access access, unsigned attr);
    // What the program counter becomes when a branch goes to pc (tags that are ignored). May be
    // NULL. Only asked where no block is found, so blocks exist at such addresses alone.
    gva_t (*branch_target)(struct vcpu *cpu, gva_t pc);
    // Records a fault that jit/ found, for raise_fault().
    void (*record_fault)(struct vcpu *cpu, enum mem_fault_kind kind, gva_t va,
                         enum mem_access access, unsigned attr);
    // Takes the recorded fault as an exception at vcpu.pc.
    void (*raise_fault)(struct vcpu *cpu);
    // Takes the synchronous exception that a RAISE op named, at vcpu.pc.
    void (*raise)(struct vcpu *cpu, uint64_t what);
    // Takes a pending interrupt if the guest's state lets it.
    void (*interrupt)(struct vcpu *cpu);
    // Forgets every translation, and settles what follows from that. NULL: tlb_flush_all() does.
    void (*flush_tlb)(struct vcpu *cpu);
    // What the guest can see of a CPU beyond the vcpu (jit/verify.h): its size, out, and in again
    // with all that follows from it. Size 0: nothing.
    size_t extra_size;
    void (*extra_get)(const struct vcpu *cpu, void *extra);
    void (*extra_set)(struct vcpu *cpu, const void *extra);
    // Writes one line of guest disassembly.
    void (*disas)(uint32_t insn, uint64_t pc, char *out, size_t size);
};

#endif
