// SPDX-License-Identifier: GPL-3.0-or-later
// One client of the control socket: QEMU's machine protocol (docs/interop/qmp-spec of QEMU) from
// bytes to bytes. No descriptors here, so that a test or a fuzzer can be the client.
//
// Everything that comes in is hostile: bounded by qmp_stream, parsed by jansson, checked by the
// rows of qmp_commands.def. All calls from one thread, without the machine lock.
#ifndef MACHINE_QMP_SESSION_H
#define MACHINE_QMP_SESSION_H

#include "devices/char/fifo.h"
#include "machine/qmp_commands.h"
#include "machine/qmp_stream.h"

struct qmp_session {
    struct qmp *qmp;
    struct qmp_stream stream;
    struct fifo out; // what the client is still to get
    bool negotiated; // qmp_capabilities has been said: commands and events
    // Called before a command's answer is written: what has happened on the way comes first.
    void (*before_reply)(void *opaque);
    void *opaque;
};

void qmp_session_init(struct qmp_session *s, struct qmp *qmp);
void qmp_session_fini(struct qmp_session *s);

// Takes bytes up to the end of one command and executes it; returns how many it took.
size_t qmp_session_feed(struct qmp_session *s, const char *data, size_t len);

// A line to the client: "\r\n" is added.
void qmp_session_say(struct qmp_session *s, const char *line, size_t len);

#endif
