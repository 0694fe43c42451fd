// SPDX-License-Identifier: GPL-3.0-or-later
// Two vCPUs meet in pairs of sequentially consistent accesses: who asks writes the queue and then
// looks whether the other is inside; who goes inside says so and then looks at its queue. So one of
// them sees the other. The same holds for `stopping`.
//
// Waiting is spinning for a moment, since the other needs a few microseconds to come by, and then
// sleeping on `changed`, since with more vCPUs than host processors it may not be running at all.
#include "jit/rendezvous.h"

#include "jit/tlb.h"

#define SPINS 2000

static bool load_bool(const bool *b)
{
    return __atomic_load_n(b, __ATOMIC_SEQ_CST);
}

void rendezvous_init(struct jit *jit)
{
    mutex_init(&jit->rendezvous.lock);
    pthread_cond_init(&jit->rendezvous.changed, NULL);
}

void rendezvous_fini(struct jit *jit)
{
    pthread_cond_destroy(&jit->rendezvous.changed);
    mutex_fini(&jit->rendezvous.lock);
}

void rendezvous_add(struct vcpu *cpu)
{
    mutex_init(&cpu->work.lock);
}

void rendezvous_remove(struct vcpu *cpu)
{
    mutex_fini(&cpu->work.lock);
}

// Something that somebody may be waiting for has changed.
static void tell(struct jit *jit)
{
    struct rendezvous *r = &jit->rendezvous;
    if (likely(!__atomic_load_n(&r->sleepers, __ATOMIC_SEQ_CST)))
        return;
    mutex_lock(&r->lock);
    pthread_cond_broadcast(&r->changed);
    mutex_unlock(&r->lock);
}

// The queue --------------------------------------------------------------------------------------

static void flush(struct vcpu *cpu)
{
    if (cpu->guest->flush_tlb)
        cpu->guest->flush_tlb(cpu);
    else
        tlb_flush_all(cpu);
}

// True if there was something.
static bool drain(struct vcpu *cpu)
{
    struct vcpu_work *w = &cpu->work;
    if (likely(__atomic_load_n(&w->done, __ATOMIC_RELAXED) == __atomic_load_n(&w->asked, __ATOMIC_SEQ_CST)))
        return false;
    mutex_lock(&w->lock);
    if (w->too_many)
        flush(cpu);
    for (unsigned n = 0; n < w->nr && !w->too_many; n++)
        w->item[n].fn(cpu, w->item[n].arg);
    w->nr = 0;
    w->too_many = false;
    __atomic_store_n(&w->done, w->asked, __ATOMIC_SEQ_CST);
    mutex_unlock(&w->lock);
    tell(cpu->jit);
    return true;
}

// Compiled code remembers pages, and return addresses, for as long as it runs: it is to end soon.
void rendezvous_catch_up(struct vcpu *cpu)
{
    if (drain(cpu))
        vcpu_kick(cpu, EXIT_REQ_WORK);
}

static void leave_for(struct vcpu *to, void (*fn)(struct vcpu *cpu, uint64_t arg), uint64_t arg)
{
    struct vcpu_work *w = &to->work;
    mutex_lock(&w->lock);
    if (w->nr < ARRAY_SIZE(w->item))
        w->item[w->nr++] = (struct vcpu_work_item){ fn, arg };
    else
        w->too_many = true;
    __atomic_store_n(&w->asked, w->asked + 1, __ATOMIC_SEQ_CST);
    mutex_unlock(&w->lock);
    if (load_bool(&w->inside))
        vcpu_kick(to, EXIT_REQ_WORK);
}

void rendezvous_ask(struct jit *jit, struct vcpu *but, void (*fn)(struct vcpu *cpu, uint64_t arg), uint64_t arg)
{
    for (unsigned n = 0; n < jit->nr_cpus; n++)
        if (jit->cpus[n] != but)
            leave_for(jit->cpus[n], fn, arg);
    if (but && jit->nr_cpus > 1)
        but->work.has_asked = true;
    tell(jit); // who waits serves its queue
}

// Is there a vCPU that has not done what it was asked up to here, and might act on it?
static bool somebody_owes(const struct vcpu *cpu)
{
    const struct jit *jit = cpu->jit;
    for (unsigned n = 0; n < jit->nr_cpus; n++) {
        const struct vcpu_work *w = &jit->cpus[n]->work;
        if (jit->cpus[n] != cpu && load_bool(&w->inside) &&
            (int64_t)(__atomic_load_n(&w->done, __ATOMIC_SEQ_CST) - cpu->work.owed[n]) < 0)
            return true;
    }
    return false;
}

// Sleeps until something changes, if there is still a reason to.
static void sleep_while_owed(struct vcpu *cpu)
{
    struct rendezvous *r = &cpu->jit->rendezvous;
    struct vcpu_work *w = &cpu->work;
    mutex_lock(&r->lock);
    __atomic_add_fetch(&r->sleepers, 1, __ATOMIC_SEQ_CST);
    bool own = w->done != __atomic_load_n(&w->asked, __ATOMIC_SEQ_CST);
    if (!own && somebody_owes(cpu))
        pthread_cond_wait(&r->changed, &r->lock.m);
    __atomic_sub_fetch(&r->sleepers, 1, __ATOMIC_SEQ_CST);
    mutex_unlock(&r->lock);
}

void rendezvous_await(struct vcpu *cpu)
{
    struct jit *jit = cpu->jit;
    if (likely(!cpu->work.has_asked))
        return;
    cpu->work.has_asked = false;
    for (unsigned n = 0; n < jit->nr_cpus; n++)
        cpu->work.owed[n] = __atomic_load_n(&jit->cpus[n]->work.asked, __ATOMIC_SEQ_CST);
    for (unsigned spins = 0; somebody_owes(cpu); spins++) {
        rendezvous_catch_up(cpu); // the other may be waiting for this one
        if (spins < SPINS)
            __builtin_ia32_pause();
        else
            sleep_while_owed(cpu);
    }
}

// Inside and outside -----------------------------------------------------------------------------

void rendezvous_enter(struct vcpu *cpu)
{
    struct rendezvous *r = &cpu->jit->rendezvous;
    __atomic_store_n(&cpu->work.inside, true, __ATOMIC_SEQ_CST);
    while (unlikely(load_bool(&r->stopping))) {
        rendezvous_leave(cpu);
        mutex_lock(&r->lock);
        __atomic_add_fetch(&r->sleepers, 1, __ATOMIC_SEQ_CST);
        while (load_bool(&r->stopping))
            pthread_cond_wait(&r->changed, &r->lock.m);
        __atomic_sub_fetch(&r->sleepers, 1, __ATOMIC_SEQ_CST);
        mutex_unlock(&r->lock);
        __atomic_store_n(&cpu->work.inside, true, __ATOMIC_SEQ_CST);
    }
    drain(cpu);
}

void rendezvous_leave(struct vcpu *cpu)
{
    __atomic_store_n(&cpu->work.inside, false, __ATOMIC_SEQ_CST);
    tell(cpu->jit);
}

void rendezvous_serve(struct vcpu *cpu)
{
    drain(cpu);
    if (load_bool(&cpu->jit->rendezvous.stopping)) {
        rendezvous_leave(cpu);
        rendezvous_enter(cpu);
    }
}

static bool others_are_inside(const struct vcpu *cpu)
{
    const struct jit *jit = cpu->jit;
    for (unsigned n = 0; n < jit->nr_cpus; n++)
        if (jit->cpus[n] != cpu && load_bool(&jit->cpus[n]->work.inside))
            return true;
    return false;
}

void rendezvous_stop_others(struct vcpu *cpu)
{
    struct jit *jit = cpu->jit;
    struct rendezvous *r = &jit->rendezvous;
    if (jit->nr_cpus == 1)
        return;
    rendezvous_leave(cpu); // somebody else may be at it
    mutex_lock(&r->lock);
    __atomic_add_fetch(&r->sleepers, 1, __ATOMIC_SEQ_CST);
    while (load_bool(&r->stopping))
        pthread_cond_wait(&r->changed, &r->lock.m);
    __atomic_store_n(&r->stopping, true, __ATOMIC_SEQ_CST);
    for (unsigned n = 0; n < jit->nr_cpus; n++)
        if (jit->cpus[n] != cpu)
            vcpu_kick(jit->cpus[n], EXIT_REQ_WORK);
    while (others_are_inside(cpu))
        pthread_cond_wait(&r->changed, &r->lock.m);
    __atomic_sub_fetch(&r->sleepers, 1, __ATOMIC_SEQ_CST);
    mutex_unlock(&r->lock);
}

void rendezvous_let_go(struct vcpu *cpu)
{
    struct rendezvous *r = &cpu->jit->rendezvous;
    if (cpu->jit->nr_cpus == 1)
        return;
    mutex_lock(&r->lock);
    __atomic_store_n(&r->stopping, false, __ATOMIC_SEQ_CST);
    pthread_cond_broadcast(&r->changed);
    mutex_unlock(&r->lock);
    rendezvous_enter(cpu);
}
