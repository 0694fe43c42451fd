// SPDX-License-Identifier: GPL-3.0-or-later
// The control socket's bytes, to a machine that does not run.
#include "fuzz.h"
#include "tests/display/qmp_bed.h"

#include <string.h>

static const char *const lines[] = {
    "{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"query-status\"}",
    "{\"execute\":\"send-key\",\"arguments\":{\"hold-time\":5,\"keys\":[{\"type\":\"qcode\",\"data\":\"ret\"}]}}",
    "{\"execute\":\"input-send-event\",\"arguments\":{\"events\":[{\"type\":\"abs\",\"data\":{\"axis\":\"x\",\"value\":100}}]}}",
    "{\"execute\":\"query-commands\",\"id\":{\"a\":[1,2,3,null,true]}}",
    "{\"execute\":\"query-stats\",\"arguments\":{\"target\":\"vm\"}}{\"execute\":\"query-version\"}",
    "{\"execute\":\"screendump\",\"arguments\":{\"filename\":\"/nowhere/x\",\"format\":\"png\"}}",
};
static const char *const words[] = {"{", "}", "[", "]", "\"", ":", ",", "\\u0000", "\"execute\":", "\"arguments\":", "null", "1e999", "-0", "\"id\":", "\n", NULL};

static struct qmp_bed bed;

static void init(void)
{
    for (size_t n = 0; n < sizeof lines / sizeof *lines; n++)
        fuzz_seed(lines[n], strlen(lines[n]));
}

static void feed(const char *text, size_t len)
{
    while (len) {
        size_t n = qmp_session_feed(&bed.session, text, len);
        text += n;
        len -= n;
        fifo_drop(&bed.session.out, bed.session.out.len);
    }
}

static void one(const uint8_t *data, size_t len)
{
    static const char hello[] = "{\"execute\":\"qmp_capabilities\"}";
    qmp_bed_init(&bed);
    if (len % 8)
        feed(hello, sizeof hello - 1);
    feed((const char *)data, len);
    qmp_bed_fini(&bed);
}

const struct fuzz_target fuzz_target = {.name = "qmp", .max = 4096, .init = init, .one = one, .words = words};
