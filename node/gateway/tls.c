/*
 * tls.c: see tls.h.
 * Guarantees: what is shown is a certificate whose key is here; a key file that others can read
 * is refused. Owns every identity that was ever in force, until tls_close().
 */
#include "node/gateway/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <limits.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "node/functions/state_dir.h"

struct identity {
    struct identity *before; /* the one that it took the place of */
    gnutls_pcert_st chain[MF_TLS_CHAIN_MAX];
    unsigned chain_length;
    gnutls_privkey_t key;
};

static _Atomic(struct identity *) current;
static const char *cert_file, *key_file;

static mf_err load(struct identity **out, struct mf_why *why);
static void identity_free(struct identity *identity);

mf_err tls_open(const char *cert, const char *key, struct mf_why *why)
{
    cert_file = cert;
    key_file = key;
    return tls_reload(why);
}

mf_err tls_reload(struct mf_why *why)
{
    struct identity *identity;
    if (!cert_file)
        return MF_OK;
    mf_err err = load(&identity, why);
    if (err)
        return err;
    identity->before = atomic_load(&current);
    atomic_store(&current, identity);
    return MF_OK;
}

bool tls_is_open(void)
{
    return atomic_load(&current) != NULL;
}

void tls_close(void)
{
    struct identity *identity = atomic_exchange(&current, NULL);
    while (identity) {
        struct identity *before = identity->before;
        identity_free(identity);
        identity = before;
    }
    cert_file = key_file = NULL;
}

int tls_identity(gnutls_session_t session, const gnutls_datum_t *issuers, int issuer_count,
                 const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
                 gnutls_pcert_st **chain, unsigned int *chain_length, gnutls_privkey_t *key)
{
    struct identity *identity = atomic_load(&current);
    (void)session;
    (void)issuers;
    (void)issuer_count;
    (void)algorithms;
    (void)algorithm_count;
    if (!identity)
        return -1;
    *chain = identity->chain;
    *chain_length = identity->chain_length;
    *key = identity->key;
    return 0;
}

static void identity_free(struct identity *identity)
{
    for (unsigned i = 0; i < identity->chain_length; i++)
        gnutls_pcert_deinit(&identity->chain[i]);
    if (identity->key)
        gnutls_privkey_deinit(identity->key);
    free(identity);
}

static gnutls_datum_t datum(const struct mf_buf *buf)
{
    return (gnutls_datum_t){buf->data, (unsigned)buf->bytes};
}

/* Does the key belong to the certificate? GnuTLS says so of credentials. */
static mf_err check_pair(const struct mf_buf *cert, const struct mf_buf *key, struct mf_why *why)
{
    gnutls_certificate_credentials_t both;
    gnutls_datum_t cert_data = datum(cert), key_data = datum(key);
    if (gnutls_certificate_allocate_credentials(&both) != GNUTLS_E_SUCCESS)
        return mf_why(why, MF_ENOMEM, "no memory");
    int result = gnutls_certificate_set_x509_key_mem2(both, &cert_data, &key_data,
                                                      GNUTLS_X509_FMT_PEM, NULL, 0);
    gnutls_certificate_free_credentials(both);
    if (result == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
        return mf_why(why, MF_EINVAL, "--tls-key %s is not the key of the first certificate in "
                                      "--tls-cert %s", key_file, cert_file);
    return result < 0 ? mf_why(why, MF_EINVAL, "--tls-cert %s and --tls-key %s do not fit: %s",
                               cert_file, key_file, gnutls_strerror(result))
                      : MF_OK;
}

static void warn_of_time(const struct mf_buf *cert)
{
    gnutls_x509_crt_t first;
    gnutls_datum_t data = datum(cert);
    if (gnutls_x509_crt_init(&first) != GNUTLS_E_SUCCESS)
        return;
    if (gnutls_x509_crt_import(first, &data, GNUTLS_X509_FMT_PEM) == GNUTLS_E_SUCCESS) {
        time_t now = time(NULL), from = gnutls_x509_crt_get_activation_time(first);
        time_t until = gnutls_x509_crt_get_expiration_time(first);
        if (now < from || now > until)
            mf_log(MF_LOG_WARN, "tls.time", "file=%s why=\"the certificate %s\"", cert_file,
                   now < from ? "is not valid yet" : "has expired");
    }
    gnutls_x509_crt_deinit(first);
}

static mf_err parse(const struct mf_buf *cert, const struct mf_buf *key, struct identity *identity,
                    struct mf_why *why)
{
    gnutls_datum_t cert_data = datum(cert), key_data = datum(key);
    unsigned length = MF_TLS_CHAIN_MAX;
    int result = gnutls_pcert_list_import_x509_raw(identity->chain, &length, &cert_data,
                                                   GNUTLS_X509_FMT_PEM, 0);
    if (result < 0 || length == 0)
        return mf_why(why, MF_EINVAL, "--tls-cert %s has no certificates in PEM, or more than %u: %s",
                      cert_file, MF_TLS_CHAIN_MAX, gnutls_strerror(result));
    identity->chain_length = length;
    if (gnutls_privkey_init(&identity->key) != GNUTLS_E_SUCCESS)
        return mf_why(why, MF_ENOMEM, "no memory");
    result = gnutls_privkey_import_x509_raw(identity->key, &key_data, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (result == GNUTLS_E_DECRYPTION_FAILED)
        return mf_why(why, MF_EINVAL, "--tls-key %s is encrypted; give one without a passphrase, "
                                      "closed to others", key_file);
    if (result < 0)
        return mf_why(why, MF_EINVAL, "--tls-key %s has no private key in PEM: %s", key_file,
                      gnutls_strerror(result));
    return check_pair(cert, key, why);
}

/* Where links lead: tools that renew certificates keep them behind such. */
static mf_err read_file(const char *option, const char *file, bool secret, struct mf_buf *out,
                        struct mf_why *why)
{
    char path[PATH_MAX];
    struct mf_why said = {{0}};
    if (!realpath(file, path))
        return mf_why(why, mf_err_from_errno(errno), "%s %s: %s", option, file, strerror(errno));
    mf_err err = secret ? state_read_secret(path, MF_TLS_FILE_BYTES_MAX, out, &said)
                        : state_read(AT_FDCWD, path, MF_TLS_FILE_BYTES_MAX, out, &said);
    return err ? mf_why(why, err, "%s: %s", option, mf_why_text(&said, err)) : MF_OK;
}

static mf_err load(struct identity **out, struct mf_why *why)
{
    struct mf_buf cert = {0}, key = {0};
    struct identity *identity = calloc(1, sizeof *identity);
    mf_err err = identity ? MF_OK : mf_why(why, MF_ENOMEM, "no memory");
    if (!err)
        err = read_file("--tls-cert", cert_file, false, &cert, why);
    if (!err)
        err = read_file("--tls-key", key_file, true, &key, why);
    if (!err)
        err = parse(&cert, &key, identity, why);
    if (!err)
        warn_of_time(&cert);
    if (key.data)
        sodium_memzero(key.data, key.room);
    mf_buf_close(&key);
    mf_buf_close(&cert);
    if (err && identity)
        identity_free(identity);
    else
        *out = identity;
    return err;
}
