// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/log.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    unsigned bit;
} subjects[] = {
#define X(id, name, help) { name, LOG_##id },
    LOG_SUBJECTS(X)
#undef X
};

void log_printf(const struct log *log, unsigned subject, const char *fmt, ...)
{
    if (!log_enabled(log, subject))
        return;
    va_list ap;
    va_start(ap, fmt);
    vfprintf(log->file ? log->file : stderr, fmt, ap);
    va_end(ap);
}

bool log_parse(const char *list, unsigned *mask, struct error *err)
{
    while (*list) {
        size_t n = strcspn(list, ",");
        size_t i;
        for (i = 0; i < ARRAY_SIZE(subjects); i++)
            if (strlen(subjects[i].name) == n && !memcmp(subjects[i].name, list, n))
                break;
        if (i == ARRAY_SIZE(subjects))
            return error_set(err, "-d %.*s: no such log subject (see -d help)", (int)n, list);
        *mask |= subjects[i].bit;
        list += n + (list[n] == ',');
    }
    return true;
}

bool log_wants_any(const struct log *log, uint64_t addr, uint64_t len)
{
    const struct log_filter *f = log->filter;
    if (!f || !f->nr_ranges)
        return true;
    for (unsigned n = 0; n < f->nr_ranges; n++)
        if (addr <= f->ranges[n].last && f->ranges[n].first <= addr + (len - 1))
            return true;
    return false;
}

bool log_wants(const struct log *log, uint64_t addr, unsigned el)
{
    return likely(!log->filter) || (!log->filter->not_el[el & 1] && log_wants_any(log, addr, 1));
}

// One item of a filter, without commas.
static bool parse_item(const char *item, struct log_filter *f)
{
    char *end;
    if (f->nr_ranges == LOG_MAX_RANGES)
        return false;
    uint64_t first = strtoull(item, &end, 0), last = first | 0xfff;
    if (end == item)
        return false;
    if (*end == '+')
        last = first + strtoull(end + 1, &end, 0) - 1;
    else if (end[0] == '.' && end[1] == '.')
        last = strtoull(end + 2, &end, 0);
    f->ranges[f->nr_ranges].first = first;
    f->ranges[f->nr_ranges++].last = last;
    return !*end && first <= last;
}

bool log_filter_parse(const char *list, struct log_filter *f, struct error *err)
{
    bool el[2] = { false, false };
    while (*list) {
        char item[80];
        size_t n = strcspn(list, ",");
        if (n < sizeof item) {
            memcpy(item, list, n);
            item[n] = 0;
        }
        if (n == 3 && (!strncmp(list, "el0", 3) || !strncmp(list, "el1", 3)))
            el[list[2] - '0'] = true;
        else if (n >= sizeof item || !parse_item(item, f))
            return error_set(err, "-dfilter %.*s: there is: A..B, A+LENGTH, A, el0, el1", (int)n, list);
        list += n + (list[n] == ',');
    }
    if (el[0] || el[1]) {
        f->not_el[0] = !el[0];
        f->not_el[1] = !el[1];
    }
    return true;
}
