# SPDX-License-Identifier: GPL-3.0-or-later
"""For GDB: `source scripts/gdb-linux.py` once it is connected and knows where the kernel is (see
docs/debugging-a-guest.md). From then on backtraces go through exceptions, into user space too.

Linux's entry code is assembly, about which no call frame information says how to unwind it: GDB ends there. But once the
handler in C is called, all registers are in a struct pt_regs at SP. This makes an ELF file that has nothing but a
.debug_frame (DWARF 5, section 6.4) with these facts, and gives it to GDB. The entry code's frames become those of
signals, since what they interrupt may be on any stack: GDB shows them as <signal handler called>.

In a program that GDB has no symbols of, frame records (X29) are followed.
"""
import gdb, gdb.unwinder, struct, tempfile

X29, X30, SP, PC = 29, 30, 31, 32 # DWARF's numbers
VECTORS = [f'el{el}_{kind}' for el in ('0t_64', '0t_32', '1h_64', '1t_64') for kind in ('sync', 'irq', 'fiq', 'error')]
DEF_CFA, OFFSET_EXTENDED, OFFSET_EXTENDED_SF, NOP = 0x0c, 0x05, 0x11, 0


def leb(v):
    """LEB128, unsigned; of a negative number the signed one."""
    out = bytearray()
    while not -64 <= v < (0 if v < 0 else 128):
        out.append(v & 127 | 128)
        v >>= 7
    return bytes(out + bytes([v & 127]))


def padded(entry):
    entry += bytes([NOP]) * (-(len(entry) + 4) % 8)
    return struct.pack('<I', len(entry)) + entry


def cie(augmentation, return_register):
    """Code is counted in units of 4, offsets in units of 8."""
    return padded(struct.pack('<IB', 0xffffffff, 1) + augmentation + b'\0' + leb(4) + leb(8) + leb(return_register) + leb(0))


def fde(cie_offset, start, end, rules):
    return padded(struct.pack('<IQQ', cie_offset, start, end - start) + leb(0) + rules)


# pt_regs: X0 to X30, SP, PC, one after another where SP is.
PT_REGS = bytes([DEF_CFA]) + leb(SP) + leb(0) + b''.join(bytes([OFFSET_EXTENDED]) + leb(n) + leb(n) for n in range(PC + 1))
# A frame record at X29, the caller's stack behind it.
RECORD = bytes([DEF_CFA]) + leb(X29) + leb(16) + bytes([OFFSET_EXTENDED_SF]) + leb(X29) + leb(-2) + \
         bytes([OFFSET_EXTENDED_SF]) + leb(X30) + leb(-1)


def address(name):
    try:
        return int(gdb.parse_and_eval(f'(unsigned long)&{name}'))
    except gdb.error:
        return None


def branches(start, opcode):
    """Addresses and targets of B (5) or BL (37) in a vector's code."""
    code = gdb.selected_inferior().read_memory(start, 0x400).tobytes()
    for n, (insn,) in enumerate(struct.iter_unpack('<I', code)):
        if insn >> 26 == opcode:
            offset = (insn & 0x3ffffff ^ 0x2000000) - 0x2000000
            yield start + 4 * n, start + 4 * (n + offset)


def frames():
    """The contents of .debug_frame, and how many vectors it knows."""
    exception, call = cie(b'zS', PC), cie(b'z', X30)
    data, found = exception + call, 0
    for name in VECTORS:
        start, handler = address(name), address(name + '_handler')
        calls = [at for at, target in branches(start, 37) if target == handler] if start and handler else []
        if calls:
            data += fde(0, calls[0], calls[0] + 8, PT_REGS)
            found += 1
    irq = address('call_on_irq_stack')
    if irq: # from where its frame is made to where it is given back
        data += fde(len(exception), irq + 8, irq + 64, RECORD)
    return data, found


def elf(debug_frame):
    """An executable of no code; GDB wants a .text."""
    names = b'\0.text\0.debug_frame\0.shstrtab\0'
    head = 64
    sections = [(0,) * 10, (1, 8, 6, 0, head, 4, 0, 0, 4, 0), (7, 1, 0, 0, head, len(debug_frame), 0, 0, 8, 0),
                (20, 3, 0, 0, head + len(debug_frame), len(names), 0, 0, 1, 0)]
    at = head + len(debug_frame) + len(names)
    at += -at % 8
    header = struct.pack('<4s12sHHIQQQIHHHHHH', b'\x7fELF', bytes([2, 1, 1]), 2, 183, 1, 0, 0, at, 0, 64, 56, 0, 64, 4, 3)
    body = header + debug_frame + names
    return body.ljust(at, b'\0') + b''.join(struct.pack('<IIQQQQIIQQ', *s) for s in sections)


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = gdb.Value(sp), gdb.Value(pc)


class Program(gdb.unwinder.Unwinder):
    """Frames of programs without symbols."""

    def __init__(self):
        super().__init__('program')

    def __call__(self, frame):
        pc, record = (int(frame.read_register(name)) for name in ('pc', 'x29'))
        if pc >> 48 or not gdb.execute(f'info symbol {pc:#x}', to_string=True).startswith('No symbol'):
            return None
        try:
            fp, lr = struct.unpack('<QQ', gdb.selected_inferior().read_memory(record, 16).tobytes())
        except (gdb.MemoryError, OverflowError):
            return None
        if not lr or lr >> 48 or record < int(frame.read_register('sp')):
            return None
        info = frame.create_unwind_info(FrameId(record, pc))
        for name, value in [('x29', fp), ('sp', record + 16), ('pc', lr)]:
            info.add_saved_register(name, gdb.Value(value))
        return info


def main():
    data, found = frames()
    if not found:
        raise gdb.GdbError('the kernel is not where its symbols are: see `monitor symbol-file`')
    f = tempfile.NamedTemporaryFile(suffix='.elf')
    f.write(elf(data))
    f.flush()
    gdb.execute(f'add-symbol-file {f.name}', to_string=True)
    gdb.unwinder.register_unwinder(None, Program(), replace=True)
    print(f'frames of {found} exception vectors')
    return f


file_of_frames = main() # as long as GDB runs: it reads the file when it needs it
