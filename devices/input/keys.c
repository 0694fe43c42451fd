// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/input/keys.h"
#include "base/bits.h"

#include <linux/input-event-codes.h>
#include <string.h>

static const struct {
    const char *qcode;
    unsigned short code, number;
} keys[] = {
#define KEY(code, qcode, number, scancode, keysym, shifted) {qcode, code, number},
#include "devices/input/keys.def"
#undef KEY
};

unsigned key_of_qcode(const char *name)
{
    static const struct {
        const char *name;
        unsigned code;
    } others[] = {{"sysrq", KEY_SYSRQ}, {"asterisk", KEY_KPASTERISK}, {"wake", KEY_WAKEUP}};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (!strcmp(keys[i].qcode, name))
            return keys[i].code;
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        if (!strcmp(others[i].name, name))
            return others[i].code;
    return 0;
}

unsigned key_of_number(long number)
{
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (keys[i].number && keys[i].number == number)
            return keys[i].code;
    // Without a prefix, Linux has numbered its keys by scancode set 1.
    return (number >= KEY_ESC && number <= KEY_KPDOT) || (number >= KEY_102ND && number <= KEY_F12)
               ? (unsigned)number
               : 0;
}

const char *key_text(unsigned code)
{
    static const struct {
        unsigned code;
        const char *text;
    } texts[] = {
        {KEY_ENTER, "\r"},    {KEY_KPENTER, "\r"},    {KEY_BACKSPACE, "\177"},
        {KEY_TAB, "\t"},      {KEY_ESC, "\33"},       {KEY_UP, "\33[A"},
        {KEY_DOWN, "\33[B"},  {KEY_RIGHT, "\33[C"},   {KEY_LEFT, "\33[D"},
        {KEY_HOME, "\33[1~"}, {KEY_INSERT, "\33[2~"}, {KEY_DELETE, "\33[3~"},
        {KEY_END, "\33[4~"},  {KEY_PAGEUP, "\33[5~"}, {KEY_PAGEDOWN, "\33[6~"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (texts[i].code == code)
            return texts[i].text;
    return NULL;
}
