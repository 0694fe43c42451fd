// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/block/file.h"
#include "base/bits.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define PIECES 256 // buffers a system call

static bool lock_file(int fd, const char *path, bool readonly, struct error *err)
{
    struct flock l = {.l_type = readonly ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &l) && (errno == EAGAIN || errno == EACCES))
        return error_set(err, "%s: in use by another armlet (locked) or QEMU", path);
    return true; // a file system without locks is no reason to refuse
}

void file_examine(struct block_file *f)
{
    struct statfs fs;
    off_t end = lseek(f->fd, 0, SEEK_END);
    f->size = end < 0 ? 0 : (uint64_t)end;
    f->memory = !fstatfs(f->fd, &fs) && fs.f_type == TMPFS_MAGIC;
}

static bool examine(struct block_file *f, const char *path, struct error *err)
{
    struct stat st;
    if (fstat(f->fd, &st))
        return error_set(err, "%s: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return error_set(err, "%s: is a directory, not a disk image", path);
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return error_set(err, "%s: neither a file nor a block device", path);
    f->regular = S_ISREG(st.st_mode);
    file_examine(f);
    f->memory &= f->regular; // a device's node may lie on a tmpfs
    return true;
}

static bool take(struct block_file *f, int fd, const char *path, bool readonly, struct error *err)
{
    *f = (struct block_file){.fd = fd, .readonly = readonly};
    if (examine(f, path, err) && lock_file(fd, path, readonly, err))
        return true;
    close(fd);
    f->fd = -1;
    return false;
}

bool file_open(struct block_file *f, const char *path, bool readonly, struct error *err)
{
    int fd = open(path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd >= 0)
        return take(f, fd, path, readonly, err);
    if (!readonly && (errno == EACCES || errno == EROFS || errno == EPERM))
        return error_set(err, "%s: not writable: %s (readonly=on or -snapshot would do)", path,
                         strerror(errno));
    return error_set(err, "%s: %s", path, strerror(errno));
}

bool file_create(struct block_file *f, const char *path, bool replace, struct error *err)
{
    int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (replace ? 0 : O_EXCL);
    int fd = open(path, flags, 0666);
    if (fd < 0 && errno == EEXIST)
        return error_set(err, "%s: exists already (--force replaces it)", path);
    if (fd < 0)
        return error_set(err, "%s: %s", path, strerror(errno));
    if (!take(f, fd, path, false, err))
        return false;
    // Not before it is known that nobody uses it.
    if (f->regular && ftruncate(fd, 0)) {
        error_set(err, "%s: %s", path, strerror(errno));
        file_close(f);
        return false;
    }
    f->size = f->regular ? 0 : f->size;
    return true;
}

void file_close(struct block_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

static int once(const struct block_file *f, bool write, const struct iov_cursor *c, uint64_t at,
                uint64_t len, int flags, ssize_t *done)
{
    struct iovec v[PIECES];
    uint64_t got;
    int n = iov_peek(c, len, v, PIECES, &got);
    if (!n)
        return EINVAL;
    do {
        *done = write ? pwritev2(f->fd, v, n, (off_t)at, flags) : preadv(f->fd, v, n, (off_t)at);
    } while (*done < 0 && errno == EINTR);
    return *done < 0 ? errno : 0;
}

int file_readv(const struct block_file *f, struct iov_cursor *c, uint64_t at, uint64_t len,
               uint64_t zeros_from)
{
    while (len) {
        ssize_t done;
        int e = once(f, false, c, at, len, 0, &done);
        if (e)
            return e;
        if (!done)
            return at < zeros_from || !iov_zero(c, len) ? EIO : 0;
        iov_advance(c, (uint64_t)done);
        at += (uint64_t)done;
        len -= (uint64_t)done;
    }
    return 0;
}

int file_writev(const struct block_file *f, struct iov_cursor *c, uint64_t at, uint64_t len,
                bool sync)
{
    while (len) {
        ssize_t done;
        int e = once(f, true, c, at, len, sync ? RWF_DSYNC : 0, &done);
        if (e || !done)
            return e ? e : ENOSPC;
        iov_advance(c, (uint64_t)done);
        at += (uint64_t)done;
        len -= (uint64_t)done;
    }
    return 0;
}

int file_read(const struct block_file *f, void *to, uint64_t at, size_t len)
{
    struct iovec v = {to, len};
    struct iov_cursor c = {&v, 1, 0};
    return file_readv(f, &c, at, len, 0);
}

int file_write(const struct block_file *f, const void *from, uint64_t at, size_t len)
{
    struct iovec v = {(void *)(uintptr_t)from, len};
    struct iov_cursor c = {&v, 1, 0};
    return file_writev(f, &c, at, len, false);
}

int file_attempt(struct block_file *f, bool write, const struct iovec *iov, int n, uint64_t at,
                 uint64_t len)
{
    int flags = f->memory ? 0 : RWF_NOWAIT;
    ssize_t done;
    if (flags && __atomic_load_n(&f->no_nowait[write], __ATOMIC_RELAXED))
        return EAGAIN;
    do {
        done = write ? pwritev2(f->fd, iov, n, (off_t)at, flags)
                     : preadv2(f->fd, iov, n, (off_t)at, flags);
    } while (done < 0 && errno == EINTR);
    if (done < 0 && errno == EOPNOTSUPP)
        __atomic_store_n(&f->no_nowait[write], true, __ATOMIC_RELAXED);
    return done >= 0 && (uint64_t)done == len ? 0 : EAGAIN;
}

int file_write_zeros(const struct block_file *f, uint64_t at, uint64_t len)
{
    static const uint8_t zeros[65536];
    while (len) {
        size_t n = len < sizeof zeros ? (size_t)len : sizeof zeros;
        int e = file_write(f, zeros, at, n);
        if (e)
            return e;
        at += n;
        len -= n;
    }
    return 0;
}

static bool allocate(const struct block_file *f, int mode, uint64_t at, uint64_t len)
{
    int e;
    do {
        e = fallocate(f->fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)len);
    } while (e && errno == EINTR);
    return !e;
}

bool file_punch(const struct block_file *f, uint64_t at, uint64_t len)
{
    return allocate(f, FALLOC_FL_PUNCH_HOLE, at, len);
}

bool file_zero(const struct block_file *f, uint64_t at, uint64_t len)
{
    return allocate(f, FALLOC_FL_ZERO_RANGE, at, len);
}

int file_sync(const struct block_file *f)
{
    while (fdatasync(f->fd))
        if (errno != EINTR)
            return errno;
    return 0;
}
