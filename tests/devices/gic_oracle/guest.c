// SPDX-License-Identifier: GPL-3.0-or-later
// The bare-metal side: loaded by -kernel as ELF, prints on the PL011, ends by PSCI SYSTEM_OFF.
#include "scenario.h"

__asm__(".section .text.start, \"ax\"\n"
        ".globl _start\n"
        "_start: ldr x0, =0x40400000\n"
        "mov sp, x0\n"
        "b guest_main\n"
        ".text\n");

uint64_t icc_read(enum icc reg)
{
    uint64_t v = 0;
    switch (reg) {
#define X(name, encoding)                                                                          \
    case ICC_##name:                                                                               \
        __asm__ volatile("mrs %0, " encoding : "=r"(v));                                           \
        break;
        ICC_REGISTERS(X)
#undef X
    }
    return v;
}

void icc_write(enum icc reg, uint64_t v)
{
    switch (reg) {
#define X(name, encoding)                                                                          \
    case ICC_##name:                                                                               \
        __asm__ volatile("msr " encoding ", %0" ::"r"(v));                                         \
        break;
        ICC_REGISTERS(X)
#undef X
    }
    __asm__ volatile("isb");
}

uint32_t read32(uint64_t gpa)
{
    return *(volatile uint32_t *)gpa;
}

void write32(uint64_t gpa, uint32_t value)
{
    *(volatile uint32_t *)gpa = value;
}

void write8(uint64_t gpa, uint8_t value)
{
    *(volatile uint8_t *)gpa = value;
}

unsigned levels(void)
{
    uint64_t isr;
    __asm__ volatile("isb\n\tmrs %0, isr_el1" : "=r"(isr));
    return isr >> 6 & 3;
}

static void put(char c)
{
    *(volatile uint32_t *)UINT64_C(0x9000000) = (uint8_t)c;
}

void print(const char *name, uint64_t value)
{
    while (*name)
        put(*name++);
    put(' ');
    for (int shift = 60; shift >= 0; shift -= 4)
        put("0123456789abcdef"[value >> shift & 15]);
    put('\n');
}

void guest_main(void);

void guest_main(void)
{
    scenario();
    __asm__ volatile("mov x0, %0\n\thvc #0" ::"r"(UINT64_C(0x84000008)) : "x0");
    for (;;)
        ;
}
