// SPDX-License-Identifier: GPL-3.0-or-later
// The guest that draws a full screen of 1280x800 again and again, as fast as it can, with all CPUs
// that there are (two at most): CPU 0 the even lines, CPU 1 the odd ones, so that they write the
// same pages. CPU 1 sleeps between two frames.
//
// It says "ready N", N CPUs. A byte then says where to draw: r(amfb), g(pu), s(imple-framebuffer);
// the next byte ends that. It says "frames N" and leaves what it drew last on the screen: the pixel
// of line y is 0x010305 * N + y. Any other byte is the end.
#include "rom.h"

enum {
    WIDTH = 1280,
    HEIGHT = 800,
    SIMPLE_FRAMEBUFFER = 0x0b000000,
    CPU_ON = 0xc4000003,
};

static u8 *volatile screen;
static volatile u32 wanted, done; // the frame that CPU 1 is to draw, and has drawn
static u32 cpus = 1;

void cpu1_start(void); // cpu1.S
void cpu1_main(void);

static void draw_lines(u8 *to, u32 first, u32 step, u32 n)
{
    for (u32 y = first; y < HEIGHT; y += step) {
        u64 *line = (u64 *)(void *)(to + 4 * WIDTH * y), pixel = 0x010305 * n + y;
        pixel = pixel << 32 | (u32)pixel;
        for (u32 i = 0; i < WIDTH / 2; i += 8) {
            line[i] = line[i + 1] = line[i + 2] = line[i + 3] = pixel;
            line[i + 4] = line[i + 5] = line[i + 6] = line[i + 7] = pixel;
        }
    }
}

void cpu1_main(void)
{
    for (;;) {
        while (wanted == done)
            __asm__ volatile("wfe" : : : "memory");
        barrier();
        draw_lines(screen, 1, 2, wanted);
        barrier();
        done = wanted;
    }
}

static void frame(u8 *to, u32 n)
{
    if (cpus == 2) {
        screen = to;
        barrier();
        wanted = n;
        barrier();
        __asm__ volatile("sev" : : : "memory");
    }
    draw_lines(to, 0, cpus, n);
    while (cpus == 2 && done != n)
        ;
    barrier();
}

static void start_cpu1(void)
{
    register u64 x0 __asm__("x0") = CPU_ON;
    register u64 x1 __asm__("x1") = 1;
    register u64 x2 __asm__("x2") = (u64)cpu1_start;
    register u64 x3 __asm__("x3") = 0;
    __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
    cpus = x0 ? 1 : 2;
}

static bool open_screen(char where)
{
    switch (where) {
    case 'r':
        return ramfb_open(WIDTH, HEIGHT);
    case 'g':
        return gpu_open(WIDTH, HEIGHT);
    default:
        return where == 's';
    }
}

void rom_main(void)
{
    static u32 n;
    start_cpu1();
    say("ready");
    say_number(cpus);
    say("\n");
    for (;;) {
        char where = listen();
        bool gpu = where == 'g';
        if (!open_screen(where))
            return;
        do {
            frame(where == 's' ? (u8 *)SIMPLE_FRAMEBUFFER : pixels, ++n);
            if (gpu)
                gpu_redrawn(WIDTH, HEIGHT);
        } while (!heard());
        listen();
        say("frames");
        say_number(n);
        say("\n");
    }
}
