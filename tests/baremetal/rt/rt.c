// SPDX-License-Identifier: GPL-3.0-or-later
// Text, running single instructions, and the base mapping.
#include "rt.h"

#define SLOT_SIZE 64u // of the pages that run() fills

struct exc exc;

_Static_assert(offsetof(struct exc, taken) == EXC_TAKEN, "");
_Static_assert(offsetof(struct exc, vector) == EXC_VECTOR, "");
_Static_assert(offsetof(struct exc, esr) == EXC_ESR, "");
_Static_assert(offsetof(struct exc, sp_el0) == EXC_SP_EL0, "");
_Static_assert(offsetof(struct exc, pstate) == EXC_PSTATE, "");
_Static_assert(offsetof(struct exc, guard) == EXC_GUARD, "");
_Static_assert(offsetof(struct exc, in_spsr) == EXC_IN_SPSR, "");
_Static_assert(offsetof(struct exc, in_sp) == EXC_IN_SP, "");
_Static_assert(offsetof(struct exc, x) == EXC_X, "");

u64 alias(void)
{
    u64 pc;
    asm volatile("adr %0, ." : "=r"(pc));
    return pc & RT_HIGH;
}

// The compiler may ask for these.
void *memset(void *to, int c, size_t n)
{
    volatile u8 *p = to;
    while (n--)
        *p++ = (u8)c;
    return to;
}

void *memcpy(void *to, const void *from, size_t n)
{
    volatile u8 *p = to;
    const u8 *q = from;
    while (n--)
        *p++ = *q++;
    return to;
}

// Text -------------------------------------------------------------------------------------------

// The line being written. Kept until it is complete, so that a correction can come before it.
static char line[2048];
static unsigned length, begun;
static bool correction;

static void put(char c)
{
    volatile u32 *uart = phys(UART);
    if (length < sizeof line)
        line[length++] = c;
    if (c != '\n')
        return;
    if (correction)
        *uart = '!';
    for (unsigned n = 0; n < length; n++)
        *uart = (u8)line[n];
    length = correction ? begun : 0;
    correction = false;
}

void arm_begins(void)
{
    begun = length;
    correction = true;
}

static void put_number(u64 v, unsigned base)
{
    char text[24];
    unsigned n = 0;
    do {
        text[n++] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v);
    while (n)
        put(text[--n]);
}

void print_(const char *f, u64 a, u64 b, u64 c, u64 d, u64 e, u64 g, u64 h, u64 i)
{
    u64 arg[8] = {a, b, c, d, e, g, h, i};
    unsigned n = 0;
    for (; *f; f++) {
        if (*f != '%') {
            put(*f);
            continue;
        }
        u64 v = arg[n++];
        switch (*++f) {
        case 'x':
            put_number(v, 16);
            break;
        case 'd':
            put_number(v, 10);
            break;
        case 'c':
            put((char)v);
            break;
        default:
            for (const char *s = (const char *)v; *s; s++)
                put(*s);
        }
    }
}

void arm_says(const char *text)
{
    arm_begins();
    print("%s\n", text);
}

void power_off(void)
{
    register u64 x0 asm("x0") = 0x84000008;
    asm volatile("hvc #0" : "+r"(x0)::"x1", "x2", "x3", "memory");
    for (;;)
        ;
}

_Noreturn void rt_main(void);
void rt_main(void)
{
    program();
    print("end\n");
    power_off();
}

_Noreturn void rt_unexpected(void);
void rt_unexpected(void)
{
    print("unexpected exception: vector %d esr %x far %x elr %x spsr %x\n", exc.vector, exc.esr,
          exc.far, exc.elr, exc.spsr);
    power_off();
}

__attribute__((weak)) void irq_handler(u64 vector, u64 *frame)
{
    exception_unwind(vector);
}

// Addresses of the program itself differ from build to build; these are stable.
static void put_address(u64 va)
{
    u64 p = va & ~RT_HIGH, code0 = phys_of(el0_code), code1 = phys_of(el1_code_page),
        data = phys_of(el0_page);
    if (p - code0 < 4096 || p - code1 < 4096)
        print("code+%x", p & (SLOT_SIZE - 1));
    else if (p - data < 8192)
        print("data+%x", p - data);
    else if (p >= 0x40200000 && p < 0x40400000)
        print("image");
    else
        print("%x", va);
}

static bool far_is_valid(unsigned ec)
{
    return ec == 0x20 || ec == 0x21 || ec == 0x22 || ec == 0x24 || ec == 0x25 || ec == 0x34 ||
           ec == 0x35;
}

static void put_report(const char *name, u64 esr)
{
    print("%s: ", name);
    unsigned ec = esr >> 26 & 0x3f;
    print("vector %d ec %x il %d iss %x elr ", exc.vector, ec, esr >> 25 & 1, esr & 0x1ffffff);
    put_address(exc.elr);
    // Without flags, and without BTYPE, which armlet's CPU does not have.
    print(" spsr %x", exc.spsr & 0x0ffff3ff);
    if (far_is_valid(ec)) {
        print(" far ");
        put_address(exc.far);
    }
    print("\n");
}

void report(const char *name)
{
    if (exc.taken)
        put_report(name, exc.esr);
    else
        print("%s: no exception\n", name);
}

void report_esr(const char *name, u64 esr)
{
    if (exc.taken && exc.esr != esr) {
        arm_begins();
        put_report(name, esr);
    }
    report(name);
}

u64 report_spsr;

void report_as(const char *name, unsigned el, u64 esr, u64 elr, u64 far)
{
    struct exc was = exc;
    exc.vector = el ? 4 : 8;
    exc.esr = esr;
    exc.elr = elr < SLOT_SIZE ? code_page(el) + elr : elr;
    exc.far = far;
    exc.spsr = report_spsr ? report_spsr : el ? 0x3c5 : 0x3c0;
    report_spsr = 0;
    exc.taken = 1;
    arm_begins();
    put_report(name, esr);
    exc = was;
    report(name);
}

void report_none(const char *name)
{
    arm_begins();
    print("%s: no exception\n", name);
    report(name);
}

// Running instructions ---------------------------------------------------------------------------

void sync_code(u64 va, u64 size)
{
    for (u64 p = va & ~63ull; p < va + size; p += 64)
        asm volatile("dc cvau, %0" ::"r"(p) : "memory");
    dsb();
    for (u64 p = va & ~63ull; p < va + size; p += 64)
        asm volatile("ic ivau, %0" ::"r"(p) : "memory");
    dsb();
    isb();
}

u64 code_page(unsigned el)
{
    return el ? (u64)el1_code_page : (u64)el0_code;
}

#define SVC_END (0xd4000001u | 0x7fffu << 5)

// Code stays in its slot until the slot is needed, so that running it again changes nothing.
static struct slots {
    u32 insns[4096 / SLOT_SIZE][SLOT_SIZE / 4];
    unsigned next;
} slots[2];

static unsigned slot_of(unsigned el, const u32 *insns)
{
    struct slots *s = &slots[el];
    for (unsigned n = 0; n < ARRAY_SIZE(s->insns); n++) {
        unsigned i = 0;
        while (i < SLOT_SIZE / 4 && s->insns[n][i] == insns[i])
            i++;
        if (i == SLOT_SIZE / 4)
            return n;
    }
    unsigned n = s->next++ % ARRAY_SIZE(s->insns);
    u64 page = code_page(el) + n * SLOT_SIZE;
    volatile u32 *to = (volatile u32 *)(page + RW_ALIAS);
    for (unsigned i = 0; i < SLOT_SIZE / 4; i++)
        to[i] = s->insns[n][i] = insns[i];
    sync_code(page, SLOT_SIZE);
    return n;
}

u64 code_at(unsigned el, const u32 *insns, unsigned n)
{
    u32 slot[SLOT_SIZE / 4] = {0};
    for (unsigned i = 0; i < n; i++)
        slot[i] = insns[i];
    slot[n] = el ? 0xd65f03c0 : SVC_END;
    return code_page(el) + slot_of(el, slot) * SLOT_SIZE;
}

bool run_n(unsigned el, const u32 *insns, unsigned n, u64 x0, u64 x1, u64 x2, u64 x3)
{
    u64 pc = code_at(el, insns, n);
    return el ? guarded(pc, x0, x1, x2, x3, 0, 0, 0) : enter_el0(pc, x0, x1, x2, x3);
}

bool enter_el0(u64 pc, u64 x0, u64 x1, u64 x2, u64 x3)
{
    exc.in_spsr = 0x3c0;
    exc.in_sp = (u64)el0_stack_top;
    entered(pc, x0, x1, x2, x3, 0, 0, 0);
    if (exc.esr == (0x15u << 26 | BIT(25) | 0x7fff))
        exc.taken = 0;
    return exc.taken;
}

bool run(unsigned el, u32 insn, u64 x0, u64 x1, u64 x2, u64 x3)
{
    return run_n(el, &insn, 1, x0, x1, x2, x3);
}

bool run2(unsigned el, u32 insn, u32 insn2, u64 x0, u64 x1, u64 x2, u64 x3)
{
    u32 insns[2] = {insn, insn2};
    return run_n(el, insns, 2, x0, x1, x2, x3);
}

// The base mapping -------------------------------------------------------------------------------

static u64 l0[512] __attribute__((aligned(4096)));
static u64 l1[512] __attribute__((aligned(4096)));
static u64 ram[512] __attribute__((aligned(4096)));
static u64 image[512] __attribute__((aligned(4096)));

extern u8 el0_text[], el0_text_end[], el1_code[], el1_code_end[], el0_data[], el0_data_end[];

#define NORMAL BIT(2)      // MAIR index 1
#define DEVICE (3ull << 2) // MAIR index 3
#define AF     BIT(10)
#define INNER  (3ull << 8)
#define USER   BIT(6)
#define RO     BIT(7)
#define PXN    BIT(53)
#define UXN    BIT(54)

static u64 image_attr(u64 pa)
{
    if (pa >= (u64)el0_text && pa < (u64)el0_text_end)
        return USER | RO | PXN;
    if (pa >= (u64)el1_code && pa < (u64)el1_code_end)
        return RO | UXN; // written through RW_ALIAS
    if (pa < (u64)el0_text)
        return RO | UXN;
    if (pa >= (u64)el0_data && pa < (u64)el0_data_end)
        return USER | UXN | PXN;
    return UXN | PXN;
}

// Runs with the MMU off, so addresses are physical.
u64 rt_tables(void)
{
    l0[0] = (u64)l1 | 3;
    l1[0] = DEVICE | AF | UXN | PXN | 1;
    l1[1] = (u64)ram | 3;
    l1[17] = 0x40000000 | NORMAL | INNER | AF | UXN | PXN | 1;
    for (u64 n = 0; n < 128; n++)
        ram[n] = (0x40000000 + (n << 21)) | NORMAL | INNER | AF | UXN | PXN | 1;
    ram[1] = (u64)image | 3;
    for (u64 n = 0; n < 512; n++) {
        u64 pa = 0x40200000 + (n << 12);
        image[n] = pa | NORMAL | INNER | AF | image_attr(pa) | 3;
    }
    return (u64)l0;
}
