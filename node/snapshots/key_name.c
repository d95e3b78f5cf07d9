/* key_name.c: see key_name.h. */
#include "node/snapshots/key_name.h"

#include <sodium/utils.h>
#include <string.h>

#define DIGITS (2 * MF_SNAPSHOT_HASH_BYTES)

void key_name(const uint8_t key[MF_SNAPSHOT_HASH_BYTES], const char *suffix, char *name)
{
    (void)sodium_bin2hex(name, DIGITS + 1, key, MF_SNAPSHOT_HASH_BYTES);
    memcpy(name + DIGITS, suffix, strlen(suffix) + 1);
}

bool key_name_read(const char *name, const char *suffix, uint8_t key[MF_SNAPSHOT_HASH_BYTES])
{
    return strlen(name) == DIGITS + strlen(suffix) && strcmp(name + DIGITS, suffix) == 0 &&
           strspn(name, "0123456789abcdef") == DIGITS &&
           sodium_hex2bin(key, MF_SNAPSHOT_HASH_BYTES, name, DIGITS, NULL, NULL, NULL) == 0;
}
