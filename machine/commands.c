// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/commands.h"

#include "base/bits.h"
#include "jit/cache.h"
#include "machine/exit_codes.h"
#include "machine/option_handlers.h"
#include "machine/suggest.h"

#include <getopt.h>
#include <string.h>
#include <sys/stat.h>

const struct command_row command_rows[] = {
#define COMMAND(name, arguments, help, handler) {name, arguments, help, command_##handler},
#include "machine/commands.def"
#undef COMMAND
};

const size_t command_row_count = ARRAY_SIZE(command_rows);

// The word that may be a command: not an option, and not the name of a file.
static const char *word(int argc, char **argv)
{
    struct stat st;
    if (argc < 2 || argv[1][0] == '-' || (stat(argv[1], &st) == 0 && !S_ISDIR(st.st_mode)))
        return NULL;
    return argv[1];
}

const struct command_row *command_find(int argc, char **argv)
{
    const char *name = word(argc, argv);
    for (size_t i = 0; name && i < command_row_count; i++)
        if (!strcmp(command_rows[i].name, name))
            return &command_rows[i];
    return NULL;
}

bool command_misspelt(int argc, char **argv, struct error *err)
{
    const char *name = word(argc, argv);
    struct suggest near;
    if (!name)
        return false;
    suggest_init(&near, name, strlen(name));
    for (size_t i = 0; i < command_row_count; i++)
        suggest_offer(&near, command_rows[i].name);
    if (near.best)
        error_set(err, "%s: neither a file nor a command; did you mean %s?", name, near.best);
    return near.best;
}

int command_help(int argc, char **argv, FILE *out, struct error *err)
{
    options_print_help(out);
    return EXIT_CODE_POWER_OFF;
}

static const char cache_words[] = "usage: armlet cache list|clear [--cache-dir DIR]";

static int cache_usage(struct error *err)
{
    error_set(err, "%s", cache_words);
    return EXIT_CODE_USAGE;
}

int command_cache(int argc, char **argv, FILE *out, struct error *err)
{
    static const struct option longs[] = {
        {"cache-dir", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {0}};
    const char *dir = NULL, *verb = NULL;
    optind = 0;
    opterr = 0;
    for (int r; (r = getopt_long_only(argc, argv, "-", longs, NULL)) != -1;) {
        if (r == 'h') {
            fprintf(out, "%s\n", cache_words);
            return EXIT_CODE_POWER_OFF;
        }
        if (r == 'c')
            dir = optarg;
        else if (r == 1 && !verb)
            verb = optarg;
        else
            return cache_usage(err);
    }
    if (!verb || optind < argc)
        return cache_usage(err);
    bool ok;
    if (!strcmp(verb, "list"))
        ok = cache_list(dir, out, err);
    else if (!strcmp(verb, "clear"))
        ok = cache_clear(dir, out, err);
    else
        return cache_usage(err);
    return ok ? EXIT_CODE_POWER_OFF : EXIT_CODE_ERROR;
}
