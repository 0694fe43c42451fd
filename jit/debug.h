// SPDX-License-Identifier: GPL-3.0-or-later
// A debugger's breakpoints, watchpoints and traces, for every engine alike.
//
// Breakpoints are matched by the program counter, not by bytes put into the guest: they may be set
// before the code is there, survive whatever happens to its page, and nobody sees them. A page that
// holds some has a code_page of its own (code_page.debug says at which offsets to ask), whose blocks
// call debug_check_break() before those instructions; all other pages run as ever, and no region is
// compiled from such a page. A page with a watched byte has no entry in the data TLB, and the slow
// path asks debug_check_watch().
//
// Everything here is changed only while no vCPU runs; debug_settle() then makes the vCPUs forget
// which pages they know. The functions that ask run in the vCPU's thread.
#ifndef JIT_DEBUG_H
#define JIT_DEBUG_H

#include "jit/vcpu.h"

struct jit;

// Why a vCPU left with VCPU_EXIT_DEBUG; vcpu.debug.why.
enum debug_why {
    DEBUG_NOTHING,
    DEBUG_BREAK,  // at a breakpoint, its instruction not yet executed
    DEBUG_WATCH,  // before an access to watched bytes; addr is the first of them
    DEBUG_CATCH,  // what vcpu.debug.catches asked for has happened
};

// Who set a breakpoint: each removes his own.
enum debug_owner { DEBUG_BY_SOFTWARE = 1, DEBUG_BY_HARDWARE = 2, DEBUG_BY_MONITOR = 4 };

enum debug_access { DEBUG_READS = 1, DEBUG_WRITES = 2 };

// Turns of the guest that can be waited for; bits of vcpu.debug.catches.
enum debug_catch {
    DEBUG_CATCH_SYNC = 1,  // a synchronous exception
    DEBUG_CATCH_IRQ = 2,   // an interrupt
    DEBUG_CATCH_SVC = 4,   // SVC; vcpu.debug.svc is the number in the guest's X8, or DEBUG_ANY_SVC
    DEBUG_CATCH_UP = 8,    // from EL0 to EL1
    DEBUG_CATCH_DOWN = 16, // from EL1 to EL0
};
#define DEBUG_ANY_SVC UINT64_MAX

// What is to be asked in the blocks of a page: by word, before that instruction; trace: before all.
struct debug_set {
    uint64_t hash;
    uint64_t asked[PAGE_SIZE / 4 / 64];
    bool trace;
    struct debug_set *next;
};

static inline bool debug_set_asks(const struct debug_set *s, unsigned off)
{
    return s->asked[off >> 8] >> (off >> 2 & 63) & 1;
}

// Who wants to see each instruction of some pages, before it runs. In the vCPU's thread.
struct debug_tracer {
    bool (*wants)(void *opaque, gva_t page);
    void (*insn)(void *opaque, struct vcpu *cpu, gva_t pc);
    void *opaque;
};

struct debug;

// Adds a breakpoint of that owner, by virtual address in every address space, or by physical one.
// Adding it twice is as good as once.
void debug_break_add(struct jit *jit, uint64_t addr, bool physical, enum debug_owner owner);
// False: there is none.
bool debug_break_remove(struct jit *jit, uint64_t addr, bool physical, enum debug_owner owner);
// Watches len (at least 1) bytes for accesses, DEBUG_READS | DEBUG_WRITES.
void debug_watch_add(struct jit *jit, uint64_t addr, uint64_t len, bool physical, unsigned access);
bool debug_watch_remove(struct jit *jit, uint64_t addr, uint64_t len, bool physical, unsigned access);
// All of every owner.
void debug_clear(struct jit *jit);
// NULL: nobody.
void debug_set_tracer(struct jit *jit, const struct debug_tracer *tracer);
void debug_settle(struct jit *jit);
void debug_fini(struct jit *jit);

// Owners of the breakpoints at a vCPU's pc, 0 if there is none.
unsigned debug_breaks_at(struct vcpu *cpu, gva_t pc);

// What the blocks of a virtual page at a physical one have to ask; NULL: nothing. Under jit.lock.
const struct debug_set *debug_page_set(struct jit *jit, gva_t va, gpa_t pa);
// May there be a watched byte in the page?
bool debug_watches_page(const struct jit *jit, gva_t va, gpa_t pa);

// About the instruction at pc, from a helper that bails. False: leave with nothing of it done.
bool debug_check_break(struct vcpu *cpu, gva_t pc);
// About an access. False: leave with nothing of its instruction done.
bool debug_check_watch(struct vcpu *cpu, gva_t va, gpa_t pa, unsigned size, enum mem_access access);
void debug_trace(struct vcpu *cpu, gva_t pc);

// Called by guest.raise_fault() first: true if the instruction was given up for a debugger, and
// nothing is to be raised.
static inline bool debug_takes_fault(struct vcpu *cpu)
{
    if (likely(!cpu->debug.due))
        return false;
    cpu->debug.due = false;
    cpu->halt = VCPU_EXIT_DEBUG;
    return true;
}

// One of the turns that are waited for has come: leave before the next instruction.
void debug_caught(struct vcpu *cpu);

#endif
