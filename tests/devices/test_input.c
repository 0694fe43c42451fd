// SPDX-License-Identifier: GPL-3.0-or-later
// Input from front ends: routing, reports, and what becomes of it when the guest is slow.
#include "bench.h"
#include "devices/input/input.h"

#include <string.h>

static struct input in;
static struct input_sink keyboard, tablet, mouse;
static unsigned wakes;

static void wake(void *opaque)
{
    wakes++;
}

static void setup(void)
{
    wakes = 0;
    input_init(&in);
    cr_assert(input_attach(&in, &keyboard, INPUT_KEYBOARD, wake, NULL));
    cr_assert(input_attach(&in, &tablet, INPUT_TABLET, wake, NULL));
    cr_assert(input_attach(&in, &mouse, INPUT_MOUSE, wake, NULL));
}

static void teardown(void)
{
    input_detach(&keyboard);
    input_detach(&tablet);
    input_detach(&mouse);
    input_fini(&in);
}

TestSuite(input, .init = setup, .fini = teardown);

#define EVENTS(...)                                                                                \
    (struct input_event[])                                                                         \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            EV_SYN, SYN_REPORT, 0                                                                  \
        }                                                                                          \
    }
#define EXPECT_REPORT(sink, ...)                                                                   \
    expect_report(sink, EVENTS(__VA_ARGS__),                                                       \
                  sizeof EVENTS(__VA_ARGS__) / sizeof *EVENTS(__VA_ARGS__))

static void expect_report(struct input_sink *sink, const struct input_event *want, size_t n)
{
    struct input_event got[INPUT_QUEUE];
    size_t count = input_pop(sink, got, INPUT_QUEUE);
    EXPECT(count, n);
    for (size_t i = 0; i < n; i++)
        cr_assert(!memcmp(&got[i], &want[i], sizeof *got), "event %zu is %u %u %d, not %u %u %d", i,
                  got[i].type, got[i].code, got[i].value, want[i].type, want[i].code,
                  want[i].value);
}

static void expect_nothing(struct input_sink *sink)
{
    struct input_event e[2];
    EXPECT(input_pop(sink, e, 2), 0);
}

Test(input, routing)
{
    EXPECT(input_kinds(&in), INPUT_KEYBOARD | INPUT_TABLET | INPUT_MOUSE);
    input_key(&in, KEY_A, true);
    input_key(&in, KEY_A, true);  // is down
    input_key(&in, KEY_B, false); // is up
    expect_nothing(&keyboard);    // not reported yet
    input_sync(&in);
    EXPECT(wakes, 1);
    EXPECT_REPORT(&keyboard, {EV_KEY, KEY_A, 1});
    cr_assert(input_is_down(&in, KEY_A) && !input_is_down(&in, KEY_B));
    input_button(&in, BTN_LEFT, true); // nobody moved: the tablet
    input_wheel(&in, 0, -2);
    input_sync(&in);
    EXPECT_REPORT(&tablet, {EV_KEY, BTN_LEFT, 1}, {EV_REL, REL_WHEEL, -2});
    input_rel(&in, 3, 0);
    input_button(&in, BTN_LEFT, false); // where it went down
    input_button(&in, BTN_RIGHT, true);
    input_wheel(&in, 1, 0);
    input_sync(&in);
    EXPECT_REPORT(&tablet, {EV_KEY, BTN_LEFT, 0});
    EXPECT_REPORT(&mouse, {EV_REL, REL_X, 3}, {EV_KEY, BTN_RIGHT, 1}, {EV_REL, REL_HWHEEL, 1});
    input_abs(&in, -5, 40000);
    input_sync(&in);
    EXPECT_REPORT(&tablet, {EV_ABS, ABS_X, 0}, {EV_ABS, ABS_Y, INPUT_ABS_MAX});
    input_detach(&tablet);
    input_abs(&in, 1, 1);
    input_sync(&in);
    EXPECT(input_kinds(&in), INPUT_KEYBOARD | INPUT_MOUSE);
    input_key(&in, 0, true);
    input_key(&in, 100000, true);
    input_sync(&in);
    expect_nothing(&keyboard);
    expect_nothing(&mouse);
}

Test(input, events_of_the_wire)
{
    cr_assert(input_event(&in, EV_KEY, KEY_Q, 1));
    cr_assert(input_event(&in, EV_ABS, ABS_Y, 17));
    cr_assert(input_event(&in, EV_REL, REL_Y, -1));
    cr_assert(input_event(&in, EV_SYN, SYN_REPORT, 0));
    EXPECT_REPORT(&keyboard, {EV_KEY, KEY_Q, 1});
    EXPECT_REPORT(&tablet, {EV_ABS, ABS_Y, 17});
    EXPECT_REPORT(&mouse, {EV_REL, REL_Y, -1});
    cr_assert(!input_event(&in, EV_KEY, KEY_Q, 2));
    cr_assert(!input_event(&in, EV_KEY, 768, 1));
    cr_assert(!input_event(&in, EV_KEY, 0, 1));
    cr_assert(!input_event(&in, EV_ABS, 2, 1));
    cr_assert(!input_event(&in, EV_REL, 2, 1));
    cr_assert(!input_event(&in, EV_FF, 0, 1));
}

Test(input, release_all)
{
    input_key(&in, KEY_LEFTCTRL, true);
    input_key(&in, KEY_C, true);
    input_button(&in, BTN_MIDDLE, true);
    input_sync(&in);
    EXPECT_REPORT(&keyboard, {EV_KEY, KEY_LEFTCTRL, 1}, {EV_KEY, KEY_C, 1});
    EXPECT_REPORT(&tablet, {EV_KEY, BTN_MIDDLE, 1});
    input_release_all(&in);
    EXPECT_REPORT(&keyboard, {EV_KEY, KEY_LEFTCTRL, 0}, {EV_KEY, KEY_C, 0});
    EXPECT_REPORT(&tablet, {EV_KEY, BTN_MIDDLE, 0});
    input_release_all(&in);
    expect_nothing(&keyboard);
}

// The device takes nothing while hundreds of keys and motions come; then it gets what there was
// room for in order, and one report that makes up for the rest.
Test(input, a_jam_loses_no_state)
{
    struct input_event e[INPUT_QUEUE];
    bool down[INPUT_KEYS] = {0};
    int64_t x = 0, wheel = 0;
    int32_t y = -1;
    for (int i = 1; i <= 5000; i++) {
        unsigned code = KEY_ESC + (unsigned)i * 7 % 200;
        input_key(&in, code, i % 3 != 0);
        input_rel(&in, i, 0);
        input_wheel(&in, 0, 1); // the mouse's
        input_sync(&in);
    }
    for (int i = 0; i < 1000; i++) {
        input_abs(&in, i, 2 * i);
        input_sync(&in);
    }
    for (size_t n; (n = input_pop(&keyboard, e, INPUT_QUEUE));)
        for (size_t i = 0; i < n; i++)
            if (e[i].type == EV_KEY) {
                cr_assert(down[e[i].code] != e[i].value, "key %u twice %d", e[i].code, e[i].value);
                down[e[i].code] = e[i].value;
            }
    for (unsigned code = 1; code < BTN_MISC; code++)
        EXPECT(down[code], input_is_down(&in, code));
    for (size_t n; (n = input_pop(&mouse, e, INPUT_QUEUE));)
        for (size_t i = 0; i < n; i++) {
            x += e[i].type == EV_REL && e[i].code == REL_X ? e[i].value : 0;
            wheel += e[i].type == EV_REL && e[i].code == REL_WHEEL ? e[i].value : 0;
        }
    EXPECT(x, 5000 * 5001 / 2);
    EXPECT(wheel, 5000);
    for (size_t n; (n = input_pop(&tablet, e, INPUT_QUEUE));)
        for (size_t i = 0; i < n; i++)
            y = e[i].type == EV_ABS && e[i].code == ABS_Y ? e[i].value : y;
    EXPECT(y, 1998);
    input_key(&in, KEY_A, !down[KEY_A]); // and all goes on as before
    input_sync(&in);
    EXPECT_REPORT(&keyboard, {EV_KEY, KEY_A, !down[KEY_A]});
}

Test(input, small_pops_and_reset)
{
    struct input_event e[2];
    for (unsigned code = KEY_1; code <= KEY_5; code++)
        input_key(&in, code, true);
    input_sync(&in);
    EXPECT(input_pop(&keyboard, e, 2), 2);
    EXPECT(e[1].code, KEY_2);
    EXPECT(input_pop(&keyboard, e, 2), 2);
    EXPECT(input_pop(&keyboard, e, 2), 2);
    EXPECT(e[1].type, EV_SYN);
    input_key(&in, KEY_6, true);
    input_reset_sink(&keyboard);
    input_sync(&in);
    expect_nothing(&keyboard);
    input_key(&in, KEY_1, false); // the guest does not know it was down
    input_sync(&in);
    expect_nothing(&keyboard);
}
