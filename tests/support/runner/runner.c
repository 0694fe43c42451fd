// SPDX-License-Identifier: GPL-3.0-or-later
// Runs a program's tests one after another. Arguments are names of tests or of suites ("tb",
// "tb/links"): those run in this process. Without, each test is an execution of its own, because
// tests count on their static variables being fresh; nothing is forked off that has threads.
// "--list" shows the names. Status 1 if one failed, 77 if none did and all that ran were skipped.
#include "criterion/criterion.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

static struct {
    struct runner_test *first, **last;
    unsigned failures, run, skipped;
    bool failed;
    pthread_t thread;
    jmp_buf out;
} runner;

enum { LEFT = 1, SKIPPED };

void runner_add(struct runner_test *test)
{
    if (!runner.last)
        runner.last = &runner.first;
    *runner.last = test;
    runner.last = &test->next;
}

void runner_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    flockfile(stdout);
    printf("    ");
    vprintf(format, args);
    printf("\n");
    funlockfile(stdout);
    va_end(args);
}

void runner_failed(const char *file, int line, const char *what)
{
    __atomic_store_n(&runner.failed, true, __ATOMIC_RELAXED);
    printf("%s:%d: %s\n", file, line, what);
}

static _Noreturn void leave(int how)
{
    fflush(stdout);
    // Another thread has nowhere to go.
    if (!pthread_equal(pthread_self(), runner.thread))
        exit(1);
    longjmp(runner.out, how);
}

void runner_leave(void)
{
    leave(LEFT);
}

void runner_skip(void)
{
    leave(SKIPPED);
}

static const struct runner_extra *suite_of(const struct runner_test *test)
{
    static const struct runner_extra none;
    for (const struct runner_test *t = runner.first; t; t = t->next)
        if (!t->name && !strcmp(t->suite, test->suite))
            return &t->extra;
    return &none;
}

static void call(void (*fn)(void))
{
    if (fn)
        fn();
}

// A test's own init and fini come inside its suite's.
static void run(struct runner_test *test)
{
    const struct runner_extra *suite = suite_of(test);
    printf("%s/%s\n", test->suite, test->name);
    fflush(stdout);
    runner.failed = false;
    int how = setjmp(runner.out);
    if (!how) {
        call(suite->init);
        call(test->extra.init);
        test->fn();
    }
    // What was left halfway is not tidied up: it may be in any state.
    if (!how) {
        call(test->extra.fini);
        call(suite->fini);
    }
    runner.run++;
    runner.skipped += how == SKIPPED;
    runner.failures += runner.failed;
}

static bool wanted(const struct runner_test *test, int argc, char **argv)
{
    size_t suite = strlen(test->suite);
    for (int n = 1; n < argc; n++) {
        if (strncmp(argv[n], test->suite, suite))
            continue;
        const char *rest = argv[n] + suite;
        if (!*rest || (*rest == '/' && (!strcmp(rest + 1, test->name) || !strcmp(rest + 1, "*"))))
            return true;
    }
    return false;
}

static void execute(const char *program, const struct runner_test *test)
{
    char name[256];
    int status = 0;
    pid_t child;
    snprintf(name, sizeof name, "%s/%s", test->suite, test->name);
    char *argv[] = {(char *)program, name, NULL};
    fflush(stdout);
    int err = posix_spawn(&child, "/proc/self/exe", NULL, NULL, argv, environ);
    if (err) {
        printf("%s: %s\n", name, strerror(err));
        status = 1;
    } else {
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
    }
    runner.run++;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        runner.skipped++;
    } else if (status) {
        runner.failures++;
        printf("%s: FAILED, %s %d\n", name, WIFEXITED(status) ? "status" : "signal",
               WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    }
}

int main(int argc, char **argv)
{
    bool list = argc == 2 && !strcmp(argv[1], "--list");
    runner.thread = pthread_self();
    for (struct runner_test *t = runner.first; t; t = t->next) {
        if (!t->name)
            continue;
        if (list)
            printf("%s/%s\n", t->suite, t->name);
        else if (argc < 2)
            execute(argv[0], t);
        else if (wanted(t, argc, argv))
            run(t);
    }
    if (argc < 2)
        printf("%u tests, %u skipped, %u failed\n", runner.run, runner.skipped, runner.failures);
    return runner.failures ? 1 : runner.run && runner.skipped == runner.run ? 77 : 0;
}
