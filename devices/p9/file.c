// SPDX-License-Identifier: GPL-3.0-or-later
// Operations on open files.
#include "devices/p9/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { LOCK_SUCCESS = 0, LOCK_UNLCK = 2 };

// The flags of the protocol are Linux's; what is not listed has no meaning here, the positions of
// all writes being in the messages.
static int host_flags(uint32_t flags)
{
    return (int)(flags & (O_ACCMODE | O_TRUNC | O_DSYNC | O_SYNC | O_DIRECTORY));
}

static bool writes(int flags)
{
    return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
}

static int opened(struct p9_server *s, struct p9_fid *f, int fd, int flags, struct p9_writer *w)
{
    struct stat st;
    if (fd < 0)
        return -fd;
    if (fstat(fd, &st) < 0) {
        int error = errno;
        close(fd);
        return error;
    }
    if (!p9_fid_opened(&s->fids, f, fd, flags & (O_ACCMODE | O_SYNC | O_DSYNC)))
        return EMFILE;
    struct p9_qid q = p9_qid_of(s, &st);
    p9_put_qid(w, &q);
    p9_put(w, 4, 0); // iounit: as large as a message
    return 0;
}

int p9_op_lopen(struct p9_server *s, struct p9_reader *r, struct p9_writer *w)
{
    struct p9_fid *f = p9_fid_find(&s->fids, p9_get32(r));
    uint32_t flags = p9_get32(r);
    if (!p9_got_all(r))
        return EINVAL;
    if (!f || f->fd >= 0)
        return EBADF;
    int host = host_flags(flags);
    if ((host & O_ACCMODE) == O_ACCMODE)
        return EINVAL;
    if (s->readonly && writes(host))
        return EROFS;
    return opened(s, f, p9_root_open_file(s->root, f->path, host), host, w);
}

int p9_op_lcreate(struct p9_server *s, struct p9_reader *r, struct p9_writer *w)
{
    struct p9_fid *f = p9_fid_find(&s->fids, p9_get32(r));
    char path[P9_PATH];
    p9_get_string(r, s->text[0]);
    uint32_t flags = p9_get32(r), mode = p9_get32(r);
    p9_get32(r); // gid
    if (!p9_got_all(r))
        return EINVAL;
    if (!f || f->fd >= 0)
        return EBADF;
    int host = host_flags(flags) & ~O_DIRECTORY;
    if (!p9_name_ok(s->text[0]) || (host & O_ACCMODE) == O_ACCMODE)
        return EINVAL;
    if (!p9_join(path, f->path, s->text[0]))
        return ENAMETOOLONG;
    int fd = p9_root_create(s->root, f->path, s->text[0], host | (int)(flags & O_EXCL),
                            p9_mode(mode, false));
    if (fd < 0)
        return -fd;
    int error = p9_fid_move(&s->fids, f, path);
    if (error) {
        close(fd);
        return error;
    }
    return opened(s, f, fd, host, w);
}

static int open_fd(const struct p9_fid *f, int *fd)
{
    if (!f)
        return EBADF;
    if (f->fd < 0)
        return f->flags == P9_FID_LOST ? ESTALE : EBADF;
    *fd = f->fd;
    return 0;
}

int p9_op_read(struct p9_server *s, struct p9_reader *r, struct p9_writer *w)
{
    int fd = -1, error = open_fd(p9_fid_find(&s->fids, p9_get32(r)), &fd);
    uint64_t offset = p9_get(r, 8);
    uint32_t count = p9_get32(r);
    if (!p9_got_all(r) || offset > INT64_MAX)
        return EINVAL;
    if (error)
        return error;
    if (w->capacity < w->len + 4)
        return EMSGSIZE;
    size_t room = w->capacity - w->len - 4;
    ssize_t n = pread(fd, w->data + w->len + 4, count < room ? count : room, (off_t)offset);
    if (n < 0)
        return errno;
    p9_put(w, 4, (uint64_t)n);
    w->len += (size_t)n;
    return 0;
}

int p9_op_write(struct p9_server *s, struct p9_reader *r, struct p9_writer *w)
{
    int fd = -1, error = open_fd(p9_fid_find(&s->fids, p9_get32(r)), &fd);
    uint64_t offset = p9_get(r, 8);
    uint32_t count = p9_get32(r);
    if (r->bad || r->len - r->at != count || offset > INT64_MAX)
        return EINVAL;
    if (error)
        return error;
    ssize_t n = pwrite(fd, r->data + r->at, count, (off_t)offset);
    if (n < 0)
        return errno;
    p9_put(w, 4, (uint64_t)n);
    return 0;
}

int p9_op_fsync(struct p9_server *s, struct p9_reader *r, struct p9_writer *w)
{
    int fd = -1, error = open_fd(p9_fid_find(&s->fids, p9_get32(r)), &fd);
    uint32_t datasync = p9_get32(r);
    if (!p9_got_all(r))
        return EINVAL;
    if (error)
        return error;
    return (datasync ? fdatasync(fd) : fsync(fd)) < 0 ? errno : 0;
}

// There is one client, whose kernel keeps its locks itself and asks here in the end: granted.
int p9_op_lock(struct p9_server *s, struct p9_reader *r, struct p9_writer *w)
{
    struct p9_fid *f = p9_fid_find(&s->fids, p9_get32(r));
    p9_get(r, 1);
    p9_get32(r);
    p9_get(r, 8);
    p9_get(r, 8);
    p9_get32(r);
    p9_get_string(r, s->text[0]);
    if (!p9_got_all(r))
        return EINVAL;
    if (!f)
        return EBADF;
    p9_put(w, 1, LOCK_SUCCESS);
    return 0;
}

int p9_op_getlock(struct p9_server *s, struct p9_reader *r, struct p9_writer *w)
{
    struct p9_fid *f = p9_fid_find(&s->fids, p9_get32(r));
    p9_get(r, 1);
    uint64_t start = p9_get(r, 8), length = p9_get(r, 8);
    uint32_t process = p9_get32(r);
    p9_get_string(r, s->text[0]);
    if (!p9_got_all(r))
        return EINVAL;
    if (!f)
        return EBADF;
    p9_put(w, 1, LOCK_UNLCK);
    p9_put(w, 8, start);
    p9_put(w, 8, length);
    p9_put(w, 4, process);
    p9_put_string(w, s->text[0]);
    return 0;
}
