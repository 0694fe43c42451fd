// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/net/net.h"
#include "devices/net/offload.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TO_HOST_BYTES  (512u << 10) // a frame more fits
#define TO_GUEST_BYTES (16u << 20)

static size_t cost(const struct net_frame *f)
{
    return f->capacity + sizeof *f;
}

static void queue_put(struct net_queue *q, struct net_frame *f)
{
    f->next = NULL;
    if (q->tail)
        q->tail->next = f;
    else
        q->head = f;
    q->tail = f;
    q->bytes += cost(f);
}

static struct net_frame *queue_take(struct net_queue *q)
{
    struct net_frame *f = q->head;
    if (!f)
        return NULL;
    q->head = f->next;
    if (!q->head)
        q->tail = NULL;
    q->bytes -= cost(f);
    return f;
}

static void queue_clear(struct net_queue *q)
{
    struct net_frame *f;
    while ((f = queue_take(q)))
        free(f);
}

struct net_frame *net_frame_new(size_t capacity)
{
    struct net_frame *f = malloc(sizeof *f + capacity);
    assert(f);
    *f = (struct net_frame){.capacity = (uint32_t)capacity};
    return f;
}

void net_init(struct net *n, const struct net_ops *ops)
{
    *n = (struct net){.ops = ops};
    mutex_init(&n->lock);
    n->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert(n->wake_fd >= 0);
}

void net_fini(struct net *n)
{
    queue_clear(&n->to_host);
    queue_clear(&n->to_guest);
    queue_clear(&n->out);
    free(n->polls.fds);
    close(n->wake_fd);
    mutex_fini(&n->lock);
}

// The thread -------------------------------------------------------------------------------------

size_t net_poll_add(struct net_polls *polls, int fd, short events)
{
    if (polls->count == polls->capacity) {
        polls->capacity = 2 * polls->capacity + 16;
        polls->fds = realloc(polls->fds, polls->capacity * sizeof *polls->fds);
        assert(polls->fds);
    }
    polls->fds[polls->count] = (struct pollfd){.fd = fd, .events = events};
    return polls->count++;
}

void net_poll_within(struct net_polls *polls, int64_t ms)
{
    if (ms < 0)
        ms = 0;
    if (polls->timeout < 0 || ms < polls->timeout)
        polls->timeout = ms > 1000000 ? 1000000 : (int)ms;
}

void net_deliver(struct net *n, const void *data, size_t len, const struct net_offload *off)
{
    if (len < NET_MIN_FRAME || len > NET_MAX_FRAME)
        return;
    struct net_frame *last = n->out.tail;
    unsigned accepts = __atomic_load_n(&n->accepts_gso, __ATOMIC_RELAXED);
    if (last && accepts && offload_mergeable(last, data, len, accepts)) {
        if (last->len + len > last->capacity) { // the last of a list: its address may change
            struct net_frame **link = &n->out.head;
            while (*link != last)
                link = &(*link)->next;
            size_t capacity = NET_MAX_FRAME;
            last = realloc(last, sizeof *last + capacity);
            assert(last);
            n->out.bytes += capacity - last->capacity;
            last->capacity = (uint32_t)capacity;
            *link = n->out.tail = last;
        }
        offload_merge(last, data, len);
        return;
    }
    struct net_frame *f = net_frame_new(len);
    memcpy(f->data, data, len);
    f->len = (uint32_t)len;
    f->off = *off;
    queue_put(&n->out, f);
}

// Moves what the round has made to the card, and tells it of room.
static void hand_over(struct net *n, bool writable)
{
    struct net_frame *f;
    if (n->door)
        mutex_lock(n->door);
    bool any = n->out.head;
    while ((f = queue_take(&n->out))) {
        offload_seal(f);
        if (n->to_guest.bytes + cost(f) > TO_GUEST_BYTES || !n->front) {
            n->dropped++;
            free(f);
        } else {
            queue_put(&n->to_guest, f);
        }
    }
    if (any && n->front)
        n->front->receive(n->front_opaque);
    if (writable && n->front)
        n->front->writable(n->front_opaque);
    if (n->door)
        mutex_unlock(n->door);
}

static void wait(struct net *n, int ms)
{
    n->polls.count = 0;
    n->polls.timeout = ms;
    net_poll_add(&n->polls, n->wake_fd, POLLIN);
    if (n->ops->prepare)
        n->ops->prepare(n, &n->polls);
    mutex_lock(&n->lock);
    if (n->to_host.head || n->stop)
        n->polls.timeout = 0;
    else
        n->asleep = true;
    mutex_unlock(&n->lock);
    poll(n->polls.fds, n->polls.count, n->polls.timeout);
    if (n->polls.fds[0].revents) {
        uint64_t drained;
        (void)!read(n->wake_fd, &drained, sizeof drained);
    }
}

void net_step(struct net *n, int ms)
{
    struct net_queue work;
    struct net_frame *f;
    wait(n, ms);
    mutex_lock(&n->lock);
    n->asleep = false;
    work = n->to_host;
    n->to_host = (struct net_queue){0};
    bool starved = n->starved; // set only while the queue was full, so there is room now
    n->starved = false;
    mutex_unlock(&n->lock);
    n->ops->serve(n, &n->polls); // first: it is about the descriptors as prepare() listed them
    while ((f = queue_take(&work)))
        n->ops->input(n, f);
    if (n->out.head || starved)
        hand_over(n, starved);
}

static void *run(void *opaque)
{
    struct net *n = opaque;
    pthread_setname_np(pthread_self(), "armlet-net");
    for (;;) {
        mutex_lock(&n->lock);
        bool stop = n->stop;
        mutex_unlock(&n->lock);
        if (stop)
            return NULL;
        net_step(n, -1);
    }
}

void net_start(struct net *n, struct mutex *door)
{
    sigset_t all, old; // signals are the machine's thread's
    n->door = door;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int r = pthread_create(&n->thread, NULL, run, n);
    assert(r == 0);
    (void)r;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    n->running = true;
}

static void wake(struct net *n)
{
    uint64_t one = 1;
    (void)!write(n->wake_fd, &one, sizeof one);
}

void net_destroy(struct net *n)
{
    if (!n)
        return;
    if (n->running) {
        mutex_lock(&n->lock);
        n->stop = true;
        mutex_unlock(&n->lock);
        wake(n);
        pthread_join(n->thread, NULL);
    }
    n->ops->destroy(n);
}

// The card's side --------------------------------------------------------------------------------

void net_attach(struct net *n, const struct net_front *front, void *opaque)
{
    if (!n)
        return;
    n->front = front;
    n->front_opaque = opaque;
}

bool net_room(struct net *n)
{
    if (!n)
        return true;
    mutex_lock(&n->lock);
    bool room = n->to_host.bytes < TO_HOST_BYTES;
    n->starved = !room;
    mutex_unlock(&n->lock);
    return room;
}

void net_send(struct net *n, struct net_frame *f)
{
    if (!n) {
        free(f);
        return;
    }
    mutex_lock(&n->lock);
    queue_put(&n->to_host, f);
    mutex_unlock(&n->lock);
}

void net_kick(struct net *n)
{
    if (!n)
        return;
    mutex_lock(&n->lock);
    bool asleep = n->asleep && n->to_host.head;
    if (asleep)
        n->asleep = false;
    mutex_unlock(&n->lock);
    if (asleep)
        wake(n);
}

void net_accept(struct net *n, unsigned gso)
{
    if (n)
        __atomic_store_n(&n->accepts_gso, gso, __ATOMIC_RELAXED);
}

struct net_frame *net_head(struct net *n)
{
    return n ? n->to_guest.head : NULL;
}

void net_drop(struct net *n)
{
    free(queue_take(&n->to_guest));
}

void net_forget(struct net *n)
{
    if (n)
        queue_clear(&n->to_guest);
}
