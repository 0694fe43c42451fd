// SPDX-License-Identifier: GPL-3.0-or-later
// What each option means, a handler an option: those that have no file of their own, and what is
// looked at when all are known. Others: option_*.c.
#include "machine/option_handlers.h"

#include "devices/gic.h"
#include "machine/keyval.h"
#include "machine/short_way.h"
#include "machine/suggest.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

bool wants_help(const char *arg)
{
    return !strcmp(arg, "help") || !strcmp(arg, "?");
}

bool print_choices(struct options *o, const char *title, const struct keyval_choice *c)
{
    fprintf(o->out, "%s\n", title);
    for (; c->name; c++)
        fprintf(o->out, "  %-20s %s\n", c->name, c->help ? c->help : "");
    o->done = true;
    return true;
}

bool print_properties(struct options *o, const struct keyval_group *g)
{
    fprintf(o->out, "Properties of %s:\n", g->option);
    for (size_t i = 0; i < g->count; i++) {
        const struct keyval_row *r = &g->rows[i];
        static const char *const kinds[] = {
            [KEYVAL_STRING] = "TEXT", [KEYVAL_BOOL] = "on|off",   [KEYVAL_NUMBER] = "N",
            [KEYVAL_SIZE] = "SIZE",   [KEYVAL_CHOICE] = "",       [KEYVAL_ABSENT] = "off",
            [KEYVAL_LIST] = "TEXT",
        };
        fprintf(o->out, "  %s=%s", r->name, kinds[r->type]);
        for (const struct keyval_choice *c = r->choices; c && c->name; c++)
            fprintf(o->out, "%s%s", c == r->choices ? "" : "|", c->name);
        fputc('\n', o->out);
    }
    o->done = true;
    return true;
}

// What is booted

bool options_set_file(struct options *o, const char *option, const char **field, const char *arg)
{
    if (!*arg)
        return error_set(o->err, "%s: the file name is empty", option);
    *field = arg;
    return true;
}

bool opt_kernel(struct options *o, const char *arg)
{
    o->config->kernel_positional = false;
    return options_set_file(o, "-kernel", &o->config->kernel, arg);
}

bool opt_initrd(struct options *o, const char *arg)
{
    return options_set_file(o, "-initrd", &o->config->initrd, arg);
}

bool opt_dtb(struct options *o, const char *arg)
{
    return options_set_file(o, "-dtb", &o->config->dtb, arg);
}

bool opt_bios(struct options *o, const char *arg)
{
    return options_set_file(o, "-bios", &o->config->bios, short_way_find_firmware(o->config, arg));
}

bool opt_append(struct options *o, const char *arg)
{
    o->config->append = arg;
    return true;
}

// Options of which armlet has exactly one value: what scripts say to have less.
static bool only(struct options *o, const char *option, const char *arg, const char *value)
{
    if (!strcmp(arg, value))
        return true;
    return error_set(o->err, "%s %s: armlet has only %s %s", option, arg, option, value);
}

bool opt_monitor(struct options *o, const char *arg)
{
    return only(o, "-monitor", arg, "none");
}

bool opt_parallel(struct options *o, const char *arg)
{
    return only(o, "-parallel", arg, "none");
}

bool opt_echr(struct options *o, const char *arg)
{
    return !strcmp(arg, "0x1") || only(o, "-echr", arg, "1");
}

bool opt_no_user_config(struct options *o, const char *arg)
{
    return true; // there is none
}

bool opt_rtc(struct options *o, const char *arg)
{
    return only(o, "-rtc", arg, "base=utc");
}

bool opt_nographic(struct options *o, const char *arg)
{
    o->nographic = true;
    o->config->display.type = CONFIG_DISPLAY_NONE;
    return true;
}

bool opt_nodefaults(struct options *o, const char *arg)
{
    o->config->nodefaults = true;
    return true;
}

// The rest

bool opt_timeout(struct options *o, const char *arg)
{
    char *end;
    long seconds = strtol(arg, &end, 10);
    if (!*arg || *end || seconds < 1 || seconds > 1000000)
        return error_set(o->err, "-timeout %s: not a number of seconds", arg);
    o->config->timeout = (int)seconds;
    return true;
}

bool opt_expect(struct options *o, const char *arg)
{
    regex_t r;
    char why[100];
    int e = regcomp(&r, arg, REG_EXTENDED | REG_NOSUB);
    if (e) {
        regerror(e, &r, why, sizeof why);
        return error_set(o->err, "-expect %s: %s", arg, why);
    }
    regfree(&r);
    o->config->expect = arg;
    return true;
}

bool opt_name(struct options *o, const char *arg)
{
    o->config->name = arg;
    return true;
}

bool opt_seed(struct options *o, const char *arg)
{
    char *end;
    o->config->seed = strtoull(arg, &end, 0);
    o->config->seed_given = true;
    return *arg && !*end ? true : error_set(o->err, "-seed %s: not a number", arg);
}

bool opt_semihosting(struct options *o, const char *arg)
{
    o->config->semihosting = true;
    return true;
}

bool opt_no_reboot(struct options *o, const char *arg)
{
    o->config->no_reboot = true;
    return true;
}

bool opt_help(struct options *o, const char *arg)
{
    options_print_help(o->out);
    o->done = true;
    return true;
}

bool opt_version(struct options *o, const char *arg)
{
    fprintf(o->out, "armlet %s\n", ARMLET_VERSION);
    o->done = true;
    return true;
}

// After the last option

static bool same_id(const char *a, const char *b)
{
    return a && b && !strcmp(a, b);
}

static bool check_ids(struct options *o)
{
    struct machine_config *c = o->config;
    for (size_t i = 0; i < c->drive_count; i++)
        for (size_t j = 0; j < i; j++)
            if (same_id(c->drives[i].id, c->drives[j].id))
                return error_set(o->err, "-drive: id=%s is given twice", c->drives[i].id);
    for (size_t i = 0; i < c->device_count; i++)
        for (size_t j = 0; j < i; j++)
            if (same_id(c->devices[i].id, c->devices[j].id))
                return error_set(o->err, "-device: id=%s is given twice", c->devices[i].id);
    for (size_t i = 0; i < c->chardev_count; i++)
        for (size_t j = 0; j < i; j++)
            if (same_id(c->chardevs[i].id, c->chardevs[j].id))
                return error_set(o->err, "-chardev: id=%s is given twice", c->chardevs[i].id);
    return true;
}

static bool gdb_on_stdio(const struct options *o)
{
    return o->config->gdb && !strcmp(o->config->gdb, "stdio");
}

bool options_stdio_taken(const struct options *o)
{
    return o->config->qmp_stdio || gdb_on_stdio(o);
}

static bool check_stdio(struct options *o)
{
    int users = o->config->qmp_stdio + gdb_on_stdio(o);
    for (size_t i = 0; i < o->config->chardev_count; i++)
        users += o->config->chardevs[i].backend == CONFIG_CHAR_STDIO;
    return users < 2 ? true : error_set(o->err, "stdio can be used once, by one of -serial, -chardev, -qmp and -gdb");
}

bool options_check(struct options *o)
{
    struct machine_config *c = o->config;
    if (c->initrd && !c->kernel)
        return error_set(o->err, "-initrd goes with -kernel");
    if (c->machine.gic_version == 2 && c->smp > GICV2_MAX_CPUS)
        return error_set(o->err, "-machine gic-version=2: a GICv2 has at most %d CPUs, not %d (-smp)", GICV2_MAX_CPUS, c->smp);
    if (c->smp > 1 && c->icount)
        return error_set(o->err, "-icount counts the instructions of one CPU (-smp 1)");
    if (c->smp > 1 && c->machine.accel == CONFIG_ACCEL_VERIFY)
        return error_set(o->err, "-accel verify compares the runs of one CPU (-smp 1)");
    if (c->append && !c->kernel)
        return error_set(o->err, "-append goes with -kernel");
    if (!options_check_accel(o) || !options_check_monitor(o) || !check_ids(o) || !options_resolve_mon(o) ||
        !options_resolve_serials(o) || !check_stdio(o) || !options_connect_drives(o) || !options_fill_flash(o) ||
        !options_connect_nets(o) || !options_connect_ports(o) || !options_connect_shares(o))
        return false;
    if (c->stopped && !c->gdb)
        return error_set(o->err, "-S: nobody could start the guest; add -s or -gdb");
    if (!c->kernel && !c->flash[0].file && !c->machine.dumpdtb)
        return error_set(o->err, "nothing to boot: name a kernel (see armlet --help)");
    options_check_display(o);
    return true;
}
