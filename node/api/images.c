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
    fresh_came(request->api, request->upload.hash);
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

static void look(struct api_request *request)
{
    struct file_identity identity;
    int fd;
    request->err = image_store_open(&request->api->state, request->name, &fd, &request->why);
    if (request->err)
        return;
    request->err = image_check(fd, request->name, &identity, &request->why);
    (void)close(fd);
}

static void looked(struct api_request *request)
{
    if (request->err == MF_ENOENT || request->err == MF_EFORMAT)
        api_answer_error(request, 404, "no such image; POST /v1/images uploads one");
    else if (request->err)
        api_answer_err(request, request->err, &request->why);
    else
        api_answer_json(request, 200, json_pack("{s:s}", "hash", request->name));
}

/* Is it here, and whole? Who is told so does not upload it, which would mend a damaged one. */
void api_get_image(struct api_request *request)
{
    if (!image_hash_valid(request->name)) {
        api_answer_error(request, 404, "no such image; POST /v1/images uploads one");
        return;
    }
    request->job = look;
    request->after = looked;
    api_start_job(request);
}
