// SPDX-License-Identifier: GPL-3.0-or-later
// The control socket without the socket: framing, protocol, commands on a machine that never runs,
// and clients that mean harm.
#include "tests/display/qmp_bed.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct qmp_bed bed;

static void init(void)
{
    qmp_bed_init(&bed);
}

static void fini(void)
{
    qmp_bed_fini(&bed);
}

TestSuite(qmp, .init = init, .fini = fini);

// What came out since the last time; valid until the next.
static const char *said(void)
{
    static char *text;
    free(text);
    text = strndup((const char *)fifo_head(&bed.session.out), bed.session.out.len);
    fifo_drop(&bed.session.out, bed.session.out.len);
    return text;
}

static void feed(const char *text, size_t len)
{
    while (len) {
        size_t n = qmp_session_feed(&bed.session, text, len);
        text += n;
        len -= n;
    }
}

static void say(const char *text, const char *answer)
{
    feed(text, strlen(text));
    const char *is = said();
    cr_expect(answer[0] ? !!strstr(is, answer) : !is[0], "%s\n gives %s\n not %s", text, is,
              answer);
}

static void begin(void)
{
    said();
    say("{\"execute\": \"qmp_capabilities\"}", "{\"return\":{}}");
}

Test(qmp, negotiation)
{
    const char *greeting = said();
    cr_expect(!strncmp(greeting, "{\"QMP\":{\"version\":{\"qemu\":{\"major\":", 34), "%s",
              greeting);
    cr_expect(strstr(greeting, "\"capabilities\":[]}}\r\n"), "%s", greeting);
    say("{\"execute\": \"query-status\"}", "CommandNotFound");
    say("{\"execute\": \"qmp_capabilities\", \"arguments\": {\"enable\": [\"oob\"]}}",
        "GenericError");
    say("{\"execute\": \"qmp_capabilities\", \"arguments\": {\"enable\": []}, \"id\": [1]}",
        "{\"return\":{},\"id\":[1]}");
    say("{\"execute\": \"qmp_capabilities\"}", "already complete");
    say("{\"execute\": \"query-name\"}", "{\"return\":{\"name\":\"test\"}}");
}

// In pieces of any size, with any white space, several in one piece.
Test(qmp, framing)
{
    static const char text[] =
        " \r\n{\"execute\":\n\"query-name\",\"id\":\"}\\\"{\"}\r\n{\"execute\":\"query-name\"}";
    begin();
    for (size_t piece = 1; piece < sizeof text; piece++) {
        for (size_t at = 0; at < sizeof text - 1; at += piece)
            feed(text + at, at + piece < sizeof text ? piece : sizeof text - 1 - at);
        cr_expect_str_eq(said(),
                         "{\"return\":{\"name\":\"test\"},\"id\":\"}\\\"{\"}\r\n"
                         "{\"return\":{\"name\":\"test\"}}\r\n",
                         "pieces of %zu", piece);
    }
}

Test(qmp, wrong_json)
{
    static const char good[] = "{\"execute\":\"query-name\"}";
    static const struct {
        const char *text, *answer;
    } cases[] = {
        {"{\"execute\" \"query-name\"}", "parse error"},
        {"{]}", "parse error"},
        {"nonsense\n", "parse error"},
        {"}\n", "parse error"},
        {"\"open\n", "parse error"},
        {"{\"execute\": \"open\n", "parse error"},
        {"{\"a\":1,\"a\":2}", "parse error"},
        {"{\"execute\":\"\xff\xfe\"}", "error"},
        {"{\"execute\":\"query\\u0000-name\"}", "error"},
        {"[]", "must be a JSON object"},
        {"12\n", "must be a JSON object"},
        {"{}", "lacks member 'execute'"},
        {"{\"execute\": 1}", "lacks member 'execute'"},
        {"{\"execute\":\"query-name\",\"x\":1}", "'x' is unexpected"},
        {"{\"execute\":\"query-name\",\"arguments\":[]}", "must be an object"},
        {"{\"execute\":\"query-name\",\"arguments\":{\"a\":1}}", "Parameter 'a' is unexpected"},
        {"{\"execute\":\"no-such\"}", "The command no-such has not been found"},
        {"{\"execute\":\"query-stats\"}", "Parameter 'target' is missing"},
        {"{\"execute\":\"query-stats\",\"arguments\":{\"target\":1}}", "expected: string"},
        {"{\"execute\":\"query-stats\",\"arguments\":{\"target\":\"x\"}}", "does not accept"},
        {"{\"execute\":\"screendump\",\"arguments\":{\"filename\":\"/tmp/x\"}}", "no display"},
        {"{\"execute\":\"screendump\",\"arguments\":{\"filename\":\"/tmp/x\\u0000y\"}}", "error"},
    };
    begin();
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        say(cases[i].text, cases[i].answer);
        say(good, "{\"return\":{\"name\":\"test\"}}");
    }
}

Test(qmp, limits)
{
    char *big = malloc(3 * QMP_STREAM_SIZE);
    begin();
    memset(big, '[', 1000);
    strcpy(big + 1000, "\n");
    say(big, "depth limit");
    memset(big, 'x', 3 * QMP_STREAM_SIZE);
    strcpy(big + 2 * QMP_STREAM_SIZE, "\n");
    say(big, "size limit");
    memset(big, 'x', 3 * QMP_STREAM_SIZE);
    memcpy(big, "{\"a\":\"", 6);
    strcpy(big + 2 * QMP_STREAM_SIZE, "\"}\n");
    say(big, "size limit");
    say("{\"execute\":\"query-name\"}", "test");
    free(big);
}

// Input ------------------------------------------------------------------------------------------

static const char *events(struct input_sink *sink)
{
    static char text[4096];
    struct input_event e[64];
    size_t n, at = 0;
    text[0] = 0;
    while ((n = input_pop(sink, e, 64)))
        for (size_t i = 0; i < n; i++)
            at += (size_t)snprintf(text + at, sizeof text - at, "%d/%d/%d ", e[i].type, e[i].code,
                                   e[i].value);
    return text;
}

static void expect_events(struct input_sink *sink, const char *expected)
{
    const char *is = events(sink);
    cr_expect_str_eq(is, expected, "%s, not %s", is, expected);
}

Test(qmp, send_key)
{
    begin();
    say("{\"execute\":\"send-key\",\"arguments\":{\"keys\":[{\"type\":\"qcode\",\"data\":\"ctrl\"},"
        "{\"type\":\"number\",\"data\":30}]}}",
        "{\"return\":{}}");
    say("{\"execute\":\"send-key\",\"arguments\":{\"hold-time\":5,\"keys\":[{\"type\":\"qcode\","
        "\"data\":\"ret\"}]}}",
        "{\"return\":{}}");
    clock_step(&bed.m.clock, 1);
    expect_events(&bed.keyboard, "1/29/1 1/30/1 0/0/0 ");
    clock_step(&bed.m.clock, 99000000);
    expect_events(&bed.keyboard, "");
    clock_step(&bed.m.clock, 1000000);
    expect_events(&bed.keyboard, "1/30/0 1/29/0 0/0/0 ");
    clock_step(&bed.m.clock, 5000000);
    expect_events(&bed.keyboard, "1/28/1 0/0/0 ");
    clock_step(&bed.m.clock, 5000000);
    expect_events(&bed.keyboard, "1/28/0 0/0/0 ");
    static const char *const wrong[] = {
        "{\"keys\":[]}",
        "{\"keys\":[1]}",
        "{\"keys\":[{\"type\":\"qcode\",\"data\":\"bogus\"}]}",
        "{\"keys\":[{\"type\":\"qcode\",\"data\":30}]}",
        "{\"keys\":[{\"type\":\"number\",\"data\":1e3}]}",
        "{\"keys\":[{\"type\":\"number\",\"data\":9223372036854775807}]}",
        "{\"keys\":[{\"type\":\"qcode\",\"data\":\"a\",\"x\":1}]}",
        "{\"keys\":[{\"type\":\"qcode\",\"data\":\"a\"}],\"hold-time\":0}",
        "{\"keys\":[{\"type\":\"qcode\",\"data\":\"a\"}],\"hold-time\":60001}",
        "{\"keys\":[{\"type\":\"qcode\",\"data\":\"a\"},{\"type\":\"qcode\",\"data\":\"bogus\"}]}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        char text[300];
        snprintf(text, sizeof text, "{\"execute\":\"send-key\",\"arguments\":%s}", wrong[i]);
        say(text, "\"error\"");
    }
    clock_step(&bed.m.clock, 1000000000);
    expect_events(&bed.keyboard, "");
    static const char key[] =
        "{\"execute\":\"send-key\",\"arguments\":{\"keys\":[{\"type\":\"qcode\",\"data\":\"a\"}]}}";
    int sent = 0;
    for (; sent < KEY_QUEUE_SIZE; sent++) {
        feed(key, strlen(key));
        if (strstr(said(), "too many"))
            break;
    }
    cr_expect_eq(sent, KEY_QUEUE_SIZE / 2, "%d fit", sent);
}

Test(qmp, input_send_event)
{
#define EVENT(text) "{\"execute\":\"input-send-event\",\"arguments\":{\"events\":[" text "]}}"
#define DONE        "{\"return\":{}}"
    begin();
    say(EVENT("{\"type\":\"key\",\"data\":{\"down\":true,\"key\":{\"type\":\"qcode\",\"data\":"
              "\"a\"}}}"),
        DONE);
    expect_events(&bed.keyboard, "1/30/1 0/0/0 ");
    say(EVENT("{\"type\":\"key\",\"data\":{\"down\":false,\"key\":{\"type\":\"qcode\",\"data\":"
              "\"a\"}}}"),
        DONE);
    expect_events(&bed.keyboard, "1/30/0 0/0/0 ");
    say(EVENT("{\"type\":\"abs\",\"data\":{\"axis\":\"x\",\"value\":100}},"
              "{\"type\":\"abs\",\"data\":{\"axis\":\"y\",\"value\":32767}}"),
        DONE);
    expect_events(&bed.tablet, "3/0/100 3/1/32767 0/0/0 ");
    say(EVENT("{\"type\":\"btn\",\"data\":{\"down\":true,\"button\":\"left\"}}"), DONE);
    expect_events(&bed.tablet, "1/272/1 0/0/0 ");
    say(EVENT("{\"type\":\"btn\",\"data\":{\"down\":true,\"button\":\"wheel-down\"}}"), DONE);
    expect_events(&bed.tablet, "2/8/-1 0/0/0 ");
    say(EVENT("{\"type\":\"rel\",\"data\":{\"axis\":\"x\",\"value\":-5}}"), DONE);
    expect_events(&bed.mouse, "2/0/-5 0/0/0 ");
    say(EVENT(""), DONE);
    static const char *const wrong[] = {
        EVENT("1"),
        EVENT("{}"),
        EVENT("{\"type\":\"key\",\"data\":1}"),
        EVENT("{\"type\":\"no\",\"data\":{}}"),
        EVENT("{\"type\":\"btn\",\"data\":{\"down\":true,\"button\":\"no\"}}"),
        EVENT("{\"type\":\"btn\",\"data\":{\"down\":1,\"button\":\"left\"}}"),
        EVENT("{\"type\":\"abs\",\"data\":{\"axis\":\"z\",\"value\":1}}"),
        EVENT("{\"type\":\"abs\",\"data\":{\"axis\":\"x\",\"value\":-1}}"),
        EVENT("{\"type\":\"abs\",\"data\":{\"axis\":\"x\",\"value\":32768}}"),
        EVENT("{\"type\":\"rel\",\"data\":{\"axis\":\"x\",\"value\":99999999999}}"),
        // The first is right, and nothing of it happens.
        EVENT("{\"type\":\"rel\",\"data\":{\"axis\":\"x\",\"value\":1}},{\"type\":\"no\",\"data\":{"
              "}}"),
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        say(wrong[i], "\"error\"");
    expect_events(&bed.mouse, "");
    expect_events(&bed.keyboard, "");
}

// Harm -------------------------------------------------------------------------------------------

static uint32_t random_state;

static uint32_t draw(uint32_t below)
{
    random_state = random_state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(random_state >> 4) * below >> 28);
}

// Right requests, damaged: bytes changed, taken out, put in, runs repeated. After each a good one
// must be understood once the line has ended.
Test(qmp, fuzz)
{
    static const char *const seeds[] = {
        "{\"execute\":\"send-key\",\"arguments\":{\"hold-time\":5,\"keys\":[{\"type\":\"qcode\","
        "\"data\":\"ret\"}]}}",
        EVENT("{\"type\":\"btn\",\"data\":{\"down\":true,\"button\":\"left\"}}"),
        EVENT("{\"type\":\"abs\",\"data\":{\"axis\":\"x\",\"value\":100}}"),
        EVENT("{\"type\":\"key\",\"data\":{\"down\":true,\"key\":{\"type\":\"qcode\",\"data\":"
              "\"a\"}}}"),
        "{\"execute\":\"query-commands\",\"id\":{\"a\":[1,2,3,null,true]}}",
        "{\"execute\":\"query-stats\",\"arguments\":{\"target\":\"vm\"}}",
        "{\"execute\":\"screendump\",\"arguments\":{\"filename\":\"/nowhere/"
        "x\",\"format\":\"png\"}}",
        "{\"execute\":\"query-status\"}\r\n{\"execute\":\"query-version\"}",
        "{\"execute\":\"stop\"}{\"execute\":\"cont\"}{\"execute\":\"system_reset\"}",
    };
    static const char likely[] = "{}[]\",:\\\n 0-9eutf\x80\xff";
    static const char good[] = "\n{\"execute\":\"query-name\",\"id\":77}";
    char text[1024];
    begin();
    for (uint32_t n = 0; n < 20000; n++) {
        random_state = n * 2654435761u;
        const char *seed = seeds[draw(ARRAY_SIZE(seeds))];
        size_t len = strlen(seed);
        memcpy(text, seed, len);
        for (uint32_t changes = 1 + draw(6); changes; changes--) {
            size_t at = draw((uint32_t)len), run = 1 + draw(16);
            switch (draw(4)) {
            case 0:
                text[at] = likely[draw(sizeof likely - 1)];
                break;
            case 1:
                text[at] = (char)draw(256);
                break;
            case 2:
                run = run < len - at ? run : len - at - 1;
                memmove(text + at, text + at + run, len - at - run);
                len -= run;
                break;
            default:
                run = run < len - at ? run : len - at;
                memmove(text + at + run, text + at, len - at);
                len += run;
                break;
            }
            if (len > 900)
                len = 900;
        }
        feed(text, len);
        said();
        feed("\n", 1); // the end of a string that was left open
        for (int i = 0; i < QMP_STREAM_DEPTH; i++)
            feed("]", 1); // and of brackets
        said();
        feed(good, strlen(good));
        const char *is = said();
        cr_assert(strstr(is, "\"id\":77}"), "%u: %.*s leaves %s", n, (int)len, text, is);
        events(&bed.keyboard);
        events(&bed.tablet);
        events(&bed.mouse);
        clock_step(&bed.m.clock, 1000000000);
        events(&bed.keyboard);
    }
}
