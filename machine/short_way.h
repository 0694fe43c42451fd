// SPDX-License-Identifier: GPL-3.0-or-later
// The short way: `armlet FILE...` looks at what the files are and becomes the options that one
// would have written. What it adds goes through the options' own handlers, so that --print-config
// can say it all.
#ifndef MACHINE_SHORT_WAY_H
#define MACHINE_SHORT_WAY_H

#include "machine/option_handlers.h"

enum file_kind {
    FILE_UNKNOWN, // or it cannot be read: whoever opens it has the better message
    FILE_KERNEL,
    FILE_DISK, // raw: a partition table or a file system
    FILE_QCOW2,
    FILE_ISO,
    FILE_FIRMWARE,
};

enum file_kind short_way_sniff(const char *path);

// A file named without an option. At once for a kernel; disks are remembered.
bool short_way_positional(struct options *o, const char *path);
// After the last option: what the disks need beside themselves.
bool short_way_complete(struct options *o);

// Prints a command line that says everything: what was given, what was added, what is default.
void short_way_print(const struct options *o, FILE *out);

// The file that -bios names: a path, or a file of that name where distributions keep firmware. A
// string of the configuration's pool, or name itself.
const char *short_way_find_firmware(struct machine_config *c, const char *name);

#endif
