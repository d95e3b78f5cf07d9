/* images.c: POST /v1/images, GET /v1/images/HASH. */
#include <unistd.h>

#include "node/api/request.h"

static void check(struct api_request *request)
{
    request->err = upload_finish(&request->upload, &request->why);
}

static void checked(struct api_request *request)
{
    if (request->err) {
        api_answer_err(request, request->err, &request->why);
        return;
    }
    json_t *manifest = request->upload.manifest;
    request->upload.manifest = NULL;
    api_answer_json(request, 201,
                    json_pack("{s:s, s:I, s:o}", "hash", request->upload.hash, "bytes",
                              (json_int_t)request->upload.bytes, "manifest", manifest));
}

void api_post_image(struct api_request *request)
{
    request->job = check;
    request->after = checked;
    api_start_job(request);
}

/* Is it here? Its file, as it is: what deploys it looks at all of it. */
void api_get_image(struct api_request *request)
{
    int fd;
    if (!image_hash_valid(request->name) ||
        image_store_open(&request->api->state, request->name, &fd, NULL)) {
        api_answer_error(request, 404, "no such image; POST /v1/images uploads one");
        return;
    }
    (void)close(fd);
    api_answer_json(request, 200, json_pack("{s:s}", "hash", request->name));
}
