// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/qmp_stream.h"

static void restart(struct qmp_stream *s)
{
    s->len = 0;
    s->depth = 0;
    s->in_string = s->escaped = s->complete = false;
}

void qmp_stream_init(struct qmp_stream *s)
{
    restart(s);
    s->skipping = false;
}

static enum qmp_stream_found finish(struct qmp_stream *s)
{
    s->complete = true;
    return QMP_STREAM_VALUE;
}

static enum qmp_stream_found give_up(struct qmp_stream *s, enum qmp_stream_found why)
{
    restart(s);
    s->skipping = true;
    return why;
}

static void inside_string(struct qmp_stream *s, char c)
{
    if (s->escaped)
        s->escaped = false;
    else if (c == '\\')
        s->escaped = true;
    else if (c == '"')
        s->in_string = false;
}

static enum qmp_stream_found take(struct qmp_stream *s, char c)
{
    if (s->skipping) {
        s->skipping = c != '\n';
        return QMP_STREAM_MORE;
    }
    if (!s->len && (c == ' ' || c == '\t' || c == '\r' || c == '\n'))
        return QMP_STREAM_MORE;
    if (c == '\n' && (s->in_string || !s->depth))
        return finish(s);
    if (s->len == sizeof s->text)
        return give_up(s, QMP_STREAM_SIZE_EXCEEDED);
    s->text[s->len++] = c;
    if (s->in_string) {
        inside_string(s, c);
    } else if (c == '"') {
        s->in_string = true;
    } else if (c == '{' || c == '[') {
        if (++s->depth > QMP_STREAM_DEPTH)
            return give_up(s, QMP_STREAM_DEPTH_EXCEEDED);
    } else if (c == '}' || c == ']') {
        s->depth -= s->depth > 0;
        if (!s->depth) // also one that closes nothing, which is an error by itself
            return finish(s);
    }
    return QMP_STREAM_MORE;
}

size_t qmp_stream_feed(struct qmp_stream *s, const char *data, size_t len,
                       enum qmp_stream_found *found)
{
    size_t n = 0;
    if (s->complete)
        restart(s);
    *found = QMP_STREAM_MORE;
    while (n < len && *found == QMP_STREAM_MORE)
        *found = take(s, data[n++]);
    return n;
}
