// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/char/terminal.h"
#include "base/bits.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static const int deadly[] = {SIGHUP, SIGINT,  SIGQUIT, SIGTERM, SIGSEGV, SIGBUS,  SIGFPE,
                             SIGILL, SIGABRT, SIGXCPU, SIGALRM, SIGUSR1, SIGUSR2, SIGSYS};

static struct {
    volatile sig_atomic_t active; // fd is a terminal of ours
    volatile sig_atomic_t raw;    // and is in raw mode now
    int fd;
    struct termios cooked, raw_mode;
    bool at_exit;       // our exit handler is registered
    unsigned installed; // bit i: handler for deadly[i] is ours
    bool stop_installed, cont_installed;
    enum terminal_line line; // atomic
} terminal;

void terminal_restore(void)
{
    int saved = errno;
    if (terminal.active && terminal.raw) {
        // A background process that sets the terminal would be stopped for it.
        sigset_t block, old;
        sigemptyset(&block);
        sigaddset(&block, SIGTTOU);
        pthread_sigmask(SIG_BLOCK, &block, &old);
        tcsetattr(terminal.fd, TCSANOW, &terminal.cooked);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        terminal.raw = 0;
    }
    errno = saved;
}

static void set_raw(void)
{
    if (tcgetpgrp(terminal.fd) == getpgrp() && !tcsetattr(terminal.fd, TCSANOW, &terminal.raw_mode))
        terminal.raw = 1;
}

// Ends (or stops) the process by the signal's own default action, so that the parent sees it.
static void die(int sig)
{
    terminal_restore();
    signal(sig, SIG_DFL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, sig);
    raise(sig);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void stop_handler(int sig)
{
    int saved = errno;
    terminal_restore();
    raise(SIGSTOP);
    errno = saved;
}

static void cont_handler(int sig)
{
    int saved = errno;
    if (terminal.active)
        set_raw();
    errno = saved;
}

// Only where nobody else has an opinion on the signal.
static bool install(int sig, void (*handler)(int))
{
    struct sigaction old;
    if (sigaction(sig, NULL, &old) || (old.sa_flags & SA_SIGINFO) || old.sa_handler != SIG_DFL)
        return false;
    struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&sa.sa_mask);
    return !sigaction(sig, &sa, NULL);
}

static void uninstall(int sig, void (*handler)(int))
{
    struct sigaction old;
    if (!sigaction(sig, NULL, &old) && !(old.sa_flags & SA_SIGINFO) && old.sa_handler == handler)
        signal(sig, SIG_DFL);
}

bool terminal_raw(int fd)
{
    struct termios t;
    if (terminal.active || tcgetattr(fd, &t))
        return false;
    terminal.fd = fd;
    terminal.cooked = t;
    t.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    t.c_oflag |= OPOST;
    t.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN | ISIG);
    t.c_cflag = (t.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    terminal.raw_mode = t;
    terminal.installed = 0;
    terminal.active = 1;
    for (size_t i = 0; i < ARRAY_SIZE(deadly); i++)
        if (install(deadly[i], die))
            terminal.installed |= 1u << i;
    terminal.stop_installed = install(SIGTSTP, stop_handler);
    terminal.cont_installed = install(SIGCONT, cont_handler);
    if (!terminal.at_exit)
        terminal.at_exit = !atexit(terminal_restore);
    set_raw();
    return true;
}

void terminal_release(void)
{
    if (!terminal.active)
        return;
    terminal_restore();
    terminal.active = 0;
    for (size_t i = 0; i < ARRAY_SIZE(deadly); i++)
        if (terminal.installed & 1u << i)
            uninstall(deadly[i], die);
    if (terminal.stop_installed)
        uninstall(SIGTSTP, stop_handler);
    if (terminal.cont_installed)
        uninstall(SIGCONT, cont_handler);
}

// A carriage return leaves what stands in the line; some guests end lines with LF CR.
void terminal_wrote(const void *data, size_t len)
{
    const char *text = data;
    while (len && text[len - 1] == '\r')
        len--;
    if (len)
        terminal_set_line(text[len - 1] == '\n' ? TERMINAL_LINE_EMPTY : TERMINAL_LINE_TEXT);
}

enum terminal_line terminal_set_line(enum terminal_line line)
{
    return __atomic_exchange_n(&terminal.line, line, __ATOMIC_RELAXED);
}

bool terminal_end_status(void)
{
    enum terminal_line was = TERMINAL_LINE_STATUS;
    return __atomic_compare_exchange_n(&terminal.line, &was, TERMINAL_LINE_EMPTY, false,
                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}
