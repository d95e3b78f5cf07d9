/* of_functions.h: what is counted of each function, as families of samples. Loop thread only. */
#ifndef MF_NODE_METRICS_OF_FUNCTIONS_H
#define MF_NODE_METRICS_OF_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "node/metrics/text.h"

struct function;

struct metrics_family {
    const char *name, *type, *help;
    void (*each)(struct metrics_text *text, struct function *function);
    bool of_all;
};

extern const struct metrics_family of_functions[];
extern const size_t of_functions_count;

/* of_all: of functions, too, that nobody has called and that never ran; with many functions most
 * are such, and a sample of each for each family would drown the others. */
bool of_functions_has(const struct metrics_family *family, const struct function *function);

#endif
