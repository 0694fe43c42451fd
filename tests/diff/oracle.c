// SPDX-License-Identifier: GPL-3.0-or-later
// The oracle: a static arm64 program for qemu-aarch64 that executes single instructions or short
// sequences.
//
//   oracle CASES RESULTS: reads struct diff_case after diff_case, writes as many struct diff_state.
//
// A routine loads the whole register file, runs the instructions, and stores the register file
// again. The instructions have a page of their own, which they can execute and read but not write;
// the routine lies in the next, the register file where no random address leads. While it runs,
// TPIDR_EL0 holds what X30 was, so nothing that uses thread-local storage may run in between; the
// signal handlers do not.
#include "diff_state.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define CODE    DIFF_CODE             // the page of the instructions
#define ROUTINE (DIFF_CODE + 0x10000) // the routine
#define MEM     0x3a5800000000u       // struct shared

struct shared {
    struct diff_state state;
    uint64_t host_sp, host_tpidr;
};

#define SHARED ((struct shared *)(uintptr_t)MEM)

// The routine, its end, and where its second half begins, which follows the instructions (the
// compiler may not subtract addresses of different objects).
extern const char routine[];
extern const uint64_t routine_after, routine_end;

#define STR2(x) #x
#define STR(x)  STR2(x)

// Offsets in struct diff_state, checked below.
#define OFF_V    256
#define OFF_NZCV 768
#define OFF_FPCR 776
#define OFF_FPSR 784
#define OFF_HOST 1320

_Static_assert(offsetof(struct diff_state, v) == OFF_V, "v");
_Static_assert(offsetof(struct diff_state, nzcv) == OFF_NZCV, "nzcv");
_Static_assert(offsetof(struct diff_state, fpcr) == OFF_FPCR, "fpcr");
_Static_assert(offsetof(struct diff_state, fpsr) == OFF_FPSR, "fpsr");
_Static_assert(offsetof(struct shared, host_sp) == OFF_HOST, "host_sp");

// clang-format off
// x30 is the state's address. Q registers by pairs: 32 bytes each.
#define Q_PAIRS(op)                                                                                \
    op " q0, q1, [x29]\n" op " q2, q3, [x29, #32]\n" op " q4, q5, [x29, #64]\n"                    \
    op " q6, q7, [x29, #96]\n" op " q8, q9, [x29, #128]\n" op " q10, q11, [x29, #160]\n"           \
    op " q12, q13, [x29, #192]\n" op " q14, q15, [x29, #224]\n" op " q16, q17, [x29, #256]\n"      \
    op " q18, q19, [x29, #288]\n" op " q20, q21, [x29, #320]\n" op " q22, q23, [x29, #352]\n"      \
    op " q24, q25, [x29, #384]\n" op " q26, q27, [x29, #416]\n" op " q28, q29, [x29, #448]\n"      \
    op " q30, q31, [x29, #480]\n"
#define X_PAIRS(op)                                                                                \
    op " x0, x1, [x30]\n" op " x2, x3, [x30, #16]\n" op " x4, x5, [x30, #32]\n"                    \
    op " x6, x7, [x30, #48]\n" op " x8, x9, [x30, #64]\n" op " x10, x11, [x30, #80]\n"             \
    op " x12, x13, [x30, #96]\n" op " x14, x15, [x30, #112]\n" op " x16, x17, [x30, #128]\n"       \
    op " x18, x19, [x30, #144]\n" op " x20, x21, [x30, #160]\n" op " x22, x23, [x30, #176]\n"      \
    op " x24, x25, [x30, #192]\n" op " x26, x27, [x30, #208]\n"

#define LOAD_MEM "movz x30, #0x3a58, lsl #32\n"

__asm__(
    ".section .rodata\n"
    ".globl routine, routine_after, routine_end\n"
    ".balign 8\n"
    "routine:\n"
    "stp x29, x30, [sp, #-16]!\n stp x27, x28, [sp, #-16]!\n stp x25, x26, [sp, #-16]!\n"
    "stp x23, x24, [sp, #-16]!\n stp x21, x22, [sp, #-16]!\n stp x19, x20, [sp, #-16]!\n"
    "stp d14, d15, [sp, #-16]!\n stp d12, d13, [sp, #-16]!\n stp d10, d11, [sp, #-16]!\n"
    "stp d8, d9, [sp, #-16]!\n"
    LOAD_MEM
    "mov x0, sp\n str x0, [x30, #" STR(OFF_HOST) "]\n"
    "mrs x0, tpidr_el0\n str x0, [x30, #" STR(OFF_HOST) " + 8]\n"
    "ldr x0, [x30, #248]\n mov sp, x0\n"
    "ldr x0, [x30, #" STR(OFF_NZCV) "]\n msr nzcv, x0\n"
    "ldr x0, [x30, #" STR(OFF_FPCR) "]\n msr fpcr, x0\n"
    "ldr x0, [x30, #" STR(OFF_FPSR) "]\n msr fpsr, x0\n"
    "add x29, x30, #" STR(OFF_V) "\n"
    Q_PAIRS("ldp")
    X_PAIRS("ldp")
    "ldp x28, x29, [x30, #224]\n ldr x30, [x30, #240]\n"
    "b . - (0x10000 - 0x200) - (. - routine)\n"
    "2:\n"
    "msr tpidr_el0, x30\n"
    LOAD_MEM
    X_PAIRS("stp")
    "stp x28, x29, [x30, #224]\n"
    "mrs x0, tpidr_el0\n str x0, [x30, #240]\n"
    "mov x0, sp\n str x0, [x30, #248]\n"
    "add x29, x30, #" STR(OFF_V) "\n"
    Q_PAIRS("stp")
    "mrs x0, nzcv\n str x0, [x30, #" STR(OFF_NZCV) "]\n"
    "mrs x0, fpcr\n str x0, [x30, #" STR(OFF_FPCR) "]\n"
    "mrs x0, fpsr\n str x0, [x30, #" STR(OFF_FPSR) "]\n"
    "msr fpcr, xzr\n"
    "ldr x0, [x30, #" STR(OFF_HOST) "]\n mov sp, x0\n"
    "ldr x0, [x30, #" STR(OFF_HOST) " + 8]\n msr tpidr_el0, x0\n"
    "ldp d8, d9, [sp], #16\n ldp d10, d11, [sp], #16\n"
    "ldp d12, d13, [sp], #16\n ldp d14, d15, [sp], #16\n"
    "ldp x19, x20, [sp], #16\n ldp x21, x22, [sp], #16\n ldp x23, x24, [sp], #16\n"
    "ldp x25, x26, [sp], #16\n ldp x27, x28, [sp], #16\n ldp x29, x30, [sp], #16\n"
    "ret\n"
    "3:\n"
    ".balign 8\n"
    "routine_after: .quad 2b - routine\n"
    "routine_end: .quad 3b - routine\n"
    ".text\n");
// clang-format on

static void on_signal(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;

    SHARED->state.status = sig == SIGILL                     ? DIFF_UNDEFINED
                           : sig == SIGSEGV || sig == SIGBUS ? DIFF_FAULT
                                                             : DIFF_OTHER;
    SHARED->state.at = (uc->uc_mcontext.pc - DIFF_PC) / 4;
    uc->uc_mcontext.pc = ROUTINE + routine_after;
}

static void *map(uintptr_t address, size_t size, int prot)
{
    void *p = mmap((void *)address, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    if (p != (void *)address) {
        perror("oracle: mmap");
        exit(2);
    }
    return p;
}

static void protect(uintptr_t address, int prot)
{
    if (mprotect((void *)address, 0x1000, prot)) {
        perror("oracle: mprotect");
        exit(2);
    }
}

static void set_up(void)
{
    static char stack[65536];
    stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    static const int signals[] = {SIGILL, SIGSEGV, SIGBUS, SIGTRAP, SIGFPE};

    sigaltstack(&ss, NULL);
    sigfillset(&sa.sa_mask);
    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaction(signals[i], &sa, NULL);
    map(CODE, 0x1000, PROT_READ | PROT_WRITE);
    map(MEM, 0x1000, PROT_READ | PROT_WRITE);
    map(DIFF_DATA, 0x1000, PROT_READ | PROT_WRITE);
    memcpy(map(ROUTINE, 0x1000, PROT_READ | PROT_WRITE), routine, routine_end);
    protect(ROUTINE, PROT_READ | PROT_EXEC);
}

// The instructions, no-ops behind them, and a branch to the routine's second half.
static void write_code(const struct diff_case *c)
{
    uint32_t *insn = (uint32_t *)(uintptr_t)DIFF_PC;

    protect(CODE, PROT_READ | PROT_WRITE);
    for (unsigned i = 0; i < DIFF_MAX_INSNS; i++)
        insn[i] = i < c->n ? c->insn[i] : 0xd503201f; // nop
    insn[DIFF_MAX_INSNS] =
        0x14000000 | (uint32_t)(ROUTINE + routine_after - (uintptr_t)&insn[DIFF_MAX_INSNS]) / 4;
    __builtin___clear_cache((char *)insn, (char *)(insn + DIFF_MAX_INSNS + 1));
    protect(CODE, PROT_READ | PROT_EXEC);
}

int main(int argc, char **argv)
{
    FILE *in = argc == 3 ? fopen(argv[1], "rb") : NULL, *out = in ? fopen(argv[2], "wb") : NULL;
    static struct diff_case c;

    if (!out) {
        fprintf(stderr, "usage: oracle CASES RESULTS\n");
        return 2;
    }
    alarm(200); // whatever a case did, the test ends
    set_up();
    while (fread(&c, sizeof(c), 1, in) == 1) {
        write_code(&c);
        memset((void *)(uintptr_t)DIFF_DATA, 0, 4096);
        memcpy((void *)(uintptr_t)DIFF_DATA, c.in.mem, DIFF_MEM_SIZE);
        SHARED->state = c.in;
        SHARED->state.status = DIFF_RAN;
        SHARED->state.at = c.n;
        ((void (*)(void))(uintptr_t)ROUTINE)();
        memcpy(SHARED->state.mem, (void *)(uintptr_t)DIFF_DATA, DIFF_MEM_SIZE);
        SHARED->state.nzcv &= 0xf0000000u;
        if (fwrite(&SHARED->state, sizeof(struct diff_state), 1, out) != 1)
            return 2;
    }
    return fclose(out) ? 2 : 0;
}
