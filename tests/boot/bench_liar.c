// SPDX-License-Identifier: GPL-3.0-or-later
// A bench guest whose result is another one each time: `armlet bench` has to notice.
#include <stdint.h>

#define UART (*(volatile uint32_t *)0x09000000)

static void put(const char *s)
{
    for (; *s; s++)
        UART = (uint8_t)*s;
}

_Noreturn void _start(void)
{
    uint64_t now;
    __asm__ volatile("mrs %0, cntpct_el0" : "=r"(now));
    put("bench 64\n> liar\n= liar 1 1 1 ");
    for (int n = 60; n >= 0; n -= 4)
        UART = (uint8_t) "0123456789abcdef"[now >> n & 15];
    put("\n");
    for (;;) {
        register uint64_t function __asm__("x0") = 0x84000008;
        __asm__ volatile("hvc #0" : : "r"(function) : "memory");
    }
}
