// SPDX-License-Identifier: GPL-3.0-or-later
// Kernels of what only a whole system does: exceptions, devices, the MMU, changing code.
#include "bench.h"

// SVC from EL0 to EL1 and back by ERET, the shape of a system call.
void bench_exceptions_setup(void) {}

u64 bench_exceptions(void)
{
    return run_user(USER, 20000);
}

// Device registers: the UART's part number, and a divisor written and read back.
void bench_mmio_setup(void) {}

u64 bench_mmio(void)
{
    volatile u32 *uart = (volatile u32 *)UART;
    u64 sum = 0;
    for (u32 i = 0; i < 20000; i++) {
        uart[0x28 / 4] = i & 63;
        sum = MIX(sum, uart[0x28 / 4] + (uart[(0xfe0 + i % 2 * 4) / 4] << 8));
    }
    return sum;
}

// More pages than a TLB holds, in an order without a stride: a walk of the tables an access.
void bench_tlb_miss_setup(void)
{
    for (u32 i = 0; i < sizeof few_pages; i += 8)
        *(u64 *)(few_pages + i) = i;
}

u64 bench_tlb_miss(void)
{
    u64 sum = 0;
    for (u32 i = 0, page = 0; i < 4 * MANY_PAGES; i++) {
        page = (page * 5 + 1) % MANY_PAGES; // all of them, each once in MANY_PAGES steps
        sum += *(const volatile u64 *)(MANY + page * 4096ul + i % 512 * 8);
    }
    return sum;
}

// A function is written, made known to the instruction side, and called.
static u32 code[1024] __attribute__((aligned(4096)));

void bench_self_modifying_setup(void) {}

u64 bench_self_modifying(void)
{
    u64 (*function)(u64) = (u64(*)(u64))code;
    u64 v = 1;
    for (u32 i = 0; i < 2000; i++) {
        code[0] = 0xd2800001 | (i & 0xffff) << 5; // mov x1, #i
        code[1] = 0x8b010000;                     // add x0, x0, x1
        code[2] = 0xd65f03c0;                     // ret
        __asm__ volatile("dc cvau, %0; dsb ish; ic ivau, %0; dsb ish; isb"
                         :
                         : "r"(code)
                         : "memory");
        v = function(v) * 3;
    }
    return v;
}
