// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/keyval.h"

#include "base/bits.h"
#include "machine/suggest.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The length of the item at s, up to the comma that ends it; a doubled comma is part of it.
static size_t item_length(const char *s)
{
    size_t n = 0;
    while (s[n]) {
        if (s[n] == ',') {
            if (s[n + 1] != ',')
                break;
            n++;
        }
        n++;
    }
    return n;
}

// A pooled copy with doubled commas made single.
static const char *value_copy(struct machine_config *c, const char *s, size_t n)
{
    char *copy = (char *)machine_config_strndup(c, s, n);
    size_t out = 0;
    for (size_t i = 0; i < n; i++) {
        copy[out++] = s[i];
        if (s[i] == ',' && i + 1 < n && s[i + 1] == ',')
            i++;
    }
    copy[out] = 0;
    return copy;
}

// Steps over the item of length n and the comma after it.
static const char *next_item(const char *s, size_t n)
{
    return s + n + (s[n] == ',');
}

const char *keyval_first(struct machine_config *c, const char *key, const char **text)
{
    size_t n = item_length(*text), k = strcspn(*text, "=,");
    const char *s = *text;
    if (k < n && s[k] == '=') {
        if (k != strlen(key) || strncmp(s, key, k))
            return NULL;
        k++;
    } else {
        k = 0;
    }
    *text = next_item(s, n);
    return value_copy(c, s + k, n - k);
}

bool keyval_size(const char *text, uint64_t unit, uint64_t *out)
{
    char *end;
    if (!isdigit((unsigned char)*text))
        return false;
    errno = 0;
    uint64_t v = strtoull(text, &end, 0);
    if (errno || end == text)
        return false;
    static const char suffixes[] = "bkmgtp";
    if (*end) {
        const char *s = strchr(suffixes, tolower((unsigned char)*end));
        if (!s || end[1])
            return false;
        unit = UINT64_C(1) << (10 * (s - suffixes));
    }
    return !__builtin_mul_overflow(v, unit ? unit : 1, out);
}

bool keyval_choose(const struct keyval_choice *choices, const char *what, const char *name,
                   int *value, struct error *err)
{
    char list[256] = "";
    size_t used = 0;
    struct suggest near;
    suggest_init(&near, name, strlen(name));
    for (const struct keyval_choice *c = choices; c->name; c++) {
        if (!strcmp(c->name, name)) {
            *value = c->value;
            return true;
        }
        suggest_offer(&near, c->name);
        if (used < sizeof list)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "",
                                     c->name);
    }
    if (near.best)
        return error_set(err, "%s: no '%s'; did you mean '%s'?", what, name, near.best);
    return error_set(err, "%s: no '%s'; there is: %s", what, name, list);
}

static bool parse_bool(const char *s, bool *out)
{
    static const char *const words[] = {"off", "on", "no", "yes", "false", "true"};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (!strcmp(s, words[i])) {
            *out = i & 1;
            return true;
        }
    }
    return false;
}

static bool parse_number(const char *s, int *out)
{
    uint64_t v;
    if (!keyval_size(s, 1, &v) || v > INT_MAX || !isdigit((unsigned char)s[strlen(s) - 1]))
        return false;
    *out = (int)v;
    return true;
}

static bool set_field(const struct keyval_group *g, const struct keyval_row *r, const char *value,
                      void *dest, struct error *err)
{
    void *field = (char *)dest + r->offset;
    char what[64];
    switch (r->type) {
    case KEYVAL_STRING:
        if (!*value)
            return error_set(err, "%s: %s= is empty", g->option, r->name);
        *(const char **)field = value;
        return true;
    case KEYVAL_BOOL:
        if (parse_bool(value, field))
            return true;
        return error_set(err, "%s: %s=%s is neither on nor off", g->option, r->name, value);
    case KEYVAL_NUMBER:
        if (parse_number(value, field))
            return true;
        return error_set(err, "%s: %s=%s is not a number", g->option, r->name, value);
    case KEYVAL_SIZE:
        if (keyval_size(value, r->unit, field))
            return true;
        return error_set(err, "%s: %s=%s is not a size (a number and K, M, G or T)", g->option,
                         r->name, value);
    case KEYVAL_CHOICE:
        snprintf(what, sizeof what, "%s: %s", g->option, r->name);
        return keyval_choose(r->choices, what, value, field, err);
    case KEYVAL_LIST: {
        struct keyval_list *list = field;
        if (!*value)
            return error_set(err, "%s: %s= is empty", g->option, r->name);
        if (list->count == KEYVAL_MAX_LIST)
            return error_set(err, "%s: more than %d of %s=", g->option, KEYVAL_MAX_LIST, r->name);
        list->items[list->count++] = value;
        return true;
    }
    case KEYVAL_ABSENT:
        if (parse_bool(value, field) && !*(bool *)field)
            return true;
        return error_set(err, "%s: %s=%s: armlet has only %s=off", g->option, r->name, value,
                         r->name);
    }
    return false;
}

static const struct keyval_row *find_row(const struct keyval_group *g, const char *key, size_t n,
                                         struct error *err)
{
    struct suggest near;
    suggest_init(&near, key, n);
    for (size_t i = 0; i < g->count; i++) {
        const struct keyval_row *r = &g->rows[i];
        if (strlen(r->name) == n && !memcmp(r->name, key, n))
            return r;
        suggest_offer(&near, r->name);
    }
    if (near.best)
        error_set(err, "%s: no property '%.*s'; did you mean '%s'?", g->option, (int)n, key,
                  near.best);
    else
        error_set(err, "%s: no property '%.*s'", g->option, (int)n, key);
    return NULL;
}

// One item: key=value, a bare value of the implied key, or the bare name of a boolean.
static bool parse_item(struct machine_config *c, const struct keyval_group *g, const char *s,
                       size_t n, bool first, void *dest, struct error *err)
{
    const char *eq = memchr(s, '=', n);
    const char *key = s;
    size_t key_length = eq ? (size_t)(eq - s) : n;
    const char *value = eq ? value_copy(c, eq + 1, n - key_length - 1) : NULL;
    if (!eq && first && g->implied) {
        key = g->implied;
        key_length = strlen(key);
        value = value_copy(c, s, n);
    }
    const struct keyval_row *r = find_row(g, key, key_length, err);
    if (!r)
        return false;
    if (!value && r->type == KEYVAL_BOOL)
        value = "on";
    if (!value)
        return error_set(err, "%s: %s needs a value (%s=...)", g->option, r->name, r->name);
    return set_field(g, r, value, dest, err);
}

bool keyval_parse(struct machine_config *c, const struct keyval_group *g, const char *text,
                  void *dest, struct error *err)
{
    bool first = true;
    if (!*text && g->implied)
        return error_set(err, "%s: the argument is empty", g->option);
    while (*text) {
        size_t n = item_length(text);
        if (n == 0)
            return error_set(err, "%s: an empty item in the list", g->option);
        if (!parse_item(c, g, text, n, first, dest, err))
            return false;
        text = next_item(text, n);
        first = false;
    }
    return true;
}
