// SPDX-License-Identifier: GPL-3.0-or-later
// The files a guest has in hand, by its numbers for them. A fid is a path, and a descriptor once it
// is open; how many there may be of each is bounded. Renaming moves the paths of all it concerns.
#ifndef DEVICES_P9_FID_H
#define DEVICES_P9_FID_H

#include "devices/p9/root.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define P9_MAX_FIDS  65536
#define P9_MAX_OPEN  1024
#define P9_MAX_PATHS (8u << 20) // bytes of all paths together
#define P9_FID_LOST  (-1)       // flags of a fid that was open and could not be opened again

struct p9_fid {
    struct p9_fid *next; // in its bucket
    uint32_t number;
    int fd;    // -1: not open
    int flags; // it was opened with
    char *path;
};

struct p9_fids {
    struct p9_fid *bucket[1024];
    unsigned count, open;
    size_t path_bytes;
};

struct p9_fid *p9_fid_find(const struct p9_fids *t, uint32_t number); // or NULL
// NULL with *error set to an errno: there is one of that number, or there are too many.
struct p9_fid *p9_fid_add(struct p9_fids *t, uint32_t number, const char *path, int *error);
int p9_fid_move(struct p9_fids *t, struct p9_fid *f, const char *path); // 0 or an errno
// fd becomes the fid's. False: too many are open (fd is then closed).
bool p9_fid_opened(struct p9_fids *t, struct p9_fid *f, int fd, int flags);
void p9_fid_remove(struct p9_fids *t, struct p9_fid *f);
void p9_fid_clear(struct p9_fids *t);
// What was called `from` is `to` now, and so is what lies below it.
void p9_fid_renamed(struct p9_fids *t, const char *from, const char *to);

#endif
