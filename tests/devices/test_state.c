// SPDX-License-Identifier: GPL-3.0-or-later
#include "bench.h"

#include <string.h>

Test(state, round_trip)
{
    struct state_writer w;
    struct state_reader r;
    struct error err;
    uint32_t a = 0x12345678, b[3] = {1, 2, 3}, a2 = 0, b2[3] = {0};
    state_writer_init(&w);
    state_put(&w, "a", 1, &a, sizeof a);
    state_put(&w, "empty", 1, NULL, 0);
    state_put(&w, "b", 7, b, sizeof b);
    state_reader_init(&r, w.data, w.len);
    EXPECT(state_peek(&r, "a"), 4);
    EXPECT(state_peek(&r, "b"), -1);
    cr_assert(state_get(&r, "a", 1, &a2, sizeof a2, &err));
    cr_assert(state_get(&r, "empty", 1, NULL, 0, &err));
    cr_assert(state_get(&r, "b", 7, b2, sizeof b2, &err));
    EXPECT(a2, a);
    cr_assert_arr_eq(b, b2, sizeof b);
    cr_assert(!state_get(&r, "c", 1, &a2, sizeof a2, &err));
    state_writer_fini(&w);
}

Test(state, refuses_wrong_tag_version_length_checksum)
{
    struct state_writer w;
    struct state_reader r;
    struct error err = {0};
    uint32_t a = 5, got = 99;
    state_writer_init(&w);
    state_put(&w, "a", 1, &a, sizeof a);
    state_reader_init(&r, w.data, w.len);
    cr_assert(!state_get(&r, "b", 1, &got, 4, &err));
    cr_assert(strstr(err.text, "\"b\" expected, \"a\" found"), "%s", err.text);
    cr_assert(!state_get(&r, "a", 2, &got, 4, &err));
    cr_assert(strstr(err.text, "version"), "%s", err.text);
    cr_assert(!state_get(&r, "a", 1, &got, 3, &err));
    cr_assert(strstr(err.text, "bytes"), "%s", err.text);
    w.data[w.len - 1] ^= 1;
    cr_assert(!state_get(&r, "a", 1, &got, 4, &err));
    cr_assert(strstr(err.text, "checksum"), "%s", err.text);
    EXPECT(got, 99);
    state_writer_fini(&w);
}

Test(state, hostile_length_does_not_leave_the_buffer)
{
    struct state_writer w;
    struct state_reader r;
    struct error err = {0};
    uint64_t a = 5, huge = UINT64_MAX - 10;
    state_writer_init(&w);
    state_put(&w, "a", 1, &a, sizeof a);
    memcpy(w.data + 40, &huge, sizeof huge);
    state_reader_init(&r, w.data, w.len);
    cr_assert(!state_get(&r, "a", 1, &a, (size_t)huge, &err));
    EXPECT(state_peek(&r, "a"), -1);
    memset(w.data, 'x', 32); // a tag without its end
    state_reader_init(&r, w.data, w.len);
    cr_assert(!state_get(&r, "a", 1, &a, sizeof a, &err));
    state_writer_fini(&w);
}
