// SPDX-License-Identifier: GPL-3.0-or-later
// Where a debugger connects: a TCP port, a socket in the file system, or stdin and stdout.
//
// One client at a time; another is told so and sent away. Nothing here blocks. Owned by the
// machine's thread.
#ifndef MACHINE_GDB_SOCKET_H
#define MACHINE_GDB_SOCKET_H

#include "base/error.h"

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

struct gdb_socket {
    int listen_fd;    // -1: stdin and stdout
    int in, out;      // of the client, or -1
    int refused;      // the last one who was told that there is one, or -1
    char path[108];   // of a socket in the file system, to be removed; or empty
    bool greeted;     // the client has sent what a debugger sends
};

// where: tcp:[HOST]:PORT (without a host the loopback interface; port 0: any), unix:PATH (mode
// 0600), stdio.
// The first only looks at the words.
bool gdb_socket_check(const char *where, struct error *err);
bool gdb_socket_open(struct gdb_socket *s, const char *where, struct error *err);
void gdb_socket_close(struct gdb_socket *s);

// At most 2 into fds; wants_out: there is something to send.
int gdb_socket_pollfds(const struct gdb_socket *s, struct pollfd *fds, bool wants_out);
// Takes whoever knocks, in the place of the client there is if `instead`. True: a client has come.
bool gdb_socket_accept(struct gdb_socket *s, bool instead);
// Bytes read; 0: none are there now; -1: the client is gone (or is no debugger).
int gdb_socket_read(struct gdb_socket *s, void *bytes, size_t n);
// Bytes sent, or -1.
int gdb_socket_write(struct gdb_socket *s, const void *bytes, size_t n);
// Sends the client away.
void gdb_socket_drop(struct gdb_socket *s);

#endif
