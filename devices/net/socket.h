// SPDX-License-Identifier: GPL-3.0-or-later
// A cable to another process: frames over a socket. On a stream each frame is preceded by its
// length in four bytes, most significant first (what QEMU's -netdev stream speaks); on datagrams or
// sequenced packets each is one message.
#ifndef DEVICES_NET_SOCKET_H
#define DEVICES_NET_SOCKET_H

#include "base/error.h"
#include "devices/net/net.h"

// A connected socket; taken over, also when it fails.
struct net *net_socket_create(int fd, struct error *err);

// A Unix stream socket at path: connects to it, or listens there (server) and takes one peer at a
// time, the next when that one leaves. The file is removed at the end.
struct net *net_socket_open(const char *path, bool server, struct error *err);

#endif
