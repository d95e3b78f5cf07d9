/*
 * follow.c: GET /v1/functions/{name}/logs: the last lines, and with follow=1 those to
 * come, for as long as the client stays. A reader that is slow costs itself lines, never
 * the function time.
 */
#include <stdlib.h>

#include "node/api/request.h"
#include "node/functions/function.h"
#include "node/logs/log_reader.h"
#include "node/node.h"

#define BLOCK_BYTES 16384
#define TAIL_DEFAULT 100

struct followed {
    struct log_follower follower;
    struct log_reader reader;
    struct function *function; /* counted */
    struct api *api;
    struct client *client;
    bool follow;
};

static void more(struct log_follower *follower)
{
    client_resume(list_of(follower, struct followed, follower)->client);
}

static ssize_t next_block(void *cls, uint64_t position, char *to, size_t room)
{
    struct followed *stream = cls;
    (void)position;
    const struct api_request *request = stream->client->request;
    size_t got = request->ended ? 0 : log_reader_read(&stream->reader, to, room);
    if (got)
        return (ssize_t)got;
    if (request->ended || !stream->follow || stream->function->removed || stream->api->node->stopping)
        return MHD_CONTENT_READER_END_OF_STREAM;
    client_pause(stream->client);
    return 0;
}

static void stream_free(void *cls)
{
    struct followed *stream = cls;
    list_remove(&stream->follower.link);
    if (stream->follow)
        stream->api->followers--;
    log_reader_close(&stream->reader);
    function_put(stream->function);
    free(stream);
}

void api_get_logs(struct api_request *request)
{
    struct api *api = request->api;
    struct function *function = registry_find(&api->node->registry, request->name);
    bool follow = api_query_number(request, "follow", 0, 1) == 1;
    if (!function) {
        api_answer_error(request, 404, "no such function; `mayfly ls` lists them");
        return;
    }
    if (follow && api->followers >= MF_LOG_FOLLOWERS_MAX) {
        api_answer_error(request, 503, "too many readers follow logs; end one of them");
        return;
    }
    struct followed *stream = calloc(1, sizeof *stream);
    if (!stream) {
        api_answer_error(request, 500, "no memory");
        return;
    }
    stream->function = function_get(function);
    stream->api = api;
    stream->client = request->client;
    stream->follow = follow;
    stream->follower.more = more;
    link_init(&stream->follower.link);
    log_reader_open(function->log,
                    api_query_number(request, "tail", TAIL_DEFAULT, MF_LOG_TAIL_MAX),
                    &stream->reader);
    if (follow) {
        api->followers++;
        list_append(&function->log->followers, &stream->follower.link);
    }
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, BLOCK_BYTES, next_block, stream, stream_free);
    if (!response)
        stream_free(stream);
    else
        (void)MHD_add_response_header(response, "Content-Type", "application/x-ndjson");
    api_answer(request, 200, response);
}
