// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/ui.h"

#include "devices/char/mirror.h"
#include "devices/char/say.h"
#include "devices/display/console.h"
#include "devices/display/sdl.h"
#include "devices/display/vnc.h"
#include "machine/exit_codes.h"
#include "machine/option_handlers.h"
#include "machine/qmp_server.h"
#include "machine/screenshot.h"
#include "machine/stats.h"

#include <signal.h>
#include <stdlib.h>

struct ui {
    struct machine *m;
    struct front_config front;
    struct sdl *sdl;
    struct vnc *vnc;
    struct qmp_server *qmp;
    struct screenshots *screenshots;
    int status; // machine_run()'s
};

// What front ends may ask for ---------------------------------------------------------------------

static void front_status(void *opaque, struct front_status *status)
{
    struct machine *m = opaque;
    *status = (struct front_status){stats_instructions(m), machine_is_paused(m)};
}

static void front_power_key(void *opaque)
{
    machine_power_key(opaque);
}

static void front_quit(void *opaque)
{
    machine_request(opaque, MACHINE_QUIT);
}

static void front_type(void *opaque, const char *text, size_t len)
{
    struct machine *m = opaque;
    mutex_lock(&m->lock);
    mirror_input(m->console_input, text, len);
    mutex_unlock(&m->lock);
}

static void front_scroll(void *opaque, int lines)
{
    struct machine *m = opaque;
    console_scroll(m->console, lines);
}

static void configure_front(struct ui *ui)
{
    struct machine *m = ui->m;
    const struct machine_config *c = m->config;
    ui->front = (struct front_config){
        .title = c->name ? c->name : "virt",
        .displays = m->displays,
        .display_count = m->display_count,
        .input = &m->input,
        .full_screen = c->display.full_screen,
        .smooth = c->display.scaling == CONFIG_SCALING_SMOOTH,
        .opaque = m,
        .status = front_status,
        .power_key = front_power_key,
        .quit = front_quit,
        .console = m->console ? console_display(m->console) : NULL,
        .type = front_type,
        .scroll = front_scroll,
    };
}

// Starting and stopping ---------------------------------------------------------------------------

static void open_window(struct ui *ui)
{
    struct error err;
    int type = ui->m->config->display.type;
    // By default for a display of the guest's, not for the console alone.
    bool by_default = type == CONFIG_DISPLAY_DEFAULT && options_host_has_screen() &&
                      ui->m->display_count > (ui->m->console ? 1 : 0);
    if (type != CONFIG_DISPLAY_SDL && !by_default)
        return;
    // SDL would find a way to draw where nobody looks.
    if (!options_host_has_screen() && !getenv("SDL_VIDEODRIVER"))
        error_set(&err, "neither DISPLAY nor WAYLAND_DISPLAY is set");
    else
        ui->sdl = sdl_create(&ui->front, &err);
    if (!ui->sdl)
        say("no window (%s); going on without, as -display none does", err.text);
}

static bool start(struct ui *ui, struct error *err)
{
    const struct machine_config *c = ui->m->config;
    if (!screenshots_possible(c, err))
        return false;
    if (c->display.type == CONFIG_DISPLAY_VNC &&
        !(ui->vnc = vnc_create(&ui->front, c->display.vnc, err)))
        return false;
    // Commands wait for machine_run(): nothing may fail behind this.
    if ((c->qmp || c->qmp_stdio) && !(ui->qmp = qmp_server_create(ui->m, c->qmp, err)))
        return false;
    ui->screenshots = screenshots_create(ui->m);
    open_window(ui);
    return true;
}

static void stop(struct ui *ui)
{
    sdl_destroy(ui->sdl);
    vnc_destroy(ui->vnc);
    if (ui->m->console)
        console_flush(ui->m->console);
    if (!screenshots_destroy(ui->screenshots) && ui->status == EXIT_CODE_POWER_OFF)
        ui->status = EXIT_CODE_ERROR;
    qmp_server_destroy(ui->qmp);
}

// Signals that machine_run() reads from a descriptor must not find another thread.
static void block_signals(void)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        sigaddset(&set, signals[i]);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void *run_machine(void *opaque)
{
    struct ui *ui = opaque;
    ui->status = machine_run(ui->m);
    sdl_stop(ui->sdl);
    return NULL;
}

int ui_run(struct machine *m)
{
    struct ui ui = {.m = m};
    struct error err;
    block_signals();
    configure_front(&ui);
    if (!start(&ui, &err)) {
        say("%s", err.text);
        stop(&ui);
        return EXIT_CODE_ERROR;
    }
    if (ui.sdl) {
        pthread_t thread;
        int r = pthread_create(&thread, NULL, run_machine, &ui);
        assert(r == 0);
        (void)r;
        sdl_run(ui.sdl);
        pthread_join(thread, NULL);
    } else {
        ui.status = machine_run(m);
    }
    stop(&ui);
    return ui.status;
}
