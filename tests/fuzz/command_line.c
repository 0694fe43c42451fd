// SPDX-License-Identifier: GPL-3.0-or-later
// Command lines: an argument a line. Nothing of them is done, but files that are named without an option
// are looked at.
#include "fuzz.h"
#include "machine/options.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const lines[] = {
    "-M\nvirt,gic-version=3,virtualization=off,highmem=on\n-cpu\nmax,pauth-impdef=on,sve=off\n-smp\ncpus=1\n-m\n1G\n-nographic\n-kernel\nImage\n-initrd\ninitrd.gz\n-append\nconsole=ttyAMA0",
    "-drive\nfile=disk.qcow2,format=qcow2,if=none,id=d,cache=writethrough,discard=unmap,readonly=on\n-device\nvirtio-blk-device,drive=d,serial=x\n-snapshot",
    "-drive\nif=pflash,format=raw,file=code.fd,readonly=on,unit=0\n-drive\nif=pflash,format=raw,file=vars.fd,unit=1",
    "-netdev\nuser,id=n,hostfwd=tcp:127.0.0.1:2222-:22,net=10.0.2.0/24,dhcpstart=10.0.2.15,tftp=/srv,bootfile=x\n-device\nvirtio-net-device,netdev=n,mac=52:54:00:12:34:56",
    "-nic\nuser,hostfwd=udp::5555-10.0.2.15:53\n-nic\nnone",
    "-chardev\nsocket,id=s,path=/tmp/x,server=on,wait=off\n-device\nvirtio-serial-device\n-device\nvirtserialport,chardev=s,name=org.x",
    "-serial\nmon:stdio\n-serial\nfile:log\n-monitor\nnone\n-display\nnone\n-vnc\n127.0.0.1:1\n-device\nvirtio-gpu-device\n-device\nvirtio-tablet-device",
    "-share\n/srv,tag=t,readonly=on\n-fw_cfg\nname=opt/a,string=b\n-accel\ntiered,cache=off\n-global\nvirtio-mmio.force-legacy=false\n-no-reboot",
    "-s\n-S\n-gdb\ntcp::1234\n-d\nin_asm,int,mmu\n-D\nlog\n-expect\nlogin:\n-timeout\n10\n-semihosting\n-seed\n1",
    "disk.qcow2", "file", "-print-config\nfile", "--help", "-device\nhelp", "-M\nhelp", "-version",
};

static const char *const words[] = {
    "-M\n", "-m\n", "-drive\n", "-device\n", "-netdev\n", "-chardev\n", "-serial\n", "-nic\n", "-global\n", "-accel\n",
    ",id=", "=", ",", ",,", ":", "file=", "format=raw", "if=none", "on", "off", "999999999999999999999", "-1", "0x10", "1T", "virt",
    NULL,
};

static FILE *out;

static void init(void)
{
    out = fopen("/dev/null", "w");
    assert(out);
    // Names without a folder are those of files here.
    fuzz_file("QFI\xfb\0\0\0\3", 8);
    if (chdir(fuzz_directory()))
        abort();
    for (size_t n = 0; n < sizeof lines / sizeof *lines; n++)
        fuzz_seed(lines[n], strlen(lines[n]));
}

static void one(const uint8_t *data, size_t len)
{
    static struct machine_config c;
    char *text = malloc(len + 1), *argv[66] = {"armlet"}, *rest = text;
    struct error err = {0};
    int argc = 1;
    memcpy(text, data, len);
    text[len] = 0;
    while (argc < 64 && rest)
        argv[argc++] = strsep(&rest, "\n");
    machine_config_init(&c);
    enum options_result result = options_parse(&c, argc, argv, out, &err);
    assert(result != OPTIONS_WRONG || *err.text);
    machine_config_fini(&c);
    free(text);
}

static void fini(void)
{
    fclose(out);
    if (chdir("/"))
        abort();
}

const struct fuzz_target fuzz_target = {.name = "command_line", .max = 2048, .init = init, .one = one, .fini = fini, .words = words};
