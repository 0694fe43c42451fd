// SPDX-License-Identifier: GPL-3.0-or-later
// Character devices and the UARTs: -chardev, -serial.
#include "machine/option_handlers.h"

#include <stdlib.h>
#include <string.h>

static const struct keyval_choice char_backends[] = {
    { "null", CONFIG_CHAR_NULL, "goes nowhere" },
    { "stdio", CONFIG_CHAR_STDIO, "this terminal (mux=on: Ctrl-A is the escape character)" },
    { "file", CONFIG_CHAR_FILE, "output into a file (path=, append=on|off)" },
    { "socket", CONFIG_CHAR_SOCKET, "a Unix socket (path=, server=on|off)" },
    { "testdev", CONFIG_CHAR_TESTDEV, "a guest's test suite ends armlet through it: \"<code>q\"" },
    { NULL },
};

static const struct keyval_row chardev_rows[] = {
#define R(type, name, field, ...) ROW(type, config_chardev, name, field, __VA_ARGS__)
    R(CHOICE, "backend", backend, char_backends),
    R(STRING, "id", id, NULL),
    R(STRING, "path", path, NULL),
    R(BOOL, "mux", mux, NULL),
    R(BOOL, "signal", signal, NULL),
    R(BOOL, "append", append, NULL),
    R(BOOL, "server", server, NULL),
    R(ABSENT, "wait", wait, NULL),
#undef R
};
static const struct keyval_group chardev_group = GROUP("-chardev", "backend", chardev_rows);

static bool add_chardev(struct options *o, const struct config_chardev *d)
{
    struct machine_config *c = o->config;
    if (c->chardev_count == CONFIG_MAX_CHARDEVS)
        return error_set(o->err, "-chardev: more than %d", CONFIG_MAX_CHARDEVS);
    c->chardevs[c->chardev_count++] = *d;
    return true;
}

bool opt_chardev(struct options *o, const char *arg)
{
    struct config_chardev d = { .signal = true };
    if (wants_help(arg))
        return print_choices(o, "Available chardev backend types:", char_backends);
    if (!keyval_parse(o->config, &chardev_group, arg, &d, o->err))
        return false;
    if (!d.id)
        return error_set(o->err, "-chardev %s: no id=", arg);
    if ((d.backend == CONFIG_CHAR_FILE || d.backend == CONFIG_CHAR_SOCKET) != !!d.path)
        return error_set(o->err, "-chardev %s: path= goes with file and socket", arg);
    return add_chardev(o, &d);
}


bool options_check_monitor(struct options *o)
{
    const struct machine_config *c = o->config;
    if (!o->monitor)
        return true;
    for (size_t i = 0; i < c->chardev_count; i++) {
        const struct config_chardev *d = &c->chardevs[i];
        if (strcmp(d->id, o->monitor))
            continue;
        if (d->backend == CONFIG_CHAR_STDIO && d->mux)
            return true;
        return error_set(o->err, "-mon chardev=%s: the monitor is on a terminal with a UART, -chardev stdio,mux=on",
                         o->monitor);
    }
    return error_set(o->err, "-mon chardev=%s: there is no -chardev of that id", o->monitor);
}

bool opt_serial(struct options *o, const char *arg)
{
    if (o->serial_count == CONFIG_MAX_SERIALS)
        return error_set(o->err, "-serial: the board has two UARTs");
    o->serials[o->serial_count++] = arg;
    return true;
}

static bool resolve_serial_by_id(struct options *o, const char *id)
{
    struct machine_config *c = o->config;
    for (size_t i = 0; i < c->chardev_count; i++) {
        if (!strcmp(c->chardevs[i].id, id)) {
            c->serials[c->serial_count++] = (int)i;
            return true;
        }
    }
    return error_set(o->err, "-serial chardev:%s: there is no -chardev of that id", id);
}

static bool resolve_serial(struct options *o, const char *s, const char *id)
{
    struct machine_config *c = o->config;
    struct config_chardev d = { .id = id };
    if (!strcmp(s, "none")) {
        c->serials[c->serial_count++] = CONFIG_NO_SERIAL;
        return true;
    }
    if (!strncmp(s, "chardev:", 8))
        return resolve_serial_by_id(o, s + 8);
    if (!strcmp(s, "mon:stdio")) {
        d.backend = CONFIG_CHAR_STDIO;
        d.mux = true;
    } else if (!strcmp(s, "stdio")) {
        d.backend = CONFIG_CHAR_STDIO;
        d.signal = !o->nographic;
    } else if (!strncmp(s, "file:", 5) && s[5]) {
        d.backend = CONFIG_CHAR_FILE;
        d.path = s + 5;
    } else if (strcmp(s, "null")) {
        return error_set(o->err, "-serial %s: there is: mon:stdio, stdio, null, none, file:PATH, "
                         "chardev:ID", s);
    }
    c->serials[c->serial_count++] = (int)c->chardev_count;
    return add_chardev(o, &d);
}

bool options_resolve_serials(struct options *o)
{
    static const char *const ids[CONFIG_MAX_SERIALS] = { "serial0", "serial1" };
    if (!o->serial_count)
        o->serials[o->serial_count++] = o->nographic             ? "mon:stdio"
                                        : o->config->nodefaults  ? "none"
                                        : options_stdio_taken(o) ? "null"
                                                                 : "mon:stdio";
    for (unsigned n = 0; n < o->serial_count; n++)
        if (!resolve_serial(o, o->serials[n], ids[n]))
            return false;
    struct machine_config *c = o->config;
    while (c->serial_count && c->serials[c->serial_count - 1] == CONFIG_NO_SERIAL)
        c->serial_count--;
    return true;
}
