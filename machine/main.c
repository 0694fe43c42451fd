// SPDX-License-Identifier: GPL-3.0-or-later
// armlet: from the command line to a running machine, or a command, and its exit status.
#include "devices/char/say.h"
#include "machine/commands.h"
#include "machine/exit_codes.h"
#include "machine/machine.h"
#include "machine/options.h"
#include "machine/ui.h"

#include <stdio.h>

static int fail(const struct error *err, int status)
{
    say("%s", err->text);
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
        status = ui_run(&m);
    else if (!machine_dump_tree(&m, config->machine.dumpdtb, &err))
        status = fail(&err, EXIT_CODE_ERROR);
    machine_fini(&m);
    return status;
}

static int run_command(const struct command_row *command, int argc, char **argv)
{
    struct error err = {0};
    int status = command->run(argc, argv, stdout, &err);
    return status && err.text[0] ? fail(&err, status) : status;
}

// Exit statuses: exit_codes.h.
int main(int argc, char **argv)
{
    struct machine_config config;
    struct error err;
    int status = EXIT_CODE_POWER_OFF;
    const struct command_row *command = command_find(argc, argv);
    if (command)
        return run_command(command, argc - 1, argv + 1);
    if (command_misspelt(argc, argv, &err))
        return fail(&err, EXIT_CODE_USAGE);
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
