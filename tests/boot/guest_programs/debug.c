// SPDX-License-Identifier: GPL-3.0-or-later
// Runs in a Linux guest: what a debugger and perf use of the CPU. Prints a line a check, "end"
// last.
//
// Counting by perf_event_open() (cycles, instructions, a signal every so many instructions), and by
// ptrace() single steps, hardware breakpoints and watchpoints of a child.
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define NT_ARM_HW_BREAK 0x402
#define NT_ARM_HW_WATCH 0x403

static void say(int ok, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    printf("%s ", ok ? "ok" : "WRONG");
    vprintf(format, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
}

// Exactly 2 * n instructions but for the call.
static __attribute__((noinline)) void spin(uint64_t n)
{
    asm volatile("1: subs %0, %0, #1\n b.ne 1b" : "+r"(n));
}

// Counting ---------------------------------------------------------------------------------------

static int counter(uint64_t config, int kernel, uint64_t period)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_HARDWARE,
        .size = sizeof attr,
        .config = config,
        .disabled = 1,
        .exclude_kernel = !kernel,
        .exclude_user = kernel,
        .exclude_hv = 1,
        .sample_period = period,
        .wakeup_events = 1,
    };
    int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
    if (fd < 0)
        say(0, "perf_event_open: %s", strerror(errno));
    return fd;
}

static uint64_t value(int fd)
{
    uint64_t v = 0;
    return read(fd, &v, sizeof v) == sizeof v ? v : 0;
}

static void counts(const char *name, uint64_t config)
{
    const uint64_t n = 10000000;
    int fd = counter(config, 0, 0);
    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
    spin(n);
    ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
    uint64_t v = value(fd);
    close(fd);
    say(v >= 2 * n && v < 2 * n + 1000, "%s: %llu of %llu", name, (unsigned long long)v,
        (unsigned long long)(2 * n));
    fd = counter(config, 1, 0);
    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
    for (unsigned i = 0; i < 100; i++)
        syscall(SYS_getppid);
    ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
    v = value(fd);
    close(fd);
    say(v > 5000 && v < 5000000, "%s of the kernel: %s", name, v ? "some" : "none");
}

static volatile unsigned signals;

static void on_signal(int sig, siginfo_t *info, void *context)
{
    ioctl(info->si_fd, PERF_EVENT_IOC_REFRESH, 1);
    signals++;
}

static void sample(void)
{
    const uint64_t period = 8000000, n = 50 * period / 2;
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    sigaction(SIGIO, &action, NULL);
    int fd = counter(PERF_COUNT_HW_INSTRUCTIONS, 0, period);
    fcntl(fd, F_SETFL, O_ASYNC);
    fcntl(fd, F_SETSIG, SIGIO);
    fcntl(fd, F_SETOWN, getpid());
    ioctl(fd, PERF_EVENT_IOC_REFRESH, 1);
    spin(n);
    ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
    close(fd);
}

// A signal for every overflow: they come late, never too often. Very late where the host has no time
// for the thread that keeps it, so again then.
static void samples(void)
{
    for (unsigned n = 0; n < 5 && signals < 10; n++) {
        signals = 0;
        sample();
    }
    say(signals >= 10 && signals <= 51, "overflows: %u of 50", signals);
}

// Debugging --------------------------------------------------------------------------------------

static volatile uint64_t watched[4];

static __attribute__((noinline)) void breakpoint_here(void)
{
    asm volatile("nop");
}

static void child(void)
{
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    for (unsigned n = 0; n < 3; n++) {
        breakpoint_here();
        watched[0] = n;
        watched[2] += watched[1];
    }
    _exit(7);
}

static int set_debug(pid_t pid, int type, uint64_t address, uint32_t control)
{
    struct {
        uint32_t info, pad;
        struct {
            uint64_t address;
            uint32_t control, pad;
        } regs[1];
    } state = {.regs = {{address, control, 0}}};
    struct iovec iov = {&state, sizeof state};
    return ptrace(PTRACE_SETREGSET, pid, (void *)(uintptr_t)type, &iov);
}

static uint64_t registers_pc(pid_t pid)
{
    struct {
        uint64_t x[31], sp, pc, pstate;
    } regs = {0};
    struct iovec iov = {&regs, sizeof regs};
    ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &iov);
    return regs.pc;
}

// Lets it run to the next stop; the signal's code and address.
static int go(pid_t pid, int how, siginfo_t *info)
{
    int status;
    memset(info, 0, sizeof *info);
    ptrace(how, pid, 0, 0);
    waitpid(pid, &status, 0);
    if (WIFSTOPPED(status))
        ptrace(PTRACE_GETSIGINFO, pid, 0, info);
    return status;
}

static pid_t start_child(void)
{
    int status;
    pid_t pid = fork();
    if (!pid)
        child();
    waitpid(pid, &status, 0);
    return pid;
}

static void hits(const char *name, int type, uint64_t address, uint32_t control, unsigned want)
{
    siginfo_t info;
    unsigned n = 0, right = 0;
    int status;
    pid_t pid = start_child();
    if (set_debug(pid, type, address, control))
        say(0, "%s: %s", name, strerror(errno));
    while (status = go(pid, PTRACE_CONT, &info), WIFSTOPPED(status) && n < 20) {
        n++;
        right += info.si_signo == SIGTRAP && info.si_code == TRAP_HWBKPT &&
                 (uint64_t)(uintptr_t)info.si_addr == address;
        // As a debugger does: over it with the register off.
        set_debug(pid, type, address, 0);
        status = go(pid, PTRACE_SINGLESTEP, &info);
        if (type == NT_ARM_HW_BREAK && registers_pc(pid) != address + 4)
            right = 100;
        set_debug(pid, type, address, control);
    }
    say(n == want && right == want && WIFEXITED(status) && WEXITSTATUS(status) == 7,
        "%s: %u hits, %u as they should be, status %x", name, n, right, (unsigned)status);
}

static void steps(void)
{
    siginfo_t info;
    unsigned n = 0;
    pid_t pid = start_child();
    uint64_t at = (uint64_t)(uintptr_t)breakpoint_here;
    set_debug(pid, NT_ARM_HW_BREAK, at, 0xf << 5 | 2 << 1 | 1);
    go(pid, PTRACE_CONT, &info);
    set_debug(pid, NT_ARM_HW_BREAK, at, 0);
    while (registers_pc(pid) >= at && registers_pc(pid) < at + 8 && n < 10) {
        go(pid, PTRACE_SINGLESTEP, &info);
        n++;
    }
    say(n == 2, "single steps through a function of two instructions: %u", n);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

int main(void)
{
    counts("instructions", PERF_COUNT_HW_INSTRUCTIONS);
    counts("cycles", PERF_COUNT_HW_CPU_CYCLES);
    samples();
    uint64_t w = (uint64_t)(uintptr_t)watched;
    hits("breakpoint", NT_ARM_HW_BREAK, (uint64_t)(uintptr_t)breakpoint_here, 0xf << 5 | 2 << 1 | 1,
         3);
    hits("write watchpoint", NT_ARM_HW_WATCH, w, 0xff << 5 | 2 << 3 | 2 << 1 | 1, 3);
    hits("read watchpoint", NT_ARM_HW_WATCH, w + 8, 0xff << 5 | 1 << 3 | 2 << 1 | 1, 3);
    hits("watchpoint of reads that are writes", NT_ARM_HW_WATCH, w, 0xff << 5 | 1 << 3 | 2 << 1 | 1,
         0);
    hits("read and write watchpoint", NT_ARM_HW_WATCH, w + 16, 0xff << 5 | 3 << 3 | 2 << 1 | 1, 6);
    steps();
    puts("end");
    return 0;
}
