/* call_id.c: see call_id.h. */
#include "node/gateway/call_id.h"

#include <sodium.h>

void call_id_make(struct call_ids *ids, char *text)
{
    static const char digit[] = "0123456789abcdef";
    if (ids->left == 0) {
        randombytes_buf(ids->random, sizeof ids->random);
        ids->left = CALL_IDS_AHEAD;
    }
    uint8_t *uuid = ids->random[--ids->left];
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40); /* version 4 */
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80); /* variant   */
    for (unsigned i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *text++ = '-';
        *text++ = digit[uuid[i] >> 4];
        *text++ = digit[uuid[i] & 15];
    }
    *text = 0;
}
