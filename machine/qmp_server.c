// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/qmp_server.h"

#include "base/bits.h"
#include "machine/qmp_session.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { FAREWELL_MS = 500 }; // for what clients have still to read at the end

struct client {
    int fd;     // -1: a free place
    int out_fd; // the same, but for stdin and stdout
    bool eof;
    size_t in_len; // bytes of `in` that are still to be executed
    char in[4096];
    struct qmp_session session;
};

struct qmp_server {
    struct qmp qmp;
    struct machine *m;
    int listen_fd, wake_fd;
    struct sockaddr_un address;
    pthread_t thread;
    struct mutex lock;  // of the next two
    struct fifo events; // lines, each with its newline, from whoever they happened to
    bool stop;
    struct client clients[QMP_CLIENTS];
};

// Events -----------------------------------------------------------------------------------------

static void wake(struct qmp_server *s)
{
    uint64_t one = 1;
    (void)!write(s->wake_fd, &one, sizeof one);
}

static void observe(void *opaque, enum machine_event event)
{
    struct qmp_server *s = opaque;
    char *line = qmp_event_line(&s->qmp, event);
    mutex_lock(&s->lock);
    if (s->events.len < QMP_OUT_MAX) { // the thread is stuck behind nothing that lasts
        fifo_put(&s->events, line, strlen(line));
        fifo_put(&s->events, "\n", 1);
    }
    mutex_unlock(&s->lock);
    wake(s);
    free(line);
}

// Gives clients the events that have happened up to now.
static void hand_out_events(void *opaque)
{
    struct qmp_server *s = opaque;
    mutex_lock(&s->lock);
    struct fifo events = s->events;
    s->events = (struct fifo){0};
    mutex_unlock(&s->lock);
    while (events.len) {
        const char *line = (const char *)fifo_head(&events);
        size_t len = (size_t)((const char *)memchr(line, '\n', events.len) - line);
        for (struct client *c = s->clients; c < s->clients + QMP_CLIENTS; c++)
            if (c->fd >= 0 && c->session.negotiated)
                qmp_session_say(&c->session, line, len);
        fifo_drop(&events, len + 1);
    }
    fifo_fini(&events);
}

// Clients ----------------------------------------------------------------------------------------

static void drop(struct client *c)
{
    if (c->fd == c->out_fd)
        close(c->fd);
    c->fd = -1;
    qmp_session_fini(&c->session);
}

static void refuse(int fd)
{
    static const char line[] = "{\"error\": {\"class\": \"GenericError\", \"desc\": \"too many "
                               "clients\"}}\r\n";
    (void)!send(fd, line, sizeof line - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(fd);
}

static void seat(struct qmp_server *s, struct client *c, int fd, int out_fd)
{
    c->fd = fd;
    c->out_fd = out_fd;
    c->eof = false;
    c->in_len = 0;
    qmp_session_init(&c->session, &s->qmp);
    c->session.before_reply = hand_out_events;
    c->session.opaque = s;
}

static void welcome(struct qmp_server *s)
{
    int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    for (struct client *c = s->clients; c < s->clients + QMP_CLIENTS; c++) {
        if (c->fd >= 0)
            continue;
        seat(s, c, fd, fd);
        return;
    }
    refuse(fd);
}

// send() and recv(), for what may be no socket. Its descriptors are shared with whoever started
// armlet, so they stay as they are: what poll() says can be done is done, a pipe's worth at a time.
static ssize_t send_bytes(const struct client *c, const void *data, size_t len)
{
    struct pollfd p = {c->out_fd, POLLOUT, 0};
    if (c->fd == c->out_fd)
        return send(c->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    errno = EAGAIN;
    return poll(&p, 1, 0) > 0 ? write(c->out_fd, data, len < PIPE_BUF ? len : PIPE_BUF) : -1;
}

static ssize_t receive_bytes(const struct client *c, void *data, size_t len)
{
    if (c->fd == c->out_fd)
        return recv(c->fd, data, len, MSG_DONTWAIT);
    return read(c->fd, data, len); // poll() has said that there is something
}

// Sends what the client takes; false when it has gone.
static bool send_some(struct client *c)
{
    struct fifo *out = &c->session.out;
    while (out->len) {
        ssize_t n = send_bytes(c, fifo_head(out), out->len);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        fifo_drop(out, (size_t)n);
    }
    return true;
}

static void execute_some(struct client *c)
{
    size_t at = 0;
    while (at < c->in_len && c->session.out.len < QMP_OUT_STOP)
        at += qmp_session_feed(&c->session, c->in + at, c->in_len - at);
    memmove(c->in, c->in + at, c->in_len - at);
    c->in_len -= at;
}

static bool wants_input(const struct client *c)
{
    return !c->eof && !c->in_len && c->session.out.len < QMP_OUT_STOP;
}

// revents is of the descriptor that is read.
static void serve(struct client *c, short revents)
{
    if (revents && wants_input(c)) {
        ssize_t n = receive_bytes(c, c->in, sizeof c->in);
        c->eof = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
        c->in_len = n > 0 ? (size_t)n : 0;
    }
    execute_some(c);
    if (!send_some(c) || c->session.out.len > QMP_OUT_MAX ||
        (c->eof && !c->in_len && !c->session.out.len))
        drop(c);
}

// The thread -------------------------------------------------------------------------------------

static bool should_stop(struct qmp_server *s)
{
    mutex_lock(&s->lock);
    bool stop = s->stop;
    mutex_unlock(&s->lock);
    return stop;
}

static void wait_and_serve(struct qmp_server *s)
{
    struct pollfd fds[2 + 2 * QMP_CLIENTS] = {{s->wake_fd, POLLIN, 0}, {s->listen_fd, POLLIN, 0}};
    struct pollfd *in = fds + 2, *out = in + QMP_CLIENTS;
    for (unsigned i = 0; i < QMP_CLIENTS; i++) {
        const struct client *c = &s->clients[i];
        in[i] = (struct pollfd){c->fd >= 0 && wants_input(c) ? c->fd : -1, POLLIN, 0};
        out[i] = (struct pollfd){c->fd >= 0 && c->session.out.len ? c->out_fd : -1, POLLOUT, 0};
    }
    if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
        return;
    uint64_t drained;
    if (fds[0].revents)
        (void)!read(s->wake_fd, &drained, sizeof drained);
    hand_out_events(s);
    for (unsigned i = 0; i < QMP_CLIENTS; i++)
        if (s->clients[i].fd >= 0)
            serve(&s->clients[i], in[i].revents);
    if (fds[1].revents)
        welcome(s);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

// The last words: events of the end, answers to what was asked before it.
static void farewell(struct qmp_server *s)
{
    int64_t end = now_ms() + FAREWELL_MS;
    hand_out_events(s);
    for (struct client *c = s->clients; c < s->clients + QMP_CLIENTS; c++) {
        if (c->fd < 0)
            continue;
        struct pollfd p = {c->out_fd, POLLOUT, 0};
        while (send_some(c) && c->session.out.len && now_ms() < end)
            poll(&p, 1, 10);
        drop(c);
    }
}

static void *run(void *opaque)
{
    struct qmp_server *s = opaque;
    while (!should_stop(s))
        wait_and_serve(s);
    farewell(s);
    return NULL;
}

// Listening --------------------------------------------------------------------------------------

// A socket that nobody answers on was left by a process that is gone.
static void remove_stale(const struct sockaddr_un *address)
{
    struct stat st;
    if (lstat(address->sun_path, &st) || !S_ISSOCK(st.st_mode))
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) && errno == ECONNREFUSED)
        unlink(address->sun_path);
    close(fd);
}

static int listen_at(struct sockaddr_un *address, const char *path, struct error *err)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address->sun_path) {
        error_set(err, "-qmp unix:%s: the path is longer than %zu bytes", path,
                  sizeof address->sun_path - 1);
        return -1;
    }
    strcpy(address->sun_path, path);
    remove_stale(address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    // The socket file gets the descriptor's mode: nobody else may connect, from the start.
    if (fd < 0 || fchmod(fd, 0600) || bind(fd, (const struct sockaddr *)address, sizeof *address) ||
        chmod(path, 0600) || listen(fd, QMP_CLIENTS)) {
        error_set(err, "-qmp unix:%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

struct qmp_server *qmp_server_create(struct machine *m, const char *path, struct error *err)
{
    struct sockaddr_un address = {0};
    int fd = path ? listen_at(&address, path, err) : -1;
    if (path && fd < 0)
        return NULL;
    struct qmp_server *s = calloc(1, sizeof *s);
    assert(s);
    s->m = m;
    s->listen_fd = fd;
    s->address = address;
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    for (unsigned i = 0; i < QMP_CLIENTS; i++)
        s->clients[i].fd = -1;
    mutex_init(&s->lock);
    qmp_init(&s->qmp, m);
    if (!path) {
        signal(SIGPIPE, SIG_IGN); // a client that is gone is an error of write()
        seat(s, &s->clients[0], STDIN_FILENO, STDOUT_FILENO);
    }
    m->observe = observe;
    m->observe_opaque = s;
    int r = pthread_create(&s->thread, NULL, run, s);
    assert(r == 0);
    (void)r;
    return s;
}

void qmp_server_destroy(struct qmp_server *s)
{
    if (!s)
        return;
    mutex_lock(&s->lock);
    s->stop = true;
    mutex_unlock(&s->lock);
    wake(s);
    pthread_join(s->thread, NULL);
    s->m->observe = NULL;
    if (s->listen_fd >= 0) {
        unlink(s->address.sun_path);
        close(s->listen_fd);
    }
    close(s->wake_fd);
    qmp_fini(&s->qmp);
    fifo_fini(&s->events);
    mutex_fini(&s->lock);
    free(s);
}
