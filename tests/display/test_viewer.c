// SPDX-License-Identifier: GPL-3.0-or-later
// Which display a front end shows, and what its copy of the picture is told of changes.
#include "devices/display/viewer.h"

#include "base/bits.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <string.h>

enum { WIDTH = 20, HEIGHT = 10 };

static struct display first, second, *list[] = {&first, &second};
static uint32_t pixels[2][HEIGHT][WIDTH];
static struct front_config config = {.displays = list, .display_count = 2};
static struct viewer v;
static struct viewer_change change;

static void show(int n, bool direct, uint32_t height)
{
    display_set_surface(list[n], &(struct display_surface){.data = (const uint8_t *)pixels[n],
                                                           .width = WIDTH,
                                                           .height = height,
                                                           .stride = WIDTH * 4,
                                                           .format = DISPLAY_XRGB8888,
                                                           .direct = direct});
}

static void init(void)
{
    struct error err;
    display_init(&first, "first", NULL, NULL);
    display_init(&second, "second", NULL, NULL);
    memset(pixels[0], 0x11, sizeof pixels[0]);
    memset(pixels[1], 0, sizeof pixels[1]);
    cr_assert(viewer_init(&v, &config, &err), "%s", err.text);
}

static void fini(void)
{
    viewer_fini(&v);
    display_fini(&first);
    display_fini(&second);
}

TestSuite(viewer, .init = init, .fini = fini);

static bool woken(void)
{
    struct pollfd p = {v.wake_fd, POLLIN, 0};
    return poll(&p, 1, 0) > 0;
}

static void expect_shown(int n, uint32_t height)
{
    cr_expect(viewer_display(&v) == list[n], "%s is shown", viewer_display(&v)->name);
    cr_expect(v.width == (height ? WIDTH : 0) && v.height == height, "%ux%u", v.width, v.height);
    for (uint32_t i = 0; i < height * WIDTH; i++)
        cr_assert_eq(v.pixels[i], 0xff000000 | (&pixels[n][0][0])[i], "pixel %u is %08x", i,
                     v.pixels[i]);
}

Test(viewer, follows_modes_and_damage)
{
    cr_expect(woken());
    viewer_update(&v, &change);
    expect_shown(1, 0);
    viewer_update(&v, &change); // its seat at that display is new
    cr_expect(!woken());
    show(0, false, HEIGHT);
    cr_expect(woken());
    cr_expect(viewer_update(&v, &change) && change.mode && change.pixels);
    expect_shown(0, HEIGHT);
    cr_expect(!viewer_update(&v, &change));
    pixels[0][3][7] = 0x123456;
    pixels[0][4][0] = 0xffffff;
    display_damage(&first, 3, 2);
    cr_expect(woken());
    cr_expect(viewer_update(&v, &change) && !change.mode && change.pixels &&
                  change.damage[0] == 0x18,
              "damage %llx", (unsigned long long)change.damage[0]);
    expect_shown(0, HEIGHT);
    show(0, false, HEIGHT - 2);
    cr_expect(viewer_update(&v, &change) && change.mode);
    expect_shown(0, HEIGHT - 2);
    display_set_surface(&first, NULL);
    cr_expect(viewer_update(&v, &change) && change.mode);
    cr_expect_eq(v.width, 0);
}

Test(viewer, changes_displays)
{
    memset(pixels[1], 0x22, sizeof pixels[1]);
    show(0, false, HEIGHT);
    viewer_update(&v, &change);
    expect_shown(0, HEIGHT);
    show(1, false, HEIGHT);
    cr_expect(viewer_update(&v, &change) && change.mode && change.pixels);
    expect_shown(1, HEIGHT);
    display_damage(&first, 0, HEIGHT); // which nobody sees
    cr_expect(!viewer_update(&v, &change));
    display_set_surface(&second, NULL);
    cr_expect(viewer_update(&v, &change) && change.mode);
    expect_shown(0, HEIGHT);
}

// A framebuffer that is there from the start is shown from when it is drawn into, without a word.
Test(viewer, waits_for_the_first_pixel)
{
    show(0, false, HEIGHT);
    show(1, true, HEIGHT);
    viewer_update(&v, &change);
    expect_shown(0, HEIGHT);
    cr_expect(display_is_blank(&second) && !display_is_blank(&first));
    int ms = viewer_poll_ms(&v);
    cr_expect(ms > 0 && ms <= 100, "to be looked at in %d ms", ms);
    pixels[1][HEIGHT - 1][WIDTH - 1] = 1;
    cr_expect(viewer_update(&v, &change) && change.mode);
    expect_shown(1, HEIGHT);
    pixels[1][HEIGHT - 1][WIDTH - 1] = 0; // black again is a picture
    cr_expect(!display_is_blank(&second));
    viewer_update(&v, &change);
    cr_expect(viewer_display(&v) == &second);
    display_set_surface(&second, NULL);
    viewer_update(&v, &change);
    show(1, true, HEIGHT); // a new one, blank as well
    viewer_update(&v, &change);
    expect_shown(0, HEIGHT);
}

Test(viewer, pointer)
{
    struct display_cursor *c = display_cursor_create(2, 2);
    show(0, false, HEIGHT);
    viewer_update(&v, &change);
    display_set_cursor(&first, c, 5, 6);
    display_memory_unref(&c->memory);
    cr_expect(viewer_update(&v, &change) && change.pointer && !change.pixels);
    cr_expect(v.pointer.cursor == c && v.pointer.x == 5 && v.pointer.y == 6);
    display_set_cursor(&first, NULL, 0, 0); // the viewer's is the last reference
    cr_expect_eq(v.pointer.cursor->width, 2);
    viewer_update(&v, &change);
    cr_expect(!v.pointer.cursor);
}

Test(viewer, runs)
{
    uint64_t damage[DISPLAY_DAMAGE_WORDS] = {[0] = BIT(63) | BIT(0), [1] = 3, [2] = ~UINT64_C(0)};
    static const uint32_t runs[][2] = {{0, 1}, {63, 3}, {128, 22}};
    uint32_t at = 0, n;
    for (size_t i = 0; i < ARRAY_SIZE(runs); i++, at += n) {
        n = viewer_next_run(damage, 150, &at);
        cr_expect(at == runs[i][0] && n == runs[i][1], "run %zu: %u lines at %u", i, n, at);
    }
    cr_expect_eq(viewer_next_run(damage, 150, &at), 0);
}
