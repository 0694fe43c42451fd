// SPDX-License-Identifier: GPL-3.0-or-later
// A file that was named without an option (disk, ISO image, kernel, firmware), and the same bytes as the
// contents of a flash bank with variables.
#include "devices/pflash_file.h"
#include "fuzz.h"
#include "machine/short_way.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BANK = 256 << 10 };

static void init(void)
{
    static uint8_t iso[0x8800], gpt[1024], vars[256];
    memcpy(iso + 0x8000, "\1CD001\1", 7);
    fuzz_seed(iso, sizeof iso);
    memcpy(gpt + 510, "\x55\xaa", 2);
    memcpy(gpt + 512, "EFI PART", 8);
    fuzz_seed(gpt, sizeof gpt);
    memcpy(vars + 40, "_FVH", 4);
    fuzz_seed(vars, sizeof vars);
    fuzz_seed("QFI\xfb\0\0\0\3", 8);
}

static void one(const uint8_t *data, size_t len)
{
    static const enum pflash_access access[] = {PFLASH_READ, PFLASH_WRITE, PFLASH_WRITE_NEW};
    struct pflash_file f;
    struct error err;
    uint64_t used;
    uint8_t *memory = calloc(1, BANK);
    const char *path = fuzz_file(data, len);
    assert(short_way_sniff(path) <= FILE_FIRMWARE);
    if (pflash_file_open(&f, path, access[len % 3], memory, BANK, &used, &err)) {
        assert(used <= BANK);
        if (len % 3)
            pflash_file_write(&f, BANK - 4, "abcd", 4);
        pflash_file_close(&f);
    }
    free(memory);
}

const struct fuzz_target fuzz_target = {.name = "sniff", .max = 300 << 10, .init = init, .one = one};
