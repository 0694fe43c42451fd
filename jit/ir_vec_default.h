// SPDX-License-Identifier: GPL-3.0-or-later
// Included before ir_vec.def: rows an includer did not ask for expand to nothing; floating-point
// rows are rows like the others unless the includer tells them apart. No include guard.
#ifndef VOP_LANES
#define VOP_LANES(name, operands, set, flags, ...)
#endif
#ifndef VOP_LONG
#define VOP_LONG(name, operands, set, flags, ...)
#endif
#ifndef VOP_NARROW
#define VOP_NARROW(name, operands, set, flags, ...)
#endif
#ifndef VOP_TOWORD
#define VOP_TOWORD(name, operands, set, flags, ...)
#endif
#ifndef VOP_WORD
#define VOP_WORD(name, operands, set, flags, ...)
#endif
#ifndef VOP_PAIRL
#define VOP_PAIRL(name, operands, set, flags, ...)
#endif
#ifndef VOP_FOLD
#define VOP_FOLD(name, set, flags, R, element, ...)
#endif
#ifndef VOP_FLANES
#define VOP_FLANES(name, operands, set, flags, ...)
#endif
#ifndef VOP_FLONG
#define VOP_FLONG(name, operands, set, flags, ...)
#endif
#ifndef VOP_FNARROW
#define VOP_FNARROW(name, operands, set, flags, ...)
#endif
#ifndef VOP_FTOWORD
#define VOP_FTOWORD(name, operands, set, flags, ...)
#endif
#ifndef VOP_FWORD
#define VOP_FWORD(name, operands, set, flags, ...)
#endif
#ifndef VOP_FFLAGS
#define VOP_FFLAGS(name, operands, set, flags, ...)
#endif
#ifndef VOP_FFOLD
#define VOP_FFOLD(name, set, flags, R, element, ...)
#endif
