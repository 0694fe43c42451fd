// SPDX-License-Identifier: GPL-3.0-or-later
// The part of a virtio device that every model and every transport shares: status, features,
// notification with a bounded share of work, interrupts, what happens to a broken driver.
#include "devices/virtio/virtio.h"

#include <assert.h>

#define STATE_VERSION 2
#define ISR_QUEUE     1u
#define ISR_CONFIG    2u
#define LEGACY_ALIGN  4096

void virtio_init(struct virtio *v, const struct virtio_ops *ops, const char *name)
{
    *v = (struct virtio){.ops = ops, .name = name, .features = ops->features};
    assert(ops->queues <= VIRTIO_MAX_QUEUES && ops->queue_max <= VIRTQ_MAX_SIZE);
}

uint64_t virtio_offered(const struct virtio *v)
{
    uint64_t common = BIT(VIRTIO_F_INDIRECT_DESC) | BIT(VIRTIO_F_EVENT_IDX);
    if (v->legacy)
        return (v->features & UINT32_MAX) | common | BIT(VIRTIO_F_ANY_LAYOUT);
    return v->features | common | BIT(VIRTIO_F_VERSION_1);
}

void virtio_reset(struct virtio *v)
{
    if (v->ops->reset)
        v->ops->reset(v);
    timer_disarm(&v->again);
    uint32_t generation = v->s.generation;
    v->s = (struct virtio_state){.generation = generation};
    for (unsigned i = 0; i < v->ops->queues; i++) {
        v->s.queue[i].size = v->ops->queue_max;
        v->s.queue[i].align = LEGACY_ALIGN;
    }
    v->irq(v->irq_opaque);
}

// Whether the driver may have its queues looked at. Legacy drivers are not held to the status.
static bool alive(const struct virtio *v)
{
    if (v->s.status & VIRTIO_S_NEEDS_RESET)
        return false;
    return v->legacy || (v->s.status & VIRTIO_S_DRIVER_OK);
}

static void run_queue(struct virtio *v, unsigned queue)
{
    if (!alive(v) || !v->s.queue[queue].ready)
        return;
    v->budget = v->s.queue[queue].size;
    v->ops->notify(v, queue);
    v->budget = 0;
}

static void run_again(void *opaque)
{
    struct virtio *v = opaque;
    uint32_t queues = v->s.unfinished;
    v->s.unfinished = 0;
    for (; queues; queues &= queues - 1)
        run_queue(v, ctz64(queues));
}

void virtio_attach(struct virtio *v, const struct bus *bus, struct clock *clock, bool legacy,
                   void (*irq)(void *opaque), void *opaque, const struct log *log)
{
    v->bus = bus;
    v->legacy = legacy;
    v->irq = irq;
    v->irq_opaque = opaque;
    v->log = log;
    timer_init(&v->again, clock, run_again, v);
    for (unsigned i = 0; i < v->ops->queues; i++)
        v->queue[i] = (struct virtq){.s = &v->s.queue[i], .bus = bus};
    virtio_reset(v);
}

void virtio_destroy(struct virtio *v)
{
    if (!v)
        return;
    if (v->again.clock)
        timer_disarm(&v->again);
    v->ops->destroy(v);
}

void virtio_start(struct virtio *v, struct mutex *lock)
{
    if (v->ops->start)
        v->ops->start(v, lock);
}

void virtio_drain(struct virtio *v)
{
    if (v->ops->drain)
        v->ops->drain(v);
}

void virtio_notify(struct virtio *v, unsigned queue)
{
    if (queue < v->ops->queues) {
        v->s.unfinished &= ~(1u << queue);
        run_queue(v, queue);
    } else {
        log_printf(v->log, LOG_GUEST_ERROR, "%s: notified of queue %u\n", v->name, queue);
    }
}

static struct virtq *queue_of(struct virtio *v, unsigned queue)
{
    struct virtq *q = &v->queue[queue];
    q->indirect = virtio_has(v, VIRTIO_F_INDIRECT_DESC);
    q->event_idx = virtio_has(v, VIRTIO_F_EVENT_IDX);
    return q;
}

bool virtio_pop(struct virtio *v, unsigned queue, struct virtq_chain *chain)
{
    const char *why;
    if (!alive(v))
        return false;
    if (!v->budget) {
        v->s.unfinished |= 1u << queue;
        timer_arm(&v->again, clock_now(v->again.clock));
        return false;
    }
    v->budget--;
    switch (virtq_pop(queue_of(v, queue), chain, &why)) {
    case VIRTQ_CHAIN:
        return true;
    case VIRTQ_BROKEN:
        virtio_broken(v, why);
        return false;
    default:
        return false;
    }
}

void virtio_push(struct virtio *v, unsigned queue, const struct virtq_chain *chain,
                 uint32_t written)
{
    // A ring that has left RAM since is found out by the next pop.
    if (!(v->s.status & VIRTIO_S_NEEDS_RESET))
        virtq_push(queue_of(v, queue), chain, written);
}

void virtio_unpop(struct virtio *v, unsigned queue, unsigned count)
{
    virtq_unpop(&v->queue[queue], count);
}

void virtio_stall(struct virtio *v, unsigned queue)
{
    v->s.unfinished |= 1u << queue;
}

static void raise(struct virtio *v, uint32_t isr)
{
    v->s.isr |= isr;
    v->irq(v->irq_opaque);
}

void virtio_signal(struct virtio *v, unsigned queue)
{
    if (alive(v) && virtq_should_signal(queue_of(v, queue)))
        raise(v, ISR_QUEUE);
}

void virtio_config_changed(struct virtio *v)
{
    v->s.generation++;
    if (v->s.status & VIRTIO_S_DRIVER_OK)
        raise(v, ISR_CONFIG);
}

void virtio_broken(struct virtio *v, const char *why)
{
    log_printf(v->log, LOG_GUEST_ERROR, "%s: broken driver: %s\n", v->name, why);
    v->s.status |= VIRTIO_S_NEEDS_RESET;
    if (!v->legacy && (v->s.status & VIRTIO_S_DRIVER_OK))
        raise(v, ISR_CONFIG);
}

void virtio_save(struct virtio *v, struct state_writer *w)
{
    state_put(w, v->name, STATE_VERSION, &v->s, sizeof v->s);
    if (v->ops->save)
        v->ops->save(v, w);
}

static bool valid(const struct virtio *v, const struct virtio_state *s)
{
    // Until it says that it has chosen, a modern driver may write any features.
    bool chosen = v->legacy || (s->status & VIRTIO_S_FEATURES_OK);
    if ((chosen && (s->driver_features & ~virtio_offered(v))) ||
        (s->isr & ~(ISR_QUEUE | ISR_CONFIG)) || s->status > 0xff ||
        (s->unfinished & ~mask64(v->ops->queues)))
        return false;
    for (unsigned i = 0; i < v->ops->queues; i++) {
        const struct virtq_state *q = &s->queue[i];
        if (!q->size || q->size > v->ops->queue_max || (q->size & (q->size - 1)) || q->ready > 1 ||
            q->signalled_valid > 1)
            return false;
    }
    return true;
}

bool virtio_load(struct virtio *v, struct state_reader *r, struct error *err)
{
    struct virtio_state s;
    if (!state_get(r, v->name, STATE_VERSION, &s, sizeof s, err))
        return false;
    if (!valid(v, &s))
        return error_set(err, "saved state: section \"%s\" is damaged", v->name);
    if (v->ops->load && !v->ops->load(v, r, err))
        return false;
    v->s = s;
    // Exactly the queues that had been kicked: what is offered and not kicked is not looked at, so
    // that the driver sees what it would have seen without the load.
    timer_arm(&v->again, s.unfinished ? clock_now(v->again.clock) : CLOCK_NEVER);
    v->irq(v->irq_opaque);
    return true;
}
