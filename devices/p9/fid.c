// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/p9/fid.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUCKETS (sizeof((struct p9_fids *)0)->bucket / sizeof(struct p9_fid *))

static struct p9_fid **bucket_of(struct p9_fids *t, uint32_t number)
{
    return &t->bucket[(number * 2654435761u >> 16) % BUCKETS];
}

struct p9_fid *p9_fid_find(const struct p9_fids *t, uint32_t number)
{
    for (struct p9_fid *f = *bucket_of((struct p9_fids *)t, number); f; f = f->next)
        if (f->number == number)
            return f;
    return NULL;
}

struct p9_fid *p9_fid_add(struct p9_fids *t, uint32_t number, const char *path, int *error)
{
    size_t len = strlen(path) + 1;
    *error = p9_fid_find(t, number) ? EBADF : EMFILE;
    if (*error == EBADF || t->count == P9_MAX_FIDS || t->path_bytes + len > P9_MAX_PATHS)
        return NULL;
    struct p9_fid *f = malloc(sizeof *f), **head = bucket_of(t, number);
    assert(f);
    *f = (struct p9_fid){.next = *head, .number = number, .fd = -1, .path = strdup(path)};
    assert(f->path);
    *head = f;
    t->count++;
    t->path_bytes += len;
    return f;
}

int p9_fid_move(struct p9_fids *t, struct p9_fid *f, const char *path)
{
    size_t old = strlen(f->path) + 1, new = strlen(path) + 1;
    if (t->path_bytes - old + new > P9_MAX_PATHS)
        return EMFILE;
    char *copy = strdup(path);
    assert(copy);
    free(f->path);
    f->path = copy;
    t->path_bytes += new - old;
    return 0;
}

static void shut(struct p9_fids *t, struct p9_fid *f)
{
    if (f->fd < 0)
        return;
    close(f->fd);
    f->fd = -1;
    t->open--;
}

bool p9_fid_opened(struct p9_fids *t, struct p9_fid *f, int fd, int flags)
{
    if (t->open == P9_MAX_OPEN) {
        close(fd);
        return false;
    }
    shut(t, f);
    f->fd = fd;
    f->flags = flags;
    t->open++;
    return true;
}

void p9_fid_remove(struct p9_fids *t, struct p9_fid *f)
{
    struct p9_fid **link = bucket_of(t, f->number);
    while (*link != f)
        link = &(*link)->next;
    *link = f->next;
    shut(t, f);
    t->count--;
    t->path_bytes -= strlen(f->path) + 1;
    free(f->path);
    free(f);
}

void p9_fid_clear(struct p9_fids *t)
{
    for (size_t i = 0; i < BUCKETS; i++)
        while (t->bucket[i])
            p9_fid_remove(t, t->bucket[i]);
}

void p9_fid_renamed(struct p9_fids *t, const char *from, const char *to)
{
    size_t n = strlen(from);
    char path[P9_PATH];
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct p9_fid *f = t->bucket[i]; f; f = f->next) {
            if (strncmp(f->path, from, n) || (f->path[n] && f->path[n] != '/'))
                continue;
            // A path that has become too long is one that leads nowhere.
            if (snprintf(path, sizeof path, "%s%s", to, f->path + n) < (int)sizeof path)
                p9_fid_move(t, f, path);
        }
    }
}
