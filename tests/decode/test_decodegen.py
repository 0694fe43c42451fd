#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What decodegen.py refuses, and that it says where: each mistake alone in a small table."""
import os
import subprocess
import sys
import tempfile
import unittest

GENERATOR = sys.argv.pop(1)
FORMAT = '@f sf:1 ....... op:8 ...... rn:5 rd:5\n'
ROW = 'one . 0000001 ........ 000000 ..... .....  @f "one"\n'


class Refusals(unittest.TestCase):
    def run_table(self, text):
        with tempfile.TemporaryDirectory() as d:
            path = os.path.join(d, 't.decode')
            with open(path, 'w', encoding='utf-8') as f:
                f.write(text)
            r = subprocess.run([sys.executable, GENERATOR, d, path], capture_output=True, text=True)
            return r.returncode, r.stderr.strip(), sorted(os.listdir(d))

    def refused(self, text, message):
        code, err, files = self.run_table(text)
        self.assertEqual(code, 1, f'accepted: {text}')
        self.assertIn(message, err)
        self.assertEqual(files, ['t.decode'], 'output in spite of the mistake')

    def accepted(self, text):
        code, err, files = self.run_table(text)
        self.assertEqual((code, err), (0, ''))
        self.assertIn('a64_decode.c', files)

    def test_accepts(self):
        self.accepted(FORMAT + ROW)

    def test_overlap(self):
        self.refused(FORMAT + ROW + ROW.replace('one', 'two').replace('. 0', '1 0'),
                     't.decode:3: error: two overlaps one (t.decode:2) at 0x81010000')

    def test_overlap_of_constraints(self):
        two = ROW.replace('one', 'two', 1).rstrip()
        self.accepted(FORMAT + ROW.rstrip() + ' ? op<10\n' + two + ' ? op>9\n')
        self.refused(FORMAT + ROW.rstrip() + ' ? op<10\n' + two + ' ? op>=9\n', 'two overlaps one')

    def test_never_allocated(self):
        self.refused(FORMAT + ROW.rstrip() + ' ? op>255\n', 't.decode:2: error: one: nothing')

    def test_unknown_field(self):
        self.refused(FORMAT + ROW.rstrip() + ' ? size<3\n', 't.decode:2: error: one: no field')

    def test_unknown_field_in_template(self):
        self.refused(FORMAT + ROW.replace('"one"', '"one {x:rm}"'), 'no field or constant "rm"')

    def test_unknown_format(self):
        self.refused(ROW, 't.decode:1: error: no format @f')

    def test_unused_format(self):
        self.refused(FORMAT + FORMAT.replace('@f', '@g') + ROW, 't.decode:2: error: nobody uses')

    def test_unused_enum(self):
        self.refused('enum idx off post\n' + FORMAT + ROW, 't.decode:1: error: nobody uses enum')

    def test_widths(self):
        self.refused(FORMAT.replace('rd:5', 'rd:4') + ROW, 't.decode:1: error: the bits add up to')
        self.refused(FORMAT + ROW.replace('000000', '00000'), 't.decode:2: error: the bits add up')

    def test_unexplained_bit(self):
        self.refused(FORMAT + ROW.replace(' 000000 ', ' .00000 '),
                     't.decode:2: error: bit 15 belongs to no field')

    def test_contradiction(self):
        self.refused(FORMAT.replace('......', '1.....', 1) + ROW, 'contradicts @f')

    def test_same_name(self):
        self.refused(FORMAT + ROW + ROW.replace('0000001', '0000010'), 'row one is already at')

    def test_missing_parameter(self):
        self.refused(FORMAT.rstrip() + ' %idx\n' + ROW, 'wants constants')

    def test_structs_differ(self):
        self.refused(FORMAT + FORMAT.replace('@f', '@g &f').replace('rn:5', 'rm:5') + ROW +
                     ROW.replace('one', 'two').replace('0000001', '0000010').replace('@f', '@g'),
                     't.decode:2: error: struct f differs')

    def test_translate_function_with_two_structs(self):
        two = ROW.replace('one', 'two').replace('0000001', '0000010').replace('@f', '@g ->x')
        self.refused(FORMAT + FORMAT.replace('@f', '@g') + ROW.replace('@f', '@f ->x') + two,
                     'tr_x gets struct f elsewhere')

    def test_language(self):
        self.refused(FORMAT + ROW.rstrip() + ' ? print(op)\n', 'what the table language does not')
        self.refused(FORMAT + ROW.rstrip() + ' ? op ==\n', 'cannot parse expression')
        self.refused(FORMAT + ROW.replace('@f', '@f what?'), 'cannot read "what?"')


if __name__ == '__main__':
    unittest.main()
