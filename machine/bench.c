// SPDX-License-Identifier: GPL-3.0-or-later
// `armlet bench`: its options, and the runs in their order.
#include "machine/bench.h"

#include "base/bits.h"
#include "machine/bench_guest.h"
#include "machine/commands.h"
#include "machine/config.h"
#include "machine/exit_codes.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct {
    const char *name;
    int accel;
    bool compiles;
} engines[] = {
    {"interp", CONFIG_ACCEL_INTERP, false},
    {"quick", CONFIG_ACCEL_QUICK, false},
    {"tiered", CONFIG_ACCEL_TIERED, true},
    {"gccjit", CONFIG_ACCEL_GCCJIT, true},
};
_Static_assert(ARRAY_SIZE(engines) == BENCH_MAX_ENGINES, "room for each engine once");

#ifdef HAVE_GCCJIT
static const bool can_compile = true;
#else
static const bool can_compile = false;
#endif

// Options ----------------------------------------------------------------------------------------

static bool add_engine(struct bench *b, const char *name, size_t len, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
        if (strlen(engines[i].name) != len || strncmp(engines[i].name, name, len))
            continue;
        if (engines[i].compiles && !can_compile)
            return error_set(err,
                             "bench: armlet was built without libgccjit: there is no engine %s",
                             engines[i].name);
        for (unsigned e = 0; e < b->nr_engines; e++)
            if (b->engines[e].accel == engines[i].accel)
                return error_set(err, "bench: engine %s is named twice", engines[i].name);
        b->engines[b->nr_engines].name = engines[i].name;
        b->engines[b->nr_engines++].accel = engines[i].accel;
        return true;
    }
    return error_set(err, "bench: there is no engine %.*s (interp, quick, tiered, gccjit)", (int)len,
                     name);
}

static bool set_engines(struct bench *b, const char *arg, struct error *err)
{
    b->nr_engines = 0;
    for (;;) {
        size_t n = strcspn(arg, ",");
        if (!add_engine(b, arg, n, err))
            return false;
        if (!arg[n])
            return true;
        arg += n + 1;
    }
}

static bool set_number(unsigned *to, const char *arg, unsigned most, const char *option,
                       struct error *err)
{
    char *end;
    unsigned long v = strtoul(arg, &end, 10);
    if (*arg < '0' || *arg > '9' || *end || v < 1 || v > most)
        return error_set(err, "bench: %s %s: a number from 1 to %u", option, arg, most);
    *to = (unsigned)v;
    return true;
}

static bool set_guest(struct bench *b, const char *arg, struct error *err)
{
    b->guest = arg;
    return true;
}
static bool set_json(struct bench *b, const char *arg, struct error *err)
{
    b->json = arg;
    return true;
}
static bool set_svg(struct bench *b, const char *arg, struct error *err)
{
    b->svg = arg;
    return true;
}
static bool set_rounds(struct bench *b, const char *arg, struct error *err)
{
    return set_number(&b->rounds, arg, BENCH_MAX_ROUNDS, "-rounds", err);
}
static bool set_ms(struct bench *b, const char *arg, struct error *err)
{
    return set_number(&b->ms, arg, 60000, "-ms", err);
}

static const struct row {
    const char *name, *argument, *help;
    bool (*set)(struct bench *b, const char *arg, struct error *err);
} rows[] = {
    {"guest", "FILE", "run this instead of the built-in guest (as -kernel does)", set_guest},
    {"engines", "LIST", "of interp,quick,tiered,gccjit, in this order: interp,tiered,gccjit", set_engines},
    {"rounds", "N", "run each engine so often: 2; the first with a cold cache", set_rounds},
    {"ms", "N", "let each kernel run for so many milliseconds: 400", set_ms},
    {"json", "FILE", "write all figures as JSON", set_json},
    {"svg", "FILE", "draw a bar chart", set_svg},
    {"help", NULL, "show this and leave", NULL},
};

static void print_help(FILE *out)
{
    fputs("usage: armlet bench [OPTION...]\n"
          "Runs the same guest on each engine and compares. One dash or two:\n\n",
          out);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *argument = rows[i].argument ? rows[i].argument : "";
        int n = fprintf(out, "  -%s%s%s", rows[i].name, *argument ? " " : "", argument);
        fprintf(out, "%*s%s\n", 20 - n, "", rows[i].help);
    }
    fputs("\nA FILE of \"-\" is the standard output. Status 1 if an engine fails or computes "
          "something else.\n",
          out);
}

enum parsed { PARSED, PARSED_HELP, PARSED_WRONG };

static enum parsed parse(struct bench *b, int argc, char **argv, struct error *err)
{
    struct option longs[ARRAY_SIZE(rows) + 1] = {0};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        longs[i] = (struct option){rows[i].name, rows[i].argument ? required_argument : no_argument,
                                   NULL, 0};
    optind = 0;
    opterr = 0;
    int index = 0;
    for (int r; (r = getopt_long_only(argc, argv, "-:", longs, &index)) != -1;) {
        if (r != 0) {
            error_set(err,
                      r == ':' ? "bench: %s: needs an argument"
                               : "bench: %s: unknown (see armlet bench --help)",
                      r == 1 ? optarg : argv[optind - 1]);
            return PARSED_WRONG;
        }
        if (!rows[index].set)
            return PARSED_HELP;
        if (!rows[index].set(b, optarg, err))
            return PARSED_WRONG;
    }
    return PARSED;
}

// Runs -------------------------------------------------------------------------------------------

// A path by which this process and its children find the built-in guest. fd is to be closed.
static bool open_guest(char *path, size_t size, int *fd, struct error *err)
{
    if (!bench_guest_size)
        return error_set(
            err, "bench: armlet was built without a cross compiler (aarch64-linux-gnu-gcc), so it "
                 "has no guest of its own: name one with -guest FILE");
    *fd = memfd_create("bench-guest", MFD_CLOEXEC);
    if (*fd < 0 || write(*fd, bench_guest, bench_guest_size) != (ssize_t)bench_guest_size)
        return error_set(err, "bench: memfd: %s", strerror(errno));
    snprintf(path, size, "/proc/self/fd/%d", *fd);
    return true;
}

static void remove_directory(const char *path)
{
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
    rmdir(path);
}

static bool run_engine(const struct bench *b, struct bench_engine *e, const char *guest,
                       struct error *err)
{
    char cache[] = "/tmp/armlet-bench-XXXXXX";
    if (!mkdtemp(cache))
        return error_set(err, "bench: %s: %s", cache, strerror(errno));
    bool ok = true;
    for (unsigned n = 0; ok && n < b->rounds; n++) {
        fprintf(stderr, "armlet bench: %s, round %u of %u\n", e->name, n + 1, b->rounds);
        ok = bench_run(b, e, guest, cache, &e->rounds[n], err);
    }
    remove_directory(cache);
    return ok;
}

static bool run_all(struct bench *b, struct error *err)
{
    char path[40];
    int fd = -1;
    const char *guest = b->guest ? b->guest : path;
    bool ok = b->guest || open_guest(path, sizeof path, &fd, err);
    for (unsigned n = 0; ok && n < b->nr_engines; n++)
        ok = run_engine(b, &b->engines[n], guest, err);
    if (fd >= 0)
        close(fd);
    return ok && bench_agree(b, err);
}

// A file for JSON or a chart.
struct sink {
    const char *path; // NULL: not wanted; "-": the standard output
    void (*print)(const struct bench *b, FILE *out);
    FILE *file;
};

static bool sink_open(struct sink *s, FILE *out, struct error *err)
{
    if (!s->path)
        return true;
    s->file = strcmp(s->path, "-") ? fopen(s->path, "we") : out;
    return s->file ? true : error_set(err, "%s: %s", s->path, strerror(errno));
}

static bool sink_write(const struct sink *s, const struct bench *b, struct error *err)
{
    if (!s->file)
        return true;
    s->print(b, s->file);
    return !fflush(s->file) && !ferror(s->file)
               ? true
               : error_set(err, "%s: %s", s->path, strerror(errno));
}

static void sink_close(struct sink *s, FILE *out)
{
    if (s->file && s->file != out)
        fclose(s->file);
}

static bool measure(struct bench *b, FILE *out, struct error *err)
{
    struct sink json = {b->json, bench_print_json, NULL}, svg = {b->svg, bench_print_svg, NULL};
    // Before anything runs, so that a wrong name costs no time.
    bool ok = sink_open(&json, out, err) && sink_open(&svg, out, err) && run_all(b, err);
    if (ok && json.file != out && svg.file != out)
        bench_print_table(b, out);
    ok = ok && sink_write(&json, b, err) && sink_write(&svg, b, err);
    sink_close(&json, out);
    sink_close(&svg, out);
    return ok;
}

int command_bench(int argc, char **argv, FILE *out, struct error *err)
{
    struct bench *b = calloc(1, sizeof *b);
    assert(b);
    int status = EXIT_CODE_POWER_OFF;
    b->rounds = 2;
    set_engines(b, can_compile ? "interp,tiered,gccjit" : "interp", err);
    enum parsed p = parse(b, argc, argv, err);
    if (p == PARSED_HELP)
        print_help(out);
    else if (p == PARSED_WRONG)
        status = EXIT_CODE_USAGE;
    else if (!measure(b, out, err))
        status = EXIT_CODE_ERROR;
    free(b);
    return status;
}
