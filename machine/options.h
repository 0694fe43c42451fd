// SPDX-License-Identifier: GPL-3.0-or-later
// The command line: QEMU's spellings, one row an option (options.def), into a machine_config.
//
// Called once by main before any thread exists. getopt keeps its state in libc's globals, so two
// threads must not parse at once.
#ifndef MACHINE_OPTIONS_H
#define MACHINE_OPTIONS_H

#include "base/error.h"
#include "machine/config.h"

#include <stdio.h>

enum options_result {
    OPTIONS_RUN,   // the config is complete and consistent
    OPTIONS_DONE,  // a help text or the version was printed: leave with status 0
    OPTIONS_WRONG, // *err says what: leave with status 2
};

// Parses argv into c, which machine_config_init() has prepared. What is asked for by -help and its
// like goes to out. argv must outlive c.
enum options_result options_parse(struct machine_config *c, int argc, char **argv, FILE *out,
                                  struct error *err);

#endif
