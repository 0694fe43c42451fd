// SPDX-License-Identifier: GPL-3.0-or-later
// The host thread of a vCPU: runs it, sleeps when the guest waits, stops when asked.
#ifndef MACHINE_VCPU_THREAD_H
#define MACHINE_VCPU_THREAD_H

#include "base/thread.h"
#include "frontend/cpu.h"

struct vcpu_thread {
    struct a64_cpu *cpu;
    pthread_t thread;
    pthread_mutex_t lock; // guards the fields below
    pthread_cond_t wake;
    bool woken;           // an interrupt may be there: do not sleep
    bool stop;            // leave the loop
    bool asleep;          // atomic: in WFI or WFE, or switched off
    bool running;         // the thread exists
    int id;               // atomic: the host's name of the thread (gettid()), 0 before it runs
    bool debug;           // atomic: it left for a debugger; vcpu.debug says why
    void (*left)(void *opaque); // it has just done so; the vCPU's thread, without a lock
    void *opaque;
};

void vcpu_thread_init(struct vcpu_thread *t, struct a64_cpu *cpu);
void vcpu_thread_fini(struct vcpu_thread *t);
void vcpu_thread_start(struct vcpu_thread *t);
// Makes the thread return soon: once its present block ends, nothing of the guest runs any more. Any
// thread, this one included.
void vcpu_thread_ask_stop(struct vcpu_thread *t);
// Makes the thread return and waits for it; the CPU's state is exact after. Not under the machine
// lock.
void vcpu_thread_stop(struct vcpu_thread *t);
// Sets the interrupt lines and wakes the CPU if it sleeps. Any thread.
void vcpu_thread_set_lines(struct vcpu_thread *t, unsigned lines);
// The host's number of the thread that runs the vCPU, or ran it last; 0 if none has. Any thread.
int vcpu_thread_id(const struct vcpu_thread *t);
// Switches on a CPU that is off, as PSCI does: reset, at entry with x0. False: it is on. The machine
// lock; any thread.
bool vcpu_thread_power_on(struct vcpu_thread *t, uint64_t entry, uint64_t x0);
// What a sleeping CPU waits for may have come. Any thread.
void vcpu_thread_look(struct vcpu_thread *t);
// Wakes a sleeping CPU. Any thread.
void vcpu_thread_wake(struct vcpu_thread *t);

#endif
