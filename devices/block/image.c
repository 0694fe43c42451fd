// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/block/image.h"
#include "base/bits.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char magic[4] = "QFI\xfb";

bool image_has_magic(const uint8_t *bytes, size_t len)
{
    return len >= sizeof magic && !memcmp(bytes, magic, sizeof magic);
}

enum block_format image_probe(const char *path)
{
    uint8_t bytes[sizeof magic];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ssize_t n = fd < 0 ? -1 : pread(fd, bytes, sizeof bytes, 0);
    if (fd >= 0)
        close(fd);
    return n > 0 && image_has_magic(bytes, (size_t)n) ? BLOCK_FORMAT_QCOW2 : BLOCK_FORMAT_RAW;
}

const char *image_format_name(enum block_format format)
{
    static const char *const names[] = {
        [BLOCK_FORMAT_UNSAID] = "unknown",
        [BLOCK_FORMAT_RAW] = "raw",
        [BLOCK_FORMAT_QCOW2] = "qcow2",
    };
    return (size_t)format < ARRAY_SIZE(names) ? names[format] : names[0];
}

struct block *image_open(const char *path, const struct block_options *options, struct error *err)
{
    enum block_format format = options->format;
    bool guarded = format == BLOCK_FORMAT_UNSAID;
    if (guarded)
        format = image_probe(path);
    if (format == BLOCK_FORMAT_QCOW2)
        return qcow2_open(path, options->readonly, options->backing, err);
    return guarded ? raw_open_guarded(path, options->readonly, err)
                   : raw_open(path, options->readonly, err);
}
