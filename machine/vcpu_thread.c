// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/vcpu_thread.h"

#include "jit/exec.h"

#include <time.h>
#include <unistd.h>

// A WFE whose event does not come is over after so long (the architecture lets it be over at any
// time), or sooner while it watches the exclusive monitor, whose loss nobody announces.
#define EVENT_NS   100000
#define MONITOR_NS 50000
// Looks before it sleeps: another CPU, if it runs, is done in a few microseconds.
#define SPINS 400

void vcpu_thread_init(struct vcpu_thread *t, struct a64_cpu *cpu)
{
    *t = (struct vcpu_thread){ .cpu = cpu };
    pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&t->wake, &attr);
    pthread_condattr_destroy(&attr);
}

void vcpu_thread_fini(struct vcpu_thread *t)
{
    if (!t->cpu)
        return;
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->lock);
}

static bool has_line(const struct vcpu_thread *t)
{
    return __atomic_load_n(&t->cpu->irq_lines, __ATOMIC_SEQ_CST);
}

static void fall_asleep(struct vcpu_thread *t, bool asleep)
{
    __atomic_store_n(&t->asleep, asleep, __ATOMIC_SEQ_CST);
}

// WFI: until a line is up, masked or not, or somebody wants the thread.
static void sleep_until_woken(struct vcpu_thread *t)
{
    t->cpu->v.stats.halts++;
    fall_asleep(t, true);
    pthread_mutex_lock(&t->lock);
    while (!t->woken && !t->stop && !has_line(t))
        pthread_cond_wait(&t->wake, &t->lock);
    t->woken = false;
    pthread_mutex_unlock(&t->lock);
    fall_asleep(t, false);
}

// An event ends a WFE, and is used up.
static bool take_event(struct vcpu_thread *t)
{
    return __atomic_exchange_n(&t->cpu->event, false, __ATOMIC_SEQ_CST);
}

static struct timespec from_now(int64_t ns)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    ns += t.tv_nsec;
    return (struct timespec){ t.tv_sec + ns / 1000000000, ns % 1000000000 };
}

// WFE. An interrupt that is masked does not end it: who waits for a lock with interrupts masked is not
// to keep its holder from the processor.
static void pause_a_moment(struct vcpu_thread *t)
{
    struct vcpu *v = &t->cpu->v;
    for (unsigned n = 0; v->jit->nr_cpus > 1 && n < SPINS; n++) {
        if (a64_interrupt_due(t->cpu) || exec_monitor_lost(v) || take_event(t))
            return;
        __builtin_ia32_pause();
    }
    fall_asleep(t, true);
    struct timespec until = from_now(v->excl_size ? MONITOR_NS : EVENT_NS);
    pthread_mutex_lock(&t->lock);
    if (!t->stop && !a64_interrupt_due(t->cpu) && !take_event(t))
        pthread_cond_timedwait(&t->wake, &t->lock, &until);
    pthread_mutex_unlock(&t->lock);
    fall_asleep(t, false);
    take_event(t);
}

// PSCI CPU_OFF, and a secondary CPU before its first CPU_ON.
static void sleep_until_on(struct vcpu_thread *t)
{
    fall_asleep(t, true);
    pthread_mutex_lock(&t->lock);
    while (!t->stop && __atomic_load_n(&t->cpu->off, __ATOMIC_ACQUIRE))
        pthread_cond_wait(&t->wake, &t->lock);
    pthread_mutex_unlock(&t->lock);
    fall_asleep(t, false);
}

static bool should_stop(struct vcpu_thread *t)
{
    pthread_mutex_lock(&t->lock);
    bool stop = t->stop;
    pthread_mutex_unlock(&t->lock);
    return stop;
}

static void *run(void *opaque)
{
    struct vcpu_thread *t = opaque;
    __atomic_store_n(&t->id, gettid(), __ATOMIC_RELAXED);
    while (!should_stop(t)) {
        if (__atomic_load_n(&t->cpu->off, __ATOMIC_ACQUIRE)) {
            sleep_until_on(t);
            continue;
        }
        enum vcpu_exit why = exec_run(&t->cpu->v);
        if (why == VCPU_EXIT_HALT)
            sleep_until_woken(t);
        if (why == VCPU_EXIT_PAUSE)
            pause_a_moment(t);
        if (why == VCPU_EXIT_OFF) // from here on it is whose who switches it on
            __atomic_store_n(&t->cpu->off, true, __ATOMIC_RELEASE);
        if (why == VCPU_EXIT_DEBUG) {
            __atomic_store_n(&t->debug, true, __ATOMIC_RELEASE);
            t->left(t->opaque);
            break;
        }
    }
    return NULL;
}

void vcpu_thread_start(struct vcpu_thread *t)
{
    pthread_mutex_lock(&t->lock); // others may be running already
    t->stop = t->woken = t->debug = false;
    pthread_mutex_unlock(&t->lock);
    t->running = true;
    int r = pthread_create(&t->thread, NULL, run, t);
    assert(r == 0);
    (void)r;
}

void vcpu_thread_ask_stop(struct vcpu_thread *t)
{
    pthread_mutex_lock(&t->lock);
    t->stop = true;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
    vcpu_kick(&t->cpu->v, EXIT_REQ_STOP);
}

void vcpu_thread_stop(struct vcpu_thread *t)
{
    if (!t->running)
        return;
    vcpu_thread_ask_stop(t);
    pthread_join(t->thread, NULL);
    t->running = false;
}

int vcpu_thread_id(const struct vcpu_thread *t)
{
    return __atomic_load_n(&t->id, __ATOMIC_RELAXED);
}

bool vcpu_thread_power_on(struct vcpu_thread *t, uint64_t entry, uint64_t x0)
{
    if (!__atomic_load_n(&t->cpu->off, __ATOMIC_ACQUIRE))
        return false;
    a64_cpu_reset(t->cpu, entry, x0);
    __atomic_store_n(&t->cpu->off, false, __ATOMIC_RELEASE);
    vcpu_thread_look(t);
    return true;
}

void vcpu_thread_look(struct vcpu_thread *t)
{
    pthread_mutex_lock(&t->lock);
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
}

void vcpu_thread_wake(struct vcpu_thread *t)
{
    pthread_mutex_lock(&t->lock);
    t->woken = true;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
}

void vcpu_thread_set_lines(struct vcpu_thread *t, unsigned lines)
{
    if (a64_set_lines(t->cpu, lines))
        vcpu_thread_wake(t);
}
