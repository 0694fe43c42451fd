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

#endif
