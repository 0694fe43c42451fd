// SPDX-License-Identifier: GPL-3.0-or-later
// PNG and PPM: what a decoder of the test's own (zlib, all five filters) makes of the file.
#include "devices/display/png.h"
#include "base/bits.h"
#include "tests/support/files.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static uint8_t *read_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    cr_assert(f, "%s", path);
    fseek(f, 0, SEEK_END);
    *len = (size_t)ftell(f);
    rewind(f);
    uint8_t *data = malloc(*len + 1);
    cr_assert_eq(fread(data, 1, *len, f), *len);
    fclose(f);
    return data;
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint8_t paeth(int a, int b, int c)
{
    int p = a + b - c, pa = abs(p - a), pb = abs(p - b), pc = abs(p - c);
    return (uint8_t)(pa <= pb && pa <= pc ? a : pb <= pc ? b : c);
}

// Decodes an 8-bit RGB PNG without interlacing; every chunk's CRC is checked.
static uint8_t *decode(const uint8_t *d, size_t len, uint32_t *width, uint32_t *height)
{
    uint8_t *packed = malloc(len);
    size_t packed_len = 0, at = 8;
    cr_assert(!memcmp(d, "\x89PNG\r\n\x1a\n", 8), "no PNG");
    for (bool end = false; !end;) {
        cr_assert(at + 12 <= len, "ends in the middle");
        uint32_t n = get32(d + at);
        const uint8_t *type = d + at + 4, *body = type + 4;
        cr_assert(n <= len && at + 12 + n <= len, "chunk of %u bytes at %zu", n, at);
        cr_assert_eq(get32(body + n), crc32(crc32(0, NULL, 0), type, n + 4), "CRC at %zu", at);
        if (!memcmp(type, "IHDR", 4)) {
            *width = get32(body);
            *height = get32(body + 4);
            cr_assert(!memcmp(body + 8, "\x08\x02\0\0\0", 5), "not 8-bit RGB");
        } else if (!memcmp(type, "IDAT", 4)) {
            memcpy(packed + packed_len, body, n);
            packed_len += n;
        }
        end = !memcmp(type, "IEND", 4);
        at += 12 + n;
    }
    cr_assert_eq(at, len, "%zu bytes behind the end", len - at);
    size_t line = 3 * (size_t)*width;
    uLongf raw_len = (uLongf)((line + 1) * *height);
    uint8_t *raw = malloc(raw_len), *rgb = calloc(line, *height);
    cr_assert_eq(uncompress(raw, &raw_len, packed, packed_len), Z_OK);
    cr_assert_eq(raw_len, (line + 1) * *height);
    for (uint32_t y = 0; y < *height; y++) {
        const uint8_t *from = raw + y * (line + 1) + 1;
        uint8_t *to = rgb + y * line;
        for (size_t x = 0; x < line; x++) {
            int a = x >= 3 ? to[x - 3] : 0, b = y ? to[x - line] : 0,
                c = y && x >= 3 ? to[x - line - 3] : 0;
            int by[5] = {0, a, b, (a + b) / 2, paeth(a, b, c)};
            cr_assert(from[-1] < 5, "filter %d", from[-1]);
            to[x] = (uint8_t)(from[x] + by[from[-1]]);
        }
    }
    free(packed);
    free(raw);
    return rgb;
}

static struct display_image make(uint32_t width, uint32_t height, unsigned kind)
{
    struct display_image image = {width, height, malloc((size_t)width * height * 4)};
    uint32_t random = 12345;
    for (size_t i = 0; i < (size_t)width * height; i++) {
        random = random * 1664525 + 1013904223;
        image.pixels[i] = 0xff000000 | (kind == 0   ? random >> 8
                                        : kind == 1 ? (uint32_t)(i % width) * 0x010203
                                                    : 0x336699);
    }
    return image;
}

static void same(const struct display_image *image, const uint8_t *rgb, const char *what)
{
    for (size_t i = 0; i < (size_t)image->width * image->height; i++) {
        uint32_t is = (uint32_t)rgb[3 * i] << 16 | (uint32_t)rgb[3 * i + 1] << 8 | rgb[3 * i + 2];
        cr_assert_eq(is, image->pixels[i] & 0xffffff, "%s, %ux%u, pixel %zu: %06x, not %06x", what,
                     image->width, image->height, i, is, image->pixels[i] & 0xffffff);
    }
}

Test(png, decodes)
{
    static const uint32_t sizes[][2] = {{1, 1}, {1, 7}, {7, 1}, {3, 3}, {640, 400}, {1023, 301}};
    struct test_dir dir;
    struct error err;
    test_dir_init(&dir);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
        for (unsigned kind = 0; kind < 3; kind++) {
            struct display_image image = make(sizes[i][0], sizes[i][1], kind);
            const char *path = test_dir_path(&dir, "x.png");
            size_t len;
            uint32_t w, h;
            cr_assert(picture_save(path, png_write, &image, &err), "%s", err.text);
            uint8_t *file = read_file(path, &len), *rgb = decode(file, len, &w, &h);
            cr_assert(w == image.width && h == image.height, "%ux%u", w, h);
            same(&image, rgb, "PNG");
            free(file);
            free(rgb);
            display_image_fini(&image);
        }
    test_dir_fini(&dir);
}

Test(png, ppm)
{
    struct test_dir dir;
    struct error err;
    struct display_image image = make(5, 3, 0);
    size_t len;
    test_dir_init(&dir);
    const char *path = test_dir_path(&dir, "x.ppm");
    cr_assert(picture_save(path, ppm_write, &image, &err), "%s", err.text);
    uint8_t *file = read_file(path, &len);
    cr_assert_eq(len, strlen("P6\n5 3\n255\n") + 45);
    cr_assert(!memcmp(file, "P6\n5 3\n255\n", 11));
    same(&image, file + 11, "PPM");
    free(file);
    display_image_fini(&image);
    test_dir_fini(&dir);
}

// A longer file that was there leaves nothing behind; what cannot be written says its name.
Test(png, files)
{
    struct test_dir dir;
    struct error err;
    struct display_image image = make(4, 4, 2);
    char big[10000] = {0};
    struct stat st;
    test_dir_init(&dir);
    const char *path = test_dir_write(&dir, "x.png", big, sizeof big);
    cr_assert(picture_save(path, png_write, &image, &err), "%s", err.text);
    cr_assert(!stat(path, &st) && st.st_size < 200, "%ld bytes", (long)st.st_size);
    cr_expect(!picture_save("/nowhere/x.png", png_write, &image, &err));
    cr_expect(strstr(err.text, "/nowhere/x.png"), "'%s'", err.text);
    cr_expect(!picture_save("/tmp", png_write, &image, &err));
    path = test_dir_path(&dir, "fifo");
    cr_assert(!mkfifo(path, 0600));
    cr_expect(!picture_save(path, png_write, &image, &err), "a FIFO");
    cr_expect(!picture_save("/dev/full", png_write, &image, &err), "a device");
    cr_expect(!stat("/dev/full", &st), "/dev/full is gone");
    display_image_fini(&image);
    test_dir_fini(&dir);
}
