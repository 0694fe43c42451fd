// SPDX-License-Identifier: GPL-3.0-or-later
// Errors and the log's subjects.
#include "base/error.h"
#include "base/log.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(error, text_birthplace_and_prefix)
{
    struct error e = {0};
    cr_expect(!error_set(&e, "disk %d: %s", 3, "gone"));
    int line = __LINE__ - 1;
    cr_expect_str_eq(e.text, "disk 3: gone");
    cr_expect(strstr(e.file, "text.c") && e.line == line, "born at %s:%d", e.file, e.line);
    cr_expect(!error_prefix(&e, "-drive %s", "x.img"));
    cr_expect_str_eq(e.text, "-drive x.img: disk 3: gone");
    cr_expect(!error_prefix(&e, "armlet"));
    cr_expect_str_eq(e.text, "armlet: -drive x.img: disk 3: gone");
    cr_expect_eq(e.line, line, "a prefix moves the birthplace");
    cr_expect(!error_set(NULL, "nobody") && !error_prefix(NULL, "listens"));
}

Test(error, too_long_a_text_is_cut)
{
    struct error e;
    char *big = malloc(3000);
    memset(big, 'x', 2999);
    big[2999] = 0;
    memset(&e, 0xff, sizeof e);
    error_set(&e, "%s", big);
    cr_expect_eq(strlen(e.text), sizeof e.text - 1, "%zu", strlen(e.text));
    error_prefix(&e, "in front");
    cr_expect(!strncmp(e.text, "in front: xxx", 13) && strlen(e.text) == sizeof e.text - 1);
    error_prefix(&e, "%s", big);
    cr_expect_eq(strlen(e.text), sizeof e.text - 1);
    free(big);
}

static unsigned parse(const char *list)
{
    unsigned mask = 0;
    struct error e;
    cr_expect(log_parse(list, &mask, &e), "'%s': %s", list, e.text);
    return mask;
}

Test(log, subjects_by_name)
{
    cr_expect_eq(parse(""), 0);
    cr_expect_eq(parse("int"), LOG_INT);
    cr_expect_eq(parse("in_asm,mmu"), LOG_IN_ASM | LOG_MMU);
    cr_expect_eq(parse("mmu,mmu,ir"), LOG_MMU | LOG_IR);
    cr_expect_eq(parse("unimp,"), LOG_UNIMP);
    unsigned mask = LOG_INT;
    cr_expect(log_parse("ir", &mask, NULL) && mask == (LOG_INT | LOG_IR),
              "adds to what was there: %#x", mask);
#define X(id, name, help) cr_expect_eq(parse(name), LOG_##id, name);
    LOG_SUBJECTS(X)
#undef X
}

Test(log, unknown_subjects_are_refused)
{
    static const char *const wrong[] = {"cpus",    "in",   "in_asmx",  "IN_ASM",
                                        "int,foo", ",int", "int,,mmu", " int"};
    for (unsigned n = 0; n < ARRAY_SIZE(wrong); n++) {
        unsigned mask = 0;
        struct error e = {0};
        cr_expect(!log_parse(wrong[n], &mask, &e), "'%s' is accepted", wrong[n]);
        cr_expect(strstr(e.text, "no such log subject"), "'%s': %s", wrong[n], e.text);
        cr_expect(!log_parse(wrong[n], &mask, NULL));
    }
    struct error e = {0};
    unsigned mask = 0;
    log_parse("int,foo,mmu", &mask, &e);
    cr_expect(strstr(e.text, "-d foo:"), "does not name it: %s", e.text);
}

Test(log, writes_what_is_enabled)
{
    char *text;
    size_t size;
    struct log log = {.mask = LOG_INT | LOG_MMU, .file = open_memstream(&text, &size)};
    log_printf(&log, LOG_INT, "a %d\n", 1);
    log_printf(&log, LOG_IR, "b %d\n", 2);
    log_printf(&log, LOG_IR | LOG_MMU, "c %d\n", 3); // one of the bits is enough
    log_printf(NULL, LOG_INT, "d\n");
    fclose(log.file);
    cr_expect_str_eq(text, "a 1\nc 3\n");
    cr_expect(log_enabled(&log, LOG_INT) && !log_enabled(&log, LOG_IR) &&
              !log_enabled(NULL, LOG_INT));
    free(text);
}
