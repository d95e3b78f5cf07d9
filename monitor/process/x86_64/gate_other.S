/* gate_other.S: the gate page of windows that are not of the usual size (gate.S). */
#define GATE_OTHER
#include "gate.S"
