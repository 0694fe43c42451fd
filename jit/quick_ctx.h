// SPDX-License-Identifier: GPL-3.0-or-later
// What the files of the quick engine share: its registers, the state of one translation, and the
// pieces of code that every block calls.
//
// Host registers. rbp: the state (biased, so that common slots take one byte of displacement).
// r15: instructions left of the slice. rbx rsi rdi r8 r9 r12 r13 r14: the guest's eight busiest
// registers; r10: the mode's own (the stack pointer). r11: the block's first temporary. rax, rcx,
// rdx and all of xmm are free within an instruction. The stack is aligned to 16.
#ifndef JIT_QUICK_CTX_H
#define JIT_QUICK_CTX_H

#include "jit/codebuf.h"
#include "jit/ir.h"
#include "jit/quick.h"
#include "jit/x86_asm.h"

#define QR_STATE  RBP
#define QR_BUDGET R15
#define QR_MODE   R10
#define QR_TMP    R11

// The register `state` points this far into the vcpu: r[5] .. r[36] are within a byte's reach.
#define QUICK_BIAS ((int32_t)offsetof(struct vcpu, r) + 5 * 8 + 128)
#define Q_DISP(field) ((int32_t)offsetof(struct vcpu, field) - QUICK_BIAS)
#define Q_STATE(field) x86_m(QR_STATE, Q_DISP(field))

// Instructions between two looks at exit_request.
#define QUICK_SLICE 8192

// What a function call wants to know. Offsets are from the vcpu.
struct quick_call {
    ir_fn *fn;
    int32_t d, a, b, c;
    uint64_t imm;
    uint32_t where; // quick_where()
    uint16_t flags; // enum helper_flags
    uint16_t helper; // number + 1 of the guest's helper; 0: it is none
};

// Where an instruction stands, for whoever leaves there: its place in the page, and how many of
// the block's instructions are not done, it included. Its low half is free for others.
static inline uint32_t quick_where(unsigned off, unsigned left)
{
    return off >> 2 << 16 | (left - 1) << 26;
}
static inline unsigned quick_where_off(uint32_t where)
{
    return (where >> 16 & 0x3ff) << 2;
}
static inline unsigned quick_where_left(uint32_t where)
{
    return (where >> 26) + 1;
}
// The low half: bytes, MEM_*, whether it is a store.
static inline uint32_t quick_access(unsigned size, unsigned attr, bool store)
{
    return size | attr << 6 | (uint32_t)store << 15;
}

#define QUICK_VEC_CONSTS 128
#define QUICK_VEC_HELD   10

// What becomes of the flags that an op sets: vcpu.qflags has them (and EFLAGS, perhaps); or nothing
// but an ADCS or SBCS looks at them, and EFLAGS have their carry for it, as it is or inverted.
enum quick_flags { QUICK_FLAGS_KEPT, QUICK_FLAGS_CARRY, QUICK_FLAGS_BORROW };

struct quick_tr;

struct quick {
    struct jit *jit;
    struct perf_map *perf_map;
    struct codebuf code;
    struct codebuf_span chunk;    // being filled with code
    uint8_t *top;                 // its first free byte, in the write view
    struct codebuf_span data;     // being filled with constants, counts, descriptions of calls
    uint8_t *data_top;
    ptrdiff_t to_exec;            // from the write view to the other
    size_t bytes;                 // of code and data since the last flush
    uint32_t next_id;             // of code_pages
    int8_t host_of[VCPU_NR_R];    // host register of a slot, or X86_NO_REG; the mode's own excluded
    bool verify;                  // quick_verify()
    bool bmi2, lzcnt, cx16, sse41, sse42, avx, fma;
    // Vector constants in the data, by their hash; at NULL: none.
    struct { uint64_t lo, hi; const void *at; } vec_const[QUICK_VEC_CONSTS];

    void (*enter)(struct vcpu *cpu, const void *code, void *state);
    // Called and jumped to by blocks; write view. See quick_thunks.c for their contracts.
    const uint8_t *leave, *lookup, *lookup_slow, *exit, *link, *tick, *exit_pc, *raise, *fault, *region;
    const uint8_t *access, *look_read, *look_write, *call_vec, *call, *call_full;
};

enum quick_alone { QUICK_CHAINED, QUICK_ALONE, QUICK_ALONE_BAILED };

static inline const void *quick_exec(const struct quick *q, const uint8_t *write)
{
    return write + q->to_exec;
}

// Work that is done out of line, at the block's end.
struct quick_cold {
    void (*emit)(struct quick_tr *t, struct quick_cold *c);
    uint8_t *from[2];     // jumps that end here; NULL: none
    uint8_t *back;        // where it goes on
    uint8_t *right;       // and where if nothing was wrong
    struct x86_rm rm;
    int64_t imm;
    uint32_t where;
    int8_t reg;
    uint8_t kind;
    uint8_t merged;       // words of vcpu.merged that were in use: bits
    ir_val held[QUICK_VEC_HELD]; // quick_tr.held where it goes on
};

// No op leaves more than two pieces of work for later; the entry and the ways out a few.
#define QUICK_MAX_COLD (2 * IR_MAX_INSNS + 16)

// Accesses that share a look into the TLB (quick_merge.c): ops first .. last, bytes lo .. hi from
// some value, from which the first one's base is at a distance.
struct quick_group {
    int32_t lo, hi, distance;
    uint16_t first, last;
    bool store;
    uint8_t word; // of vcpu.merged; QUICK_NO_WORD: none was free
};
#define QUICK_MAX_GROUPS 96
#define QUICK_NO_WORD    0xff

// The state of one translation.
struct quick_tr {
    struct quick *q;
    const struct ir *ir;
    struct tb *tb;
    struct x86_asm as;
    unsigned n;            // the op at hand
    unsigned off, left;    // the guest instruction at hand, and how many are left with it
    unsigned mode_slot;    // which slot r10 is; VCPU_NR_R: none
    bool tmp0_in_reg;      // the first temporary is in r11
    unsigned scratch;      // constants in slots, of this op
    enum quick_flags only;       // what EFLAGS alone have of the guest's
    const uint8_t *flags_in_rax; // eax is what vcpu.qflags is, or would be, if this is where we are
    struct {
        ir_val d;              // IR_NONE: nothing of the kind
        bool relative;         // to the page
        uint64_t value;
        uint8_t *from, *to;    // its code
    } constant;            // what the last code that was emitted did: d = value
    unsigned checked_sp;   // the slot whose alignment is known; VCPU_NR_R: none
    ir_val held[QUICK_VEC_HELD]; // vector slots that xmm registers hold too (quick_vec_held.c)
    unsigned next_held;
    uint8_t group_of[IR_MAX_INSNS]; // of an op; 0: none
    unsigned nr_groups;             // from 1 up
    struct quick_group group[QUICK_MAX_GROUPS + 1];
    uint16_t word_busy[QUICK_NR_MERGED]; // up to which op
    unsigned nr_links;
    unsigned nr_cold;
    struct quick_cold cold[QUICK_MAX_COLD];
};

// Operands (quick_value.c) -----------------------------------------------------------------------

// Where a value is: a register or memory; false and *imm when it is a constant.
bool quick_rm(struct quick_tr *t, ir_val v, struct x86_rm *rm, uint64_t *imm);
// A register that holds v (its low half at least): its own, or `scratch`, loaded.
int quick_reg(struct quick_tr *t, bool w, ir_val v, int scratch);
// Loads v into reg.
void quick_load(struct quick_tr *t, bool w, int reg, ir_val v);
// A register to compute d in: its own if it has one and no operand of a, b is in it (NONE: any).
int quick_dest(struct quick_tr *t, ir_val d, ir_val b, ir_val c);
// d = reg, 64 bits.
void quick_store(struct quick_tr *t, ir_val d, int reg);
// As a memory operand, a constant or a register being written to memory first. For vectors too.
struct x86_rm quick_mem(struct quick_tr *t, ir_val v);
bool quick_imm32(const struct quick_tr *t, ir_val v, int32_t *imm);
bool quick_const(const struct quick_tr *t, ir_val v, uint64_t *value);
// d = page base + distance (quick_int.c).
void quick_set_relative(struct quick_tr *t, ir_val d, uint64_t distance);
// What was emitted since `from` did nothing but d = value (or page base + value).
void quick_note_constant(struct quick_tr *t, ir_val d, uint64_t value, bool relative, uint8_t *from);
int quick_host_of(const struct quick_tr *t, ir_val v); // X86_NO_REG: none
int32_t quick_disp(const struct quick_tr *t, ir_val v); // of its slot, from the state register
void *quick_data(struct quick *q, size_t size, size_t align); // never NULL: room is kept
struct x86_rm quick_data_rm(const struct quick *q, const void *data, bool writable);
struct quick_cold *quick_cold(struct quick_tr *t, void (*emit)(struct quick_tr *, struct quick_cold *));

// The TLB (quick_mem.c) --------------------------------------------------------------------------

// An access as it is looked up: bytes, MEM_*, direction.
struct quick_look {
    unsigned size, attr;
    bool store;
};

// Looks an access at base + disp up: goes to `cold` if it is not in the TLB (or misaligned, where it
// must not be). Leaves rcx for quick_addend(), which is host address - guest address; rdx is lost.
void quick_look(struct quick_tr *t, struct quick_cold *cold, int base, int32_t disp, struct quick_look a);
struct x86_rm quick_addend(bool store);

// Bytes of an access, all elements.
unsigned quick_access_size(const struct ir_insn *i);

// Groups of accesses (quick_merge.c). At a block's beginning; thunks.
void quick_merge(struct quick_tr *t);
void quick_merge_thunks(struct quick *q, struct x86_asm *as);
// The word that op n shares with others, as the first of them or not; QUICK_NO_WORD: none.
unsigned quick_merged(struct quick_tr *t, unsigned n, bool *first);
struct x86_rm quick_merged_rm(unsigned word);
// Out of line, where something was done in C: whoever shares a word has to look for itself.
void quick_unmerge(struct quick_tr *t, const struct quick_cold *c);

// Flags (quick_flags.c) --------------------------------------------------------------------------

// The host's EFLAGS hold the guest's (C inverted: as a borrow); keeps them in the state.
void quick_flags_keep(struct quick_tr *t);
// Are the flags of the op at hand only looked at by a conditional comparison that comes next, and
// sets them anew? Then they need not be kept.
bool quick_flags_pass(const struct quick_tr *t);
// The same of an op that only looks at their carry, and all until there leaves EFLAGS alone.
bool quick_flags_pass_carry(const struct quick_tr *t);
// EFLAGS hold the guest's from here on. rax is lost.
void quick_flags_want(struct quick_tr *t);
// When the condition (a mask of the NZCV values it holds for) holds; rax, rcx, rdx are lost.
enum x86_cc quick_condition(struct quick_tr *t, unsigned mask);
void quick_flags_get(struct quick_tr *t, ir_val d);  // d = NZCV << 28
void quick_flags_set(struct quick_tr *t, ir_val a);  // NZCV = a >> 28
uint32_t quick_flags_from(uint32_t nzcv);
uint32_t quick_flags_to(uint32_t qflags);

// Lowerings --------------------------------------------------------------------------------------
// False: there is none, and nothing was emitted.
bool quick_lower_int(struct quick_tr *t, const struct ir_insn *i);
bool quick_lower_mem(struct quick_tr *t, const struct ir_insn *i);
bool quick_lower_atomic(struct quick_tr *t, const struct ir_insn *i);
bool quick_lower_vec(struct quick_tr *t, const struct ir_insn *i);
void quick_lower_call(struct quick_tr *t, const struct ir_insn *i);
bool quick_lower_end(struct quick_tr *t, const struct ir_insn *i);
// By calling a function with pointers to the operands.
struct quick_call *quick_call_fn(struct quick_tr *t, const struct ir_insn *i, ir_fn *fn, unsigned flags, uint64_t imm);

void quick_verify_run(struct vcpu *cpu); // quick_run(), when blocks are compared

// Thunks and what they call (quick_thunks.c, quick_control.c) ------------------------------------

void quick_thunks(struct quick *q);
// Goes to the block at the address in rax, if the instruction TLB and its page know it.
void quick_emit_lookup(const struct quick *q, struct x86_asm *as);
const void *quick_do_lookup(struct vcpu *cpu, gva_t pc);
const void *quick_do_link(struct vcpu *cpu, uint64_t tb_and_number);
const void *quick_do_tick(struct vcpu *cpu, struct tb *tb);
const void *quick_do_exit_pc(struct vcpu *cpu, uint64_t unused);
const void *quick_do_raise(struct vcpu *cpu, const struct quick_call *call);
const void *quick_do_fault(struct vcpu *cpu, uint32_t where);
const void *quick_do_region(struct vcpu *cpu, struct tb *tb);
bool quick_do_call(struct vcpu *cpu, const struct quick_call *call);
bool quick_do_call_full(struct vcpu *cpu, const struct quick_call *call);
struct quick_place {
    uint64_t addend; // host address - va
    uint64_t ok;     // else a fault is recorded
};
struct quick_place quick_do_access(struct vcpu *cpu, gva_t va, uint32_t where);

#endif
