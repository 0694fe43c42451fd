// SPDX-License-Identifier: GPL-3.0-or-later
// The control socket (-qmp): a thread, a listening Unix socket of mode 0600, up to QMP_CLIENTS
// clients; or one client on stdin and stdout. What a client says is qmp_session's affair.
//
// The thread takes the machine lock for nothing; a client that does not read is left alone until
// QMP_OUT_MAX bytes wait for it, and then dropped. One that only sends is not read from while it
// has answers to take.
#ifndef MACHINE_QMP_SERVER_H
#define MACHINE_QMP_SERVER_H

#include "machine/machine.h"

enum {
    QMP_CLIENTS = 8,           // one more is told so and closed
    QMP_OUT_STOP = 256 * 1024, // no more commands are read above this
    QMP_OUT_MAX = 1024 * 1024, // and no more events sent: the client goes
};

struct qmp_server;

// Listens and starts the thread; takes m->observe. Only before machine_run(). A socket that is
// there already and that nobody serves is replaced. Path NULL: stdin and stdout. NULL: err says why.
struct qmp_server *qmp_server_create(struct machine *m, const char *path, struct error *err);

// After machine_run(): clients get what they are still to get (for a moment), the socket goes.
void qmp_server_destroy(struct qmp_server *s);

#endif
