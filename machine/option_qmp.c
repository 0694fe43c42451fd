// SPDX-License-Identifier: GPL-3.0-or-later
// Where the control protocol is spoken: -qmp, and QEMU's long way of saying it, -mon with a -chardev; which may
// also mean the monitor that one types at (options_check_monitor()).
#include "machine/option_handlers.h"

#include <string.h>

struct qmp_props {
    const char *path;
    bool server, wait, nowait;
};

struct mon_props {
    const char *chardev;
    int mode;
    bool pretty;
};

enum { MODE_READLINE, MODE_CONTROL };

static bool set_place(struct options *o, const char *option, const char *path)
{
    struct machine_config *c = o->config;
    if (c->qmp || c->qmp_stdio)
        return error_set(o->err, "%s: there is one control socket, for several clients", option);
    c->qmp = path;
    c->qmp_stdio = !path;
    return true;
}

// stdio, or unix:PATH and what scripts say to QEMU to mean what armlet does anyway.
bool opt_qmp(struct options *o, const char *arg)
{
    static const struct keyval_row rows[] = {
        ROW(STRING, qmp_props, "path", path, NULL),
        ROW(BOOL, qmp_props, "server", server, NULL),
        ROW(BOOL, qmp_props, "wait", wait, NULL),
        ROW(BOOL, qmp_props, "nowait", nowait, NULL),
    };
    static const struct keyval_group group = GROUP("-qmp", "path", rows);
    struct qmp_props p = { .server = true };
    if (!strcmp(arg, "none"))
        return true;
    if (!strcmp(arg, "stdio"))
        return set_place(o, "-qmp", NULL);
    if (!strncmp(arg, "tcp:", 4))
        return error_set(o->err, "-qmp %s: every user of this host could connect; it is unix:PATH or stdio",
                         arg);
    if (strncmp(arg, "unix:", 5) || !arg[5])
        return error_set(o->err, "-qmp %s: it is unix:PATH or stdio", arg);
    if (!keyval_parse(o->config, &group, arg + 5, &p, o->err))
        return false;
    if (!p.path || !*p.path)
        return error_set(o->err, "-qmp %s: it is unix:PATH or stdio", arg);
    if (!p.server || p.wait)
        return error_set(
            o->err, "-qmp: the socket is armlet's (server=on) and waits for nobody (wait=off)");
    return set_place(o, "-qmp", p.path);
}

bool opt_mon(struct options *o, const char *arg)
{
    static const struct keyval_choice modes[] = {
        { "readline", MODE_READLINE, NULL }, { "control", MODE_CONTROL, NULL }, { NULL }
    };
    static const struct keyval_row rows[] = {
        ROW(STRING, mon_props, "chardev", chardev, NULL),
        ROW(CHOICE, mon_props, "mode", mode, modes),
        ROW(BOOL, mon_props, "pretty", pretty, NULL),
    };
    static const struct keyval_group group = GROUP("-mon", "chardev", rows);
    struct mon_props p = { 0 };
    if (!keyval_parse(o->config, &group, arg, &p, o->err))
        return false;
    if (!p.chardev)
        return error_set(o->err, "-mon %s: no chardev=", arg);
    if (p.mode == MODE_READLINE) {
        o->monitor = p.chardev;
        return true;
    }
    if (o->mon_chardev)
        return error_set(o->err, "-mon: there is one control socket, for several clients");
    o->mon_chardev = p.chardev;
    return true;
}

// The control socket takes the place of the -chardev that it was given by.
bool options_resolve_mon(struct options *o)
{
    struct machine_config *c = o->config;
    for (size_t i = 0; o->mon_chardev && i < c->chardev_count; i++) {
        struct config_chardev d = c->chardevs[i];
        if (strcmp(d.id, o->mon_chardev))
            continue;
        if (d.backend != CONFIG_CHAR_STDIO && (d.backend != CONFIG_CHAR_SOCKET || !d.server))
            return error_set(o->err, "-mon chardev=%s: it is stdio, or a socket with server=on", d.id);
        c->chardev_count--;
        memmove(&c->chardevs[i], &c->chardevs[i + 1], (c->chardev_count - i) * sizeof d);
        return set_place(o, "-mon", d.backend == CONFIG_CHAR_STDIO ? NULL : d.path);
    }
    return o->mon_chardev ? error_set(o->err, "-mon chardev=%s: there is no -chardev of that id", o->mon_chardev)
                          : true;
}
