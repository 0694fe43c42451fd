// SPDX-License-Identifier: GPL-3.0-or-later
// Invariants: the descriptors' own flags are never changed (they are shared with the shell); an
// output that can block is opened a second time with O_NONBLOCK, or is asked with poll() before
// every piece. Input is read ahead of the guest into a bounded queue, so that Ctrl-A works while
// the guest takes nothing.
#include "devices/char/stdio.h"
#include "devices/char/fifo.h"
#include "devices/char/say.h"
#include "devices/char/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CTRL_A       1
#define IN_QUEUE     65536              // bytes read ahead of the guest
#define OUT_HIGH     4096               // the guest is asked to wait above this
#define OUT_LOW      1024               // and told to go on below
#define OUT_CAP      ((size_t)16 << 20) // beyond: a guest that does not wait loses its bytes
#define MONITOR_LINE 256

enum out_kind { OUT_NONBLOCK, OUT_SOCKET, OUT_POLLED };

struct stdio {
    struct chardev base;
    struct stdio_config config;
    struct fifo in, out;
    enum out_kind out_kind;
    int out_fd;   // config.out_fd or our own second opening of it
    size_t piece; // OUT_POLLED: how much a ready descriptor takes without blocking
    bool raw;     // the terminal is ours to restore
    bool tty;     // output is a terminal
    bool in_eof, out_dead, waiting; // waiting: the guest was told that output is full
    bool escaped, monitor;
    char line[MONITOR_LINE];
    size_t line_len;
};

static struct stdio *of(struct chardev *c)
{
    return (struct stdio *)c;
}

// Output

static bool can_write_now(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    return poll(&p, 1, 0) > 0;
}

// Writes what the host takes now. Returns bytes taken, 0 when it takes none.
static size_t write_some(struct stdio *s, const uint8_t *data, size_t len)
{
    ssize_t n;
    do {
        if (s->out_kind == OUT_SOCKET) {
            n = send(s->out_fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        } else {
            if (s->out_kind == OUT_POLLED && !can_write_now(s->out_fd))
                return 0;
            n = write(s->out_fd, data,
                      s->out_kind == OUT_POLLED && len > s->piece ? s->piece : len);
        }
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno != EAGAIN) {
        s->out_dead = true;
        // A reader may go away; what else ends output is worth a line.
        if (errno != EPIPE && errno != ECONNRESET && errno != EIO)
            say("output of the guest's is lost: %s", strerror(errno));
    }
    if (n > 0 && s->tty)
        terminal_wrote(data, (size_t)n);
    return n < 0 ? 0 : (size_t)n;
}

static void drain(struct stdio *s)
{
    while (s->out.len && !s->out_dead) {
        size_t n = write_some(s, fifo_head(&s->out), s->out.len);
        if (!n)
            break;
        fifo_drop(&s->out, n);
    }
    if (s->out_dead)
        fifo_drop(&s->out, s->out.len);
    if (s->waiting && s->out.len < OUT_LOW) {
        s->waiting = false;
        chardev_now_writable(&s->base);
    }
}

static void stdio_write(struct chardev *c, const uint8_t *data, size_t len)
{
    struct stdio *s = of(c);
    while (len && !s->out.len && !s->out_dead) {
        size_t n = write_some(s, data, len);
        if (!n)
            break;
        data += n;
        len -= n;
    }
    if (!len || s->out_dead)
        return;
    bool first = !s->out.len;
    if (len > OUT_CAP - s->out.len)
        len = OUT_CAP - s->out.len;
    fifo_put(&s->out, data, len);
    if (first)
        chardev_changed(c);
}

static bool stdio_writable(struct chardev *c)
{
    struct stdio *s = of(c);
    if (s->out.len >= OUT_HIGH)
        s->waiting = true;
    return !s->waiting;
}

static void stdio_flush(struct chardev *c)
{
    struct stdio *s = of(c);
    for (drain(s); s->out.len; drain(s)) {
        struct pollfd p = {.fd = s->out_fd, .events = POLLOUT};
        if (poll(&p, 1, -1) < 0 && errno != EINTR)
            return;
    }
}

void stdio_print(struct chardev *c, const char *text)
{
    for (const char *nl; *text; text = nl + 1) {
        nl = strchrnul(text, '\n');
        stdio_write(c, (const uint8_t *)text, (size_t)(nl - text));
        if (!*nl)
            return;
        stdio_write(c, (const uint8_t *)"\r\n", 2);
    }
}

// Input

static void hand_over(struct chardev *c)
{
    struct stdio *s = of(c);
    bool was_full = s->in.len >= IN_QUEUE;
    size_t n;
    while (s->in.len && (n = chardev_room(c))) {
        uint8_t chunk[64];
        n = n < s->in.len ? n : s->in.len;
        n = n < sizeof chunk ? n : sizeof chunk;
        memcpy(chunk, fifo_head(&s->in), n);
        fifo_drop(&s->in, n);
        chardev_receive(c, chunk, n);
    }
    if (was_full && s->in.len < IN_QUEUE)
        chardev_changed(c);
}

static void prompt(struct chardev *c)
{
    of(c)->line_len = 0;
    stdio_print(c, "(armlet) ");
}

static void toggle_monitor(struct chardev *c)
{
    struct stdio *s = of(c);
    s->monitor = !s->monitor;
    stdio_print(c, "\n");
    if (s->monitor)
        prompt(c);
}

static void quit(struct stdio *s)
{
    if (s->config.quit)
        s->config.quit(s->config.opaque);
}

static void monitor_command(struct chardev *c, const char *line)
{
    struct stdio *s = of(c);
    if (!*line || (s->config.monitor && s->config.monitor(s->config.opaque, c, line)))
        return;
    if (!strcmp(line, "quit") || !strcmp(line, "q")) {
        quit(s);
    } else if (!strcmp(line, "help") || !strcmp(line, "?")) {
        stdio_print(c, "quit    end the machine\nhelp    this list\n"
                       "Ctrl-A c goes back to the console\n");
    } else {
        stdio_print(c, "unknown command: ");
        stdio_print(c, line);
        stdio_print(c, "\n");
    }
}

static void monitor_key(struct chardev *c, uint8_t key)
{
    struct stdio *s = of(c);
    if (key == '\r' || key == '\n') {
        s->line[s->line_len] = 0;
        stdio_print(c, "\n");
        monitor_command(c, s->line);
        prompt(c);
    } else if (key == 8 || key == 127) {
        if (s->line_len) {
            s->line_len--;
            stdio_print(c, "\b \b");
        }
    } else if (key >= ' ' && s->line_len < MONITOR_LINE - 1) {
        s->line[s->line_len++] = (char)key;
        stdio_write(c, &key, 1);
    }
}

static void help(struct chardev *c)
{
    stdio_print(c, "\nC-a h    print this help\nC-a x    exit emulator\n"
                   "C-a b    send break (magic sysrq)\n"
                   "C-a c    switch between console and monitor\nC-a C-a  sends C-a\n");
}

static void to_guest(struct chardev *c, uint8_t key)
{
    if (of(c)->monitor)
        monitor_key(c, key);
    else
        fifo_put(&of(c)->in, &key, 1);
}

static void escape(struct chardev *c, uint8_t key)
{
    switch (key) {
    case 'x':
        stdio_print(c, "\n");
        quit(of(c));
        break;
    case 'h':
    case '?':
        help(c);
        break;
    case 'b':
        chardev_receive_break(c);
        break;
    case 'c':
        toggle_monitor(c);
        break;
    case CTRL_A:
        to_guest(c, key);
        break;
    default:
        break;
    }
}

static void key_pressed(struct chardev *c, uint8_t key)
{
    struct stdio *s = of(c);
    if (s->escaped) {
        s->escaped = false;
        escape(c, key);
    } else if (s->config.escape && key == CTRL_A) {
        s->escaped = true;
    } else {
        to_guest(c, key);
    }
}

static void read_some(struct chardev *c)
{
    struct stdio *s = of(c);
    struct pollfd p = {.fd = s->config.in_fd, .events = POLLIN};
    if (s->in_eof || s->in.len >= IN_QUEUE || poll(&p, 1, 0) <= 0)
        return;
    uint8_t keys[1024];
    ssize_t n = read(s->config.in_fd, keys, sizeof keys);
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        s->in_eof = true;
    for (ssize_t i = 0; i < n; i++)
        key_pressed(c, keys[i]);
    hand_over(c);
}

static int stdio_pollfds(struct chardev *c, struct pollfd fds[CHARDEV_MAX_POLLFDS])
{
    struct stdio *s = of(c);
    int n = 0;
    if (!s->in_eof && s->in.len < IN_QUEUE)
        fds[n++] = (struct pollfd){.fd = s->config.in_fd, .events = POLLIN};
    if (s->out.len && !s->out_dead)
        fds[n++] = (struct pollfd){.fd = s->out_fd, .events = POLLOUT};
    return n;
}

static void stdio_ready(struct chardev *c)
{
    if (of(c)->out.len)
        drain(of(c));
    read_some(c);
}

static void stdio_destroy(struct chardev *c)
{
    struct stdio *s = of(c);
    stdio_flush(c);
    if (s->raw)
        terminal_release();
    if (s->out_fd != s->config.out_fd)
        close(s->out_fd);
    fifo_fini(&s->in);
    fifo_fini(&s->out);
    free(s);
}

// How to write to the descriptor without ever blocking for long.
static void open_output(struct stdio *s)
{
    struct stat st;
    s->out_fd = s->config.out_fd;
    s->tty = isatty(s->out_fd);
    s->out_kind = OUT_POLLED;
    s->piece = 65536;
    if (fstat(s->out_fd, &st) || S_ISREG(st.st_mode))
        return;
    if (S_ISSOCK(st.st_mode)) {
        s->out_kind = OUT_SOCKET;
        return;
    }
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", s->out_fd);
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0) {
        s->out_fd = fd;
        s->out_kind = OUT_NONBLOCK;
    } else {
        s->piece = S_ISFIFO(st.st_mode) ? PIPE_BUF : 1;
    }
}

struct chardev *stdio_create(const struct stdio_config *config)
{
    static const struct chardev_ops ops = {
        .write = stdio_write,
        .writable = stdio_writable,
        .can_accept = hand_over,
        .pollfds = stdio_pollfds,
        .ready = stdio_ready,
        .flush = stdio_flush,
        .destroy = stdio_destroy,
    };
    struct stdio *s = calloc(1, sizeof *s);
    assert(s);
    s->base.ops = &ops;
    s->config = *config;
    open_output(s);
    // A reader that goes away is an error of write(), not the end of the machine.
    struct sigaction sa;
    if (!sigaction(SIGPIPE, NULL, &sa) && sa.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
    s->raw = terminal_raw(config->in_fd);
    return &s->base;
}

void stdio_restore_terminal(void)
{
    terminal_restore();
}
