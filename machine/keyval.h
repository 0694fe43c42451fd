// SPDX-License-Identifier: GPL-3.0-or-later
// QEMU's key=value lists (`-drive file=disk.img,format=raw`): one parser, driven by a table a
// group.
//
// A doubled comma stands for a comma in a value. The first item may be a bare value, of the key
// that the group names as implied; a bare name of a boolean switches it on. Whatever is wrong is
// one line that names the option and what was expected.
#ifndef MACHINE_KEYVAL_H
#define MACHINE_KEYVAL_H

#include "base/error.h"
#include "machine/config.h"

#define KEYVAL_MAX_LIST 64

enum keyval_type {
    KEYVAL_STRING, // const char *, kept in the config's pool
    KEYVAL_BOOL,   // bool: on, off, yes, no, true, false
    KEYVAL_NUMBER, // int, 0 .. INT_MAX
    KEYVAL_SIZE,   // uint64_t bytes: K, M, G, T; without a suffix the row's unit
    KEYVAL_CHOICE, // int: the value that stands beside the name in the row's choices
    KEYVAL_LIST,   // struct keyval_list: strings, one each time the key is given
    KEYVAL_ABSENT, // bool: a feature this version lacks, so only "off" can be had
};

struct keyval_choice {
    const char *name; // NULL ends a list
    int value;
    const char *help; // may be NULL
};

struct keyval_list {
    const char *items[KEYVAL_MAX_LIST];
    size_t count;
};

struct keyval_row {
    const char *name;
    enum keyval_type type;
    size_t offset; // of the field in the struct that is filled
    const struct keyval_choice *choices;
    uint64_t unit; // of a SIZE without a suffix; 0 means bytes
};

struct keyval_group {
    const char *option;  // as messages call it: "-drive"
    const char *implied; // the key of a bare first value, or NULL
    const struct keyval_row *rows;
    size_t count;
};

// Fills the fields of *dest from text; fields that are not mentioned keep what they hold. False
// with *err set when something is wrong, *dest then half filled.
bool keyval_parse(struct machine_config *c, const struct keyval_group *g, const char *text,
                  void *dest, struct error *err);

// Takes the first item off *text when it is a bare value or key=value and returns the value; used
// where the rest of the list depends on it. NULL when another key stands there.
const char *keyval_first(struct machine_config *c, const char *key, const char **text);

// "512", "64M", "1G": into *out. unit multiplies a number without a suffix.
bool keyval_size(const char *text, uint64_t unit, uint64_t *out);

// The row of a list of choices called `name` into *value; else an error that lists them all.
bool keyval_choose(const struct keyval_choice *choices, const char *what, const char *name,
                   int *value, struct error *err);

#endif
