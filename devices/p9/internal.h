// SPDX-License-Identifier: GPL-3.0-or-later
// Among the files of the server: its state, and the operations by subject.
#ifndef DEVICES_P9_INTERNAL_H
#define DEVICES_P9_INTERNAL_H

#include "devices/p9/fid.h"
#include "devices/p9/message.h"
#include "devices/p9/server.h"

#include <sys/stat.h>

#define P9_DEVICES 32 // host file systems that are told apart

struct p9_server {
    int root;
    bool readonly;
    uint32_t message; // negotiated size
    struct p9_fids fids;
    dev_t devices[P9_DEVICES]; // seen below root, in their order
    unsigned device_count;
    char text[3][P9_STRING]; // strings of the message at hand
};

// An operation reads its fields, answers into w (which has the header already) and returns 0 or an
// errno, upon which what it wrote is thrown away.
typedef int p9_operation(struct p9_server *s, struct p9_reader *r, struct p9_writer *w);

p9_operation p9_op_attach, p9_op_walk, p9_op_clunk;                              // server.c
p9_operation p9_op_lopen, p9_op_lcreate, p9_op_read, p9_op_write, p9_op_fsync;   // file.c
p9_operation p9_op_lock, p9_op_getlock;                                          // file.c
p9_operation p9_op_getattr, p9_op_setattr, p9_op_statfs, p9_op_readlink;         // attr.c
p9_operation p9_op_readdir, p9_op_mkdir, p9_op_mknod, p9_op_symlink, p9_op_link; // dir.c
p9_operation p9_op_rename, p9_op_renameat, p9_op_unlinkat, p9_op_remove;         // dir.c

struct p9_qid p9_qid_of(struct p9_server *s, const struct stat *st);
// dir + "/" + name into path; false: too long.
bool p9_join(char path[P9_PATH], const char *dir, const char *name);
// The mode bits that a guest may set.
mode_t p9_mode(uint32_t mode, bool dir);

#endif
