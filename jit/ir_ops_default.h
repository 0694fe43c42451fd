// SPDX-License-Identifier: GPL-3.0-or-later
// Included before ir_ops.def: rows an includer did not ask for expand to nothing. No include guard.
#ifndef IR_INT1
#define IR_INT1(name, flags, expr)
#endif
#ifndef IR_INT2
#define IR_INT2(name, flags, expr)
#endif
#ifndef IR_INT3
#define IR_INT3(name, flags, expr)
#endif
#ifndef IR_FLG2
#define IR_FLG2(name, flags, expr)
#endif
#ifndef IR_FLG3
#define IR_FLG3(name, flags, expr)
#endif
#ifndef IR_LOAD
#define IR_LOAD(name, memory, extended)
#endif
#ifndef IR_STORE
#define IR_STORE(name, memory)
#endif
#ifndef IR_LOADP
#define IR_LOADP(name, memory)
#endif
#ifndef IR_STOREP
#define IR_STOREP(name, memory)
#endif
#ifndef IR_LOADV
#define IR_LOADV(name, bytes)
#endif
#ifndef IR_STOREV
#define IR_STOREV(name, bytes)
#endif
#ifndef IR_LOADVP
#define IR_LOADVP(name, bytes)
#endif
#ifndef IR_STOREVP
#define IR_STOREVP(name, bytes)
#endif
#ifndef IR_CTL
#define IR_CTL(name, flags, what)
#endif
