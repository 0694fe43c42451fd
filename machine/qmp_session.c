// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/qmp_session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void qmp_session_say(struct qmp_session *s, const char *line, size_t len)
{
    fifo_put(&s->out, line, len);
    fifo_put(&s->out, "\r\n", 2);
}

// Takes over the reference.
static void say_json(struct qmp_session *s, json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT);
    assert(text);
    qmp_session_say(s, text, strlen(text));
    free(text);
    json_decref(value);
}

void qmp_session_init(struct qmp_session *s, struct qmp *qmp)
{
    *s = (struct qmp_session){.qmp = qmp};
    qmp_stream_init(&s->stream);
    say_json(s, json_pack("{s:{s:o, s:[]}}", "QMP", "version", qmp_version(), "capabilities"));
}

void qmp_session_fini(struct qmp_session *s)
{
    fifo_fini(&s->out);
}

// `result` is taken over; NULL: err says why. id (borrowed, may be NULL) is the client's mark.
static void reply(struct qmp_session *s, json_t *result, const struct qmp_error *err, json_t *id)
{
    json_t *r =
        result ? json_pack("{s:o}", "return", result)
               : json_pack("{s:{s:s, s:s}}", "error", "class", err->class, "desc", err->error.text);
    // A message may quote what the client sent, cut in the middle of a character.
    if (!r)
        r = json_pack("{s:{s:s, s:s}}", "error", "class", err->class, "desc", "invalid request");
    if (id)
        json_object_set(r, "id", id);
    say_json(s, r);
}

static json_t *negotiate(struct qmp_session *s, const char *name, json_t *args,
                         struct qmp_error *err)
{
    if (s->negotiated)
        return qmp_fail(err, "CommandNotFound",
                        "Capabilities negotiation is already complete, command ignored");
    if (strcmp(name, "qmp_capabilities"))
        return qmp_fail(err, "CommandNotFound",
                        "Expecting capabilities negotiation with 'qmp_capabilities'");
    json_t *enable = json_object_get(args, "enable");
    if (enable && (!json_is_array(enable) || json_array_size(enable)))
        return qmp_fail(err, "GenericError", "there are no capabilities to enable");
    s->negotiated = true;
    return json_object();
}

static json_t *execute(struct qmp_session *s, json_t *request, struct qmp_error *err)
{
    const char *key;
    json_t *value, *args = json_object_get(request, "arguments");
    if (!json_is_object(request))
        return qmp_fail(err, "GenericError", "QMP input must be a JSON object");
    json_object_foreach(
        request, key,
        value) if (strcmp(key, "execute") && strcmp(key, "arguments") &&
                   strcmp(key, "id")) return qmp_fail(err, "GenericError",
                                                      "QMP input member '%.60s' is unexpected",
                                                      key);
    const char *name = json_string_value(json_object_get(request, "execute"));
    if (!name)
        return qmp_fail(err, "GenericError", "QMP input lacks member 'execute'");
    if (args && !json_is_object(args))
        return qmp_fail(err, "GenericError", "QMP input member 'arguments' must be an object");
    if (!s->negotiated || !strcmp(name, "qmp_capabilities"))
        return negotiate(s, name, args, err);
    return qmp_execute(s->qmp, name, args, err);
}

static void handle(struct qmp_session *s)
{
    struct qmp_error err = {"GenericError", {{0}, NULL, 0}};
    json_error_t why;
    json_t *result = NULL;
    json_t *request =
        json_loadb(s->stream.text, s->stream.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (request)
        result = execute(s, request, &err);
    else
        qmp_fail(&err, "GenericError", "JSON parse error, %s", why.text);
    if (s->before_reply)
        s->before_reply(s->opaque);
    reply(s, result, &err, json_object_get(request, "id"));
    json_decref(request);
}

size_t qmp_session_feed(struct qmp_session *s, const char *data, size_t len)
{
    enum qmp_stream_found found;
    struct qmp_error err = {"GenericError", {{0}, NULL, 0}};
    size_t n = qmp_stream_feed(&s->stream, data, len, &found);
    switch (found) {
    case QMP_STREAM_VALUE:
        handle(s);
        break;
    case QMP_STREAM_SIZE_EXCEEDED:
        qmp_fail(&err, err.class, "JSON token size limit exceeded: %d bytes", QMP_STREAM_SIZE);
        reply(s, NULL, &err, NULL);
        break;
    case QMP_STREAM_DEPTH_EXCEEDED:
        qmp_fail(&err, err.class, "JSON nesting depth limit exceeded: %d", QMP_STREAM_DEPTH);
        reply(s, NULL, &err, NULL);
        break;
    case QMP_STREAM_MORE:
        break;
    }
    return n;
}
