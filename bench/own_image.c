/* own_image.c: getrandom(2) for one secret, SplitMix64 (Steele et al., 2014) from there on. */
#include "bench/own_image.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/hash.h"
#include "image/image.h"
#include "image/pack.h"

static mf_err find_data(struct own_image *own, const char *path, struct mf_why *why)
{
    const uint8_t *from = own->file.data, *end = from + own->file.bytes;
    for (const uint8_t *at = from; (at = memmem(at, (size_t)(end - at), OWN_MARK, sizeof OWN_MARK)); at++) {
        if (own->places == OWN_PLACES_MAX)
            return mf_why(why, MF_EFORMAT, "%s: more than %u places for data of its own", path, OWN_PLACES_MAX);
        if (sizeof(struct own_data) > (size_t)(end - at))
            return mf_why(why, MF_EFORMAT, "%s: cut short", path);
        own->data_offset[own->places++] = (size_t)(at - from);
    }
    return own->places ? MF_OK : mf_why(why, MF_EFORMAT, "%s: no place for data of its own", path);
}

mf_err own_image_open(struct own_image *own, const char *path, struct mf_why *why)
{
    struct image image;
    *own = (struct own_image){0};
    mf_err err = pack_read_file(path, MF_IMAGE_BYTES_MAX, &own->file, why);
    if (!err)
        err = find_data(own, path, why);
    if (!err && getrandom(&own->secret, sizeof own->secret, 0) != sizeof own->secret)
        err = mf_why(why, MF_EIO, "no random numbers: %s", strerror(errno));
    own->hashed = !err && image_parse(own->file.data, own->file.bytes, &image, NULL) == MF_OK;
    if (own->hashed)
        own->hash_offset = image.hash_offset;
    if (err)
        own_image_close(own);
    return err;
}

void own_image_close(struct own_image *own)
{
    mf_buf_close(&own->file);
    *own = (struct own_image){0};
}

void own_image_data(const struct own_image *own, uint32_t copy, struct own_data *data)
{
    uint64_t state = own->secret + ((uint64_t)copy << 32);
    *data = (struct own_data){.mark = OWN_MARK};
    for (uint32_t i = 0; i < OWN_WORDS; i++) {
        uint64_t z = state += 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        data->word[i] = z ^ (z >> 31);
    }
}

uint64_t own_image_answer(const struct own_image *own, uint32_t copy, uint64_t nonce)
{
    struct own_data data;
    own_image_data(own, copy, &data);
    return nonce_answer(&data, nonce);
}

mf_err own_image_write(struct own_image *own, uint32_t copy, const char *path, struct mf_why *why)
{
    struct own_data data;
    own_image_data(own, copy, &data);
    for (uint32_t i = 0; i < own->places; i++)
        memcpy(own->file.data + own->data_offset[i], &data, sizeof data);
    if (own->hashed)
        image_hash(own->file.data, own->file.bytes, own->hash_offset,
                   own->file.data + own->hash_offset);
    mf_err err = pack_write_file(path, &own->file, why);
    if (!err && chmod(path, 0755) != 0)
        err = mf_why(why, mf_err_from_errno(errno), "%s: %s", path, strerror(errno));
    return err;
}
