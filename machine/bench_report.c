// SPDX-License-Identifier: GPL-3.0-or-later
// Figures, table and JSON of `armlet bench`.
#include "machine/bench.h"

#include "machine/config.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

bool bench_agree(const struct bench *b, struct error *err)
{
    const struct bench_result *first = &b->engines[0].rounds[0];
    for (unsigned e = 0; e < b->nr_engines; e++)
        for (unsigned n = 0; n < b->rounds; n++) {
            const struct bench_result *r = &b->engines[e].rounds[n];
            const char *name = b->engines[e].name;
            if (r->nr_kernels != first->nr_kernels)
                return error_set(err, "%s ran %u kernels, %s %u", b->engines[0].name,
                                 first->nr_kernels, name, r->nr_kernels);
            for (unsigned k = 0; k < r->nr_kernels; k++) {
                const struct bench_kernel *a = &first->kernels[k], *c = &r->kernels[k];
                if (strcmp(a->name, c->name))
                    return error_set(err, "%s ran %s where %s ran %s", name, c->name,
                                     b->engines[0].name, a->name);
                if (a->checksum != c->checksum)
                    return error_set(err,
                                     "%s: the engines compute different results: %s %016" PRIx64
                                     ", %s (round %u) %016" PRIx64,
                                     a->name, b->engines[0].name, a->checksum, name, n + 1,
                                     c->checksum);
            }
        }
    return true;
}

// Figures ----------------------------------------------------------------------------------------

const struct bench_engine *bench_base(const struct bench *b)
{
    for (unsigned e = 0; e < b->nr_engines; e++)
        if (b->engines[e].accel == CONFIG_ACCEL_INTERP)
            return &b->engines[e];
    return &b->engines[0];
}

static double ticks_to_seconds(const struct bench_result *r, uint64_t ticks)
{
    return (double)(ticks ? ticks : 1) / (double)r->frequency;
}

double bench_seconds(const struct bench *b, const struct bench_engine *e, unsigned kernel)
{
    double best = INFINITY;
    for (unsigned n = 0; n < b->rounds; n++)
        best = fmin(best, ticks_to_seconds(&e->rounds[n], e->rounds[n].kernels[kernel].best));
    return best;
}

double bench_speed(const struct bench *b, const struct bench_engine *e, unsigned kernel)
{
    const struct bench_kernel *k = &bench_base(b)->rounds[0].kernels[kernel];
    return (double)k->insns / (double)k->passes / bench_seconds(b, e, kernel);
}

double bench_ratio(const struct bench *b, const struct bench_engine *e, unsigned kernel)
{
    return bench_seconds(b, bench_base(b), kernel) / bench_seconds(b, e, kernel);
}

double bench_mean_ratio(const struct bench *b, const struct bench_engine *e)
{
    unsigned n = e->rounds[0].nr_kernels;
    double sum = 0;
    for (unsigned k = 0; k < n; k++)
        sum += log(bench_ratio(b, e, k));
    return exp(sum / n);
}

// Table ------------------------------------------------------------------------------------------

#define NAME_WIDTH 16
#define CELL_WIDTH 31 // three figures an engine

static void print_heads(const struct bench *b, FILE *out)
{
    fprintf(out, "%-*s", NAME_WIDTH, "");
    for (unsigned e = 0; e < b->nr_engines; e++)
        fprintf(out, " | %*s", CELL_WIDTH - 3, b->engines[e].name);
    fprintf(out, "\n%-*s", NAME_WIDTH, "kernel");
    for (unsigned e = 0; e < b->nr_engines; e++)
        fprintf(out, " | %9s %9s %8s", "ms", "M insn/s", "ratio");
    fputc('\n', out);
}

static void print_rule(const struct bench *b, FILE *out)
{
    for (unsigned n = 0; n < NAME_WIDTH; n++)
        fputc('-', out);
    for (unsigned e = 0; e < b->nr_engines; e++)
        fputs("-+-----------------------------", out);
    fputc('\n', out);
}

static double as_count(const struct bench_result *r, size_t offset)
{
    return (double)*(const uint64_t *)((const char *)r + offset);
}

// What is said of an engine's rounds.
static const struct figure {
    const char *name;
    size_t offset; // in struct bench_result
    double unit;
    int digits;
    bool compiling; // only of engines that compile
} figures[] = {
    {"whole run, s", offsetof(struct bench_result, wall_ns), 1e9, 2, false},
    {"host CPU, s", offsetof(struct bench_result, cpu_ns), 1e9, 2, false},
    {"compile, CPU s", offsetof(struct bench_result, compile_us), 1e6, 2, true},
    {"compiled", offsetof(struct bench_result, regions), 1, 0, true},
    {"from the cache", offsetof(struct bench_result, cache_hits), 1, 0, true},
    {"code, KiB", offsetof(struct bench_result, code_bytes), 1024, 1, true},
};

static bool compiles(const struct bench_engine *e)
{
    return e->accel != CONFIG_ACCEL_INTERP;
}

static void print_figure(const struct figure *f, const struct bench_engine *e, unsigned round,
                         FILE *out)
{
    const char *cache = !compiles(e) ? "" : round ? "warm cache" : "cold cache";
    double v = as_count(&e->rounds[round], f->offset) / f->unit;
    if (f->compiling && !compiles(e))
        fprintf(out, " | %*s", CELL_WIDTH - 3, "-");
    else
        fprintf(out, " | %12s %*.*f", cache, CELL_WIDTH - 16, f->digits, v);
}

static void print_rounds(const struct bench *b, FILE *out)
{
    bool any = false;
    for (unsigned e = 0; e < b->nr_engines; e++)
        any = any || compiles(&b->engines[e]);
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        for (unsigned n = 0; n < b->rounds && (any || !figures[i].compiling); n++) {
            fprintf(out, "%-*s", NAME_WIDTH, n ? "" : figures[i].name);
            for (unsigned e = 0; e < b->nr_engines; e++)
                print_figure(&figures[i], &b->engines[e], n, out);
            fputc('\n', out);
        }
}

void bench_print_table(const struct bench *b, FILE *out)
{
    print_heads(b, out);
    print_rule(b, out);
    for (unsigned k = 0; k < b->engines[0].rounds[0].nr_kernels; k++) {
        fprintf(out, "%-*s", NAME_WIDTH, b->engines[0].rounds[0].kernels[k].name);
        for (unsigned n = 0; n < b->nr_engines; n++) {
            const struct bench_engine *e = &b->engines[n];
            fprintf(out, " | %9.3f %9.1f %8.2f", bench_seconds(b, e, k) * 1e3,
                    bench_speed(b, e, k) / 1e6, bench_ratio(b, e, k));
        }
        fputc('\n', out);
    }
    print_rule(b, out);
    fprintf(out, "%-*s", NAME_WIDTH, "geometric mean");
    for (unsigned n = 0; n < b->nr_engines; n++)
        fprintf(out, " | %*.2f", CELL_WIDTH - 3, bench_mean_ratio(b, &b->engines[n]));
    fputc('\n', out);
    print_rounds(b, out);
    fprintf(out, "\nms: the best pass of %u round%s. ratio: %s's time divided by this engine's.\n",
            b->rounds, b->rounds == 1 ? "" : "s", bench_base(b)->name);
}

// JSON -------------------------------------------------------------------------------------------

static void print_string(FILE *out, const char *s)
{
    fputc('"', out);
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            fprintf(out, "\\%c", *s);
        else if ((unsigned char)*s < ' ')
            fprintf(out, "\\u%04x", (unsigned)*s);
        else
            fputc(*s, out);
    }
    fputc('"', out);
}

static void print_round(FILE *out, const struct bench_result *r, bool cold)
{
    fprintf(out,
            "        {\"cold\": %s, \"wall_seconds\": %.6f, \"cpu_seconds\": %.6f, "
            "\"instructions\": %" PRIu64 ",\n         \"compiled_regions\": %" PRIu64
            ", \"compile_cpu_seconds\": %.6f, \"code_bytes\": %" PRIu64 ", \"cache_hits\": %" PRIu64
            ",\n         \"kernels\": [",
            cold ? "true" : "false", (double)r->wall_ns / 1e9, (double)r->cpu_ns / 1e9, r->insns,
            r->regions, (double)r->compile_us / 1e6, r->code_bytes, r->cache_hits);
    for (unsigned k = 0; k < r->nr_kernels; k++) {
        const struct bench_kernel *c = &r->kernels[k];
        fprintf(out,
                "%s\n          {\"name\": \"%s\", \"passes\": %" PRIu64
                ", \"best_seconds\": %.9f, \"total_seconds\": %.9f, \"instructions\": %" PRIu64
                ", \"checksum\": \"%016" PRIx64 "\"}",
                k ? "," : "", c->name, c->passes, ticks_to_seconds(r, c->best),
                ticks_to_seconds(r, c->total), c->insns, c->checksum);
    }
    fputs("]}", out);
}

static void print_engine(const struct bench *b, const struct bench_engine *e, FILE *out)
{
    fprintf(out, "    {\"name\": \"%s\", \"geometric_mean_ratio\": %.4f,\n     \"kernels\": [",
            e->name, bench_mean_ratio(b, e));
    for (unsigned k = 0; k < e->rounds[0].nr_kernels; k++)
        fprintf(out,
                "%s\n       {\"name\": \"%s\", \"seconds\": %.9f, \"instructions_per_second\": "
                "%.0f, \"ratio\": %.4f}",
                k ? "," : "", e->rounds[0].kernels[k].name, bench_seconds(b, e, k),
                bench_speed(b, e, k), bench_ratio(b, e, k));
    fputs("],\n     \"rounds\": [\n", out);
    for (unsigned n = 0; n < b->rounds; n++) {
        print_round(out, &e->rounds[n], n == 0);
        fputs(n + 1 < b->rounds ? ",\n" : "]}", out);
    }
}

void bench_print_json(const struct bench *b, FILE *out)
{
    fputs("{\"guest\": ", out);
    print_string(out, b->guest ? b->guest : "built-in");
    fprintf(out, ", \"rounds\": %u, \"base\": \"%s\",\n  \"engines\": [\n", b->rounds,
            bench_base(b)->name);
    for (unsigned n = 0; n < b->nr_engines; n++) {
        print_engine(b, &b->engines[n], out);
        fputs(n + 1 < b->nr_engines ? ",\n" : "]}\n", out);
    }
}
