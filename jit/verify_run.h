// SPDX-License-Identifier: GPL-3.0-or-later
// What the files of `-accel verify` share: the log of a run, the states that are compared.
#ifndef JIT_VERIFY_RUN_H
#define JIT_VERIFY_RUN_H

#include "jit/verify.h"

enum verify_kind {
    VERIFY_LOAD,
    VERIFY_STORE,
    VERIFY_RMW,     // data: what was there; after: what it became
    VERIFY_PROBE,
    VERIFY_OUTSIDE, // size: what was asked; data: the answer
};

struct verify_event {
    uint8_t kind;   // enum verify_kind
    uint16_t size;  // bytes
    uint32_t attr;  // MEM_*
    uint64_t addr;
    uint64_t data[4], after[2];
};

enum verify_phase { VERIFY_RECORD, VERIFY_REPLAY };

struct verify_run {
    enum verify_phase phase;
    bool in_shadow;       // this run; else it is logged
    struct verify_shadow *shadow; // NULL before the first such run
    uint32_t dctx, uctx;  // the contexts that the vCPU really has
    struct verify_event *events;
    unsigned nr, size;    // events, room for them
    unsigned next;        // the one that the replay comes to

    // What the last event left open, settled at the next one.
    bool landed;          // a store of the region's: it has written `landing` too
    void *rmw;            // where a read-modify-write was made
    uint64_t landing[4] __attribute__((aligned(32))); // where a region's access is made
    uint64_t told[4];     // what the slow path was told it would store
    uint64_t scratch[2] __attribute__((aligned(16))); // where a replay's read-modify-write is made

    // The first difference between accesses.
    const char *what;     // NULL: none
    unsigned at;          // number of the event
    struct verify_event seen; // what the interpreter did instead

    struct verify_state *before, *region, *interp;
    unsigned skip;        // entries until the next that is verified
    struct verify_counts counts;
};

struct verify {
    struct verify_options options;
    struct verify_run *runs[JIT_MAX_CPUS];
    struct helper *helpers; // the guest's, as shadow runs may call them
};

// Everything a guest can see of a vCPU.
struct verify_state {
    uint64_t r[VCPU_NR_R];
    union vec v[VCPU_NR_V];
    uint64_t pc, pc_page, icount, mode;
    uint64_t excl_addr, excl_value[2];
    uint32_t excl_size, nzcv, fpcr, fpsr;
    uint8_t halt;
    uint8_t extra[256];   // the frontend's own, guest.extra_size bytes
};

void verify_state_get(struct vcpu *cpu, struct verify_state *s);
void verify_state_set(struct vcpu *cpu, const struct verify_state *s);

// Ends what the last event left open.
void verify_settle(struct vcpu *cpu);

// Starts and ends the time in which the vCPU's accesses are ours.
void verify_begin(struct vcpu *cpu, struct verify_run *run, enum verify_phase phase);
void verify_end(struct vcpu *cpu);
void verify_resume(struct vcpu *cpu, struct verify_run *run); // after a verify_end()

// Runs in shadow memory (verify_shadow.c): at the start of each phase; the place of an access;
// what differs, or NULL; its end.
void verify_shadow_begin(struct verify_run *run);
void *verify_shadow_at(struct vcpu *cpu, gva_t va, unsigned size, enum mem_access access, unsigned attr);
const char *verify_shadow_compare(const struct verify_run *run);
void verify_shadow_commit(struct verify_run *run);
void verify_shadow_print(FILE *f, const struct verify_run *run);
struct helper *verify_shadow_helpers(const struct guest *guest);

// The interpreter, to the instruction count `icount`, one instruction at a time if `step` is given:
// it is called before each. False: it went another way than the region.
typedef void verify_step_fn(struct vcpu *cpu, void *opaque);
bool verify_replay(struct vcpu *cpu, uint64_t icount, verify_step_fn *step, void *opaque);

// Writes all that is known of a difference. The vCPU's state is undefined after.
void verify_dump(struct vcpu *cpu, struct verify_run *run, const struct region *region,
                 uint64_t page0, uint32_t entry, enum region_result result, const char *what);

#endif
