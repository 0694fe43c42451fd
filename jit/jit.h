// SPDX-License-Identifier: GPL-3.0-or-later
// What the vCPUs of a machine share: physical memory, the block cache, the log.
//
// Owned by the machine; set up before any vCPU runs. `lock` guards the block cache; everything
// else is constant once vCPUs run, page flags excepted (atomic).
#ifndef JIT_JIT_H
#define JIT_JIT_H

#include "base/log.h"
#include "base/thread.h"
#include "jit/dirty.h"
#include "jit/mem.h"
#include "jit/vcpu.h"

#define JIT_MAX_REGIONS 8
#define JIT_CODE_BUCKETS 4096u

// Waiting of vCPUs for each other; jit/rendezvous.h.
struct rendezvous {
    struct mutex lock;
    pthread_cond_t changed;
    bool stopping;     // atomic: nobody goes inside
    unsigned sleepers; // atomic: threads in, or about to be in, a wait for `changed`
};

struct jit {
    const struct guest *guest;
    const struct log *log;
    struct phys_ops phys;
    struct ram_region regions[JIT_MAX_REGIONS];
    unsigned nr_regions;
    struct vcpu *cpus[JIT_MAX_CPUS];
    unsigned nr_cpus;

    // Stores beside code fault the page's blocks at once, for guests that forget IC. Set before
    // the guest runs.
    bool protect_code;

    // Time spent translating, in nanoseconds, and how many guest instructions went at which speed
    // (nanoseconds each, in steps of JIT_SPEED_STEP). Under the lock.
#define JIT_SPEED_STEP 8
    uint64_t translate_ns;
    uint32_t translate_speed[512];

    struct rendezvous rendezvous;

    struct mutex lock;
    struct code_page *pages[JIT_CODE_BUCKETS]; // by physical page
    struct tb *retired;                        // to be freed when no vCPU can be in it
    unsigned nr_retired;                       // of them, and of regions
    size_t bytes;                              // in blocks and pages
    size_t cache_limit;                        // beyond it everything goes at the next safe point
    struct ir *ir;                             // scratch for translation
    struct region *compiled;                   // regions in use
    struct region *retired_regions;            // to be freed when no vCPU can be in it
    bool code_full;                            // atomic; everything goes at the next safe point, for room
    struct quick *quick;                       // the engine of all blocks; NULL: they are interpreted
    struct tier *tier;                         // promotion; NULL: none
    struct verify *verify;                     // regions are verified (jit/verify.h), or NULL
    void (*sample)(void *opaque, struct vcpu *cpu); // for EXIT_REQ_SAMPLE; in the vCPU's thread
    void *sample_opaque;
    struct debug *debug;                       // breakpoints and the like (jit/debug.h), or NULL
    struct dirty dirty;                        // who asks what was written
};

void jit_init(struct jit *jit, const struct guest *guest, const struct log *log);
void jit_fini(struct jit *jit);
// Adds RAM. host stays the caller's and must outlive the jit. Not while vCPUs run.
void jit_add_ram(struct jit *jit, gpa_t base, uint64_t size, void *host, bool rom);
// The reads of the ROM region at base go to the bus from now on, or to its memory again; fetches
// and table walks always see the memory. Any thread; a vCPU whose own access to a device it is sees
// it at once, the others soon.
void jit_set_io(struct jit *jit, gpa_t base, bool io);
// The region that holds pa, or NULL.
const struct ram_region *jit_region(const struct jit *jit, gpa_t pa);
void jit_add_cpu(struct jit *jit, struct vcpu *cpu);

// Somebody other than a vCPU's store has changed RAM (DMA, loader, debugger). Any thread.
void jit_ram_written(struct jit *jit, gpa_t pa, uint64_t size);

// For translation-table walks: naturally aligned descriptors, RAM only. False: not RAM.
bool jit_phys_read64(struct jit *jit, gpa_t pa, uint64_t *value);
// Atomically replaces old by new; *ok tells whether it did. False: not RAM.
bool jit_phys_cmpxchg64(struct jit *jit, gpa_t pa, uint64_t old, uint64_t new_value, bool *ok);

#endif
