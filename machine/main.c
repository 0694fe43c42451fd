// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/exit_codes.h"
#include "machine/machine.h"
#include "machine/options.h"

#include <stdio.h>

static int run(const struct machine_config *config)
{
    struct machine m;
    struct error err;
    if (!machine_init(&m, config, &err)) {
        fprintf(stderr, "armlet: %s\n", err.text);
        return EXIT_CODE_ERROR;
    }
    int status = machine_run(&m);
    machine_fini(&m);
    return status;
}

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
        fprintf(stderr, "armlet: %s\n", err.text);
        status = EXIT_CODE_USAGE;
        break;
    case OPTIONS_DONE:
        break;
    }
    machine_config_fini(&config);
    return status;
}
