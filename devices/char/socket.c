// SPDX-License-Identifier: GPL-3.0-or-later
// While nobody is connected, output is swallowed, as by a cable that leads nowhere. A peer that
// does not read makes the guest wait.
#include "devices/char/socket.h"
#include "devices/char/fifo.h"
#include "devices/unix_socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUT_HIGH 65536 // the guest is asked to wait above this
#define OUT_CAP  ((size_t)16 << 20)
#define FLUSH_MS 1000 // at the end, for a peer that does not read

struct char_socket {
    struct chardev base;
    int fd, listener; // -1: none
    bool waiting;     // the guest was told that there is no room
    bool full;        // the front end has said that it has none
    struct fifo out;
    char path[UNIX_SOCKET_PATH];
};

static struct char_socket *of(struct chardev *c)
{
    return (struct char_socket *)c;
}

static void resume(struct char_socket *s)
{
    if (s->waiting && s->out.len < OUT_HIGH / 4) {
        s->waiting = false;
        chardev_now_writable(&s->base);
    }
}

static void hang_up(struct char_socket *s)
{
    close(s->fd);
    s->fd = -1;
    fifo_drop(&s->out, s->out.len);
    chardev_changed(&s->base);
    resume(s);
}

static void drain(struct char_socket *s)
{
    while (s->fd >= 0 && s->out.len) {
        ssize_t n = send(s->fd, fifo_head(&s->out), s->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            hang_up(s);
        else
            fifo_drop(&s->out, (size_t)n);
    }
    resume(s);
}

static void socket_write(struct chardev *c, const uint8_t *data, size_t len)
{
    struct char_socket *s = of(c);
    if (s->fd < 0)
        return;
    bool idle = !s->out.len;
    if (len > OUT_CAP - s->out.len)
        len = OUT_CAP - s->out.len;
    fifo_put(&s->out, data, len);
    if (!idle)
        return;
    drain(s);
    if (s->out.len)
        chardev_changed(c);
}

static bool socket_writable(struct chardev *c)
{
    struct char_socket *s = of(c);
    if (s->out.len >= OUT_HIGH)
        s->waiting = true;
    return !s->waiting;
}

// The front end has room: the socket is looked at again.
static void socket_can_accept(struct chardev *c)
{
    if (!of(c)->full)
        return;
    of(c)->full = false;
    chardev_changed(c);
}

static int socket_pollfds(struct chardev *c, struct pollfd fds[CHARDEV_MAX_POLLFDS])
{
    struct char_socket *s = of(c);
    if (s->fd < 0) {
        fds[0] = (struct pollfd){.fd = s->listener, .events = POLLIN};
        return s->listener >= 0;
    }
    s->full = !chardev_room(c);
    fds[0] = (struct pollfd){
        .fd = s->fd, .events = (short)((s->full ? 0 : POLLIN) | (s->out.len ? POLLOUT : 0))};
    return 1; // that a peer has left is seen in any case
}

static void read_some(struct char_socket *s)
{
    uint8_t bytes[4096];
    size_t room = chardev_room(&s->base);
    struct pollfd p = {.fd = s->fd};
    if (s->fd < 0)
        return;
    if (!room) {
        if (poll(&p, 1, 0) > 0 && (p.revents & POLLHUP))
            hang_up(s); // what it had sent is lost: nobody reads here
        return;
    }
    ssize_t n = recv(s->fd, bytes, room < sizeof bytes ? room : sizeof bytes, MSG_DONTWAIT);
    if (n > 0)
        chardev_receive(&s->base, bytes, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        hang_up(s);
}

static void socket_ready(struct chardev *c)
{
    struct char_socket *s = of(c);
    if (s->fd < 0) {
        s->fd = unix_socket_accept(s->listener);
        return;
    }
    drain(s);
    read_some(s);
}

static void socket_flush(struct chardev *c)
{
    struct char_socket *s = of(c);
    for (drain(s); s->fd >= 0 && s->out.len; drain(s)) {
        struct pollfd p = {.fd = s->fd, .events = POLLOUT};
        if (poll(&p, 1, FLUSH_MS) <= 0)
            return;
    }
}

static void socket_destroy(struct chardev *c)
{
    struct char_socket *s = of(c);
    if (s->fd >= 0)
        close(s->fd);
    if (s->listener >= 0) {
        close(s->listener);
        unlink(s->path);
    }
    fifo_fini(&s->out);
    free(s);
}

struct chardev *char_socket_create(const char *path, bool server, struct error *err)
{
    static const struct chardev_ops ops = {
        .write = socket_write,
        .writable = socket_writable,
        .can_accept = socket_can_accept,
        .pollfds = socket_pollfds,
        .ready = socket_ready,
        .flush = socket_flush,
        .destroy = socket_destroy,
    };
    int fd = unix_socket_open(path, server, err);
    if (fd < 0)
        return NULL;
    struct char_socket *s = calloc(1, sizeof *s);
    assert(s);
    s->base.ops = &ops;
    s->fd = server ? -1 : fd;
    s->listener = server ? fd : -1;
    strcpy(s->path, path);
    return &s->base;
}
