// SPDX-License-Identifier: GPL-3.0-or-later
// Workers as armlet sees them: starting them, feeding them, believing nothing they say.
#include "jit/loader.h"
#include "jit/worker_service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_CHUNK 65536u

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
    for (unsigned i = 0; i < s->nr_slots; i++) {
        if (s->slots[i].state == SLOT_IDLE)
            return &s->slots[i];
        if (s->slots[i].state == SLOT_EMPTY && !empty)
            empty = &s->slots[i];
    }
    return empty && spawn(s, empty) ? empty : NULL;
}

// Lets go of a worker; its slot is free when the zygote has said how it ended.
void worker_close(struct slot *slot)
{
    close(slot->fd);
    slot->fd = -1;
    free(slot->out);
    free(slot->in);
    slot->out = slot->in = NULL;
    slot->out_at = slot->out_size = slot->in_at = slot->in_room = 0;
    slot->state = SLOT_DYING;
}

void worker_lose(struct compile_service *s, struct slot *slot, bool expected, const char *text)
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
    worker_close(slot);
    if (b)
        worker_batch_failed(s, b, COMPILE_CRASHED, text);
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

void worker_feed(struct compile_service *s, struct slot *slot)
{
    while (slot->out) {
        ssize_t n = send(slot->fd, slot->out + slot->out_at, slot->out_size - slot->out_at,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            worker_lose(s, slot, false, "the worker has gone");
            return;
        }
        slot->out_at += (size_t)n;
        if (slot->out_at == slot->out_size) {
            free(slot->out);
            slot->out = NULL;
        }
    }
}

// Set aside -----------------------------------------------------------------------------------------

static unsigned count(const struct compile_service *s, enum slot_state state)
{
    unsigned n = 0;
    for (unsigned i = 0; i < s->nr_slots; i++)
        n += s->slots[i].state == state;
    return n;
}

// The worker stops where it is; the time that it has left is kept.
static void set_aside(struct compile_service *s, struct slot *slot, int64_t now)
{
    slot->state = SLOT_ASIDE;
    slot->aside = now;
    slot->deadline -= now;
    tell_zygote(s, &(struct zygote_command){.what = ZYGOTE_STOP, .serial = slot->serial}, -1);
    mutex_lock(&s->lock);
    s->stats.set_aside++;
    mutex_unlock(&s->lock);
}

static void go_on(struct compile_service *s, struct slot *slot, int64_t now)
{
    slot->state = SLOT_BUSY;
    slot->warm = now;
    slot->deadline += now;
    tell_zygote(s, &(struct zygote_command){.what = ZYGOTE_GO_ON, .serial = slot->serial}, -1);
}

// What was set aside first has been cold for the longest: its owner may ask again.
static void give_up_oldest(struct compile_service *s)
{
    struct slot *oldest = NULL;
    for (unsigned i = 0; i < s->nr_slots; i++)
        if (s->slots[i].state == SLOT_ASIDE && (!oldest || s->slots[i].aside < oldest->aside))
            oldest = &s->slots[i];
    struct batch *b = oldest->batch;
    oldest->batch = NULL;
    tell_zygote(s, &(struct zygote_command){.what = ZYGOTE_KILL, .serial = oldest->serial}, -1);
    worker_close(oldest);
    mutex_lock(&s->lock);
    s->stats.busy--;
    mutex_unlock(&s->lock);
    worker_cancel_batch(s, b);
}

// A worker at work on what has been cold for a while.
static struct slot *find_cold(struct compile_service *s, int64_t now)
{
    struct slot *cold = NULL;
    for (unsigned i = 0; i < s->nr_slots; i++) {
        struct slot *slot = &s->slots[i];
        if (slot->state != SLOT_BUSY || slot->out)
            continue;
        if (worker_heat_of(s, slot->batch))
            slot->warm = now;
        else if (now - slot->warm >= COLD_MS * NS_PER_MS)
            cold = slot;
    }
    return cold;
}

// Is there a worker for what waits, or one that can be had?
static bool make_room(struct compile_service *s, int64_t now)
{
    if (count(s, SLOT_BUSY) < s->options.nr_workers)
        return true;
    struct slot *cold = s->hooks.heat ? find_cold(s, now) : NULL;
    if (!cold || worker_heat_waiting(s) < COMPILE_LASTING)
        return false;
    if (count(s, SLOT_ASIDE) == MOST_ASIDE)
        give_up_oldest(s);
    set_aside(s, cold, now);
    return true;
}

// Those that were set aside go on while nothing hotter waits.
static void resume(struct compile_service *s, int64_t now)
{
    while (count(s, SLOT_BUSY) < s->options.nr_workers) {
        struct slot *best = NULL;
        uint64_t most = 0;
        for (unsigned i = 0; i < s->nr_slots; i++) {
            struct slot *slot = &s->slots[i];
            uint64_t heat = slot->state == SLOT_ASIDE ? worker_heat_of(s, slot->batch) : 0;
            if (slot->state == SLOT_ASIDE && (!best || heat > most)) {
                best = slot;
                most = heat;
            }
        }
        if (!best || worker_heat_waiting(s) > most)
            return;
        go_on(s, best, now);
    }
}

// When to look at heat again, ns. `cold`: a worker is free, and nothing that waits is worth it.
static int64_t next_look(struct compile_service *s, int64_t now, bool cold)
{
    s->look_ms = !cold || !s->look_ms ? HEAT_LOOK_MS : s->look_ms * 2 < COLD_LOOK_MS ? s->look_ms * 2 : COLD_LOOK_MS;
    return now + s->look_ms * NS_PER_MS;
}

// Deals out what can be dealt out. Returns when to look again, ns.
int64_t worker_dispatch(struct compile_service *s, int64_t now)
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
        resume(s, now);
        if (work && make_room(s, now))
            slot = find_slot(s);
        if (slot)
            b = worker_take_batch(s, now, &due);
        if (!b) {
            int64_t look = work && s->hooks.heat ? next_look(s, now, slot != NULL) : INT64_MAX;
            return look < due ? look : due;
        }
        if (!encode(s, slot, b)) {
            worker_cancel_batch(s, b);
            continue;
        }
        slot->batch = b;
        slot->state = SLOT_BUSY;
        slot->warm = now;
        slot->deadline = now + s->options.time_limit_ms * NS_PER_MS;
        mutex_lock(&s->lock);
        s->stats.batches++;
        s->stats.busy++;
        mutex_unlock(&s->lock);
        worker_feed(s, slot);
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
        worker_finish(s, b->reqs[i], &result);
    }
    free(b);
}

static void take_reply(struct compile_service *s, struct slot *slot, const struct wire_reply *r,
                       const uint8_t *body, int64_t now)
{
    struct batch *b = slot->batch;
    if (slot->state == SLOT_ASIDE) // it had just finished
        go_on(s, slot, now);
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
    worker_batch_failed(s, b, COMPILE_FAILED, text);
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
bool worker_hear(struct compile_service *s, struct slot *slot, int64_t now)
{
    if (slot->in_room - slot->in_at < READ_CHUNK) {
        size_t room = slot->in_room * 2 + READ_CHUNK;
        uint8_t *p = realloc(slot->in, room);
        if (!p) {
            worker_lose(s, slot, false, "out of memory");
            return false;
        }
        slot->in = p;
        slot->in_room = room;
    }
    ssize_t n = recv(slot->fd, slot->in + slot->in_at, slot->in_room - slot->in_at, MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return false;
    if (n <= 0) {
        worker_lose(s, slot, slot->state == SLOT_LEAVING, "the compiler crashed");
        return false;
    }
    slot->in_at += (size_t)n;
    if (take_messages(s, slot, now))
        return true;
    worker_lose(s, slot, false, "the compiler's answer makes no sense");
    return false;
}

static void take_event(struct compile_service *s, const struct zygote_event *e)
{
    if (e->what == ZYGOTE_NO_ASSEMBLER) {
        snprintf(s->why_down, sizeof s->why_down, "no assembler (as) in PATH");
        return;
    }
    for (unsigned i = 0; i < s->nr_slots; i++) {
        struct slot *slot = &s->slots[i];
        if (slot->state == SLOT_EMPTY || slot->serial != e->serial)
            continue;
        // What it has written is read before its end is believed.
        while (slot->state != SLOT_DYING && worker_hear(s, slot, worker_now()))
            ;
        if (slot->state != SLOT_DYING)
            worker_lose(s, slot, slot->state == SLOT_LEAVING, "the compiler crashed");
        mutex_lock(&s->lock);
        if (e->cpu_us > slot->cpu_seen)
            s->stats.cpu_us += e->cpu_us - slot->cpu_seen;
        mutex_unlock(&s->lock);
        slot->state = SLOT_EMPTY;
    }
}

void worker_hear_zygote(struct compile_service *s)
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
