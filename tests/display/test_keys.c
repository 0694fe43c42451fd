// SPDX-License-Identifier: GPL-3.0-or-later
// Names of keys: QMP's and scancode set 1's to Linux's, by hand and as a whole.
#include "devices/input/keys.h"
#include "base/bits.h"

#include <criterion/criterion.h>
#include <linux/input-event-codes.h>
#include <string.h>

static const struct {
    const char *qcode;
    unsigned code;
} rows[] = {
#define KEY(code, qcode, number, scancode, keysym, shifted) {qcode, code},
#include "devices/input/keys.def"
#undef KEY
};

Test(keys, each_name_and_key_once)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cr_expect_eq(key_of_qcode(rows[i].qcode), rows[i].code, "%s", rows[i].qcode);
        for (size_t j = 0; j < i; j++)
            cr_expect(strcmp(rows[i].qcode, rows[j].qcode) && rows[i].code != rows[j].code,
                      "rows %zu and %zu: %s, %s", i, j, rows[i].qcode, rows[j].qcode);
    }
}

Test(keys, by_hand)
{
    static const struct {
        const char *qcode;
        int number;
        unsigned code;
    } known[] = {
        {"esc", 1, KEY_ESC},
        {"1", 2, KEY_1},
        {"0", 11, KEY_0},
        {"q", 16, KEY_Q},
        {"ret", 28, KEY_ENTER},
        {"ctrl", 29, KEY_LEFTCTRL},
        {"shift", 42, KEY_LEFTSHIFT},
        {"spc", 57, KEY_SPACE},
        {"f1", 59, KEY_F1},
        {"kp_7", 71, KEY_KP7},
        {"less", 86, KEY_102ND},
        {"f12", 88, KEY_F12},
        {"kp_enter", 0x9c, KEY_KPENTER},
        {"ctrl_r", 0x9d, KEY_RIGHTCTRL},
        {"up", 0xc8, KEY_UP},
        {"delete", 0xd3, KEY_DELETE},
        {"meta_l", 0xdb, KEY_LEFTMETA},
    };
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        cr_expect_eq(key_of_qcode(known[i].qcode), known[i].code, "%s", known[i].qcode);
        cr_expect_eq(key_of_number(known[i].number), known[i].code, "%#x",
                     (unsigned)known[i].number);
    }
    static const long wrong[] = {-1, 0, 84, 85, 89, 127, 128, 0x80, 0xff, 256, 1L << 40};
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        cr_expect_eq(key_of_number(wrong[i]), 0, "%ld is %u", wrong[i], key_of_number(wrong[i]));
    cr_expect_eq(key_of_qcode("nonsense"), 0);
    cr_expect_eq(key_of_qcode(""), 0);
}

Test(keys, terminal)
{
    cr_expect_str_eq(key_text(KEY_ENTER), "\r");
    cr_expect_str_eq(key_text(KEY_UP), "\33[A");
    cr_expect(!key_text(KEY_A));
}
