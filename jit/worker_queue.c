// SPDX-License-Identifier: GPL-3.0-or-later
// Recipes on their way: from submit to a batch, and back to their owner.
//
// Recipes wait in one list; a batch is taken from it when it is full, when its oldest has waited
// long enough, or at once when flushed. Halves of batches that failed go first, and alone.
#include "jit/hash.h"
#include "jit/worker_service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CRASH_ATTEMPTS    3u  // of a lone recipe: somebody else may have killed the worker
#define HOPELESS_FAILURES 16u // batches failed and none ever compiled: the compiler is broken

// Recipes known to crash ------------------------------------------------------------------------

static bool known_bad(const struct compile_service *s, uint64_t hash)
{
    for (unsigned i = hash & (KNOWN_BAD_SIZE - 1); s->known_bad[i];
         i = (i + 1) & (KNOWN_BAD_SIZE - 1))
        if (s->known_bad[i] == hash)
            return true;
    return false;
}

static void note_bad(struct compile_service *s, uint64_t hash)
{
    if (s->nr_known_bad >= KNOWN_BAD_SIZE / 2) {
        memset(s->known_bad, 0, sizeof s->known_bad);
        s->nr_known_bad = 0;
    }
    unsigned i = hash & (KNOWN_BAD_SIZE - 1);
    while (s->known_bad[i])
        i = (i + 1) & (KNOWN_BAD_SIZE - 1);
    s->known_bad[i] = hash;
    s->nr_known_bad++;
}

// Requests --------------------------------------------------------------------------------------

static void free_request(struct request *r)
{
    free(r->recipe);
    free(r);
}

// Takes the request that has waited longest out of the queue. Lock held.
static struct request *take_oldest(struct compile_service *s)
{
    struct request **at = &s->head;
    while (*at && (*at)->next)
        at = &(*at)->next;
    struct request *r = *at;
    if (r) {
        *at = NULL;
        s->tail = at;
        s->stats.queued--;
    }
    return r;
}

enum compile_submit compile_service_submit(struct compile_service *s,
                                           const struct region_recipe *recipe, void *cookie)
{
    // Room for every page, whatever it uses: the recipe is read as the struct that it is.
    struct request *r = calloc(1, sizeof *r), *oldest = NULL;
    enum compile_submit result = COMPILE_ACCEPTED;
    bool tell = false;
    if (!r || recipe->nr_pages > REGION_MAX_PAGES)
        goto full;
    r->size = (uint32_t)region_recipe_size(recipe);
    r->recipe = malloc(sizeof *r->recipe);
    if (!r->recipe)
        goto full;
    memcpy(r->recipe, recipe, r->size);
    r->hash = hash_bytes(HASH_START, recipe, r->size) | 1;
    r->cookie = cookie;
    r->submitted = worker_now();

    mutex_lock(&s->lock);
    // Where heat is known, what has waited longest is what nobody wanted.
    if (s->hooks.heat && s->stats.queued >= s->options.max_queue)
        oldest = take_oldest(s);
    if (s->down || s->stop) {
        result = COMPILE_UNAVAILABLE;
    } else if (known_bad(s, r->hash)) {
        s->stats.listed++;
        result = COMPILE_KNOWN_BAD;
    } else if (s->stats.queued >= s->options.max_queue) {
        s->stats.refused++;
        result = COMPILE_FULL;
    } else {
        // Newest first: what is hot now goes before what was hot while it waited.
        r->next = s->head;
        s->head = r;
        if (s->tail == &s->head)
            s->tail = &r->next;
        s->outstanding++;
        s->stats.submitted++;
        s->stats.queued++;
        if (s->stats.queued > s->stats.max_queued)
            s->stats.max_queued = s->stats.queued;
        tell = s->stats.queued == 1 || s->stats.queued % s->options.max_batch == 0;
    }
    mutex_unlock(&s->lock);
    if (tell || s->hooks.heat)
        worker_wake(s);
    if (oldest)
        worker_finish(s, oldest, &(struct compile_result){.status = COMPILE_CANCELLED});
    if (result != COMPILE_ACCEPTED)
        free_request(r);
    return result;
full:
    free(r);
    return COMPILE_FULL;
}

// Tells the owner and lets go of the request.
void worker_finish(struct compile_service *s, struct request *r, struct compile_result *result)
{
    result->cookie = r->cookie;
    result->recipe = r->recipe;
    if (!result->err)
        result->err = "";
    if (r->begun) {
        result->waited_us = (uint32_t)((r->begun - r->submitted) / 1000);
        result->took_us = (uint32_t)((worker_now() - r->begun) / 1000);
    }
    if (s->hooks.done)
        s->hooks.done(s->hooks.opaque, result);
    mutex_lock(&s->lock);
    switch (result->status) {
    case COMPILE_OK:
        s->stats.compiled++;
        s->stats.insns += r->recipe->n_insns;
        s->stats.image_bytes += result->size;
        break;
    case COMPILE_FAILED:
        s->stats.failed++;
        note_bad(s, r->hash);
        break;
    case COMPILE_CRASHED:
        s->stats.crashed++;
        note_bad(s, r->hash);
        break;
    case COMPILE_CANCELLED:
        s->stats.cancelled++;
        break;
    }
    if (--s->outstanding == 0)
        pthread_cond_broadcast(&s->idle);
    mutex_unlock(&s->lock);
    free_request(r);
}

void worker_cancel_batch(struct compile_service *s, struct batch *b)
{
    for (unsigned i = 0; i < b->n; i++)
        worker_finish(s, b->reqs[i], &(struct compile_result){.status = COMPILE_CANCELLED});
    free(b);
}

// Everything that waits or runs.
void worker_cancel_all(struct compile_service *s)
{
    for (unsigned i = 0; i < ARRAY_SIZE(s->slots); i++) {
        struct batch *b = s->slots[i].batch;
        s->slots[i].batch = NULL;
        if (b)
            worker_cancel_batch(s, b);
    }
    while (s->retry) {
        struct batch *b = s->retry;
        s->retry = b->next;
        worker_cancel_batch(s, b);
    }
    mutex_lock(&s->lock);
    struct request *r = s->head;
    s->head = NULL;
    s->tail = &s->head;
    s->stats.queued = 0;
    s->stats.busy = 0;
    mutex_unlock(&s->lock);
    while (r) {
        struct request *next = r->next;
        worker_finish(s, r, &(struct compile_result){.status = COMPILE_CANCELLED});
        r = next;
    }
}

// From now on nothing is compiled.
void worker_go_down(struct compile_service *s, const char *why)
{
    mutex_lock(&s->lock);
    bool first = !s->down && !s->stop;
    s->down = true;
    mutex_unlock(&s->lock);
    if (first && s->hooks.unavailable)
        s->hooks.unavailable(s->hooks.opaque, why);
    worker_cancel_all(s);
}

// Batches ---------------------------------------------------------------------------------------

static bool push_retry(struct compile_service *s, struct request **reqs, unsigned n)
{
    struct batch *b = calloc(1, sizeof *b);
    if (!b)
        return false;
    b->n = n;
    memcpy(b->reqs, reqs, n * sizeof *reqs);
    b->next = s->retry;
    s->retry = b;
    mutex_lock(&s->lock);
    s->stats.retries++;
    mutex_unlock(&s->lock);
    return true;
}

// The batch was no success as a whole: halves are tried, a lone recipe is given up in the end.
void worker_batch_failed(struct compile_service *s, struct batch *b, enum compile_status status,
                         const char *text)
{
    struct compile_result result = {.status = status, .err = text};
    if (s->stats.compiled == 0 && ++s->hopeless == HOPELESS_FAILURES)
        snprintf(s->why_down, sizeof s->why_down, "the compiler does not work: %s", text);
    if (b->n > 1) {
        unsigned half = b->n / 2;
        if (!push_retry(s, b->reqs + half, b->n - half))
            for (unsigned i = half; i < b->n; i++)
                worker_finish(s, b->reqs[i], &(struct compile_result){.status = COMPILE_CANCELLED});
        b->n = half;
    } else if (status == COMPILE_FAILED || ++b->reqs[0]->strikes >= CRASH_ATTEMPTS) {
        worker_finish(s, b->reqs[0], &result);
        free(b);
        return;
    }
    if (!push_retry(s, b->reqs, b->n)) {
        worker_cancel_batch(s, b);
        return;
    }
    free(b);
}

uint64_t worker_heat_of(struct compile_service *s, const struct batch *b)
{
    uint64_t sum = 0;
    mutex_lock(&s->lock);
    for (unsigned i = 0; i < b->n; i++)
        sum += s->hooks.heat ? s->hooks.heat(s->hooks.opaque, b->reqs[i]->cookie) : 1;
    mutex_unlock(&s->lock);
    return sum;
}

uint64_t worker_heat_waiting(struct compile_service *s)
{
    uint64_t most = s->retry ? UINT64_MAX : 0;
    mutex_lock(&s->lock);
    for (const struct request *r = s->head; r && most != UINT64_MAX; r = r->next) {
        uint64_t heat = s->hooks.heat && !s->flush ? s->hooks.heat(s->hooks.opaque, r->cookie) : UINT64_MAX;
        if (heat > most)
            most = heat;
    }
    mutex_unlock(&s->lock);
    return most;
}

// Puts the hottest request first. False: none is hot. Lock held.
static bool hottest_first(struct compile_service *s)
{
    struct request **best = &s->head;
    uint64_t most = 0;
    if (!s->hooks.heat)
        return true;
    for (struct request **at = &s->head; *at; at = &(*at)->next) {
        uint64_t heat = s->hooks.heat(s->hooks.opaque, (*at)->cookie);
        if (heat > most) {
            most = heat;
            best = at;
        }
    }
    struct request *r = *best;
    if (r != s->head) {
        *best = r->next;
        if (!*best)
            s->tail = best;
        r->next = s->head;
        s->head = r;
    }
    return most || s->flush;
}

// A batch from the queue, if it is time; *due is when it will be. Lock held.
static struct batch *take_queued(struct compile_service *s, int64_t now, int64_t *due)
{
    if (!s->head)
        return NULL;
    *due = s->head->submitted + s->options.collect_ms * NS_PER_MS;
    if (!s->flush && s->stats.queued < s->options.max_batch && now < *due)
        return NULL;
    *due = INT64_MAX;
    struct batch *b = calloc(1, sizeof *b);
    uint32_t insns = 0;
    while (b && s->head && b->n < s->options.max_batch && hottest_first(s)) {
        struct request *r = s->head;
        if (b->n && insns + r->recipe->n_insns > s->options.max_insns)
            break;
        insns += r->recipe->n_insns;
        s->head = r->next;
        if (!s->head)
            s->tail = &s->head;
        s->stats.queued--;
        r->begun = now;
        b->reqs[b->n++] = r;
    }
    if (b && !b->n) { // a worker had better be free for what will be hot
        free(b);
        b = NULL;
    }
    return b;
}

struct batch *worker_take_batch(struct compile_service *s, int64_t now, int64_t *due)
{
    struct batch *b = s->retry;
    if (b) {
        s->retry = b->next;
        return b;
    }
    mutex_lock(&s->lock);
    b = take_queued(s, now, due);
    mutex_unlock(&s->lock);
    return b;
}
