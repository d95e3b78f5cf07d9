/* option_files.c: see option_files.h. */
#include "node/option_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sodium.h>

#include "node/functions/state_dir.h"

#define FILE_BYTES_MAX (4u << 20) /* the certificates of a system are a quarter of a megabyte */

static mf_err read_file(const char *option, const char *path, struct mf_buf *text, struct mf_why *why)
{
    struct mf_why inner = {{0}};
    mf_err err = state_read(AT_FDCWD, path, FILE_BYTES_MAX, text, &inner);
    return err ? mf_why(why, MF_EINVAL, "%s %s: %s", option, path,
                        err == MF_ENOENT ? "there is no such file" : mf_why_text(&inner, err))
               : MF_OK;
}

static mf_err check_certificates(const char *option, const char *path, struct mf_why *why)
{
    struct mf_buf text = {0};
    gnutls_x509_crt_t *list = NULL;
    unsigned count = 0;
    if (!path[0])
        return MF_OK;
    mf_err err = read_file(option, path, &text, why);
    if (!err) {
        const gnutls_datum_t data = {text.data, (unsigned)text.bytes};
        int result = text.bytes ? gnutls_x509_crt_list_import2(&list, &count, &data, GNUTLS_X509_FMT_PEM, 0)
                                : GNUTLS_E_NO_CERTIFICATE_FOUND;
        if (result < 0)
            err = mf_why(why, MF_EINVAL, "%s %s: no certificates in PEM: %s", option, path, gnutls_strerror(result));
        for (unsigned i = 0; result >= 0 && i < count; i++)
            gnutls_x509_crt_deinit(list[i]);
        if (result >= 0)
            gnutls_free(list);
    }
    mf_buf_close(&text);
    return err;
}

/* Which kind of key it is, and whether it fits, says who uses it. */
static mf_err check_key(const char *option, const char *path, struct mf_why *why)
{
    static const char mark[] = "PRIVATE KEY-----";
    struct mf_buf text = {0};
    char real[PATH_MAX];
    struct mf_why inner = {{0}};
    if (!path[0])
        return MF_OK;
    if (!realpath(path, real)) /* links may lead there */
        return mf_why(why, MF_EINVAL, "%s %s: %s", option, path, strerror(errno));
    mf_err err = state_read_secret(real, FILE_BYTES_MAX, &text, &inner);
    if (err)
        err = mf_why(why, MF_EINVAL, "%s: %s", option, mf_why_text(&inner, err));
    if (!err && text.bytes && memmem(text.data, text.bytes, "ENCRYPTED", 9))
        err = mf_why(why, MF_EINVAL, "%s %s: it has a pass phrase; give one without, closed to others", option, path);
    if (!err && !(text.bytes && memmem(text.data, text.bytes, mark, sizeof mark - 1)))
        err = mf_why(why, MF_EINVAL, "%s %s: no key in PEM", option, path);
    if (text.data)
        sodium_memzero(text.data, text.room);
    mf_buf_close(&text);
    return err;
}

static mf_err check_folder(const char *option, const char *path, struct mf_why *why)
{
    struct stat is;
    if (!path[0])
        return MF_OK;
    if (stat(path, &is) != 0)
        return mf_why(why, MF_EINVAL, "%s %s: %s", option, path, strerror(errno));
    return S_ISDIR(is.st_mode) ? MF_OK : mf_why(why, MF_EINVAL, "%s %s: it is no directory", option, path);
}

static mf_err check_broker(const struct options *options, struct mf_why *why)
{
    bool any = options->mqtt_ca[0] || options->mqtt_cert[0] || options->mqtt_key[0] || options->mqtt_password_file[0];
    if (any && !options->mqtt_url[0])
        return mf_why(why, MF_EINVAL, "%s: of which broker? --mqtt names it",
                      options->mqtt_ca[0]     ? "--mqtt-ca"
                      : options->mqtt_cert[0] ? "--mqtt-cert"
                      : options->mqtt_key[0]  ? "--mqtt-key"
                                              : "--mqtt-password-file");
    return MF_OK;
}

mf_err option_files_check(const struct options *options, struct mf_why *why)
{
    mf_err err = check_broker(options, why);
    if (!err)
        err = check_certificates("--mqtt-ca", options->mqtt_ca, why);
    if (!err)
        err = check_certificates("--mqtt-cert", options->mqtt_cert, why);
    if (!err)
        err = check_key("--mqtt-key", options->mqtt_key, why);
    if (!err)
        err = check_certificates("--egress-ca", options->egress_ca, why);
    return err ? err : check_folder("--secrets", options->secrets_dir, why);
}
