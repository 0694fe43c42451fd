// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/firmware.h"

#include "devices/fw_cfg.h"
#include "machine/loader.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define MIB 0x100000u

enum { FILE_LIMIT = 1024 }; // MiB, of what goes through fw_cfg

// A gzipped file's contents, which the caller frees. NULL: *err is set.
static void *inflated(const char *path, const uint8_t *data, size_t len, size_t *size,
                      struct error *err)
{
    z_stream z = {.next_in = (uint8_t *)(uintptr_t)data, .avail_in = (uInt)len};
    uint8_t *out = NULL;
    size_t room = 0;
    int r = inflateInit2(&z, 16 + MAX_WBITS);
    while (r == Z_OK && room < (size_t)FILE_LIMIT * MIB) {
        uint8_t *more = realloc(out, room + 32 * MIB);
        if (!more) {
            r = Z_MEM_ERROR;
            break;
        }
        out = more;
        z.next_out = out + room;
        z.avail_out = 32 * MIB;
        room += 32 * MIB;
        r = inflate(&z, Z_NO_FLUSH);
        *size = room - z.avail_out;
    }
    inflateEnd(&z);
    if (r == Z_STREAM_END)
        return out;
    free(out);
    error_set(err, "%s: broken gzip data (%s)", path, r == Z_OK ? "too much" : zError(r));
    return NULL;
}

// The kernel as firmware wants it: not gzipped.
static void *read_kernel(const char *path, size_t *size, struct error *err)
{
    uint8_t *file = loader_read_file(path, (size_t)FILE_LIMIT * MIB, size, err), *out;
    if (!file || *size < 2 || file[0] != 0x1f || file[1] != 0x8b)
        return file;
    out = inflated(path, file, *size, size, err);
    free(file);
    return out;
}

static void hand_over(struct machine *m, enum fw_cfg_key size_key, enum fw_cfg_key data_key,
                      const void *data, size_t size)
{
    fw_cfg_set_u32(m->fw_cfg, size_key, (uint32_t)size);
    fw_cfg_set_bytes(m->fw_cfg, data_key, data, (uint32_t)size);
}

bool firmware_load(struct machine *m, struct error *err)
{
    const struct machine_config *c = m->config;
    size_t size = 0;
    firmware_fini(m);
    if (c->kernel && !(m->fw_kernel = read_kernel(c->kernel, &size, err)))
        return error_prefix(err, "could not load kernel");
    hand_over(m, FW_CFG_KERNEL_SIZE, FW_CFG_KERNEL_DATA, m->fw_kernel, size);
    size = 0;
    if (c->initrd &&
        !(m->fw_initrd = loader_read_file(c->initrd, (size_t)FILE_LIMIT * MIB, &size, err)))
        return error_prefix(err, "could not load initrd");
    hand_over(m, FW_CFG_INITRD_SIZE, FW_CFG_INITRD_DATA, m->fw_initrd, size);
    size = c->append ? strlen(c->append) + 1 : 0;
    hand_over(m, FW_CFG_CMDLINE_SIZE, FW_CFG_CMDLINE_DATA, c->append, size);
    return true;
}

void firmware_fini(struct machine *m)
{
    free(m->fw_kernel);
    free(m->fw_initrd);
    m->fw_kernel = m->fw_initrd = NULL;
}

bool firmware_add_items(struct machine *m, struct error *err)
{
    for (size_t i = 0; i < m->config->fw_cfg_count; i++) {
        const struct config_fw_cfg *f = &m->config->fw_cfg[i];
        size_t size = f->string ? strlen(f->string) : 0;
        void *data = f->string ? strdup(f->string)
                               : loader_read_file(f->file, (size_t)FILE_LIMIT * MIB, &size, err);
        if (!data)
            return error_prefix(err, "-fw_cfg %s", f->name);
        m->fw_items[i] = data;
        if (!fw_cfg_can_add(m->fw_cfg, f->name))
            return error_set(err, "-fw_cfg %s: there is such an item already", f->name);
        fw_cfg_add_file(m->fw_cfg, f->name, data, (uint32_t)size, NULL, NULL);
    }
    return true;
}

void firmware_release_items(struct machine *m)
{
    for (size_t i = 0; i < CONFIG_MAX_FW_CFG; i++)
        free(m->fw_items[i]);
    memset(m->fw_items, 0, sizeof m->fw_items);
}
