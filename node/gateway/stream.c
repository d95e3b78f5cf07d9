/*
 * stream.c: see stream.h.
 * Owns the source, and the piece that is being sent.
 */
#include "node/gateway/stream.h"

#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES 8192u /* made at once, and a little more      */
#define PIECE_PARTS 64u   /* asked for at once, if they are short */

struct stream {
    const struct stream_maker *maker;
    void *source;
    struct mf_buf piece;
    size_t sent; /* of piece */
    bool ended;  /* piece is the last one */
};

static ssize_t take(void *context, uint64_t position, char *to, size_t room);
static void end(void *context);

struct MHD_Response *stream_response(const char *type, const struct stream_maker *maker,
                                     void *source)
{
    struct stream *stream = source ? calloc(1, sizeof *stream) : NULL;
    if (!stream) {
        if (source)
            maker->close(source);
        return NULL;
    }
    stream->maker = maker;
    stream->source = source;
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE_BYTES, take, stream, end);
    if (!response)
        end(stream);
    else
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    return response;
}

static ssize_t take(void *context, uint64_t position, char *to, size_t room)
{
    struct stream *stream = context;
    (void)position;
    if (stream->sent == stream->piece.bytes && !stream->ended) {
        stream->sent = stream->piece.bytes = 0;
        for (unsigned i = 0; !stream->ended && stream->piece.bytes < PIECE_BYTES &&
                             (i < PIECE_PARTS || stream->piece.bytes == 0);
             i++)
            if (stream->maker->more(stream->source, &stream->piece, &stream->ended))
                return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    size_t bytes = stream->piece.bytes - stream->sent;
    if (bytes == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (bytes > room)
        bytes = room;
    memcpy(to, stream->piece.data + stream->sent, bytes);
    stream->sent += bytes;
    return (ssize_t)bytes;
}

static void end(void *context)
{
    struct stream *stream = context;
    stream->maker->close(stream->source);
    mf_buf_close(&stream->piece);
    free(stream);
}
