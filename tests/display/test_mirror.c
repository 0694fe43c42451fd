// SPDX-License-Identifier: GPL-3.0-or-later
// The mirror between a UART and its back end, and the console that it feeds.
#include "base/clock.h"
#include "devices/char/buffer.h"
#include "devices/char/mirror.h"
#include "devices/display/console.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char shown[100], received[100];
static size_t shown_len, received_len, room;
static bool writable_again;

static void show(void *opaque, const uint8_t *data, size_t len)
{
    memcpy(shown + shown_len, data, len);
    shown_len += len;
}

static size_t front_room(void *opaque)
{
    return room;
}

static void front_receive(void *opaque, const uint8_t *data, size_t len)
{
    cr_assert(len <= room, "%zu bytes into room for %zu", len, room);
    memcpy(received + received_len, data, len);
    received_len += len;
    room -= len;
}

static void front_writable(void *opaque)
{
    writable_again = true;
}

static const struct chardev_front front = {
    .room = front_room, .receive = front_receive, .writable = front_writable};

Test(mirror, carries_both_ways)
{
    struct chardev *inner = buffer_create(), *c = mirror_create(inner, show, NULL);
    chardev_attach(c, &front, NULL);
    chardev_write(c, (const uint8_t *)"hello", 5);
    cr_expect(shown_len == 5 && !memcmp(shown, "hello", 5), "shown: %.*s", (int)shown_len, shown);
    cr_expect_str_eq(buffer_output(inner, NULL), "hello");
    room = 3;
    buffer_input(inner, "ab", 2);
    mirror_input(c, "cdef", 4);
    cr_expect(received_len == 3 && !memcmp(received, "abc", 3), "%.*s", (int)received_len,
              received);
    room = 10;
    chardev_can_accept(c);
    cr_expect(received_len == 6 && !memcmp(received, "abcdef", 6), "%.*s", (int)received_len,
              received);
    buffer_set_writable(inner, false);
    cr_expect(!chardev_writable(c));
    buffer_set_writable(inner, true);
    cr_expect(chardev_writable(c) && writable_again);
    room = 0;
    char much[5000];
    memset(much, 'x', sizeof much);
    for (int i = 0; i < 20; i++) // bounded, and no overrun
        mirror_input(c, much, sizeof much);
    chardev_destroy(c);
}

Test(mirror, without_a_back_end)
{
    struct chardev *c = mirror_create(NULL, show, NULL);
    chardev_attach(c, &front, NULL);
    chardev_write(c, (const uint8_t *)"x", 1);
    cr_expect(chardev_writable(c) && shown_len == 1);
    chardev_destroy(c);
}

static unsigned ink(struct display *d)
{
    struct display_image image;
    struct error err;
    unsigned n = 0;
    cr_assert(display_snapshot(d, false, &image, &err), "%s", err.text);
    for (size_t i = 0; i < (size_t)image.width * image.height; i++)
        n += (image.pixels[i] & 0xffffff) != 0;
    display_image_fini(&image);
    return n;
}

// Drawing waits for the clock; damage is the lines of the row that changed.
Test(console, draws_by_the_clock)
{
    struct clock clock;
    struct display_view view;
    struct display_frame frame;
    clock_init(&clock, true);
    struct console *c = console_create(&clock);
    struct display *d = console_display(c);
    cr_assert_str_eq(d->name, "console");
    unsigned cursor = ink(d);
    cr_expect_eq(cursor, 8 * 16, "a cursor of %u pixels", cursor);
    cr_assert(display_attach(d, &view, NULL, NULL));
    cr_assert(display_take(&view, &frame));
    display_frame_release(&frame);
    console_put(c, (const uint8_t *)"\r\n\r\nIII", 7);
    cr_expect_eq(ink(d), cursor, "drawn at once");
    clock_step(&clock, 40000000);
    cr_expect_eq(ink(d), cursor + 3 * (5 + 8 - 1 + 2), "%u pixels", ink(d));
    cr_assert(display_take(&view, &frame));
    for (uint32_t line = 0; line < frame.surface.height; line++) {
        bool is = display_frame_line(&frame, line),
             expected = line < 16 || (line >= 32 && line < 48);
        cr_assert_eq(is, expected, "line %u is %sdamaged", line, is ? "" : "not ");
    }
    display_frame_release(&frame);
    for (int i = 0; i < 40; i++)
        console_put(c, (const uint8_t *)"\r\n", 2);
    clock_step(&clock, 40000000);
    cr_expect_eq(ink(d), cursor, "scrolled out: %u pixels", ink(d));
    console_scroll(c, 100);
    cr_expect_gt(ink(d), cursor - 100, "back");
    unsigned old = ink(d);
    console_scroll(c, -1000);
    cr_expect_eq(ink(d), cursor, "%u pixels, %u before", ink(d), old);
    display_detach(&view);
    console_destroy(c);
    clock_fini(&clock);
}

// A frame that somebody still holds outlives the console.
Test(console, frames_outlive_it)
{
    struct clock clock;
    struct display_view view;
    struct display_frame frame;
    clock_init(&clock, true);
    struct console *c = console_create(&clock);
    cr_assert(display_attach(console_display(c), &view, NULL, NULL));
    cr_assert(display_take(&view, &frame));
    display_detach(&view);
    console_put(c, (const uint8_t *)"x", 1);
    console_destroy(c);
    cr_expect_eq(frame.surface.data[0], 0xaa);
    display_frame_release(&frame);
    clock_fini(&clock);
}
