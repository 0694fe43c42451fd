// SPDX-License-Identifier: GPL-3.0-or-later
// A shared folder: messages of 9P2000.L in chains. A secret lies beside the folder, and stays as it is.
#include "bed.h"
#include "devices/virtio/9p.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char share[100], secret[100];

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert(f);
    fputs(text, f);
    fclose(f);
}

static void init(void)
{
    // Messages of a session: version, attach, walk to hello, open, read, create, readdir, getattr.
    static const uint8_t session[] = {
        1, 0, // modern, all features
        1, 19, 0, 0, 100, 255, 255, 0, 0, 1, 0, 8, 0, '9', 'P', '2', '0', '0', '0', '.', 'L',
    };
    static const uint8_t attach[] = {23, 0, 0, 0, 104, 1, 0, 1, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t walk[] = {24, 0, 0, 0, 110, 1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 5, 0, 'h', 'e', 'l', 'l', 'o'};
    struct rlimit limit = {1 << 20, 1 << 20}; // of what a message may write
    char path[160];
    snprintf(share, sizeof share, "%s/share", fuzz_directory());
    snprintf(secret, sizeof secret, "%s/secret", fuzz_directory());
    mkdir(share, 0700);
    put(secret, "not for guests");
    snprintf(path, sizeof path, "%s/hello", share);
    put(path, "hello, world");
    setrlimit(RLIMIT_FSIZE, &limit);
    fuzz_seed(session, sizeof session);
    fuzz_seed(attach, sizeof attach);
    fuzz_seed(walk, sizeof walk);
}

// The input is not a program for the bed but messages: a length byte each. (Through the rings they
// hardly ever arrive whole; those are the other devices' targets, and this one's every fourth input.)
static void messages(struct p9_server *s, struct fuzz_input *in)
{
    static uint8_t out[65536];
    uint8_t message[7 + 256] = {19, 0, 0, 0, 100, 255, 255, 0, 0, 1, 0, 8, 0, '9', 'P', '2', '0', '0', '0', '.', 'L'};
    static const uint8_t attach[] = {23, 0, 0, 0, 104, 1, 0, 1, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t types[] = {8, 12, 14, 16, 18, 20, 22, 24, 26, 40, 50, 52, 54, 70, 72, 74, 76, 100, 104, 108, 110, 116, 118, 120, 122};
    message[0] = 21;
    p9_serve(s, message, 21, out, sizeof out);
    p9_serve(s, attach, sizeof attach, out, sizeof out);
    while (in->len) {
        size_t len = 7;
        uint32_t how = (uint32_t)fuzz_take(in, 1);
        message[4] = how < 240 ? types[how % sizeof types] : (uint8_t)fuzz_take(in, 1);
        message[5] = message[6] = 0;
        for (unsigned n = fuzz_below(in, 7); n && len < sizeof message - 40; n--) // fields
            switch (fuzz_below(in, 8)) {
            case 0:
            case 1:
            case 2: // a file in hand
                message[len] = (uint8_t)fuzz_below(in, 6);
                message[len + 1] = message[len + 2] = message[len + 3] = 0;
                len += 4;
                break;
            case 3:
            case 4: { // a name
                static const char *const names[] = {"hello", "x", "sub", "..", ".", "a/b", "", "link"};
                const char *name = names[fuzz_below(in, 8)];
                uint16_t size = (uint16_t)strlen(name);
                memcpy(message + len, &size, 2);
                memcpy(message + len + 2, name, size);
                len += 2 + size;
                break;
            }
            case 5:
                memcpy(message + len, &(uint64_t){fuzz_take(in, 2)}, 8);
                len += 8;
                break;
            case 6:
                memcpy(message + len, &(uint16_t){(uint16_t)fuzz_below(in, 4)}, 2);
                len += 2;
                break;
            default:
                memcpy(message + len, &(uint64_t){fuzz_take(in, 8)}, 8);
                len += 8;
            }
        uint32_t size = how == 255 ? (uint32_t)fuzz_take(in, 4) : (uint32_t)len;
        memcpy(message, &size, 4);
        size_t got = p9_serve(s, message, len, out, fuzz_below(in, 16) ? sizeof out : P9_MIN_ANSWER);
        assert(got <= sizeof out);
    }
}

static void one(const uint8_t *data, size_t len)
{
    struct bed b;
    struct error err;
    struct stat st;
    struct fuzz_input in = {data, len};
    struct p9_server *s = p9_server_create(share, fuzz_below(&in, 4) == 3, &err);
    assert(s);
    if (fuzz_below(&in, 4)) {
        messages(s, &in);
        p9_server_destroy(s);
    } else {
        bed_init(&b);
        bed_play_virtio(&b, virtio_9p_create(s, "share"), 1, &in);
        bed_fini(&b);
    }
    assert(!stat(secret, &st) && st.st_size == 14);
}

const struct fuzz_target fuzz_target = {.name = "virtio_9p", .max = 4096, .init = init, .one = one};
