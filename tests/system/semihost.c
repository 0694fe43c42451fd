// SPDX-License-Identifier: GPL-3.0-or-later
// Semihosting: what the operations write, answer and end.
#include "box.h"

#include <string.h>

#define HLT_SEMIHOST 0xd45e0000u // hlt #0xf000
#define BLOCK        (RAM_BASE + 0x8000)
#define TEXT         (RAM_BASE + 0x9000)

static struct box box;
static char said[4096];
static size_t said_len;
static int status;

static void write_out(void *opaque, const char *data, size_t len)
{
    cr_assert(said_len + len < sizeof said);
    memcpy(said + said_len, data, len);
    said_len += len;
    said[said_len] = 0;
}

static void leave(void *opaque, int code)
{
    status = code;
}

static void setup(void)
{
    box_init(&box);
    box.board.semihost_write = write_out;
    box.board.semihost_exit = leave;
    said_len = 0;
    said[0] = 0;
    status = -1;
}

static void teardown(void)
{
    box_fini(&box);
}

TestSuite(semihost, .init = setup, .fini = teardown);

static void text(const char *s)
{
    memcpy(box.ram + (TEXT - RAM_BASE), s, strlen(s) + 1);
}

static int64_t call(uint64_t operation, uint64_t at)
{
    box.cpu->v.r[A64_X0 + 1] = at;
    cr_assert(box_one(&box, 1, HLT_SEMIHOST, operation), "operation %#" PRIx64 " is an exception",
              operation);
    return (int64_t)box.cpu->v.r[A64_X0];
}

static int64_t call_with(uint64_t operation, uint64_t a, uint64_t b, uint64_t c)
{
    *box_word(&box, BLOCK) = a;
    *box_word(&box, BLOCK + 8) = b;
    *box_word(&box, BLOCK + 16) = c;
    return call(operation, BLOCK);
}

#define EXPECT(got, want)                                                                          \
    do {                                                                                           \
        int64_t got_ = (int64_t)(got), want_ = (int64_t)(want);                                    \
        cr_expect(got_ == want_, "%s is %" PRId64 ", not %" PRId64, #got, got_, want_);            \
    } while (0)

Test(semihost, console)
{
    text("Hello, host\n");
    EXPECT(call(0x04, TEXT), 0);
    EXPECT(call(0x03, TEXT + 1), 0);
    text(":tt");
    EXPECT(call_with(0x01, TEXT, 4, 3), 1);
    text("written");
    EXPECT(call_with(0x05, 1, TEXT, 5), 0);
    EXPECT(call_with(0x05, 2, TEXT, 5), 5); // no such handle
    cr_expect(!strcmp(said, "Hello, host\newritt"), "it wrote \"%s\"", said);
    EXPECT(call_with(0x06, 1, TEXT, 5), 5); // nothing to read
    EXPECT(call_with(0x09, 1, 0, 0), 1);
    EXPECT(call_with(0x02, 1, 0, 0), 0);
}

Test(semihost, long_text)
{
    char x[1000];
    memset(x, 'x', sizeof x - 1);
    x[sizeof x - 1] = 0;
    text(x);
    EXPECT(call(0x04, TEXT), 0);
    EXPECT(said_len, sizeof x - 1);
}

Test(semihost, files_do_not_open)
{
    text("/etc/passwd");
    EXPECT(call_with(0x01, TEXT, 0, 11), -1);
    EXPECT(call_with(0x01, TEXT, 0, 3), -1);
    EXPECT(call(0x13, 0), 2);
    EXPECT(call(0x77, 0), -1); // no such operation
}

Test(semihost, memory_that_is_not_there)
{
    EXPECT(call(0x04, 0x1000), 0);
    EXPECT(call(0x18, UINT64_MAX - 4), -1);
    EXPECT(status, -1);
    EXPECT(call_with(0x05, 1, RAM_BASE + RAM_SIZE - 3, UINT64_MAX), INT64_C(-4));
    EXPECT(said_len, 3);
}

static void ends(uint64_t operation, uint64_t reason, uint64_t code, int want)
{
    *box_word(&box, BLOCK) = reason;
    *box_word(&box, BLOCK + 8) = code;
    box.cpu->v.r[A64_X0 + 1] = BLOCK;
    status = -1;
    box_one(&box, 1, HLT_SEMIHOST, operation);
    EXPECT(status, want);
}

Test(semihost, ends)
{
    ends(0x18, 0x20026, 0, 0);
    ends(0x18, 0x20026, 42, 42);
    ends(0x20, 0x20026, 0x101, 1);
    ends(0x18, 0x20023, 7, 1); // not an application's exit
}

Test(semihost, who_may)
{
    cr_expect(!box_one(&box, 0, HLT_SEMIHOST, 0x04), "EL0 may");
    EXPECT(box_ec(&box), 0);
    cr_expect(!box_one(&box, 1, 0xd4400020, 0x04), "hlt #1 is a call");
    box.board.semihost_write = NULL;
    cr_expect(!box_one(&box, 1, HLT_SEMIHOST, 0x04), "the board has none");
    EXPECT(box_ec(&box), 0);
}
