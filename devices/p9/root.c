// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/p9/root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TRIES 16 // a rename meanwhile makes the kernel give up

static int confined(int root, const char *path, int flags, mode_t mode)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
        .mode = mode,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
    };
    for (int i = 0; i < TRIES; i++) {
        long fd = syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof how);
        if (fd >= 0)
            return (int)fd;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
    }
    return -EAGAIN;
}

int p9_root_open(const char *dir, struct error *err)
{
    int root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        error_set(err, "%s: %s", dir, strerror(errno));
        return -1;
    }
    int probe = confined(root, "", O_PATH, 0);
    if (probe < 0) {
        error_set(err, "%s: this kernel cannot confine a shared folder (openat2: %s)", dir,
                  strerror(-probe));
        close(root);
        return -1;
    }
    close(probe);
    return root;
}

bool p9_name_ok(const char *name)
{
    return *name && strlen(name) <= 255 && !strchr(name, '/') && strcmp(name, ".") &&
           strcmp(name, "..");
}

int p9_root_find(int root, const char *path)
{
    return confined(root, path, O_PATH | O_NOFOLLOW, 0);
}

int p9_root_stat(int root, const char *path, struct stat *st)
{
    int fd = p9_root_find(root, path);
    if (fd < 0)
        return fd;
    int r = fstat(fd, st) < 0 ? -errno : 0;
    close(fd);
    return r;
}

// The descriptor if it is of a file that may be open.
static int checked(int fd)
{
    struct stat st;
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0 || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
        close(fd);
        return -ENXIO;
    }
    return fd;
}

int p9_root_open_file(int root, const char *path, int flags)
{
    // Looked at first: opening a device, even without waiting, can do things.
    struct stat st;
    int r = p9_root_stat(root, path, &st);
    if (r < 0)
        return r;
    if (S_ISLNK(st.st_mode))
        return -ELOOP;
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return -ENXIO;
    return checked(confined(root, path, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0));
}

int p9_root_create(int root, const char *path, const char *name, int flags, mode_t mode)
{
    int dir = confined(root, path, O_PATH | O_DIRECTORY, 0);
    if (dir < 0)
        return dir;
    struct stat st;
    bool exists = !fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW);
    int fd = exists && !S_ISREG(st.st_mode)
                 ? -EEXIST
                 : checked(confined(dir, name, flags | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
                                    mode));
    close(dir);
    if (fd >= 0 && !exists)
        fchmod(fd, mode); // whatever the umask took away
    return fd;
}

// There is no call that takes the descriptor itself; its name in /proc stands for it.
static void by_name(int fd, char name[40])
{
    snprintf(name, 40, "/proc/self/fd/%d", fd);
}

int p9_root_chmod(int fd, mode_t mode)
{
    char name[40];
    struct stat st;
    by_name(fd, name);
    if (fstat(fd, &st) < 0)
        return -errno;
    if (S_ISLNK(st.st_mode))
        return -EOPNOTSUPP;
    return chmod(name, mode) < 0 ? -errno : 0;
}

int p9_root_truncate(int fd, off_t size)
{
    char name[40];
    struct stat st;
    by_name(fd, name);
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
    if (!ftruncate(fd, size))
        return 0; // it is open for writing, which counts more than the mode
    if (errno != EBADF && errno != EINVAL)
        return -errno;
    return truncate(name, size) < 0 ? -errno : 0;
}
