// SPDX-License-Identifier: GPL-3.0-or-later
// `armlet disk`: making, looking at, checking and converting disk images, without a machine.
#ifndef MACHINE_DISK_H
#define MACHINE_DISK_H

#include "devices/block/block.h"
#include "devices/block/qcow2.h"

#include <stdio.h>

// What the command line of one of the verbs says.
struct disk_arguments {
    const char *file, *second; // the image; the size or the new image
    int format;                // enum block_format: of the image
    int new_format;            // of what is made; UNSAID: qcow2
    const char *backing, *backing_format;
    struct qcow2_create_options qcow2;
    bool compress, repair, force;
    bool follow; // the source's backing file may be read
};

// Each returns whether it did what it should; results go to out.
bool disk_create(const struct disk_arguments *a, FILE *out, struct error *err);
bool disk_info(const struct disk_arguments *a, FILE *out, struct error *err);
bool disk_check(const struct disk_arguments *a, FILE *out, struct error *err);
bool disk_convert(const struct disk_arguments *a, FILE *out, struct error *err);

// A new image, open and empty, of the size that a->qcow2 says.
struct block *disk_make(const char *path, const struct disk_arguments *a, struct error *err);

#endif
