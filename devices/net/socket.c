// SPDX-License-Identifier: GPL-3.0-or-later
// The peer is no more trusted than the guest: a length that no frame has ends the connection. What
// it does not read is dropped, a whole frame at a time.
#include "devices/net/socket.h"
#include "devices/net/offload.h"
#include "devices/unix_socket.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER 4
#define SHARE  64 // frames taken in a round

struct socket_net {
    struct net n;
    int fd, listener; // -1: none
    bool stream;
    char path[UNIX_SOCKET_PATH]; // of a listener, to be removed
    size_t polled;               // index of what is waited for; 0: nothing
    uint8_t in[HEADER + NET_MAX_FRAME], out[HEADER + NET_MAX_FRAME];
    size_t in_len;          // bytes that have come
    size_t out_at, out_len; // what of the last frame is still to be sent
};

static struct socket_net *of(struct net *n)
{
    return (struct socket_net *)n;
}

static void hang_up(struct socket_net *s)
{
    close(s->fd);
    s->fd = -1;
    s->in_len = s->out_at = s->out_len = 0;
}

static void push(struct socket_net *s)
{
    while (s->out_at < s->out_len) {
        ssize_t n =
            send(s->fd, s->out + s->out_at, s->out_len - s->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            if (errno != EAGAIN)
                hang_up(s);
            return;
        }
        s->out_at += (size_t)n;
    }
}

static void input(struct net *n, struct net_frame *f)
{
    struct socket_net *s = of(n);
    if (s->fd < 0 || !offload_finish(f)) {
        n->dropped++;
    } else if (!s->stream) {
        if (send(s->fd, f->data, f->len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            n->dropped++; // nobody there, or it does not keep up
    } else if (s->out_at < s->out_len) {
        n->dropped++;
    } else {
        uint32_t len = htonl(f->len);
        memcpy(s->out, &len, HEADER);
        memcpy(s->out + HEADER, f->data, f->len);
        s->out_at = 0;
        s->out_len = HEADER + f->len;
        push(s);
    }
    free(f);
}

static void prepare(struct net *n, struct net_polls *polls)
{
    struct socket_net *s = of(n);
    s->polled = 0;
    if (s->fd >= 0)
        s->polled = net_poll_add(polls, s->fd, POLLIN | (s->out_at < s->out_len ? POLLOUT : 0));
    else if (s->listener >= 0)
        s->polled = net_poll_add(polls, s->listener, POLLIN);
}

static void deliver(struct socket_net *s, const uint8_t *data, size_t len)
{
    struct net_offload off = {0};
    net_deliver(&s->n, data, len, &off);
}

// Hands over the frames that are whole. False: the peer talks nonsense.
static bool unpack(struct socket_net *s)
{
    size_t at = 0;
    while (s->in_len - at >= HEADER) {
        uint32_t len;
        memcpy(&len, s->in + at, HEADER);
        len = ntohl(len);
        if (len > NET_MAX_FRAME)
            return false;
        if (s->in_len - at - HEADER < len)
            break;
        deliver(s, s->in + at + HEADER, len);
        at += HEADER + len;
    }
    s->in_len -= at;
    memmove(s->in, s->in + at, s->in_len);
    return true;
}

static void receive(struct socket_net *s)
{
    for (unsigned i = 0; i < SHARE; i++) {
        ssize_t n = recv(s->fd, s->in + s->in_len, sizeof s->in - s->in_len, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || (!s->stream && errno == ECONNREFUSED)))
            return;
        if (n <= 0) {
            hang_up(s);
            return;
        }
        if (!s->stream) {
            deliver(s, s->in, (size_t)n);
            continue;
        }
        s->in_len += (size_t)n;
        if (!unpack(s)) {
            hang_up(s);
            return;
        }
    }
}

static void serve(struct net *n, const struct net_polls *polls)
{
    struct socket_net *s = of(n);
    short revents = s->polled ? polls->fds[s->polled].revents : 0;
    if (!revents)
        return;
    if (s->fd < 0) {
        s->fd = unix_socket_accept(s->listener);
        return;
    }
    if (revents & POLLOUT)
        push(s);
    if (s->fd >= 0 && (revents & (POLLIN | POLLERR)))
        receive(s);
    if (s->fd >= 0 && (revents & (POLLIN | POLLHUP)) == POLLHUP)
        hang_up(s);
}

static void destroy(struct net *n)
{
    struct socket_net *s = of(n);
    if (s->fd >= 0)
        close(s->fd);
    if (s->listener >= 0) {
        close(s->listener);
        unlink(s->path);
    }
    net_fini(n);
    free(s);
}

static struct socket_net *create(int fd, int listener)
{
    static const struct net_ops ops = {
        .prepare = prepare,
        .serve = serve,
        .input = input,
        .destroy = destroy,
    };
    struct socket_net *s = calloc(1, sizeof *s);
    assert(s);
    net_init(&s->n, &ops);
    s->fd = fd;
    s->listener = listener;
    s->stream = true;
    return s;
}

struct net *net_socket_create(int fd, struct error *err)
{
    int type;
    socklen_t len = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0) {
        error_set(err, "descriptor %d is no socket: %s", fd, strerror(errno));
        close(fd);
        return NULL;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    struct socket_net *s = create(fd, -1);
    s->stream = type == SOCK_STREAM;
    return &s->n;
}

struct net *net_socket_open(const char *path, bool server, struct error *err)
{
    int fd = unix_socket_open(path, server, err);
    if (fd < 0)
        return NULL;
    struct socket_net *s = create(server ? -1 : fd, server ? fd : -1);
    strcpy(s->path, path);
    return &s->n;
}
