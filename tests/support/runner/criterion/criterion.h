// SPDX-License-Identifier: GPL-3.0-or-later
// What the suites use of criterion, for a program that runs each test in an execution of its own
// (runner.c): for ThreadSanitizer, which criterion's forks and shared memory do not suit.
//
// meson setup -Dtsan_runner=true -Db_sanitize=thread puts this folder in criterion's place. A test
// that fails, fails for good: cr_assert() leaves it by longjmp() where it runs on the first thread.
#ifndef TESTS_RUNNER_CRITERION_H
#define TESTS_RUNNER_CRITERION_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The named arguments of Test() and TestSuite() that are in use.
struct runner_extra {
    char unused;
    void (*init)(void);
    void (*fini)(void);
    double timeout; // meson's is what counts here
};

struct runner_test {
    const char *suite;
    const char *name; // NULL: a suite's init and fini
    void (*fn)(void);
    struct runner_extra extra;
    struct runner_test *next;
};

void runner_add(struct runner_test *test);
void runner_failed(const char *file, int line, const char *what);
void runner_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void runner_leave(void);
_Noreturn void runner_skip(void);

#define RUNNER_ROW(id, suite_, name_, fn_, ...)                                                    \
    static struct runner_test id = {                                                               \
        .suite = suite_, .name = name_, .fn = fn_, .extra = {.unused = 0, ##__VA_ARGS__}};         \
    __attribute__((constructor)) static void id##_add(void)                                        \
    {                                                                                              \
        runner_add(&id);                                                                           \
    }

#define Test(suite, name, ...)                                                                     \
    static void runner_fn_##suite##_##name(void);                                                  \
    RUNNER_ROW(runner_row_##suite##_##name, #suite, #name, runner_fn_##suite##_##name,             \
               ##__VA_ARGS__)                                                                      \
    static void runner_fn_##suite##_##name(void)

#define TestSuite(suite, ...)                                                                      \
    RUNNER_ROW(runner_suite_##suite, #suite, NULL, NULL, ##__VA_ARGS__)                            \
    struct runner_test

#define RUNNER_CHECK(fatal, condition, text, ...)                                                  \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            runner_failed(__FILE__, __LINE__, text);                                               \
            __VA_OPT__(runner_say(__VA_ARGS__);)                                                   \
            if (fatal)                                                                             \
                runner_leave();                                                                    \
        }                                                                                          \
    } while (0)

#define RUNNER_COMPARE(fatal, a, op, b, ...)                                                       \
    RUNNER_CHECK(fatal, (a)op(b), #a " " #op " " #b, ##__VA_ARGS__)
#define RUNNER_STRINGS(fatal, a, op, b, ...)                                                       \
    RUNNER_CHECK(fatal, strcmp(a, b) op 0, #a " " #op " " #b ", as strings", ##__VA_ARGS__)
#define RUNNER_ARRAYS(fatal, a, b, n, ...)                                                         \
    RUNNER_CHECK(fatal, !memcmp(a, b, n), #a " == " #b ", as arrays", ##__VA_ARGS__)

#define cr_assert(c, ...)              RUNNER_CHECK(true, c, #c, ##__VA_ARGS__)
#define cr_assert_not(c, ...)          RUNNER_CHECK(true, !(c), "not " #c, ##__VA_ARGS__)
#define cr_assert_null(p, ...)         RUNNER_CHECK(true, !(p), #p " is null", ##__VA_ARGS__)
#define cr_assert_not_null(p, ...)     RUNNER_CHECK(true, p, #p " is not null", ##__VA_ARGS__)
#define cr_assert_eq(a, b, ...)        RUNNER_COMPARE(true, a, ==, b, ##__VA_ARGS__)
#define cr_assert_neq(a, b, ...)       RUNNER_COMPARE(true, a, !=, b, ##__VA_ARGS__)
#define cr_assert_lt(a, b, ...)        RUNNER_COMPARE(true, a, <, b, ##__VA_ARGS__)
#define cr_assert_leq(a, b, ...)       RUNNER_COMPARE(true, a, <=, b, ##__VA_ARGS__)
#define cr_assert_gt(a, b, ...)        RUNNER_COMPARE(true, a, >, b, ##__VA_ARGS__)
#define cr_assert_geq(a, b, ...)       RUNNER_COMPARE(true, a, >=, b, ##__VA_ARGS__)
#define cr_assert_str_eq(a, b, ...)    RUNNER_STRINGS(true, a, ==, b, ##__VA_ARGS__)
#define cr_assert_str_neq(a, b, ...)   RUNNER_STRINGS(true, a, !=, b, ##__VA_ARGS__)
#define cr_assert_arr_eq(a, b, n, ...) RUNNER_ARRAYS(true, a, b, n, ##__VA_ARGS__)
#define cr_assert_fail(...)            RUNNER_CHECK(true, false, "failure", ##__VA_ARGS__)

#define cr_expect(c, ...)              RUNNER_CHECK(false, c, #c, ##__VA_ARGS__)
#define cr_expect_not(c, ...)          RUNNER_CHECK(false, !(c), "not " #c, ##__VA_ARGS__)
#define cr_expect_null(p, ...)         RUNNER_CHECK(false, !(p), #p " is null", ##__VA_ARGS__)
#define cr_expect_not_null(p, ...)     RUNNER_CHECK(false, p, #p " is not null", ##__VA_ARGS__)
#define cr_expect_eq(a, b, ...)        RUNNER_COMPARE(false, a, ==, b, ##__VA_ARGS__)
#define cr_expect_neq(a, b, ...)       RUNNER_COMPARE(false, a, !=, b, ##__VA_ARGS__)
#define cr_expect_lt(a, b, ...)        RUNNER_COMPARE(false, a, <, b, ##__VA_ARGS__)
#define cr_expect_leq(a, b, ...)       RUNNER_COMPARE(false, a, <=, b, ##__VA_ARGS__)
#define cr_expect_gt(a, b, ...)        RUNNER_COMPARE(false, a, >, b, ##__VA_ARGS__)
#define cr_expect_geq(a, b, ...)       RUNNER_COMPARE(false, a, >=, b, ##__VA_ARGS__)
#define cr_expect_str_eq(a, b, ...)    RUNNER_STRINGS(false, a, ==, b, ##__VA_ARGS__)
#define cr_expect_arr_eq(a, b, n, ...) RUNNER_ARRAYS(false, a, b, n, ##__VA_ARGS__)

#define cr_skip(...)                                                                               \
    do {                                                                                           \
        runner_say(__VA_ARGS__);                                                                   \
        runner_skip();                                                                             \
    } while (0)
#define cr_skip_test(...) cr_skip(__VA_ARGS__)
#define cr_log_info(...)  runner_say(__VA_ARGS__)
#define cr_log_warn(...)  runner_say(__VA_ARGS__)
#define cr_log_error(...) runner_say(__VA_ARGS__)

#endif
