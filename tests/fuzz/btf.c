// SPDX-License-Identifier: GPL-3.0-or-later
// The kernel's own description of its types.
#include "fuzz.h"
#include "machine/btf.h"

#include <string.h>

#define INFO(kind, count) ((uint32_t)(kind) << 24 | (count))

static void init(void)
{
    static const struct {
        uint32_t head[6], types[17 + 7];
        char strings[24];
    } seed = {
        {0x0001eb9f, 24, 0, 24 * 4, 24 * 4, 24},
        {1, INFO(1, 0), 4, 32,                         // int
         5, INFO(4, 2), 16, 10, 1, 0, 14, 3, 64,       // struct task { pid; list }
         0, INFO(3, 0), 0, 1, 1, 16,                   // int[16]
         14, INFO(8, 0), 2, 0, INFO(2, 0)},            // a typedef; the beginning of a pointer
        "\0int\0task\0pid\0list\0next",
    };
    fuzz_seed(&seed, sizeof seed);
}

static void one(const uint8_t *data, size_t len)
{
    static const char *const paths[] = {"pid", "list", "list.next", "", ".", "list.pid.next"};
    uint64_t offset, size;
    struct btf *b = btf_create(data, len);
    for (size_t n = 0; b && n < sizeof paths / sizeof *paths; n++)
        btf_member(b, "task", paths[n], &offset, &size);
    if (b)
        btf_size(b, "list");
    btf_destroy(b);
}

const struct fuzz_target fuzz_target = {.name = "btf", .max = 8192, .init = init, .one = one};
