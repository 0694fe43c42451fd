// SPDX-License-Identifier: GPL-3.0-or-later
// Operations on directories: their entries, and making and moving them.
#include "devices/p9/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ENTRY     24 // bytes of an entry of Rreaddir before its name
#define REMOVEDIR 0x200

struct host_entry { // linux_dirent64
    uint64_t ino;
    int64_t off;
    uint16_t len;
    uint8_t type;
    char name[];
} __attribute__((packed));

// The entry's place in the file system, as far as the directory tells.
static struct p9_qid entry_qid(struct p9_server *s, const struct stat *dir,
                               const struct host_entry *e)
{
    struct stat st = {.st_dev = dir->st_dev,
                      .st_ino = e->ino,
                      .st_mode = e->type == DT_DIR   ? S_IFDIR
                                 : e->type == DT_LNK ? S_IFLNK
                                                     : S_IFREG};
    return p9_qid_of(s, &st);
}

int p9_op_readdir(struct p9_server *s, struct p9_reader *r, struct p9_writer *w)
{
    struct p9_fid *f = p9_fid_find(&s->fids, p9_get32(r));
    uint64_t offset = p9_get(r, 8);
    uint32_t count = p9_get32(r);
    uint8_t entries[16384] __attribute__((aligned(8)));
    struct stat dir;
    if (!p9_got_all(r) || offset > INT64_MAX)
        return EINVAL;
    if (!f || f->fd < 0)
        return f && f->flags == P9_FID_LOST ? ESTALE : EBADF;
    if (fstat(f->fd, &dir) < 0 || lseek(f->fd, (off_t)offset, SEEK_SET) < 0)
        return errno;
    long n = syscall(SYS_getdents64, f->fd, entries, sizeof entries);
    if (n < 0)
        return errno;
    size_t head = w->len;
    p9_put(w, 4, 0);
    if (w->bad)
        return EMSGSIZE;
    if (w->capacity - w->len > count)
        w->capacity = w->len + count;
    for (long at = 0; at < n;) {
        const struct host_entry *e = (const void *)(entries + at);
        size_t before = w->len;
        struct p9_qid q = entry_qid(s, &dir, e);
        p9_put_qid(w, &q);
        p9_put(w, 8, (uint64_t)e->off);
        p9_put(w, 1, e->type);
        p9_put_string(w, e->name);
        if (w->bad) { // the rest comes with the next call
            w->bad = false;
            w->len = before;
            if (before == head + 4)
                return EINVAL; // no room for even one
            break;
        }
        at += e->len;
    }
    uint32_t total = (uint32_t)(w->len - head - 4);
    memcpy(w->data + head, &total, 4);
    return 0;
}

// The directory of a fid, and a name in it that is text[n]. Returns a descriptor or a negated
// errno.
static int dir_of(struct p9_server *s, const struct p9_fid *f, unsigned n)
{
    if (!f)
        return -EBADF;
    if (!p9_name_ok(s->text[n]))
        return strlen(s->text[n]) > 255 ? -ENAMETOOLONG : -EINVAL;
    return p9_root_find(s->root, f->path);
}

// Answers with the qid of name in dir; closes dir.
static int made(struct p9_server *s, int dir, const char *name, int result, struct p9_writer *w)
{
    struct stat st;
    int error = result < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? errno : 0;
    close(dir);
    if (error)
        return error;
    struct p9_qid q = p9_qid_of(s, &st);
    p9_put_qid(w, &q);
    return 0;
}

// The mode that was asked for, whatever the umask took away.
static int set_mode(int dir, const char *name, mode_t mode)
{
    int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int r = p9_root_chmod(fd, mode);
    close(fd);
    errno = -r;
    return r < 0 ? -1 : 0;
}

int p9_op_mkdir(struct p9_server *s, struct p9_reader *r, struct p9_writer *w)
{
    struct p9_fid *f = p9_fid_find(&s->fids, p9_get32(r));
    p9_get_string(r, s->text[0]);
    mode_t mode = p9_mode(p9_get32(r), true);
    p9_get32(r); // gid
    if (!p9_got_all(r))
        return EINVAL;
    int dir = dir_of(s, f, 0);
    if (dir < 0)
        return -dir;
    int result = mkdirat(dir, s->text[0], mode);
    return made(s, dir, s->text[0], result < 0 ? result : set_mode(dir, s->text[0], mode), w);
}

int p9_op_mknod(struct p9_server *s, struct p9_reader *r, struct p9_writer *w)
{
    struct p9_fid *f = p9_fid_find(&s->fids, p9_get32(r));
    p9_get_string(r, s->text[0]);
    uint32_t mode = p9_get32(r);
    p9_get32(r); // device numbers
    p9_get32(r);
    p9_get32(r); // gid
    if (!p9_got_all(r))
        return EINVAL;
    if (S_ISBLK(mode) || S_ISCHR(mode))
        return EPERM; // they would be the host's devices
    if (!S_ISFIFO(mode) && !S_ISSOCK(mode) && !S_ISREG(mode))
        return EINVAL;
    int dir = dir_of(s, f, 0);
    if (dir < 0)
        return -dir;
    int result = mknodat(dir, s->text[0], (mode & S_IFMT) | p9_mode(mode, false), 0);
    return made(s, dir, s->text[0],
                result < 0 ? result : set_mode(dir, s->text[0], p9_mode(mode, false)), w);
}

int p9_op_symlink(struct p9_server *s, struct p9_reader *r, struct p9_writer *w)
{
    struct p9_fid *f = p9_fid_find(&s->fids, p9_get32(r));
    p9_get_string(r, s->text[0]);
    p9_get_string(r, s->text[1]);
    p9_get32(r); // gid
    if (!p9_got_all(r))
        return EINVAL;
    int dir = dir_of(s, f, 0);
    if (dir < 0)
        return -dir;
    return made(s, dir, s->text[0], symlinkat(s->text[1], dir, s->text[0]), w);
}

// The directory that holds a fid's file and the file's name in it.
static int parent_of(struct p9_server *s, const struct p9_fid *f, char path[P9_PATH],
                     const char **name)
{
    strcpy(path, f->path);
    if (!*path)
        return -EBUSY; // the shared directory itself
    char *slash = strrchr(path, '/');
    *name = f->path + (slash ? slash + 1 - path : 0);
    *(slash ? slash : path) = 0;
    return p9_root_find(s->root, path);
}

int p9_op_link(struct p9_server *s, struct p9_reader *r, struct p9_writer *w)
{
    struct p9_fid *d = p9_fid_find(&s->fids, p9_get32(r));
    struct p9_fid *f = p9_fid_find(&s->fids, p9_get32(r));
    char path[P9_PATH];
    const char *name;
    p9_get_string(r, s->text[0]);
    if (!p9_got_all(r))
        return EINVAL;
    if (!f)
        return EBADF;
    int from = parent_of(s, f, path, &name);
    if (from < 0)
        return -from;
    int to = dir_of(s, d, 0), error = to < 0 ? -to : 0;
    if (!error && linkat(from, name, to, s->text[0], 0) < 0)
        error = errno;
    close(from);
    if (to >= 0)
        close(to);
    return error;
}

static int move(struct p9_server *s, const char *from_dir, const char *from, const char *to_dir,
                const char *to)
{
    char a[P9_PATH], b[P9_PATH];
    if (!p9_join(a, from_dir, from) || !p9_join(b, to_dir, to))
        return ENAMETOOLONG;
    int x = p9_root_find(s->root, from_dir), y = p9_root_find(s->root, to_dir);
    int error = x < 0 ? -x : y < 0 ? -y : renameat(x, from, y, to) < 0 ? errno : 0;
    if (x >= 0)
        close(x);
    if (y >= 0)
        close(y);
    if (!error)
        p9_fid_renamed(&s->fids, a, b);
    return error;
}

int p9_op_rename(struct p9_server *s, struct p9_reader *r, struct p9_writer *w)
{
    struct p9_fid *f = p9_fid_find(&s->fids, p9_get32(r));
    struct p9_fid *d = p9_fid_find(&s->fids, p9_get32(r));
    char path[P9_PATH], from[P9_PATH], to[P9_PATH];
    const char *name;
    p9_get_string(r, s->text[0]);
    if (!p9_got_all(r))
        return EINVAL;
    if (!f || !d)
        return EBADF;
    if (!p9_name_ok(s->text[0]))
        return EINVAL;
    int parent = parent_of(s, f, path, &name);
    if (parent < 0)
        return -parent;
    close(parent);
    strcpy(from, name); // the fid's own path changes
    strcpy(to, d->path);
    return move(s, path, from, to, s->text[0]);
}

int p9_op_renameat(struct p9_server *s, struct p9_reader *r, struct p9_writer *w)
{
    struct p9_fid *f = p9_fid_find(&s->fids, p9_get32(r));
    p9_get_string(r, s->text[0]);
    struct p9_fid *d = p9_fid_find(&s->fids, p9_get32(r));
    p9_get_string(r, s->text[1]);
    if (!p9_got_all(r))
        return EINVAL;
    if (!f || !d)
        return EBADF;
    if (!p9_name_ok(s->text[0]) || !p9_name_ok(s->text[1]))
        return EINVAL;
    char from[P9_PATH], to[P9_PATH];
    strcpy(from, f->path);
    strcpy(to, d->path);
    return move(s, from, s->text[0], to, s->text[1]);
}

int p9_op_unlinkat(struct p9_server *s, struct p9_reader *r, struct p9_writer *w)
{
    struct p9_fid *f = p9_fid_find(&s->fids, p9_get32(r));
    p9_get_string(r, s->text[0]);
    uint32_t flags = p9_get32(r);
    if (!p9_got_all(r))
        return EINVAL;
    int dir = dir_of(s, f, 0);
    if (dir < 0)
        return -dir;
    int error = unlinkat(dir, s->text[0], flags & REMOVEDIR ? AT_REMOVEDIR : 0) < 0 ? errno : 0;
    close(dir);
    return error;
}

int p9_op_remove(struct p9_server *s, struct p9_reader *r, struct p9_writer *w)
{
    struct p9_fid *f = p9_fid_find(&s->fids, p9_get32(r));
    char path[P9_PATH];
    const char *name;
    struct stat st;
    if (!p9_got_all(r))
        return EINVAL;
    if (!f)
        return EBADF;
    int dir = parent_of(s, f, path, &name), error = dir < 0 ? -dir : 0;
    if (!error && (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
                   unlinkat(dir, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0))
        error = errno;
    if (dir >= 0)
        close(dir);
    p9_fid_remove(&s->fids, f); // whether it went or not
    return error;
}
