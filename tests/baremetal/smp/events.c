// SPDX-License-Identifier: GPL-3.0-or-later
// CPUs that start, stop, sleep and wake each other: PSCI (DEN 0022), WFE and its events, WFI, SGIs
// from all to all, interrupts routed to a CPU, each CPU's own timers.
//
// WFE may always return early, so that what is shown of it is that nobody sleeps on: a lost event
// ends in run.py's time limit.
#include "smp_gic.h"

#define ALREADY_ON ((u64)-4)

enum { SGI_HELLO = 1, SGI_WAKE = 2, PPI_VIRTUAL = 27, PPI_PHYSICAL = 30, SPI = 64 + 32 };

static struct smp_barrier barrier;
static struct {
    volatile u64 n[128]; // interrupts taken, by number
} taken[SMP_MAX];

void smp_irq(struct smp_cpu *cpu)
{
    u32 id = gic_take();
    if (id >= 1020)
        return;
    if (id == PPI_VIRTUAL)
        msr(cntv_ctl_el0, 2);
    if (id == PPI_PHYSICAL)
        msr(cntp_ctl_el0, 2);
    gic_done(id);
    taken[cpu->index].n[id % 128]++;
    sev();
}

static void let_in(bool yes)
{
    if (yes)
        asm volatile("msr daifclr, #2" ::: "memory");
    else
        asm volatile("msr daifset, #2" ::: "memory");
}

// PSCI --------------------------------------------------------------------------------------------

static u64 turn_on(u64 target, unsigned index)
{
    return smp_psci(PSCI_CPU_ON, target, phys_of(smp_entry), phys_of(&smp_cpus[index]));
}

static void stop_work(unsigned cpu, void *arg)
{
    if (cpu)
        smp_stop_here();
}

static void wait_off(unsigned index)
{
    for (unsigned n = 0; smp_psci(PSCI_AFFINITY_INFO, index, 0, 0) != 1; n++)
        if (n > 200)
            asm volatile("sevl\n wfe\n wfe");
}

static void psci(void)
{
    static const u64 bad[] = {SMP_MAX, 0x100, 0x10000, 0x100000000, 0xffffffff, 0x80000000, 0xff};
    for (unsigned n = 0; n < ARRAY_SIZE(bad); n++)
        print("CPU_ON %x: %d, AFFINITY_INFO %d\n", bad[n], -turn_on(bad[n], 0),
              -smp_psci(PSCI_AFFINITY_INFO, bad[n], 0, 0));
    for (unsigned i = 0; i < smp_count; i++)
        print("CPU %d: CPU_ON %d, AFFINITY_INFO %d\n", i, -turn_on(i, i),
              smp_psci(PSCI_AFFINITY_INFO, i, 0, 0));
    u64 cycles = smp_rounds(16), twice = 0;
    for (u64 c = 0; c < cycles; c++) {
        smp_run(smp_count, stop_work, NULL);
        for (unsigned i = 1; i < smp_count; i++) {
            wait_off(i);
            smp_prepare(i);
            if (turn_on(i, i))
                smp_forbidden("CPU_ON", c, i, 0);
            // (Before it is on the answer is ON_PENDING; QEMU says SUCCESS then, and starts it
            // twice.)
            WAIT_UNTIL(load_acquire(&smp_cpus[i].online));
            twice += turn_on(i, i) == ALREADY_ON;
            u64 *found = smp_cpus[i].entry;
            // MMU and caches off, all masked, EL1 with its own stack, the context in X0.
            if (found[0] & 0x1005 || found[1] != 0x3c0 || found[2] != 5 ||
                found[3] != phys_of(&smp_cpus[i]))
                smp_forbidden("state at the entry", found[0], found[1], found[2]);
        }
    }
    print("off and on: %s\n", twice == cycles * (smp_count - 1) ? "done" : "FORBIDDEN answers");
}

static void identity_work(unsigned cpu, void *arg)
{
    u64 *mpidr = arg;
    mpidr[cpu] = mrs(mpidr_el1);
}

static void identity(void)
{
    u64 mpidr[SMP_MAX];
    smp_run(smp_count, identity_work, mpidr);
    for (unsigned i = 0; i < smp_count; i++)
        print("MPIDR_EL1 %x\n", mpidr[i]);
}

// Events ------------------------------------------------------------------------------------------

static struct {
    volatile u64 v;
} __attribute__((aligned(128))) ball[SMP_MAX];

static void wait_by_wfe(volatile u64 *p, u64 v)
{
    while (load_acquire(p) != v)
        asm volatile("wfe" ::: "memory");
}

// By the monitor: what wakes is the other's plain store.
static void wait_by_monitor(volatile u64 *p, u64 v)
{
    u64 seen;
    asm volatile("sevl\n"
                 "1: wfe\n"
                 "   ldaxr %0, %1\n"
                 "   cmp %0, %2\n"
                 "   b.ne 1b\n"
                 "   clrex"
                 : "=&r"(seen)
                 : "Q"(*p), "r"(v)
                 : "cc", "memory");
}

// A ball goes round all CPUs. arg: 0 SEV, 1 the monitor
static void ball_work(unsigned cpu, void *arg)
{
    u64 rounds = smp_rounds(16);
    for (u64 i = 1; i <= rounds; i++) {
        if (cpu || i > 1) {
            u64 v = cpu ? i : i - 1;
            if (arg)
                wait_by_monitor(&ball[cpu].v, v);
            else
                wait_by_wfe(&ball[cpu].v, v);
        }
        store_release(&ball[(cpu + 1) % smp_count].v, i);
        if (!arg)
            sev();
    }
}

static void events(void)
{
    for (u64 how = 0; how < 2; how++) {
        for (unsigned i = 0; i < SMP_MAX; i++)
            ball[i].v = 0;
        u64 start = now();
        smp_run(smp_count, ball_work, (void *)how);
        print("~%d rounds took %d us\n", smp_rounds(16),
              (now() - start) * 1000000 / mrs(cntfrq_el0));
        print("%s: done\n", how ? "monitor" : "SEV");
    }
    // SEVL and an earlier SEV: WFE returns at once, whoever else is awake.
    u64 start = now();
    for (unsigned n = 0; n < 1000; n++)
        asm volatile("sevl\n wfe\n dsb sy\n sev\n wfe" ::: "memory");
    print("SEVL: %s\n", now() - start < 5 * mrs(cntfrq_el0) ? "at once" : "late");
}

// Interrupts --------------------------------------------------------------------------------------

static u64 hello(unsigned cpu)
{
    return *(volatile u64 *)&taken[cpu].n[SGI_HELLO];
}

// Every CPU sends to each other one and waits for it to have arrived.
static void all_to_all_work(unsigned cpu, void *arg)
{
    gic_start();
    let_in(true);
    smp_wait_all(&barrier, smp_count);
    for (unsigned turn = 0; turn < smp_count; turn++) {
        if (cpu == turn) {
            for (unsigned to = 0; to < smp_count; to++) {
                u64 was = hello(to);
                gic_send(BIT(to), SGI_HELLO);
                WAIT_UNTIL(hello(to) != was);
                if (hello(to) != was + 1)
                    smp_forbidden("an SGI too many", to, hello(to), was);
            }
            u64 sum = 0, all = 0;
            for (unsigned to = 0; to < smp_count; to++)
                sum += hello(to);
            gic_send_others(SGI_HELLO);
            for (unsigned wait = 0; all != sum + smp_count - 1; wait++) {
                all = 0;
                for (unsigned to = 0; to < smp_count; to++)
                    all += hello(to);
                if (wait > 200)
                    asm volatile("wfe");
            }
        }
        smp_wait_all(&barrier, smp_count);
    }
    // All at once: what is pending already merges, so only that each arrives after it was sent.
    for (u64 i = 0; i < smp_rounds(16); i++) {
        u64 id = 3 + cpu, next = (cpu + 1) % smp_count;
        u64 was = *(volatile u64 *)&taken[next].n[id];
        gic_send(BIT(next), (u32)id);
        WAIT_UNTIL(*(volatile u64 *)&taken[next].n[id] != was);
    }
    smp_wait_all(&barrier, smp_count); // all stay open until the last has been served
    let_in(false);
}

// WFI wakes for an interrupt that is masked, and does not lose one that came before it.
static void wfi_work(unsigned cpu, void *arg)
{
    for (u64 i = 0; i < smp_rounds(16); i++) {
        if (cpu == 0) {
            for (unsigned to = 1; to < smp_count; to++)
                gic_send(BIT(to), SGI_WAKE);
        } else {
            u64 was = taken[cpu].n[SGI_WAKE];
            while (taken[cpu].n[SGI_WAKE] == was) {
                asm volatile("wfi" ::: "memory");
                let_in(true);
                isb();
                let_in(false);
            }
        }
        smp_wait_all(&barrier, smp_count);
    }
}

static void timer_work(unsigned cpu, void *arg)
{
    u64 frequency = mrs(cntfrq_el0);
    gic_enable(PPI_VIRTUAL);
    gic_enable(PPI_PHYSICAL);
    let_in(true);
    for (u64 i = 0; i < smp_rounds(64); i++) {
        u64 *n = (u64 *)taken[cpu].n, v = n[PPI_VIRTUAL], p = n[PPI_PHYSICAL], start = now();
        u64 ticks = frequency / 10000 * (1 + (cpu + i) % 4); // 100 to 400 us
        msr(cntv_tval_el0, ticks);
        msr(cntv_ctl_el0, 1);
        msr(cntp_tval_el0, ticks * 2);
        msr(cntp_ctl_el0, 1);
        isb();
        while (*(volatile u64 *)&n[PPI_VIRTUAL] == v || *(volatile u64 *)&n[PPI_PHYSICAL] == p) {
            let_in(false);
            if (*(volatile u64 *)&n[PPI_VIRTUAL] == v || *(volatile u64 *)&n[PPI_PHYSICAL] == p)
                asm volatile("wfi" ::: "memory");
            let_in(true);
            isb();
        }
        if (n[PPI_VIRTUAL] != v + 1 || n[PPI_PHYSICAL] != p + 1)
            smp_forbidden("another's timer, or twice", i, n[PPI_VIRTUAL] - v, n[PPI_PHYSICAL] - p);
        if (now() - start < ticks * 2)
            smp_forbidden("a timer too early", i, now() - start, ticks * 2);
    }
    let_in(false);
}

// CPU 0 routes an SPI to each CPU in turn.
static void spi_work(unsigned cpu, void *arg)
{
    let_in(true);
    smp_wait_all(&barrier, smp_count);
    if (cpu == 0)
        for (u64 i = 0; i < smp_rounds(32); i++) {
            unsigned to = i % smp_count;
            u64 was[SMP_MAX];
            for (unsigned c = 0; c < smp_count; c++)
                was[c] = taken[c].n[SPI];
            gic_route(SPI, to);
            gic_pend(SPI);
            WAIT_UNTIL(taken[to].n[SPI] != was[to]);
            for (unsigned c = 0; c < smp_count; c++)
                if (taken[c].n[SPI] != was[c] + (c == to))
                    smp_forbidden("an SPI at another CPU", c, taken[c].n[SPI], was[c]);
        }
    smp_wait_all(&barrier, smp_count);
    let_in(false);
}

// The counter is one: what one CPU has read, another reads no less of.
static void clock_work(unsigned cpu, void *arg)
{
    volatile u64 *latest = arg;
    for (u64 i = 0; i < smp_rounds(1); i++) {
        u64 seen = load_acquire(latest), t = now();
        if (t < seen)
            smp_forbidden("the counter went back", t, seen, 0);
        asm volatile("ldumaxal %0, %0, %1" : "+r"(t), "+Q"(*latest)::"memory");
    }
}

void program(void)
{
    smp_start();
    identity();
    psci();
    events();
    gic_begin();
    smp_run(smp_count, all_to_all_work, NULL);
    print("SGIs: done\n");
    smp_run(smp_count, wfi_work, NULL);
    print("WFI: done\n");
    smp_run(smp_count, timer_work, NULL);
    print("timers: done\n");
    smp_run(smp_count, spi_work, NULL);
    print("SPIs: done\n");
    static volatile u64 latest;
    smp_run(smp_count, clock_work, (void *)&latest);
    print("counter: done\n");
}
