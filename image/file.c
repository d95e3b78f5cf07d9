/* file.c: a whole image file, mapped read-only. The file must not shrink meanwhile:
 * the node keeps its images where only it may write. Any thread. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "image/image.h"

mf_err image_open(int fd, bool check_hash, struct image_file *file, struct mf_why *why)
{
    *file = (struct image_file){0};
    struct stat status;
    if (fstat(fd, &status) != 0)
        return mf_why(why, mf_err_from_errno(errno), "cannot look at the image: %s",
                      strerror(errno));
    if (!S_ISREG(status.st_mode) || status.st_size <= 0)
        return mf_why(why, MF_EFORMAT, "not a file with anything in it");
    if ((uint64_t)status.st_size > MF_IMAGE_BYTES_MAX)
        return mf_why(why, MF_ETOOBIG, "%lld bytes; an image has at most %llu",
                      (long long)status.st_size, MF_IMAGE_BYTES_MAX);
    void *data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return mf_why(why, mf_err_from_errno(errno), "cannot map the image: %s", strerror(errno));
    file->data = data;
    file->bytes = (size_t)status.st_size;
    mf_err err = image_parse(file->data, file->bytes, &file->image, why);
    if (!err && check_hash)
        err = image_verify_hash(file->data, file->bytes, &file->image, why);
    if (err)
        image_close(file);
    return err;
}

void image_close(struct image_file *file)
{
    if (file->data)
        (void)munmap((void *)(uintptr_t)file->data, file->bytes);
    *file = (struct image_file){0};
}
