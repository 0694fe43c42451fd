// SPDX-License-Identifier: GPL-3.0-or-later
// Looking at the guest: the debugger, the log, traces, profiles.
#include "machine/option_handlers.h"

#include "base/log.h"
#include "machine/gdb_socket.h"
#include "machine/suggest.h"

#include <stdlib.h>
#include <string.h>

static const struct keyval_choice gdb_disconnects[] = { { "run", 0, NULL }, { "stop", 1, NULL }, { NULL } };
static const struct keyval_choice gdb_servers[] = { { "on", 1, NULL }, { NULL } };
static const struct keyval_choice gdb_waits[] = { { "off", 0, NULL }, { NULL } };

struct gdb_props {
    int disconnect, server, wait; // the latter two are QEMU's: it has others
};

static const struct keyval_row gdb_rows[] = {
#define R(type, name, field, ...) ROW(type, gdb_props, name, field, __VA_ARGS__)
    R(CHOICE, "disconnect", disconnect, gdb_disconnects),
    R(CHOICE, "server", server, gdb_servers),
    R(CHOICE, "wait", wait, gdb_waits),
#undef R
};
static const struct keyval_group gdb_group = GROUP("-gdb", NULL, gdb_rows);

bool opt_gdb(struct options *o, const char *arg)
{
    struct gdb_props p = { 0 };
    o->config->gdb = keyval_first(o->config, "where", &arg);
    if (!o->config->gdb)
        return error_set(o->err, "-gdb %s: where to listen comes first", arg);
    if (!gdb_socket_check(o->config->gdb, o->err))
        return false;
    bool ok = keyval_parse(o->config, &gdb_group, arg, &p, o->err);
    o->config->gdb_stays_stopped = p.disconnect;
    return ok;
}

bool opt_debug(struct options *o, const char *arg)
{
    return options_set_file(o, "-debug", &o->config->debug, arg);
}

bool opt_gdb_default(struct options *o, const char *arg)
{
    o->config->gdb = "tcp::1234";
    return true;
}

bool opt_stopped(struct options *o, const char *arg)
{
    o->config->stopped = true;
    return true;
}

// True with *err set if a subject is nearly one that there is.
static bool subject_misspelt(const char *list, struct error *err)
{
    for (; *list; list += strspn(list, ",")) {
        struct suggest near;
        size_t n = strcspn(list, ",");
        suggest_init(&near, list, n);
#define X(id, name, help) suggest_offer(&near, name);
        LOG_SUBJECTS(X)
#undef X
        if (near.best && near.distance) {
            error_set(err, "-d %.*s: no such log subject; did you mean %s?", (int)n, list, near.best);
            return true;
        }
        list += n;
    }
    return false;
}

bool opt_log(struct options *o, const char *arg)
{
    if (wants_help(arg)) {
        fputs("Log subjects:\n", o->out);
#define X(id, name, help) fprintf(o->out, "  %-15s %s\n", name, help);
        LOG_SUBJECTS(X)
#undef X
        o->done = true;
        return true;
    }
    return !subject_misspelt(arg, o->err) && log_parse(arg, &o->config->log_mask, o->err);
}

bool opt_log_file(struct options *o, const char *arg)
{
    return options_set_file(o, "-D", &o->config->log_file, arg);
}

bool opt_print_config(struct options *o, const char *arg)
{
    o->print_config = true;
    return true;
}

bool opt_log_filter(struct options *o, const char *arg)
{
    o->config->log_filtered = true;
    return log_filter_parse(arg, &o->config->log_filter, o->err);
}

bool opt_trace_file(struct options *o, const char *arg)
{
    return options_set_file(o, "-trace-file", &o->config->trace_file, arg);
}

bool opt_profile(struct options *o, const char *arg)
{
    return options_set_file(o, "-profile", &o->config->profile, arg);
}
