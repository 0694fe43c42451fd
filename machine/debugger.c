// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/debugger.h"

#include "devices/char/say.h"
#include "machine/debugger_run.h"
#include "machine/debugger_target.h"
#include "machine/symbols.h"

#include <string.h>

// A client that asks for so much without reading it is sent away.
#define UNREAD_MAX (64u << 20)

// The client -------------------------------------------------------------------------------------

static void greet(struct debugger *d)
{
    d->target = debugger_target(d);
    gdb_init(&d->gdb, &d->target);
    d->connected = true;
    d->parted = false;
    debugger_stop(d);
    d->met = 0; // by nobody who could be told
}

// Sends what it takes. False: it is gone.
static bool flush(struct debugger *d)
{
    struct gdb_out *o = &d->gdb.out;
    int n = o->len ? gdb_socket_write(&d->socket, o->bytes, o->len) : 0;
    if (n > 0) {
        memmove(o->bytes, o->bytes + n, o->len - (size_t)n);
        o->len -= (size_t)n;
    }
    return n >= 0;
}

// With a farewell the client is to close the connection. Without one it is gone, or is sent away;
// with stdin and stdout nobody can come back.
static void part(struct debugger *d, bool farewell)
{
    if (farewell)
        flush(d);
    else
        gdb_socket_drop(&d->socket);
    gdb_fini(&d->gdb);
    d->connected = false;
    d->parted = farewell;
    if (farewell)
        return;
    debugger_forget_points(d);
    if (d->socket.listen_fd < 0)
        machine_request(d->m, MACHINE_QUIT);
    else if (!d->m->config->gdb_stays_stopped && !d->held)
        debugger_go_all(d);
}

static void converse(struct debugger *d)
{
    uint8_t bytes[4096];
    int n = gdb_socket_read(&d->socket, bytes, sizeof bytes);
    if (n > 0)
        gdb_feed(&d->gdb, bytes, (size_t)n);
    bool lost = n < 0 || !flush(d) || d->gdb.out.len > UNREAD_MAX;
    if (lost || d->gdb.closed)
        part(d, d->gdb.closed);
}

static void await_close(struct debugger *d)
{
    uint8_t bytes[256];
    if (gdb_socket_read(&d->socket, bytes, sizeof bytes) >= 0)
        return;
    gdb_socket_drop(&d->socket);
    d->parted = false;
    if (d->socket.listen_fd < 0)
        machine_request(d->m, MACHINE_QUIT);
}

// The machine's side -----------------------------------------------------------------------------

// How to come here with the symbols; GDB is told on its own where the kernel is.
static void print_command(const struct machine *m)
{
    const char *where = m->config->gdb;
    where += strncmp(where, "stdio", 5) ? strcspn(where, ":") + 1 : 0;
    say("gdb-multiarch -ex 'target remote %s' %s", where, m->symbols->path);
}

bool debugger_init(struct debugger *d, struct machine *m, struct error *err)
{
    *d = (struct debugger){ .m = m, .stopped = true, .socket = { .listen_fd = -1, .in = -1, .out = -1, .refused = -1 } };
    debugger_run_init(d);
    if (!m->config->gdb)
        return true;
    gdb_regs_init(&d->regs, m->cpus[0]);
    if (!gdb_socket_open(&d->socket, m->config->gdb, err))
        return false;
    d->listens = true;
    if (m->symbols)
        print_command(m);
    return true;
}

void debugger_fini(struct debugger *d)
{
    if (d->connected)
        gdb_fini(&d->gdb);
    if (d->listens)
        gdb_socket_close(&d->socket);
    gdb_regs_fini(&d->regs);
    *d = (struct debugger){ 0 };
}

void debugger_start(struct debugger *d)
{
    struct gdb_stop s = { .signal = GDB_SIGTRAP, .point = -1 };
    if (d->listens && d->socket.in >= 0 && !d->connected && !d->parted)
        greet(d); // stdin and stdout
    if (d->restarted)
        debugger_report(d, &s);
    else if (d->held)
        d->stopped = true;
    else if (!d->connected ? !d->m->config->stopped || d->started : d->gdb.running)
        debugger_go(d);
    d->restarted = false;
    d->started = true;
}

void debugger_hold(struct debugger *d, bool hold)
{
    struct gdb_stop s = { .thread = d->gdb.stop.thread, .signal = GDB_SIGINT, .point = -1 };
    d->held = hold;
    if (hold && (!d->stopped || d->stepping)) {
        debugger_stop(d);
        if (d->connected)
            debugger_report(d, &s);
    } else if (!hold && d->stopped && !d->connected) {
        debugger_go_all(d);
    }
}

int debugger_pollfds(const struct debugger *d, struct pollfd *fds)
{
    return d->listens ? gdb_socket_pollfds(&d->socket, fds, d->connected && d->gdb.out.len) : 0;
}

bool debugger_busy(const struct debugger *d)
{
    return d->stepping;
}

void debugger_serve(struct debugger *d)
{
    if (!d->listens)
        return;
    struct gdb_stop s;
    if ((!d->stopped && debugger_has_met(d, &s)) || (d->stepping && debugger_step(d, &s)))
        debugger_report(d, &s);
    if (d->connected)
        converse(d);
    else if (d->parted)
        await_close(d);
    if (gdb_socket_accept(&d->socket, d->parted))
        greet(d);
}

void debugger_ended(struct debugger *d, int status)
{
    if (!d->connected)
        return;
    gdb_exited(&d->gdb, status);
    part(d, true);
}
