// SPDX-License-Identifier: GPL-3.0-or-later
// The head of every CPU state: what engines and generated code touch, hot first.
//
// One `struct vcpu` a virtual CPU, embedded first in the frontend's own state. Unless a field says
// otherwise it belongs to the vCPU's thread; other threads speak to it through exit_request alone.
// Between blocks everything is here: an engine that keeps more in host registers spills it before
// it hands over.
#ifndef JIT_VCPU_H
#define JIT_VCPU_H

#include "base/thread.h"
#include "jit/fp.h"
#include "jit/guest.h"

#define JIT_MAX_CPUS 64

#define VCPU_NR_R   160 // integer registers and plain system registers
#define VCPU_NR_V   32  // vector registers
#define VCPU_NR_TMP 96  // block temporaries
#define IR_SCRATCH_TMP 4 // more of them, for an engine's own use within one op
#define TLB_BITS    11
#define TLB_SIZE    (1u << TLB_BITS)
#define TLB_BIG_BITS 4096u
#define ITLB_BITS   11
#define ITLB_SIZE   (1u << ITLB_BITS)

#define QUICK_NR_MERGED 4

// A vector register, or a temporary of any type. Scalars are the low bits, the rest zero.
union vec {
    uint8_t u8[16];
    int8_t s8[16];
    uint16_t u16[8];
    int16_t s16[8];
    uint32_t u32[4];
    int32_t s32[4];
    uint64_t u64[2];
    int64_t s64[2];
} __attribute__((aligned(16)));

// Bits of nzcv, and of the 4-bit value conditions are tested on.
enum { NZCV_V = 1, NZCV_C = 2, NZCV_Z = 4, NZCV_N = 8 };

// Reasons to leave translated code at the next block entry. Set by anybody (vcpu_kick), taken by
// the vCPU's thread.
enum exit_request {
    EXIT_REQ_INTERRUPT = 1, // look at the interrupt lines
    EXIT_REQ_STOP = 2,      // return to the vCPU thread's loop
    EXIT_REQ_WORK = 4,      // rendezvous_serve() (jit/rendezvous.h)
    EXIT_REQ_BLOCK = 8,     // exec_run_until(): leave after this block
    EXIT_REQ_SAMPLE = 16,   // jit.sample() wants to look at the CPU
    EXIT_REQ_DIRTY = 32,    // drop write entries of pages that are watched for writes (jit/dirty.h)
};

// What exec_run() returns to the vCPU thread.
enum vcpu_exit {
    VCPU_EXIT_NONE,    // internal: go on
    VCPU_EXIT_STOP,    // EXIT_REQ_STOP was seen (and is cleared)
    VCPU_EXIT_HALT,    // the guest waits for an interrupt
    VCPU_EXIT_DEBUG,   // for a debugger; vcpu.debug says why (jit/debug.h)
    VCPU_EXIT_PAUSE,   // the guest waits for an event, or for no more than a moment
    VCPU_EXIT_OFF,     // the guest has switched this CPU off
};

// What device accesses may do (exec_run_until() alone changes it).
enum vcpu_io {
    VCPU_IO_FREE,    // be made
    VCPU_IO_REFUSED, // bail out with nothing done, which says...
    VCPU_IO_WANTED,  // ...that the instruction is to be run in a block of its own
};

// Tag: virtual page | context id. Host address = virtual address + addend.
struct tlb_entry {
    uint64_t tag;
    uint64_t addend;
};
#define TLB_TAG_EMPTY UINT64_MAX // context 0xfff is never handed out
#define TLB_NR_CTX    0xffeu
#define TLB_CTX_VERIFY 0xffeu // never handed out: no access finds its page (jit/verify.h)
#define TLB_KEY_RETIRED UINT64_MAX

struct code_page;
struct verify_run;
struct itlb_entry {
    uint64_t tag;  // virtual page | fetch context id
    uint64_t mode; // mode bits the page's blocks were made for
    struct code_page *page;
    uint64_t log2_size; // of the mapping; generated code indexes by shifting, so there is room
};

// Cold facts about the TLB entry with the same index.
struct tlb_meta {
    uint8_t log2_size; // of the mapping
};

// What a debugger has to do with this vCPU; see jit/debug.h. The vCPU's thread's, and of whoever
// has stopped it.
struct vcpu_debug {
    bool due;         // the instruction that bails out does so for the debugger
    bool stepping;    // breakpoints are not looked at: the instruction itself is what is wanted
    bool hold;        // interrupts are not taken
    uint8_t catches;  // enum debug_catch
    uint8_t once;     // those of them that the next stop ends
    uint8_t why;      // enum debug_why
    uint8_t what;     // of a breakpoint: its owners; of a watchpoint: enum debug_access
    uint64_t addr;
    uint64_t svc;     // that DEBUG_CATCH_SVC waits for
};

// Bits of code_page.mode that are the page's, not the CPU's. A frontend leaves this one alone.
#define VCPU_MODE_DEBUG BIT(17) // the blocks ask the debugger: ir.debug

// What other threads have left for this vCPU to do; see jit/rendezvous.h.
struct vcpu_work_item {
    void (*fn)(struct vcpu *cpu, uint64_t arg);
    uint64_t arg;
};
struct vcpu_work {
    bool inside;          // atomic: guest code may be running
    bool has_asked;       // this vCPU's own: others may still have to do what it wants
    uint64_t asked, done; // atomic: what has been left so far, and how much of it is done
    struct mutex lock;    // of the items
    struct vcpu_work_item item[32];
    unsigned nr;
    bool too_many;        // to list them: everything is flushed
    uint64_t owed[JIT_MAX_CPUS]; // this vCPU's own: what every other has to have done
};

struct vcpu_stats {
#define STAT(name, help) uint64_t name;
#include "jit/stats.def"
#undef STAT
};

struct vcpu {
    // Looked at by every block.
    uint32_t exit_request; // atomic; EXIT_REQ_*
    uint32_t nzcv;         // the four flags, packed, at every block boundary
    uint64_t pc_page;      // virtual page of the running block
    uint64_t pc;           // next instruction, exact whenever no block runs
    uint64_t icount;       // instructions executed, exact whenever no block runs
    uint64_t dctx, uctx;   // data contexts: the current one, and the unprivileged one
    uint64_t ictx;         // fetch context
    uint64_t mode;         // mode bits that key a block; written through the frontend only
    bool bail;             // a helper gave up; nothing of its instruction is committed
    uint8_t halt;          // a helper asks to leave at the end of this block (enum vcpu_exit)

    // The quick engine's (jit/quick.h), while it runs.
    uint32_t qflags;    // the four flags as the host keeps them
    int32_t hot_disp;   // which of r[] is in the host register for the mode's own one
    uint64_t slice_end; // icount at which it looks up
    uint64_t merged[QUICK_NR_MERGED]; // of a page: host address - guest address; 0: look for yourself
    uint64_t hot_mode;  // the mode that it is for
    uint8_t alone;      // enum quick_alone: a block runs, and no other after it

    // The local exclusive monitor: address, the bytes seen, their number (0: open).
    uint64_t excl_addr, excl_value[2];
    uint32_t excl_size;

    struct fp_env fp;

    uint64_t r[VCPU_NR_R];
    union vec v[VCPU_NR_V];
    union vec tmp[VCPU_NR_TMP + IR_SCRATCH_TMP];
    union vec zero, sink; // what an absent operand reads and writes

    // What generated code calls, reached through the state since it holds no addresses.
    const void *region_load, *region_store; // region_thunk_load, region_thunk_store
    const void *region_vec;           // region_thunk_vec
    uint64_t no_page;                 // what a site remembers when it remembers nothing (region_slow.h)
    const struct helper *helpers;     // of the guest
    ir_fn *const *vec_fns;            // ir_vec_fn, flat
    ir_fn *const *ref_fns;            // ir_ref_fn, flat
    ir_fn *const *mem_fns;            // mem_fn_table, flat
    ir_fn *const *atomic_fns;         // atomic_fn_table
    uint64_t xfer[4] __attribute__((aligned(32))); // what a slow access moves

    // Softmmu; see jit/tlb.h.
    struct tlb_entry rtlb[TLB_SIZE], wtlb[TLB_SIZE];
    struct itlb_entry itlb[ITLB_SIZE];
    struct tlb_meta rmeta[TLB_SIZE], wmeta[TLB_SIZE];
    uint64_t tlb_big;           // sizes of the mappings beyond a page that entries came from: bit n, 2^n bytes
    uint64_t tlb_big_at[TLB_BIG_BITS / 64]; // and where they lie, hashed
    uint64_t ctx_keys[TLB_NR_CTX]; // TLB_KEY_RETIRED for a dead id
    uint32_t nr_ctx;            // ids 0 .. nr_ctx-1 are handed out
    gva_t nonglobal[64];        // pages cached in ASID-less contexts although not global
    uint32_t nr_nonglobal;      // of them; above the array's size: too many to list

    gpa_t rmw_code;             // the page with code that a mem_rmw() is about, | 1; 0: none
    uint8_t io;                 // enum vcpu_io
    struct vcpu_debug debug;
    struct vcpu_work work;
    struct verify_run *verify;  // a region is being verified (jit/verify.h): slow paths ask there
    struct tb *tb;              // running block (interpreter), for bail-outs
    struct jit *jit;
    const struct guest *guest;
    struct vcpu_stats stats;
    unsigned index;
};

// Asks the vCPU to leave translated code soon. Any thread.
static inline void vcpu_kick(struct vcpu *cpu, unsigned req)
{
    __atomic_or_fetch(&cpu->exit_request, req, __ATOMIC_SEQ_CST);
}

#endif
