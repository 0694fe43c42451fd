// SPDX-License-Identifier: GPL-3.0-or-later
// The options of what stands between the machine and its user: pictures.
#include "base/bits.h"
#include "machine/keyval.h"
#include "machine/option_handlers.h"

#include <stdlib.h>
#include <string.h>

#define NS INT64_C(1000000000)

static const struct keyval_choice types[] = {
    {"none", CONFIG_DISPLAY_NONE, "no window"},
    {"sdl", CONFIG_DISPLAY_SDL, "a window (the default where there are a display and a screen)"},
    {"gtk", CONFIG_DISPLAY_SDL, "the same, by the name of QEMU's own"},
    {NULL},
};

static const struct keyval_choice scalings[] = {
    {"integer", CONFIG_SCALING_INTEGER, NULL}, {"smooth", CONFIG_SCALING_SMOOTH, NULL}, {NULL}};

static const struct keyval_row rows[] = {
    {"type", KEYVAL_CHOICE, offsetof(struct config_display_props, type), types},
    {"full-screen", KEYVAL_BOOL, offsetof(struct config_display_props, full_screen)},
    {"scaling", KEYVAL_CHOICE, offsetof(struct config_display_props, scaling), scalings},
    {"gl", KEYVAL_ABSENT, offsetof(struct config_display_props, gl)},
};
static const struct keyval_group group = {"-display", "type", rows, ARRAY_SIZE(rows)};

bool opt_display(struct options *o, const char *arg)
{
    struct config_display_props *d = &o->config->display;
    if (!strcmp(arg, "help") || !strcmp(arg, "?")) {
        fputs("Displays:\n", o->out);
        for (const struct keyval_choice *t = types; t->name; t++)
            fprintf(o->out, "  %-20s %s\n", t->name, t->help);
        fputs("  vnc=[HOST]:N         VNC on port 5900 + N; without a HOST, for this host only\n"
              "Of sdl: full-screen=on|off, scaling=integer|smooth\n",
              o->out);
        o->done = true;
        return true;
    }
    if (!strncmp(arg, "vnc=", 4))
        return opt_vnc(o, arg + 4);
    return keyval_parse(o->config, &group, arg, d, o->err);
}

bool opt_full_screen(struct options *o, const char *arg)
{
    o->config->display.full_screen = true;
    return true;
}

bool opt_vnc(struct options *o, const char *arg)
{
    char *end = NULL;
    const char *colon = strrchr(arg, ':');
    if (!strcmp(arg, "none")) {
        o->config->display.type = CONFIG_DISPLAY_NONE;
        return true;
    }
    if (strchr(arg, ','))
        return error_set(o->err, "-vnc %s: there is only [HOST]:N", arg);
    unsigned long n =
        colon && colon[1] >= '0' && colon[1] <= '9' ? strtoul(colon + 1, &end, 10) : 0;
    if (!end || *end || n > 65535 - 5900)
        return error_set(o->err, "-vnc %s: it is [HOST]:N, for port 5900 + N", arg);
    o->config->display.type = CONFIG_DISPLAY_VNC;
    o->config->display.vnc = arg;
    return true;
}

bool opt_vga(struct options *o, const char *arg)
{
    if (!strcmp(arg, "none"))
        return true;
    return error_set(o->err, "-vga %s: the board has no VGA, only -vga none; see -device help",
                     arg);
}

bool opt_screenshot(struct options *o, const char *arg)
{
    struct machine_config *c = o->config;
    const char *colon = strchr(arg, ':');
    size_t n = strspn(arg, "0123456789");
    int64_t ns = 0, unit = NS;
    if (!n || n > 9 || !colon || !colon[1])
        return error_set(o->err, "-screenshot %s: it is SECONDS:FILE", arg);
    for (const char *p = arg; p < arg + n; p++)
        ns = 10 * ns + (*p - '0') * NS;
    const char *p = arg + n;
    if (*p == '.')
        for (p++; *p >= '0' && *p <= '9' && unit; p++) {
            unit /= 10;
            ns += (*p - '0') * unit;
        }
    if (p != colon)
        return error_set(o->err, "-screenshot %s: %.*s is no number of seconds", arg,
                         (int)(colon - arg), arg);
    if (c->screenshot_count == CONFIG_MAX_SCREENSHOTS)
        return error_set(o->err, "-screenshot: more than %d", CONFIG_MAX_SCREENSHOTS);
    c->screenshots[c->screenshot_count++] = (struct config_screenshot){ns, colon + 1};
    return true;
}

bool options_host_has_screen(void)
{
    const char *x = getenv("DISPLAY"), *wayland = getenv("WAYLAND_DISPLAY");
    return (x && *x) || (wayland && *wayland);
}

void options_check_display(struct options *o)
{
    struct machine_config *c = o->config;
    bool window = c->display.type == CONFIG_DISPLAY_DEFAULT && options_host_has_screen();
    c->console = window || c->display.type == CONFIG_DISPLAY_SDL ||
                 c->display.type == CONFIG_DISPLAY_VNC || c->qmp || c->qmp_stdio || c->screenshot_count;
}
