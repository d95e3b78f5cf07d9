/*
 * metrics.c: what is counted, a family's samples of one function at a time, so that a scrape of
 * many functions holds nobody up.
 * Leaves to others: what there is to tell (of_functions.c, of_node.c), its form (text.c).
 */
#include "node/metrics/metrics.h"

#include <stdlib.h>

#include "node/functions/function.h"
#include "node/gateway/stream.h"
#include "node/metrics/of_functions.h"
#include "node/metrics/of_node.h"
#include "node/metrics/text.h"
#include "node/node.h"

#define CONTENT_TYPE "text/plain; version=0.0.4"
#define SILENT_PER_PIECE 64 /* functions passed over before something else gets its turn */
#define PSS_SAMPLES_MAX 64  /* instances looked at in one scrape, over all functions */

struct metrics_writer {
    struct metrics_text text;
    struct node *node;
    size_t family;                 /* that is being written           */
    bool named;                    /* its head is                     */
    struct registry_cursor cursor; /* the function that comes next    */
};

/* The head of a family, or its samples of one function; at last what is of the node. */
mf_err metrics_more(struct metrics_writer *writer, struct mf_buf *out, bool *ended)
{
    writer->text.out = out;
    *ended = writer->family == of_functions_count;
    if (*ended) {
        of_node(&writer->text, writer->node);
        return writer->text.err;
    }
    const struct metrics_family *family = &of_functions[writer->family];
    if (!writer->named) {
        text_family(&writer->text, family->name, family->type, family->help);
        registry_cursor_close(&writer->cursor);
        registry_cursor_open(&writer->node->registry, &writer->cursor);
        writer->named = true;
    }
    for (unsigned i = 0; i < SILENT_PER_PIECE; i++) {
        struct function *function = registry_next(&writer->cursor);
        if (!function) {
            writer->family++;
            writer->named = false;
            break;
        }
        if (of_functions_has(family, function)) {
            family->each(&writer->text, function);
            break;
        }
    }
    return writer->text.err;
}

void metrics_end(struct metrics_writer *writer)
{
    registry_cursor_close(&writer->cursor);
    free(writer);
}

struct metrics_writer *metrics_begin(struct node *node)
{
    struct metrics_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return NULL;
    writer->node = node;
    writer->text.looks_left = PSS_SAMPLES_MAX;
    registry_cursor_open(&node->registry, &writer->cursor);
    return writer;
}

static mf_err more(void *source, struct mf_buf *out, bool *ended)
{
    return metrics_more(source, out, ended);
}

static void end(void *source)
{
    metrics_end(source);
}

struct MHD_Response *metrics_response(struct node *node)
{
    static const struct stream_maker maker = {more, end};
    return stream_response(CONTENT_TYPE, &maker, metrics_begin(node));
}

struct MHD_Response *metrics_whole(struct mf_buf *text)
{
    if (!text->data)
        return NULL;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(text->bytes, text->data, MHD_RESPMEM_MUST_FREE);
    if (!response)
        return NULL;
    *text = (struct mf_buf){0};
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, CONTENT_TYPE);
    return response;
}
