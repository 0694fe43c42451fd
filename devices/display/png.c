// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/display/png.h"
#include "base/bits.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum {
    IDAT_SIZE = 1 << 16, // bytes of a chunk of picture data
    LEVEL = 4,           // of deflate: screens are flat, more effort gains little
};

struct png {
    FILE *f;
    z_stream z;
    uint8_t out[IDAT_SIZE];
};

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void chunk(FILE *f, const char *type, const uint8_t *data, size_t len)
{
    uint8_t word[4];
    put32(word, (uint32_t)len);
    fwrite(word, 1, 4, f);
    fwrite(type, 1, 4, f);
    if (len)
        fwrite(data, 1, len, f);
    uLong crc = crc32(0, (const uint8_t *)type, 4);
    put32(word, (uint32_t)(len ? crc32(crc, data, (uInt)len) : crc));
    fwrite(word, 1, 4, f);
}

static void deflate_some(struct png *png, const uint8_t *data, size_t len, int flush)
{
    z_stream *z = &png->z;
    int r;
    z->next_in = (uint8_t *)data;
    z->avail_in = (uInt)len;
    do {
        r = deflate(z, flush);
        if (!z->avail_out || r == Z_STREAM_END) {
            chunk(png->f, "IDAT", png->out, IDAT_SIZE - z->avail_out);
            z->next_out = png->out;
            z->avail_out = IDAT_SIZE;
        }
    } while (z->avail_in || (flush == Z_FINISH && r != Z_STREAM_END));
}

// One line as bytes: filter type Sub, the difference from the pixel before, which makes flat
// colours and gradients alike runs of one value.
static void filter(uint8_t *line, const uint32_t *pixels, unsigned width)
{
    uint8_t r = 0, g = 0, b = 0;
    *line++ = 1;
    for (unsigned x = 0; x < width; x++) {
        uint32_t v = pixels[x];
        *line++ = (uint8_t)((uint8_t)(v >> 16) - r);
        *line++ = (uint8_t)((uint8_t)(v >> 8) - g);
        *line++ = (uint8_t)((uint8_t)v - b);
        r = (uint8_t)(v >> 16);
        g = (uint8_t)(v >> 8);
        b = (uint8_t)v;
    }
}

bool png_write(FILE *f, const struct display_image *image)
{
    static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    uint8_t header[13] = {[8] = 8, [9] = 2}; // 8 bits a sample, RGB
    size_t len = 3 * (size_t)image->width + 1;
    uint8_t *line = malloc(len);
    struct png *png = calloc(1, sizeof *png);
    assert(line && png);
    png->f = f;
    int r = deflateInit(&png->z, LEVEL);
    assert(r == Z_OK);
    (void)r;
    png->z.next_out = png->out;
    png->z.avail_out = IDAT_SIZE;

    fwrite(signature, 1, sizeof signature, f);
    put32(header, image->width);
    put32(header + 4, image->height);
    chunk(f, "IHDR", header, sizeof header);
    for (unsigned y = 0; y < image->height && !ferror(f); y++) {
        filter(line, image->pixels + (size_t)y * image->width, image->width);
        deflate_some(png, line, len, Z_NO_FLUSH);
    }
    deflate_some(png, NULL, 0, Z_FINISH);
    chunk(f, "IEND", NULL, 0);
    deflateEnd(&png->z);
    free(png);
    free(line);
    return !fflush(f) && !ferror(f);
}

bool ppm_write(FILE *f, const struct display_image *image)
{
    size_t len = 3 * (size_t)image->width;
    uint8_t *line = malloc(len);
    assert(line);
    fprintf(f, "P6\n%u %u\n255\n", image->width, image->height);
    for (unsigned y = 0; y < image->height && !ferror(f); y++) {
        const uint32_t *v = image->pixels + (size_t)y * image->width;
        for (unsigned x = 0; x < image->width; x++)
            for (unsigned i = 0; i < 3; i++)
                line[3 * x + i] = (uint8_t)(v[x] >> (16 - 8 * i));
        fwrite(line, 1, len, f);
    }
    free(line);
    return !fflush(f) && !ferror(f);
}

bool picture_save(const char *path, bool (*write)(FILE *f, const struct display_image *image),
                  const struct display_image *image, struct error *err)
{
    struct stat st;
    // A FIFO is not waited for, and nothing but a file is written to.
    int fd = open(path, O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0666);
    if (fd < 0 || fstat(fd, &st)) {
        error_set(err, "%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    if (!S_ISREG(st.st_mode)) {
        close(fd);
        return error_set(err, "%s: not a plain file", path);
    }
    FILE *f = ftruncate(fd, 0) ? NULL : fdopen(fd, "wb");
    errno = 0;
    bool ok = f && write(f, image);
    int why = errno;
    if (f ? fclose(f) : close(fd))
        ok = false;
    if (!ok) {
        unlink(path);
        return error_set(err, "%s: %s", path, strerror(why ? why : errno));
    }
    return true;
}
