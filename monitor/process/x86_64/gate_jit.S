/* gate_jit.S: the gate page of functions with jit, in a page of its own that the spawner moves to its
 * place (../trampoline.c). */
#define GATE_JIT
#include "gate.S"
