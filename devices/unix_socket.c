// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static bool left_over(const struct sockaddr_un *at)
{
    struct stat st;
    if (lstat(at->sun_path, &st) || !S_ISSOCK(st.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool dead = connect(fd, (const struct sockaddr *)at, sizeof *at) < 0 && errno == ECONNREFUSED;
    close(fd);
    return dead;
}

static int listen_at(int fd, const struct sockaddr_un *at)
{
    // Nobody can connect before listen(), so the mode is right in time.
    if (left_over(at))
        unlink(at->sun_path);
    int r = bind(fd, (const struct sockaddr *)at, sizeof *at);
    return r < 0 || chmod(at->sun_path, 0600) < 0 ? -1 : listen(fd, 1);
}

int unix_socket_open(const char *path, bool server, struct error *err)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof at.sun_path) {
        error_set(err, "%s: longer than a socket's path may be", path);
        return -1;
    }
    strcpy(at.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 ||
        (server ? listen_at(fd, &at) : connect(fd, (const struct sockaddr *)&at, sizeof at)) < 0) {
        error_set(err, "%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

int unix_socket_accept(int listener)
{
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}
