// SPDX-License-Identifier: GPL-3.0-or-later
// Thin names over POSIX threads. A failure of any of these is a bug of armlet's and aborts.
//
// Lock order (outer first): machine lock, translation lock, clock lock, log stream.
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <assert.h>
#include <pthread.h>

struct mutex {
    pthread_mutex_t m;
};

static inline void mutex_init(struct mutex *l)
{
    int r = pthread_mutex_init(&l->m, NULL);
    assert(r == 0);
    (void)r;
}

static inline void mutex_fini(struct mutex *l)
{
    pthread_mutex_destroy(&l->m);
}

static inline void mutex_lock(struct mutex *l)
{
    int r = pthread_mutex_lock(&l->m);
    assert(r == 0);
    (void)r;
}

static inline void mutex_unlock(struct mutex *l)
{
    int r = pthread_mutex_unlock(&l->m);
    assert(r == 0);
    (void)r;
}

// Of a variable that several threads read and write without any order, such as a count that may
// lose one now and then.
#define RELAXED(var)            __atomic_load_n(&(var), __ATOMIC_RELAXED)
#define RELAXED_SET(var, value) __atomic_store_n(&(var), (value), __ATOMIC_RELAXED)

// Something at p was written before it was handed over by generated code, or from it: an order that
// holds, and that ThreadSanitizer cannot see.
#ifdef __SANITIZE_THREAD__
void __tsan_acquire(void *p);
void __tsan_release(void *p);
#define thread_handed_over(p) __tsan_release((void *)(p))
#define thread_took_over(p)   __tsan_acquire((void *)(p))
#else
#define thread_handed_over(p) ((void)(p))
#define thread_took_over(p)   ((void)(p))
#endif

#endif
