// SPDX-License-Identifier: GPL-3.0-or-later
// A host directory that nothing gets out of.
//
// Paths are relative to it, of plain names joined by '/' ("" is the directory itself). Every look
// at one begins at the directory's descriptor and is confined by the host's kernel: openat2() with
// RESOLVE_BENEATH, and no symbolic link is ever followed, neither on the way nor at the end (the
// guest follows them itself). What is opened are regular files and directories only; a FIFO would
// block, a device would be the host's.
//
// Functions return 0 or a descriptor, or a negated errno. No locks: one thread at a time.
#ifndef DEVICES_P9_ROOT_H
#define DEVICES_P9_ROOT_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#define P9_PATH 4096 // longest path, with its end

// The descriptor of the directory, or -1 with *err set.
int p9_root_open(const char *dir, struct error *err);

// A name that can be one component: not empty, "." or "..", no '/', at most 255 bytes.
bool p9_name_ok(const char *name);

// A descriptor that names the file and cannot read or write it (O_PATH), a symbolic link included.
int p9_root_find(int root, const char *path);
int p9_root_stat(int root, const char *path, struct stat *st);
// flags as of open(2); neither O_CREAT nor O_EXCL.
int p9_root_open_file(int root, const char *path, int flags);
// Creates name in the directory `path`; with exactly this mode.
int p9_root_create(int root, const char *path, const char *name, int flags, mode_t mode);
// The mode of what p9_root_find() gave, by its descriptor.
int p9_root_chmod(int fd, mode_t mode);
int p9_root_truncate(int fd, off_t size);

#endif
