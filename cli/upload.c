/* upload.c: see upload.h. */
#include "cli/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"

static bool is_source(const char *path)
{
    size_t bytes = strlen(path);
    return bytes > 2 && strcmp(path + bytes - 2, ".c") == 0;
}

int upload_open(const char *path, struct image_file *file)
{
    struct mf_why why = {{0}};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *file = (struct image_file){0};
    if (fd < 0)
        return cli_fail(errno == ENOENT ? CLI_NOT_FOUND : CLI_FAILED, "%s: %s", path,
                        strerror(errno));
    mf_err err = image_open(fd, true, file, &why);
    close(fd);
    if (err)
        return cli_fail(CLI_FAILED, "%s is no image that could be deployed: %s%s", path,
                        mf_why_text(&why, err),
                        is_source(path) ? "; 'mayfly build' makes an image of C files" : "");
    return CLI_OK;
}

void upload_hash(const struct image_file *file, char text[static IMAGE_HASH_TEXT])
{
    for (size_t i = 0; i < MF_IMAGE_HASH_BYTES; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", file->image.info.hash[i]);
}

int upload_is_there(struct client *client, const char *hash, bool *there)
{
    char path[sizeof "/v1/images/" + IMAGE_HASH_TEXT];
    struct answer answer;
    (void)snprintf(path, sizeof path, "/v1/images/%s", hash);
    const struct request request = {.method = "GET", .path = path};
    int code = client_call(client, &request, &answer);
    *there = code == CLI_OK && answer.status == 200;
    if (code == CLI_OK && answer.status >= 400 && answer.status != 404)
        code = client_refused(&answer, "images");
    mf_buf_close(&answer.body);
    return code;
}

int upload_missing(struct client *client, const struct image_file *file, const char *path, bool *sent)
{
    char hash[IMAGE_HASH_TEXT];
    bool there;
    *sent = false;
    upload_hash(file, hash);
    int code = upload_is_there(client, hash, &there);
    if (code != CLI_OK || there)
        return code;
    code = upload_image(client, file, path);
    *sent = code == CLI_OK;
    return code;
}

int upload_image(struct client *client, const struct image_file *file, const char *path)
{
    char hash[IMAGE_HASH_TEXT];
    json_t *answer = NULL;
    const struct request request = {.method = "POST",
                                    .path = "/v1/images",
                                    .data = file->data,
                                    .bytes = file->bytes,
                                    .label = "uploading"};
    int code = client_json(client, &request, path, &answer);
    if (code != CLI_OK)
        return code;
    upload_hash(file, hash);
    const char *said = json_string_value(json_object_get(answer, "hash"));
    if (!said || strcmp(said, hash) != 0)
        code = cli_fail(CLI_FAILED, "%s: the node says another hash than the image's", path);
    json_decref(answer);
    return code;
}
