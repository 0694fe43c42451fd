// SPDX-License-Identifier: GPL-3.0-or-later
// The control socket's bytes, to a machine that does not run.
#include "fuzz.h"
#include "machine/qmp_session.h"

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

static struct machine_config config;
static struct machine m;
static struct qmp qmp;
static struct qmp_session session;
static struct input_sink keyboard, tablet;

static void woken(void *opaque) {}

static void init(void)
{
    for (size_t n = 0; n < sizeof lines / sizeof *lines; n++)
        fuzz_seed(lines[n], strlen(lines[n]));
    machine_config_init(&config);
    config.name = "test";
}

static void begin(void)
{
    m = (struct machine){.config = &config, .phase = MACHINE_ENDED};
    mutex_init(&m.lock);
    mutex_init(&m.run_lock);
    pthread_cond_init(&m.run_changed, NULL);
    clock_init(&m.clock, true);
    input_init(&m.input);
    input_attach(&m.input, &keyboard, INPUT_KEYBOARD, woken, NULL);
    input_attach(&m.input, &tablet, INPUT_TABLET, woken, NULL);
    m.wake_fd = -1;
    qmp_init(&qmp, &m);
    qmp_session_init(&session, &qmp);
}

static void end(void)
{
    qmp_session_fini(&session);
    qmp_fini(&qmp);
    input_detach(&keyboard);
    input_detach(&tablet);
    input_fini(&m.input);
    clock_fini(&m.clock);
}

static void feed(const char *text, size_t len)
{
    while (len) {
        size_t n = qmp_session_feed(&session, text, len);
        text += n;
        len -= n;
        fifo_drop(&session.out, session.out.len);
    }
}

static void one(const uint8_t *data, size_t len)
{
    static const char hello[] = "{\"execute\":\"qmp_capabilities\"}";
    begin();
    if (len % 8)
        feed(hello, sizeof hello - 1);
    feed((const char *)data, len);
    end();
}

const struct fuzz_target fuzz_target = {.name = "qmp", .max = 4096, .init = init, .one = one, .words = words};
