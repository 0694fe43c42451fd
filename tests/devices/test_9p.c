// SPDX-License-Identifier: GPL-3.0-or-later
// The 9P server on a temporary directory, message by message, and its virtio transport.
#include "devices/p9/message.h"
#include "devices/virtio/9p.h"
#include "multi_driver.h"
#include "tests/support/random.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    RLERROR = 7,
    STATFS = 8,
    LOPEN = 12,
    LCREATE = 14,
    SYMLINK = 16,
    MKNOD = 18,
    RENAME = 20,
    READLINK = 22,
    GETATTR = 24,
    SETATTR = 26,
    XATTRWALK = 30,
    READDIR = 40,
    FSYNC = 50,
    LOCK = 52,
    GETLOCK = 54,
    LINK = 70,
    MKDIR = 72,
    RENAMEAT = 74,
    UNLINKAT = 76,
    VERSION = 100,
    AUTH = 102,
    ATTACH = 104,
    FLUSH = 108,
    WALK = 110,
    READ = 116,
    WRITE = 118,
    CLUNK = 120,
    REMOVE = 122,
};

static char dir[64];
static struct p9_server *server;
static struct error err;
static uint8_t in[P9_MAX_MESSAGE + 100], out[P9_MAX_MESSAGE];
static size_t in_len;

static int unlink_it(const char *path, const struct stat *st, int flag, struct FTW *f)
{
    return remove(path);
}

static void put_file(const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    cr_assert(f && fputs(text, f) >= 0 && !fclose(f), "%s", path);
}

static bool exists(const char *name)
{
    char path[200];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return !lstat(path, &st);
}

// A directory "share" to be served, with a "secret" beside it and links that lead there.
static void begin(bool readonly)
{
    char path[100];
    strcpy(dir, "/tmp/armlet-9p-XXXXXX");
    cr_assert(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/share", dir);
    mkdir(path, 0755);
    put_file("secret", "not for guests");
    put_file("share/hello", "hello, world");
    strcat(path, "/sub");
    mkdir(path, 0755);
    put_file("share/sub/inner", "inside");
    snprintf(path, sizeof path, "%s/share/out", dir);
    cr_assert(!symlink("..", path));
    snprintf(path, sizeof path, "%s/share/abs", dir);
    cr_assert(!symlink("/etc", path));
    snprintf(path, sizeof path, "%s/share/file", dir);
    cr_assert(!symlink("../secret", path));
    snprintf(path, sizeof path, "%s/share", dir);
    server = p9_server_create(path, readonly, &err);
    cr_assert(server, "%s", err.text);
}

static void end(void)
{
    p9_server_destroy(server);
    nftw(dir, unlink_it, 8, FTW_DEPTH | FTW_PHYS);
}

// Sends a message; format: b 1 byte, h 2, w 4, d 8, s a string, z bytes and their count. Returns
// the errno of the answer, or 0 if it is the right one.
static uint32_t ask(unsigned type, const char *format, ...)
{
    va_list ap;
    struct p9_writer w = {.data = in, .capacity = sizeof in, .len = 7};
    va_start(ap, format);
    for (; *format; format++) {
        if (*format == 'b')
            p9_put(&w, 1, va_arg(ap, unsigned));
        else if (*format == 'h')
            p9_put(&w, 2, va_arg(ap, unsigned));
        else if (*format == 'w')
            p9_put(&w, 4, va_arg(ap, unsigned));
        else if (*format == 'd')
            p9_put(&w, 8, va_arg(ap, uint64_t));
        else if (*format == 's')
            p9_put_string(&w, va_arg(ap, const char *));
        else {
            const void *p = va_arg(ap, const void *);
            p9_put_bytes(&w, p, va_arg(ap, size_t));
        }
    }
    va_end(ap);
    uint32_t len = (uint32_t)w.len;
    memcpy(in, &len, 4);
    in[4] = (uint8_t)type;
    in[5] = 0x34, in[6] = 0x12;
    in_len = len;
    size_t got = p9_serve(server, in, len, out, sizeof out);
    memcpy(&len, out, 4);
    cr_assert(got == len && len >= 7, "an answer of %zu bytes says %u", got, len);
    cr_assert(out[5] == 0x34 && out[6] == 0x12, "another tag");
    if (out[4] == RLERROR) {
        memcpy(&len, out + 7, 4);
        cr_assert(len && got == 11);
        return len;
    }
    EXPECT(out[4], type + 1);
    return 0;
}

static void attach(void)
{
    EXPECT(ask(VERSION, "ws", 65536u, "9P2000.L"), 0);
    EXPECT(ask(ATTACH, "wwssw", 0u, ~0u, "root", "", 0u), 0);
    EXPECT(out[7], 0x80);
}

static uint32_t walk1(unsigned from, unsigned to, const char *name)
{
    return ask(WALK, "wwhs", from, to, 1u, name);
}

static uint64_t field(size_t at, unsigned size)
{
    uint64_t v = 0;
    memcpy(&v, out + at, size);
    return v;
}

Test(p9, version)
{
    begin(false);
    EXPECT(ask(VERSION, "ws", 8192u, "9P2000.L"), 0);
    EXPECT(field(7, 4), 8192);
    EXPECT(ask(VERSION, "ws", ~0u, "9P2000.L"), 0);
    EXPECT(field(7, 4), P9_MAX_MESSAGE);
    EXPECT(ask(VERSION, "ws", 8192u, "9P2000.u"), 0);
    cr_assert(!memcmp(out + 13, "unknown", 7));
    EXPECT(ask(VERSION, "ws", 100u, "9P2000.L"), EINVAL);
    attach();
    EXPECT(ask(ATTACH, "wwssw", 0u, ~0u, "root", "", 0u), EBADF); // the fid is taken
    EXPECT(ask(VERSION, "ws", 8192u, "9P2000.L"), 0);
    EXPECT(ask(CLUNK, "w", 0u), EBADF); // a new session knows no fids
    EXPECT(ask(AUTH, "wssw", 0u, "a", "b", 0u), EOPNOTSUPP);
    EXPECT(ask(FLUSH, "h", 1u), 0);
    end();
}

Test(p9, walks)
{
    begin(false);
    attach();
    EXPECT(ask(WALK, "wwhss", 0u, 1u, 2u, "sub", "inner"), 0);
    EXPECT(field(7, 2), 2);
    EXPECT(out[9], 0x80);
    EXPECT(out[9 + 13], 0);
    EXPECT(ask(WALK, "wwh", 1u, 2u, 0u), 0); // a copy
    EXPECT(ask(WALK, "wwhss", 0u, 3u, 2u, "sub", "nothing"), 0);
    EXPECT(field(7, 2), 1); // half the way: no fid
    EXPECT(ask(CLUNK, "w", 3u), EBADF);
    EXPECT(walk1(0, 3, "nothing"), ENOENT);
    EXPECT(walk1(0, 1, "sub"), EBADF); // taken
    EXPECT(walk1(9, 3, "sub"), EBADF);
    EXPECT(walk1(1, 3, "x"), ENOTDIR);
    EXPECT(ask(WALK, "wwhsss", 0u, 3u, 3u, "sub", "..", "hello"), 0);
    EXPECT(ask(CLUNK, "w", 1u), 0);
    EXPECT(ask(CLUNK, "w", 1u), EBADF);
    EXPECT(walk1(2, 2, ".."), 0); // moves itself
    EXPECT(walk1(2, 4, "inner"), 0);
    EXPECT(ask(WALK, "wwh", 0u, 5u, 17u), EINVAL);
    end();
}

// Nothing that a guest says gets out of the directory.
Test(p9, is_confined)
{
    static const char *const bad[] = {"", ".", "/", "/etc", "../secret", "sub/../../secret", "a/b"};
    begin(false);
    attach();
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert(walk1(0, 1, bad[i]) != 0, "walked to '%s'", bad[i]);
        cr_assert(ask(MKDIR, "wsww", 0u, bad[i], 0755u, 0u), "made '%s'", bad[i]);
        cr_assert(ask(UNLINKAT, "wsw", 0u, bad[i], 0u), "removed '%s'", bad[i]);
        cr_assert(ask(RENAMEAT, "wsws", 0u, "hello", 0u, bad[i]), "renamed to '%s'", bad[i]);
        cr_assert(ask(SYMLINK, "wssw", 0u, bad[i], "x", 0u), "linked '%s'", bad[i]);
        cr_assert(ask(MKNOD, "wswwww", 0u, bad[i], 0010644u, 0u, 0u, 0u), "made '%s'", bad[i]);
        EXPECT(ask(WALK, "wwh", 0u, 1u, 0u), 0);
        cr_assert(ask(LCREATE, "wswww", 1u, bad[i], 0102u, 0644u, 0u), "created '%s'", bad[i]);
        EXPECT(ask(CLUNK, "w", 1u), 0);
    }
    // Up and up again is the directory itself.
    EXPECT(ask(WALK, "wwhsss", 0u, 1u, 3u, "..", "..", "hello"), 0);
    EXPECT(ask(CLUNK, "w", 1u), 0);
    EXPECT(ask(WALK, "wwhss", 0u, 1u, 2u, "..", "secret"), 0);
    EXPECT(field(7, 2), 1);
    // Links are there, and lead nowhere.
    static const char *const links[] = {"out", "abs", "file"};
    for (unsigned i = 0; i < 3; i++) {
        EXPECT(walk1(0, 1, links[i]), 0);
        EXPECT(out[9], 0x02);
        EXPECT(ask(READLINK, "w", 1u), 0);
        EXPECT(ask(LOPEN, "ww", 1u, 0u), ELOOP);
        EXPECT(walk1(1, 2, "secret"), ELOOP);
        EXPECT(walk1(1, 2, "passwd"), ELOOP);
        EXPECT(ask(LCREATE, "wswww", 1u, "new", 0102u, 0644u, 0u), ELOOP);
        EXPECT(ask(MKDIR, "wsww", 1u, "new", 0755u, 0u), ENOTDIR);
        // What is set is set of the link, or refused.
        ask(SETATTR, "wwwwwddddd", 1u, 1u | 8u, 0777u, 0u, 0u, UINT64_C(0), UINT64_C(0),
            UINT64_C(0), UINT64_C(0), UINT64_C(0));
        EXPECT(ask(CLUNK, "w", 1u), 0);
        EXPECT(ask(WALK, "wwh", 0u, 1u, 0u), 0); // creating over it
        EXPECT(ask(LCREATE, "wswww", 1u, links[i], 01102u, 0644u, 0u), EEXIST);
        EXPECT(ask(CLUNK, "w", 1u), 0);
    }
    struct stat st;
    char path[100];
    snprintf(path, sizeof path, "%s/secret", dir);
    cr_assert(!stat(path, &st) && st.st_size == 14 && (st.st_mode & 0777) != 0777,
              "the secret was touched");
    cr_assert(!exists("new"));
    end();
}

// A link that appears where a directory was, behind the server's back.
Test(p9, a_directory_becomes_a_link)
{
    char path[100], gone[100];
    begin(false);
    attach();
    EXPECT(walk1(0, 1, "sub"), 0);
    snprintf(path, sizeof path, "%s/share/sub", dir);
    snprintf(gone, sizeof gone, "%s/share/gone", dir);
    cr_assert(!rename(path, gone) && !symlink("..", path));
    EXPECT(walk1(1, 2, "secret"), ELOOP);
    EXPECT(walk1(1, 2, "share"), ELOOP);
    EXPECT(ask(LOPEN, "ww", 1u, 0u), ELOOP);
    EXPECT(ask(UNLINKAT, "wsw", 1u, "secret", 0u), ENOTDIR);
    cr_assert(exists("secret"));
    end();
}

Test(p9, reads_and_writes)
{
    begin(false);
    attach();
    EXPECT(walk1(0, 1, "hello"), 0);
    EXPECT(ask(READ, "wdw", 1u, UINT64_C(0), 10u), EBADF); // not open
    EXPECT(ask(LOPEN, "ww", 1u, 2u), 0);
    EXPECT(ask(LOPEN, "ww", 1u, 0u), EBADF);
    EXPECT(ask(READ, "wdw", 1u, UINT64_C(7), 100u), 0);
    EXPECT(field(7, 4), 5);
    cr_assert(!memcmp(out + 11, "world", 5));
    EXPECT(ask(READ, "wdw", 1u, UINT64_C(100), 100u), 0);
    EXPECT(field(7, 4), 0);
    EXPECT(ask(READ, "wdw", 1u, UINT64_MAX, 100u), EINVAL);
    EXPECT(ask(READ, "wdw", 1u, UINT64_C(0), ~0u), 0); // as much as there is
    EXPECT(field(7, 4), 12);
    EXPECT(ask(WRITE, "wdwz", 1u, UINT64_C(7), 5u, "there", (size_t)5), 0);
    EXPECT(field(7, 4), 5);
    EXPECT(ask(WRITE, "wdwz", 1u, UINT64_C(0), 6u, "there", (size_t)5),
           EINVAL); // fewer than it says
    EXPECT(ask(WRITE, "wdwz", 1u, UINT64_C(0), 4u, "there", (size_t)5), EINVAL);
    EXPECT(ask(READ, "wdw", 1u, UINT64_C(0), 100u), 0);
    cr_assert(!memcmp(out + 11, "hello, there", 12));
    EXPECT(ask(FSYNC, "ww", 1u, 0u), 0);
    EXPECT(ask(FSYNC, "ww", 1u, 1u), 0);
    // An open file lives on when its name is gone.
    EXPECT(ask(UNLINKAT, "wsw", 0u, "hello", 0u), 0);
    EXPECT(ask(READ, "wdw", 1u, UINT64_C(0), 5u), 0);
    EXPECT(ask(GETATTR, "wd", 1u, UINT64_C(0x7ff)), 0);
    EXPECT(ask(SETATTR, "wwwwwddddd", 1u, 8u, 0u, 0u, 0u, UINT64_C(3), UINT64_C(0), UINT64_C(0),
               UINT64_C(0), UINT64_C(0)),
           0);
    EXPECT(ask(GETATTR, "wd", 1u, UINT64_C(0x7ff)), 0);
    EXPECT(field(7 + 8 + 13 + 12 + 16, 8), 3);
    EXPECT(ask(LOPEN, "ww", 0u, 3u), EINVAL);
    end();
}

Test(p9, creates)
{
    struct stat st;
    char path[100];
    begin(false);
    attach();
    umask(077);
    EXPECT(ask(WALK, "wwh", 0u, 1u, 0u), 0);
    EXPECT(ask(LCREATE, "wswww", 1u, "new", 0302u, 06664u, 0u), 0);
    EXPECT(ask(WRITE, "wdwz", 1u, UINT64_C(0), 3u, "abc", (size_t)3), 0);
    snprintf(path, sizeof path, "%s/share/new", dir);
    cr_assert(!stat(path, &st));
    EXPECT(st.st_mode, S_IFREG | 0664); // as asked, but for the set-ID bits
    EXPECT(st.st_size, 3);
    EXPECT(ask(WALK, "wwh", 0u, 2u, 0u), 0);
    EXPECT(ask(LCREATE, "wswww", 2u, "new", 0302u, 0644u, 0u), EEXIST); // exclusively
    EXPECT(ask(LCREATE, "wswww", 2u, "sub", 0102u, 0644u, 0u), EEXIST); // a directory
    EXPECT(ask(MKDIR, "wsww", 0u, "d", 0750u, 0u), 0);
    EXPECT(out[7], 0x80);
    snprintf(path, sizeof path, "%s/share/d", dir);
    cr_assert(!stat(path, &st));
    EXPECT(st.st_mode, S_IFDIR | 0750);
    EXPECT(ask(MKDIR, "wsww", 0u, "d", 0750u, 0u), EEXIST);
    EXPECT(ask(MKNOD, "wswwww", 0u, "fifo", 0010640u, 0u, 0u, 0u), 0);
    EXPECT(ask(MKNOD, "wswwww", 0u, "null", 0020666u, 1u, 3u, 0u), EPERM);
    EXPECT(ask(MKNOD, "wswwww", 0u, "disk", 0060666u, 8u, 0u, 0u), EPERM);
    EXPECT(ask(MKNOD, "wswwww", 0u, "odd", 0170666u, 8u, 0u, 0u), EINVAL);
    EXPECT(walk1(0, 3, "fifo"), 0);
    EXPECT(ask(LOPEN, "ww", 3u, 0u), ENXIO); // it would block, and it is not the guest's
    EXPECT(ask(SYMLINK, "wssw", 0u, "lnk", "../../anywhere", 0u), 0);
    EXPECT(walk1(0, 4, "lnk"), 0);
    EXPECT(ask(READLINK, "w", 4u), 0);
    EXPECT(field(7, 2), 14);
    EXPECT(ask(READLINK, "w", 0u), EINVAL); // a directory
    EXPECT(ask(LINK, "wws", 0u, 1u, "hard"), 0);
    EXPECT(ask(GETATTR, "wd", 1u, UINT64_C(0x7ff)), 0);
    EXPECT(field(7 + 8 + 13 + 12, 8), 2);
    EXPECT(ask(LINK, "wws", 0u, 0u, "x"), EBUSY);
    end();
}

Test(p9, renames)
{
    begin(false);
    attach();
    EXPECT(ask(WALK, "wwhss", 0u, 1u, 2u, "sub", "inner"), 0);
    EXPECT(walk1(0, 2, "sub"), 0);
    EXPECT(ask(RENAMEAT, "wsws", 0u, "sub", 0u, "moved"), 0);
    EXPECT(ask(LOPEN, "ww", 1u, 0u), 0); // what was below it moved along
    EXPECT(walk1(2, 3, "inner"), 0);
    EXPECT(ask(RENAME, "wws", 3u, 0u, "top"), 0);
    cr_assert(exists("share/top") && !exists("share/moved/inner"));
    EXPECT(ask(LOPEN, "ww", 3u, 0u), 0);
    EXPECT(ask(RENAME, "wws", 0u, 0u, "x"), EBUSY);
    EXPECT(ask(RENAMEAT, "wsws", 0u, "none", 0u, "x"), ENOENT);
    EXPECT(ask(RENAMEAT, "wsws", 0u, "moved", 2u, "x"), EINVAL); // into itself
    EXPECT(ask(UNLINKAT, "wsw", 0u, "moved", 0u), EISDIR);
    EXPECT(ask(UNLINKAT, "wsw", 0u, "moved", 0x200u), 0);
    EXPECT(ask(REMOVE, "w", 3u), 0);
    cr_assert(!exists("share/top"));
    EXPECT(ask(CLUNK, "w", 3u), EBADF);
    EXPECT(ask(REMOVE, "w", 0u), EBUSY);
    EXPECT(ask(CLUNK, "w", 0u), EBADF); // given up all the same
    end();
}

Test(p9, attributes)
{
    begin(false);
    attach();
    EXPECT(walk1(0, 1, "hello"), 0);
    EXPECT(ask(SETATTR, "wwwwwddddd", 1u, 0x1bfu, 04640u, 0u, 0u, UINT64_C(5), UINT64_C(100),
               UINT64_C(7), UINT64_C(200), UINT64_C(9)),
           0);
    EXPECT(ask(GETATTR, "wd", 1u, UINT64_C(0x7ff)), 0);
    EXPECT(field(7, 8), 0x7ff);
    EXPECT(field(7 + 21, 4), S_IFREG | 0640);
    EXPECT(field(7 + 21 + 12 + 16, 8), 5);
    EXPECT(field(7 + 21 + 12 + 16 + 24, 8), 100);
    EXPECT(field(7 + 21 + 12 + 16 + 32, 8), 7);
    EXPECT(field(7 + 21 + 12 + 16 + 40, 8), 200);
    EXPECT(ask(SETATTR, "wwwwwddddd", 1u, 8u, 0u, 0u, 0u, UINT64_MAX, UINT64_C(0), UINT64_C(0),
               UINT64_C(0), UINT64_C(0)),
           EINVAL);
    EXPECT(ask(SETATTR, "wwwwwddddd", 0u, 8u, 0u, 0u, 0u, UINT64_C(0), UINT64_C(0), UINT64_C(0),
               UINT64_C(0), UINT64_C(0)),
           EISDIR);
    EXPECT(ask(STATFS, "w", 0u), 0);
    EXPECT(field(7, 4), 0x01021997);
    EXPECT(ask(XATTRWALK, "wws", 1u, 2u, "user.x"), EOPNOTSUPP);
    EXPECT(ask(LOCK, "wbwddws", 1u, 1u, 0u, UINT64_C(0), UINT64_C(1), 1u, "me"), 0);
    EXPECT(out[7], 0);
    EXPECT(ask(GETLOCK, "wbddws", 1u, 1u, UINT64_C(0), UINT64_C(1), 1u, "me"), 0);
    EXPECT(out[7], 2);
    end();
}

// All names, however small the pieces in which they are asked for.
static unsigned list(unsigned fid, unsigned count)
{
    uint64_t offset = 0;
    unsigned found = 0;
    for (;;) {
        EXPECT(ask(READDIR, "wdw", fid, offset, count), 0);
        uint32_t len = (uint32_t)field(7, 4), at = 11;
        cr_assert(len <= count, "%u bytes where %u were asked for", len, count);
        if (!len)
            return found;
        while (at < 11 + len) {
            offset = field(at + 13, 8);
            at += 24 + (uint32_t)field(at + 22, 2);
            found++;
        }
        EXPECT(at, 11 + len);
    }
}

Test(p9, lists_directories)
{
    char name[40];
    begin(false);
    attach();
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "share/sub/a-file-with-a-name-%u", i);
        put_file(name, "");
    }
    EXPECT(walk1(0, 1, "sub"), 0);
    EXPECT(ask(READDIR, "wdw", 1u, UINT64_C(0), 100u), EBADF);
    EXPECT(ask(LOPEN, "ww", 1u, 0200000u), 0);
    EXPECT(list(1, 60000), 1003); // with ".", "..", and "inner"
    EXPECT(list(1, 300), 1003);
    EXPECT(list(1, 60), 1003);
    EXPECT(ask(READDIR, "wdw", 1u, UINT64_C(0), 5u), EINVAL);
    EXPECT(ask(READDIR, "wdw", 1u, UINT64_MAX, 500u), EINVAL);
    EXPECT(walk1(0, 2, "hello"), 0);
    EXPECT(ask(LOPEN, "ww", 2u, 0u), 0);
    EXPECT(ask(READDIR, "wdw", 2u, UINT64_C(0), 500u), ENOTDIR);
    end();
}

Test(p9, readonly)
{
    begin(true);
    attach();
    EXPECT(walk1(0, 1, "hello"), 0);
    EXPECT(ask(LOPEN, "ww", 1u, 1u), EROFS);
    EXPECT(ask(LOPEN, "ww", 1u, 2u), EROFS);
    EXPECT(ask(LOPEN, "ww", 1u, 01000u), EROFS); // truncating while reading
    EXPECT(ask(LOPEN, "ww", 1u, 0u), 0);
    EXPECT(ask(READ, "wdw", 1u, UINT64_C(0), 5u), 0);
    EXPECT(ask(WRITE, "wdwz", 1u, UINT64_C(0), 1u, "x", (size_t)1), EROFS);
    EXPECT(ask(SETATTR, "wwwwwddddd", 1u, 8u, 0u, 0u, 0u, UINT64_C(0), UINT64_C(0), UINT64_C(0),
               UINT64_C(0), UINT64_C(0)),
           EROFS);
    EXPECT(ask(MKDIR, "wsww", 0u, "d", 0750u, 0u), EROFS);
    EXPECT(ask(LCREATE, "wswww", 0u, "new", 0302u, 0664u, 0u), EROFS);
    EXPECT(ask(SYMLINK, "wssw", 0u, "lnk", "x", 0u), EROFS);
    EXPECT(ask(MKNOD, "wswwww", 0u, "fifo", 0010640u, 0u, 0u, 0u), EROFS);
    EXPECT(ask(LINK, "wws", 0u, 1u, "hard"), EROFS);
    EXPECT(ask(RENAMEAT, "wsws", 0u, "hello", 0u, "x"), EROFS);
    EXPECT(ask(RENAME, "wws", 1u, 0u, "x"), EROFS);
    EXPECT(ask(UNLINKAT, "wsw", 0u, "hello", 0u), EROFS);
    EXPECT(ask(REMOVE, "w", 1u), EROFS);
    EXPECT(ask(CLUNK, "w", 1u), EBADF);
    cr_assert(exists("share/hello"));
    end();
}

Test(p9, limits)
{
    char path[5000];
    begin(false);
    attach();
    memset(path, 'x', 256);
    path[256] = 0;
    EXPECT(walk1(0, 1, path), ENAMETOOLONG);
    EXPECT(ask(MKDIR, "wsww", 0u, path, 0755u, 0u), ENAMETOOLONG);
    memset(path, 'x', sizeof path);
    path[4999] = 0;
    EXPECT(walk1(0, 1, path), EINVAL); // longer than any string
    // Deeper and deeper, until a path would be longer than a path may be.
    unsigned depth = 0;
    path[200] = 0;
    EXPECT(ask(WALK, "wwh", 0u, 1u, 0u), 0);
    while (!ask(MKDIR, "wsww", 1u, path, 0755u, 0u) && !walk1(1, 1, path))
        depth++;
    cr_assert(depth == 20, "%u directories deep", depth);
    // Fids: as many as there may be, then an error, then all is well again.
    unsigned n = 10;
    while (!ask(WALK, "wwh", 0u, n, 0u))
        n++;
    EXPECT(n - 10, 65536 - 2);
    EXPECT(ask(WALK, "wwh", 0u, n, 0u), EMFILE);
    EXPECT(ask(CLUNK, "w", 12u), 0);
    EXPECT(ask(WALK, "wwh", 0u, n, 0u), 0);
    unsigned open = 0;
    uint32_t e;
    for (n = 13; !(e = ask(LOPEN, "ww", n, 0u)); n++)
        open++;
    EXPECT(e, EMFILE); // this process's limit, or the server's
    cr_assert(open > 100 && open <= 1024, "%u open", open);
    end();
}

Test(p9, malformed_messages)
{
    begin(false);
    attach();
    EXPECT(walk1(0, 1, "hello"), 0);
    EXPECT(ask(LOPEN, "ww", 1u, 0u), 0);
    // Every type, with every length of fields up to 64 bytes that are all the same: answered.
    uint8_t bytes[64];
    static const uint8_t fills[] = {0, 1, 0xff};
    for (unsigned type = 0; type < 256; type++) {
        for (unsigned fill = 0; fill < 3; fill++) {
            memset(bytes, fills[fill], sizeof bytes);
            for (size_t len = 0; len <= sizeof bytes; len++)
                ask(type == CLUNK || type == REMOVE || type == VERSION ? type + 1 : type, "z",
                    bytes, len);
        }
    }
    cr_assert(exists("share/hello"));
    // The size field lies.
    ask(CLUNK, "w", 1u);
    static const uint32_t sizes[] = {0, 6, 7, 10, 12, 1000, 0x7fffffff, 0xffffffff};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        memcpy(in, &sizes[i], 4);
        p9_serve(server, in, in_len, out, sizeof out);
        EXPECT(out[4], RLERROR);
    }
    // No room for the answer.
    EXPECT(walk1(0, 1, "hello"), 0);
    ask(GETATTR, "wd", 1u, UINT64_C(0x7ff));
    EXPECT(p9_serve(server, in, in_len, out, 50), 11);
    EXPECT(out[4], RLERROR);
    EXPECT(ask(LOPEN, "ww", 1u, 0u), 0);
    ask(READ, "wdw", 1u, UINT64_C(0), 12u);
    EXPECT(p9_serve(server, in, in_len, out, 15), 15); // what fits
    EXPECT(field(7, 4), 4);
    end();
}

// Messages that are nearly right, in long random conversations.
Test(p9, fuzz, .timeout = 60)
{
    static const uint8_t types[] = {STATFS,   LOPEN,   LCREATE, SYMLINK,  MKNOD,    RENAME,
                                    READLINK, GETATTR, SETATTR, READDIR,  FSYNC,    LOCK,
                                    GETLOCK,  LINK,    MKDIR,   RENAMEAT, UNLINKAT, ATTACH,
                                    WALK,     READ,    WRITE,   CLUNK,    REMOVE};
    static const char *const names[] = {"hello", "sub", "inner", "..",   "out",  "abs",
                                        "a",     "b",   "",      "file", "/etc", "."};
    uint64_t x = RANDOM_SEED;
    begin(false);
    attach();
    for (unsigned i = 0; i < 30000; i++) {
        struct p9_writer w = {.data = in, .capacity = 4096, .len = 7};
        uint8_t type = types[random_next(&x) % sizeof types];
        unsigned fields = random_next(&x) % 8;
        p9_put(&w, 4, random_next(&x) % 8);
        if (type == WALK) {
            p9_put(&w, 4, random_next(&x) % 8);
            p9_put(&w, 2, fields = random_next(&x) % 4);
        }
        for (unsigned k = 0; k < fields; k++) {
            if (type == WALK || random_next(&x) % 2)
                p9_put_string(&w, names[random_next(&x) % 12]);
            else {
                uint64_t value = random_next(&x);
                p9_put(&w, value % 2 ? 4 : 8, value % 8 < 6 ? value >> 20 & 7 : value);
            }
        }
        for (unsigned k = 0; k < 2 && x % 8 == 0; k++)
            in[7 + random_next(&x) % 32] = (uint8_t)(x >> 40);
        uint32_t len = (uint32_t)w.len;
        memcpy(in, &len, 4);
        in[4] = type;
        uint8_t *copy = malloc(len); // so that a sanitizer sees its end
        memcpy(copy, in, len);
        size_t room = random_next(&x) % 4 ? sizeof out : 11 + x % 100;
        size_t n = p9_serve(server, copy, len, out, room);
        cr_assert(n >= 7 && n <= room, "an answer of %zu bytes, room is %zu", n, room);
        free(copy);
        if (random_next(&x) % 1000 == 0)
            attach();
    }
    char path[100];
    struct stat st;
    snprintf(path, sizeof path, "%s/secret", dir);
    cr_assert(!lstat(path, &st) && st.st_size == 14, "the secret was touched");
    end();
}

// The transport ---------------------------------------------------------------------------------

#define OUT MULTI_DATA
#define IN  (MULTI_DATA + 0x40000)

static struct bench b;
static struct multi m;

static struct device *plug(void)
{
    struct error e;
    begin(false);
    bench_init(&b);
    struct device *dev = virtio_mmio_create("virtio-mmio", &b.bus, &b.clock, bench_wire(&b, 0),
                                            false, virtio_9p_create(server, "share"), NULL);
    cr_assert(bus_map(&b.bus, DEV_BASE, dev, &e));
    multi_start(&m, &b, 1, 1, 64);
    return dev;
}

static void unplug(struct device *dev)
{
    device_destroy(dev);
    server = NULL;
    end();
    bench_fini(&b);
}

Test(p9, over_virtio)
{
    struct device *dev = plug();
    EXPECT(rd(&b, 8), 9);
    EXPECT(bench_read(&b, DEV_BASE + 0x100, 2), 5);
    EXPECT(bench_read(&b, DEV_BASE + 0x106, 1), 'e');
    EXPECT(bench_read(&b, DEV_BASE + 0x107, 1), 0);
    ask(VERSION, "ws", 8192u, "9P2000.L");
    memcpy(b.ram + (OUT - RAM_BASE), in, in_len);
    multi_offer(&m, 0, {OUT, 7}, {OUT + 7, (uint32_t)in_len - 7}, {IN, 8, true},
                {IN + 64, 100, true});
    multi_kick(&m, 0);
    EXPECT(multi_expect(&m, 0), 21);
    EXPECT(bench_read(&b, IN + 4, 1), VERSION + 1);
    EXPECT(b.wire[0].level, 1);
    multi_offer(&m, 0, {OUT, 6}, {IN, 100, true});
    multi_kick(&m, 0);
    EXPECT(multi_status(&m), 15 | 0x40);
    multi_start(&m, &b, 1, 1, 64);
    multi_offer(&m, 0, {OUT, 7}, {IN, 10, true});
    multi_kick(&m, 0);
    EXPECT(multi_status(&m), 15 | 0x40);
    unplug(dev);
}

Test(p9, keeps_its_files)
{
    struct device *dev = plug();
    attach();
    EXPECT(walk1(0, 1, "hello"), 0);
    EXPECT(ask(LOPEN, "ww", 1u, 2u), 0);
    EXPECT(ask(WALK, "wwhss", 0u, 2u, 2u, "sub", "inner"), 0);
    EXPECT(ask(LOPEN, "ww", 2u, 0u), 0);
    EXPECT(walk1(0, 3, "sub"), 0);
    bench_copy_state(dev, dev);
    EXPECT(ask(READ, "wdw", 1u, UINT64_C(0), 5u), 0);
    EXPECT(ask(WRITE, "wdwz", 1u, UINT64_C(0), 1u, "H", (size_t)1), 0);
    EXPECT(walk1(3, 4, "inner"), 0);
    // One that is gone when the state comes back is stale, and stays so.
    struct state_writer w;
    struct state_reader r;
    state_writer_init(&w);
    device_save(dev, &w);
    EXPECT(ask(UNLINKAT, "wsw", 3u, "inner", 0u), 0);
    state_reader_init(&r, w.data, w.len);
    cr_assert(device_load(dev, &r, &err), "%s", err.text);
    state_writer_fini(&w);
    EXPECT(ask(READ, "wdw", 2u, UINT64_C(0), 5u), ESTALE);
    bench_copy_state(dev, dev);
    EXPECT(ask(READ, "wdw", 2u, UINT64_C(0), 5u), ESTALE);
    EXPECT(ask(READ, "wdw", 1u, UINT64_C(0), 5u), 0);
    bench_refuses_corruption(dev);
    // A path that would lead out.
    for (size_t at = 8; at < 100; at++)
        bench_load_damaged(dev, dev, 2, at, '/');
    for (size_t at = 8; at < 100; at++)
        bench_load_damaged(dev, dev, 2, at, 0xff);
    unplug(dev);
}

Test(p9, virtio_fuzz, .timeout = 60)
{
    struct device *dev = plug();
    multi_fuzz(&b, dev, 1, 1, RANDOM_SEED, 20000, NULL);
    unplug(dev);
}
