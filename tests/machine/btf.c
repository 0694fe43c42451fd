// SPDX-License-Identifier: GPL-3.0-or-later
// BTF: layouts by hand, and damaged ones by the thousand, none of which may do harm.
#include "machine/btf.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INFO(kind, count) ((uint32_t)(kind) << 24 | (count))
enum { INT = 1, PTR = 2, ARRAY = 3, STRUCT = 4, UNION = 5, TYPEDEF = 8 };

// Names by their offset in the strings below.
static const char strings[] = "\0int\0task\0comm\0pid\0list\0next\0prev\0inner\0deep";
enum { NONE = 0, N_INT = 1, N_TASK = 5, N_COMM = 10, N_PID = 15, N_LIST = 19, N_NEXT = 24, N_PREV = 29,
       N_INNER = 34, N_DEEP = 40 };

static const uint32_t types[] = {
    N_INT, INFO(INT, 0), 4, 32,                                              // 1
    NONE, INFO(PTR, 0), 3,                                                   // 2
    N_LIST, INFO(STRUCT, 2), 16, N_NEXT, 2, 0, N_PREV, 2, 64,                // 3
    NONE, INFO(ARRAY, 0), 0, 1, 1, 16,                                       // 4: int[16]
    NONE, INFO(UNION, 2), 8, N_PID, 1, 0, N_DEEP, 2, 0,                      // 5: anonymous
    N_INNER, INFO(TYPEDEF, 0), 3,                                            // 6
    N_TASK, INFO(STRUCT, 4), 200, NONE, 5, 64, N_COMM, 4, 128, N_LIST, 3, 640, N_INNER, 6, 768, // 7
};

static size_t build(uint8_t *to)
{
    const uint32_t head[] = { 0x0001eb9f, 24, 0, sizeof types, sizeof types, sizeof strings };
    memcpy(to, head, sizeof head);
    memcpy(to + 24, types, sizeof types);
    memcpy(to + 24 + sizeof types, strings, sizeof strings);
    return 24 + sizeof types + sizeof strings;
}

Test(btf, layout)
{
    static const struct {
        const char *type, *path;
        bool ok;
        uint64_t offset, size;
    } rows[] = {
        { "task", "pid", true, 8, 4 },          { "task", "deep", true, 8, 8 },
        { "task", "comm", true, 16, 64 },       { "task", "list", true, 80, 16 },
        { "task", "list.prev", true, 88, 8 },   { "task", "inner.next", true, 96, 8 },
        { "list", "prev", true, 8, 8 },         { "task", "none", false, 0, 0 },
        { "task", "pid.x", false, 0, 0 },       { "none", "pid", false, 0, 0 },
        { "task", "", false, 0, 0 },
    };
    uint32_t data[200];
    size_t size = build((uint8_t *)data);
    struct btf *b = btf_create(data, size);
    cr_assert(b);
    for (unsigned twice = 0; twice < 2; twice++)
        for (size_t n = 0; n < sizeof rows / sizeof *rows; n++) {
            uint64_t offset = 0, bytes = 0;
            bool ok = btf_member(b, rows[n].type, rows[n].path, &offset, &bytes);
            cr_expect(ok == rows[n].ok && offset == rows[n].offset && bytes == rows[n].size,
                      "%s.%s: %d, offset %" PRIu64 ", size %" PRIu64, rows[n].type, rows[n].path, ok, offset, bytes);
        }
    cr_expect_eq(btf_size(b, "task"), 200);
    cr_expect_eq(btf_size(b, "nothing"), 0);
    btf_destroy(b);
}

Test(btf, damaged, .timeout = 60)
{
    uint64_t x = 1;
    unsigned accepted = 0;
    for (unsigned n = 0; n < 100000; n++) {
        uint32_t data[200];
        size_t size = build((uint8_t *)data);
        for (unsigned hits = 1 + n % 4; hits; hits--) {
            x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
            ((uint8_t *)data)[(x >> 33) % size] = n & 1 ? (uint8_t)(x >> 25) : (uint8_t)(x >> 28 & 15);
        }
        size -= n % 7 ? 0 : (x >> 40) % size;
        // A copy of that very size, so that a sanitizer sees what is read beyond it.
        void *copy = malloc(size ? size : 1);
        memcpy(copy, data, size);
        struct btf *b = btf_create(copy, size);
        uint64_t offset;
        accepted += b != NULL;
        if (b) {
            btf_member(b, "task", "inner.next", &offset, &offset);
            btf_member(b, "task", "pid", &offset, &offset);
            btf_member(b, "list", "no", &offset, NULL);
        }
        btf_destroy(b);
        free(copy);
    }
    cr_expect_gt(accepted, 1000, "%u are still BTF", accepted);
}

// Structures that hold each other have no end.
Test(btf, endless, .timeout = 20)
{
    static uint32_t data[6 + 3 + 3 * 2000 + 2];
    const uint32_t head[] = { 0x0001eb9f, 24, 0, (3 + 3 * 2000) * 4, (3 + 3 * 2000) * 4, 4 };
    memcpy(data, head, sizeof head);
    data[6] = 1;
    data[7] = INFO(STRUCT, 2000);
    for (unsigned n = 0; n < 2000; n++)
        data[9 + 3 * n + 1] = 1; // anonymous, of its own type
    memcpy(&data[6 + 3 + 3 * 2000], "\0s\0", 4);
    struct btf *b = btf_create(data, sizeof head + (3 + 3 * 2000) * 4 + 4);
    uint64_t offset;
    cr_assert(b);
    cr_expect_not(btf_member(b, "s", "x", &offset, NULL));
    btf_destroy(b);
}
