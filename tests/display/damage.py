# SPDX-License-Identifier: GPL-3.0-or-later
"""What an X server is given to draw: the DAMAGE extension's own account of a window, through Xlib."""
import ctypes


class _Rectangle(ctypes.Structure):
    _fields_ = [('x', ctypes.c_short), ('y', ctypes.c_short), ('width', ctypes.c_ushort), ('height', ctypes.c_ushort)]


class _Notify(ctypes.Structure):
    _fields_ = [('type', ctypes.c_int), ('serial', ctypes.c_ulong), ('send_event', ctypes.c_int),
                ('display', ctypes.c_void_p), ('drawable', ctypes.c_ulong), ('damage', ctypes.c_ulong),
                ('level', ctypes.c_int), ('more', ctypes.c_int), ('timestamp', ctypes.c_ulong),
                ('area', _Rectangle), ('geometry', _Rectangle)]


class _Event(ctypes.Union):
    _fields_ = [('type', ctypes.c_int), ('damage', _Notify), ('pad', ctypes.c_long * 24)]


class Damage:
    """Rectangles drawn in a window, one by one (XDamageReportRawRectangles). OSError: no libXdamage here."""
    def __init__(self, display, window):
        self.x = ctypes.CDLL('libX11.so.6')
        self.extension = ctypes.CDLL('libXdamage.so.1')
        self.x.XOpenDisplay.restype = ctypes.c_void_p
        self.connection = ctypes.c_void_p(self.x.XOpenDisplay(display.encode()))
        first, error = ctypes.c_int(), ctypes.c_int()
        if not self.extension.XDamageQueryExtension(self.connection, ctypes.byref(first), ctypes.byref(error)):
            raise OSError('the X server has no DAMAGE extension')
        self.event_type = first.value
        self.extension.XDamageCreate(self.connection, ctypes.c_ulong(int(window)), 0)
        self.x.XSync(self.connection, 0)

    def take(self):
        """(rectangles, pixels in them) since the last time."""
        event, count, pixels = _Event(), 0, 0
        self.x.XSync(self.connection, 0)
        while self.x.XPending(self.connection):
            self.x.XNextEvent(self.connection, ctypes.byref(event))
            if event.type == self.event_type:
                count += 1
                pixels += event.damage.area.width * event.damage.area.height
        return count, pixels
