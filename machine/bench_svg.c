// SPDX-License-Identifier: GPL-3.0-or-later
// The chart of `armlet bench`: horizontal bars, a group a kernel, a bar an engine, on a linear
// scale from zero. Nothing but rectangles, lines and text, so that every viewer shows it.
#include "machine/bench.h"

#include <math.h>

enum {
    WIDTH = 900,
    LEFT = 150,  // where bars begin: names stand before
    RIGHT = 770, // where the longest may end: its figures stand behind
    TOP = 96,
    BAR = 15,
    GROUP_GAP = 13,
    BOTTOM = 44,
};

static const char *const colours[BENCH_MAX_ENGINES] = {"#9aa5b1", "#2f6f9f", "#d9822b"};

static double value(const struct bench *b, unsigned engine, unsigned kernel)
{
    const struct bench_engine *e = &b->engines[engine];
    return b->nr_engines > 1 ? bench_ratio(b, e, kernel) : bench_speed(b, e, kernel) / 1e6;
}

// A step of 1, 2 or 5 times a power of ten that gives at most eight of them.
static double step_for(double most)
{
    double step = pow(10, floor(log10(most / 8)));
    static const double factors[] = {1, 2, 5, 10};
    for (unsigned n = 0; n < 4; n++)
        if (most / (step * factors[n]) <= 8)
            return step * factors[n];
    return step * 10;
}

static void text(FILE *out, double x, double y, const char *anchor, int size, const char *colour,
                 const char *s)
{
    fprintf(
        out,
        "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"%d\" fill=\"%s\">%s</text>\n",
        x, y, anchor, size, colour, s);
}

static void draw_head(const struct bench *b, FILE *out)
{
    char line[160];
    double x = LEFT;
    const char *base = bench_base(b)->name;
    text(out, 24, 32, "start", 19, "#1f2933", "armlet bench");
    if (b->nr_engines > 1)
        snprintf(line, sizeof line,
                 "speed relative to %s (longer is faster), and million guest instructions a second",
                 base);
    else
        snprintf(line, sizeof line, "%s: million guest instructions a second", base);
    text(out, 24, 54, "start", 13, "#52606d", line);
    for (unsigned e = 0; b->nr_engines > 1 && e < b->nr_engines; e++) {
        fprintf(out, "<rect x=\"%.1f\" y=\"68\" width=\"12\" height=\"12\" fill=\"%s\"/>\n", x,
                colours[e]);
        snprintf(line, sizeof line, "%s, mean %.2f", b->engines[e].name,
                 bench_mean_ratio(b, &b->engines[e]));
        text(out, x + 18, 79, "start", 13, "#1f2933", line);
        x += 170;
    }
}

static void draw_grid(double most, double scale, double bottom, const char *unit, FILE *out)
{
    double step = step_for(most);
    for (unsigned n = 0; step * n <= most * 1.0001; n++) {
        char label[32];
        double x = LEFT + step * n * scale;
        fprintf(out,
                "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" "
                "stroke-width=\"1\"/>\n",
                x, TOP - 4, x, bottom, n ? "#e4e7eb" : "#7b8794");
        snprintf(label, sizeof label, "%g", step * n);
        text(out, x, bottom + 18, "middle", 12, "#52606d", label);
    }
    text(out, LEFT - 10, bottom + 18, "end", 12, "#52606d", unit);
}

static void draw_group(const struct bench *b, unsigned kernel, double y, double scale, FILE *out)
{
    char figures[64];
    text(out, LEFT - 10, y + BAR * b->nr_engines / 2.0 + 5, "end", 14, "#1f2933",
         b->engines[0].rounds[0].kernels[kernel].name);
    for (unsigned e = 0; e < b->nr_engines; e++, y += BAR) {
        double w = value(b, e, kernel) * scale,
               speed = bench_speed(b, &b->engines[e], kernel) / 1e6;
        fprintf(out, "<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n", LEFT,
                y, w < 0.5 ? 0.5 : w, BAR - 2, colours[e]);
        if (b->nr_engines > 1)
            snprintf(figures, sizeof figures, "%.2f&#215;, %.0f M/s", value(b, e, kernel), speed);
        else
            snprintf(figures, sizeof figures, "%.0f M/s", speed);
        text(out, LEFT + w + 5, y + BAR - 4, "start", 11, "#52606d", figures);
    }
}

void bench_print_svg(const struct bench *b, FILE *out)
{
    unsigned kernels = b->engines[0].rounds[0].nr_kernels, group = BAR * b->nr_engines + GROUP_GAP;
    double most = 0, bottom = TOP + kernels * group;
    for (unsigned k = 0; k < kernels; k++)
        for (unsigned e = 0; e < b->nr_engines; e++)
            most = fmax(most, value(b, e, k));
    if (most <= 0)
        most = 1;
    double scale = (RIGHT - LEFT) / most;
    fprintf(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" viewBox=\"0 0 %d "
        "%.0f\" "
        "font-family=\"sans-serif\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
        WIDTH, bottom + BOTTOM, WIDTH, bottom + BOTTOM);
    draw_head(b, out);
    draw_grid(most, scale, bottom, b->nr_engines > 1 ? "times" : "M/s", out);
    for (unsigned k = 0; k < kernels; k++)
        draw_group(b, k, TOP + 4 + k * group, scale, out);
    fputs("</svg>\n", out);
}
