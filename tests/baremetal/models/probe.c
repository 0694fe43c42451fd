// SPDX-License-Identifier: GPL-3.0-or-later
// Prints the identification registers, a line "op0 op1 CRn CRm op2 value" each, and powers off.
// Stands alone: it runs on every CPU model, also those without what the runtime in rt/ uses.
typedef unsigned long u64;

static void put(char c)
{
    *(volatile unsigned *)0x09000000 = (unsigned char)c;
}

static void hex(u64 v)
{
    for (int bit = 60; bit >= 0; bit -= 4)
        put("0123456789abcdef"[v >> bit & 15]);
    put('\n');
}

static void text(const char *s)
{
    while (*s)
        put(*s++);
}

#define SHOW(op0, op1, crn, crm, op2)                                                              \
    do {                                                                                           \
        u64 v;                                                                                     \
        asm volatile("mrs %0, S" #op0 "_" #op1 "_C" #crn "_C" #crm "_" #op2 : "=r"(v));            \
        text("s" #op0 "_" #op1 "_c" #crn "_c" #crm "_" #op2 " ");                                  \
        hex(v);                                                                                    \
    } while (0)
#define SHOW8(crm)                                                                                 \
    do {                                                                                           \
        SHOW(3, 0, 0, crm, 0);                                                                     \
        SHOW(3, 0, 0, crm, 1);                                                                     \
        SHOW(3, 0, 0, crm, 2);                                                                     \
        SHOW(3, 0, 0, crm, 3);                                                                     \
        SHOW(3, 0, 0, crm, 4);                                                                     \
        SHOW(3, 0, 0, crm, 5);                                                                     \
        SHOW(3, 0, 0, crm, 6);                                                                     \
        SHOW(3, 0, 0, crm, 7);                                                                     \
    } while (0)

void probe(void);
void probe(void)
{
    SHOW(3, 0, 0, 0, 0); // MIDR
    SHOW(3, 0, 0, 0, 5); // MPIDR
    SHOW(3, 0, 0, 0, 6); // REVIDR
    SHOW8(4);
    SHOW8(5);
    SHOW8(6);
    SHOW8(7);
    SHOW(3, 1, 0, 0, 1); // CLIDR
    SHOW(3, 1, 0, 0, 7); // AIDR
    SHOW(3, 3, 0, 0, 1); // CTR
    SHOW(3, 3, 0, 0, 7); // DCZID
    for (u64 n = 0; n < 6; n++) {
        asm volatile("msr csselr_el1, %0\n isb" ::"r"(n));
        SHOW(3, 1, 0, 0, 0); // CCSIDR
    }
    text("end\n");
    asm volatile("ldr x0, =0x84000008\n hvc #0" ::: "x0", "memory");
}

asm(".global _start\n"
    "_start: ldr x0, =0x40400000\n"
    "mov sp, x0\n"
    "bl probe\n"
    "b .");
