// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/options.h"

#include "base/bits.h"
#include "machine/option_handlers.h"
#include "machine/short_way.h"
#include "machine/suggest.h"

#include <assert.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

const struct option_row option_rows[] = {
#define OPTION(name, argument, help, handler) {name, argument, help, opt_##handler},
#include "machine/options.def"
#undef OPTION
};

const size_t option_row_count = ARRAY_SIZE(option_rows);

static void print_commands(FILE *out)
{
    static const struct {
        const char *name, *arguments, *help;
    } rows[] = {
#define COMMAND(name, arguments, help, handler) {name, arguments, help},
#include "machine/commands.def"
#undef COMMAND
    };
    fputs("\nCommands, where no file has that name:\n\n", out);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *arguments = rows[i].arguments;
        int n = fprintf(out, "  %s%s%s", rows[i].name, *arguments ? " " : "", arguments);
        fprintf(out, "%*s%s\n", 38 - n, "", rows[i].help);
    }
}

void options_print_help(FILE *out)
{
    fputs("usage: armlet [OPTION...] [KERNEL|DISK|ISO...]\n"
          "       armlet COMMAND [ARGUMENT...]\n"
          "Boots 64-bit Arm systems. QEMU-compatible options, one dash or two:\n\n",
          out);
    for (size_t i = 0; i < option_row_count; i++) {
        const struct option_row *r = &option_rows[i];
        if (!r->help)
            continue;
        int n = fprintf(out, "  -%s%s%s", r->name, r->argument ? " " : "",
                        r->argument ? r->argument : "");
        if (n > 33)
            n = fprintf(out, "\n") - 1;
        fprintf(out, "%*s %s\n", 33 - n, "", r->help);
    }
    print_commands(out);
    fputs(
        "\nExit status: 0 power-off, 1 an error of armlet's, 2 usage, 3 reset under -no-reboot,\n"
        "4 a kernel panic, 5 --timeout, 6 without what --expect names, 9 -accel verify; 128+N signal N.\n",
        out);
}

static bool unknown_option(const char *text, struct error *err)
{
    const char *name = text + strspn(text, "-");
    size_t n = strcspn(name, "=");
    struct suggest near;
    suggest_init(&near, name, n);
    for (size_t i = 0; i < option_row_count; i++)
        suggest_offer(&near, option_rows[i].name);
    if (near.best)
        return error_set(err, "%s: unknown option; did you mean -%s?", text, near.best);
    return error_set(err, "%s: unknown option (see armlet --help)", text);
}

// getopt accepts any unique beginning of a name; QEMU does not, and neither do scripts that are to
// survive the next option.
static bool spelled_out(const char *text, const char *name)
{
    text += strspn(text, "-");
    return strlen(name) == strcspn(text, "=") && !strncmp(text, name, strlen(name));
}

static bool apply(struct options *o, const struct option_row *row, const char *arg)
{
    o->given = realloc(o->given, (o->given_count + 1) * sizeof *o->given);
    assert(o->given);
    o->given[o->given_count++] = (struct given_option){row->name, arg};
    return row->handle(o, arg);
}

bool options_apply(struct options *o, const char *name, const char *arg)
{
    for (size_t i = 0; i < option_row_count; i++)
        if (!strcmp(option_rows[i].name, name))
            return apply(o, &option_rows[i], arg);
    assert(false);
    return false;
}

static bool parse_all(struct options *o, int argc, char **argv)
{
    struct option longs[ARRAY_SIZE(option_rows) + 1] = {0};
    for (size_t i = 0; i < option_row_count; i++) {
        longs[i].name = option_rows[i].name;
        longs[i].has_arg = option_rows[i].argument ? required_argument : no_argument;
    }
    optind = 0; // starts getopt afresh
    opterr = 0;
    for (;;) {
        int at = optind ? optind : 1, index = -1;
        int r = getopt_long_only(argc, argv, "-:", longs, &index);
        if (r == -1)
            break;
        if (r == 1 && !short_way_positional(o, optarg))
            return false;
        if (r == ':')
            return error_set(o->err, "%s: needs an argument", argv[at]);
        if (r == '?' || (r == 0 && !spelled_out(argv[at], longs[index].name)))
            return unknown_option(argv[at], o->err);
        if (r == 0 && !apply(o, &option_rows[index], optarg))
            return false;
        if (o->done)
            return true;
    }
    while (optind < argc) // after "--"
        if (!short_way_positional(o, argv[optind++]))
            return false;
    return true;
}

static enum options_result parse(struct options *o, int argc, char **argv)
{
    if (!parse_all(o, argc, argv))
        return OPTIONS_WRONG;
    if (o->done)
        return OPTIONS_DONE;
    if (!short_way_complete(o) || !options_check(o))
        return OPTIONS_WRONG;
    if (!o->print_config)
        return OPTIONS_RUN;
    short_way_print(o, o->out);
    return OPTIONS_DONE;
}

enum options_result options_parse(struct machine_config *c, int argc, char **argv, FILE *out,
                                  struct error *err)
{
    struct options o = {.config = c, .out = out, .err = err};
    enum options_result r = parse(&o, argc, argv);
    free(o.given);
    return r;
}
