// SPDX-License-Identifier: GPL-3.0-or-later
// One thread: it waits for libvncserver's sockets, for the guest to draw and for the end, and is
// the only one that calls the library. While nobody is connected it looks at no picture.
#include "devices/display/vnc.h"

#include "base/bits.h"
#include "devices/display/viewer.h"
#include "devices/input/keys.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <rfb/keysym.h>
#include <rfb/rfb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    FIRST_PORT = 5900,
    MAX_CLIENTS = 16,
    CLIENT_WAIT_MS = 2000, // for one that does not take what it is sent
    OFF_WIDTH = 640,       // what is sent while nothing is shown
    OFF_HEIGHT = 480,
    KEYSYM_UNICODE = 0x01000000,
};

struct vnc {
    struct front_config config;
    struct viewer viewer;
    rfbScreenInfoPtr screen;
    uint32_t *blank;
    unsigned clients, buttons;
    int x, y; // of the pointer
    pthread_t thread;
    int stop_fd;
};

// Keyboard ---------------------------------------------------------------------------------------

static unsigned key_of_keysym(rfbKeySym sym, bool *shifted)
{
    enum { NoSymbol = 0 };
    static const struct {
        rfbKeySym plain, with_shift;
        unsigned code;
    } keys[] = {
#define KEY(code, qcode, number, scancode, keysym, shifted) {keysym, shifted, code},
#include "devices/input/keys.def"
#undef KEY
    };
    for (size_t i = 0; sym && i < ARRAY_SIZE(keys); i++)
        if (keys[i].plain == sym || keys[i].with_shift == sym) {
            // Of the keypad and the modifiers the second column is another lock or layer.
            *shifted = keys[i].with_shift == sym && sym < 0x100;
            return keys[i].code;
        }
    return 0;
}

static bool holds(struct vnc *v, unsigned left, unsigned right)
{
    return input_is_down(v->config.input, left) || input_is_down(v->config.input, right);
}

static void press(struct vnc *v, unsigned code, bool down)
{
    input_key(v->config.input, code, down);
    input_sync(v->config.input);
}

// A character as UTF-8; returns its length.
static size_t encode(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    out[0] = (char)(0xe0 | (c >> 12 & 0xf));
    out[1] = (char)(0x80 | (c >> 6 & 0x3f));
    out[2] = (char)(0x80 | (c & 0x3f));
    return 3;
}

static void type(struct vnc *v, rfbKeySym sym, unsigned code)
{
    char out[4];
    const char *text = key_text(code);
    uint32_t c = sym < 0x100 ? sym : (sym & KEYSYM_UNICODE) ? sym & 0xffff : 0;
    if (text)
        v->config.type(v->config.opaque, text, strlen(text));
    else if (c >= '@' && c <= 'z' && holds(v, KEY_LEFTCTRL, KEY_RIGHTCTRL))
        v->config.type(v->config.opaque, &(char){(char)(c & 0x1f)}, 1);
    else if (c >= ' ')
        v->config.type(v->config.opaque, out, encode(c, out));
}

static void key_event(rfbBool down, rfbKeySym sym, rfbClientPtr client)
{
    struct vnc *v = client->screen->screenData;
    bool shifted = false;
    unsigned code = key_of_keysym(sym, &shifted);
    bool modifier = code == KEY_LEFTCTRL || code == KEY_RIGHTCTRL || code == KEY_LEFTSHIFT ||
                    code == KEY_RIGHTSHIFT;
    if (viewer_shows_console(&v->viewer) && !modifier) {
        if (down)
            type(v, sym, code);
        return;
    }
    if (!code)
        return;
    // A client with Caps Lock, or a program, sends capitals without the key that makes them.
    bool lend = down && shifted && !holds(v, KEY_LEFTSHIFT, KEY_RIGHTSHIFT);
    if (lend)
        press(v, KEY_LEFTSHIFT, true);
    press(v, code, down);
    if (lend)
        press(v, KEY_LEFTSHIFT, false);
}

// Pointer ----------------------------------------------------------------------------------------

static void press_buttons(struct vnc *v, unsigned buttons)
{
    static const struct {
        unsigned code;
        int dx, dy; // or a notch of the wheel
    } rows[] = {{BTN_LEFT, 0, 0}, {BTN_MIDDLE, 0, 0}, {BTN_RIGHT, 0, 0}, {0, 0, 1},
                {0, 0, -1},       {0, -1, 0},         {0, 1, 0}};
    unsigned changed = buttons ^ v->buttons;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        bool down = buttons >> i & 1;
        if (!(changed >> i & 1))
            continue;
        if (rows[i].code)
            input_button(v->config.input, rows[i].code, down);
        else if (down)
            input_wheel(v->config.input, rows[i].dx, rows[i].dy);
    }
    v->buttons = buttons;
}

static int32_t scale(int at, int size)
{
    return size > 1 ? (int32_t)((int64_t)at * INPUT_ABS_MAX / (size - 1)) : 0;
}

static void pointer_event(int buttons, int x, int y, rfbClientPtr client)
{
    struct vnc *v = client->screen->screenData;
    if (!viewer_shows_console(&v->viewer)) {
        if (input_kinds(v->config.input) & INPUT_TABLET)
            input_abs(v->config.input, scale(x, client->screen->width),
                      scale(y, client->screen->height));
        else if (x != v->x || y != v->y)
            input_rel(v->config.input, x - v->x, y - v->y);
        press_buttons(v, (unsigned)buttons);
        input_sync(v->config.input);
    } else if (buttons & ~v->buttons & 0x18) {
        v->config.scroll(v->config.opaque, buttons & 8 ? 3 : -3);
    }
    v->buttons = (unsigned)buttons;
    v->x = x;
    v->y = y;
    rfbDefaultPtrAddEvent(buttons, x, y, client);
}

// Clients ----------------------------------------------------------------------------------------

static void client_gone(rfbClientPtr client)
{
    struct vnc *v = client->screen->screenData;
    v->clients--;
    v->buttons = 0;
    input_release_all(v->config.input); // whatever it held
}

static enum rfbNewClientAction client_came(rfbClientPtr client)
{
    struct vnc *v = client->screen->screenData;
    v->clients++;
    client->clientGoneHook = client_gone;
    return v->clients > MAX_CLIENTS ? RFB_CLIENT_REFUSE : RFB_CLIENT_ACCEPT;
}

static int size_wanted(int width, int height, int screens, rfbExtDesktopScreen *list,
                       rfbClientPtr client)
{
    struct vnc *v = client->screen->screenData;
    struct display *d = viewer_display(&v->viewer);
    bool ok =
        d && width > 0 && height > 0 && display_request_size(d, (uint32_t)width, (uint32_t)height);
    return ok ? rfbExtDesktopSize_Success : rfbExtDesktopSize_ResizeProhibited;
}

// The picture ------------------------------------------------------------------------------------

static void set_format(rfbScreenInfoPtr screen)
{
    screen->serverFormat.redShift = 16;
    screen->serverFormat.greenShift = 8;
    screen->serverFormat.blueShift = 0;
}

static void set_mode(struct vnc *v)
{
    bool on = v->viewer.width;
    int w = on ? (int)v->viewer.width : OFF_WIDTH, h = on ? (int)v->viewer.height : OFF_HEIGHT;
    rfbNewFramebuffer(v->screen, (char *)(on ? v->viewer.pixels : v->blank), w, h, 8, 3, 4);
    set_format(v->screen); // which that has made the library's own
    rfbClientIteratorPtr i = rfbGetClientIterator(v->screen);
    for (rfbClientPtr c; (c = rfbClientIteratorNext(i));)
        rfbSetTranslateFunction(c);
    rfbReleaseClientIterator(i);
    rfbMarkRectAsModified(v->screen, 0, 0, w, h);
}

// The pointer's image for clients to draw; it is premultiplied, which the alpha is to undo.
static void set_cursor(struct vnc *v)
{
    const struct display_cursor *from = v->viewer.pointer.cursor;
    if (!from) {
        rfbSetCursor(v->screen, NULL);
        return;
    }
    size_t n = (size_t)from->width * from->height, row = (from->width + 7) / 8;
    rfbCursorPtr c = calloc(1, sizeof *c);
    assert(c);
    c->width = (unsigned short)from->width;
    c->height = (unsigned short)from->height;
    c->xhot = (unsigned short)from->hot_x;
    c->yhot = (unsigned short)from->hot_y;
    c->cleanup = c->cleanupSource = c->cleanupMask = c->cleanupRichSource = TRUE;
    c->mask = calloc(row, from->height);
    c->source = calloc(row, from->height);
    c->richSource = calloc(n, 4);
    assert(c->mask && c->source && c->richSource);
    memcpy(c->richSource, from->pixels, n * 4);
    for (uint32_t y = 0; y < from->height; y++)
        for (uint32_t x = 0; x < from->width; x++)
            if (from->pixels[y * from->width + x] >> 31)
                c->mask[y * row + x / 8] |= (unsigned char)(0x80 >> x % 8);
    rfbSetCursor(v->screen, c);
}

static void update(struct vnc *v)
{
    struct viewer_change change;
    if (!viewer_update(&v->viewer, &change))
        return;
    if (change.mode)
        set_mode(v);
    if (change.pixels)
        for (uint32_t first = 0, n; (n = viewer_next_run(change.damage, v->viewer.height, &first));
             first += n)
            rfbMarkRectAsModified(v->screen, 0, (int)first, (int)v->viewer.width, (int)(first + n));
    if (change.pointer)
        set_cursor(v);
}

// The thread -------------------------------------------------------------------------------------

// False: the end.
static bool wait_for_something(struct vnc *v)
{
    struct pollfd fds[3 + 2 * MAX_CLIENTS];
    nfds_t n = 0;
    fds[n++] = (struct pollfd){v->stop_fd, POLLIN, 0};
    if (v->clients)
        fds[n++] = (struct pollfd){v->viewer.wake_fd, POLLIN, 0};
    for (int fd = 0; fd <= v->screen->maxFd && n < ARRAY_SIZE(fds); fd++)
        if (FD_ISSET(fd, &v->screen->allFds))
            fds[n++] = (struct pollfd){fd, POLLIN, 0};
    poll(fds, n, v->clients ? viewer_poll_ms(&v->viewer) : -1);
    return !fds[0].revents;
}

static void *run(void *opaque)
{
    struct vnc *v = opaque;
    while (wait_for_something(v)) {
        if (v->clients)
            update(v);
        rfbProcessEvents(v->screen, 0);
    }
    return NULL;
}

// Opening and closing -----------------------------------------------------------------------------

static bool parse_address(const char *text, in_addr_t *host, int *port, struct error *err)
{
    const char *colon = strrchr(text, ':');
    char name[256];
    struct addrinfo *found, hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    *host = htonl(INADDR_LOOPBACK);
    *port = FIRST_PORT + atoi(colon + 1);
    if (colon == text)
        return true;
    snprintf(name, sizeof name, "%.*s", (int)(colon - text), text);
    int r = getaddrinfo(name, NULL, &hints, &found);
    if (r)
        return error_set(err, "-display vnc=%s: %s: %s", text, name, gai_strerror(r));
    *host = ((struct sockaddr_in *)found->ai_addr)->sin_addr.s_addr;
    freeaddrinfo(found);
    return true;
}

static bool open_screen(struct vnc *v, const char *address, struct error *err)
{
    int port;
    in_addr_t host;
    if (!parse_address(address, &host, &port, err))
        return false;
    rfbLogEnable(FALSE);
    rfbMaxClientWait = CLIENT_WAIT_MS;
    rfbScreenInfoPtr s = v->screen = rfbGetScreen(NULL, NULL, OFF_WIDTH, OFF_HEIGHT, 8, 3, 4);
    assert(s);
    set_format(s);
    s->screenData = v;
    s->frameBuffer = (char *)v->blank;
    s->desktopName = v->config.title;
    s->port = port;
    s->ipv6port = -1;
    s->autoPort = FALSE;
    s->listenInterface = host;
    s->alwaysShared = TRUE;
    s->permitFileTransfer = FALSE;
    s->cursor = NULL;
    s->deferUpdateTime = 0;
    s->kbdAddEvent = key_event;
    s->ptrAddEvent = pointer_event;
    s->newClientHook = client_came;
    s->setDesktopSizeHook = size_wanted;
    rfbInitServer(s);
    if (s->listenSock == RFB_INVALID_SOCKET)
        return error_set(err, "-display vnc=%s: cannot listen on port %d: %s", address, port,
                         strerror(errno));
    return true;
}

struct vnc *vnc_create(const struct front_config *config, const char *address, struct error *err)
{
    struct vnc *v = calloc(1, sizeof *v);
    assert(v);
    v->config = *config;
    v->viewer.wake_fd = v->stop_fd = -1;
    v->blank = calloc((size_t)OFF_WIDTH * OFF_HEIGHT, sizeof *v->blank);
    assert(v->blank);
    if (!open_screen(v, address, err) || !viewer_init(&v->viewer, &v->config, err)) {
        vnc_destroy(v);
        return NULL;
    }
    v->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = pthread_create(&v->thread, NULL, run, v);
    assert(r == 0);
    (void)r;
    return v;
}

void vnc_destroy(struct vnc *v)
{
    if (!v)
        return;
    if (v->thread) {
        uint64_t one = 1;
        (void)!write(v->stop_fd, &one, sizeof one);
        pthread_join(v->thread, NULL);
        close(v->stop_fd);
    }
    if (v->screen) {
        rfbShutdownServer(v->screen, TRUE);
        rfbScreenCleanup(v->screen);
    }
    if (v->viewer.config)
        viewer_fini(&v->viewer);
    free(v->blank);
    free(v);
}
