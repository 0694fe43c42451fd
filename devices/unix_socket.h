// SPDX-License-Identifier: GPL-3.0-or-later
// Unix stream sockets of the host, by path.
#ifndef DEVICES_UNIX_SOCKET_H
#define DEVICES_UNIX_SOCKET_H

#include "base/error.h"

#include <sys/un.h>

#define UNIX_SOCKET_PATH sizeof((struct sockaddr_un *)0)->sun_path // longest path, with its end

// Connects to path, or listens there (server), for this user only. A socket that is left over from
// a process that has died is replaced. Returns a descriptor that does not block, or -1.
int unix_socket_open(const char *path, bool server, struct error *err);

// Whoever has connected to a listener, or -1.
int unix_socket_accept(int listener);

#endif
