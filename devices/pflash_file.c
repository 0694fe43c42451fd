// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/pflash_file.h"
#include "devices/char/say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE 65536u

static bool says(struct pflash_file *f, struct error *err, const char *what)
{
    return error_set(err, "%s: flash contents: %s", f->name, what);
}

static bool lock(struct pflash_file *f, bool writable, struct error *err)
{
    struct flock l = {.l_type = writable ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};
    if (fcntl(f->fd, F_OFD_SETLK, &l) && (errno == EAGAIN || errno == EACCES))
        return says(f, err, "in use by another armlet (locked)");
    return true; // a file system without locks is no reason to refuse
}

static bool examine(struct pflash_file *f, bool writable, uint64_t size, struct error *err)
{
    struct stat st;
    if (fstat(f->fd, &st))
        return says(f, err, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return says(f, err, "not a file");
    if ((uint64_t)st.st_size > size)
        return error_set(err, "%s: flash contents: %llu bytes do not fit a bank of %llu MiB",
                         f->name, (unsigned long long)st.st_size, (unsigned long long)size >> 20);
    if (writable && (uint64_t)st.st_size < size && ftruncate(f->fd, (off_t)size))
        return says(f, err, strerror(errno));
    return true;
}

// Memory that is zero already is not touched, so that a bank that is mostly empty costs little.
static bool read_all(struct pflash_file *f, uint8_t *memory, uint64_t size, uint64_t *used,
                     struct error *err)
{
    uint8_t piece[PIECE];
    *used = 0;
    for (uint64_t at = 0; at < size;) {
        size_t want = size - at < PIECE ? (size_t)(size - at) : PIECE;
        ssize_t n = pread(f->fd, piece, want, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return says(f, err, strerror(errno));
        if (n == 0)
            return true;
        size_t end = (size_t)n;
        while (end && !piece[end - 1])
            end--;
        if (end) {
            memcpy(memory + at, piece, end);
            *used = at + end;
        }
        at += (uint64_t)n;
    }
    return true;
}

bool pflash_file_open(struct pflash_file *f, const char *path, enum pflash_access access,
                      uint8_t *memory, uint64_t size, uint64_t *used, struct error *err)
{
    bool writable = access != PFLASH_READ;
    int flags = (writable ? O_RDWR : O_RDONLY) | (access == PFLASH_WRITE_NEW ? O_CREAT : 0);
    snprintf(f->name, sizeof f->name, "%s", path);
    f->fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
    if (f->fd < 0 && writable && (errno == EACCES || errno == EROFS || errno == EPERM))
        return error_set(err, "%s: not writable: %s (readonly=on or -snapshot would do)", path,
                         strerror(errno));
    if (f->fd < 0)
        return error_set(err, "%s: %s", path, strerror(errno));
    bool ok = lock(f, writable, err) && examine(f, writable, size, err) &&
              read_all(f, memory, size, used, err);
    if (!ok || !writable)
        pflash_file_close(f);
    return ok;
}

static bool complain(const struct pflash_file *f, int why)
{
    say("%s: could not be written: %s", f->name, strerror(why));
    return false;
}

bool pflash_file_write(const struct pflash_file *f, uint64_t offset, const void *data, size_t len)
{
    for (const uint8_t *p = data; f->fd >= 0 && len;) {
        ssize_t n = pwrite(f->fd, p, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return complain(f, n ? errno : ENOSPC);
        p += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return true;
}

bool pflash_file_sync(const struct pflash_file *f)
{
    return f->fd < 0 || !fdatasync(f->fd) || complain(f, errno);
}

void pflash_file_close(struct pflash_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}
