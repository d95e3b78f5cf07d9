/* decimal.h: whole numbers as text, as `increment` has them. Pure functions. */
#ifndef MF_NODE_STORE_DECIMAL_H
#define MF_NODE_STORE_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

#include "node/store/store.h"

#define DECIMAL_ROOM 24 /* of any int64_t, with its sign and a NUL */

/* Digits, perhaps with a '-' before them, and nothing else; as it would be written, without
 * zeros before it and without "-0", so that Redis agrees. */
static inline bool decimal_read(struct store_bytes text, int64_t *number)
{
    const char *at = text.data;
    bool negative = text.bytes > 0 && at[0] == '-';
    int64_t result = 0;
    if (text.bytes == negative || text.bytes > DECIMAL_ROOM)
        return false;
    if (at[negative] == '0' && text.bytes > 1)
        return false;
    for (size_t i = negative; i < text.bytes; i++) {
        int digit = at[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(result, (int64_t)10, &result) ||
            __builtin_sub_overflow(result, (int64_t)digit, &result)) /* downwards: INT64_MIN */
            return false;
    }
    if (!negative && __builtin_sub_overflow((int64_t)0, result, &result))
        return false;
    *number = result;
    return true;
}

#endif
