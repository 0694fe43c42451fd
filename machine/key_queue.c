// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/key_queue.h"

#include "machine/machine.h"

#define MS INT64_C(1000000)

static void arm(struct key_queue *q)
{
    if (q->count)
        timer_arm(&q->timer, clock_now(&q->m->clock) + q->entries[q->head].delay);
}

// Plays everything up to the next pause.
static void play(void *opaque)
{
    struct key_queue *q = opaque;
    do {
        input_key(&q->m->input, q->entries[q->head].code, q->entries[q->head].down);
        q->head = (q->head + 1) % KEY_QUEUE_SIZE;
        q->count--;
    } while (q->count && !q->entries[q->head].delay);
    input_sync(&q->m->input);
    arm(q);
}

void key_queue_init(struct key_queue *q, struct machine *m)
{
    q->m = m;
    q->head = q->count = 0;
    timer_init(&q->timer, &m->clock, play, q);
}

void key_queue_fini(struct key_queue *q)
{
    mutex_lock(&q->m->lock);
    for (; q->count; q->count--, q->head = (q->head + 1) % KEY_QUEUE_SIZE)
        if (!q->entries[q->head].down)
            input_key(&q->m->input, q->entries[q->head].code, false);
    input_sync(&q->m->input);
    timer_disarm(&q->timer);
    mutex_unlock(&q->m->lock);
}

static void put(struct key_queue *q, unsigned code, bool down, int64_t delay)
{
    unsigned i = (q->head + q->count++) % KEY_QUEUE_SIZE;
    q->entries[i].code = (unsigned short)code;
    q->entries[i].down = down;
    q->entries[i].delay = delay;
}

bool key_queue_stroke(struct key_queue *q, const unsigned *codes, unsigned n, unsigned hold_ms)
{
    mutex_lock(&q->m->lock);
    bool fits = n && q->count + 2 * n <= KEY_QUEUE_SIZE, idle = !q->count;
    for (unsigned i = 0; fits && i < n; i++)
        put(q, codes[i], true, i || idle ? 0 : hold_ms * MS); // not one press with what is before
    for (unsigned i = n; fits && i--;)
        put(q, codes[i], false, i == n - 1 ? hold_ms * MS : 0);
    if (fits && idle)
        arm(q);
    mutex_unlock(&q->m->lock);
    return fits;
}
