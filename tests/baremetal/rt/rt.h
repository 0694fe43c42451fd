// SPDX-License-Identifier: GPL-3.0-or-later
// The runtime that every bare-metal program shares.
//
// A program defines rt_main's body, program(): it runs at EL1h with interrupts masked, in the high
// alias of an identity mapping that both TTBR0 and TTBR1 hold (RT_HIGH + physical address), so that
// either half of the address space can be taken away for a test. It prints what happened; the same
// program runs under QEMU, and the texts must be equal.
#ifndef BAREMETAL_RT_H
#define BAREMETAL_RT_H

#include "layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// No GOT: its entries would be absolute addresses.
#pragma GCC visibility push(hidden)

typedef uint64_t u64;
typedef uint32_t u32;
typedef uint16_t u16;
typedef uint8_t u8;

#define ARRAY_SIZE(a) (sizeof(a) / sizeof(a)[0])
#define BIT(n)        (1ull << (n))

// What the last guarded() or entered() ended with.
struct exc {
    u64 taken; // 0: the code returned; x[0..7] are its registers
    u64 vector;
    u64 esr, far, elr, spsr, sp_el0;
    u64 pstate; // at the vector: PAN, UAO, DIT, SSBS, DAIF, CurrentEL, SPSel in their SPSR places
    u64 guard;
    u64 in_spsr, in_sp; // what entered() uses
    u64 reserved;
    u64 x[31];
};
extern struct exc exc;

// What crt.S found at its start, in its order.
extern u64 reset_value[16];

void program(void);

// Text. print(): %x hex without leading zeros, %d decimal, %s string, %c character; all arguments
// are 64 bits wide.
void print_(const char *format, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f, u64 g, u64 h);
#define PRINT_(f, a, b, c, d, e, g, h, i, ...)                                                     \
    print_(f, (u64)(a), (u64)(b), (u64)(c), (u64)(d), (u64)(e), (u64)(g), (u64)(h), (u64)(i))
#define print(...) PRINT_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0, 0, 0)
// The line is to end with `text` whatever QEMU says: it is wrong, and a comment beside the call
// says why. What has been printed of the line already stays.
void arm_says(const char *text);
void arm_begins(void); // the same; the text is what is printed up to the end of the line
_Noreturn void power_off(void);

// Running code that may take an exception. True: it did. guarded() calls a function at EL1,
// entered() goes by ERET.
bool guarded(u64 pc, u64 x0, u64 x1, u64 x2, u64 x3, u64 x4, u64 x5, u64 x6);
bool entered(u64 pc, u64 x0, u64 x1, u64 x2, u64 x3, u64 x4, u64 x5, u64 x6);
u64 rt_in_low(u64 (*fn)(u64), u64 arg);
void irq_handler(u64 vector, u64 *frame); // frame: x0-x18, x30, ELR, SPSR
_Noreturn void exception_unwind(u64 vector);

// One instruction (or a few) in a page of its own, at EL1 (SP = own stack) or EL0, x0-x3 as given.
// It ends with RET or SVC #0x7fff; exc.taken is 0 if that was reached.
#define EL0 0
#define EL1 1
bool run(unsigned el, u32 insn, u64 x0, u64 x1, u64 x2, u64 x3);
bool run2(unsigned el, u32 insn, u32 insn2, u64 x0, u64 x1, u64 x2, u64 x3);
bool run_n(unsigned el, const u32 *insns, unsigned n, u64 x0, u64 x1, u64 x2, u64 x3);
u64 code_page(unsigned el); // where that code stands
u64 code_at(unsigned el, const u32 *insns, unsigned n);
bool enter_el0(u64 pc, u64 x0, u64 x1, u64 x2, u64 x3); // at EL0, ended as above
// The encoding of an instruction given as text.
#define INSN(text)                                                                                 \
    ({                                                                                             \
        u32 insn_;                                                                                 \
        asm(".arch armv8.5-a+crypto+sve\n ldr %w0, 1f\n b 2f\n1: " text "\n2:" : "=r"(insn_));     \
        insn_;                                                                                     \
    })
static inline u32 insn_mrs(unsigned op0, unsigned op1, unsigned crn, unsigned crm, unsigned op2,
                           unsigned rt)
{
    return 0xd5200000 | op0 << 19 | op1 << 16 | crn << 12 | crm << 8 | op2 << 5 | rt;
}
static inline u32 insn_msr(unsigned op0, unsigned op1, unsigned crn, unsigned crm, unsigned op2,
                           unsigned rt)
{
    return insn_mrs(op0, op1, crn, crm, op2, rt) & ~(1u << 21);
}

// "name: " and what happened, one line.
void report(const char *name);
// The same where QEMU is wrong: the syndrome is to be this; the exception is to be this one, taken
// from `el` in run()'s code or from there; or there is to be none.
void report_esr(const char *name, u64 esr);
void report_as(const char *name, unsigned el, u64 esr, u64 elr, u64 far);
extern u64 report_spsr; // SPSR for the next report_as(); 0: as run() has it
void report_none(const char *name);
#define ESR(ec, iss) ((u64)(ec) << 26 | BIT(25) | (iss))

// Memory. The free RAM from ARENA on belongs to the program.
#define ARENA     0x42000000ull
#define ARENA_END 0x48000000ull
#define UART      0x09000000ull
#define RW_ALIAS  0x400000000ull // all RAM again, writable, never executable
u64 alias(void);                 // RT_HIGH or 0: where this code runs
static inline void *phys(u64 pa)
{
    return (void *)(alias() + pa);
}
static inline u64 phys_of(const void *p)
{
    return (u64)p & ~RT_HIGH;
}
u64 rt_tables(void);

#define mrs(reg)                                                                                   \
    ({                                                                                             \
        u64 v_;                                                                                    \
        asm volatile("mrs %0, " #reg : "=r"(v_)::"memory");                                        \
        v_;                                                                                        \
    })
#define msr(reg, value) asm volatile("msr " #reg ", %x0" ::"rZ"((u64)(value)) : "memory")
#define isb()           asm volatile("isb" ::: "memory")
#define dsb()           asm volatile("dsb sy" ::: "memory")
#define tlbi_all()      asm volatile("dsb sy\n tlbi vmalle1\n dsb sy\n isb" ::: "memory")
void sync_code(u64 va, u64 size);

extern u8 el0_code[4096], el1_code_page[4096], el0_page[8192], el0_stack_top[];

#endif
