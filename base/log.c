// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/log.h"

#include <stdarg.h>
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
