// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/short_way.h"

#include "base/bits.h"
#include "devices/char/say.h"
#include "devices/gic.h"
#include "frontend/cpu_models.h"

#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MIB UINT64_C(0x100000)

enum {
    MEMORY_LEAST = 1024, // MiB that a disk's system gets
    MEMORY_MOST = 4096,

    NAME_ROOM = 4096,
    SSH_PORT = 2222, // the first of the ports that are tried for the guest's ssh
    SSH_PORTS = 20,
};

// What a file is

static bool has(int fd, off_t at, const char *magic, size_t n)
{
    char there[16];
    return n <= sizeof there && pread(fd, there, n, at) == (ssize_t)n && !memcmp(there, magic, n);
}

enum file_kind short_way_sniff(const char *path)
{
    static const struct {
        off_t at;
        const char *magic;
        size_t n;
        enum file_kind kind;
    } rows[] = {
        // the first that fits
        {56, "ARM\x64", 4, FILE_KERNEL},
        {0,
         "\x7f"
         "ELF",
         4, FILE_KERNEL},
        {0, "\x1f\x8b", 2, FILE_KERNEL},
        {0, "QFI\xfb", 4, FILE_QCOW2},
        {40, "_FVH", 4, FILE_FIRMWARE},   // EFI's firmware volume,
        {4136, "_FVH", 4, FILE_FIRMWARE}, // or one behind a page of code
        {0x8001, "CD001", 5, FILE_ISO},
        {512, "EFI PART", 8, FILE_DISK},
        {510, "\x55\xaa", 2, FILE_DISK},
        {1080, "\x53\xef", 2, FILE_DISK}, // ext2 and its successors
    };
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return FILE_UNKNOWN;
    enum file_kind kind = FILE_UNKNOWN;
    for (size_t i = 0; i < ARRAY_SIZE(rows) && kind == FILE_UNKNOWN; i++)
        if (has(fd, rows[i].at, rows[i].magic, rows[i].n))
            kind = rows[i].kind;
    close(fd);
    return kind;
}

// Options that are added

__attribute__((format(printf, 3, 4))) static bool add(struct options *o, const char *name,
                                                      const char *fmt, ...)
{
    char text[NAME_ROOM];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0 || n >= (int)sizeof text)
        return error_set(o->err, "-%s: too long a file name", name);
    return options_apply(o, name, machine_config_strndup(o->config, text, (size_t)n));
}

// A file name as a value in a list of properties: its commas doubled.
static const char *escaped(struct options *o, const char *path, const char *suffix)
{
    char text[NAME_ROOM];
    size_t n = 0;
    for (const char *part = path; part; part = part == path ? suffix : NULL)
        for (const char *p = part; *p && n < sizeof text - 2; p++) {
            if (*p == ',')
                text[n++] = ',';
            text[n++] = *p;
        }
    return machine_config_strndup(o->config, text, n);
}

bool short_way_positional(struct options *o, const char *path)
{
    enum file_kind kind = short_way_sniff(path);
    switch (kind) {
    case FILE_DISK:
    case FILE_QCOW2:
    case FILE_ISO:
        if (!o->short_disk)
            o->short_disk = path;
        return add(o, "drive", "file=%s,format=%s,if=virtio%s", escaped(o, path, ""),
                   kind == FILE_QCOW2 ? "qcow2" : "raw", kind == FILE_ISO ? ",readonly=on" : "");
    case FILE_FIRMWARE:
        return add(o, "bios", "%s", path);
    default:
        if (o->config->kernel_positional)
            return error_set(o->err, "%s: more than one kernel is named", path);
        if (!options_apply(o, "kernel", path))
            return false;
        o->config->kernel_positional = true;
        return true;
    }
}

static uint64_t memory_by_host(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    uint64_t mib = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page / MIB / 4 : 0;
    return mib < MEMORY_LEAST ? MEMORY_LEAST : mib > MEMORY_MOST ? MEMORY_MOST : mib;
}

static bool is_given(const struct options *o, const char *name)
{
    for (size_t i = 0; i < o->given_count; i++)
        if (!strcmp(o->given[i].name, name))
            return true;
    return false;
}

// Half of what the host has: the other half compiles, and is its user's.
static int cpus_by_host(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN) / 2;
    return n < 1 ? 1 : n > GICV2_MAX_CPUS ? GICV2_MAX_CPUS : (int)n;
}

// Some kinds of runs have one CPU.
static bool may_have_cpus(const struct options *o)
{
    return !is_given(o, "smp") && o->config->machine.accel != CONFIG_ACCEL_VERIFY && !o->config->icount;
}

static const char *first_readable(const char *const *paths)
{
    while (*paths && access(*paths, R_OK))
        paths++;
    return *paths;
}

// EDK2, and a file beside the disk for its variables; where none can be, they are forgotten.
static bool add_firmware(struct options *o)
{
    static const char *const places[] = {
        "/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd",
        "/usr/share/edk2/aarch64/QEMU_EFI.fd", "/usr/share/qemu/edk2-aarch64-code.fd", NULL};
    const char *code = first_readable(places);
    if (!code)
        return error_set(o->err,
                         "%s: no firmware to start it (install qemu-efi-aarch64, or name one "
                         "with -bios)",
                         o->short_disk);
    char vars[NAME_ROOM];
    int n = snprintf(vars, sizeof vars, "%s.efivars", o->short_disk);
    bool is_there = n < (int)sizeof vars && !access(vars, F_OK);
    char *slash = strrchr(vars, '/');
    if (!is_there && slash)
        slash[1] = 0;
    bool writable = !access(is_there ? vars : slash ? vars : ".", W_OK);
    if (!add(o, "drive", "if=pflash,unit=0,format=raw,readonly=on,file=%s", code))
        return false;
    return !writable || add(o, "drive", "if=pflash,unit=1,format=raw,create=on,file=%s",
                            escaped(o, o->short_disk, ".efivars"));
}

// A free port of this host for the guest's ssh, or 0.
static int free_port(void)
{
    for (int port = SSH_PORT; port < SSH_PORT + SSH_PORTS; port++) {
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            return 0;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        bool ok = !bind(fd, (struct sockaddr *)&a, sizeof a);
        close(fd);
        if (ok)
            return port;
    }
    return 0;
}

static bool add_network(struct options *o)
{
    int port = free_port();
    if (!port)
        return add(o, "nic", "user");
    if (!o->print_config && isatty(STDERR_FILENO))
        say("the guest's ssh: ssh -p %d root@127.0.0.1", port);
    return add(o, "nic", "user,hostfwd=tcp:127.0.0.1:%d-:22", port);
}

static bool has_firmware(const struct machine_config *c)
{
    for (size_t i = 0; i < c->drive_count; i++)
        if (c->drives[i].interface == CONFIG_IF_PFLASH)
            return true;
    return c->bios;
}

bool short_way_complete(struct options *o)
{
    if (!o->short_disk || o->config->kernel)
        return true;
    if (!is_given(o, "m") && !add(o, "m", "%" PRIu64 "M", memory_by_host()))
        return false;
    if (may_have_cpus(o) && cpus_by_host() > 1 && !add(o, "smp", "%d", cpus_by_host()))
        return false;
    bool network = is_given(o, "nic") || is_given(o, "net") || is_given(o, "netdev");
    if (!network && !is_given(o, "nodefaults") && !add_network(o))
        return false;
    return has_firmware(o->config) || add_firmware(o);
}

// The command line

static void print_word(const char *s, FILE *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_./,=:@%+-";
    if (*s && s[strspn(s, plain)] == 0) {
        fputs(s, out);
        return;
    }
    fputc('\'', out);
    for (; *s; s++)
        if (*s == '\'')
            fputs("'\\''", out);
        else
            fputc(*s, out);
    fputc('\'', out);
}

static void print_option(const char *name, const char *arg, FILE *out)
{
    fprintf(out, " -%s", name);
    if (arg) {
        fputc(' ', out);
        print_word(arg, out);
    }
}

void short_way_print(const struct options *o, FILE *out)
{
    const struct machine_config *c = o->config;
    char text[32];
    fputs("armlet", out);
    if (!is_given(o, "M") && !is_given(o, "machine")) {
        snprintf(text, sizeof text, "virt,gic-version=%d", c->machine.gic_version);
        print_option("machine", text, out);
    }
    if (!is_given(o, "cpu"))
        print_option("cpu", a64_models[c->cpu].name, out);
    if (!is_given(o, "smp")) {
        snprintf(text, sizeof text, "%d", c->smp);
        print_option("smp", text, out);
    }
    if (!is_given(o, "m")) {
        snprintf(text, sizeof text, "%" PRIu64 "M", c->ram_size / MIB);
        print_option("m", text, out);
    }
    for (size_t i = 0; i < o->given_count; i++)
        if (strcmp(o->given[i].name, "print-config"))
            print_option(o->given[i].name, o->given[i].arg, out);
    if (!is_given(o, "serial"))
        print_option("serial", o->serials[0], out);
    fputc('\n', out);
}

const char *short_way_find_firmware(struct machine_config *c, const char *name)
{
    static const char *const places[] = {"/usr/share/qemu-efi-aarch64", "/usr/share/AAVMF",
                                         "/usr/share/qemu", "/usr/lib/u-boot/qemu_arm64"};
    char path[NAME_ROOM];
    if (!*name || strchr(name, '/') || !access(name, F_OK))
        return name;
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        int n = snprintf(path, sizeof path, "%s/%s", places[i], name);
        if (n < (int)sizeof path && !access(path, R_OK))
            return machine_config_strndup(c, path, (size_t)n);
    }
    return name;
}
