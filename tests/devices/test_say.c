// SPDX-License-Identifier: GPL-3.0-or-later
// armlet's own lines among a guest's, as they arrive at a pseudo-terminal that changes nothing.
#include "bench.h"
#include "devices/char/say.h"
#include "devices/char/stdio.h"

#include <pty.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static struct chardev *c;

static void guest(const char *text)
{
    chardev_write(c, (const uint8_t *)text, strlen(text));
}

// What body() does in a process whose terminal is a new one.
static void expect(const char *what, void (*body)(const char *), const char *arg, const char *want)
{
    struct termios plain = {.c_cflag = CS8 | CREAD};
    char got[512];
    size_t len = 0;
    ssize_t n;
    int master;
    pid_t pid = forkpty(&master, NULL, &plain, NULL);
    cr_assert(pid >= 0);
    if (!pid) {
        c = stdio_create(&(struct stdio_config){.in_fd = 0, .out_fd = 1});
        body(arg);
        chardev_destroy(c);
        _exit(0);
    }
    while (len < sizeof got - 1 && (n = read(master, got + len, sizeof got - 1 - len)) > 0)
        len += (size_t)n;
    got[len] = 0;
    waitpid(pid, NULL, 0);
    close(master);
    cr_expect_str_eq(got, want, "%s: the terminal has \"%s\", not \"%s\"", what, got, want);
}

static void line_behind(const char *text)
{
    guest(text);
    say("disk %d", 1);
}

Test(say, starts_a_line_of_its_own)
{
    static const struct {
        const char *guest, *want;
    } rows[] = {
        {"", "armlet: disk 1\r\n"},
        {"/root # ", "/root # \r\narmlet: disk 1\r\n"},
        {"done\r\n", "done\r\narmlet: disk 1\r\n"},
        {"done\n\r", "done\n\rarmlet: disk 1\r\n"}, // the other way round
        {"done\n# ", "done\n# \r\narmlet: disk 1\r\n"},
        {"50 %\r", "50 %\r\r\narmlet: disk 1\r\n"}, // what stands there stays
        {"# \033[6n", "# \033[6n\r\narmlet: disk 1\r\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        expect(rows[i].guest, line_behind, rows[i].guest, rows[i].want);
}

static void two_lines(const char *arg)
{
    guest("# ");
    say("one");
    say("two");
    guest("ls");
    say("three");
}

Test(say, only_what_is_open_is_ended)
{
    expect("lines", two_lines, NULL, "# \r\narmlet: one\r\narmlet: two\r\nls\r\narmlet: three\r\n");
}

static void a_status(const char *arg)
{
    say_status("%d s", 1);
    say_status("%d s", 2);
    say("line");
    say_status("%d s", 3);
    say_no_status();
    say_no_status();
    guest("# ");
    say_no_status();
    say("end");
}

Test(say, a_status_gives_way)
{
    expect("status", a_status, NULL,
           "armlet: 1 s\r\033[Karmlet: 2 s\r\033[Karmlet: line\r\n"
           "armlet: 3 s\r\033[K# \r\narmlet: end\r\n");
}

// The guest's console on the terminal, stderr a file.
static void to_a_file(const char *path)
{
    char got[64] = {0};
    FILE *f = tmpfile();
    dup2(fileno(f), STDERR_FILENO);
    guest("# ");
    say("%s", "one");
    say("two");
    guest(pread(fileno(f), got, sizeof got - 1, 0) > 0 ? got : "nothing");
}

// The guest's console in a file, stderr the terminal.
static void from_a_file(const char *arg)
{
    FILE *f = tmpfile();
    struct chardev *file = stdio_create(&(struct stdio_config){.in_fd = 0, .out_fd = fileno(f)});
    chardev_write(file, (const uint8_t *)"# ", 2);
    say("line");
    chardev_destroy(file);
}

Test(say, what_is_no_terminal_does_not_count)
{
    expect("stderr is a file", to_a_file, NULL, "# armlet: one\narmlet: two\n");
    expect("the console is a file", from_a_file, NULL, "armlet: line\r\n");
}
