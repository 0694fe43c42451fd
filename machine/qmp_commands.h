// SPDX-License-Identifier: GPL-3.0-or-later
// The commands of the control socket, a row each in qmp_commands.def, QEMU's names and shapes.
//
// They run on the control socket's thread, one at a time, without the machine lock. What they do to
// the machine they do through machine.h's own doors (machine_pause(), machine_request(), ...).
#ifndef MACHINE_QMP_COMMANDS_H
#define MACHINE_QMP_COMMANDS_H

#include "base/error.h"
#include "machine/key_queue.h"
#include "machine/machine.h"

#include <jansson.h>

struct qmp {
    struct machine *m;
    struct key_queue keys; // of send-key
    bool quit;             // atomic: a client said so
};

struct qmp_error {
    const char *class; // "GenericError", "CommandNotFound"
    struct error error;
};

void qmp_init(struct qmp *q, struct machine *m);
void qmp_fini(struct qmp *q);

// Fills err and returns NULL.
json_t *qmp_fail(struct qmp_error *err, const char *class, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
json_t *qmp_fail_with(struct qmp_error *err, const struct error *why); // a GenericError

// armlet's version as QMP has it.
json_t *qmp_version(void);

// Checks the arguments (NULL: none) against the command's row and executes it. A new reference, or
// NULL with err filled.
json_t *qmp_execute(struct qmp *q, const char *name, json_t *args, struct qmp_error *err);

#define QMP_COMMAND(name, handler, arguments)                                                      \
    json_t *qmp_##handler(struct qmp *q, json_t *args, struct qmp_error *err);
#include "machine/qmp_commands.def"
#undef QMP_COMMAND

// The event that QMP makes of what has happened to the machine, as a line; to be freed.
char *qmp_event_line(struct qmp *q, enum machine_event event);

#endif
