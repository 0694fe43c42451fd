// SPDX-License-Identifier: GPL-3.0-or-later
// The command line: what is accepted, what it becomes, and the one line that wrong ones get.
#include "base/bits.h"
#include "base/log.h"
#include "machine/device_types.h"
#include "machine/option_handlers.h"
#include "machine/short_way.h"
#include "tests/support/files.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ARGS 80

static struct machine_config config;
static struct error error;
static char *printed;

// Splits at single spaces; '~' in a word stands for a space.
static enum options_result parse(const char *line)
{
    static char buffer[2048];
    char *argv[MAX_ARGS] = {"armlet"};
    int argc = 1;
    size_t size;
    snprintf(buffer, sizeof buffer, "%s", line);
    for (char *w = strtok(buffer, " "); w; w = strtok(NULL, " ")) {
        for (char *p = w; *p; p++)
            if (*p == '~')
                *p = ' ';
        argv[argc++] = w;
    }
    machine_config_fini(&config);
    machine_config_init(&config);
    error = (struct error){0};
    free(printed);
    FILE *out = open_memstream(&printed, &size);
    enum options_result r = options_parse(&config, argc, argv, out, &error);
    fclose(out);
    return r;
}

static void good(const char *line)
{
    enum options_result r = parse(line);
    cr_assert_eq(r, OPTIONS_RUN, "'%s' gives %d: %s", line, r, error.text);
}

static void bad(const char *line, const char *text)
{
    enum options_result r = parse(line);
    cr_expect_eq(r, OPTIONS_WRONG, "'%s' gives %d", line, r);
    cr_expect(strstr(error.text, text), "'%s' says '%s', not '%s'", line, error.text, text);
    cr_expect(!strchr(error.text, '\n'), "'%s' says more than a line", line);
}

static void help(const char *line, const char *text)
{
    enum options_result r = parse(line);
    cr_expect_eq(r, OPTIONS_DONE, "'%s' gives %d: %s", line, r, error.text);
    cr_expect(strstr(printed, text), "'%s' prints '%s' without '%s'", line, printed, text);
}

static void fini(void)
{
    machine_config_fini(&config);
    free(printed);
    printed = NULL;
}

TestSuite(options, .fini = fini);

Test(options, defaults)
{
    good("-kernel K");
    cr_expect_str_eq(config.kernel, "K");
    cr_expect(!config.kernel_positional);
    cr_expect_eq(config.ram_size, UINT64_C(1) << 30);
    cr_expect_eq(config.machine.gic_version, 3);
    cr_expect_eq(config.smp, 1);
    cr_expect(config.virtio_legacy);
    cr_expect_eq(config.serial_count, 1u);
    cr_expect_eq(config.chardevs[config.serials[0]].backend, CONFIG_CHAR_STDIO);
    cr_expect(config.chardevs[config.serials[0]].mux);
}

Test(options, cpus)
{
    static const struct { const char *line; int cpus; } rows[] = {
        { "-kernel K -smp 0", 1 },        { "-kernel K -smp 64", 64 },
        { "-kernel K -smp cpus=8", 8 },   { "-kernel K -smp cores=4,threads=2", 8 },
        { "-kernel K -smp 4,cores=2", 4 }, { "-kernel K -smp 4,maxcpus=4,sockets=1", 4 },
    };
    for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
        good(rows[n].line);
        cr_expect(config.smp == rows[n].cpus, "'%s' gives %d CPUs, not %d", rows[n].line, config.smp, rows[n].cpus);
        machine_config_fini(&config);
    }
    good("-kernel K");
}

// What bench/compare and QEMU users type.
Test(options, whole_line)
{
    good("-accel interp -M virt,gic-version=3 -m 1024 -smp 1 -nographic -nic none -kernel /k/Image "
         "-initrd /k/initrd.gz -append console=ttyAMA0~quiet~bench=boot -drive "
         "file=/k/disk.img,format=raw,if=none,id=d,readonly=on -device virtio-blk-device,drive=d");
    cr_expect_str_eq(config.kernel, "/k/Image");
    cr_expect_str_eq(config.initrd, "/k/initrd.gz");
    cr_expect_str_eq(config.append, "console=ttyAMA0 quiet bench=boot");
    cr_expect_eq(config.drive_count, 1u);
    cr_expect_str_eq(config.drives[0].file, "/k/disk.img");
    cr_expect(config.drives[0].readonly);
    cr_expect_eq(config.drives[0].interface, CONFIG_IF_NONE);
    cr_expect_eq(config.device_count, 1u);
    cr_expect_eq(config.devices[0].type, DEVICE_VIRTIO_BLK);
    cr_expect_eq(config.devices[0].backend, &config.drives[0]);
}

Test(options, positional_kernel)
{
    good("Image -m 512M");
    cr_expect_str_eq(config.kernel, "Image");
    cr_expect(config.kernel_positional);
    good("-- Image");
    cr_expect_str_eq(config.kernel, "Image");
    bad("Image other", "more than one kernel");
}

Test(options, two_dashes_and_equals)
{
    good("--kernel K --m=64M --append=a=b");
    cr_expect_eq(config.ram_size, 64u << 20);
    cr_expect_str_eq(config.append, "a=b");
}

Test(options, memory_sizes)
{
    static const struct {
        const char *text;
        uint64_t size;
    } rows[] = {
        {"512", 512u << 20},   {"64M", 64u << 20},       {"2G", UINT64_C(2) << 30},
        {"1g", 1u << 30},      {"size=300", 300u << 20}, {"1048576K", 1u << 30},
        {"0x100", 256u << 20}, {"33000k", 33u << 20},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char line[64];
        snprintf(line, sizeof line, "K -m %s", rows[i].text);
        good(line);
        cr_expect_eq(config.ram_size, rows[i].size, "-m %s is %llu", rows[i].text,
                     (unsigned long long)config.ram_size);
    }
    static const char *const wrong[] = {
        "0",  "-1",  "1Q",  "G", "12MM", "99999999999999999999", "18446744073709551615G",
        "1T", "15M", "1.5G"};
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        char line[64];
        snprintf(line, sizeof line, "K -m %s", wrong[i]);
        bad(line, "-m");
    }
}

Test(options, unknown_names)
{
    bad("-kernal K", "did you mean -kernel?");
    bad("--inird K", "did you mean -initrd?");
    bad("-zzzzzzzz", "unknown option");
    bad("-ker K", "unknown option"); // no abbreviations
    bad("K -drive fil=x", "did you mean 'file'?");
    bad("K -drive file=x,if=nome", "did you mean 'none'?");
    bad("K -device virtio-blk-devise,drive=d", "did you mean virtio-blk-device?");
    bad("K -M vrit", "did you mean 'virt'?");
    bad("K -M virt,gic-versoin=3", "did you mean 'gic-version'?");
    bad("K -accel kvm", "interp");
    bad("K -M virt,accel=kvm:hvf", "interp");
    bad("K -M virt,accel=kvm:nothing", "interp");
    bad("K -accel tcg,tb_size=1", "tb-size");
    bad("K -mon chardev=x", "no -chardev");
    bad("K -chardev null,id=x -mon chardev=x", "mux=on");
    bad("K -echr 2", "-echr 1");
    bad("K -accel tiered,every=4", "verify");
    bad("K -accel verify,engine=interp", "gccjit");
    bad("K -accel verify,every=few", "every");
    bad("K -accel tiered,wrokers=2", "did you mean 'workers'?");
    bad("K -d nosuch", "nosuch");
    bad("K -d int,guest_eror", "did you mean guest_error?");
    bad("K -global virtio-mmio.force_legacy=on", "force-legacy");
}

Test(options, wrong_values)
{
    bad("", "nothing to boot");
    bad("-kernel", "needs an argument");
    bad("-append x", "-append goes with -kernel");
    bad("-initrd x", "-initrd goes with -kernel");
    bad("K -smp 65", "at most 64 CPUs");
    bad("K -smp -1", "not a number");
    bad("K -smp sockets=9,cores=9", "at most 64 CPUs");
    bad("K -smp 4,cores=3", "does not make 4 CPUs");
    bad("K -smp 2,maxcpus=4", "from the start");
    bad("K -smp 2 -accel verify", "one CPU");
    bad("K -smp 9 -M gic-version=2", "at most 8 CPUs");
    good("K -smp 8 -M gic-version=2");
    bad("K -smp x", "not a number");
    bad("K -M virt,gic-version=4", "gic-version");
    bad("K -M virt,virtualization=on", "only virtualization=off");
    bad("K -cpu cortex-m3", "no such CPU");
    bad("K -cpu mac", "did you mean max?");
    bad("K -cpu max,sve=on", "only sve=off");
    bad("K -drive format=raw", "no file=");
    bad("K -drive file=", "file= is empty");
    bad("K -drive file=x,readonly=maybe", "neither on nor off");
    bad("K -drive file=x,format=vmdk", "raw");
    bad("K -drive ,", "empty item");
    bad("K -drive file", "needs a value");
    bad("K -device virtio-blk-device", "no drive=");
    bad("K -device ramfb -device ramfb", "there is one already");
    bad("K -device simple-framebuffer,xres=100", "go together");
    bad("K -device virtio-gpu-device,xres=4096,yres=100", "at most 4095");
    bad("K -device simple-framebuffer,format=bgr", "x8r8g8b8");
    bad("K -device virtio-gpu-device -device virtio-gpu-device -device ramfb "
        "-device simple-framebuffer -device virtio-gpu-device",
        "more than 4 displays");
    bad("K -device virtio-blk-device,drive=d", "no -drive of that id");
    bad("K -device virtio-rng-device,drive=d", "no property");
    bad("K -drive file=x,id=d -device virtio-blk-device,drive=d", "if=none");
    bad("K -drive file=x,if=none,id=d -drive file=y,if=none,id=d", "given twice");
    bad("K -drive file=x,if=none,id=d -device virtio-blk-device,drive=d "
        "-device virtio-blk-device,drive=d",
        "in use");
    bad("K -nic tap", "user");
    bad("K -display curses", "none");
    bad("K -serial tcp:1", "mon:stdio");
    bad("K -serial null -serial null -serial null", "two UARTs");
    bad("K -serial chardev:x", "no -chardev");
    bad("K -chardev stdio,id=a -chardev stdio,id=b", "once");
    bad("K -chardev file,id=a", "path=");
    bad("K -chardev socket,id=a,server=on", "path=");
    bad("K -chardev socket,id=a,path=/x,wait=on", "only wait=off");
    bad("K -chardev socket,id=a,host=localhost,port=1", "no property");
    bad("K -chardev null", "no id=");
    bad("K -seed x", "not a number");
}

Test(options, drives)
{
    good("K -drive file=a,format=qcow2,backing=on -drive file=b,format=raw -drive file=c");
    cr_expect_eq(config.drives[0].format, CONFIG_FORMAT_QCOW2);
    cr_expect(config.drives[0].backing);
    cr_expect_eq(config.drives[1].format, CONFIG_FORMAT_RAW);
    cr_expect(!config.drives[1].backing);
    cr_expect_eq(config.drives[2].format, CONFIG_FORMAT_UNSAID);
    good("K -drive file=a,,b.img,if=none,id=x -drive file=c,snapshot=on,cache=directsync,discard=unmap "
         "-device virtio-rng-device -device virtio-blk-device,drive=x,serial=S1,id=dev");
    cr_expect_str_eq(config.drives[0].file, "a,b.img");
    cr_expect(!config.drives[0].snapshot);
    cr_expect(config.drives[1].snapshot);
    cr_expect_eq(config.drives[1].cache, CONFIG_CACHE_WRITETHROUGH);
    cr_expect_eq(config.device_count, 3u);
    cr_expect_eq(config.devices[0].type, DEVICE_VIRTIO_RNG);
    cr_expect_str_eq(config.devices[1].serial, "S1");
    cr_expect_eq(config.devices[2].backend, &config.drives[1]);
    good("K -drive file=a -snapshot");
    cr_expect(config.drives[0].snapshot);
}

Test(options, too_many)
{
    char line[2048] = "K";
    for (int i = 0; i <= CONFIG_MAX_DRIVES; i++)
        strcat(line, " -drive file=x");
    bad(line, "more than 32");
    strcpy(line, "K");
    for (int i = 0; i <= CONFIG_MAX_DEVICES; i++)
        strcat(line, " -device virtio-rng-device");
    bad(line, "more than 32");
    strcpy(line, "K -drive file=x");
    for (int i = 0; i < CONFIG_MAX_DEVICES; i++)
        strcat(line, " -device virtio-rng-device");
    bad(line, "slots are taken");
}

static void expect_address(struct in_addr a, unsigned want)
{
    cr_expect_eq(ntohl(a.s_addr), want, "address 0x%x, not 0x%x", ntohl(a.s_addr), want);
}

Test(options, networks)
{
    good("K -nic none");
    cr_expect_eq(config.netdev_count, 0u);
    good("K -nic user");
    cr_expect_eq(config.device_count, 1u);
    cr_expect_eq(config.devices[0].type, DEVICE_VIRTIO_NET);
    cr_expect_eq(config.devices[0].mac_address[5], 0x56);
    expect_address(config.netdevs[0].user.net, 0x0a000200);
    expect_address(config.netdevs[0].user.host, 0x0a000202);
    expect_address(config.netdevs[0].user.dns, 0x0a000203);
    expect_address(config.netdevs[0].user.dhcp_start, 0x0a00020f);
    good("K -netdev user,id=n,hostfwd=tcp::2222-:22,hostfwd=udp:0.0.0.0:53-10.0.2.20:5353,net=192.168.7.0/24,"
         "restrict=on,ipv6=off -device virtio-net-device,netdev=n,mac=52:54:00:aa:bb:cc -nic user");
    struct config_netdev *n = &config.netdevs[0];
    cr_expect_eq(config.devices[0].net, n);
    cr_expect_eq(config.devices[0].mac_address[3], 0xaa);
    cr_expect_eq(config.devices[1].mac_address[5], 0x56);
    cr_expect_eq(n->user.hostfwd_count, 2u);
    expect_address(n->hostfwd[0].host, 0x7f000001); // loopback unless told otherwise
    expect_address(n->hostfwd[0].guest, 0);
    cr_expect_eq(n->hostfwd[0].host_port, 2222);
    cr_expect_eq(n->hostfwd[0].guest_port, 22);
    cr_expect(n->hostfwd[1].udp);
    expect_address(n->hostfwd[1].host, 0);
    expect_address(n->hostfwd[1].guest, 0x0a000214);
    expect_address(n->user.host, 0xc0a80702);
    cr_expect(n->user.restricted && n->user.ipv4 && !n->user.ipv6);
    good("K -net nic,macaddr=52:54:00:0:0:1,model=virtio -net user,hostfwd=tcp:127.0.0.1:80-:80");
    cr_expect_eq(config.device_count, 1u);
    cr_expect_eq(config.devices[0].mac_address[5], 1);
    good("K -net nic");
    cr_expect_eq(config.device_count, 1u);
    good("K -netdev stream,id=s,addr.type=unix,addr.path=/x,server=on -netdev socket,id=f,fd=5");
    cr_expect(config.netdevs[0].server);
    cr_expect_eq(config.netdevs[1].fd, 5);
}

Test(options, wrong_networks)
{
    bad("K -netdev user", "no id=");
    bad("K -netdev tap,id=n", "user");
    bad("K -netdev id=n", "name comes first");
    bad("K -netdev user,id=n,smb=/x", "no property 'smb'");
    bad("K -netdev user,id=n,hostfw=x", "did you mean 'hostfwd'?");
    bad("K -netdev user,id=n,mac=52:54:00:12:34:56", "-device");
    bad("K -netdev user,id=n -netdev user,id=n", "given twice");
    bad("K -netdev user,id=n,ipv4=off,ipv6=off", "neither");
    bad("K -device virtio-net-device", "no netdev=");
    bad("K -device virtio-net-device,netdev=n", "no -netdev of that id");
    bad("K -netdev user,id=n -device virtio-net-device,netdev=n -device virtio-net-device,netdev=n",
        "has a card already");
    bad("K -netdev stream,id=n", "no addr.path=");
    bad("K -netdev stream,id=n,addr.type=inet,addr.path=/x", "unix");
    bad("K -netdev socket,id=n,fd=1", "fd=");
    bad("K -net user -net user", "one network");
    bad("K -net nic,netdev=n", "virtio-net-device,netdev=n");
    bad("K -nic user,model=e1000", "virtio");
    static const char *const macs[] = {"1", "52:54:00:12:34", "52:54:00:12:34:56:78", "52:54:00:12:34:5g",
                                       "53:54:00:12:34:56", "52:54:00:12:34:567", "52:54:00:12:34:-5"};
    static const char *const forwards[] = {"tcp", "tcp:", "tcp::22", "tcp::22-", "tcp::22-:", "tcp::0-:22",
                                           "tcp::65536-:22", "tcp::22x-:22", "sctp::22-:22", "tcp:1.2.3:22-:22",
                                           "tcp:localhost:22-:22", "tcp::22-10.0.2.15",
                                           "tcp:1.2.3.4.5.6.7.8.9.0.1.2.3.4.5:22-:22", "tcp::-22-:22"};
    static const char *const nets[] = {"10.0.2", "10.0.2.0/33", "10.0.2.0/7", "10.0.2.0/29", "10.0.2.0/x",
                                       "10.0.2.0/255.0.255.0", "x/24"};
    char line[200];
    for (size_t i = 0; i < ARRAY_SIZE(macs); i++) {
        snprintf(line, sizeof line, "K -nic user,mac=%s", macs[i]);
        bad(line, "mac=");
    }
    for (size_t i = 0; i < ARRAY_SIZE(forwards); i++) {
        snprintf(line, sizeof line, "K -nic user,hostfwd=%s", forwards[i]);
        bad(line, "tcp:[ADDR]:PORT-[ADDR]:PORT");
    }
    for (size_t i = 0; i < ARRAY_SIZE(nets); i++) {
        snprintf(line, sizeof line, "K -nic user,net=%s", nets[i]);
        bad(line, "net=");
    }
    bad("K -nic user,host=10.0.3.2", "lie in the network");
    bad("K -nic user,host=10.0.2.3", "three addresses");
    bad("K -nic user,dns=localhost", "not an IPv4 address");
}

Test(options, ports)
{
    good("K -chardev null,id=a -chardev null,id=b -device virtio-serial-device,id=s0 -device virtserialport,chardev=a,"
         "name=org.x -device virtconsole,chardev=b -device virtio-serial-device,id=s1 -device virtserialport,nr=7 "
         "-device virtconsole,bus=s0.0");
    cr_expect_eq(config.device_count, 2u);
    cr_expect_eq(config.port_count, 4u);
    static const struct {
        int nr, on, chardev;
    } want[] = {{1, 0, 0}, {0, 0, 1}, {7, 1, 0}, {2, 0, 0}};
    for (unsigned i = 0; i < 4; i++) {
        cr_expect_eq(config.ports[i].nr, want[i].nr, "port %u is nr %d", i, config.ports[i].nr);
        cr_expect_eq(config.ports[i].on, &config.devices[want[i].on], "port %u is on another bus", i);
        cr_expect_eq(config.ports[i].chardev_index, want[i].chardev);
    }
    bad("K -device virtconsole", "no -device virtio-serial-device");
    bad("K -device virtio-serial-device -device virtconsole,bus=x.0", "has that id");
    bad("K -device virtio-serial-device -device virtconsole,nr=15", "above 14");
    bad("K -device virtio-serial-device -device virtserialport,nr=0", "console's");
    bad("K -device virtio-serial-device -device virtconsole,nr=3 -device virtserialport,nr=3", "given twice");
    bad("K -device virtio-serial-device -device virtconsole,chardev=x", "no -chardev of that id");
    bad("K -chardev null,id=a -serial chardev:a -device virtio-serial-device -device virtconsole,chardev=a", "in use");
    bad("K -device virtio-serial-device,chardev=a", "no property");
    bad("K -device virtio-serial-device -device virtconsole,name="
        "0123456789012345678901234567890123456789012345678901234567890123456789", "longer than 64");
}

Test(options, shares)
{
    good("K -share /a,,b -share path=/c,readonly=on,tag=c -share /d");
    cr_expect_eq(config.device_count, 3u);
    cr_expect_eq(config.devices[1].type, DEVICE_VIRTIO_9P);
    cr_expect_str_eq(config.devices[0].share->path, "/a,b");
    cr_expect_str_eq(config.devices[0].mount_tag, "share");
    cr_expect_str_eq(config.devices[1].mount_tag, "c");
    cr_expect(config.devices[1].share->readonly && !config.devices[0].share->readonly);
    cr_expect_str_eq(config.devices[2].mount_tag, "share2");
    good("K -fsdev local,id=virtfs1,path=/,security_model=none,readonly=on,multidevs=remap "
         "-device virtio-9p-device,fsdev=virtfs1,mount_tag=ROOTFS");
    cr_expect(config.devices[0].share->readonly);
    cr_expect_str_eq(config.devices[0].mount_tag, "ROOTFS");
    good("K -virtfs local,path=/x,mount_tag=x,security_model=none");
    cr_expect_str_eq(config.devices[0].share->path, "/x");
    bad("K -share tag=x", "no path=");
    bad("K -share /a,tag=0123456789012345678901234567890123456789012345678901234567890123456789", "longer than 64");
    bad("K -share /a,tag=x -share /b,tag=x", "have the tag x");
    bad("K -share /a,writable=on", "no property");
    bad("K -fsdev local,path=/x", "no id=");
    bad("K -fsdev proxy,id=x", "local");
    bad("K -fsdev local,id=x,path=/x,security_model=mapped-xattr", "none");
    bad("K -virtfs local,path=/x", "no mount_tag=");
    bad("K -device virtio-9p-device,mount_tag=x", "no fsdev=");
    bad("K -device virtio-9p-device,fsdev=x", "no mount_tag=");
    bad("K -device virtio-9p-device,fsdev=x,mount_tag=x", "no -fsdev of that id");
}

Test(options, balloon)
{
    good("K -device virtio-balloon-device -device virtio-balloon-device,deflate-on-oom=off,free-page-reporting=off");
    cr_expect(config.devices[0].deflate_on_oom && config.devices[0].free_page_reporting);
    cr_expect(!config.devices[1].deflate_on_oom && !config.devices[1].free_page_reporting);
    bad("K -device virtio-balloon-device,free-page-hint=on", "no property");
}

Test(options, serials)
{
    good("K -serial none");
    cr_expect_eq(config.serial_count, 0u);
    good("K -serial file:/tmp/x");
    cr_expect_str_eq(config.chardevs[config.serials[0]].path, "/tmp/x");
    good("K -serial stdio");
    cr_expect(config.chardevs[config.serials[0]].signal);
    good("K -nographic -serial stdio");
    cr_expect(!config.chardevs[config.serials[0]].signal);
    good("K -chardev socket,id=s,path=/x,server=on,wait=off -serial chardev:s");
    cr_expect(config.chardevs[0].backend == CONFIG_CHAR_SOCKET && config.chardevs[0].server);
    good("K -chardev null,id=n -serial chardev:n");
    cr_expect_eq(config.chardevs[config.serials[0]].backend, CONFIG_CHAR_NULL);
    good("K -nodefaults");
    cr_expect_eq(config.serial_count, 0u);
}

Test(options, two_serials)
{
    good("K -serial mon:stdio -serial file:/tmp/x");
    cr_expect_eq(config.serial_count, 2u);
    cr_expect_str_eq(config.chardevs[config.serials[1]].path, "/tmp/x");
    good("K -serial none -serial null");
    cr_expect_eq(config.serials[0], CONFIG_NO_SERIAL);
    cr_expect_eq(config.chardevs[config.serials[1]].backend, CONFIG_CHAR_NULL);
    good("K -chardev testdev,id=t -serial chardev:t");
    cr_expect_eq(config.chardevs[config.serials[0]].backend, CONFIG_CHAR_TESTDEV);
}

Test(options, flash)
{
    good("-bios B");
    cr_expect_str_eq(config.flash[0].file, "B");
    cr_expect(config.flash[0].readonly);
    cr_expect_null(config.flash[1].file);
    good("-drive if=pflash,file=code,readonly=on -drive if=pflash,file=vars -kernel K -append x");
    cr_expect_str_eq(config.flash[0].file, "code");
    cr_expect(config.flash[0].readonly);
    cr_expect_str_eq(config.flash[1].file, "vars");
    cr_expect(!config.flash[1].readonly);
    cr_expect_eq(config.device_count, 0u);
    good("-drive if=pflash,file=vars,unit=1,create=on -snapshot -drive if=pflash,file=code");
    cr_expect_str_eq(config.flash[0].file, "code");
    cr_expect_str_eq(config.flash[1].file, "vars");
    cr_expect(config.flash[1].forget && config.flash[1].create);
    good("-bios B -drive if=pflash,file=vars");
    cr_expect_str_eq(config.flash[1].file, "vars");
    bad("-bios B -drive if=pflash,unit=0,file=code", "flash bank 0 already holds B");
    bad("K -drive if=pflash,file=a -drive if=pflash,file=b -drive if=pflash,file=c", "two flash");
    bad("K -drive if=pflash,unit=2,file=a", "banks 0 and 1");
    bad("K -drive unit=1,file=a", "go with if=pflash");
    bad("K -drive create=on,file=a", "go with if=pflash");
    bad("K -bios=", "empty");
    bad("-drive if=pflash,unit=1,file=vars", "nothing to boot");
    good("-pflash code -pflash vars");
    cr_expect_str_eq(config.flash[0].file, "code");
    cr_expect_str_eq(config.flash[1].file, "vars");
}

Test(options, fw_cfg)
{
    good("K -fw_cfg name=opt/a,string=b -fw_cfg opt/c,file=d");
    cr_expect_eq(config.fw_cfg_count, 2u);
    cr_expect_str_eq(config.fw_cfg[0].string, "b");
    cr_expect_str_eq(config.fw_cfg[1].name, "opt/c");
    cr_expect_str_eq(config.fw_cfg[1].file, "d");
    bad("K -fw_cfg name=opt/a", "one of file=");
    bad("K -fw_cfg file=a", "wants name=");
    bad("K -fw_cfg opt/a,file=a,string=b", "one of file=");
    bad("K -fw_cfg name=opt/345678901234567890123456789012345678901234567890123456,string=x",
        "1 to 55");
}

Test(options, how_it_ends)
{
    good("K -timeout 30 -expect login:|# -semihosting");
    cr_expect_eq(config.timeout, 30);
    cr_expect_str_eq(config.expect, "login:|#");
    cr_expect(config.semihosting);
    bad("K -timeout 0", "not a number");
    bad("K -timeout 3x", "not a number");
    bad("K -timeout -3", "not a number");
    bad("K -timeout 99999999999999999999", "not a number");
    bad("K -expect (", "-expect (");
}

// The short way -----------------------------------------------------------------------------------

static struct test_dir dir;

static const char *file_with(const char *name, size_t at, const char *magic, size_t len)
{
    static uint8_t data[0x9000];
    memset(data, 0, sizeof data);
    memcpy(data + at, magic, len);
    return test_dir_write(&dir, name, data, sizeof data);
}

static void short_way_init(void)
{
    test_dir_init(&dir);
}

static void short_way_fini(void)
{
    fini();
    test_dir_fini(&dir);
}

TestSuite(short_way, .init = short_way_init, .fini = short_way_fini);

Test(short_way, sniffs)
{
    static const struct {
        size_t at;
        const char *magic;
        enum file_kind kind;
    } rows[] = {
        {56, "ARM\x64", FILE_KERNEL},
        {0,
         "\x7f"
         "ELF",
         FILE_KERNEL},
        {0, "\x1f\x8b", FILE_KERNEL},
        {0, "QFI\xfb", FILE_QCOW2},
        {0x8001, "CD001", FILE_ISO},
        {512, "EFI PART", FILE_DISK},
        {510, "\x55\xaa", FILE_DISK},
        {1080, "\x53\xef", FILE_DISK},
        {40, "_FVH", FILE_FIRMWARE},
        {4136, "_FVH", FILE_FIRMWARE},
        {100, "nothing", FILE_UNKNOWN},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        enum file_kind kind =
            short_way_sniff(file_with("f", rows[i].at, rows[i].magic, strlen(rows[i].magic)));
        cr_expect_eq(kind, rows[i].kind, "row %zu is taken for %d, not %d", i, kind, rows[i].kind);
    }
    cr_expect_eq(short_way_sniff(test_dir_write(&dir, "empty", "", 0)), FILE_UNKNOWN);
    cr_expect_eq(short_way_sniff("/does/not/exist"), FILE_UNKNOWN);
    cr_expect_eq(short_way_sniff("/tmp"), FILE_UNKNOWN);
}

static const char *line(const char *format, const char *path)
{
    static char text[512];
    snprintf(text, sizeof text, format, path);
    return text;
}

Test(short_way, a_disk_starts_through_firmware)
{
    const char *disk = file_with("a,b.img", 510, "\x55\xaa", 2);
    good(line("-bios B %s", disk)); // there may be no EDK2 on this host
    cr_expect_str_eq(config.drives[0].file, disk);
    cr_expect_eq(config.drives[0].format, CONFIG_FORMAT_RAW);
    cr_expect_eq(config.device_count, 2u);
    cr_expect_str_eq(config.flash[0].file, "B");
    cr_expect_null(config.kernel);
    cr_expect(config.ram_size >= 1u << 30 && config.ram_size <= 4ull << 30);
    cr_expect_eq(config.devices[1].type, DEVICE_VIRTIO_NET);
    good(line("-nic none -bios B %s", disk));
    cr_expect_eq(config.device_count, 1u);
    good(line("-m 512 -bios B %s", disk));
    cr_expect_eq(config.ram_size, 512u << 20);
    good(line("K %s", disk)); // a kernel needs none
    cr_expect_null(config.flash[0].file);
    cr_expect_eq(config.ram_size, 1u << 30);
    enum options_result r = parse(disk);
    if (r == OPTIONS_WRONG) {
        cr_expect(strstr(error.text, "no firmware"), "%s", error.text);
        return;
    }
    cr_expect(config.flash[0].readonly && config.flash[1].create);
    cr_expect_str_eq(config.flash[1].file, line("%s.efivars", disk));
    cr_expect(!fopen(config.flash[1].file, "r"), "parsing has made a file");
}

Test(short_way, an_installer_is_read_only)
{
    good(line("-bios B %s", file_with("x.iso", 0x8001, "CD001", 5)));
    cr_expect(config.drives[0].readonly);
    good(file_with("edk2.fd", 40, "_FVH", 4));
    cr_expect(config.flash[0].readonly);
}

Test(short_way, print_config)
{
    help("-print-config K", "armlet -machine virt,gic-version=3 -cpu ");
    help("-print-config K", " -smp 1 -m 1024M -kernel K -serial mon:stdio\n");
    help("-M virt -m 64 K -append a~b'c -print-config", " -append 'a b'\\''c'");
    help("-M virt -m 64 K -append a~b'c -print-config", "-smp 1 -M virt -m 64 -kernel K");
    help(line("-print-config -bios B %s", file_with("a,b.img", 510, "\x55\xaa", 2)),
         "a,,b.img,format=raw");
    // What it prints parses, and prints itself.
    char first[2048];
    parse(line("-print-config -bios B %s", file_with("d.img", 510, "\x55\xaa", 2)));
    snprintf(first, sizeof first, "%s", printed);
    char again[2048];
    snprintf(again, sizeof again, "-print-config %.*s", (int)strcspn(first + 7, "\n"), first + 7);
    help(again, first);
}

Test(options, logging_and_rest)
{
    good("K -d in_asm,int -D /tmp/log -no-reboot -seed 7 -name guest -rtc base=utc "
         "-global virtio-mmio.force-legacy=false -monitor none -net none -display none");
    cr_expect_eq(config.log_mask, (unsigned)(LOG_IN_ASM | LOG_INT));
    cr_expect_str_eq(config.log_file, "/tmp/log");
    cr_expect(config.no_reboot);
    cr_expect(config.seed_given);
    cr_expect_eq(config.seed, 7u);
    cr_expect(!config.virtio_legacy);
}

Test(options, displays)
{
    good("K");
    cr_expect_eq(config.display.type, CONFIG_DISPLAY_DEFAULT);
    good("K -display none -vga none -vnc none");
    cr_expect_eq(config.display.type, CONFIG_DISPLAY_NONE);
    cr_expect(!config.console);
    good("K -nographic");
    cr_expect_eq(config.display.type, CONFIG_DISPLAY_NONE);
    good("K -display sdl,full-screen=on,scaling=smooth");
    cr_expect_eq(config.display.type, CONFIG_DISPLAY_SDL);
    cr_expect(config.display.full_screen && config.display.scaling == CONFIG_SCALING_SMOOTH);
    cr_expect(config.console);
    good("K -display vnc=127.0.0.1:1");
    cr_expect_eq(config.display.type, CONFIG_DISPLAY_VNC);
    cr_expect_str_eq(config.display.vnc, "127.0.0.1:1");
    good("K -display gtk,gl=off -full-screen");
    cr_expect_eq(config.display.type, CONFIG_DISPLAY_SDL);
    cr_expect(config.display.full_screen);
    good("K -vnc :7");
    cr_expect_str_eq(config.display.vnc, ":7");
    good("K -display none -qmp unix:/tmp/q,server=on,wait=off");
    cr_expect_str_eq(config.qmp, "/tmp/q");
    cr_expect(config.console);
    good("K -qmp-pretty unix:/tmp/q,server,nowait");
    cr_expect_str_eq(config.qmp, "/tmp/q");
    good("K -qmp stdio");
    cr_expect(config.qmp_stdio && !config.qmp && config.chardevs[config.serials[0]].backend == CONFIG_CHAR_NULL);
    good("K -chardev socket,id=a,path=/tmp/q,server=on,wait=off -mon a,mode=control -serial chardev:b -chardev null,id=b");
    cr_expect_str_eq(config.qmp, "/tmp/q");
    cr_expect(config.chardev_count == 1 && config.serials[0] == 0);
    good("K -chardev stdio,id=a -mon chardev=a,mode=control,pretty=on");
    cr_expect(config.qmp_stdio && !config.qmp);
    good("K -screenshot 1.5:a.png -screenshot 0:b:c.png");
    cr_expect_eq(config.screenshot_count, 2);
    cr_expect_eq(config.screenshots[0].ns, 1500000000);
    cr_expect_str_eq(config.screenshots[1].path, "b:c.png");
    bad("K -display sdl,full-screen=maybe", "full-screen");
    bad("K -display vnc", "vnc");
    bad("K -display vnc=", "[HOST]:N");
    bad("K -vnc 1", "[HOST]:N");
    bad("K -vnc :x", "[HOST]:N");
    bad("K -vnc :-1", "[HOST]:N");
    bad("K -vnc :60000", "[HOST]:N");
    bad("K -vnc :1,password=on", "[HOST]:N");
    bad("K -vga std", "-vga none");
    bad("K -qmp tcp:1", "unix:PATH");
    bad("K -qmp /tmp/q", "unix:PATH or stdio");
    bad("K -qmp stdio -serial mon:stdio", "used once");
    bad("K -qmp stdio -nographic", "used once");
    bad("K -qmp stdio -qmp unix:a", "one control socket");
    bad("K -mon a -chardev stdio,id=a", "mux=on");
    bad("K -mon mode=control", "no chardev=");
    bad("K -mon a,mode=control", "no -chardev");
    bad("K -mon a,mode=control -chardev socket,id=a,path=/tmp/q", "server=on");
    bad("K -mon a,mode=control -mon b,mode=control", "one control socket");
    bad("K -mon a,mode=control -chardev stdio,id=a -qmp stdio", "one control socket");
    bad("K -display sdl,gl=on", "gl=off");
    bad("K -qmp unix:", "unix:PATH");
    bad("K -qmp unix:a,wait=on", "wait=off");
    bad("K -qmp unix:a -qmp unix:b", "one control socket");
    bad("K -screenshot a.png", "SECONDS:FILE");
    bad("K -screenshot 1x:a.png", "number of seconds");
    bad("K -screenshot 9999999999:a.png", "SECONDS:FILE");
    bad("K -screenshot 1:", "SECONDS:FILE");
    help("-display help", "vnc=[HOST]:N");
}

Test(options, engines)
{
    good("K");
    cr_expect_eq(config.machine.workers, 0);
    cr_expect_not(config.perf_map);
    good("K -accel tiered,workers=3 -perf-map -cache-dir /c");
    cr_expect_eq(config.machine.accel, CONFIG_ACCEL_TIERED);
    cr_expect_eq(config.machine.workers, 3);
    cr_expect(config.perf_map);
    cr_expect_str_eq(config.cache_dir, "/c");
    good("K -accel tiered,workers=3 -accel gccjit");
    cr_expect_eq(config.machine.accel, CONFIG_ACCEL_GCCJIT);
    cr_expect_eq(config.machine.workers, 0);
    good("K -accel accel=interp");
    good("K -accel kvm -accel hvf -accel tcg,thread=multi");
    cr_expect_eq(config.machine.accel, CONFIG_ACCEL_TIERED);
    good("K -M virt,accel=kvm:quick:interp");
    cr_expect_eq(config.machine.accel, CONFIG_ACCEL_QUICK);
    bad("K -accel tiered,workers=33", "more than 32");
    bad("K -accel tiered,workers=-1", "not a number");
    bad("K -accel tiered,workers=0", "workers=0: at least 1");
    bad("K -accel verify,every=0", "every=0: at least 1");
    bad("K -accel interp,workers=1", "no workers");
    bad("K -accel workers=1", "name comes first");
}

Test(options, debugger)
{
    good("K");
    cr_expect_null(config.gdb);
    good("K -s");
    cr_expect_str_eq(config.gdb, "tcp::1234");
    cr_expect_not(config.stopped);
    good("K -S -gdb unix:/tmp/x,server=on,wait=off");
    cr_expect_str_eq(config.gdb, "unix:/tmp/x");
    cr_expect(config.stopped);
    cr_expect_not(config.gdb_stays_stopped);
    good("K -gdb tcp:[::1]:1,disconnect=stop");
    cr_expect_str_eq(config.gdb, "tcp:[::1]:1");
    cr_expect(config.gdb_stays_stopped);
    good("K -gdb stdio -serial null");
    bad("K -S", "add -s or -gdb");
    good("K -gdb stdio"); // the UART goes nowhere then
    cr_expect_eq(config.chardevs[config.serials[0]].backend, CONFIG_CHAR_NULL);
    bad("K -gdb stdio -nographic", "stdio can be used once");
    bad("K -gdb stdio -serial stdio", "stdio can be used once");
    bad("K -gdb bogus", "there is: tcp:[HOST]:PORT, unix:PATH, stdio");
    bad("K -gdb tcp:localhost", "there is: tcp:[HOST]:PORT, unix:PATH, stdio");
    bad("K -gdb tcp::70000", "there is: tcp:[HOST]:PORT, unix:PATH, stdio");
    bad("K -gdb unix:", "there is: tcp:[HOST]:PORT, unix:PATH, stdio");
    bad("K -gdb tcp::1,disconnect=later", "disconnect");
    bad("K -gdb tcp::1,wait=on", "wait");
}

// The probes of bare-metal test suites, and what people ask.
Test(options, helps)
{
    help("-help", "QEMU-compatible options");
    help("-h", "-kernel");
    help("--version", "armlet ");
    help("-machine ?", "ARM Virtual Machine");
    help("-M help", "gic-version");
    help("-device ?", "virtio-blk-device");
    help("-device help", "virtio-rng-device");
    help("-device virtio-blk-device,help", "serial");
    help("-chardev ?", "stdio");
    help("-cpu help", "max");
    help("-accel help", "interp");
    help("-d help", "guest_error");
    help("-drive help", "readonly");
}

// Every row can be reached, and every option that takes an argument refuses to have none.
Test(options, every_row)
{
    for (size_t i = 0; i < option_row_count; i++) {
        char line[64];
        const char *with = strcmp(option_rows[i].name, "S") ? "" : " -s"; // it goes with a debugger
        snprintf(line, sizeof line, "K%s -%s", with, option_rows[i].name);
        enum options_result r = parse(line);
        if (option_rows[i].argument)
            cr_expect(r == OPTIONS_WRONG && strstr(error.text, "needs an argument"), "-%s: %d %s",
                      option_rows[i].name, r, error.text);
        else
            cr_expect_neq(r, OPTIONS_WRONG, "-%s: %s", option_rows[i].name, error.text);
    }
}
