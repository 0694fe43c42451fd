// SPDX-License-Identifier: GPL-3.0-or-later
// Between options.c and option_handlers.c: what a handler is given, and the handlers by name.
#ifndef MACHINE_OPTION_HANDLERS_H
#define MACHINE_OPTION_HANDLERS_H

#include "machine/options.h"

struct given_option {
    const char *name, *arg;
};

struct options {
    struct machine_config *config;
    FILE *out;
    bool done; // something was printed instead; no machine is wanted
    bool nographic;
    const char *serials[CONFIG_MAX_SERIALS]; // what -serial named, resolved once all -chardev are known
    unsigned serial_count;
    const char *short_disk;     // the first disk named without an option
    struct given_option *given; // all options, in order; those that armlet has added too
    size_t given_count;
    bool print_config;
    struct error *err;
};

struct option_row {
    const char *name;
    const char *argument; // NULL: takes none
    const char *help;
    bool (*handle)(struct options *o, const char *arg); // false: *o->err is set
};

extern const struct option_row option_rows[];
extern const size_t option_row_count;

// Does what the option of this name does, and remembers it. arg lives as long as the configuration.
bool options_apply(struct options *o, const char *name, const char *arg);

void options_print_help(FILE *out);

#define OPTION(name, argument, help, handler)                                                      \
    bool opt_##handler(struct options *o, const char *arg);
#include "machine/options.def"
#undef OPTION

// After the last option: what to show where. Called by options_check().
void options_check_display(struct options *o);
// Whether the host has a screen that a window could be on, as far as the environment tells.
bool options_host_has_screen(void);

// After the last option: defaults, references between options, what contradicts.
bool options_check(struct options *o);

#endif
