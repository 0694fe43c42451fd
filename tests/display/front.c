// SPDX-License-Identifier: GPL-3.0-or-later
// A front end without a machine: front sdl | vnc [HOST]:N. Two displays draw what the standard
// input says, a line a command; what the user does in the front end comes out, a line an event.
// window.py and vnc.py are the user.
//
//   mode D W H FORMAT   display D (0 or 1) shows a picture of that size; "off D" switches it off
//   draw D FIRST N SEED lines of display D are drawn anew
//   cursor D SIZE X Y   a pointer of that size
//   dump FILE           what display_snapshot() says, as PPM
//   tablet on|off, mouse on|off, paused on|off, console on|off
//   end
#include "base/bits.h"
#include "devices/display/png.h"
#include "devices/display/sdl.h"
#include "devices/display/vnc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct {
    struct input input;
    struct input_sink keyboard, tablet, mouse;
    struct display displays[2], *list[2];
    struct mutex lock; // of the standard output
    struct front_config config;
    struct sdl *sdl;
    int input_fd; // eventfd: there is input
    bool paused; // atomic
} t;

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
    va_list ap;
    mutex_lock(&t.lock);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
    mutex_unlock(&t.lock);
}

// Input ------------------------------------------------------------------------------------------

static void woken(void *opaque)
{
    uint64_t one = 1;
    (void)!write(t.input_fd, &one, sizeof one);
}

static void empty(struct input_sink *sink)
{
    struct input_event e[64];
    size_t n;
    while (sink->input && (n = input_pop(sink, e, 64)))
        for (size_t i = 0; i < n; i++)
            say("%s %d %d",
                e[i].type == EV_KEY   ? "key"
                : e[i].type == EV_ABS ? "abs"
                : e[i].type == EV_REL ? "rel"
                                      : "syn",
                e[i].code, e[i].value);
}

static void *read_input(void *opaque)
{
    uint64_t drained;
    while (read(t.input_fd, &drained, sizeof drained) == sizeof drained) {
        empty(&t.keyboard);
        empty(&t.tablet);
        empty(&t.mouse);
    }
    return NULL;
}

static void attach(struct input_sink *sink, enum input_kind kind, bool on)
{
    if (on)
        input_attach(&t.input, sink, kind, woken, sink);
    else
        input_detach(sink);
}

static void status(void *opaque, struct front_status *s)
{
    *s = (struct front_status){0, __atomic_load_n(&t.paused, __ATOMIC_RELAXED)};
}
static void power_key(void *opaque)
{
    say("power");
}
static void quit(void *opaque)
{
    say("quit");
}
static void type(void *opaque, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        say("type %02x", (unsigned char)text[i]);
}
static void scroll(void *opaque, int lines)
{
    say("scroll %d", lines);
}

// Displays ---------------------------------------------------------------------------------------

struct pixels {
    struct display_memory memory;
    uint8_t data[];
};

static void release(struct display_memory *memory)
{
    free(container_of(memory, struct pixels, memory));
}

static void fill(uint8_t *data, size_t len, uint32_t seed)
{
    uint32_t x = seed * 2654435761u + 1;
    for (size_t i = 0; i < len; i++) {
        if (i % 24 == 0)
            x = x * 1664525 + 1013904223;
        data[i] = (uint8_t)(x >> (i % 3 * 8) ^ i / 96);
    }
}

static void mode(struct display *d, uint32_t width, uint32_t height, const char *name)
{
    enum display_format f = 0;
    while (f < DISPLAY_FORMATS && strcmp(display_format_info(f)->name, name))
        f++;
    uint32_t stride = width * display_format_info(f)->bytes + 12;
    struct pixels *p = malloc(sizeof *p + (size_t)stride * height);
    p->memory = (struct display_memory){1, release};
    fill(p->data, (size_t)stride * height, width);
    display_set_surface(d, &(struct display_surface){.data = p->data,
                                                     .width = width,
                                                     .height = height,
                                                     .stride = stride,
                                                     .format = f,
                                                     .memory = &p->memory});
    display_memory_unref(&p->memory);
}

static void draw(struct display *d, uint32_t first, uint32_t n, uint32_t seed)
{
    fill((uint8_t *)d->surface.data + (size_t)first * d->surface.stride,
         (size_t)n * d->surface.stride, seed);
    display_damage(d, first, n);
}

static void cursor(struct display *d, uint32_t size, int x, int y)
{
    struct display_cursor *c = size ? display_cursor_create(size, size) : NULL;
    for (uint32_t i = 0; i < size * size; i++)
        c->pixels[i] = i % size <= i / size ? 0xff000000 | i * 4099 : 0; // a triangle
    display_set_cursor(d, c, x, y);
    if (c)
        display_memory_unref(&c->memory);
}

static void dump(const char *path)
{
    struct display_image image;
    struct error err;
    struct display *d = display_pick(t.list, 2);
    if (!display_snapshot(d, true, &image, &err)) {
        say("error %s", err.text);
        return;
    }
    say(picture_save(path, ppm_write, &image, &err) ? "dumped" : "failed");
    display_image_fini(&image);
}

static void resized(void *opaque)
{
    uint32_t w, h;
    struct display *d = opaque;
    if (display_wanted_size(d, &w, &h))
        say("wanted %s %u %u", d->name, w, h);
}

// Commands ---------------------------------------------------------------------------------------

static void command(const char *line)
{
    unsigned d, a, b, c;
    int x, y;
    char text[512];
    bool on = strstr(line, " on");
    if (sscanf(line, "mode %u %u %u %500s", &d, &a, &b, text) == 4 && d < 2)
        mode(&t.displays[d], a, b, text);
    else if (sscanf(line, "off %u", &d) == 1 && d < 2)
        display_set_surface(&t.displays[d], NULL);
    else if (sscanf(line, "draw %u %u %u %u", &d, &a, &b, &c) == 4 && d < 2)
        draw(&t.displays[d], a, b, c);
    else if (sscanf(line, "cursor %u %u %d %d", &d, &a, &x, &y) == 4 && d < 2)
        cursor(&t.displays[d], a, x, y);
    else if (sscanf(line, "dump %500s", text) == 1)
        dump(text);
    else if (!strncmp(line, "tablet ", 7))
        attach(&t.tablet, INPUT_TABLET, on);
    else if (!strncmp(line, "mouse ", 6))
        attach(&t.mouse, INPUT_MOUSE, on);
    else if (!strncmp(line, "paused ", 7))
        __atomic_store_n(&t.paused, on, __ATOMIC_RELAXED);
    else
        say("what? %s", line);
    say("done");
}

static void *read_commands(void *opaque)
{
    char line[600];
    while (fgets(line, sizeof line, stdin) && strncmp(line, "end", 3)) {
        line[strcspn(line, "\n")] = 0;
        command(line);
    }
    if (t.sdl)
        sdl_stop(t.sdl);
    return NULL;
}

int main(int argc, char **argv)
{
    static const struct display_ops ops = {.resized = resized};
    struct error err;
    struct vnc *vnc = NULL;
    pthread_t thread, input_thread;
    bool is_sdl = argc == 2 && !strcmp(argv[1], "sdl");
    mutex_init(&t.lock);
    input_init(&t.input);
    t.input_fd = eventfd(0, EFD_CLOEXEC);
    pthread_create(&input_thread, NULL, read_input, NULL);
    attach(&t.keyboard, INPUT_KEYBOARD, true);
    for (int i = 0; i < 2; i++) {
        t.list[i] = &t.displays[i];
        display_init(t.list[i], i ? "second" : "first", i ? &ops : NULL, t.list[i]);
    }
    t.config = (struct front_config){.title = "test",
                                     .displays = t.list,
                                     .display_count = 2,
                                     .input = &t.input,
                                     .status = status,
                                     .power_key = power_key,
                                     .quit = quit,
                                     .type = type,
                                     .scroll = scroll,
                                     .console = getenv("FRONT_CONSOLE") ? t.list[0] : NULL};
    if (is_sdl)
        t.sdl = sdl_create(&t.config, &err);
    else
        vnc = vnc_create(&t.config, argc == 3 ? argv[2] : ":99", &err);
    if (!t.sdl && !vnc) {
        say("error %s", err.text);
        return 1;
    }
    say("ready");
    pthread_create(&thread, NULL, read_commands, NULL);
    if (t.sdl)
        sdl_run(t.sdl);
    pthread_join(thread, NULL);
    sdl_destroy(t.sdl);
    vnc_destroy(vnc);
    attach(&t.keyboard, INPUT_KEYBOARD, false);
    attach(&t.tablet, INPUT_TABLET, false);
    attach(&t.mouse, INPUT_MOUSE, false);
    for (int i = 0; i < 2; i++)
        display_fini(t.list[i]);
    pthread_cancel(input_thread);
    pthread_join(input_thread, NULL);
    input_fini(&t.input);
    return 0;
}
