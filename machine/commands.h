// SPDX-License-Identifier: GPL-3.0-or-later
// What armlet does besides running a machine: `armlet bench`, `armlet cache list`. One row a
// command in commands.def. Called by main before any thread exists.
#ifndef MACHINE_COMMANDS_H
#define MACHINE_COMMANDS_H

#include "base/error.h"

#include <stdio.h>

struct command_row {
    const char *name, *arguments, *help;
    // argv[0] is the command's word. Results go to out, trouble to err. Returns the exit status;
    // other than EXIT_CODE_POWER_OFF err says why.
    int (*run)(int argc, char **argv, FILE *out, struct error *err);
};

extern const struct command_row command_rows[];
extern const size_t command_row_count;

// The command that the first argument names. NULL: there is none, or a file has that name, which
// is then a kernel as ever.
const struct command_row *command_find(int argc, char **argv);

// Is the first argument neither a file nor a command, but nearly one? Then err says so.
bool command_misspelt(int argc, char **argv, struct error *err);

#define COMMAND(name, arguments, help, handler)                                                    \
    int command_##handler(int argc, char **argv, FILE *out, struct error *err);
#include "machine/commands.def"
#undef COMMAND

#endif
