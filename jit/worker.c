// SPDX-License-Identifier: GPL-3.0-or-later
// The service thread and the queue.
//
// Recipes wait in one list; a batch is taken from it when it is full, when its oldest has waited
// long enough, or at once when flushed, and only when there is a worker for it. Halves of batches
// that failed go first, and alone. Everything below `lock` in the struct is under it; slots and
// batches belong to the service thread. Hooks are called with no lock held.
#include "jit/worker.h"

#include "base/thread.h"
#include "jit/hash.h"
#include "jit/loader.h"
#include "jit/worker_wire.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KNOWN_BAD_SIZE    4096u // entries, a power of two
#define CRASH_ATTEMPTS    3u    // of a lone recipe: somebody else may have killed the worker
#define HOPELESS_FAILURES 16u   // batches failed and none ever compiled: the compiler is broken
#define READ_CHUNK        65536u
#define NS_PER_MS         INT64_C(1000000)

struct request {
    struct request *next;
    struct region_recipe *recipe;
    uint32_t size;
    unsigned strikes; // workers lost with it alone
    uint64_t hash;
    int64_t submitted; // ns
    void *cookie;
};

struct batch {
    struct batch *next;
    unsigned n;
    struct request *reqs[COMPILE_MAX_BATCH];
};

enum slot_state {
    SLOT_EMPTY,
    SLOT_IDLE,
    SLOT_BUSY,
    SLOT_LEAVING, // it wants to be replaced; its last words are read until it closes
    SLOT_DYING,   // its socket is closed, its end not yet reported
};

struct slot {
    enum slot_state state;
    uint32_t serial;
    int fd;
    struct batch *batch;
    int64_t deadline;  // BUSY: ns by which to be done; IDLE: to be let go
    uint64_t cpu_seen; // us, of what it has reported itself
    uint8_t *out;      // rest of what is to be written
    size_t out_at, out_size;
    uint8_t *in; // a message being read
    size_t in_at, in_room;
};

struct compile_service {
    struct compile_options options;
    struct compile_hooks hooks;
    pid_t zygote;
    int control, wake;
    bool started;
    pthread_t thread;

    // The service thread's.
    struct slot slots[COMPILE_MAX_WORKERS];
    struct batch *retry;
    uint32_t serial;
    unsigned hopeless; // batches failed since the start while nothing succeeded
    bool not_stored;   // said so
    char why_down[WIRE_MAX_TEXT + 64];

    struct mutex lock;
    pthread_cond_t idle; // outstanding == 0
    struct request *head, **tail;
    uint64_t outstanding; // accepted and not yet done
    bool stop, flush, down;
    uint64_t known_bad[KNOWN_BAD_SIZE]; // hashes, open addressing; 0: free
    unsigned nr_known_bad;
    struct compile_stats stats;
};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void wake(struct compile_service *s)
{
    uint64_t one = 1;
    (void)!write(s->wake, &one, sizeof one);
}

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

enum compile_submit compile_service_submit(struct compile_service *s,
                                           const struct region_recipe *recipe, void *cookie)
{
    // Room for every page, whatever it uses: the recipe is read as the struct that it is.
    struct request *r = calloc(1, sizeof *r);
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
    r->submitted = now_ns();

    mutex_lock(&s->lock);
    if (s->down || s->stop) {
        result = COMPILE_UNAVAILABLE;
    } else if (known_bad(s, r->hash)) {
        s->stats.listed++;
        result = COMPILE_KNOWN_BAD;
    } else if (s->stats.queued >= s->options.max_queue) {
        s->stats.refused++;
        result = COMPILE_FULL;
    } else {
        *s->tail = r;
        s->tail = &r->next;
        s->outstanding++;
        s->stats.submitted++;
        s->stats.queued++;
        if (s->stats.queued > s->stats.max_queued)
            s->stats.max_queued = s->stats.queued;
        tell = s->stats.queued == 1 || s->stats.queued % s->options.max_batch == 0;
    }
    mutex_unlock(&s->lock);
    if (tell)
        wake(s);
    if (result != COMPILE_ACCEPTED)
        free_request(r);
    return result;
full:
    free(r);
    return COMPILE_FULL;
}

// Tells the owner and lets go of the request.
static void finish(struct compile_service *s, struct request *r, struct compile_result *result)
{
    result->cookie = r->cookie;
    result->recipe = r->recipe;
    if (!result->err)
        result->err = "";
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

static void cancel_batch(struct compile_service *s, struct batch *b)
{
    for (unsigned i = 0; i < b->n; i++)
        finish(s, b->reqs[i], &(struct compile_result){.status = COMPILE_CANCELLED});
    free(b);
}

// Everything that waits or runs.
static void cancel_all(struct compile_service *s)
{
    for (unsigned i = 0; i < ARRAY_SIZE(s->slots); i++) {
        struct batch *b = s->slots[i].batch;
        s->slots[i].batch = NULL;
        if (b)
            cancel_batch(s, b);
    }
    while (s->retry) {
        struct batch *b = s->retry;
        s->retry = b->next;
        cancel_batch(s, b);
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
        finish(s, r, &(struct compile_result){.status = COMPILE_CANCELLED});
        r = next;
    }
}

// From now on nothing is compiled.
static void go_down(struct compile_service *s, const char *why)
{
    mutex_lock(&s->lock);
    bool first = !s->down && !s->stop;
    s->down = true;
    mutex_unlock(&s->lock);
    if (first && s->hooks.unavailable)
        s->hooks.unavailable(s->hooks.opaque, why);
    cancel_all(s);
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
static void batch_failed(struct compile_service *s, struct batch *b, enum compile_status status,
                         const char *text)
{
    struct compile_result result = {.status = status, .err = text};
    if (s->stats.compiled == 0 && ++s->hopeless == HOPELESS_FAILURES)
        snprintf(s->why_down, sizeof s->why_down, "the compiler does not work: %s", text);
    if (b->n > 1) {
        unsigned half = b->n / 2;
        if (!push_retry(s, b->reqs + half, b->n - half))
            for (unsigned i = half; i < b->n; i++)
                finish(s, b->reqs[i], &(struct compile_result){.status = COMPILE_CANCELLED});
        b->n = half;
    } else if (status == COMPILE_FAILED || ++b->reqs[0]->strikes >= CRASH_ATTEMPTS) {
        finish(s, b->reqs[0], &result);
        free(b);
        return;
    }
    if (!push_retry(s, b->reqs, b->n)) {
        cancel_batch(s, b);
        return;
    }
    free(b);
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
    while (b && s->head && b->n < s->options.max_batch) {
        struct request *r = s->head;
        if (b->n && insns + r->recipe->n_insns > s->options.max_insns)
            break;
        insns += r->recipe->n_insns;
        s->head = r->next;
        if (!s->head)
            s->tail = &s->head;
        s->stats.queued--;
        b->reqs[b->n++] = r;
    }
    return b;
}

static struct batch *take_batch(struct compile_service *s, int64_t now, int64_t *due)
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

// Workers ---------------------------------------------------------------------------------------

static bool tell_zygote(struct compile_service *s, const struct zygote_command *c, int fd)
{
    char space[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec iov = {(void *)c, sizeof *c};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    if (fd >= 0) {
        m.msg_control = space;
        m.msg_controllen = sizeof space;
        struct cmsghdr *cm = CMSG_FIRSTHDR(&m);
        cm->cmsg_level = SOL_SOCKET;
        cm->cmsg_type = SCM_RIGHTS;
        cm->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(cm), &fd, sizeof fd);
    }
    ssize_t n;
    do {
        n = sendmsg(s->control, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return n == sizeof *c;
}

static bool spawn(struct compile_service *s, struct slot *slot)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        return false;
    struct zygote_command c = {.what = ZYGOTE_SPAWN, .serial = ++s->serial};
    bool ok = tell_zygote(s, &c, pair[1]);
    close(pair[1]);
    if (!ok) {
        close(pair[0]);
        return false;
    }
    *slot =
        (struct slot){.state = SLOT_IDLE, .serial = c.serial, .fd = pair[0], .deadline = INT64_MAX};
    mutex_lock(&s->lock);
    s->stats.workers_started++;
    mutex_unlock(&s->lock);
    return true;
}

static struct slot *find_slot(struct compile_service *s)
{
    struct slot *empty = NULL;
    for (unsigned i = 0; i < s->options.nr_workers; i++) {
        if (s->slots[i].state == SLOT_IDLE)
            return &s->slots[i];
        if (s->slots[i].state == SLOT_EMPTY && !empty)
            empty = &s->slots[i];
    }
    return empty && spawn(s, empty) ? empty : NULL;
}

// Lets go of a worker; its slot is free when the zygote has said how it ended.
static void close_slot(struct slot *slot)
{
    close(slot->fd);
    slot->fd = -1;
    free(slot->out);
    free(slot->in);
    slot->out = slot->in = NULL;
    slot->out_at = slot->out_size = slot->in_at = slot->in_room = 0;
    slot->state = SLOT_DYING;
}

static void lose_worker(struct compile_service *s, struct slot *slot, bool expected,
                        const char *text)
{
    struct batch *b = slot->batch;
    slot->batch = NULL;
    if (slot->state == SLOT_BUSY || b) {
        mutex_lock(&s->lock);
        s->stats.busy--;
        mutex_unlock(&s->lock);
    }
    if (!expected) {
        mutex_lock(&s->lock);
        s->stats.workers_died++;
        mutex_unlock(&s->lock);
        tell_zygote(s, &(struct zygote_command){.what = ZYGOTE_KILL, .serial = slot->serial}, -1);
    }
    close_slot(slot);
    if (b)
        batch_failed(s, b, COMPILE_CRASHED, text);
}

// The batch as bytes to be sent. False: no memory.
static bool encode(struct compile_service *s, struct slot *slot, const struct batch *b)
{
    struct wire_batch h = {.magic = WIRE_BATCH, .n = b->n};
    uint32_t insns = 0;
    for (unsigned i = 0; i < b->n; i++) {
        h.size += (uint32_t)sizeof(struct wire_recipe) + b->reqs[i]->size;
        insns += b->reqs[i]->recipe->n_insns;
    }
    h.cpu_limit_s = s->options.cpu_limit_s * (1 + insns / 256);
    slot->out = malloc(sizeof h + h.size);
    if (!slot->out)
        return false;
    uint8_t *p = slot->out;
    memcpy(p, &h, sizeof h);
    p += sizeof h;
    for (unsigned i = 0; i < b->n; i++) {
        struct wire_recipe r = {b->reqs[i]->size};
        memcpy(p, &r, sizeof r);
        memcpy(p + sizeof r, b->reqs[i]->recipe, r.size);
        p += sizeof r + r.size;
    }
    slot->out_at = 0;
    slot->out_size = sizeof h + h.size;
    return true;
}

static void feed(struct compile_service *s, struct slot *slot)
{
    while (slot->out) {
        ssize_t n = send(slot->fd, slot->out + slot->out_at, slot->out_size - slot->out_at,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            lose_worker(s, slot, false, "the worker has gone");
            return;
        }
        slot->out_at += (size_t)n;
        if (slot->out_at == slot->out_size) {
            free(slot->out);
            slot->out = NULL;
        }
    }
}

// Deals out what can be dealt out. Returns when to look again, ns.
static int64_t dispatch(struct compile_service *s, int64_t now)
{
    int64_t due = INT64_MAX;
    for (;;) {
        struct slot *slot = NULL;
        struct batch *b = NULL;
        mutex_lock(&s->lock);
        bool work = s->retry || s->head;
        if (!s->head)
            s->flush = false;
        mutex_unlock(&s->lock);
        if (work)
            slot = find_slot(s);
        if (slot)
            b = take_batch(s, now, &due);
        if (!b)
            return due;
        if (!encode(s, slot, b)) {
            cancel_batch(s, b);
            continue;
        }
        slot->batch = b;
        slot->state = SLOT_BUSY;
        slot->deadline = now + s->options.time_limit_ms * NS_PER_MS;
        mutex_lock(&s->lock);
        s->stats.batches++;
        s->stats.busy++;
        mutex_unlock(&s->lock);
        feed(s, slot);
    }
}

// Answers ---------------------------------------------------------------------------------------

static bool product_valid(const struct wire_product *p, size_t room)
{
    return p->size <= room &&
           (!p->ok || (p->size && p->size <= LOADER_MAX_IMAGE && p->entry < p->size && p->align &&
                       p->align <= LOADER_MAX_ALIGN && !(p->align & (p->align - 1))));
}

// Are the products as many and as long as they should be?
static bool reply_valid(const struct wire_reply *r, const uint8_t *body, const struct batch *b)
{
    size_t at = 0;
    if (!b || r->n != b->n)
        return false;
    for (uint32_t i = 0; i < r->n; i++) {
        struct wire_product p;
        if (r->size - at < sizeof p)
            return false;
        memcpy(&p, body + at, sizeof p);
        at += sizeof p;
        if (!product_valid(&p, r->size - at))
            return false;
        at += p.size;
    }
    return at == r->size;
}

static void text_of(const struct wire_product *p, const uint8_t *body, char *text, size_t size)
{
    snprintf(text, size, "%.*s", (int)(p->size < size ? p->size : size - 1), (const char *)body);
}

static void deliver(struct compile_service *s, struct batch *b, const struct wire_reply *r,
                    const uint8_t *body)
{
    char text[WIRE_MAX_TEXT];
    for (unsigned i = 0; i < b->n; i++) {
        struct wire_product p;
        struct compile_result result = {.compile_us = (uint32_t)(r->cpu_us / b->n)};
        memcpy(&p, body, sizeof p);
        body += sizeof p;
        if (p.ok) {
            result.status = COMPILE_OK;
            result.image = body;
            result.size = p.size;
            result.align = p.align;
            result.entry = p.entry;
        } else {
            result.status = COMPILE_FAILED;
            text_of(&p, body, text, sizeof text);
            result.err = text;
        }
        body += p.size;
        finish(s, b->reqs[i], &result);
    }
    free(b);
}

static void take_reply(struct compile_service *s, struct slot *slot, const struct wire_reply *r,
                       const uint8_t *body, int64_t now)
{
    struct batch *b = slot->batch;
    slot->batch = NULL;
    slot->state = r->retiring ? SLOT_LEAVING : SLOT_IDLE;
    slot->deadline =
        now + (r->retiring ? s->options.time_limit_ms : s->options.idle_ms) * NS_PER_MS;
    slot->cpu_seen += r->cpu_us;
    mutex_lock(&s->lock);
    s->stats.busy--;
    s->stats.cpu_us += r->cpu_us;
    s->stats.workers_recycled += !!r->retiring;
    mutex_unlock(&s->lock);
    if (r->ok) {
        deliver(s, b, r, body);
        return;
    }
    struct wire_product p;
    char text[WIRE_MAX_TEXT];
    memcpy(&p, body, sizeof p);
    text_of(&p, body + sizeof p, text, sizeof text);
    batch_failed(s, b, COMPILE_FAILED, text);
}

static void take_stored(struct compile_service *s, const struct wire_reply *r, const uint8_t *body)
{
    char text[WIRE_MAX_TEXT + 1];
    snprintf(text, sizeof text, "%.*s", (int)r->size, (const char *)body);
    if (r->ok) {
        mutex_lock(&s->lock);
        s->stats.stored++;
        mutex_unlock(&s->lock);
        if (s->hooks.stored)
            s->hooks.stored(s->hooks.opaque, text);
    } else if (!s->not_stored) {
        s->not_stored = true;
        if (s->hooks.not_stored)
            s->hooks.not_stored(s->hooks.opaque, text);
    }
}

// Handles the messages that are complete. False: it is no message.
static bool take_messages(struct compile_service *s, struct slot *slot, int64_t now)
{
    size_t at = 0;
    for (;;) {
        struct wire_reply r;
        if (slot->in_at - at < sizeof r)
            break;
        const uint8_t *body = slot->in + at + sizeof r;
        memcpy(&r, slot->in + at, sizeof r);
        if ((r.magic != WIRE_REPLY && r.magic != WIRE_STORED) || r.size > WIRE_MAX_REPLY ||
            (r.magic == WIRE_STORED && r.size > WIRE_MAX_TEXT))
            return false;
        if (slot->in_at - at - sizeof r < r.size)
            break;
        if (r.magic == WIRE_STORED)
            take_stored(s, &r, body);
        else if (!reply_valid(&r, body, slot->batch))
            return false;
        else
            take_reply(s, slot, &r, body, now);
        at += sizeof r + r.size;
    }
    memmove(slot->in, slot->in + at, slot->in_at - at);
    slot->in_at -= at;
    return true;
}

// Reads what a worker has to say. False: nothing at the moment, or nothing any more.
static bool hear(struct compile_service *s, struct slot *slot, int64_t now)
{
    if (slot->in_room - slot->in_at < READ_CHUNK) {
        size_t room = slot->in_room * 2 + READ_CHUNK;
        uint8_t *p = realloc(slot->in, room);
        if (!p) {
            lose_worker(s, slot, false, "out of memory");
            return false;
        }
        slot->in = p;
        slot->in_room = room;
    }
    ssize_t n = recv(slot->fd, slot->in + slot->in_at, slot->in_room - slot->in_at, MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return false;
    if (n <= 0) {
        lose_worker(s, slot, slot->state == SLOT_LEAVING, "the compiler crashed");
        return false;
    }
    slot->in_at += (size_t)n;
    if (take_messages(s, slot, now))
        return true;
    lose_worker(s, slot, false, "the compiler's answer makes no sense");
    return false;
}

static void take_event(struct compile_service *s, const struct zygote_event *e)
{
    if (e->what == ZYGOTE_NO_ASSEMBLER) {
        snprintf(s->why_down, sizeof s->why_down, "no assembler (as) is installed");
        return;
    }
    for (unsigned i = 0; i < s->options.nr_workers; i++) {
        struct slot *slot = &s->slots[i];
        if (slot->state == SLOT_EMPTY || slot->serial != e->serial)
            continue;
        // What it has written is read before its end is believed.
        while (slot->state != SLOT_DYING && hear(s, slot, now_ns()))
            ;
        if (slot->state != SLOT_DYING)
            lose_worker(s, slot, slot->state == SLOT_LEAVING, "the compiler crashed");
        mutex_lock(&s->lock);
        if (e->cpu_us > slot->cpu_seen)
            s->stats.cpu_us += e->cpu_us - slot->cpu_seen;
        mutex_unlock(&s->lock);
        slot->state = SLOT_EMPTY;
    }
}

static void hear_zygote(struct compile_service *s)
{
    struct zygote_event e;
    for (;;) {
        ssize_t n = recv(s->control, &e, sizeof e, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n != sizeof e) {
            snprintf(s->why_down, sizeof s->why_down, "the process that starts compilers has died");
            return;
        }
        take_event(s, &e);
    }
}

// Kills who is late, lets go who is idle.
static void check_deadlines(struct compile_service *s, int64_t now)
{
    for (unsigned i = 0; i < s->options.nr_workers; i++) {
        struct slot *slot = &s->slots[i];
        if (slot->state == SLOT_EMPTY || slot->state == SLOT_DYING || now < slot->deadline)
            continue;
        if (slot->state == SLOT_IDLE) {
            lose_worker(s, slot, true, "");
            continue;
        }
        mutex_lock(&s->lock);
        s->stats.workers_killed++;
        mutex_unlock(&s->lock);
        lose_worker(s, slot, false, "the compiler took too long");
    }
}

// When the next worker is late or idle for too long, ns.
static int64_t next_deadline(const struct compile_service *s)
{
    int64_t next = INT64_MAX;
    for (unsigned i = 0; i < s->options.nr_workers; i++) {
        const struct slot *slot = &s->slots[i];
        if (slot->state != SLOT_EMPTY && slot->state != SLOT_DYING && slot->deadline < next)
            next = slot->deadline;
    }
    return next;
}

static int poll_timeout(int64_t until, int64_t now)
{
    if (until == INT64_MAX)
        return -1;
    return until <= now ? 0 : (int)((until - now + NS_PER_MS - 1) / NS_PER_MS);
}

static void wait_and_serve(struct compile_service *s, int64_t until, int64_t now)
{
    struct pollfd fds[COMPILE_MAX_WORKERS + 2];
    struct slot *who[COMPILE_MAX_WORKERS + 2] = {NULL};
    nfds_t n = 0;
    fds[n++] = (struct pollfd){s->wake, POLLIN, 0};
    fds[n++] = (struct pollfd){s->why_down[0] ? -1 : s->control, POLLIN, 0};
    for (unsigned i = 0; i < s->options.nr_workers; i++) {
        struct slot *slot = &s->slots[i];
        if (slot->state == SLOT_EMPTY || slot->state == SLOT_DYING)
            continue;
        who[n] = slot;
        fds[n++] = (struct pollfd){slot->fd, (short)(POLLIN | (slot->out ? POLLOUT : 0)), 0};
    }
    if (poll(fds, n, poll_timeout(until, now)) <= 0)
        return;
    if (fds[0].revents) {
        uint64_t count;
        (void)!read(s->wake, &count, sizeof count);
    }
    now = now_ns();
    for (nfds_t i = 2; i < n; i++) {
        if (fds[i].revents & POLLOUT)
            feed(s, who[i]);
        if ((fds[i].revents & ~POLLOUT) && who[i]->fd >= 0)
            hear(s, who[i], now);
    }
    if (fds[1].revents)
        hear_zygote(s);
}

static void *service_thread(void *opaque)
{
    struct compile_service *s = opaque;
    bool announced = false;
    prctl(PR_SET_NAME, "compile-service");
    for (;;) {
        mutex_lock(&s->lock);
        bool stop = s->stop;
        mutex_unlock(&s->lock);
        if (stop)
            return NULL;
        if (s->why_down[0] && !announced) {
            announced = true;
            go_down(s, s->why_down);
        }
        int64_t now = now_ns();
        check_deadlines(s, now);
        int64_t due = announced ? INT64_MAX : dispatch(s, now);
        int64_t until = next_deadline(s);
        if (!s->why_down[0] || announced)
            wait_and_serve(s, due < until ? due : until, now);
    }
}

// Beginning and end -----------------------------------------------------------------------------

static void set_defaults(struct compile_options *o)
{
    const struct {
        unsigned *field;
        unsigned value;
    } defaults[] = {
        {&o->nr_workers, 1},  {&o->max_batch, 16},         {&o->max_insns, 4096},
        {&o->collect_ms, 20}, {&o->max_queue, 1024},       {&o->time_limit_ms, 30000},
        {&o->cpu_limit_s, 2}, {&o->recycle_compiles, 300}, {&o->idle_ms, 10000},
    };
    for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
        if (!*defaults[i].field)
            *defaults[i].field = defaults[i].value;
    if (!o->memory_limit)
        o->memory_limit = UINT64_C(1) << 30;
    if (!o->recycle_bytes)
        o->recycle_bytes = UINT64_C(256) << 20;
    if (!o->nice)
        o->nice = 5;
    if (o->nr_workers > COMPILE_MAX_WORKERS)
        o->nr_workers = COMPILE_MAX_WORKERS;
    if (o->max_batch > COMPILE_MAX_BATCH)
        o->max_batch = COMPILE_MAX_BATCH;
}

struct compile_service *compile_service_create(const struct compile_options *options,
                                               struct error *err)
{
    int pair[2] = {-1, -1};
    struct compile_service *s = calloc(1, sizeof *s);
    if (!s) {
        error_set(err, "compile service: out of memory");
        return NULL;
    }
    s->options = *options;
    set_defaults(&s->options);
    s->tail = &s->head;
    mutex_init(&s->lock);
    pthread_cond_init(&s->idle, NULL);
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->wake >= 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0)
        s->zygote = fork();
    else
        s->zygote = -1;
    if (s->zygote == 0)
        zygote_main(&s->options, pair[1]);
    s->control = pair[0];
    if (pair[1] >= 0)
        close(pair[1]);
    if (s->zygote < 0) {
        error_set(err, "compile service: %s", strerror(errno));
        compile_service_destroy(s);
        return NULL;
    }
    return s;
}

bool compile_service_start(struct compile_service *s, const struct compile_hooks *hooks,
                           struct error *err)
{
    sigset_t all, old;
    s->hooks = *hooks;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int r = pthread_create(&s->thread, NULL, service_thread, s);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    s->started = r == 0;
    if (r)
        return error_set(err, "compile service: %s", strerror(r));
    return true;
}

// Waits for the zygote, which ends when its socket does.
static void bury_zygote(struct compile_service *s)
{
    struct timespec pause = {0, 1000000};
    for (unsigned ms = 0; ms < 2000; ms++) {
        if (waitpid(s->zygote, NULL, WNOHANG) != 0)
            return;
        nanosleep(&pause, NULL);
    }
    kill(s->zygote, SIGKILL);
    waitpid(s->zygote, NULL, 0);
}

void compile_service_destroy(struct compile_service *s)
{
    if (!s)
        return;
    mutex_lock(&s->lock);
    s->stop = true;
    mutex_unlock(&s->lock);
    if (s->started) {
        wake(s);
        pthread_join(s->thread, NULL);
    }
    cancel_all(s);
    for (unsigned i = 0; i < ARRAY_SIZE(s->slots); i++)
        if (s->slots[i].state != SLOT_EMPTY && s->slots[i].state != SLOT_DYING)
            close_slot(&s->slots[i]);
    if (s->control >= 0)
        close(s->control);
    if (s->zygote > 0)
        bury_zygote(s);
    if (s->wake >= 0)
        close(s->wake);
    pthread_cond_destroy(&s->idle);
    mutex_fini(&s->lock);
    free(s);
}

void compile_service_flush(struct compile_service *s)
{
    mutex_lock(&s->lock);
    s->flush = true;
    mutex_unlock(&s->lock);
    wake(s);
}

void compile_service_drain(struct compile_service *s)
{
    compile_service_flush(s);
    mutex_lock(&s->lock);
    while (s->outstanding)
        pthread_cond_wait(&s->idle, &s->lock.m);
    mutex_unlock(&s->lock);
}

void compile_service_stats(struct compile_service *s, struct compile_stats *out)
{
    mutex_lock(&s->lock);
    *out = s->stats;
    mutex_unlock(&s->lock);
}
