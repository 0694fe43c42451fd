// SPDX-License-Identifier: GPL-3.0-or-later
// A flame graph: a box for each frame, as wide as it was seen, callers below. Names show on hovering,
// and where there is room. Plain SVG without scripts.
#include "machine/profile.h"

#include <inttypes.h>
#include <string.h>

enum { WIDTH = 1200, HEIGHT = 16, TOP = 40, CHAR_WIDTH = 7 };

struct chart {
    FILE *f;
    const struct profile_stack *stacks;
    uint64_t total;
    unsigned depth; // of the deepest
};

static void put_escaped(FILE *f, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        switch (text[i]) {
        case '<': fputs("&lt;", f); break;
        case '>': fputs("&gt;", f); break;
        case '&': fputs("&amp;", f); break;
        case '"': fputs("&quot;", f); break;
        default: fputc((unsigned char)text[i] < ' ' ? '?' : text[i], f);
        }
}

// Warm colours, the same for a name everywhere.
static unsigned colour(const char *name, size_t n)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (uint8_t)name[i]) * 16777619u;
    return (205 + hash % 50) << 16 | (60 + (hash >> 8) % 130) << 8 | (hash >> 16) % 55;
}

// x and width in thousandths of a unit: no floating point is needed.
static void box(const struct chart *c, const char *name, size_t n, uint64_t before, uint64_t count, unsigned level)
{
    uint64_t x = before * WIDTH * 1000 / c->total, width = count * WIDTH * 1000 / c->total;
    unsigned y = TOP + (c->depth - level - 1) * HEIGHT;
    if (width < 100) // less than a tenth of a unit
        return;
    fprintf(c->f, "<g><title>");
    put_escaped(c->f, name, n);
    fprintf(c->f, " (%" PRIu64 " samples, %" PRIu64 ".%02" PRIu64 " %%)</title><rect x=\"%" PRIu64 ".%03" PRIu64
            "\" y=\"%u\" width=\"%" PRIu64 ".%03" PRIu64 "\" height=\"%u\" fill=\"#%06x\"/>",
            count, count * 100 / c->total, count * 10000 / c->total % 100, x / 1000, x % 1000, y, width / 1000,
            width % 1000, HEIGHT - 1, colour(name, n));
    size_t room = width / 1000 / CHAR_WIDTH;
    if (room > 2) {
        fprintf(c->f, "<text x=\"%" PRIu64 ".%03" PRIu64 "\" y=\"%u\">", x / 1000 + 2, x % 1000, y + HEIGHT - 4);
        put_escaped(c->f, name, n < room ? n : room);
        fprintf(c->f, "</text>");
    }
    fprintf(c->f, "</g>\n");
}

// The stacks [first, last) agree in their first `at` bytes; draws what follows there.
static void draw(const struct chart *c, size_t first, size_t last, size_t at, unsigned level, uint64_t before)
{
    while (first < last) {
        const char *name = c->stacks[first].text + at;
        size_t n = strcspn(name, ";"), end = first;
        uint64_t count = 0;
        while (end < last && !strncmp(c->stacks[end].text + at, name, n) &&
               (!c->stacks[end].text[at + n] || c->stacks[end].text[at + n] == ';'))
            count += c->stacks[end++].count;
        box(c, name, n, before, count, level);
        // Those that end here come first: "a" sorts before "a;b".
        size_t deeper = first;
        uint64_t here = 0;
        while (deeper < end && !c->stacks[deeper].text[at + n])
            here += c->stacks[deeper++].count;
        draw(c, deeper, end, at + n + 1, level + 1, before + here);
        before += count;
        first = end;
    }
}

void profile_write_svg(FILE *f, const struct profile_stack *stacks, size_t nr, const char *title)
{
    struct chart c = { .f = f, .stacks = stacks };
    for (size_t n = 0; n < nr; n++) {
        unsigned depth = 1;
        for (const char *t = stacks[n].text; *t; t++)
            depth += *t == ';';
        c.depth = depth > c.depth ? depth : c.depth;
        c.total += stacks[n].count;
    }
    fprintf(f, "<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\" "
               "font-family=\"monospace\" font-size=\"11\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff8f0\"/>\n"
               "<text x=\"8\" y=\"24\" font-size=\"15\">%s</text>\n", WIDTH, TOP + c.depth * HEIGHT + 8, title);
    if (c.total)
        draw(&c, 0, nr, 0, 0, 0);
    fprintf(f, "</svg>\n");
}
