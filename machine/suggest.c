// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/suggest.h"

#include "base/bits.h"

#include <stdint.h>
#include <string.h>

enum { LONGEST = 64 };

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

// Optimal string alignment distance: insertions, deletions, replacements, swapped neighbours.
static size_t distance(const char *a, size_t la, const char *b, size_t lb)
{
    size_t rows[3][LONGEST + 1];
    if (la > LONGEST || lb > LONGEST)
        return SIZE_MAX;
    for (size_t j = 0; j <= lb; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t *now = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            now[j] = min3(up[j] + 1, now[j - 1] + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                up2[j - 2] + 1 < now[j])
                now[j] = up2[j - 2] + 1;
        }
    }
    return rows[la % 3][lb];
}

void suggest_init(struct suggest *s, const char *typed, size_t length)
{
    *s = (struct suggest){.typed = typed, .length = length};
    s->distance = length / 3 + 2;
    if (length < 2)
        s->distance = 1;
}

void suggest_offer(struct suggest *s, const char *name)
{
    size_t d = distance(s->typed, s->length, name, strlen(name));
    // A name of which every letter is replaced is no neighbour, however short it is.
    if (d < s->distance && d < strlen(name)) {
        s->distance = d;
        s->best = name;
    }
}
