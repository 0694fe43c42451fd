// SPDX-License-Identifier: GPL-3.0-or-later
// send-key and input-send-event. A list is checked as a whole before any of it reaches the guest.
#include "devices/input/keys.h"
#include "machine/qmp_commands.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_EVENTS = 1024 };

// A KeyValue, {"type": "qcode", "data": "ret"} or {"type": "number", "data": 28}; 0 with err set.
static unsigned parse_key(json_t *v, struct qmp_error *err)
{
    const char *type, *name;
    json_t *data;
    json_error_t why;
    if (json_unpack_ex(v, &why, JSON_STRICT, "{s:s, s:o}", "type", &type, "data", &data))
        return qmp_fail(err, "GenericError", "a key: %s", why.text), 0;
    unsigned code = 0;
    if (!strcmp(type, "qcode") && (name = json_string_value(data)))
        code = key_of_qcode(name);
    else if (!strcmp(type, "number") && json_is_integer(data))
        code = key_of_number((long)json_integer_value(data));
    else
        qmp_fail(err, "GenericError", "a key's type is qcode (a string) or number (an integer)");
    if (!code && !err->error.text[0]) {
        char *text = json_dumps(data, JSON_ENCODE_ANY);
        qmp_fail(err, "GenericError", "there is no key %.60s", text);
        free(text);
    }
    return code;
}

json_t *qmp_send_key(struct qmp *q, json_t *args, struct qmp_error *err)
{
    json_t *keys = json_object_get(args, "keys"), *hold = json_object_get(args, "hold-time");
    json_int_t ms = hold ? json_integer_value(hold) : KEY_QUEUE_HOLD_MS;
    unsigned codes[KEY_QUEUE_STROKE];
    size_t n = json_array_size(keys);
    if (n < 1 || n > KEY_QUEUE_STROKE)
        return qmp_fail(err, "GenericError", "Parameter 'keys' takes 1 to %d keys",
                        KEY_QUEUE_STROKE);
    if (ms < 1 || ms > KEY_QUEUE_MAX_HOLD_MS)
        return qmp_fail(err, "GenericError", "Parameter 'hold-time' is 1 to %d milliseconds",
                        KEY_QUEUE_MAX_HOLD_MS);
    for (size_t i = 0; i < n; i++)
        if (!(codes[i] = parse_key(json_array_get(keys, i), err)))
            return NULL;
    if (!key_queue_stroke(&q->keys, codes, (unsigned)n, (unsigned)ms))
        return qmp_fail(err, "GenericError", "too many keys are waiting to be sent");
    return json_object();
}

// Names of QMP's enumerations as Linux's codes.
struct name {
    const char *name;
    unsigned code;
    int32_t wheel; // a button that is a notch of the wheel
};

static const struct name buttons[] = {
    {"left", BTN_LEFT, 0},         {"middle", BTN_MIDDLE, 0},      {"right", BTN_RIGHT, 0},
    {"side", BTN_SIDE, 0},         {"extra", BTN_EXTRA, 0},        {"wheel-up", REL_WHEEL, 1},
    {"wheel-down", REL_WHEEL, -1}, {"wheel-left", REL_HWHEEL, -1}, {"wheel-right", REL_HWHEEL, 1},
};
static const struct name axes[] = {{"x", REL_X, 0}, {"y", REL_Y, 0}};

static const struct name *find(const struct name *names, size_t n, const char *what,
                               const char *name, struct qmp_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(names[i].name, name))
            return &names[i];
    qmp_fail(err, "GenericError", "there is no %s %.60s", what, name);
    return NULL;
}

static bool parse_button(json_t *data, struct input_event *e, struct qmp_error *err)
{
    const char *name;
    int down;
    json_error_t why;
    if (json_unpack_ex(data, &why, JSON_STRICT, "{s:s, s:b}", "button", &name, "down", &down))
        return qmp_fail(err, "GenericError", "a btn event: %s", why.text);
    const struct name *b = find(buttons, ARRAY_SIZE(buttons), "button", name, err);
    if (!b)
        return false;
    if (b->wheel)
        *e = (struct input_event){EV_REL, (uint16_t)b->code, down ? b->wheel : 0};
    else
        *e = (struct input_event){EV_KEY, (uint16_t)b->code, down};
    return true;
}

static bool parse_axis(json_t *data, uint16_t type, struct input_event *e, struct qmp_error *err)
{
    const char *name;
    json_int_t value;
    json_error_t why;
    if (json_unpack_ex(data, &why, JSON_STRICT, "{s:s, s:I}", "axis", &name, "value", &value))
        return qmp_fail(err, "GenericError", "a motion event: %s", why.text);
    const struct name *a = find(axes, ARRAY_SIZE(axes), "axis", name, err);
    if (!a)
        return false;
    if (value < -INPUT_ABS_MAX || value > INPUT_ABS_MAX || (type == EV_ABS && value < 0))
        return qmp_fail(err, "GenericError", "a motion event's value is out of range");
    *e = (struct input_event){type, (uint16_t)a->code, (int32_t)value};
    return true;
}

static bool parse_key_event(json_t *data, struct input_event *e, struct qmp_error *err)
{
    json_t *key;
    int down;
    json_error_t why;
    if (json_unpack_ex(data, &why, JSON_STRICT, "{s:o, s:b}", "key", &key, "down", &down))
        return qmp_fail(err, "GenericError", "a key event: %s", why.text);
    unsigned code = parse_key(key, err);
    *e = (struct input_event){EV_KEY, (uint16_t)code, down};
    return code;
}

static bool parse_event(json_t *v, struct input_event *e, struct qmp_error *err)
{
    const char *type;
    json_t *data;
    json_error_t why;
    if (json_unpack_ex(v, &why, JSON_STRICT, "{s:s, s:o}", "type", &type, "data", &data))
        return qmp_fail(err, "GenericError", "an event: %s", why.text);
    if (!strcmp(type, "key"))
        return parse_key_event(data, e, err);
    if (!strcmp(type, "btn"))
        return parse_button(data, e, err);
    if (!strcmp(type, "rel"))
        return parse_axis(data, EV_REL, e, err);
    if (!strcmp(type, "abs"))
        return parse_axis(data, EV_ABS, e, err);
    return qmp_fail(err, "GenericError", "there is no event type %.60s", type);
}

json_t *qmp_input_send_event(struct qmp *q, json_t *args, struct qmp_error *err)
{
    json_t *list = json_object_get(args, "events");
    struct input_event events[MAX_EVENTS];
    size_t n = json_array_size(list);
    if (n > MAX_EVENTS)
        return qmp_fail(err, "GenericError", "more than %d events", MAX_EVENTS);
    for (size_t i = 0; i < n; i++)
        if (!parse_event(json_array_get(list, i), &events[i], err))
            return NULL;
    for (size_t i = 0; i < n; i++)
        if (events[i].type != EV_REL || events[i].value)
            input_event(&q->m->input, events[i].type, events[i].code, events[i].value);
    input_sync(&q->m->input);
    return json_object();
}
