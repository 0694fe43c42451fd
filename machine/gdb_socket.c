// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/gdb_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool fail(struct gdb_socket *s, const char *where, int number, struct error *err)
{
    gdb_socket_close(s);
    return error_set(err, "-gdb %s: %s", where, strerror(number));
}

enum { HOST_ROOM = 256 };

static bool is_host_and_port(const char *s)
{
    const char *colon = strrchr(s, ':');
    size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
    return digits && digits < 6 && !colon[1 + digits] && atoi(colon + 1) <= 65535 && colon - s < HOST_ROOM;
}

bool gdb_socket_check(const char *where, struct error *err)
{
    struct sockaddr_un a;
    if (!strncmp(where, "unix:", 5) && strlen(where + 5) >= sizeof a.sun_path)
        return error_set(err, "-gdb %s: the path is too long", where);
    if ((!strncmp(where, "unix:", 5) && where[5]) || (!strncmp(where, "tcp:", 4) && is_host_and_port(where + 4)) ||
        !strcmp(where, "stdio"))
        return true;
    return error_set(err, "-gdb %s: there is: tcp:[HOST]:PORT, unix:PATH, stdio", where);
}

static bool open_tcp(struct gdb_socket *s, const char *where, struct error *err)
{
    char host[HOST_ROOM] = "127.0.0.1";
    const char *begin = where + 4, *colon = strrchr(begin, ':');
    if (colon > begin)
        snprintf(host, sizeof host, "%.*s", (int)(colon - begin), begin);
    size_t n = strlen(host);
    if (host[0] == '[' && host[n - 1] == ']') { // IPv6
        host[n - 1] = 0;
        memmove(host, host + 1, n - 1);
    }
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *found;
    int e = getaddrinfo(host, colon + 1, &hints, &found);
    if (e)
        return error_set(err, "-gdb %s: %s", where, gai_strerror(e));
    int one = 1;
    s->listen_fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool ok = s->listen_fd >= 0 &&
              !setsockopt(s->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) &&
              !bind(s->listen_fd, found->ai_addr, found->ai_addrlen) && !listen(s->listen_fd, 4);
    e = errno;
    freeaddrinfo(found);
    return ok || fail(s, where, e, err);
}

// A socket that a dead process left behind: nobody answers.
static bool is_stale(const struct sockaddr_un *a)
{
    struct stat st;
    if (lstat(a->sun_path, &st) || !S_ISSOCK(st.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool stale = connect(fd, (const struct sockaddr *)a, sizeof *a) && errno == ECONNREFUSED;
    close(fd);
    return stale;
}

static bool open_unix(struct gdb_socket *s, const char *where, struct error *err)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    const char *path = where + 5;
    strcpy(a.sun_path, path);
    if (is_stale(&a))
        unlink(path);
    mode_t old = umask(0177);
    s->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool ok = s->listen_fd >= 0 && !bind(s->listen_fd, (struct sockaddr *)&a, sizeof a);
    int e = errno;
    umask(old);
    if (!ok)
        return fail(s, where, e, err);
    strcpy(s->path, path);
    return !listen(s->listen_fd, 4) || fail(s, where, errno, err);
}

static void open_stdio(struct gdb_socket *s)
{
    s->in = STDIN_FILENO;
    s->out = STDOUT_FILENO;
    signal(SIGPIPE, SIG_IGN); // a client that is gone is an error of write()
    s->greeted = true;
    fcntl(s->in, F_SETFL, fcntl(s->in, F_GETFL) | O_NONBLOCK);
    fcntl(s->out, F_SETFL, fcntl(s->out, F_GETFL) | O_NONBLOCK);
}

bool gdb_socket_open(struct gdb_socket *s, const char *where, struct error *err)
{
    *s = (struct gdb_socket){ .listen_fd = -1, .in = -1, .out = -1, .refused = -1 };
    if (!gdb_socket_check(where, err))
        return false;
    if (!strncmp(where, "tcp:", 4))
        return open_tcp(s, where, err);
    if (!strncmp(where, "unix:", 5))
        return open_unix(s, where, err);
    open_stdio(s);
    return true;
}

void gdb_socket_drop(struct gdb_socket *s)
{
    if (s->in >= 0 && s->listen_fd >= 0)
        close(s->in);
    s->in = s->out = -1;
    s->greeted = false;
}

void gdb_socket_close(struct gdb_socket *s)
{
    gdb_socket_drop(s);
    if (s->listen_fd >= 0)
        close(s->listen_fd);
    if (s->refused >= 0)
        close(s->refused);
    s->refused = -1;
    if (s->path[0])
        unlink(s->path);
    s->listen_fd = -1;
    s->path[0] = 0;
}

int gdb_socket_pollfds(const struct gdb_socket *s, struct pollfd *fds, bool wants_out)
{
    int n = 0;
    if (s->listen_fd >= 0)
        fds[n++] = (struct pollfd){ .fd = s->listen_fd, .events = POLLIN };
    if (s->in >= 0)
        fds[n++] = (struct pollfd){ .fd = s->in, .events = POLLIN | (wants_out && s->in == s->out ? POLLOUT : 0) };
    if (s->out >= 0 && s->out != s->in && wants_out)
        fds[n++] = (struct pollfd){ .fd = s->out, .events = POLLOUT };
    return n;
}

// Has the client said something, or gone, perhaps without reading all? That is looked at before somebody
// else is refused on its account: it may be the same one again.
static bool has_news(int fd)
{
    uint8_t byte;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

bool gdb_socket_accept(struct gdb_socket *s, bool instead)
{
    struct pollfd next = { .fd = s->listen_fd, .events = POLLIN };
    // In this order: who went before the next one came has gone now.
    if (poll(&next, 1, 0) <= 0 || (s->in >= 0 && !instead && has_news(s->in)))
        return false;
    int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return false;
    if (s->in >= 0 && instead)
        gdb_socket_drop(s);
    if (s->in >= 0) {
        // An error with words is what a client shows its user. It may be writing: closed later.
        static const char refusal[] = "+$E.another debugger is connected#98";
        (void)!send(fd, refusal, sizeof refusal - 1, MSG_NOSIGNAL);
        shutdown(fd, SHUT_WR);
        if (s->refused >= 0)
            close(s->refused);
        s->refused = fd;
        return false;
    }
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); // fails on others than TCP
    s->in = s->out = fd;
    return true;
}

// A web page can make a browser speak to a local port: what begins like HTTP is no debugger.
static bool is_debugger(const uint8_t *bytes)
{
    return memchr("+-$\3", bytes[0], 4);
}

int gdb_socket_read(struct gdb_socket *s, void *bytes, size_t n)
{
    ssize_t got = read(s->in, bytes, n);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (got <= 0)
        return -1;
    if (!s->greeted && !is_debugger(bytes))
        return -1;
    s->greeted = true;
    return (int)got;
}

int gdb_socket_write(struct gdb_socket *s, const void *bytes, size_t n)
{
    bool socket = s->listen_fd >= 0;
    ssize_t sent = socket ? send(s->out, bytes, n, MSG_NOSIGNAL) : write(s->out, bytes, n);
    if (sent < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    return (int)sent;
}
