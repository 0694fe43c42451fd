// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/watch.h"

#include "devices/char/say.h"
#include "devices/display/console.h"
#include "machine/exit_codes.h"
#include "machine/machine.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define QUIET INT64_C(100000000) // ns after which an unfinished line is looked at

// What Linux prints first when it panics; its own panic timeout then asks for a reset.
static const char panic_text[] = "Kernel panic - not syncing";

// Console text

static void look(struct watch *w)
{
    w->line[w->len] = 0;
    if (!w->panicked && strstr(w->line, panic_text)) {
        w->panicked = true;
        log_printf(&w->m->log, LOG_GUEST_ERROR, "the guest's kernel has panicked\n");
    }
    if (w->expects && !w->seen && !regexec(&w->expect, w->line, 0, NULL, 0)) {
        w->seen = true;
        machine_exit(w->m, EXIT_CODE_POWER_OFF);
    }
}

static void add(struct watch *w, char c)
{
    if (c == '\n') {
        look(w);
        w->len = 0;
    } else if (c && c != '\r') {
        if (w->len == WATCH_LINE - 1) {
            look(w);
            memmove(w->line, w->line + WATCH_LINE / 2, w->len - WATCH_LINE / 2);
            w->len -= WATCH_LINE / 2;
        }
        w->line[w->len++] = c;
    }
}

static void written(void *opaque, const uint8_t *data, size_t len)
{
    struct watch *w = opaque;
    if (!w->spoke)
        say_no_status(); // the heartbeat
    w->spoke = true;
    for (size_t i = 0; i < len; i++)
        add(w, (char)data[i]);
    if (w->len && w->expects)
        timer_arm(&w->quiet, clock_now(&w->m->clock) + QUIET);
}

static void quiet(void *opaque)
{
    look(opaque);
}

// Time

static int make_timer(int first_ms, int every_ms)
{
    struct itimerspec t = {.it_value = {first_ms / 1000, first_ms % 1000 * 1000000L},
                           .it_interval = {every_ms / 1000, every_ms % 1000 * 1000000L}};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd >= 0)
        timerfd_settime(fd, 0, &t, NULL);
    return fd;
}

// The CPU runs meanwhile: these are the values of some moment, of the counter a little earlier.
static void beat(struct watch *w)
{
    const struct vcpu *v = &w->m->cpus[0]->v;
    uint64_t icount = __atomic_load_n(&v->icount, __ATOMIC_RELAXED);
    w->seconds++;
    say_status("nothing on the console yet: %d s, %" PRIu64 " MIPS, pc 0x%" PRIx64 ", EL%u",
               w->seconds, (icount - w->icount) / 1000000,
               __atomic_load_n(&v->pc, __ATOMIC_RELAXED),
               __atomic_load_n(&w->m->cpus[0]->el, __ATOMIC_RELAXED));
    w->icount = icount;
}

// Does the guest show itself on a display?
static bool draws(const struct machine *m)
{
    struct display *d = display_pick(m->displays, m->display_count);
    return d && !(m->console && d == console_display(m->console)) && display_is_on(d) && !display_is_blank(d);
}

static bool expired(int fd, const struct pollfd *p)
{
    uint64_t times;
    return p->revents && read(fd, &times, sizeof times) == sizeof times;
}

void watch_pollfds(const struct watch *w, struct pollfd *fds)
{
    fds[0] = (struct pollfd){.fd = w->timeout_fd, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = w->spoke ? -1 : w->heartbeat_fd, .events = POLLIN};
}

void watch_ready(struct watch *w, const struct pollfd *fds)
{
    if (expired(w->timeout_fd, &fds[0])) {
        say("the guest has not finished after %d seconds", w->m->config->timeout);
        machine_exit(w->m, EXIT_CODE_TIMEOUT);
    }
    if (!expired(w->heartbeat_fd, &fds[1]) || w->spoke)
        return;
    if (draws(w->m)) {
        say_no_status();
        w->spoke = true;
    } else if (!machine_is_paused(w->m)) {
        beat(w);
    }
}

void watch_init(struct watch *w, struct machine *m)
{
    const struct machine_config *c = m->config;
    *w = (struct watch){.m = m, .timeout_fd = -1, .heartbeat_fd = -1};
    timer_init(&w->quiet, &m->clock, quiet, w);
    if (c->expect)
        w->expects = !regcomp(&w->expect, c->expect, REG_EXTENDED | REG_NOSUB);
    assert(!c->expect || w->expects);
    w->tap = (struct chardev_tap){.written = written, .opaque = w};
    if (c->serial_count && c->serials[0] != CONFIG_NO_SERIAL)
        chardev_add_tap(m->chardevs[c->serials[0]], &w->tap);
    else
        w->spoke = true; // nobody expects it to
}

void watch_start(struct watch *w)
{
    if (w->m->config->timeout)
        w->timeout_fd = make_timer(w->m->config->timeout * 1000, 0);
    if (!w->spoke && isatty(STDERR_FILENO))
        w->heartbeat_fd = make_timer(1000, 1000);
}

void watch_fini(struct watch *w)
{
    if (!w->m)
        return;
    say_no_status();
    timer_disarm(&w->quiet);
    if (w->expects)
        regfree(&w->expect);
    if (w->timeout_fd >= 0)
        close(w->timeout_fd);
    if (w->heartbeat_fd >= 0)
        close(w->heartbeat_fd);
    w->m = NULL;
}

int watch_status(const struct watch *w, int status)
{
    if (w->expects && w->seen)
        return EXIT_CODE_POWER_OFF;
    if (w->panicked && (status == EXIT_CODE_RESET_REFUSED || status == EXIT_CODE_TIMEOUT))
        return EXIT_CODE_PANIC;
    bool ended_by_itself = status == EXIT_CODE_POWER_OFF || status == EXIT_CODE_RESET_REFUSED;
    return w->expects && ended_by_itself ? EXIT_CODE_NOT_SEEN : status;
}
