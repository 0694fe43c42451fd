// SPDX-License-Identifier: GPL-3.0-or-later
// What a bench guest prints (roms/src/bench/main.c says what that is). The guest may be anybody's:
// lines that are too long, unknown or wrong are no harm. Runs in the vCPU's thread.
#include "machine/bench.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void bench_output_init(struct bench_output *o, struct bench_result *result)
{
    memset(o, 0, sizeof *o);
    o->result = result;
}

static void complain(struct bench_output *o, const char *what)
{
    if (!o->complaint[0])
        snprintf(o->complaint, sizeof o->complaint, "%s", what);
}

// The next word of a line, or NULL.
static char *word(char **text)
{
    char *start = *text + strspn(*text, " ");
    size_t n = strcspn(start, " ");
    if (!n)
        return NULL;
    *text = start + n;
    if (**text)
        *(*text)++ = 0;
    return start;
}

static bool number(char **text, uint64_t *value)
{
    char *w = word(text), *end;
    if (!w || !isxdigit((unsigned char)*w))
        return false;
    *value = strtoull(w, &end, 16);
    return !*end;
}

static bool good_name(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '_' && name[i] != '-')
            return false;
    return n > 0 && n < BENCH_NAME_SIZE;
}

static bool ended(struct bench_output *o, char *text, uint64_t insns)
{
    struct bench_result *r = o->result;
    // Where the guest's last block was taken back, the count is a little less than it was.
    struct bench_kernel k = {.insns = insns > o->began ? insns - o->began : 0};
    const char *name = word(&text);
    if (!name || !good_name(name) || r->nr_kernels == BENCH_MAX_KERNELS || !r->frequency)
        return false;
    memcpy(k.name, name, strlen(name));
    if (!number(&text, &k.passes) || !number(&text, &k.best) || !number(&text, &k.total) ||
        !number(&text, &k.checksum) || !k.passes)
        return false;
    r->kernels[r->nr_kernels++] = k;
    return true;
}

static void take_line(struct bench_output *o, uint64_t insns)
{
    char *text = o->line;
    if (!strncmp(text, "bench ", 6)) {
        text += 6;
        if (!number(&text, &o->result->frequency))
            o->result->frequency = 0;
    } else if (!strncmp(text, "> ", 2)) {
        o->began = insns;
    } else if (!strncmp(text, "= ", 2)) {
        text += 2;
        if (!ended(o, text, insns))
            complain(o, "a line that begins with = makes no sense");
    } else if (!strncmp(text, "! ", 2)) {
        complain(o, text + 2);
    }
}

void bench_output_write(struct bench_output *o, const uint8_t *data, size_t len, uint64_t insns)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '\n') {
            o->line[o->len] = 0;
            take_line(o, insns);
            o->len = 0;
        } else if (o->len < sizeof o->line - 1) {
            o->line[o->len++] = isprint(data[i]) ? (char)data[i] : ' ';
        }
    }
}
