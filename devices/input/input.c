// SPDX-License-Identifier: GPL-3.0-or-later
// While a queue is full, or still owes something, what comes is merged into `wanted`, `abs`, `rel`
// and `wheel`; when the device has emptied the queue, one report makes up for it. So the guest ends
// in the right state however slow it is, and the order of what is in the queue is kept.
#include "devices/input/input.h"

#include "base/bits.h"

#include <string.h>

// Room for a report's other events and its SYN behind the last key.
#define REPORT_TAIL 8

void input_init(struct input *in)
{
    *in = (struct input){0};
    mutex_init(&in->lock);
}

void input_fini(struct input *in)
{
    for (size_t i = 0; i < INPUT_MAX_SINKS; i++)
        assert(!in->sinks[i]);
    mutex_fini(&in->lock);
}

static bool test_key(const uint64_t *set, unsigned code)
{
    return set[code / 64] >> code % 64 & 1;
}

static void assign_key(uint64_t *set, unsigned code, bool down)
{
    set[code / 64] = deposit64(set[code / 64], code % 64, 1, down);
}

// The queue ---------------------------------------------------------------------------------------

static void put(struct input_sink *s, unsigned type, unsigned code, int32_t value)
{
    assert(s->count < INPUT_QUEUE);
    s->queue[(s->head + s->count++) % INPUT_QUEUE] =
        (struct input_event){(uint16_t)type, (uint16_t)code, value};
    s->open = type != EV_SYN;
}

// Whether an event has to be merged: no room, or something before it was.
static bool jammed(struct input_sink *s)
{
    return s->merged || s->count >= INPUT_QUEUE - REPORT_TAIL;
}

static int32_t add(int32_t a, int32_t b)
{
    int64_t sum = (int64_t)a + b;
    return sum < INT32_MIN ? INT32_MIN : sum > INT32_MAX ? INT32_MAX : (int32_t)sum;
}

static void merge_motion(struct input_sink *s, unsigned type, unsigned code, int32_t value)
{
    if (type == EV_ABS) {
        s->abs[code == ABS_Y] = value;
        s->moved = true;
    } else if (code == REL_X || code == REL_Y) {
        s->rel[code == REL_Y] = add(s->rel[code == REL_Y], value);
    } else {
        s->wheel[code == REL_WHEEL] = add(s->wheel[code == REL_WHEEL], value);
    }
}

static void push_motion(struct input_sink *s, unsigned type, unsigned code, int32_t value)
{
    if (jammed(s)) {
        s->merged = true;
        merge_motion(s, type, code, value);
        return;
    }
    put(s, type, code, value);
    if (type == EV_ABS) // where a jam would begin
        s->abs[code == ABS_Y] = value;
}

static void push_key(struct input_sink *s, unsigned code, bool down)
{
    if (test_key(s->wanted, code) == down)
        return;
    assign_key(s->wanted, code, down);
    if (jammed(s)) {
        s->merged = true;
        return;
    }
    assign_key(s->down, code, down);
    put(s, EV_KEY, code, down);
}

static void report(struct input_sink *s)
{
    if (s->open)
        put(s, EV_SYN, SYN_REPORT, 0);
    if ((s->count || s->merged) && s->wake)
        s->wake(s->opaque);
}

static void settle_pair(struct input_sink *s, unsigned type, unsigned x, unsigned y, int32_t *pair)
{
    if (pair[0])
        put(s, type, x, pair[0]);
    if (pair[1])
        put(s, type, y, pair[1]);
    pair[0] = pair[1] = 0;
}

// One report of what was merged, into an empty queue. Keys that do not fit wait for the next.
static void settle(struct input_sink *s)
{
    bool more = false;
    for (unsigned w = 0; w < ARRAY_SIZE(s->down); w++)
        for (uint64_t bits = s->down[w] ^ s->wanted[w]; bits; bits &= bits - 1) {
            unsigned code = 64 * w + ctz64(bits);
            if (s->count >= INPUT_QUEUE - REPORT_TAIL) {
                more = true;
                break;
            }
            assign_key(s->down, code, test_key(s->wanted, code));
            put(s, EV_KEY, code, test_key(s->down, code));
        }
    if (s->moved) {
        put(s, EV_ABS, ABS_X, s->abs[0]);
        put(s, EV_ABS, ABS_Y, s->abs[1]);
        s->moved = false;
    }
    settle_pair(s, EV_REL, REL_X, REL_Y, s->rel);
    settle_pair(s, EV_REL, REL_HWHEEL, REL_WHEEL, s->wheel);
    if (s->open)
        put(s, EV_SYN, SYN_REPORT, 0);
    s->merged = more;
}

// The front end's side ---------------------------------------------------------------------------

static struct input_sink *find(struct input *in, enum input_kind kind)
{
    for (size_t i = 0; i < INPUT_MAX_SINKS; i++)
        if (in->sinks[i] && in->sinks[i]->kind == kind)
            return in->sinks[i];
    return NULL;
}

static struct input_sink *find_pointer(struct input *in)
{
    struct input_sink *s = in->pointer ? find(in, in->pointer) : NULL;
    s = s ? s : find(in, INPUT_TABLET);
    return s ? s : find(in, INPUT_MOUSE);
}

static bool is_button(unsigned code)
{
    return code >= BTN_MISC && code < KEY_OK;
}

unsigned input_kinds(struct input *in)
{
    unsigned kinds = 0;
    mutex_lock(&in->lock);
    for (size_t i = 0; i < INPUT_MAX_SINKS; i++)
        kinds |= in->sinks[i] ? in->sinks[i]->kind : 0;
    mutex_unlock(&in->lock);
    return kinds;
}

static void press(struct input *in, unsigned code, bool down)
{
    if (!code || code >= INPUT_KEYS)
        return;
    struct input_sink *s = is_button(code) ? find_pointer(in) : find(in, INPUT_KEYBOARD);
    // A button goes up where it went down, whatever pointer has moved since.
    for (size_t i = 0; i < INPUT_MAX_SINKS && !down; i++)
        if (in->sinks[i] && test_key(in->sinks[i]->wanted, code))
            s = in->sinks[i];
    if (s)
        push_key(s, code, down);
}

static void move(struct input *in, enum input_kind kind, unsigned type, unsigned code,
                 int32_t value)
{
    struct input_sink *s = find(in, kind);
    if (!s)
        return;
    in->pointer = kind;
    push_motion(s, type, code, value);
}

static int32_t clamp_abs(int32_t v)
{
    return v < 0 ? 0 : v < INPUT_ABS_MAX ? v : INPUT_ABS_MAX;
}

static void turn(struct input *in, unsigned code, int32_t value)
{
    struct input_sink *s = find_pointer(in);
    if (s && value)
        push_motion(s, EV_REL, code, value);
}

static void sync_all(struct input *in)
{
    for (size_t i = 0; i < INPUT_MAX_SINKS; i++)
        if (in->sinks[i])
            report(in->sinks[i]);
}

void input_key(struct input *in, unsigned code, bool down)
{
    mutex_lock(&in->lock);
    press(in, code, down);
    mutex_unlock(&in->lock);
}

void input_button(struct input *in, unsigned code, bool down)
{
    input_key(in, code, down);
}

void input_abs(struct input *in, int32_t x, int32_t y)
{
    mutex_lock(&in->lock);
    move(in, INPUT_TABLET, EV_ABS, ABS_X, clamp_abs(x));
    move(in, INPUT_TABLET, EV_ABS, ABS_Y, clamp_abs(y));
    mutex_unlock(&in->lock);
}

void input_rel(struct input *in, int32_t dx, int32_t dy)
{
    mutex_lock(&in->lock);
    if (dx)
        move(in, INPUT_MOUSE, EV_REL, REL_X, dx);
    if (dy)
        move(in, INPUT_MOUSE, EV_REL, REL_Y, dy);
    mutex_unlock(&in->lock);
}

void input_wheel(struct input *in, int32_t dx, int32_t dy)
{
    mutex_lock(&in->lock);
    turn(in, REL_HWHEEL, dx);
    turn(in, REL_WHEEL, dy);
    mutex_unlock(&in->lock);
}

void input_sync(struct input *in)
{
    mutex_lock(&in->lock);
    sync_all(in);
    mutex_unlock(&in->lock);
}

void input_release_all(struct input *in)
{
    mutex_lock(&in->lock);
    for (size_t i = 0; i < INPUT_MAX_SINKS; i++)
        for (unsigned w = 0; in->sinks[i] && w < INPUT_KEYS / 64; w++)
            for (uint64_t bits = in->sinks[i]->wanted[w]; bits; bits &= bits - 1)
                push_key(in->sinks[i], 64 * w + ctz64(bits), false);
    sync_all(in);
    mutex_unlock(&in->lock);
}

static bool send(struct input *in, uint16_t type, uint16_t code, int32_t value)
{
    if (type == EV_SYN && code == SYN_REPORT)
        sync_all(in);
    else if (type == EV_KEY && code && code < INPUT_KEYS && (value == 0 || value == 1))
        press(in, code, value);
    else if (type == EV_ABS && (code == ABS_X || code == ABS_Y))
        move(in, INPUT_TABLET, type, code, clamp_abs(value));
    else if (type == EV_REL && (code == REL_X || code == REL_Y))
        move(in, INPUT_MOUSE, type, code, value);
    else if (type == EV_REL && (code == REL_WHEEL || code == REL_HWHEEL))
        turn(in, code, value);
    else
        return false;
    return true;
}

bool input_event(struct input *in, uint16_t type, uint16_t code, int32_t value)
{
    mutex_lock(&in->lock);
    bool ok = send(in, type, code, value);
    mutex_unlock(&in->lock);
    return ok;
}

bool input_is_down(struct input *in, unsigned code)
{
    bool down = false;
    mutex_lock(&in->lock);
    for (size_t i = 0; i < INPUT_MAX_SINKS && code < INPUT_KEYS; i++)
        down |= in->sinks[i] && test_key(in->sinks[i]->wanted, code);
    mutex_unlock(&in->lock);
    return down;
}

// The device's side ------------------------------------------------------------------------------

bool input_attach(struct input *in, struct input_sink *sink, enum input_kind kind,
                  void (*wake)(void *opaque), void *opaque)
{
    *sink = (struct input_sink){.kind = kind, .wake = wake, .opaque = opaque};
    mutex_lock(&in->lock);
    for (size_t i = 0; i < INPUT_MAX_SINKS && !sink->input; i++)
        if (!in->sinks[i]) {
            in->sinks[i] = sink;
            sink->input = in;
        }
    mutex_unlock(&in->lock);
    return sink->input;
}

void input_detach(struct input_sink *sink)
{
    struct input *in = sink->input;
    if (!in)
        return;
    mutex_lock(&in->lock);
    for (size_t i = 0; i < INPUT_MAX_SINKS; i++)
        if (in->sinks[i] == sink)
            in->sinks[i] = NULL;
    sink->input = NULL;
    mutex_unlock(&in->lock);
}

// How many of the queued events make up the first report; 0 when its SYN is not there yet.
static size_t first_report(const struct input_sink *s)
{
    for (unsigned i = 0; i < s->count; i++)
        if (s->queue[(s->head + i) % INPUT_QUEUE].type == EV_SYN)
            return i + 1;
    return 0;
}

size_t input_pop(struct input_sink *s, struct input_event *events, size_t max)
{
    mutex_lock(&s->input->lock);
    if (!s->count && s->merged)
        settle(s);
    size_t n = first_report(s);
    n = n < max ? n : max;
    for (size_t i = 0; i < n; i++)
        events[i] = s->queue[(s->head + i) % INPUT_QUEUE];
    s->head = (s->head + (unsigned)n) % INPUT_QUEUE;
    s->count -= (unsigned)n;
    mutex_unlock(&s->input->lock);
    return n;
}

void input_reset_sink(struct input_sink *s)
{
    mutex_lock(&s->input->lock);
    s->head = s->count = 0;
    memset(s->down, 0, sizeof s->down);
    memset(s->wanted, 0, sizeof s->wanted);
    memset(s->rel, 0, sizeof s->rel);
    memset(s->wheel, 0, sizeof s->wheel);
    s->merged = s->moved = s->open = false;
    mutex_unlock(&s->input->lock);
}
