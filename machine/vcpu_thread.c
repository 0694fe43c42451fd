// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/vcpu_thread.h"

#include "jit/exec.h"

#include <unistd.h>

void vcpu_thread_init(struct vcpu_thread *t, struct a64_cpu *cpu)
{
    *t = (struct vcpu_thread){ .cpu = cpu };
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->wake, NULL);
}

void vcpu_thread_fini(struct vcpu_thread *t)
{
    if (!t->cpu)
        return;
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->lock);
}

// WFI: until a line is up, masked or not, or somebody wants the thread.
static void sleep_until_woken(struct vcpu_thread *t)
{
    pthread_mutex_lock(&t->lock);
    while (!t->woken && !t->stop && !__atomic_load_n(&t->cpu->irq_lines, __ATOMIC_SEQ_CST))
        pthread_cond_wait(&t->wake, &t->lock);
    t->woken = false;
    pthread_mutex_unlock(&t->lock);
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
        enum vcpu_exit why = exec_run(&t->cpu->v);
        if (why == VCPU_EXIT_HALT) {
            t->cpu->v.stats.halts++;
            __atomic_store_n(&t->asleep, true, __ATOMIC_RELAXED);
            sleep_until_woken(t);
            __atomic_store_n(&t->asleep, false, __ATOMIC_RELAXED);
        }
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
    t->stop = t->woken = t->debug = false;
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
