// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/char/say.h"

#include "devices/char/terminal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ERASE "\r\033[K" // what stands in the cursor's line

// What brings the cursor to the start of an empty line.
static const char *const fresh[] = {
    [TERMINAL_LINE_EMPTY] = "",
    [TERMINAL_LINE_TEXT] = "\r\n",
    [TERMINAL_LINE_STATUS] = ERASE,
};

static void put(const char *begin, const char *fmt, va_list ap, const char *end)
{
    char *text, *line;
    int n = vasprintf(&text, fmt, ap);
    assert(n >= 0);
    n = asprintf(&line, "%sarmlet: %s%s", begin, text, end);
    assert(n >= 0);
    fwrite(line, 1, (size_t)n, stderr); // not buffered
    free(line);
    free(text);
}

void say(const char *fmt, ...)
{
    bool tty = isatty(STDERR_FILENO);
    va_list ap;
    va_start(ap, fmt);
    put(tty ? fresh[terminal_set_line(TERMINAL_LINE_EMPTY)] : "", fmt, ap, tty ? "\r\n" : "\n");
    va_end(ap);
}

void say_status(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put(fresh[terminal_set_line(TERMINAL_LINE_STATUS)], fmt, ap, "");
    va_end(ap);
}

void say_no_status(void)
{
    if (terminal_end_status())
        fwrite(ERASE, 1, sizeof ERASE - 1, stderr);
}
