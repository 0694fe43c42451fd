// SPDX-License-Identifier: GPL-3.0-or-later
// A machine that runs: the loop of machine_run()'s thread, and what others ask of it (to end, to start
// again, to pause). How a machine is made is machine.c's.
#include "machine/machine.h"

#include "devices/char/say.h"
#include "jit/tb.h"
#include "machine/accel.h"
#include "machine/accel_verify.h"
#include "machine/debugger.h"
#include "machine/exit_codes.h"
#include "machine/profile.h"
#include "machine/stats.h"
#include "machine/virt.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

// Requests ---------------------------------------------------------------------------------------

void machine_wake(struct machine *m)
{
    uint64_t one = 1;
    ssize_t n = write(m->wake_fd, &one, sizeof one); // full means it is awake anyway
    (void)n;
}

void machine_request(struct machine *m, enum machine_request what)
{
    int old = __atomic_load_n(&m->request, __ATOMIC_SEQ_CST);
    while (old < (int)what && !__atomic_compare_exchange_n(&m->request, &old, what, false,
                                                           __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        ;
    machine_wake(m);
}

static void tell(struct machine *m, enum machine_event event)
{
    if (m->observe)
        m->observe(m->observe_opaque, event);
}

void machine_exit(struct machine *m, int status)
{
    int unset = -1;
    __atomic_compare_exchange_n(&m->exit_status, &unset, status, false, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    for (unsigned n = 0; n < m->nr_cpus; n++)
        vcpu_thread_ask_stop(&m->threads[n]);
    machine_request(m, MACHINE_EXIT);
}

// Pausing: who wants it waits for machine_run()'s thread to have done it -------------------------

static bool ask(struct machine *m, enum machine_pause what)
{
    mutex_lock(&m->run_lock);
    m->pause_wanted = what;
    unsigned ticket = ++m->pause_asked;
    machine_wake(m);
    while (m->phase != MACHINE_ENDED && (int)(m->pause_served - ticket) < 0)
        pthread_cond_wait(&m->run_changed, &m->run_lock.m);
    bool done = m->paused == (what == MACHINE_PAUSE_STOP);
    mutex_unlock(&m->run_lock);
    return done;
}

bool machine_pause(struct machine *m)
{
    return ask(m, MACHINE_PAUSE_STOP);
}

bool machine_resume(struct machine *m)
{
    return ask(m, MACHINE_PAUSE_CONT);
}

bool machine_is_paused(struct machine *m)
{
    mutex_lock(&m->run_lock);
    bool paused = m->paused;
    mutex_unlock(&m->run_lock);
    return paused;
}

void machine_power_key(struct machine *m)
{
    mutex_lock(&m->lock);
    virt_press_power_key(m);
    mutex_unlock(&m->lock);
    tell(m, MACHINE_EVENT_POWERDOWN);
}

// Whether anything runs is the debugger's to say; others are told when it changes.
static void note_running(struct machine *m)
{
    mutex_lock(&m->run_lock);
    bool changed = m->paused != m->debugger->stopped;
    m->paused = m->debugger->stopped;
    mutex_unlock(&m->run_lock);
    if (changed)
        tell(m, m->paused ? MACHINE_EVENT_STOP : MACHINE_EVENT_RESUME);
}

static void obey_pause(struct machine *m)
{
    mutex_lock(&m->run_lock);
    enum machine_pause wanted = m->pause_wanted;
    unsigned ticket = m->pause_asked;
    m->pause_wanted = MACHINE_PAUSE_NONE;
    mutex_unlock(&m->run_lock);
    if (wanted != MACHINE_PAUSE_NONE) {
        debugger_hold(m->debugger, wanted == MACHINE_PAUSE_STOP);
        note_running(m);
    }
    mutex_lock(&m->run_lock);
    m->pause_served = ticket;
    pthread_cond_broadcast(&m->run_changed);
    mutex_unlock(&m->run_lock);
}

// The loop ---------------------------------------------------------------------------------------

static void stop_cpus(struct machine *m)
{
    for (unsigned n = 0; n < m->nr_cpus; n++)
        vcpu_thread_stop(&m->threads[n]);
    clock_stop(&m->clock);
}

static void enter(struct machine *m, enum machine_phase phase)
{
    mutex_lock(&m->run_lock);
    m->phase = phase;
    pthread_cond_broadcast(&m->run_changed);
    mutex_unlock(&m->run_lock);
}

// SIGTERM asks the guest to power off if it listens to the power key; again, it ends armlet, as
// other signals do at once.
static void take_signal(struct machine *m, int what, int *signal)
{
    bool asked = what == SIGTERM && !m->power_key_pressed && virt_press_power_key(m);
    if (asked) {
        tell(m, MACHINE_EVENT_POWERDOWN);
        m->power_key_pressed = true;
        say("SIGTERM: the guest is asked to power off");
        return;
    }
    *signal = what;
    machine_request(m, MACHINE_QUIT);
}

#define MAX_FDS (2 + WATCH_FDS + CONFIG_MAX_CHARDEVS * CHARDEV_MAX_POLLFDS + DEBUGGER_MAX_POLLFDS + 1)

// Waits for the next timer, a descriptor or a wake-up, and serves what came.
static void serve(struct machine *m, int signal_fd, int *signal)
{
    struct pollfd fds[MAX_FDS] = { { .fd = m->wake_fd, .events = POLLIN }, { .fd = signal_fd, .events = POLLIN } };
    int n = 2 + WATCH_FDS, first[CONFIG_MAX_CHARDEVS + 1];
    mutex_lock(&m->lock);
    clock_run(&m->clock);
    watch_pollfds(&m->watch, fds + 2);
    for (size_t c = 0; c < m->config->chardev_count; c++) {
        first[c] = n;
        n += chardev_pollfds(m->chardevs[c], fds + n);
    }
    first[m->config->chardev_count] = n;
    int64_t deadline = clock_deadline(&m->clock), now = clock_now(&m->clock);
    if (m->paused && deadline > now)
        deadline = CLOCK_NEVER; // guest time stands still
    mutex_unlock(&m->lock);

    n += debugger_pollfds(m->debugger, fds + n);
    if (m->profile)
        fds[n++] = profile_pollfd(m->profile);
    struct timespec wait = { 0 };
    if (debugger_busy(m->debugger))
        deadline = now;
    if (deadline != CLOCK_NEVER && deadline > now)
        wait = (struct timespec){ (deadline - now) / 1000000000, (deadline - now) % 1000000000 };
    if (ppoll(fds, (nfds_t)n, deadline == CLOCK_NEVER ? NULL : &wait, NULL) <= 0)
        return;
    uint64_t drained;
    if (fds[0].revents)
        (void)!read(m->wake_fd, &drained, sizeof drained);
    struct signalfd_siginfo info;
    mutex_lock(&m->lock);
    if (fds[1].revents && read(signal_fd, &info, sizeof info) == sizeof info)
        take_signal(m, (int)info.ssi_signo, signal);
    watch_ready(&m->watch, fds + 2);
    for (size_t c = 0; c < m->config->chardev_count; c++)
        for (int i = first[c]; i < first[c + 1]; i++)
            if (fds[i].revents) {
                chardev_ready(m->chardevs[c]);
                break;
            }
    mutex_unlock(&m->lock);
}

// A reset: everything as after power-on, the same files loaded again.
static bool reset(struct machine *m, struct error *err)
{
    mutex_lock(&m->lock);
    virt_reset(m);
    mutex_unlock(&m->lock);
    tb_forget_all(&m->jit); // or it would grow from boot to boot
    ram_clear(&m->ram);
    return machine_load_files(m, err);
}

// Signals that end armlet come by a descriptor from here on.
static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

// From power-on to a request, which is returned; no vCPU runs then.
static int run_once(struct machine *m, int signal_fd, int *signal)
{
    int request;
    debugger_start(m->debugger);
    while ((request = __atomic_load_n(&m->request, __ATOMIC_SEQ_CST)) == MACHINE_GO_ON) {
        note_running(m);
        serve(m, signal_fd, signal);
        obey_pause(m);
        debugger_serve(m->debugger);
        if (m->profile)
            profile_serve(m->profile);
    }
    stop_cpus(m);
    return request;
}

// What a reset comes to. False: armlet ends with *status.
static bool start_again(struct machine *m, int *status)
{
    struct error err;
    if (m->config->no_reboot) {
        *status = EXIT_CODE_RESET_REFUSED;
        return false;
    }
    tell(m, MACHINE_EVENT_RESET);
    if (!reset(m, &err)) {
        say("%s", err.text);
        *status = EXIT_CODE_ERROR;
        return false;
    }
    // A wish to leave that has come meanwhile stands.
    int served = MACHINE_RESET;
    __atomic_compare_exchange_n(&m->request, &served, MACHINE_GO_ON, false, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    return true;
}

static void finish_devices(struct machine *m)
{
    mutex_lock(&m->lock);
    virt_drain(m); // what a disk still does would reach a machine that is being taken apart
    for (size_t n = 0; n < m->config->chardev_count; n++)
        chardev_flush(m->chardevs[n]);
    mutex_unlock(&m->lock);
}

int machine_run(struct machine *m)
{
    int signal_fd = open_signals(), signal = 0, status = EXIT_CODE_POWER_OFF, request;
    struct stats_clock began = stats_begin();
    struct error err;
    if (!accel_start(m, &err))
        say("%s", err.text);
    enter(m, MACHINE_LIVE);
    watch_start(&m->watch);
    do
        request = run_once(m, signal_fd, &signal);
    while (request == MACHINE_RESET && start_again(m, &status));
    __atomic_store_n(&m->request, MACHINE_GO_ON, __ATOMIC_SEQ_CST);
    enter(m, MACHINE_ENDED);
    if (request == MACHINE_EXIT)
        status = m->exit_status;
    status = watch_status(&m->watch, status);
    tell(m, signal                    ? MACHINE_EVENT_SHUTDOWN_SIGNAL
            : request == MACHINE_QUIT ? MACHINE_EVENT_SHUTDOWN_USER
                                      : MACHINE_EVENT_SHUTDOWN_GUEST);
    finish_devices(m);
    debugger_ended(m->debugger, signal ? 128 + signal : status);
    close(signal_fd);
    stats_report(m, began);
    if (accel_verify_differed(m))
        status = EXIT_CODE_DIFFERENCE;
    return signal ? 128 + signal : status;
}
