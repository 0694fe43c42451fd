// SPDX-License-Identifier: GPL-3.0-or-later
// The terminal in the window: what a serial line's bytes make of the grid, by hand from ECMA-48 and
// what Linux's console does; and any bytes at all.
#include "devices/display/screen.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct screen s;

static void init(void)
{
    screen_init(&s);
}

TestSuite(screen, .init = init);

static void put(const char *text)
{
    screen_put(&s, (const uint8_t *)text, strlen(text));
}

// The letters of a row without the blanks at its end.
static const char *row(unsigned n, unsigned back)
{
    static char text[SCREEN_COLS + 1];
    const struct screen_cell *line = screen_line(&s, n, back);
    unsigned len = 0;
    for (unsigned i = 0; i < SCREEN_COLS; i++) {
        text[i] = line[i].character < 0x7f ? (char)line[i].character : '?';
        if (text[i] != ' ')
            len = i + 1;
    }
    text[len] = 0;
    return text;
}

static void expect_row(unsigned n, const char *text)
{
    cr_expect_str_eq(row(n, 0), text, "row %u is '%s', not '%s'", n, row(n, 0), text);
}

static void expect_cursor(unsigned r, unsigned c)
{
    cr_expect(s.row == r && s.col == c, "the cursor is at %u,%u, not %u,%u", s.row, s.col, r, c);
}

static unsigned color(unsigned r, unsigned c)
{
    return screen_line(&s, r, 0)[c].color;
}

Test(screen, text)
{
    put("one\r\ntwo\nthree\b\bX\tY");
    expect_row(0, "one");
    expect_row(1, "two");
    expect_row(2, "   thrXeY");
    expect_cursor(2, 9);
}

Test(screen, wraps_late)
{
    char full[SCREEN_COLS + 1];
    memset(full, 'x', SCREEN_COLS);
    full[SCREEN_COLS] = 0;
    put(full);
    expect_cursor(0, SCREEN_COLS);
    put("\r\nnext");
    expect_row(0, full);
    expect_row(1, "next");
    put("\r\n");
    put(full);
    put("y");
    expect_row(2, full);
    expect_row(3, "y");
}

Test(screen, history)
{
    char line[32];
    for (int i = 0; i < 100; i++) {
        snprintf(line, sizeof line, "line %d\r\n", i);
        put(line);
    }
    expect_row(SCREEN_ROWS - 2, "line 99");
    cr_expect_eq(s.history, 101 - SCREEN_ROWS);
    cr_expect_str_eq(row(0, s.history), "line 0");
    cr_expect_str_eq(row(0, 1000000), "line 0", "beyond the beginning");
    for (int i = 100; i < 5000; i++) {
        snprintf(line, sizeof line, "line %d\r\n", i);
        put(line);
    }
    cr_expect_eq(s.history, SCREEN_HISTORY);
    snprintf(line, sizeof line, "line %d", 5001 - SCREEN_ROWS - SCREEN_HISTORY);
    cr_expect_str_eq(row(0, SCREEN_HISTORY), line);
}

Test(screen, moves)
{
    put("\33[5;10HA\33[2AB\33[3BC\33[4DD\33[10CE");
    expect_row(4, "         A");
    expect_row(2, "          B");
    expect_row(5, "        D  C       E");
    put("\33[7G.\33[20d.\33[H.\33[999;999H.");
    expect_cursor(SCREEN_ROWS - 1, SCREEN_COLS);
    put("\33[A\33[999D\33[999A");
    expect_cursor(0, 0);
    put("\33[3;4H\0337\33[H\0338");
    expect_cursor(2, 3);
    put("\33[s\33[H\33[u");
    expect_cursor(2, 3);
}

Test(screen, erases)
{
    put("abcdef\r\nghijkl\r\nmnopqr\33[2;3H\33[K");
    expect_row(1, "gh");
    put("\33[1K");
    expect_row(1, "");
    put("\33[3;3H\33[1J");
    expect_row(0, "");
    expect_row(2, "   pqr");
    put("\33[2J");
    expect_row(2, "");
    put("\33[Habcdef\33[1;3H\33[2P");
    expect_row(0, "abef");
    put("\33[2@XY");
    expect_row(0, "abXYef");
    put("\33[1;2H\33[2X");
    expect_row(0, "a  Yef");
}

Test(screen, regions)
{
    put("a\r\nb\r\nc\r\nd\r\ne\33[2;4r\33[4;1H\n");
    expect_row(0, "a");
    expect_row(1, "c");
    expect_row(2, "d");
    expect_row(3, "");
    expect_row(4, "e");
    cr_expect_eq(s.history, 0, "a region has no history");
    put("\33[2;1H\33M");
    expect_row(1, "");
    expect_row(2, "c");
    put("\33[r\33[1;1H\33[2L");
    expect_row(2, "a");
    put("\33[M\33[M");
    expect_row(0, "a");
    cr_expect_eq(s.history, 0);
    put("\33[S");
    cr_expect_eq(s.history, 1);
    put("\33[T");
    expect_row(0, "");
}

Test(screen, colors)
{
    put("a\33[31mb\33[1mc\33[44md\33[7me\33[0mf\33[93;103mg\33[39;49mh\33[38;5;9;32mi");
    static const unsigned expected[] = {0x07, 0x04, 0x0c, 0x1c, 0xc1, 0x07, 0xee, 0x07, 0x02};
    for (unsigned i = 0; i < 9; i++)
        cr_expect_eq(color(0, i), expected[i], "letter %c: %02x, not %02x", 'a' + i, color(0, i),
                     expected[i]);
}

Test(screen, utf8)
{
    put("\xc3\xa4\xe2\x94\x80\xf0\x9f\x98\x80x\xc3z\xff");
    static const unsigned expected[] = {0xe4, 0x2500, 0xfffd, 'x', 0xfffd, 'z', 0xfffd};
    for (unsigned i = 0; i < 7; i++)
        cr_expect_eq(screen_line(&s, 0, 0)[i].character, expected[i], "%u: %x, not %x", i,
                     screen_line(&s, 0, 0)[i].character, expected[i]);
}

// Titles, character sets, modes and questions say nothing on the screen.
Test(screen, silent)
{
    put("a\33]0;title\ab\33]2;title\33\\c\33(Bd\33[?25le\33[?1049hf\33[6ng\33Pdata\33\\h\33=i");
    expect_row(0, "abcdefghi");
    cr_expect(s.hide_cursor);
    put("\33[?25h\33c");
    cr_expect(!s.hide_cursor);
    expect_row(0, "");
}

Test(screen, fuzz)
{
    static const char likely[] =
        "\33[[[0123456789;;?ABCDEFGHJKLMPSTXdhlmrsu@\n\r\t\b \x84\xc3\xe2\xff";
    uint32_t x = 1;
    for (int i = 0; i < 3000000; i++) {
        x = x * 1664525 + 1013904223;
        uint8_t c = x >> 31 ? (uint8_t)(x >> 20) : (uint8_t)likely[(x >> 16) % (sizeof likely - 1)];
        screen_put(&s, &c, 1);
        cr_assert(s.row < SCREEN_ROWS && s.col <= SCREEN_COLS && s.history <= SCREEN_HISTORY &&
                      s.region_top < s.region_bottom && s.region_bottom <= SCREEN_ROWS &&
                      s.param_count <= SCREEN_PARAMS,
                  "byte %d: row %u, col %u", i, s.row, s.col);
    }
}
