// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/display/console.h"

#include "devices/display/font.h"
#include "devices/display/screen.h"

#include <stdlib.h>
#include <string.h>

#define FRAME_NS INT64_C(33000000)

enum {
    WIDTH = SCREEN_COLS * FONT_WIDTH,
    HEIGHT = SCREEN_ROWS * FONT_HEIGHT,
};

struct console {
    struct display display;
    struct display_memory memory; // pixels below, kept for as long as a frame holds them
    struct clock_timer timer;
    struct mutex lock; // of what follows
    bool armed;
    unsigned back; // lines that the user has gone up
    struct screen screen;
    struct screen_cell drawn[SCREEN_ROWS][SCREEN_COLS]; // what the pixels show
    bool cursor_drawn;
    unsigned cursor_row, cursor_col;
    uint32_t pixels[HEIGHT][WIDTH];
};

static const uint32_t palette[16] = {
    // VGA's
    0x000000, 0x0000aa, 0x00aa00, 0x00aaaa, 0xaa0000, 0xaa00aa, 0xaa5500, 0xaaaaaa,
    0x555555, 0x5555ff, 0x55ff55, 0x55ffff, 0xff5555, 0xff55ff, 0xffff55, 0xffffff,
};

static void draw_cell(struct console *c, unsigned row, unsigned col, struct screen_cell cell,
                      bool cursor)
{
    uint8_t glyph[FONT_HEIGHT];
    uint32_t ink = palette[cell.color & 15], paper = palette[cell.color >> 4];
    font_glyph(cell.character, glyph);
    for (unsigned y = 0; y < FONT_HEIGHT; y++) {
        uint32_t *to = &c->pixels[row * FONT_HEIGHT + y][col * FONT_WIDTH];
        uint8_t line = cursor ? (uint8_t)~glyph[y] : glyph[y];
        for (unsigned x = 0; x < FONT_WIDTH; x++)
            to[x] = line >> (7 - x) & 1 ? ink : paper;
    }
}

static bool same(struct screen_cell a, struct screen_cell b)
{
    return a.character == b.character && a.color == b.color;
}

// Draws what differs from what is there. Under the lock.
static void draw(struct console *c)
{
    const struct screen *s = &c->screen;
    bool cursor = !s->hide_cursor && !c->back;
    unsigned at_row = s->row, at_col = s->col < SCREEN_COLS ? s->col : SCREEN_COLS - 1;
    bool moved = cursor != c->cursor_drawn || at_row != c->cursor_row || at_col != c->cursor_col;
    for (unsigned row = 0; row < SCREEN_ROWS; row++) {
        const struct screen_cell *line = screen_line(s, row, c->back);
        bool damaged = false;
        for (unsigned col = 0; col < SCREEN_COLS; col++) {
            bool is = cursor && row == at_row && col == at_col;
            bool was = c->cursor_drawn && row == c->cursor_row && col == c->cursor_col;
            if (same(line[col], c->drawn[row][col]) && !(moved && is != was))
                continue;
            draw_cell(c, row, col, line[col], is);
            c->drawn[row][col] = line[col];
            damaged = true;
        }
        if (damaged)
            display_damage(&c->display, row * FONT_HEIGHT, FONT_HEIGHT);
    }
    c->cursor_drawn = cursor;
    c->cursor_row = at_row;
    c->cursor_col = at_col;
}

void console_flush(struct console *c)
{
    mutex_lock(&c->lock);
    draw(c);
    mutex_unlock(&c->lock);
}

static void fire(void *opaque)
{
    struct console *c = opaque;
    mutex_lock(&c->lock);
    c->armed = false;
    draw(c);
    mutex_unlock(&c->lock);
}

void console_put(void *console, const uint8_t *data, size_t len)
{
    struct console *c = console;
    mutex_lock(&c->lock);
    c->back = 0; // news are looked at
    screen_put(&c->screen, data, len);
    bool arm = !c->armed;
    c->armed = true;
    mutex_unlock(&c->lock);
    if (arm)
        timer_arm(&c->timer, clock_now(c->timer.clock) + FRAME_NS);
}

void console_scroll(struct console *c, int lines)
{
    mutex_lock(&c->lock);
    int64_t back = (int64_t)c->back + lines;
    back = back < 0 ? 0 : back > c->screen.history ? c->screen.history : back;
    c->back = (unsigned)back;
    draw(c);
    mutex_unlock(&c->lock);
}

struct display *console_display(struct console *c)
{
    return &c->display;
}

static void release(struct display_memory *memory)
{
    free(container_of(memory, struct console, memory));
}

struct console *console_create(struct clock *clock)
{
    struct console *c = calloc(1, sizeof *c);
    assert(c);
    c->memory = (struct display_memory){1, release};
    mutex_init(&c->lock);
    timer_init(&c->timer, clock, fire, c);
    screen_init(&c->screen);
    display_init(&c->display, "console", NULL, NULL);
    draw(c);
    display_set_surface(&c->display, &(struct display_surface){
                                         .data = (const uint8_t *)c->pixels,
                                         .width = WIDTH,
                                         .height = HEIGHT,
                                         .stride = WIDTH * sizeof(uint32_t),
                                         .format = DISPLAY_XRGB8888,
                                         .memory = &c->memory,
                                     });
    return c;
}

void console_destroy(struct console *c)
{
    if (!c)
        return;
    timer_disarm(&c->timer);
    // The display's own reference goes with it; a frame that somebody still has keeps the rest.
    display_fini(&c->display);
    mutex_fini(&c->lock);
    display_memory_unref(&c->memory);
}
