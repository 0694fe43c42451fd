// SPDX-License-Identifier: GPL-3.0-or-later
// Semihosting for AArch64 (Arm's Semihosting specification, 2.0): HLT #0xF000 with the operation in
// W0 and its parameter, mostly the address of a block of 64-bit words, in X1; the result goes to
// X0. What a program needs to print and to end is here; files other than the console (":tt") do
// not open.
#include "frontend/cpu.h"
#include "jit/tlb.h"

#include <inttypes.h>
#include <string.h>

enum operation {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITEC = 0x03,
    SYS_WRITE0 = 0x04,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_READC = 0x07,
    SYS_ISERROR = 0x08,
    SYS_ISTTY = 0x09,
    SYS_CLOCK = 0x10,
    SYS_ERRNO = 0x13,
    SYS_EXIT = 0x18,
    SYS_EXIT_EXTENDED = 0x20,
};

enum {
    ADP_STOPPED_APPLICATION_EXIT = 0x20026,
    CONSOLE = 1, // the handle of ":tt"
    PIECE = 256, // bytes that are copied at a time
    MOST = 1 << 20,
    COUNTS_A_CENTISECOND = 625000, // of the 62.5 MHz counter
    ERRNO_NOENT = 2,
};

static bool read_guest(struct a64_cpu *cpu, gva_t va, void *to, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (!mem_load(&cpu->v, va + i, 1, 0, (uint8_t *)to + i))
            return false;
    return true;
}

// The n-th word of the parameter block.
static bool parameter(struct a64_cpu *cpu, unsigned n, uint64_t *value)
{
    return read_guest(cpu, cpu->v.r[A64_X0 + 1] + 8 * n, value, sizeof *value);
}

static void say(struct a64_cpu *cpu, const char *data, size_t len)
{
    cpu->board->semihost_write(cpu->board->opaque, data, len);
}

// Writes `len` bytes, or up to a zero byte. Returns how many could not be.
static uint64_t write_text(struct a64_cpu *cpu, gva_t va, uint64_t len, bool to_zero)
{
    char piece[PIECE];
    unsigned n = 0;
    uint64_t done = 0;
    for (; done < len && done < MOST; done++) {
        if (!read_guest(cpu, va + done, &piece[n], 1) || (to_zero && !piece[n]))
            break;
        if (++n == sizeof piece) {
            say(cpu, piece, n);
            n = 0;
        }
    }
    say(cpu, piece, n);
    return len - done;
}

// A name and its length; only the console opens.
static int64_t open_file(struct a64_cpu *cpu)
{
    uint64_t name, len;
    char text[4];
    bool ok = parameter(cpu, 0, &name) && parameter(cpu, 2, &len) && len == 3 &&
              read_guest(cpu, name, text, 3) && !memcmp(text, ":tt", 3);
    return ok ? CONSOLE : -1;
}

static int64_t write_file(struct a64_cpu *cpu)
{
    uint64_t handle, at, len;
    if (!parameter(cpu, 0, &handle) || !parameter(cpu, 1, &at) || !parameter(cpu, 2, &len))
        return -1;
    return handle == CONSOLE ? (int64_t)write_text(cpu, at, len, false) : (int64_t)len;
}

// Nothing comes from the console: what was asked for is what is not read.
static int64_t read_file(struct a64_cpu *cpu)
{
    uint64_t len;
    return parameter(cpu, 2, &len) ? (int64_t)len : -1;
}

// The block holds the reason and, for an application's exit, its status.
static int64_t leave(struct a64_cpu *cpu)
{
    uint64_t reason, status;
    if (!parameter(cpu, 0, &reason) || !parameter(cpu, 1, &status))
        return -1;
    cpu->board->semihost_exit(cpu->board->opaque,
                              reason == ADP_STOPPED_APPLICATION_EXIT ? (int)(status & 0xff) : 1);
    cpu->v.halt = VCPU_EXIT_HALT;
    return 0;
}

static int64_t call(struct a64_cpu *cpu, uint32_t operation)
{
    gva_t at = cpu->v.r[A64_X0 + 1];
    char c;
    switch (operation) {
    case SYS_WRITEC:
        if (read_guest(cpu, at, &c, 1))
            say(cpu, &c, 1);
        return 0;
    case SYS_WRITE0:
        write_text(cpu, at, UINT64_MAX, true);
        return 0;
    case SYS_OPEN:
        return open_file(cpu);
    case SYS_WRITE:
        return write_file(cpu);
    case SYS_READ:
        return read_file(cpu);
    case SYS_CLOSE:
        return 0;
    case SYS_ISTTY:
        return 1;
    case SYS_ISERROR:
        return parameter(cpu, 0, &at) && (int64_t)at < 0;
    case SYS_CLOCK:
        return (int64_t)(cpu->board->counter(cpu->board->opaque, cpu->v.index, A64_TIMER_PHYS) /
                         COUNTS_A_CENTISECOND);
    case SYS_ERRNO:
        return ERRNO_NOENT;
    case SYS_EXIT:
    case SYS_EXIT_EXTENDED:
        return leave(cpu);
    default:
        log_printf(cpu->log, LOG_UNIMP, "semihosting: no operation %#" PRIx32 "\n", operation);
        return -1;
    }
}

// Without semihosting HLT is Undefined: there is no halting debug.
void a64_semihost(struct a64_cpu *cpu)
{
    if (!cpu->board || !cpu->board->semihost_write)
        a64_fail(cpu, A64_EXC(EC_UNKNOWN, 0));
    else
        cpu->v.r[A64_X0] = (uint64_t)call(cpu, (uint32_t)cpu->v.r[A64_X0]);
}
