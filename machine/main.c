// SPDX-License-Identifier: GPL-3.0-or-later
// armlet: from the command line to a running machine and its exit status.
#include "machine/exit_codes.h"
#include "machine/machine.h"
#include "machine/options.h"

#include <stdio.h>

static int fail(const struct error *err, int status)
{
    fprintf(stderr, "armlet: %s\n", err->text);
    return status;
}

static int run(const struct machine_config *config)
{
    struct machine m;
    struct error err;
    int status = EXIT_CODE_POWER_OFF;
    if (!machine_init(&m, config, &err))
        return fail(&err, EXIT_CODE_ERROR);
    if (!config->machine.dumpdtb)
        status = machine_run(&m);
    else if (!machine_dump_tree(&m, config->machine.dumpdtb, &err))
        status = fail(&err, EXIT_CODE_ERROR);
    machine_fini(&m);
    return status;
}

// Exit statuses: exit_codes.h.
int main(int argc, char **argv)
{
    struct machine_config config;
    struct error err;
    int status = EXIT_CODE_POWER_OFF;
    machine_config_init(&config);
    switch (options_parse(&config, argc, argv, stdout, &err)) {
    case OPTIONS_RUN:
        status = run(&config);
        break;
    case OPTIONS_WRONG:
        status = fail(&err, EXIT_CODE_USAGE);
        break;
    case OPTIONS_DONE:
        break;
    }
    machine_config_fini(&config);
    return status;
}
