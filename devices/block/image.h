// SPDX-License-Identifier: GPL-3.0-or-later
// What format a disk image is in. See docs/disk-images.md for the rule.
#ifndef DEVICES_BLOCK_IMAGE_H
#define DEVICES_BLOCK_IMAGE_H

#include "devices/block/block.h"

// Whether these are the first bytes of an image in a format other than raw.
bool image_has_magic(const uint8_t *bytes, size_t len);

// The format of a file by its first bytes; raw when it cannot be read.
enum block_format image_probe(const char *path);

const char *image_format_name(enum block_format format);

#endif
