// SPDX-License-Identifier: GPL-3.0-or-later
// Operations on what is known of a file.
#include "devices/p9/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/statfs.h>
#include <unistd.h>

#define GETATTR_BASIC 0x7ff // mode to blocks
#define V9FS_MAGIC    0x01021997

enum { // valid bits of Tsetattr
    SET_MODE = 1,
    SET_UID = 2,
    SET_GID = 4,
    SET_SIZE = 8,
    SET_ATIME = 0x10,
    SET_MTIME = 0x20,
    SET_CTIME = 0x40, // comes by itself
    SET_ATIME_TO = 0x80,
    SET_MTIME_TO = 0x100,
};

// A descriptor of the file, open or found by its path; `found` is to be closed.
static int reach(struct p9_server *s, const struct p9_fid *f, int *fd, int *found)
{
    *found = -1;
    if (!f)
        return EBADF;
    if (f->fd >= 0) {
        *fd = f->fd;
        return 0;
    }
    *fd = *found = p9_root_find(s->root, f->path);
    return *fd < 0 ? -*fd : 0;
}

static void release(int found)
{
    if (found >= 0)
        close(found);
}

int p9_op_getattr(struct p9_server *s, struct p9_reader *r, struct p9_writer *w)
{
    struct p9_fid *f = p9_fid_find(&s->fids, p9_get32(r));
    struct stat st;
    int fd, found;
    p9_get(r, 8); // all is given, whatever is asked for
    if (!p9_got_all(r))
        return EINVAL;
    int error = reach(s, f, &fd, &found);
    if (error)
        return error;
    error = fstat(fd, &st) < 0 ? errno : 0;
    release(found);
    if (error)
        return error;
    struct p9_qid q = p9_qid_of(s, &st);
    p9_put(w, 8, GETATTR_BASIC);
    p9_put_qid(w, &q);
    p9_put(w, 4, st.st_mode);
    p9_put(w, 4, st.st_uid);
    p9_put(w, 4, st.st_gid);
    p9_put(w, 8, st.st_nlink);
    p9_put(w, 8, st.st_rdev);
    p9_put(w, 8, (uint64_t)st.st_size);
    p9_put(w, 8, (uint64_t)st.st_blksize);
    p9_put(w, 8, (uint64_t)st.st_blocks);
    const struct timespec times[4] = {st.st_atim, st.st_mtim, st.st_ctim}; // and of birth
    for (unsigned i = 0; i < 4; i++) {
        p9_put(w, 8, (uint64_t)times[i].tv_sec);
        p9_put(w, 8, (uint64_t)times[i].tv_nsec);
    }
    p9_put(w, 8, 0); // generation
    p9_put(w, 8, 0); // data version
    return 0;
}

struct change {
    uint32_t valid, mode, uid, gid;
    uint64_t size;
    struct timespec times[2]; // of access, of modification
};

static struct timespec new_time(uint32_t valid, uint32_t now, uint32_t to, uint64_t sec,
                                uint64_t nsec)
{
    if (!(valid & now))
        return (struct timespec){.tv_nsec = UTIME_OMIT};
    if (!(valid & to))
        return (struct timespec){.tv_nsec = UTIME_NOW};
    return (struct timespec){(time_t)sec, nsec < 1000000000 ? (long)nsec : 0};
}

// Size first: it is what takes the set-ID bits away. The owner is a wish.
static int apply(int fd, const struct change *c)
{
    struct stat st;
    int r = 0;
    if (fstat(fd, &st) < 0)
        return errno;
    if (c->valid & SET_SIZE)
        r = c->size > INT64_MAX ? -EINVAL : p9_root_truncate(fd, (off_t)c->size);
    if (!r && (c->valid & (SET_UID | SET_GID)) &&
        fchownat(fd, "", c->valid & SET_UID ? c->uid : (uid_t)-1,
                 c->valid & SET_GID ? c->gid : (gid_t)-1, AT_EMPTY_PATH) < 0 &&
        errno != EPERM && errno != EINVAL)
        r = -errno;
    if (!r && (c->valid & SET_MODE))
        r = p9_root_chmod(fd, p9_mode(c->mode, S_ISDIR(st.st_mode)));
    if (!r && (c->valid & (SET_ATIME | SET_MTIME)) &&
        utimensat(fd, "", c->times, AT_EMPTY_PATH) < 0)
        r = -errno;
    return -r;
}

int p9_op_setattr(struct p9_server *s, struct p9_reader *r, struct p9_writer *w)
{
    struct p9_fid *f = p9_fid_find(&s->fids, p9_get32(r));
    struct change c = {p9_get32(r), p9_get32(r), p9_get32(r), p9_get32(r), p9_get(r, 8), {{0}}};
    uint64_t t[4];
    int fd, found;
    for (unsigned i = 0; i < 4; i++)
        t[i] = p9_get(r, 8);
    if (!p9_got_all(r))
        return EINVAL;
    c.times[0] = new_time(c.valid, SET_ATIME, SET_ATIME_TO, t[0], t[1]);
    c.times[1] = new_time(c.valid, SET_MTIME, SET_MTIME_TO, t[2], t[3]);
    int error = reach(s, f, &fd, &found);
    if (error)
        return error;
    error = apply(fd, &c);
    release(found);
    return error;
}

int p9_op_statfs(struct p9_server *s, struct p9_reader *r, struct p9_writer *w)
{
    struct p9_fid *f = p9_fid_find(&s->fids, p9_get32(r));
    struct statfs st;
    int fd, found;
    if (!p9_got_all(r))
        return EINVAL;
    int error = reach(s, f, &fd, &found);
    if (error)
        return error;
    error = fstatfs(fd, &st) < 0 ? errno : 0;
    release(found);
    if (error)
        return error;
    p9_put(w, 4, V9FS_MAGIC);
    p9_put(w, 4, (uint64_t)st.f_bsize);
    p9_put(w, 8, st.f_blocks);
    p9_put(w, 8, st.f_bfree);
    p9_put(w, 8, st.f_bavail);
    p9_put(w, 8, st.f_files);
    p9_put(w, 8, st.f_ffree);
    p9_put(w, 8, 0);
    p9_put(w, 4, 255);
    return 0;
}

int p9_op_readlink(struct p9_server *s, struct p9_reader *r, struct p9_writer *w)
{
    struct p9_fid *f = p9_fid_find(&s->fids, p9_get32(r));
    if (!p9_got_all(r))
        return EINVAL;
    if (!f)
        return EBADF;
    int fd = p9_root_find(s->root, f->path);
    if (fd < 0)
        return -fd;
    ssize_t n = readlinkat(fd, "", s->text[0], P9_STRING - 1);
    int error = n < 0 ? errno : 0;
    close(fd);
    if (error)
        return error == ENOENT ? EINVAL : error; // not a symbolic link
    s->text[0][n] = 0;
    p9_put_string(w, s->text[0]);
    return 0;
}
