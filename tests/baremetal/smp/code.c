// SPDX-License-Identifier: GPL-3.0-or-later
// Code that one CPU changes and another executes, through several addresses (DDI 0487 section
// B2.7.4.2): after DC CVAU, DSB, IC IVAU, DSB on the one and a context synchronization event (ISB,
// an interrupt) on the other, the new code runs.
//
// Where the other runs it meanwhile, only B and NOP are replaced, by B: those may be at any time.
#include "smp_gic.h"
#include "tables.h"

#define VA    0x0000456780000000ull
#define PAGES 4
// Views of the same pages: writable, executable, executable elsewhere.
#define W  (VA + 0x000000)
#define X1 (VA + 0x100000)
#define X2 (VA + 0x430000)

#define FUNCTIONS 64 // of 16 bytes from 0 on, 16 to a page
#define TARGETS   64 // of 8 bytes from TARGET on, in each page
#define TARGET    0x800
#define LOOP      0x600 // in page 0
#define BODY      0x700 // in every page

static struct tt t;
static struct smp_barrier barrier, loop_barrier;
static u64 rounds;
static volatile u64 stop;
static struct {
    volatile u64 floor; // version that everybody must see
} __attribute__((aligned(64))) version[FUNCTIONS];

static u32 branch(u64 from, u64 to)
{
    return 0x14000000 | ((u32)((to - from) >> 2) & 0x3ffffff);
}

static u64 function(unsigned f)
{
    return f % PAGES * 0x1000 + f / PAGES * 16;
}

// The ways to make a change of one word visible.
static void visible(unsigned way, u64 offset)
{
    asm volatile("dc cvau, %0\n dsb ish" ::"r"(W + offset) : "memory");
    if (way == 0)
        asm volatile("ic ivau, %0" ::"r"(W + offset) : "memory");
    else if (way == 1)
        asm volatile("ic ivau, %0" ::"r"(X1 + offset) : "memory");
    else if (way == 2)
        asm volatile("ic ivau, %0" ::"r"(X2 + offset) : "memory");
    else
        asm volatile("ic ialluis" ::: "memory");
    asm volatile("dsb ish\n isb" ::: "memory");
}

static void put(u64 offset, u32 insn)
{
    *(volatile u32 *)(W + offset) = insn;
}

static u64 call(u64 pc)
{
    register u64 x0 asm("x0") = ~0ull;
    asm volatile("blr %1" : "+r"(x0) : "r"(pc) : "x1", "x30", "memory");
    return x0;
}

static void map(void)
{
    tt_init(&t, 12, 16, ARENA + 0x1000000);
    for (unsigned p = 0; p < PAGES; p++) {
        u64 pa = ARENA + p * 0x1000;
        tt_map(&t, W + p * 0x1000, 3, pa | D_NORMAL | D_PXN | D_UXN);
        tt_map(&t, X1 + p * 0x1000, 3, pa | D_NORMAL | D_RO);
        tt_map(&t, X2 + p * 0x1000, 3, pa | D_NORMAL | D_RO);
    }
}

static void enter(void)
{
    msr(tcr_el1, tt_tcr(&t, 0));
    msr(ttbr0_el1, t.root);
    isb();
    tlbi_all();
}

static void leave(void)
{
    msr(tcr_el1, RT_TCR);
    msr(ttbr0_el1, mrs(ttbr1_el1));
    isb();
    tlbi_all();
}

// Functions patched while others call them
// ----------------------------------------------------------- Function f at version v is "b" to the
// target that returns v modulo TARGETS.

static void patch(unsigned f, u64 v, unsigned way)
{
    u64 at = function(f);
    put(at, branch(at, (at & ~0xfffull) + TARGET + v % TARGETS * 8));
    visible(way, at);
    store_release(&version[f].floor, v);
}

static void patcher(unsigned cpu, unsigned writers)
{
    struct smp_cpu *self = smp_self();
    for (u64 i = 0; i < rounds; i++) {
        unsigned f = (unsigned)(smp_random(self) % (FUNCTIONS / writers)) * writers + cpu;
        patch(f, version[f].floor + 1, smp_random(self) % 4);
        for (u64 n = smp_random(self) % 256; n; n--)
            asm volatile("");
    }
    fetch_add(&stop, 1);
}

static void caller(unsigned writers)
{
    struct smp_cpu *self = smp_self();
    while (load_acquire(&stop) < writers)
        for (unsigned n = 0; n < 64; n++) {
            // Mostly a few of them, which become hot.
            u64 r = smp_random(self);
            unsigned f = (unsigned)(r & 0x100 ? r & 3 : r % FUNCTIONS);
            u64 before = load_acquire(&version[f].floor);
            isb();
            u64 got = call((r & 0x200 ? X1 : X2) + function(f));
            // What is being written now is not yet in `floor`.
            u64 after = load_acquire(&version[f].floor) + 1;
            if (after - before < TARGETS && (got - before) % TARGETS > after - before)
                smp_forbidden("old code", f, got, before);
        }
}

static void patched_work(unsigned cpu, void *arg)
{
    unsigned writers = smp_count > 2 ? 2 : 1;
    enter();
    smp_wait_all(&barrier, smp_count);
    if (cpu < writers)
        patcher(cpu, writers);
    else
        caller(writers);
    smp_wait_all(&barrier, smp_count);
    leave();
}

static void patched(void)
{
    rounds = smp_rounds(1);
    stop = 0;
    enter();
    for (unsigned p = 0; p < PAGES; p++)
        for (unsigned n = 0; n < TARGETS; n++) {
            put(p * 0x1000 + TARGET + n * 8, 0xd2800000 | n << 5);
            put(p * 0x1000 + TARGET + n * 8 + 4, 0xd65f03c0);
        }
    sync_code(W, PAGES * 0x1000);
    for (unsigned f = 0; f < FUNCTIONS; f++)
        patch(f, 0, 3);
    leave();
    smp_run(smp_count, patched_work, NULL);
    print("patched: done\n");
}

// Whole bodies replaced while nobody runs them
// -----------------------------------------------------

static void replaced_work(unsigned cpu, void *arg)
{
    enter();
    for (u64 i = 0; i < rounds; i++) {
        u64 at = i % PAGES * 0x1000 + BODY;
        if (cpu == i % smp_count) {
            unsigned n = 0;
            put(at + 4 * n++, 0xd2800000 | (i & 0xff) << 5); // movz x0, #i
            while (n <= i % 7)
                put(at + 4 * n++, 0x91000400); // add x0, x0, #1
            put(at + 4 * n, 0xd65f03c0);
            for (unsigned k = 0; k <= n; k++)
                visible((i >> 3) % 4, at + 4 * k);
        }
        smp_wait_all(&barrier, smp_count);
        isb();
        u64 want = (i & 0xff) + i % 7, first = call(X1 + at), second = call(X2 + at);
        if (first != want || second != want)
            smp_forbidden("not the new body", first, second, want);
        smp_wait_all(&barrier, smp_count);
    }
    leave();
}

static void replaced(void)
{
    rounds = smp_rounds(16);
    smp_run(smp_count, replaced_work, NULL);
    print("replaced: done\n");
}

// A loop that ends when it is changed, after an interrupt
// --------------------------------------------

static volatile u64 interrupts;

void smp_irq(struct smp_cpu *cpu)
{
    u32 id = gic_take();
    if (id == 1)
        fetch_add(&interrupts, 1);
    gic_done(id);
}

static void looping_work(unsigned cpu, void *arg)
{
    enter();
    gic_start();
    for (u64 i = 0; i < rounds; i++) {
        if (cpu == 0) {
            put(LOOP, 0xd503201f);       // nop: becomes a branch behind the loop
            put(LOOP + 4, branch(4, 0)); // again
            put(LOOP + 8, 0xd65f03c0);   // ret
            for (unsigned k = 0; k < 3; k++)
                visible(i % 4, LOOP + 4 * k);
            interrupts = 0;
        }
        smp_wait_all(&barrier, smp_count);
        if (cpu) {
            isb();
            asm volatile("msr daifclr, #2");
            fetch_add(&loop_barrier.arrived, 1);
            sev();
            call((cpu & 1 ? X1 : X2) + LOOP);
            asm volatile("msr daifset, #2");
        } else {
            WAIT_UNTIL(load_acquire(&loop_barrier.arrived) == smp_count - 1);
            loop_barrier.arrived = 0;
            for (u64 n = i % 8 * 100; n; n--)
                yield();
            put(LOOP, branch(0, 8));
            visible(i % 4, LOOP);
            for (unsigned other = 1; other < smp_count; other++)
                gic_send(BIT(other), 1);
        }
        smp_wait_all(&barrier, smp_count);
    }
    leave();
}

static void looping(void)
{
    rounds = smp_rounds(16);
    smp_run(smp_count, looping_work, NULL);
    print("looping: done\n");
}

void program(void)
{
    smp_start();
    gic_begin();
    map();
    patched();
    replaced();
    looping();
}
