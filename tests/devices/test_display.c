// SPDX-License-Identifier: GPL-3.0-or-later
// Displays: what views are told, the life of surfaces, direct surfaces with and without a record of
// written pages, pictures, the pointer.
#include "bench.h"
#include "devices/display/display.h"
#include "devices/display/edid.h"

#include <stdlib.h>
#include <string.h>

enum { WIDTH = 50, HEIGHT = 130, STRIDE = 256 };

static struct display d;
static struct display_view v[2];
static struct display_frame f;
static unsigned wakes[2];
static uint8_t *pixels;

static void wake(void *opaque)
{
    ++*(unsigned *)opaque;
}

static struct display_surface surface(bool direct)
{
    return (struct display_surface){.data = pixels,
                                    .width = WIDTH,
                                    .height = HEIGHT,
                                    .stride = STRIDE,
                                    .format = DISPLAY_XRGB8888,
                                    .direct = direct,
                                    .gpa = 0x1000};
}

static void setup(void)
{
    memset(wakes, 0, sizeof wakes);
    // Not a byte more than the surface has.
    pixels = calloc(1, STRIDE * (HEIGHT - 1) + 4 * WIDTH);
    display_init(&d, "test", NULL, NULL);
}

static void teardown(void)
{
    display_detach(&v[0]);
    display_detach(&v[1]);
    display_fini(&d);
    free(pixels);
}

TestSuite(display, .init = setup, .fini = teardown);

static void attach(unsigned n)
{
    cr_assert(display_attach(&d, &v[n], wake, &wakes[n]));
}

// Takes, expects these changes and exactly these lines, and lets go of the frame.
static void expect_take(unsigned n, int changed, uint32_t first, uint32_t count)
{
    bool got = display_take(&v[n], &f);
    cr_assert(got == !!changed, "view %u: take says %d", n, got);
    if (!got)
        return;
    EXPECT(f.changed, changed);
    for (uint32_t line = 0; line < HEIGHT; line++)
        cr_assert(display_frame_line(&f, line) == (line - first < count), "view %u: line %u", n,
                  line);
    display_frame_release(&f);
}

enum {
    MODE = DISPLAY_CHANGED_MODE,
    DAMAGE = DISPLAY_CHANGED_DAMAGE,
    CURSOR = DISPLAY_CHANGED_CURSOR,
    POINTER = DISPLAY_CHANGED_POINTER,
    ALL = MODE | DAMAGE | CURSOR | POINTER,
};

Test(display, damage_reaches_every_view_once)
{
    struct display_surface s = surface(false);
    attach(0);
    EXPECT(wakes[0], 1);
    expect_take(0, ALL, 0, 0);
    display_damage(&d, 0, 10); // off: nothing
    EXPECT(wakes[0], 1);
    display_set_surface(&d, &s);
    EXPECT(wakes[0], 2);
    attach(1);
    expect_take(0, MODE | DAMAGE, 0, HEIGHT);
    expect_take(0, 0, 0, 0);
    expect_take(1, ALL, 0, HEIGHT);
    display_damage(&d, 62, 5);
    display_damage(&d, 67, 1);
    EXPECT(wakes[0], 3);
    EXPECT(wakes[1], 2);
    expect_take(0, DAMAGE, 62, 6);
    display_damage(&d, 127, UINT32_MAX); // clipped
    expect_take(0, DAMAGE, 127, 3);
    display_damage(&d, HEIGHT, 1);
    display_damage(&d, UINT32_MAX, 1);
    display_damage(&d, 3, 0);
    expect_take(0, 0, 0, 0);
    cr_assert(display_take(&v[1], &f));
    uint32_t first = 0;
    EXPECT(display_frame_next(&f, &first), 6);
    EXPECT(first, 62);
    first += 6;
    EXPECT(display_frame_next(&f, &first), 3);
    EXPECT(first, 127);
    first += 3;
    EXPECT(display_frame_next(&f, &first), 0);
    display_frame_release(&f);
}

Test(display, modes_and_generations)
{
    struct display_surface s = surface(false);
    attach(0);
    display_set_surface(&d, &s);
    cr_assert(display_take(&v[0], &f));
    uint64_t generation = f.generation;
    display_frame_release(&f);
    display_set_surface(&d, &s); // the same: drawn anew
    cr_assert(display_take(&v[0], &f));
    EXPECT(f.changed, DAMAGE);
    EXPECT(f.generation, generation);
    display_frame_release(&f);
    s.data += STRIDE; // another place, the same mode: a page flip
    s.height--;
    display_set_surface(&d, &s);
    s.data -= STRIDE;
    display_set_surface(&d, &s);
    cr_assert(display_take(&v[0], &f));
    EXPECT(f.changed, MODE | DAMAGE);
    EXPECT(f.generation, generation + 2);
    display_frame_release(&f);
    s.data += STRIDE;
    display_set_surface(&d, &s);
    expect_take(0, DAMAGE, 0, HEIGHT - 1);
    display_set_surface(&d, NULL);
    cr_assert(!display_is_on(&d));
    cr_assert(display_take(&v[0], &f));
    EXPECT(f.changed, MODE | DAMAGE);
    cr_assert(!f.surface.data);
    display_frame_release(&f);
    display_set_surface(&d, NULL);
    expect_take(0, 0, 0, 0);
}

struct own {
    struct display_memory memory;
    unsigned released;
};

static void release(struct display_memory *mem)
{
    container_of(mem, struct own, memory)->released++;
}

Test(display, memory_lives_as_long_as_it_is_looked_at)
{
    struct own a = {{1, release}, 0};
    struct display_surface s = surface(false);
    s.memory = &a.memory;
    attach(0);
    display_set_surface(&d, &s);
    display_memory_unref(&a.memory); // the device's own reference
    EXPECT(a.released, 0);
    cr_assert(display_take(&v[0], &f));
    display_set_surface(&d, NULL);
    EXPECT(a.released, 0);
    display_frame_release(&f);
    EXPECT(a.released, 1);
}

Test(display, too_many_views)
{
    struct display_view many[DISPLAY_MAX_VIEWS], more;
    for (unsigned i = 0; i < DISPLAY_MAX_VIEWS; i++)
        cr_assert(display_attach(&d, &many[i], NULL, NULL));
    cr_assert(!display_attach(&d, &more, NULL, NULL));
    display_detach(&more);
    display_detach(&many[3]);
    cr_assert(display_attach(&d, &more, NULL, NULL));
    display_detach(&more);
    for (unsigned i = 0; i < DISPLAY_MAX_VIEWS; i++)
        display_detach(&many[i]);
}

// Direct surfaces ---------------------------------------------------------------------------------

Test(display, direct_by_comparing)
{
    struct display_surface s = surface(true);
    attach(0);
    attach(1);
    EXPECT(display_poll_ms(&v[0]), -1);
    display_set_surface(&d, &s);
    expect_take(0, ALL, 0, HEIGHT);
    expect_take(0, 0, 0, 0);
    expect_take(1, ALL, 0, HEIGHT);
    for (unsigned line = 0; line < HEIGHT; line++) {
        pixels[line * STRIDE + line % (4 * WIDTH)] ^= 1;
        unsigned before = wakes[1];
        expect_take(0, DAMAGE, line, 1);
        EXPECT(wakes[1], before + 1);
        expect_take(1, DAMAGE, line, 1);
        if (line + 1 < HEIGHT && STRIDE > 4 * WIDTH)
            pixels[line * STRIDE + 4 * WIDTH] ^= 1; // behind the line
        expect_take(0, 0, 0, 0);
    }
}

Test(display, direct_slows_down_while_nothing_happens)
{
    struct display_surface s = surface(true);
    attach(0);
    display_set_surface(&d, &s);
    expect_take(0, ALL, 0, HEIGHT);
    EXPECT(display_poll_ms(&v[0]), 16);
    for (int i = 0; i < 100; i++)
        expect_take(0, 0, 0, 0);
    EXPECT(display_poll_ms(&v[0]), 100);
    pixels[0] ^= 1;
    expect_take(0, DAMAGE, 0, 1);
    EXPECT(display_poll_ms(&v[0]), 16);
}

static struct {
    bool has;
    uint64_t pages;
    unsigned forgotten;
    uint64_t gpa, len;
} record;

static bool collect(void *opaque, const void *user, uint64_t gpa, uint64_t len, uint64_t *pages)
{
    record.gpa = gpa;
    record.len = len;
    pages[0] |= record.pages;
    record.pages = 0;
    return record.has;
}

static void forget(void *opaque, const void *user)
{
    record.forgotten++;
}

Test(display, direct_by_record)
{
    struct display_surface s = surface(true);
    s.gpa = 0x40000800; // the first page holds 2048 bytes of it: lines 0 to 7
    memset(&record, 0, sizeof record);
    record.has = true;
    d.scan.log = (struct scan_log){collect, forget, NULL};
    attach(0);
    display_set_surface(&d, &s);
    expect_take(0, ALL, 0, HEIGHT);
    EXPECT(record.gpa, s.gpa);
    EXPECT(record.len, STRIDE * (HEIGHT - 1) + 4 * WIDTH);
    pixels[0] ^= 1; // nobody looks at pixels
    expect_take(0, 0, 0, 0);
    record.pages = 1;
    expect_take(0, DAMAGE, 0, 8);
    record.pages = 2;
    expect_take(0, DAMAGE, 8, 16);
    record.pages = ~UINT64_C(0) << 8; // and pages that are not there
    expect_take(0, DAMAGE, 120, 10);
    for (int i = 0; i < 100; i++)
        expect_take(0, 0, 0, 0);
    EXPECT(display_poll_ms(&v[0]), 33);
    record.has = false; // the record is gone: compare from now on
    expect_take(0, DAMAGE, 0, HEIGHT);
    pixels[STRIDE] ^= 1;
    expect_take(0, DAMAGE, 1, 1);
    display_detach(&v[0]);
    display_fini(&d);
    EXPECT(record.forgotten, 1);
    display_init(&d, "test", NULL, NULL);
}

// Pictures ----------------------------------------------------------------------------------------

Test(display, snapshot_and_pointer)
{
    struct display_surface s = surface(false);
    struct display_image image;
    struct error err = {0};
    cr_assert(!display_snapshot(&d, false, &image, &err));
    cr_assert(strstr(err.text, "test"), "%s", err.text);
    for (unsigned i = 0; i < HEIGHT; i++)
        for (unsigned x = 0; x < WIDTH; x++)
            pixels[i * STRIDE + 4 * x + 1] = (uint8_t)(i + x); // green
    display_set_surface(&d, &s);
    cr_assert(display_snapshot(&d, true, &image, &err));
    EXPECT(image.width, WIDTH);
    EXPECT(image.height, HEIGHT);
    for (unsigned i = 0; i < WIDTH * HEIGHT; i++)
        EXPECT(image.pixels[i], 0xff000000 | ((i / WIDTH + i % WIDTH) & 0xff) << 8);
    display_image_fini(&image);

    struct display_cursor *c = display_cursor_create(3, 2);
    c->pixels[0] = 0xff0000ff; // opaque
    c->pixels[1] = 0x80800000; // half red
    c->pixels[5] = 0xff123456;
    display_set_cursor(&d, c, 47, HEIGHT - 1); // the second line is outside
    display_memory_unref(&c->memory);
    cr_assert(display_snapshot(&d, true, &image, &err));
    uint32_t *line = image.pixels + (HEIGHT - 1) * WIDTH;
    uint32_t green = (HEIGHT - 1 + 48) & 0xff;
    EXPECT(line[47], 0xff0000ff);
    EXPECT(line[48], 0xff800000 | (green * 127 + 127) / 255 << 8);
    EXPECT(line[49], 0xff000000 | ((HEIGHT - 1 + 49) & 0xff) << 8);
    display_image_fini(&image);
    int32_t corners[][2] = {{INT32_MIN, INT32_MIN}, {INT32_MAX, INT32_MAX}, {-2, -1}, {49, 129}};
    for (size_t i = 0; i < ARRAY_SIZE(corners); i++) {
        display_move_pointer(&d, corners[i][0], corners[i][1]);
        cr_assert(display_snapshot(&d, true, &image, &err));
        EXPECT(image.pixels[0], i == 2 ? 0xff123456 : 0xff000000);
        display_image_fini(&image);
    }
}

Test(display, pointer_changes)
{
    struct display_cursor *c = display_cursor_create(1, 1);
    attach(0);
    expect_take(0, ALL, 0, 0);
    display_set_cursor(&d, c, 0, 0);
    expect_take(0, CURSOR, 0, 0);
    display_move_pointer(&d, 5, -6);
    display_move_pointer(&d, 5, -6);
    cr_assert(display_take(&v[0], &f));
    EXPECT(f.changed, POINTER);
    EXPECT(f.pointer.x, 5);
    EXPECT(f.pointer.y, -6);
    cr_assert(f.pointer.cursor == c);
    display_set_cursor(&d, NULL, 5, -6);
    display_memory_unref(&c->memory);
    EXPECT(f.pointer.cursor->width, 1); // the frame holds it
    display_frame_release(&f);
    expect_take(0, CURSOR, 0, 0);
}

static unsigned resizes;

static void resized(void *opaque)
{
    resizes++;
}

Test(display, wanted_size)
{
    static const struct display_ops ops = {resized};
    struct display e;
    uint32_t w, h;
    cr_assert(!display_request_size(&d, 10, 10));
    display_init(&e, "e", &ops, NULL);
    resizes = 0;
    cr_assert(!display_wanted_size(&e, &w, &h));
    cr_assert(display_request_size(&e, 10, 20));
    cr_assert(display_request_size(&e, 10, 20));
    EXPECT(resizes, 1);
    cr_assert(display_wanted_size(&e, &w, &h));
    EXPECT(w, 10);
    EXPECT(h, 20);
    display_request_size(&e, 0, UINT32_MAX);
    cr_assert(display_wanted_size(&e, &w, &h));
    EXPECT(w, 1);
    EXPECT(h, DISPLAY_MAX_HEIGHT);
    struct display *both[] = {&d, &e};
    struct display_surface s = surface(false);
    cr_assert(display_pick(both, 0) == NULL);
    cr_assert(display_pick(both, 2) == &e);
    display_set_surface(&d, &s);
    cr_assert(display_pick(both, 2) == &d);
    display_set_surface(&e, &s);
    cr_assert(display_pick(both, 2) == &e);
    display_fini(&e);
}

// EDID --------------------------------------------------------------------------------------------

Test(display, edid)
{
    static const uint32_t sizes[][2] = {{1280, 800}, {1, 1}, {1919, 1079}, {EDID_MAX, EDID_MAX}};
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        uint8_t e[EDID_SIZE], sum = 0;
        edid_make(e, sizes[i][0], sizes[i][1]);
        for (size_t j = 0; j < EDID_SIZE; j++)
            sum = (uint8_t)(sum + e[j]);
        EXPECT(sum, 0);
        EXPECT(e[1], 0xff);
        EXPECT(e[18] << 8 | e[19], 0x104);
        EXPECT(e[54 + 2] | (e[54 + 4] & 0xf0) << 4, sizes[i][0]);
        EXPECT(e[54 + 5] | (e[54 + 7] & 0xf0) << 4, sizes[i][1]);
        unsigned clock = e[54] | e[55] << 8; // of 10 kHz
        unsigned line = sizes[i][0] + (e[54 + 3] | (e[54 + 4] & 0xf) << 8);
        unsigned lines = sizes[i][1] + (e[54 + 6] | (e[54 + 7] & 0xf) << 8);
        cr_assert(clock >= 1000, "a pixel clock of %u0 kHz", clock);
        unsigned hz = (clock * 10000 + line * lines / 2) / (line * lines);
        cr_assert(hz == 60 || (hz == 37 && clock == 65535), "%ux%u: %u Hz", sizes[i][0],
                  sizes[i][1], hz);
        cr_assert(!memcmp(e + 54 + 36, "\0\0\0\xfc\0armlet\n", 12));
    }
}
