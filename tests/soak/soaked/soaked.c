/*
 * soaked.c: the function under the soak. Answers the nonce that came (the first 16 bytes),
 * the how-manieth event of this instance it is, and a random number; then the rest of the
 * body. So a caller sees an answer that is another's, an instance that was not clean, and
 * two that share their randomness.
 */
#include <mayfly.h>

#define NONCE_BYTES 16
#define PIECE_BYTES 65536

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    static char piece[PIECE_BYTES];
    static unsigned long long served;
    char nonce[NONCE_BYTES + 1] = "";
    unsigned long long drawn;
    size_t bytes, have = 0;
    while (have < NONCE_BYTES && (bytes = mayfly_read(event, nonce + have, NONCE_BYTES - have)) > 0)
        have += bytes;
    mayfly_random(&drawn, sizeof drawn);
    mayfly_printf(reply, "%s %llu %016llx\n", nonce, ++served, drawn);
    while ((bytes = mayfly_read(event, piece, sizeof piece)) > 0)
        mayfly_write(reply, piece, bytes);
}
