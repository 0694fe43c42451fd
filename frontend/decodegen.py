#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the A64 decode tables (*.decode) to C: decoder, field structs, dispatch, random encodings.

The tables' language, a line at a time (`#` comments, a backslash at the end continues a line):

  enum idx offset post pre          constants for expressions; C sees A64_IDX_OFFSET, ...

  @name [&struct] [->fn] bits...    a format. Its bits, from bit 31 down, are words of
        [field=expr...] [%param...]   0 1       fixed in every row of the format
                                      .         left to the row
                                      rd:5      field of 5 bits; imm9:s9 is sign-extended
                                    A field that begins with _ is not put into the struct: it
                                    serves expressions. field=expr is computed from the others,
                                    %param is a constant that each row supplies. Formats may fill
                                    one struct (&struct; default: the format's own name) if they
                                    give the same fields. ->fn is the default translate function.

  name bits... @format [->fn]       a row: ONE ENCODING. Its bits are 0 1 and
       [+feature[(expr)]]             .  part of a field of the format
       [param=expr...]                i  ignored, should be one;  o  ignored, should be zero
       "template" [? expr]          The encoding is allocated where the expression holds; it needs
                                    the feature (where its expression holds).
                                    The translate function defaults to the format's, then to name.
  | "template" ? expr               disassembly of the row above where the expression holds

Expressions are Python's over field names, integers, enum constants, with blanks only
after `?` and within parentheses: == != < <= > >= + - * << >> & | ^ ~ and or not, in (a,b),
(x if c else y).
Templates are text with {kind:arg,...}, each a call of dis_kind(d, arg, ...) in disas.c, and
{pick:expr,'a','b'}; {{ is a brace.

Refused, with file and line: rows that overlap (exactly, constraints considered), unknown names,
bits that no field explains, formats and enums nobody uses, rows that cannot occur.
"""
import ast
import os
import re
import sys

OPS = {ast.Eq: '==', ast.NotEq: '!=', ast.Lt: '<', ast.LtE: '<=', ast.Gt: '>', ast.GtE: '>=',
       ast.Add: '+', ast.Sub: '-', ast.Mult: '*', ast.LShift: '<<', ast.RShift: '>>',
       ast.BitAnd: '&', ast.BitOr: '|', ast.BitXor: '^', ast.And: '&&', ast.Or: '||',
       ast.Not: '!', ast.Invert: '~', ast.USub: '-'}
MAX_FREE_BITS = 18  # constraint bits enumerated for one row or one pair of rows


class Refused(Exception):
    """A mistake in a table: where it is and what it is."""

    def __init__(self, where, what):
        super().__init__(f'{where}: error: {what}')


class Field:
    """A field cut out of the instruction word."""

    def __init__(self, name, lo, width, signed):
        self.name, self.lo, self.width, self.signed = name, lo, width, signed
        self.mask = ((1 << width) - 1) << lo

    def get(self, insn):
        v = insn >> self.lo & ((1 << self.width) - 1)
        return v - (1 << self.width) if self.signed and v >> (self.width - 1) else v

    def c(self):
        if self.signed:
            return f'((int)(insn << {32 - self.lo - self.width}) >> {32 - self.width})'
        return f'(int)(insn >> {self.lo} & {(1 << self.width) - 1:#x})'


class Expr:
    """An expression over one row's names: to C, to a value, and which bits it looks at."""

    def __init__(self, text, where, table):
        self.text, self.where, self.table = text, where, table
        try:
            self.tree = ast.parse(text.strip(), mode='eval').body
        except SyntaxError:
            raise Refused(where, f'cannot parse expression "{text}"') from None

    def _walk(self, n, row):
        """(C text, bits used) of the node; refuses what the language does not have."""
        if isinstance(n, ast.Constant) and isinstance(n.value, int):
            return str(int(n.value)), 0
        if isinstance(n, ast.Name):
            return row.name_c(n.id, self.where)
        if isinstance(n, ast.UnaryOp) and type(n.op) in OPS:
            c, m = self._walk(n.operand, row)
            return f'({OPS[type(n.op)]}{c})', m
        if isinstance(n, ast.BinOp) and type(n.op) in OPS:
            return self._join([n.left, n.right], OPS[type(n.op)], row)
        if isinstance(n, ast.BoolOp):
            return self._join(n.values, OPS[type(n.op)], row)
        if isinstance(n, ast.Compare) and len(n.ops) == 1:
            if isinstance(n.ops[0], (ast.In, ast.NotIn)):
                l, m = self._walk(n.left, row)
                values = [self._walk(e, row)[0] for e in n.comparators[0].elts]
                any_of = ' || '.join(f'{l} == {v}' for v in values)
                return f'({"!" * isinstance(n.ops[0], ast.NotIn)}({any_of}))', m
            if type(n.ops[0]) in OPS:
                return self._join([n.left, n.comparators[0]], OPS[type(n.ops[0])], row)
        if isinstance(n, ast.IfExp):
            parts = [self._walk(x, row) for x in (n.test, n.body, n.orelse)]
            c, a, b = (p[0] for p in parts)
            return f'({c} ? {a} : {b})', parts[0][1] | parts[1][1] | parts[2][1]
        raise Refused(self.where, f'"{self.text}" uses what the table language does not have')

    def _join(self, nodes, op, row):
        parts = [self._walk(x, row) for x in nodes]
        mask = 0
        for p in parts:
            mask |= p[1]
        if op == '<<':  # of a negative number it is undefined in C
            return f'({parts[0][0]} * (1 << {parts[1][0]}))', mask
        return '(' + f' {op} '.join(p[0] for p in parts) + ')', mask

    def c(self, row):
        return self._walk(self.tree, row)[0]

    def bits(self, row):
        return self._walk(self.tree, row)[1]

    def compiled(self, row):
        """A function of the instruction word."""
        self._walk(self.tree, row)
        code = compile(ast.Expression(self.tree), self.where, 'eval')
        names = sorted({n.id for n in ast.walk(self.tree) if isinstance(n, ast.Name)})
        getters = [(name, row.name_get(name)) for name in names]
        return lambda insn: eval(code, {}, {k: g(insn) for k, g in getters})


def words_of(line):
    """The line's words; quotes and open parentheses hold blanks."""
    words = []
    for w in re.findall(r'"[^"]*"|[^\s"]+', line):
        if words and words[-1].count('(') > words[-1].count(')'):
            words[-1] += ' ' + w
        else:
            words.append(w)
    return words


def parse_bits(words, where, fields=None):
    """Bit words to a string of 32 characters, '.' where a field is; fills fields."""
    out, pos = '', 32
    for w in words:
        m = re.fullmatch(r'(\w+):(s?)(\d+)', w)
        if m:
            width = int(m[3])
            pos -= width
            if pos < 0:
                break
            if m[1] in fields:
                raise Refused(where, f'field {m[1]} twice')
            fields[m[1]] = Field(m[1], pos, width, bool(m[2]))
            out += 'f' * width
        else:
            pos -= len(w)
            out += w
    if len(out) != 32 or pos != 0:
        raise Refused(where, f'the bits add up to {32 - pos}, not 32')
    return out


class Format:
    def __init__(self, words, where, table):
        self.where, self.name = where, words[0][1:]
        self.struct, self.fn, self.fields, self.used = self.name, None, {}, False
        self.derived, self.params = {}, []
        bits = []
        for w in words[1:]:
            if w[0] == '&':
                self.struct = w[1:]
            elif w.startswith('->'):
                self.fn = w[2:]
            elif w[0] == '%':
                self.params.append(w[1:])
            elif re.match(r'\w+=[^=]', w):
                k, e = w.split('=', 1)
                self.derived[k] = Expr(e, where, table)
            elif re.fullmatch(r'[01.]+|\w+:s?\d+', w):
                bits.append(w)
            else:
                raise Refused(where, f'cannot read "{w}" in a format')
        self.bits = parse_bits(bits, where, self.fields)
        names = list(self.fields) + list(self.derived) + self.params
        if len(set(names)) != len(names):
            raise Refused(where, 'a field twice')
        self.members = [n for n in names if n[0] != '_']


class Row:
    def __init__(self, words, where, table):
        self.where, self.name, self.table = where, words[0], table
        self.enum = 'A64_' + self.name.upper()
        self.format = self.fn = self.feature = self.feature_if = self.ok = None
        self.consts, self.aliases, self.template = {}, [], None
        bits, i = [], 1
        if not re.fullmatch(r'[a-z]\w*', self.name):
            raise Refused(where, f'"{self.name}" is no row name')
        while i < len(words):
            w = words[i]
            if w == '?':
                self.ok = Expr(' '.join(words[i + 1:]), where, table)
                break
            if w[0] == '@':
                self.format = table.formats.get(w[1:])
                if not self.format:
                    raise Refused(where, f'no format {w}')
            elif w[0] == '"':
                self.template = w[1:-1]
            elif w.startswith('->'):
                self.fn = w[2:]
            elif w[0] == '+':
                m = re.fullmatch(r'\+(\w+)(?:\((.*)\))?', w)
                self.feature = m[1]
                self.feature_if = Expr(m[2], where, table) if m[2] else None
            elif re.match(r'\w+=[^=]', w):
                k, e = w.split('=', 1)
                self.consts[k] = Expr(e, where, table)
            elif re.fullmatch(r'[01.io]+', w):
                bits.append(w)
            else:
                raise Refused(where, f'cannot read "{w}" in a row')
            i += 1
        if not self.format or self.template is None:
            raise Refused(where, 'a row needs a @format and a "template"')
        self.format.used = True
        self.fn = self.fn or self.format.fn or self.name
        self.bits = parse_bits(bits, where)
        self._check_bits()
        if set(self.consts) != set(self.format.params):
            raise Refused(where, f'@{self.format.name} wants constants {self.format.params}')
        if self.feature:
            table.features.setdefault(self.feature, len(table.features))

    def _check_bits(self):
        self.mask = self.value = self.sbo = self.sbz = 0
        for i in range(32):
            r, f, bit = self.bits[i], self.format.bits[i], 1 << (31 - i)
            if f in '01':
                if r not in ('.', f):
                    raise Refused(self.where, f'bit {31 - i} contradicts @{self.format.name}')
                r = f
            if r == '.' and f != 'f':
                raise Refused(self.where,
                              f'bit {31 - i} belongs to no field of @{self.format.name}')
            if r in '01':
                self.mask |= bit
                self.value |= bit * int(r)
            self.sbo |= bit * (r == 'i')
            self.sbz |= bit * (r == 'o')

    def name_c(self, name, where):
        """C text and bits of a name in this row's expressions."""
        if name in self.format.fields:
            f = self.format.fields[name]
            return f.c(), f.mask
        for exprs in (self.consts, self.format.derived):
            if name in exprs:
                return exprs[name]._walk(exprs[name].tree, self)
        if name in self.table.constants:
            enum, _ = self.table.constants[name]
            self.table.enums_used.add(enum)
            return f'A64_{enum}_{name}'.upper(), 0
        raise Refused(where, f'{self.name}: no field or constant "{name}"')

    def name_get(self, name):
        if name in self.format.fields:
            return self.format.fields[name].get
        for exprs in (self.consts, self.format.derived):
            if name in exprs:
                return exprs[name].compiled(self)
        return lambda insn: self.table.constants[name][1]

    def finish(self):
        """Compiles the constraint and finds one encoding that satisfies it."""
        self.allocated = self.ok.compiled(self) if self.ok else (lambda insn: True)
        self.ok_bits = self.ok.bits(self) if self.ok else 0
        self.example = next((x for x in spread(self.ok_bits & ~self.mask, self.value, self.where)
                             if self.allocated(x)), None)
        if self.example is None:
            raise Refused(self.where, f'{self.name}: nothing satisfies "{self.ok.text}"')

    def matches(self, insn):
        return insn & self.mask == self.value and self.allocated(insn)


def spread(mask, value, where):
    """value with every combination of the mask's bits."""
    if bin(mask).count('1') > MAX_FREE_BITS:
        raise Refused(where, 'too many bits in constraints to enumerate')
    sub = mask
    while True:
        yield value | (mask ^ sub)
        if sub == 0:
            return
        sub = (sub - 1) & mask


class Table:
    def __init__(self):
        self.formats, self.rows, self.constants, self.features = {}, [], {}, {'none': 0}
        self.enums, self.enums_used = {}, set()

    def read(self, path):
        pending, start = '', 0
        name = os.path.basename(path)
        with open(path, encoding='utf-8') as f:
            for number, line in enumerate(f, 1):
                start = start if pending else number
                line = pending + re.sub(r'(^|\s)#.*', '', line.rstrip('\n'))
                pending = ''
                if line.endswith('\\'):
                    pending = line[:-1] + ' '
                elif line.strip():
                    self.line(words_of(line), f'{name}:{start}')

    def line(self, words, where):
        if words[0] == 'enum':
            self.enums[words[1]] = (words[2:], where)
            for i, w in enumerate(words[2:]):
                self.constants[w] = (words[1], i)
        elif words[0] == '|':
            if not self.rows or len(words) < 4 or words[1][0] != '"' or words[2] != '?':
                raise Refused(where, 'an alias is | "template" ? expression, below its row')
            self.rows[-1].aliases.append((words[1][1:-1], Expr(' '.join(words[3:]), where, self)))
        elif words[0][0] == '@':
            f = Format(words, where, self)
            if f.name in self.formats:
                raise Refused(where, f'format @{f.name} twice')
            self.formats[f.name] = f
        else:
            self.rows.append(Row(words, where, self))

    def check(self):
        structs, fns, names = {}, {}, {}
        for f in self.formats.values():
            if not f.used:
                raise Refused(f.where, f'nobody uses format @{f.name}')
            first = structs.setdefault(f.struct, f)
            if set(first.members) != set(f.members):
                odd = sorted(set(first.members) ^ set(f.members))
                raise Refused(f.where, f'struct {f.struct} differs from {first.where} in {odd}')
        for r in self.rows:
            if names.setdefault(r.name, r) is not r:
                raise Refused(r.where, f'row {r.name} is already at {names[r.name].where}')
            struct = fns.setdefault(r.fn, r.format.struct)
            if struct != r.format.struct:
                raise Refused(r.where, f'tr_{r.fn} gets struct {struct} elsewhere')
            r.finish()
            for k in list(r.consts) + list(r.format.derived):
                r.name_c(k, r.where)
        for name, (_, where) in self.enums.items():
            if name not in self.enums_used:
                raise Refused(where, f'nobody uses enum {name}')
        self.structs, self.fns = structs, fns
        self.check_overlaps()

    def check_overlaps(self):
        for i, a in enumerate(self.rows):
            for b in self.rows[:i]:
                if (a.value ^ b.value) & a.mask & b.mask:
                    continue
                free = (a.ok_bits | b.ok_bits) & ~(a.mask | b.mask)
                for x in spread(free, a.value | b.value, a.where):
                    if a.allocated(x) and b.allocated(x):
                        raise Refused(a.where, f'{a.name} overlaps {b.name} ({b.where}) '
                                               f'at {x:#010x}')


HEAD = '// Generated by frontend/decodegen.py from the A64 decode tables.\n'


def emit_header(t):
    o = [HEAD + '#ifndef FRONTEND_A64_DECODE_H\n#define FRONTEND_A64_DECODE_H\n',
         '#include <stdbool.h>\n#include <stdint.h>\n',
         'enum a64_op {\n    A64_UNALLOCATED,']
    o += [f'    {r.enum},' for r in t.rows]
    o += ['    A64_OP_COUNT\n};\n', 'enum a64_feature {']
    o += [f'    A64_FEATURE_{f.upper()},' for f in t.features]
    o += ['    A64_FEATURE_COUNT\n};\n']
    for name, (values, _) in t.enums.items():
        o += [f'enum a64_{name} {{'] + [f'    A64_{name}_{v},'.upper() for v in values] + ['};\n']
    for name, f in t.structs.items():
        o += [f'struct a64_{name} {{'] + [f'    int {m};' for m in f.members] + ['};\n']
    o += ['union a64_fields {'] + [f'    struct a64_{s} {s};' for s in t.structs] + ['};\n']
    o += ['''// A row of the table. A bit outside mask is a field's or ignored.
struct a64_row {
    const char *name, *format, *translate;
    uint32_t mask, value;         // a word matches if (word & mask) == value, and a64_matches()
    uint32_t sbo, sbz;            // ignored bits that should be one, zero
    enum a64_feature feature;     // what the encoding needs (some of its words: a64_needs())
};

extern const struct a64_row a64_rows[A64_OP_COUNT];
extern const char *const a64_feature_names[A64_FEATURE_COUNT];

// The row of an instruction word and its fields; A64_UNALLOCATED leaves *f alone. Pure.
enum a64_op a64_decode(uint32_t insn, union a64_fields *f);
// Whether the word belongs to this one row (what a64_decode() finds, one row at a time).
bool a64_matches(enum a64_op op, uint32_t insn);
// The feature that this word of the row needs, A64_FEATURE_NONE for the base architecture.
enum a64_feature a64_needs(enum a64_op op, uint32_t insn);

#endif''']
    return o


def tree(rows, seen, depth, out):
    """Nested switches over the window of bits that splits the rows best."""
    pad = '    ' * depth
    best = None
    if len(rows) > 2:
        for width in range(1, 8):
            for lo in range(0, 33 - width):
                m = ((1 << width) - 1) << lo
                if m & seen or not any(r.mask & m for r in rows):
                    continue
                groups = split(rows, lo, width)
                cost = sum(len(g) ** 2 for g in groups.values()) / (1 << width)
                cost += 0.02 * (1 << width)  # a wide switch must be worth its table
                if max(map(len, groups.values()), default=0) < len(rows) and \
                        (best is None or cost < best[0]):
                    best = cost, lo, width, groups
    if best is None:
        for r in rows:
            ok = f' && {r.ok.c(r)}' if r.ok else ''
            out.append(f'{pad}if ((insn & {r.mask:#010x}) == {r.value:#010x}{ok})\n'
                       f'{pad}    return {r.enum};')
        out.append(f'{pad}break;')
        return
    _, lo, width, groups = best
    out.append(f'{pad}switch (insn >> {lo} & {(1 << width) - 1:#x}) {{')
    merged = {}
    for v, g in groups.items():
        if g:
            merged.setdefault(tuple(id(r) for r in g), ([], g))[0].append(v)
    for values, g in merged.values():
        out += [f'{pad}case {v:#x}:' for v in values]
        tree(g, seen | ((1 << width) - 1) << lo, depth + 1, out)
    out.append(f'{pad}}}')
    if depth > 1:
        out.append(f'{pad}break;')


def split(rows, lo, width):
    groups = {v: [] for v in range(1 << width)}
    for r in rows:
        m, want = r.mask >> lo & ((1 << width) - 1), r.value >> lo
        for v in groups:
            if (v ^ want) & m == 0:
                groups[v].append(r)
    return groups


def by_key(rows, key):
    groups = {}
    for r in rows:
        groups.setdefault(key(r), []).append(r)
    return groups


def emit_decoder(t):
    o = [HEAD + '#include "frontend/a64_decode.h"\n\n#include <stddef.h>\n',
         'const struct a64_row a64_rows[A64_OP_COUNT] = {',
         '    [A64_UNALLOCATED] = {"unallocated", "", "", 0, 0, 0, 0, A64_FEATURE_NONE},']
    for r in t.rows:
        feature = (r.feature or 'none').upper()
        o.append(f'    [{r.enum}] = {{"{r.name}", "{r.format.struct}", "{r.fn}", {r.mask:#010x}, '
                 f'{r.value:#010x}, {r.sbo:#x}, {r.sbz:#x}, A64_FEATURE_{feature}}},')
    o += ['};\n', 'const char *const a64_feature_names[A64_FEATURE_COUNT] = {']
    o += [f'    "{f}",' for f in t.features] + ['};\n']
    o += ['static enum a64_op identify(uint32_t insn)\n{']
    tree(t.rows, 0, 1, o)
    o += ['    return A64_UNALLOCATED;\n}\n']
    o += ['enum a64_op a64_decode(uint32_t insn, union a64_fields *f)\n{',
          '    enum a64_op op = identify(insn);\n', '    switch (op) {']
    extract = lambda r: '\n'.join(
        f'        f->{r.format.struct}.{m} = {r.name_c(m, r.where)[0]};' for m in r.format.members)
    for body, rows in by_key(t.rows, extract).items():
        o += [f'    case {r.enum}:' for r in rows] + [body, '        break;'] if body else \
             [f'    case {r.enum}:' for r in rows] + ['        break;']
    o += ['    case A64_UNALLOCATED:', '    case A64_OP_COUNT:', '        break;', '    }',
          '    return op;\n}\n']
    o += ['static bool satisfies(enum a64_op op, uint32_t insn)\n{', '    switch (op) {']
    for body, rows in by_key([r for r in t.rows if r.ok], lambda r: r.ok.c(r)).items():
        o += [f'    case {r.enum}:' for r in rows] + [f'        return {body};']
    o += ['    default:', '        return op != A64_UNALLOCATED;', '    }\n}\n']
    o += ['''bool a64_matches(enum a64_op op, uint32_t insn)
{
    return (insn & a64_rows[op].mask) == a64_rows[op].value && satisfies(op, insn);
}

enum a64_feature a64_needs(enum a64_op op, uint32_t insn)
{
    switch (op) {''']
    for r in t.rows:
        if r.feature_if:
            o += [f'    case {r.enum}:', f'        if (!{r.feature_if.c(r)})',
                  '            return A64_FEATURE_NONE;', '        break;']
    o += ['    default:', '        break;', '    }', '    return a64_rows[op].feature;\n}']
    return o


def emit_protos(t):
    o = [HEAD + '#ifndef FRONTEND_A64_TRANSLATE_PROTOS_H\n'
         '#define FRONTEND_A64_TRANSLATE_PROTOS_H\n',
         '#include "frontend/a64_decode.h"\n\nstruct tr;\n']
    o += [f'bool tr_{fn}(struct tr *t, enum a64_op op, const struct a64_{s} *f);'
          for fn, s in t.fns.items()]
    return o + ['\n#endif']


def emit_dispatch(t):
    o = [HEAD + '// Included by the one file that dispatches.\n'
         'static bool a64_translate(struct tr *t, enum a64_op op, const union a64_fields *f)\n{',
         '    switch (op) {']
    for fn, rows in by_key(t.rows, lambda r: r.fn).items():
        o += [f'    case {r.enum}:' for r in rows]
        o += [f'        return tr_{fn}(t, op, &f->{rows[0].format.struct});']
    return o + ['    case A64_UNALLOCATED:', '    case A64_OP_COUNT:', '        break;', '    }',
                '    return false;\n}']


def emit_random_header(_):
    return [HEAD + '''#ifndef FRONTEND_A64_RANDOM_H
#define FRONTEND_A64_RANDOM_H

#include "frontend/a64_decode.h"

// A random encoding of the row, from next()'s random numbers; ignored bits as they should be.
uint32_t a64_random_encoding(enum a64_op op, uint64_t (*next)(void *), void *opaque);

#endif''']


def emit_random(t):
    o = [HEAD + '#include "frontend/a64_random.h"\n',
         '// One valid encoding a row, for where chance does not find one.',
         'static const uint32_t examples[A64_OP_COUNT] = {']
    o += [f'    [{r.enum}] = {r.example:#010x},' for r in t.rows]
    return o + ['''};

uint32_t a64_random_encoding(enum a64_op op, uint64_t (*next)(void *), void *opaque)
{
    const struct a64_row *row = &a64_rows[op];

    for (int i = 0; i < 1000; i++) {
        uint32_t insn = row->value | ((uint32_t)next(opaque) & ~row->mask);
        insn = (insn | row->sbo) & ~row->sbz;
        if (a64_matches(op, insn))
            return insn;
    }
    return (examples[op] | row->sbo) & ~row->sbz;
}''']


def c_args(text, where, row):
    args, depth, cur = [], 0, ''
    for ch in text:
        depth += (ch == '(') - (ch == ')')
        if ch == ',' and depth == 0:
            args, cur = args + [cur], ''
        else:
            cur += ch
    out = []
    for a in args + [cur]:
        a = a.strip()
        if a.startswith("'"):
            out.append('"' + a.strip("'") + '"')
        else:
            out.append(Expr(a, where, row.table).c(row))
    return out


def template_c(text, where, row, pad):
    out = []
    for part in re.findall(r'\{\{|\}\}|\{[^{}]*\}|[^{}]+', text):
        if part in ('{{', '}}'):
            part = part[0]
        elif part[0] == '{':
            kind, _, rest = part[1:-1].partition(':')
            args = c_args(rest, where, row) if rest else []
            if kind == 'pick':
                names = ', '.join(args[1:])
                args = [args[0], f'(const char *const[]){{{names}}}', str(len(args) - 1)]
            out.append(f'{pad}dis_{kind}({", ".join(["d"] + args)});')
            continue
        if out and out[-1].startswith(f'{pad}dis_text(d, "'):
            out[-1] = out[-1][:-3] + part + '");'
        else:
            out.append(f'{pad}dis_text(d, "{part}");')
    return out


def emit_disas(t):
    o = [HEAD + '// Included by disas.c.\n'
         '__attribute__((cold))\n'
         'static void dis_row(struct dis *d, enum a64_op op, uint32_t insn)\n{',
         '    switch (op) {']
    for r in t.rows:
        o.append(f'    case {r.enum}:')
        for text, cond in r.aliases:
            o.append(f'        if (d->aliases && {cond.c(r)}) {{')
            o += template_c(text, cond.where, r, ' ' * 12) + ['            break;', '        }']
        o += template_c(r.template, r.where, r, ' ' * 8) + ['        break;']
    return o + ['    case A64_UNALLOCATED:', '    case A64_OP_COUNT:', '        break;', '    }\n}']


OUTPUTS = {'a64_decode.h': emit_header, 'a64_decode.c': emit_decoder,
           'a64_translate_protos.h': emit_protos, 'a64_translate.inc': emit_dispatch,
           'a64_random.h': emit_random_header, 'a64_random.c': emit_random,
           'a64_disas.inc': emit_disas}


def main(argv):
    if len(argv) < 3:
        sys.exit('usage: decodegen.py OUTPUT-DIRECTORY TABLE...')
    t = Table()
    try:
        for path in argv[2:]:
            t.read(path)
        t.check()
        texts = {name: '\n'.join(emit(t)) + '\n' for name, emit in OUTPUTS.items()}
    except Refused as e:
        sys.exit(str(e))
    for name, text in texts.items():
        with open(os.path.join(argv[1], name), 'w', encoding='utf-8') as f:
            f.write(text)


if __name__ == '__main__':
    main(sys.argv)
