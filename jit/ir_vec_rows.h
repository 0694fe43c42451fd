// SPDX-License-Identifier: GPL-3.0-or-later
// Every row of ir_vec.def as VOP_ROW(name, kind, operands, set, flags). No include guard.
// clang-format off
#define VOP_LANES(name, operands, set, flags, ...)       VOP_ROW(name, LANES, operands, set, flags)
#define VOP_LONG(name, operands, set, flags, ...)        VOP_ROW(name, LONG, operands, set, flags)
#define VOP_NARROW(name, operands, set, flags, ...)      VOP_ROW(name, NARROW, operands, set, flags)
#define VOP_PAIRL(name, operands, set, flags, ...)       VOP_ROW(name, PAIRL, operands, set, flags)
#define VOP_FOLD(name, set, flags, R, element, ...)      VOP_ROW(name, FOLD, A, set, flags)
#define VOP_TOWORD(name, operands, set, flags, ...)      VOP_ROW(name, TOWORD, operands, set, flags)
#define VOP_WORD(name, operands, set, flags, ...)        VOP_ROW(name, WORD, operands, set, flags)
#define VOP_FLANES(name, operands, set, flags, ...)      VOP_ROW(name, LANES, operands, set, flags)
#define VOP_FLONG(name, operands, set, flags, ...)       VOP_ROW(name, LONG, operands, set, flags)
#define VOP_FNARROW(name, operands, set, flags, ...)     VOP_ROW(name, NARROW, operands, set, flags)
#define VOP_FFOLD(name, set, flags, R, element, ...)     VOP_ROW(name, FOLD, A, set, flags)
#define VOP_FTOWORD(name, operands, set, flags, ...)     VOP_ROW(name, TOWORD, operands, set, flags)
#define VOP_FWORD(name, operands, set, flags, ...)       VOP_ROW(name, WORD, operands, set, flags)
#define VOP_FFLAGS(name, operands, set, flags, ...)      VOP_ROW(name, FLAGS, operands, set, flags)
// clang-format on
#include "jit/ir_vec.def"
