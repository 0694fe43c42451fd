// SPDX-License-Identifier: GPL-3.0-or-later
// The host file behind a flash bank, read whole at the start, written through afterwards.
#ifndef DEVICES_PFLASH_FILE_H
#define DEVICES_PFLASH_FILE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum pflash_access {
    PFLASH_READ,
    PFLASH_WRITE,
    PFLASH_WRITE_NEW, // and make it if it is not there
};

struct pflash_file {
    int fd; // -1: nothing is kept
    char name[256];
};

// Reads at most size bytes of the file to memory (what it lacks is left alone) and says in *used
// where the last byte that is not zero ends. To be written it stays open, locked, and as long as
// size. Otherwise it is closed again.
bool pflash_file_open(struct pflash_file *f, const char *path, enum pflash_access access,
                      uint8_t *memory, uint64_t size, uint64_t *used, struct error *err);
// Both are true at once when nothing is kept; false: an error line has gone to stderr.
bool pflash_file_write(const struct pflash_file *f, uint64_t offset, const void *data, size_t len);
bool pflash_file_sync(const struct pflash_file *f);
void pflash_file_close(struct pflash_file *f);

#endif
