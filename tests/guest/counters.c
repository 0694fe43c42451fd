// SPDX-License-Identifier: GPL-3.0-or-later
// The performance counters through perf_event_open: instructions of a loop whose length is known,
// cycles, and overflow interrupts. Prints "ok ..." or "! ..." for each.
#include <fcntl.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ROUNDS = 2000000, PERIOD = 200000 };

static volatile sig_atomic_t overflows;

static void on_overflow(int sig)
{
    overflows++;
}

static void loop(void)
{
    uint64_t n = ROUNDS;

    __asm__ volatile("1: subs %0, %0, #1\n b.ne 1b" : "+r"(n) : : "cc");
}

static int open_counter(uint64_t event, uint64_t period)
{
    struct perf_event_attr a = {.type = PERF_TYPE_HARDWARE, .size = sizeof(a), .config = event};

    a.disabled = 1;
    a.exclude_kernel = 1;
    a.sample_period = period;
    a.wakeup_events = period != 0;
    return (int)syscall(SYS_perf_event_open, &a, 0, -1, -1, 0);
}

static uint64_t run(int fd)
{
    uint64_t n = 0;

    ioctl(fd, PERF_EVENT_IOC_RESET, 0);
    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
    loop();
    ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
    return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static void say(const char *what, uint64_t n, uint64_t least, uint64_t most)
{
    printf("%s %s: %llu, between %llu and %llu\n", n >= least && n <= most ? "ok" : "!", what,
           (unsigned long long)n, (unsigned long long)least, (unsigned long long)most);
}

int main(void)
{
    int instructions = open_counter(PERF_COUNT_HW_INSTRUCTIONS, 0);
    int cycles = open_counter(PERF_COUNT_HW_CPU_CYCLES, 0);
    int sampled = open_counter(PERF_COUNT_HW_INSTRUCTIONS, PERIOD);
    struct sigaction sa = {.sa_handler = on_overflow};

    if (instructions < 0 || cycles < 0 || sampled < 0) {
        perror("! perf_event_open");
        return 1;
    }
    say("instructions", run(instructions), 2 * ROUNDS, 2 * ROUNDS + 1000);
    say("cycles", run(cycles), ROUNDS / 4, UINT64_MAX);
    sigaction(SIGIO, &sa, NULL);
    mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, sampled, 0);
    fcntl(sampled, F_SETFL, O_ASYNC);
    fcntl(sampled, F_SETOWN, getpid());
    run(sampled);
    // They may come late (frontend/pmu.c), and then for several periods.
    say("overflow interrupts", (uint64_t)overflows, 2, 2 * ROUNDS / PERIOD + 1);
    return 0;
}
