// SPDX-License-Identifier: GPL-3.0-or-later
// What the debugger's tests debug: does what `command` says, for ever. The test writes the number
// (and `argument`) through the debugger; `done` counts the commands that are complete.
#include "gic.h"
#include "tables.h"

enum {
    HOT = 1,    // `argument` rounds of a loop with calls
    WRITE,      // a store of each size to the bytes of `bytes`
    READ,       // loads, of each size
    PAIRS,      // pairs, atomics, exclusives, DC ZVA, across a page
    WAIT,       // WFI until `argument` is 0
    SPIN,       // a loop of one instruction
    MODULE,     // copies a function to a page of its own, and calls it
    USER,       // a system call from EL0
    TICK,       // a loop while a timer ticks
    OFF, RESET,
    START,      // starts the CPUs 1 to `argument`; they do what `orders` says
    SHARE,      // calls shared() until `argument` is 0
};

// What CPU n does until orders[n] changes; progress[n] counts.
enum { COUNT, SLEEP, CALL, CALL_SHARED, STORE };
#define MAX_CPUS 24
volatile u64 orders[MAX_CPUS], progress[MAX_CPUS], stored;

volatile u64 command, argument, done, counter, ticks;
volatile u8 bytes[64] __attribute__((aligned(64)));
volatile u8 crossing[8192] __attribute__((aligned(4096)));

#define NOINLINE __attribute__((noinline, noclone))

NOINLINE u64 leaf(u64 a)
{
    asm volatile("");
    return a * 3 + 1;
}

NOINLINE u64 middle(u64 a)
{
    u64 local = leaf(a);
    return local + leaf(a + 1);
}

NOINLINE void hot(u64 rounds)
{
    for (u64 n = 0; n < rounds; n++)
        counter += middle(n) & 1;
}

NOINLINE void write_bytes(void)
{
    u64 at = (u64)bytes;
    asm volatile(".global store8\nstore8: strb %w0, [%1]\n"
                 ".global store16\nstore16: strh %w0, [%1, #2]\n"
                 ".global store32\nstore32: str %w0, [%1, #4]\n"
                 ".global store64\nstore64: str %0, [%1, #8]\n"
                 ".global after_stores\nafter_stores: nop\n"
                 ::"r"(0x1122334455667788ull), "r"(at) : "memory");
}

NOINLINE u64 read_bytes(void)
{
    u64 at = (u64)bytes, sum, t;
    asm volatile(".global load8\nload8: ldrb %w0, [%2]\n"
                 ".global load16\nload16: ldrh %w1, [%2, #2]\n add %0, %0, %1\n"
                 ".global load32\nload32: ldr %w1, [%2, #4]\n add %0, %0, %1\n"
                 ".global load64\nload64: ldr %1, [%2, #8]\n add %0, %0, %1\n"
                 : "=&r"(sum), "=&r"(t) : "r"(at) : "memory");
    return sum;
}

NOINLINE void pairs(void)
{
    u64 at = (u64)bytes, edge = (u64)crossing + 4092;
    asm volatile(".arch armv8.5-a\n"
                 ".global store_pair\nstore_pair: stp %0, %0, [%1, #16]\n"
                 ".global load_pair\nload_pair: ldp x9, x10, [%1, #16]\n"
                 ".global atomic_add\natomic_add: ldadd %0, x9, [%3]\n"
                 "1:\n"
                 ".global exclusive_load\nexclusive_load: ldxr x9, [%1, #0]\n"
                 ".global exclusive_store\nexclusive_store: stxr w10, x9, [%1]\n"
                 " cbnz w10, 1b\n"
                 ".global zero_block\nzero_block: dc zva, %1\n"
                 ".global cross\ncross: str %0, [%2]\n"
                 ".global after_pairs\nafter_pairs: nop\n"
                 ::"r"(0x0102030405060708ull), "r"(at), "r"(edge), "r"(at + 32) : "x9", "x10", "memory");
}

NOINLINE void wait(void)
{
    while (argument)
        asm volatile(".global the_wfi\nthe_wfi: wfi" ::: "memory");
}

NOINLINE void spin(void)
{
    asm volatile(".global the_spin\nthe_spin: b the_spin\n.global past_spin\npast_spin: nop" ::: "memory");
}

// mov x0, #N; ret
NOINLINE void module(void)
{
    u64 page = (u64)el1_code_page;
    volatile u32 *to = (volatile u32 *)(page + RW_ALIAS);
    to[0] = 0xd2800000 | (u32)argument << 5;
    to[1] = 0xd65f03c0;
    sync_code(page, 8);
    u64 (*fn)(void) = (u64(*)(void))page;
    counter = fn();
}

void irq_handler(u64 vector, u64 *frame)
{
    u64 intid = mrs(icc_iar1_el1);
    ticks++;
    msr(cntv_tval_el0, 100);
    msr(icc_eoir1_el1, intid);
    isb();
}

NOINLINE void tick(void)
{
    gic_reset();
    gic_set(ISENABLER, 27);
    msr(cntv_tval_el0, 100);
    msr(cntv_ctl_el0, 1);
    isb();
    asm volatile("msr daifclr, #2" ::: "memory");
    for (u64 n = 0; n < argument; n++)
        asm volatile(".global in_tick\nin_tick: add x9, x9, #1\n add x9, x9, #2\n add x9, x9, #3\n"
                     " add x9, x9, #4\n add x9, x9, #5\n add x9, x9, #6\n" ::: "x9");
    asm volatile("msr daifset, #2" ::: "memory");
    msr(cntv_ctl_el0, 0);
}

NOINLINE void ready(void)
{
    asm volatile("");
}

// On every CPU, and on those after the first.
NOINLINE void shared(void)
{
    asm volatile("");
}

NOINLINE void second(u64 index)
{
    asm volatile("" ::"r"(index));
}

NOINLINE void share(void)
{
    while (argument) {
        shared();
        progress[0]++;
    }
}

static void obey(u64 index)
{
    switch (orders[index]) {
    case SLEEP: asm volatile("wfi" ::: "memory"); break;
    case CALL: second(index); break;
    case CALL_SHARED: shared(); break;
    case STORE: asm volatile(".global the_store\nthe_store: str %0, [%1]" ::"r"(index), "r"(&stored) : "memory"); break;
    }
    progress[index]++;
}

NOINLINE _Noreturn void other_cpu(u64 index)
{
    for (;;)
        obey(index);
}

// What a CPU is given when it starts: x0 is the physical address of one, the MMU is off.
struct start {
    u64 ttbr0, ttbr1, tcr, mair, vbar, cpacr, sctlr, sp, pc, index;
};
static struct start starts[MAX_CPUS];
static u8 stacks[MAX_CPUS][4096] __attribute__((aligned(16)));

asm(".pushsection .text\n"
    "start_cpu:\n"
    " ldp x1, x2, [x0]\n msr ttbr0_el1, x1\n msr ttbr1_el1, x2\n"
    " ldp x1, x2, [x0, #16]\n msr tcr_el1, x1\n msr mair_el1, x2\n"
    " ldp x1, x2, [x0, #32]\n msr vbar_el1, x1\n msr cpacr_el1, x2\n"
    " ldp x1, x2, [x0, #48]\n ldp x3, x0, [x0, #64]\n"
    " msr spsel, #1\n mov sp, x2\n mov x29, xzr\n mov x30, xzr\n"
    " tlbi vmalle1\n dsb sy\n isb\n msr sctlr_el1, x1\n isb\n br x3\n"
    ".popsection");

NOINLINE void start_cpus(u64 last)
{
    extern u32 start_cpu[];
    for (u64 n = 1; n <= last && n < MAX_CPUS; n++) {
        starts[n] = (struct start){ mrs(ttbr0_el1), mrs(ttbr1_el1), mrs(tcr_el1), mrs(mair_el1), mrs(vbar_el1), mrs(cpacr_el1),
                                    mrs(sctlr_el1), (u64)stacks[n] + sizeof stacks[n], (u64)other_cpu, n };
        register u64 x0 asm("x0") = 0xc4000003; // CPU_ON
        register u64 x1 asm("x1") = n / 16 << 8 | n % 16; // as MPIDR_EL1 has it
        register u64 x2 asm("x2") = phys_of(start_cpu);
        register u64 x3 asm("x3") = phys_of(&starts[n]);
        dsb();
        asm volatile("hvc #0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x3) : "memory");
        counter = x0;
    }
}

static void reset(void)
{
    register u64 x0 asm("x0") = 0x84000009;
    asm volatile("hvc #0" : "+r"(x0)::"memory");
}

static void act(u64 what)
{
    switch (what) {
    case HOT: hot(argument); break;
    case WRITE: write_bytes(); break;
    case READ: counter = read_bytes(); break;
    case PAIRS: pairs(); break;
    case WAIT: wait(); break;
    case SPIN: spin(); break;
    case MODULE: module(); break;
    case USER: run(EL0, INSN("svc #0x7ffe"), argument, 0, 0, 0); break;
    case TICK: tick(); break;
    case OFF: power_off();
    case RESET: reset(); break;
    case START: start_cpus(argument); break;
    case SHARE: share(); break;
    }
}

void program(void)
{
    ready();
    for (;;) {
        while (!command)
            ;
        u64 what = command;
        command = 0;
        act(what);
        done++;
    }
}
