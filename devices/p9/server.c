// SPDX-License-Identifier: GPL-3.0-or-later
// The session: versions, fids, walking, and the table of what is understood.
#include "devices/p9/internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STATE_VERSION 1
#define MAX_WALK      16

enum { TLERROR = 6, TVERSION = 100, TFLUSH = 108 };
enum { QID_DIR = 0x80, QID_SYMLINK = 0x02 };

struct p9_qid p9_qid_of(struct p9_server *s, const struct stat *st)
{
    unsigned n = 0;
    while (n < s->device_count && s->devices[n] != st->st_dev)
        n++;
    if (n == s->device_count && n < P9_DEVICES)
        s->devices[s->device_count++] = st->st_dev;
    return (struct p9_qid){
        .type = S_ISDIR(st->st_mode)   ? QID_DIR
                : S_ISLNK(st->st_mode) ? QID_SYMLINK
                                       : 0,
        .version = (uint32_t)(st->st_mtim.tv_nsec ^ st->st_mtim.tv_sec << 30 ^ st->st_size),
        .path = st->st_ino ^ (uint64_t)n << 56,
    };
}

bool p9_join(char path[P9_PATH], const char *dir, const char *name)
{
    return snprintf(path, P9_PATH, "%s%s%s", dir, *dir ? "/" : "", name) < P9_PATH;
}

mode_t p9_mode(uint32_t mode, bool dir)
{
    return mode & (dir ? 03777 : 01777);
}

// One step of a walk, in place. Returns 0 or an errno.
static int step(struct p9_server *s, char path[P9_PATH], const char *name, struct stat *st)
{
    char next[P9_PATH];
    if (!strcmp(name, "..")) { // no link has been followed, so the path tells where it leads
        char *slash = strrchr(path, '/');
        *(slash ? slash : path) = 0;
        return -p9_root_stat(s->root, path, st);
    }
    if (!p9_name_ok(name))
        return *name && strlen(name) > 255 ? ENAMETOOLONG : ENOENT;
    if (!p9_join(next, path, name))
        return ENAMETOOLONG;
    int r = p9_root_stat(s->root, next, st);
    if (r < 0)
        return -r;
    strcpy(path, next);
    return 0;
}

int p9_op_walk(struct p9_server *s, struct p9_reader *r, struct p9_writer *w)
{
    struct p9_fid *f = p9_fid_find(&s->fids, p9_get32(r)), *g;
    uint32_t number = p9_get32(r);
    unsigned count = (unsigned)p9_get(r, 2), done = 0;
    struct p9_qid qids[MAX_WALK];
    char path[P9_PATH];
    int error = 0;
    if (!f)
        return EBADF;
    if (r->bad || count > MAX_WALK)
        return EINVAL;
    strcpy(path, f->path);
    while (done < count) {
        struct stat st;
        p9_get_string(r, s->text[0]);
        if (r->bad)
            return EINVAL;
        if (!error && !(error = step(s, path, s->text[0], &st)))
            qids[done] = p9_qid_of(s, &st);
        if (error)
            break;
        done++;
    }
    for (unsigned i = done + 1; i < count; i++)
        p9_get_string(r, s->text[0]);
    if (!p9_got_all(r))
        return EINVAL;
    if (error && !done)
        return error;
    if (!error) {
        if (number == f->number)
            error = p9_fid_move(&s->fids, f, path);
        else if (!(g = p9_fid_add(&s->fids, number, path, &error)))
            return error;
        else
            error = 0;
        if (error)
            return error;
    }
    p9_put(w, 2, done);
    for (unsigned i = 0; i < done; i++)
        p9_put_qid(w, &qids[i]);
    return 0;
}

int p9_op_attach(struct p9_server *s, struct p9_reader *r, struct p9_writer *w)
{
    uint32_t number = p9_get32(r);
    struct stat st;
    int error;
    p9_get32(r); // afid: there is no authentication
    p9_get_string(r, s->text[0]);
    p9_get_string(r, s->text[1]);
    p9_get32(r); // n_uname
    if (!p9_got_all(r))
        return EINVAL;
    error = -p9_root_stat(s->root, "", &st);
    if (error || !p9_fid_add(&s->fids, number, "", &error))
        return error;
    struct p9_qid q = p9_qid_of(s, &st);
    p9_put_qid(w, &q);
    return 0;
}

int p9_op_clunk(struct p9_server *s, struct p9_reader *r, struct p9_writer *w)
{
    struct p9_fid *f = p9_fid_find(&s->fids, p9_get32(r));
    if (!p9_got_all(r))
        return EINVAL;
    if (!f)
        return EBADF;
    p9_fid_remove(&s->fids, f);
    return 0;
}

static int version(struct p9_server *s, struct p9_reader *r, struct p9_writer *w)
{
    uint32_t size = p9_get32(r);
    p9_get_string(r, s->text[0]);
    if (!p9_got_all(r) || size < P9_MIN_MESSAGE)
        return EINVAL;
    bool known = !strcmp(s->text[0], "9P2000.L");
    p9_server_reset(s);
    s->message = size < P9_MAX_MESSAGE ? size : P9_MAX_MESSAGE;
    p9_put(w, 4, s->message);
    p9_put_string(w, known ? "9P2000.L" : "unknown");
    return 0;
}

// Messages are answered in their order: when a flush is seen, what it is about has been answered.
static int flush(struct p9_server *s, struct p9_reader *r, struct p9_writer *w)
{
    p9_get(r, 2);
    return p9_got_all(r) ? 0 : EINVAL;
}

static const struct {
    p9_operation *run;
    bool writes; // refused when the share is read-only
} operations[256] = {
    [8] = {p9_op_statfs},          [12] = {p9_op_lopen},
    [14] = {p9_op_lcreate, true},  [16] = {p9_op_symlink, true},
    [18] = {p9_op_mknod, true},    [20] = {p9_op_rename, true},
    [22] = {p9_op_readlink},       [24] = {p9_op_getattr},
    [26] = {p9_op_setattr, true},  [40] = {p9_op_readdir},
    [50] = {p9_op_fsync},          [52] = {p9_op_lock},
    [54] = {p9_op_getlock},        [70] = {p9_op_link, true},
    [72] = {p9_op_mkdir, true},    [74] = {p9_op_renameat, true},
    [76] = {p9_op_unlinkat, true}, [TVERSION] = {version},
    [104] = {p9_op_attach},        [TFLUSH] = {flush},
    [110] = {p9_op_walk},          [116] = {p9_op_read},
    [118] = {p9_op_write, true},   [120] = {p9_op_clunk},
    [122] = {p9_op_remove, true},
};

static int run(struct p9_server *s, unsigned type, struct p9_reader *r, struct p9_writer *w)
{
    if (!operations[type].run)
        return EOPNOTSUPP;
    if (operations[type].writes && s->readonly) {
        if (type == 122) { // Tremove gives up its fid in any case
            struct p9_fid *f = p9_fid_find(&s->fids, p9_get32(r));
            if (f)
                p9_fid_remove(&s->fids, f);
        }
        return EROFS;
    }
    int error = operations[type].run(s, r, w);
    return !error && w->bad ? EMSGSIZE : error;
}

size_t p9_serve(struct p9_server *s, const uint8_t *in, size_t len, uint8_t *out, size_t room)
{
    struct p9_reader header = {.data = in, .len = len};
    uint32_t size = p9_get32(&header);
    uint8_t type = (uint8_t)p9_get(&header, 1);
    uint16_t tag = (uint16_t)p9_get(&header, 2);
    struct p9_reader r = {.data = in, .len = size, .at = P9_HEADER};
    struct p9_writer w = {
        .data = out, .capacity = room < s->message ? room : s->message, .len = P9_HEADER};
    int error = EINVAL;
    assert(room >= P9_MIN_ANSWER && len >= P9_HEADER);
    if (size >= P9_HEADER && size <= len && size <= s->message)
        error = run(s, type, &r, &w);
    if (error) {
        type = TLERROR;
        w.len = P9_HEADER;
        w.bad = false;
        p9_put(&w, 4, (uint64_t)error);
    }
    uint32_t total = (uint32_t)w.len;
    memcpy(out, &total, 4);
    out[4] = (uint8_t)(type + 1);
    memcpy(out + 5, &tag, 2);
    return total;
}

struct p9_server *p9_server_create(const char *dir, bool readonly, struct error *err)
{
    int root = p9_root_open(dir, err);
    if (root < 0)
        return NULL;
    struct p9_server *s = calloc(1, sizeof *s);
    assert(s);
    s->root = root;
    s->readonly = readonly;
    s->message = P9_MAX_MESSAGE;
    return s;
}

void p9_server_reset(struct p9_server *s)
{
    p9_fid_clear(&s->fids);
    s->message = P9_MAX_MESSAGE;
}

void p9_server_destroy(struct p9_server *s)
{
    if (!s)
        return;
    p9_fid_clear(&s->fids);
    close(s->root);
    free(s);
}

// The saved state -------------------------------------------------------------------------------

struct saved {
    uint32_t message, count;
};

struct saved_fid { // and the path behind it
    uint32_t number, open, flags, len;
};

void p9_server_save(struct p9_server *s, struct state_writer *w)
{
    struct saved head = {s->message, s->fids.count};
    size_t size = sizeof head + s->fids.count * sizeof(struct saved_fid) + s->fids.path_bytes;
    struct p9_writer out = {.data = malloc(size), .capacity = size};
    assert(out.data);
    p9_put_bytes(&out, &head, sizeof head);
    for (size_t i = 0; i < sizeof s->fids.bucket / sizeof *s->fids.bucket; i++) {
        for (const struct p9_fid *f = s->fids.bucket[i]; f; f = f->next) {
            struct saved_fid e = {f->number, f->fd >= 0 || f->flags < 0, (uint32_t)f->flags,
                                  (uint32_t)strlen(f->path)};
            p9_put_bytes(&out, &e, sizeof e);
            p9_put_bytes(&out, f->path, e.len);
        }
    }
    state_put(w, "virtio-9p.fids", STATE_VERSION, out.data, out.len);
    free(out.data);
}

// A path as the server itself would have made it.
static bool path_ok(const char *path)
{
    char copy[P9_PATH], *rest = NULL;
    size_t total = 0;
    strcpy(copy, path);
    for (char *name = strtok_r(copy, "/", &rest); name; name = strtok_r(NULL, "/", &rest)) {
        if (!p9_name_ok(name))
            return false;
        total += strlen(name) + 1;
    }
    return total == (*path ? strlen(path) + 1 : 0);
}

static bool load_fid(struct p9_server *s, struct p9_reader *in)
{
    struct saved_fid e = {p9_get32(in), p9_get32(in), p9_get32(in), p9_get32(in)};
    char path[P9_PATH];
    int error;
    if (in->bad || e.len >= sizeof path || in->len - in->at < e.len || e.open > 1)
        return false;
    memcpy(path, in->data + in->at, e.len);
    path[e.len] = 0;
    in->at += e.len;
    if (strlen(path) != e.len || !path_ok(path))
        return false;
    struct p9_fid *f = p9_fid_add(&s->fids, e.number, path, &error);
    if (!f)
        return false;
    if (!e.open)
        return true;
    int flags = (int)e.flags & (O_ACCMODE | O_SYNC | O_DSYNC);
    int fd = s->readonly && (flags & O_ACCMODE) ? -EROFS : p9_root_open_file(s->root, path, flags);
    if (fd >= 0)
        return p9_fid_opened(&s->fids, f, fd, flags);
    f->flags = P9_FID_LOST;
    return true;
}

bool p9_server_load(struct p9_server *s, struct state_reader *r, struct error *err)
{
    long size = state_peek(r, "virtio-9p.fids");
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    assert(data);
    if (!state_get(r, "virtio-9p.fids", STATE_VERSION, data, size > 0 ? (size_t)size : 0, err)) {
        free(data);
        return false;
    }
    struct p9_reader in = {.data = data, .len = (size_t)size};
    uint32_t message = p9_get32(&in), count = p9_get32(&in);
    bool ok = !in.bad && message >= P9_MIN_MESSAGE && message <= P9_MAX_MESSAGE;
    struct p9_fids before = s->fids;
    s->fids = (struct p9_fids){0};
    for (uint32_t i = 0; ok && i < count; i++)
        ok = load_fid(s, &in);
    ok = ok && p9_got_all(&in);
    free(data);
    p9_fid_clear(ok ? &before : &s->fids);
    if (!ok) {
        s->fids = before;
        return error_set(err, "saved state: section \"virtio-9p.fids\" is damaged");
    }
    s->message = message;
    return true;
}
