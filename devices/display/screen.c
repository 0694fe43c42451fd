// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/display/screen.h"

#include "base/bits.h"

#include <string.h>

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

// The grid ---------------------------------------------------------------------------------------

static struct screen_cell *line(struct screen *s, unsigned row)
{
    return s->lines[(s->top + row) % SCREEN_LINES];
}

const struct screen_cell *screen_line(const struct screen *s, unsigned row, unsigned back)
{
    return s->lines[(s->top + SCREEN_LINES - least(back, s->history) + row) % SCREEN_LINES];
}

static void clear_cells(struct screen *s, unsigned row, unsigned from, unsigned to)
{
    struct screen_cell *cells = line(s, row);
    for (unsigned col = from; col < to; col++)
        cells[col] = (struct screen_cell){' ', s->color};
}

static void clear_rows(struct screen *s, unsigned from, unsigned to)
{
    for (unsigned row = from; row < to; row++)
        clear_cells(s, row, 0, SCREEN_COLS);
}

// Moves the lines of [top, bottom) up by n; what leaves a whole screen goes into the history.
static void scroll_up(struct screen *s, unsigned top, unsigned bottom, unsigned n)
{
    n = least(n, bottom - top);
    if (top == 0 && bottom == SCREEN_ROWS) {
        s->top = (s->top + n) % SCREEN_LINES;
        s->history = least(s->history + n, SCREEN_HISTORY);
    } else {
        for (unsigned row = top; row + n < bottom; row++)
            memcpy(line(s, row), line(s, row + n), sizeof s->lines[0]);
    }
    clear_rows(s, bottom - n, bottom);
}

static void scroll_down(struct screen *s, unsigned top, unsigned bottom, unsigned n)
{
    n = least(n, bottom - top);
    for (unsigned row = bottom; row-- > top + n;)
        memcpy(line(s, row), line(s, row - n), sizeof s->lines[0]);
    clear_rows(s, top, top + n);
}

static void line_feed(struct screen *s)
{
    if (s->row + 1 == s->region_bottom)
        scroll_up(s, s->region_top, s->region_bottom, 1);
    else if (s->row + 1 < SCREEN_ROWS)
        s->row++;
}

static void reverse_line_feed(struct screen *s)
{
    if (s->row == s->region_top)
        scroll_down(s, s->region_top, s->region_bottom, 1);
    else if (s->row)
        s->row--;
}

static void put_character(struct screen *s, uint32_t c)
{
    if (s->col == SCREEN_COLS) {
        s->col = 0;
        line_feed(s);
    }
    uint8_t color = s->color;
    if (s->bold)
        color |= 8;
    if (s->inverse)
        color = (uint8_t)(color << 4 | color >> 4);
    line(s, s->row)[s->col++] = (struct screen_cell){(uint16_t)(c > 0xffff ? 0xfffd : c), color};
}

static void reset_modes(struct screen *s)
{
    s->row = s->col = s->saved_row = s->saved_col = 0;
    s->region_top = 0;
    s->region_bottom = SCREEN_ROWS;
    s->color = SCREEN_DEFAULT_COLOR;
    s->bold = s->inverse = s->hide_cursor = false;
}

void screen_init(struct screen *s)
{
    memset(s, 0, sizeof *s);
    reset_modes(s);
    clear_rows(s, 0, SCREEN_ROWS);
}

// Control sequences ------------------------------------------------------------------------------

static unsigned param(const struct screen *s, unsigned n, unsigned otherwise)
{
    return n < s->param_count && s->params[n] ? s->params[n] : otherwise;
}

static void move_to(struct screen *s, unsigned row, unsigned col)
{
    s->row = least(row, SCREEN_ROWS - 1);
    s->col = least(col, SCREEN_COLS - 1);
}

static void set_rendition(struct screen *s)
{
    // ANSI counts red first, VGA blue.
    static const uint8_t vga[8] = {0, 4, 2, 6, 1, 5, 3, 7};
    for (unsigned i = 0; i < (s->param_count ? s->param_count : 1); i++) {
        unsigned p = param(s, i, 0);
        if (p == 0) {
            s->color = SCREEN_DEFAULT_COLOR;
            s->bold = s->inverse = false;
        } else if (p == 1 || p == 22) {
            s->bold = p == 1;
        } else if (p == 7 || p == 27) {
            s->inverse = p == 7;
        } else if (p >= 30 && p <= 37) {
            s->color = (uint8_t)((s->color & 0xf0) | vga[p - 30]);
        } else if (p >= 40 && p <= 47) {
            s->color = (uint8_t)((s->color & 0x0f) | vga[p - 40] << 4);
        } else if (p >= 90 && p <= 97) {
            s->color = (uint8_t)((s->color & 0xf0) | vga[p - 90] | 8);
        } else if (p >= 100 && p <= 107) {
            s->color = (uint8_t)((s->color & 0x0f) | (vga[p - 100] | 8) << 4);
        } else if (p == 39) {
            s->color = (uint8_t)((s->color & 0xf0) | (SCREEN_DEFAULT_COLOR & 0x0f));
        } else if (p == 49) {
            s->color = (uint8_t)((s->color & 0x0f) | (SCREEN_DEFAULT_COLOR & 0xf0));
        } else if (p == 38 || p == 48) { // a palette of 256, or RGB: neither is here
            i += param(s, i + 1, 0) == 5 ? 2 : 4;
        }
    }
}

static void erase_display(struct screen *s)
{
    unsigned how = param(s, 0, 0), col = least(s->col, SCREEN_COLS - 1);
    if (how == 0) {
        clear_cells(s, s->row, col, SCREEN_COLS);
        clear_rows(s, s->row + 1, SCREEN_ROWS);
    } else if (how == 1) {
        clear_rows(s, 0, s->row);
        clear_cells(s, s->row, 0, col + 1);
    } else {
        clear_rows(s, 0, SCREEN_ROWS);
    }
}

static void erase_line(struct screen *s)
{
    unsigned how = param(s, 0, 0), col = least(s->col, SCREEN_COLS - 1);
    clear_cells(s, s->row, how == 0 ? col : 0, how == 1 ? col + 1 : SCREEN_COLS);
}

// Makes room for n letters at the cursor, or takes n away.
static void shift_cells(struct screen *s, unsigned n, bool insert)
{
    struct screen_cell *cells = line(s, s->row);
    unsigned col = least(s->col, SCREEN_COLS - 1), rest = SCREEN_COLS - col;
    n = least(n, rest);
    if (insert) {
        memmove(cells + col + n, cells + col, (rest - n) * sizeof *cells);
        clear_cells(s, s->row, col, col + n);
    } else {
        memmove(cells + col, cells + col + n, (rest - n) * sizeof *cells);
        clear_cells(s, s->row, SCREEN_COLS - n, SCREEN_COLS);
    }
}

static void shift_lines(struct screen *s, unsigned n, bool insert)
{
    if (s->row < s->region_top || s->row >= s->region_bottom)
        return;
    if (insert)
        scroll_down(s, s->row, s->region_bottom, n);
    else if (s->row) // the history is not for lines that are deleted
        scroll_up(s, s->row, s->region_bottom, n);
    else
        for (n = least(n, s->region_bottom); n; n--) {
            for (unsigned row = 0; row + 1 < s->region_bottom; row++)
                memcpy(line(s, row), line(s, row + 1), sizeof s->lines[0]);
            clear_cells(s, s->region_bottom - 1, 0, SCREEN_COLS);
        }
}

static void set_region(struct screen *s)
{
    unsigned top = param(s, 0, 1) - 1, bottom = least(param(s, 1, SCREEN_ROWS), SCREEN_ROWS);
    if (top + 1 >= bottom) {
        top = 0;
        bottom = SCREEN_ROWS;
    }
    s->region_top = top;
    s->region_bottom = bottom;
    move_to(s, 0, 0);
}

static void set_mode(struct screen *s, bool on)
{
    for (unsigned i = 0; s->private && i < s->param_count; i++)
        if (s->params[i] == 25)
            s->hide_cursor = !on;
}

static void control_sequence(struct screen *s, uint8_t c)
{
    unsigned n = param(s, 0, 1), col = least(s->col, SCREEN_COLS - 1);
    switch (c) {
    case '@':
        shift_cells(s, n, true);
        break;
    case 'A':
        s->row -= least(n, s->row);
        break;
    case 'B':
    case 'e':
        move_to(s, s->row + n, col);
        break;
    case 'C':
    case 'a':
        move_to(s, s->row, col + n);
        break;
    case 'D':
        s->col = col - least(n, col);
        break;
    case 'E':
        move_to(s, s->row + n, 0);
        break;
    case 'F':
        move_to(s, s->row - least(n, s->row), 0);
        break;
    case 'G':
    case '`':
        move_to(s, s->row, n - 1);
        break;
    case 'H':
    case 'f':
        move_to(s, n - 1, param(s, 1, 1) - 1);
        break;
    case 'J':
        erase_display(s);
        break;
    case 'K':
        erase_line(s);
        break;
    case 'L':
        shift_lines(s, n, true);
        break;
    case 'M':
        shift_lines(s, n, false);
        break;
    case 'P':
        shift_cells(s, n, false);
        break;
    case 'S':
        scroll_up(s, s->region_top, s->region_bottom, n);
        break;
    case 'T':
        scroll_down(s, s->region_top, s->region_bottom, n);
        break;
    case 'X':
        clear_cells(s, s->row, col, col + least(n, SCREEN_COLS - col));
        break;
    case 'd':
        move_to(s, n - 1, col);
        break;
    case 'h':
    case 'l':
        set_mode(s, c == 'h');
        break;
    case 'm':
        set_rendition(s);
        break;
    case 'r':
        set_region(s);
        break;
    case 's':
        s->saved_row = s->row;
        s->saved_col = s->col;
        break;
    case 'u':
        move_to(s, s->saved_row, s->saved_col);
        break;
    default:
        break;
    }
}

static void in_csi(struct screen *s, uint8_t c)
{
    if (c >= '0' && c <= '9') {
        if (!s->param_count)
            s->params[s->param_count++] = 0;
        unsigned *p = &s->params[s->param_count - 1];
        *p = least(*p * 10 + (c - '0'), 9999);
    } else if (c == ';' || c == ':') {
        if (!s->param_count)
            s->params[s->param_count++] = 0;
        if (s->param_count < SCREEN_PARAMS)
            s->params[s->param_count++] = 0;
    } else if (c == '?') {
        s->private = true;
    } else if (c >= '@' && c <= '~') {
        s->state = SCREEN_TEXT;
        control_sequence(s, c);
    }
}

static void after_escape(struct screen *s, uint8_t c)
{
    s->state = SCREEN_TEXT;
    switch (c) {
    case '[':
        s->state = SCREEN_CSI;
        s->param_count = 0;
        s->private = false;
        break;
    case ']':
    case 'P':
    case 'X':
    case '^':
    case '_':
        s->state = SCREEN_STRING;
        break;
    case '(':
    case ')':
    case '*':
    case '+':
    case '#':
    case '%':
        s->state = SCREEN_SKIP;
        break;
    case '7':
        s->saved_row = s->row;
        s->saved_col = s->col;
        break;
    case '8':
        move_to(s, s->saved_row, s->saved_col);
        break;
    case 'D':
        line_feed(s);
        break;
    case 'E':
        s->col = 0;
        line_feed(s);
        break;
    case 'M':
        reverse_line_feed(s);
        break;
    case 'c':
        reset_modes(s);
        clear_rows(s, 0, SCREEN_ROWS);
        break;
    default:
        break;
    }
}

// Bytes ------------------------------------------------------------------------------------------

static void control_character(struct screen *s, uint8_t c)
{
    switch (c) {
    case '\b':
        s->col -= s->col > 0;
        break;
    case '\t':
        s->col = least((s->col | 7) + 1, SCREEN_COLS - 1);
        break;
    case '\n':
    case '\v':
    case '\f':
        line_feed(s);
        break;
    case '\r':
        s->col = 0;
        break;
    case 033:
        s->state = SCREEN_ESC;
        break;
    default:
        break;
    }
}

static void in_text(struct screen *s, uint8_t c)
{
    if (s->utf8_left && (c & 0xc0) == 0x80) {
        s->utf8 = s->utf8 << 6 | (c & 0x3f);
        if (--s->utf8_left == 0)
            put_character(s, s->utf8);
        return;
    }
    if (s->utf8_left) // cut off
        put_character(s, 0xfffd);
    s->utf8_left = 0;
    if (c < ' ') {
        control_character(s, c);
    } else if (c < 0x7f) {
        put_character(s, c);
    } else if (c >= 0xc2 && c < 0xf5) {
        s->utf8_left = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
        s->utf8 = c & (0x3fu >> s->utf8_left);
    } else if (c > 0x7f) {
        put_character(s, 0xfffd);
    }
}

static void put_byte(struct screen *s, uint8_t c)
{
    if (s->state != SCREEN_TEXT && s->state < SCREEN_STRING && c < ' ') { // also inside a sequence
        control_character(s, c);
        return;
    }
    switch (s->state) {
    case SCREEN_TEXT:
        in_text(s, c);
        break;
    case SCREEN_ESC:
        after_escape(s, c);
        break;
    case SCREEN_CSI:
        in_csi(s, c);
        break;
    case SCREEN_STRING:
        s->state = c == '\a' ? SCREEN_TEXT : c == 033 ? SCREEN_STRING_ESC : SCREEN_STRING;
        break;
    case SCREEN_STRING_ESC:
    case SCREEN_SKIP:
        s->state = SCREEN_TEXT;
        break;
    }
}

void screen_put(struct screen *s, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        put_byte(s, data[i]);
}
