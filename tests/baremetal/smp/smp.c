// SPDX-License-Identifier: GPL-3.0-or-later
// Starting CPUs, giving them work, and their exceptions.
#include "smp.h"

#define STACK 8192

struct smp_cpu smp_cpus[SMP_MAX];
unsigned smp_count;

static u8 stacks[SMP_MAX][STACK] __attribute__((aligned(16)));

// run.py looks for the words and writes the number behind them.
static volatile struct {
    char magic[16];
    u64 rounds, least_cpus;
} parameters __attribute__((used, section(".data"))) = {"smp parameters:", 2000, 1};

static struct job {
    volatile u64 generation;
    void (*fn)(unsigned cpu, void *arg);
    void *arg;
    u64 n;
    volatile u64 done;
} job __attribute__((aligned(64)));

static volatile u64 complaints;

u64 smp_rounds(u64 fraction)
{
    u64 n = parameters.rounds / fraction;
    return n ? n : 1;
}

unsigned smp_least_cpus(void)
{
    return (unsigned)parameters.least_cpus;
}

u64 smp_psci(u64 function, u64 a, u64 b, u64 c)
{
    register u64 x0 asm("x0") = function;
    register u64 x1 asm("x1") = a;
    register u64 x2 asm("x2") = b;
    register u64 x3 asm("x3") = c;
    asm volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory");
    return x0;
}

void smp_forbidden(const char *what, u64 a, u64 b, u64 c)
{
    // The first few are enough. One at a time, with the UART for themselves.
    static volatile u64 lock;
    if (fetch_add(&complaints, 1) > 20)
        return;
    while (fetch_add(&lock, 1))
        WAIT_UNTIL(!load_acquire(&lock));
    print("%s: FORBIDDEN cpu %d: %x %x %x\n", what, smp_self()->index, a, b, c);
    store_release(&lock, 0);
    sev();
}

__attribute__((weak)) void smp_irq(struct smp_cpu *cpu)
{
    print("unexpected interrupt, CPU %d\n", cpu->index);
    power_off();
}

u64 smp_exception(u64 vector, u64 elr);
u64 smp_exception(u64 vector, u64 elr)
{
    struct smp_cpu *cpu = smp_self();
    if ((vector & 3) == 1) {
        smp_irq(cpu);
        return elr;
    }
    u64 fixup = cpu->fixup;
    if (vector != 4 || !fixup) {
        print("\nunexpected exception, CPU %d: vector %d esr %x far %x elr %x\n", cpu->index,
              vector, mrs(esr_el1), mrs(far_el1), elr);
        power_off();
    }
    cpu->fixup = 0;
    cpu->esr = mrs(esr_el1);
    cpu->far = mrs(far_el1);
    return fixup;
}

static void finish_job(void)
{
    fetch_add(&job.done, 1);
    sev();
}

_Noreturn void smp_main(struct smp_cpu *cpu);
_Noreturn void smp_main(struct smp_cpu *cpu)
{
    store_release(&cpu->online, 1);
    sev();
    for (;;) {
        WAIT_UNTIL(load_acquire(&job.generation) != cpu->seen);
        cpu->seen++;
        if (cpu->index < job.n)
            job.fn((unsigned)cpu->index, job.arg);
        finish_job();
    }
}

void smp_stop_here(void)
{
    store_release(&smp_self()->online, 0);
    finish_job();
    smp_psci(PSCI_CPU_OFF, 0, 0, 0);
    smp_forbidden("CPU_OFF came back", 0, 0, 0);
    power_off();
}

void smp_run(unsigned n, void (*fn)(unsigned cpu, void *arg), void *arg)
{
    unsigned others = 0;
    for (unsigned i = 1; i < smp_count; i++)
        others += !!smp_cpus[i].online;
    job.fn = fn;
    job.arg = arg;
    job.n = n;
    job.done = 0;
    store_release(&job.generation, job.generation + 1);
    sev();
    fn(0, arg);
    WAIT_UNTIL(load_acquire(&job.done) == others);
}

void smp_wait_all(struct smp_barrier *b, unsigned n)
{
    u64 phase = load_acquire(&b->phase);
    if (fetch_add(&b->arrived, 1) + 1 == n) {
        b->arrived = 0;
        store_release(&b->phase, phase + 1);
        sev();
    } else {
        WAIT_UNTIL(load_acquire(&b->phase) != phase);
    }
}

void smp_prepare(unsigned index)
{
    struct smp_cpu *cpu = &smp_cpus[index];
    cpu->sp = (u64)stacks[index] + STACK;
    cpu->ttbr = mrs(ttbr1_el1);
    cpu->index = index;
    cpu->mpidr = index;
    cpu->seen = job.generation;
    cpu->random = index * 1234567 + 1;
    store_release(&cpu->online, 0);
}

void smp_start(void)
{
    extern u8 smp_vectors[];
    struct smp_cpu *self = &smp_cpus[0];
    smp_prepare(0);
    self->online = 1;
    msr(tpidr_el1, self);
    msr(vbar_el1, smp_vectors);
    isb();
    for (smp_count = 1; smp_count < SMP_MAX; smp_count++) {
        struct smp_cpu *cpu = &smp_cpus[smp_count];
        smp_prepare(smp_count);
        u64 status = smp_psci(PSCI_CPU_ON, cpu->mpidr, phys_of(smp_entry), phys_of(cpu));
        if (status)
            break;
        WAIT_UNTIL(load_acquire(&cpu->online));
    }
    print("%d CPUs\n", smp_count);
}
