// SPDX-License-Identifier: GPL-3.0-or-later
#include "bench.h"
#include "devices/char/buffer.h"
#include "devices/char/null.h"
#include "devices/char/socket.h"
#include "devices/char/stdio.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

// A front end that takes `room` bytes.
struct front {
    size_t room, len;
    char got[65536];
    unsigned breaks, writable;
};

static size_t front_room(void *opaque)
{
    return ((struct front *)opaque)->room;
}

static void front_receive(void *opaque, const uint8_t *data, size_t len)
{
    struct front *f = opaque;
    cr_assert(len <= f->room, "%zu bytes for room of %zu", len, f->room);
    f->room -= len;
    memcpy(f->got + f->len, data, len);
    f->len += len;
    f->got[f->len] = 0;
}

static void front_break(void *opaque)
{
    ((struct front *)opaque)->breaks++;
}

static void front_writable(void *opaque)
{
    ((struct front *)opaque)->writable++;
}

static const struct chardev_front front_ops = {front_room, front_receive, front_break,
                                               front_writable};
static struct front f;
static struct chardev *c;
static int in[2], out[2];
static unsigned quits, changes;
static char monitor_line[256];

static void on_quit(void *opaque)
{
    quits++;
}

static void on_changed(void *opaque)
{
    changes++;
}

static bool on_monitor(void *opaque, struct chardev *dev, const char *line)
{
    if (!strcmp(line, "quit") || !strcmp(line, "help") || !strcmp(line, "other"))
        return false;
    strcpy(monitor_line, line);
    stdio_print(dev, "answer\n");
    return true;
}

static void create(int in_fd, int out_fd)
{
    struct stdio_config config = {
        .in_fd = in_fd, .out_fd = out_fd, .escape = true, .quit = on_quit, .monitor = on_monitor};
    c = stdio_create(&config);
    c->changed = on_changed;
    f.room = sizeof f.got - 1;
    chardev_attach(c, &front_ops, &f);
}

static void pipes(void)
{
    cr_assert(!pipe(in) && !pipe(out));
    create(in[0], out[1]);
}

static void type(const char *s)
{
    EXPECT(write(in[1], s, strlen(s)), strlen(s));
    chardev_ready(c);
}

static const char *output(int fd)
{
    static char text[4096];
    struct pollfd p = {.fd = fd, .events = POLLIN};
    ssize_t n = poll(&p, 1, 0) > 0 ? read(fd, text, sizeof text - 1) : 0;
    text[n > 0 ? n : 0] = 0;
    return text;
}

Test(char, null_swallows)
{
    struct chardev *n = null_create();
    chardev_write(n, (const uint8_t *)"x", 1);
    cr_assert(chardev_writable(n));
    chardev_destroy(n);
    chardev_write(NULL, (const uint8_t *)"x", 1); // no back end at all
    cr_assert(chardev_writable(NULL));
    chardev_destroy(NULL);
}

Test(char, buffer_hands_over_as_there_is_room)
{
    c = buffer_create();
    f.room = 3;
    chardev_attach(c, &front_ops, &f);
    buffer_input(c, "abcdef", 6);
    cr_assert_str_eq(f.got, "abc");
    EXPECT(buffer_pending(c), 3);
    f.room = 100;
    chardev_can_accept(c);
    cr_assert_str_eq(f.got, "abcdef");
    for (int i = 0; i < 1000; i++)
        chardev_write(c, (const uint8_t *)"0123456789", 10);
    size_t len;
    buffer_output(c, &len);
    EXPECT(len, 10000);
    buffer_clear(c);
    cr_assert_str_eq(buffer_output(c, &len), "");
    buffer_set_writable(c, false);
    cr_assert(!chardev_writable(c));
    buffer_set_writable(c, true);
    EXPECT(f.writable, 1);
    chardev_destroy(c);
}

// What the main loop does: waits for what pollfds() names, and calls ready() when it comes.
static void serve_socket(struct chardev *s)
{
    struct pollfd fds[CHARDEV_MAX_POLLFDS];
    int n = chardev_pollfds(s, fds);
    if (poll(fds, (nfds_t)n, 0) > 0)
        chardev_ready(s);
}

Test(char, socket)
{
    char dir[] = "/tmp/armlet-char-XXXXXX", path[64], got[100];
    struct error err;
    cr_assert(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/port", dir);
    cr_assert(!char_socket_create(path, false, &err), "connected to nothing");
    cr_assert(strstr(err.text, path), "'%s' does not name it", err.text);
    c = char_socket_create(path, true, &err);
    cr_assert(c, "%s", err.text);
    c->changed = on_changed;
    f.room = 4;
    chardev_attach(c, &front_ops, &f);
    chardev_write(c, (const uint8_t *)"nobody", 6); // swallowed
    cr_assert(!char_socket_create(path, true, &err), "two listen at one place");
    serve_socket(c); // the second one had a look, and is gone
    serve_socket(c);
    for (unsigned round = 0; round < 2; round++) {
        struct front g = {.room = 100};
        struct chardev *peer = char_socket_create(path, false, &err);
        cr_assert(peer, "%s", err.text);
        chardev_attach(peer, &front_ops, &g);
        serve_socket(c);
        chardev_write(c, (const uint8_t *)"hello", 5);
        serve_socket(peer);
        cr_assert_str_eq(g.got, "hello");
        chardev_write(peer, (const uint8_t *)"123456", 6);
        serve_socket(c);
        cr_assert_str_eq(f.got, round ? "12341234" : "1234"); // as far as there is room
        serve_socket(c);
        f.room = 4;
        f.len = round ? 8 : 4;
        unsigned before = changes;
        chardev_can_accept(c);
        EXPECT(changes, before + 1);
        serve_socket(c);
        cr_assert(!strcmp(f.got + f.len - 2, "56"), "'%s'", f.got);
        f.len = 4;
        f.room = 0;
        chardev_destroy(peer); // is seen without room, too
        serve_socket(c);
        f.room = 4;
    }
    // A peer that does not read: the guest is told, and all comes in the end.
    struct chardev *peer = char_socket_create(path, false, &err);
    struct front g = {.room = 0};
    chardev_attach(peer, &front_ops, &g);
    serve_socket(c);
    size_t sent = 0, seen = 0;
    for (; chardev_writable(c); sent += sizeof got)
        chardev_write(c, (const uint8_t *)got, sizeof got);
    EXPECT(f.writable, 0);
    while (seen < sent) {
        g.len = 0;
        g.room = 60000;
        serve_socket(peer);
        seen += g.len;
        serve_socket(c);
    }
    EXPECT(seen, sent);
    EXPECT(f.writable, 1);
    chardev_destroy(peer);
    chardev_destroy(c);
    cr_assert(access(path, F_OK), "the socket's file stays");
    rmdir(dir);
}

Test(stdio, passes_bytes_both_ways)
{
    pipes();
    type("hello\003\004\032");
    cr_assert_str_eq(f.got, "hello\003\004\032");
    chardev_write(c, (const uint8_t *)"world\n", 6);
    cr_assert_str_eq(output(out[0]), "world\n");
    chardev_destroy(c);
}

Test(stdio, escape_keys)
{
    pipes();
    type("a\001\001b");
    cr_assert_str_eq(f.got, "a\001b");
    type("\001b");
    EXPECT(f.breaks, 1);
    type("\001h");
    cr_assert(strstr(output(out[0]), "C-a x    exit emulator"));
    type("\001q"); // unknown: swallowed
    cr_assert_str_eq(f.got, "a\001b");
    type("\001");
    EXPECT(quits, 0);
    type("x");
    EXPECT(quits, 1);
    chardev_destroy(c);
}

Test(stdio, quits_though_the_guest_takes_nothing)
{
    pipes();
    f.room = 0;
    type("some text\001x");
    EXPECT(quits, 1);
    f.room = 100;
    chardev_can_accept(c);
    cr_assert_str_eq(f.got, "some text");
    chardev_destroy(c);
}

Test(stdio, monitor)
{
    pipes();
    type("\001cinfo x\177y\r");
    cr_assert_str_eq(monitor_line, "info y");
    cr_assert_str_eq(f.got, "");
    cr_assert(strstr(output(out[0]), "(armlet) info x\b \by\r\nanswer\r\n(armlet) "));
    type("other\r");
    cr_assert(strstr(output(out[0]), "unknown command: other"));
    type("help\r");
    cr_assert(strstr(output(out[0]), "Ctrl-A c"));
    type("quit\r");
    EXPECT(quits, 1);
    for (int i = 0; i < 100; i++)
        type("far too long a line ");
    type("\001cback");
    cr_assert_str_eq(f.got, "back");
    output(out[0]);
    chardev_destroy(c);
}

Test(stdio, end_of_input_is_not_quit)
{
    struct pollfd fds[CHARDEV_MAX_POLLFDS];
    pipes();
    EXPECT(chardev_pollfds(c, fds), 1);
    EXPECT(fds[0].fd, in[0]);
    close(in[1]);
    chardev_ready(c);
    EXPECT(quits, 0);
    EXPECT(chardev_pollfds(c, fds), 0); // and it is not asked for again
    chardev_write(c, (const uint8_t *)"still", 5);
    cr_assert_str_eq(output(out[0]), "still");
    chardev_destroy(c);
}

// Writes more than the host takes; nothing blocks, nothing is lost, the guest is asked to wait.
static void check_backpressure(void)
{
    enum { TOTAL = 300000 };
    static uint8_t back[TOTAL];
    struct pollfd fds[CHARDEV_MAX_POLLFDS];
    for (unsigned i = 0; i < TOTAL; i++) {
        uint8_t byte = (uint8_t)(i * 7 + i / 256);
        chardev_write(c, &byte, 1);
    }
    cr_assert(!chardev_writable(c));
    cr_assert(changes > 0);
    cr_assert(chardev_pollfds(c, fds) == 2 && fds[1].events == POLLOUT);
    size_t len = 0;
    while (len < TOTAL) {
        struct pollfd p = {.fd = out[0], .events = POLLIN};
        cr_assert(poll(&p, 1, 2000) > 0, "only %zu bytes came", len);
        ssize_t n = read(out[0], back + len, TOTAL - len);
        cr_assert(n > 0);
        len += (size_t)n;
        chardev_ready(c);
    }
    for (unsigned i = 0; i < TOTAL; i++)
        cr_assert(back[i] == (uint8_t)(i * 7 + i / 256), "byte %u differs", i);
    cr_assert(chardev_writable(c));
    EXPECT(f.writable, 1);
}

Test(stdio, slow_pipe, .timeout = 30)
{
    pipes();
    check_backpressure();
    EXPECT(fcntl(out[1], F_GETFL) & O_NONBLOCK, 0); // others' flags are left alone
    chardev_destroy(c);
}

Test(stdio, slow_socket, .timeout = 30)
{
    cr_assert(!pipe(in) && !socketpair(AF_UNIX, SOCK_STREAM, 0, out));
    create(in[0], out[1]);
    check_backpressure();
    chardev_destroy(c);
}

Test(stdio, flushes_at_the_end, .timeout = 30)
{
    static uint8_t bytes[200000];
    cr_assert(!pipe(in) && !pipe(out));
    pid_t pid = fork();
    if (!pid) { // the slow reader
        size_t len = 0;
        char buf[5000];
        close(out[1]);
        usleep(50000);
        for (ssize_t n; (n = read(out[0], buf, sizeof buf)) > 0;)
            len += (size_t)n;
        _exit(len == sizeof bytes ? 0 : 1);
    }
    create(in[0], out[1]);
    chardev_write(c, bytes, sizeof bytes);
    chardev_destroy(c);
    close(out[1]);
    int status;
    waitpid(pid, &status, 0);
    EXPECT(status, 0);
}

Test(stdio, reader_that_goes_away)
{
    pipes();
    close(out[0]);
    for (int i = 0; i < 1000; i++)
        chardev_write(c, (const uint8_t *)"lost", 4);
    cr_assert(chardev_writable(c));
    chardev_destroy(c); // and does not wait
}

static struct termios modes(int fd)
{
    struct termios t;
    cr_assert(!tcgetattr(fd, &t));
    return t;
}

static bool is_raw(int fd)
{
    return !(modes(fd).c_lflag & (ICANON | ECHO | ISIG));
}

// Runs body in a session of its own on a pseudo-terminal; returns how it ended.
static int on_terminal(void (*body)(int tty), int *master)
{
    pid_t pid = forkpty(master, NULL, NULL, NULL);
    cr_assert(pid >= 0);
    if (!pid) {
        body(0);
        _exit(77);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return status;
}

static void end_by_exit(int tty)
{
    create(0, 1);
    if (!is_raw(0))
        _exit(1);
    exit(5);
}

static void end_by_signal(int tty)
{
    create(0, 1);
    raise(SIGTERM);
}

static void end_by_destroy(int tty)
{
    struct termios before = modes(0);
    create(0, 1);
    if (!is_raw(0))
        _exit(1);
    chardev_destroy(c);
    struct termios after = modes(0);
    if (before.c_lflag != after.c_lflag || before.c_iflag != after.c_iflag)
        _exit(2);
    struct sigaction sa;
    sigaction(SIGTERM, NULL, &sa);
    _exit(sa.sa_handler == SIG_DFL ? 0 : 3);
}

Test(stdio, terminal_is_restored_on_exit)
{
    int master;
    int status = on_terminal(end_by_exit, &master);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 5, "status 0x%x", status);
    cr_assert(!is_raw(master));
}

Test(stdio, terminal_is_restored_on_a_signal)
{
    int master;
    int status = on_terminal(end_by_signal, &master);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "status 0x%x", status);
    cr_assert(!is_raw(master));
}

Test(stdio, terminal_is_restored_on_destroy)
{
    int master;
    EXPECT(on_terminal(end_by_destroy, &master), 0);
}

static void wait_here(int tty)
{
    create(0, 1);
    for (;;)
        pause();
}

static void wait_for_mode(int fd, bool raw)
{
    for (int i = 0; i < 500 && is_raw(fd) != raw; i++)
        usleep(10000);
    cr_assert(is_raw(fd) == raw, "terminal is %s", raw ? "not raw" : "raw");
}

Test(stdio, terminal_is_lent_out_while_stopped, .timeout = 30)
{
    int master, status;
    pid_t pid = forkpty(&master, NULL, NULL, NULL);
    if (!pid)
        wait_here(0);
    wait_for_mode(master, true);
    kill(pid, SIGTSTP);
    waitpid(pid, &status, WUNTRACED);
    cr_assert(WIFSTOPPED(status), "status 0x%x", status);
    wait_for_mode(master, false);
    kill(pid, SIGCONT);
    wait_for_mode(master, true);
    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "status 0x%x", status);
    wait_for_mode(master, false);
}
