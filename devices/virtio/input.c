// SPDX-License-Identifier: GPL-3.0-or-later
// What a device says of itself is a table: name and, for each type of event, the codes it may send.
// The driver selects a row by `select` and `subsel` and reads its size and bytes; that is all of
// the configuration space.
//
// Events wait in the sink (devices/input) until the driver has given buffers, one event each. A
// front end's wake() arms a timer, so that the device runs under the machine lock.
#include "devices/virtio/input.h"

#include <assert.h>
#include <linux/virtio_input.h>
#include <stdlib.h>
#include <string.h>

#define STATE_VERSION 1
#define BUS_OF_ALL    6 // BUS_VIRTUAL of <linux/input.h>
#define VENDOR        0x0627
#define MAX_PENDING   64

enum { QUEUE_EVENTS, QUEUE_STATUS, QUEUES };

struct range { // of codes
    uint16_t first, last;
};

struct model {
    enum input_kind kind;
    const char *name;
    uint16_t product;
    struct codes {
        uint16_t type;
        struct range ranges[3];
    } codes[4];
};

// clang-format off
static const struct model models[] = {
    { INPUT_KEYBOARD, "virtio-keyboard", 1, {
        { EV_KEY, { { KEY_ESC, KEY_MICMUTE } } },
        { EV_LED, { { LED_NUML, LED_SCROLLL } } },
        { EV_REP, { { REP_DELAY, REP_PERIOD } } } } },
    { INPUT_MOUSE, "virtio-mouse", 2, {
        { EV_KEY, { { BTN_LEFT, BTN_TASK } } },
        { EV_REL, { { REL_X, REL_Y }, { REL_HWHEEL, REL_HWHEEL }, { REL_WHEEL, REL_WHEEL } } } } },
    { INPUT_TABLET, "virtio-tablet", 3, {
        { EV_KEY, { { BTN_LEFT, BTN_TASK } } },
        { EV_REL, { { REL_HWHEEL, REL_HWHEEL }, { REL_WHEEL, REL_WHEEL } } },
        { EV_ABS, { { ABS_X, ABS_Y } } } } },
};
// clang-format on

struct input_state { // plain, saved
    uint8_t select, subsel;
    uint16_t kind;                           // compared when the state is loaded
    uint32_t count;                          // of pending
    struct input_event pending[MAX_PENDING]; // taken from the sink, not yet given to the driver
};

struct virtio_input {
    struct virtio v;
    struct input_state s;
    const struct model *model;
    struct input_sink sink;
    struct clock_timer woken;
    struct virtq_chain chain;
};

static struct virtio_input *of(struct virtio *v)
{
    return container_of(v, struct virtio_input, v);
}

// Configuration space -----------------------------------------------------------------------------

static void set_bit(struct virtio_input_config *c, unsigned n)
{
    c->u.bitmap[n / 8] |= (uint8_t)(1u << n % 8);
    if (c->size < n / 8 + 1)
        c->size = (uint8_t)(n / 8 + 1);
}

static void fill_bits(struct virtio_input_config *c, const struct model *m, unsigned type)
{
    for (size_t i = 0; i < ARRAY_SIZE(m->codes); i++)
        for (size_t j = 0; j < ARRAY_SIZE(m->codes[i].ranges); j++) {
            const struct range *r = &m->codes[i].ranges[j];
            bool used = r->first || r->last;
            for (unsigned n = r->first; m->codes[i].type == type && used && n <= r->last; n++)
                set_bit(c, n);
        }
}

static void fill_config(struct virtio_input_config *c, const struct virtio_input *k)
{
    const struct model *m = k->model;
    *c = (struct virtio_input_config){.select = k->s.select, .subsel = k->s.subsel};
    if (c->select == VIRTIO_INPUT_CFG_ID_NAME && !c->subsel) {
        c->size = (uint8_t)strlen(m->name);
        memcpy(c->u.string, m->name, c->size);
    } else if (c->select == VIRTIO_INPUT_CFG_ID_DEVIDS && !c->subsel) {
        c->size = sizeof c->u.ids;
        c->u.ids = (struct virtio_input_devids){BUS_OF_ALL, VENDOR, m->product, 1};
    } else if (c->select == VIRTIO_INPUT_CFG_EV_BITS && c->subsel) {
        fill_bits(c, m, c->subsel);
    } else if (c->select == VIRTIO_INPUT_CFG_ABS_INFO && m->kind == INPUT_TABLET &&
               c->subsel <= ABS_Y) {
        c->size = sizeof c->u.abs;
        c->u.abs = (struct virtio_input_absinfo){.max = INPUT_ABS_MAX};
    }
}

static uint64_t input_config_read(struct virtio *v, unsigned offset, unsigned size)
{
    struct virtio_input_config c;
    uint64_t value = 0;
    fill_config(&c, of(v));
    memcpy(&value, (const uint8_t *)&c + offset, size);
    return value;
}

static void input_config_write(struct virtio *v, unsigned offset, unsigned size, uint64_t value)
{
    struct virtio_input *k = of(v);
    for (unsigned i = 0; i < size; i++, offset++, value >>= 8) {
        if (offset == offsetof(struct virtio_input_config, select))
            k->s.select = (uint8_t)value;
        else if (offset == offsetof(struct virtio_input_config, subsel))
            k->s.subsel = (uint8_t)value;
    }
}

// Queues ------------------------------------------------------------------------------------------

static bool has_pending(struct virtio_input *k)
{
    if (!k->s.count)
        k->s.count = (uint32_t)input_pop(&k->sink, k->s.pending, MAX_PENDING);
    return k->s.count;
}

static void send_events(struct virtio_input *k)
{
    struct virtio *v = &k->v;
    bool any = false;
    while (has_pending(k) && virtio_pop(v, QUEUE_EVENTS, &k->chain)) {
        const struct input_event *e = &k->s.pending[0];
        size_t n = virtq_write(&v->queue[QUEUE_EVENTS], &k->chain, 0, e, sizeof *e);
        virtio_push(v, QUEUE_EVENTS, &k->chain, (uint32_t)n);
        memmove(&k->s.pending[0], &k->s.pending[1], --k->s.count * sizeof *e);
        any = true;
    }
    if (any)
        virtio_signal(v, QUEUE_EVENTS);
}

// LEDs: there are none to light.
static void take_status(struct virtio_input *k)
{
    bool any = false;
    while (virtio_pop(&k->v, QUEUE_STATUS, &k->chain)) {
        virtio_push(&k->v, QUEUE_STATUS, &k->chain, 0);
        any = true;
    }
    if (any)
        virtio_signal(&k->v, QUEUE_STATUS);
}

static void input_notify(struct virtio *v, unsigned queue)
{
    if (queue == QUEUE_EVENTS)
        send_events(of(v));
    else
        take_status(of(v));
}

static void serve(void *opaque)
{
    struct virtio_input *k = opaque;
    virtio_notify(&k->v, QUEUE_EVENTS);
}

static void wake(void *opaque)
{
    struct virtio_input *k = opaque;
    timer_arm(&k->woken, clock_now(k->woken.clock));
}

// State -------------------------------------------------------------------------------------------

static void input_model_reset(struct virtio *v)
{
    struct virtio_input *k = of(v);
    k->s = (struct input_state){.kind = (uint16_t)k->model->kind};
    input_reset_sink(&k->sink);
}

static void input_save(struct virtio *v, struct state_writer *w)
{
    struct virtio_input *k = of(v);
    struct input_state s = {
        .select = k->s.select, .subsel = k->s.subsel, .kind = k->s.kind, .count = k->s.count};
    memcpy(s.pending, k->s.pending, k->s.count * sizeof *s.pending);
    state_put(w, "input", STATE_VERSION, &s, sizeof s);
}

static bool input_load(struct virtio *v, struct state_reader *r, struct error *err)
{
    struct virtio_input *k = of(v);
    struct input_state s;
    if (!state_get(r, "input", STATE_VERSION, &s, sizeof s, err))
        return false;
    if (s.kind != k->model->kind || s.count > MAX_PENDING)
        return error_set(err, "saved state: section \"input\" does not fit %s", k->model->name);
    input_model_reset(v); // what the host holds down now is not what the guest has seen
    k->s = s;
    return true;
}

static void input_destroy(struct virtio *v)
{
    struct virtio_input *k = of(v);
    input_detach(&k->sink);
    timer_disarm(&k->woken);
    free(k);
}

struct virtio *virtio_input_create(enum input_kind kind, struct input *in, struct clock *clock)
{
    static const struct virtio_ops ops = {
        .id = 18,
        .queues = QUEUES,
        .queue_max = 64,
        .modern_only = true,
        .config_size = sizeof(struct virtio_input_config),
        .config_read = input_config_read,
        .config_write = input_config_write,
        .notify = input_notify,
        .reset = input_model_reset,
        .save = input_save,
        .load = input_load,
        .destroy = input_destroy,
    };
    struct virtio_input *k = calloc(1, sizeof *k);
    assert(k);
    for (size_t i = 0; i < ARRAY_SIZE(models); i++)
        if (models[i].kind == kind)
            k->model = &models[i];
    assert(k->model);
    virtio_init(&k->v, &ops, k->model->name);
    timer_init(&k->woken, clock, serve, k);
    if (!input_attach(in, &k->sink, kind, wake, k)) {
        free(k);
        return NULL;
    }
    return &k->v;
}
