// SPDX-License-Identifier: GPL-3.0-or-later
// Several CPUs for bare-metal programs, over the runtime in ../rt.
//
// smp_start() wakes all CPUs that PSCI knows; smp_run() has the first n of them call a function and
// comes back when all have returned. CPU 0 is the program's own. All run at EL1h in the high alias,
// interrupts masked, with vectors of their own: a synchronous exception continues at the fixup that
// TRY() left, an interrupt calls smp_irq(), anything else ends the program.
//
// What a program prints is the same everywhere, but for lines that begin with '~': counts and
// times, for the reader. A line with "FORBIDDEN" fails the run.
#ifndef BAREMETAL_SMP_H
#define BAREMETAL_SMP_H

#ifdef __ASSEMBLER__
#include "layout.h"
#else
#include "rt.h"
#endif

#define SMP_CPU_SP    0
#define SMP_CPU_TTBR  8
#define SMP_CPU_ENTRY 16

#ifndef __ASSEMBLER__

#define SMP_MAX 8

struct smp_cpu {
    u64 sp, ttbr;
    u64 entry[4]; // what it found: SCTLR_EL1, DAIF, CurrentEL | SPSel, X0
    u64 index, mpidr;
    volatile u64 online;
    u64 seen; // the last job
    // The exception that TRY() met: where it goes on, and its syndrome (0: none).
    volatile u64 fixup, esr, far;
    u64 random;
} __attribute__((aligned(64)));

extern struct smp_cpu smp_cpus[SMP_MAX];
extern unsigned smp_count;

// Rounds of a test; run.py writes them into the program. The tests that need more work a round do
// a fraction of them.
u64 smp_rounds(u64 fraction);
// Tests that want fewer are to be left out.
unsigned smp_least_cpus(void);

void smp_start(void);
void smp_prepare(unsigned index); // so that CPU_ON with smp_entry and &smp_cpus[index] works
void smp_stop_here(void);         // CPU_OFF, from within a job; the job counts as done
void smp_run(unsigned n, void (*fn)(unsigned cpu, void *arg), void *arg);
void smp_irq(struct smp_cpu *cpu); // weak

extern u8 smp_entry[];

static inline struct smp_cpu *smp_self(void)
{
    return (struct smp_cpu *)mrs(tpidr_el1);
}

u64 smp_psci(u64 function, u64 a, u64 b, u64 c);

#define PSCI_CPU_OFF       0x84000002ull
#define PSCI_CPU_ON        0xc4000003ull
#define PSCI_AFFINITY_INFO 0xc4000004ull

static inline u64 load_acquire(const volatile u64 *p)
{
    u64 v;
    asm volatile("ldar %0, %1" : "=r"(v) : "Q"(*p) : "memory");
    return v;
}
static inline void store_release(volatile u64 *p, u64 v)
{
    asm volatile("stlr %1, %0" : "=Q"(*p) : "r"(v) : "memory");
}
static inline u64 fetch_add(volatile u64 *p, u64 v)
{
    u64 was;
    asm volatile("ldaddal %2, %0, %1" : "=r"(was), "+Q"(*p) : "r"(v) : "memory");
    return was;
}
static inline void sev(void)
{
    asm volatile("dsb ish\n sev" ::: "memory");
}
static inline void yield(void)
{
    asm volatile("yield" ::: "memory");
}
static inline u64 now(void)
{
    isb();
    return mrs(cntvct_el0);
}
// A pseudo-random number of this CPU's own sequence.
static inline u64 smp_random(struct smp_cpu *cpu)
{
    cpu->random = cpu->random * 6364136223846793005ull + 1442695040888963407ull;
    return cpu->random >> 33;
}

// Waits; whoever makes the condition true says sev().
#define WAIT_UNTIL(condition)                                                                      \
    for (unsigned wait_ = 0; !(condition); wait_++) {                                              \
        if (wait_ < 200)                                                                           \
            yield();                                                                               \
        else                                                                                       \
            asm volatile("wfe" ::: "memory");                                                      \
    }

struct smp_barrier {
    volatile u64 arrived, phase;
} __attribute__((aligned(64)));

void smp_wait_all(struct smp_barrier *b, unsigned n);

// One instruction (or a few) that may fault: cpu->esr and far tell. x9 and x10 are scratch.
#define TRY(cpu, code, ...)                                                                        \
    ({                                                                                             \
        struct smp_cpu *try_ = cpu;                                                                \
        try_->esr = 0;                                                                             \
        asm volatile("adr x9, 991f\n str x9, [%[fixup]]\n" code                                    \
                     "\n991: str xzr, [%[fixup]]" __VA_ARGS__);                                    \
        try_->esr;                                                                                 \
    })
#define TRY_INPUT [fixup] "r"(&try_->fixup)

#define EC(esr) ((esr) >> 26 & 0x3f)

// A failure, with its figures; from any CPU.
void smp_forbidden(const char *what, u64 a, u64 b, u64 c);

#endif
#endif
