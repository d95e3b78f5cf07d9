/*
 * tls.h: the certificate that this process shows its clients, if it speaks TLS with them
 * (--tls-cert, --tls-key): the gateway, its fronts and the management API on TCP. One for the
 * process, because libmicrohttpd asks for it without saying for whom. Open, reload and close: the
 * functions' thread; what was read stays until close, for handshakes may be using it.
 */
#ifndef MF_NODE_GATEWAY_TLS_H
#define MF_NODE_GATEWAY_TLS_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>

#include "base/err.h"

/* 1.2 and 1.3 only. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* cert: a certificate and those of who vouches for it, in PEM; key: its private key, not
 * encrypted, closed to others. Borrowed until tls_close(). Each error says which file. */
MF_CHECKED mf_err tls_open(const char *cert, const char *key, struct mf_why *why);
/* Read them again; what is wrong leaves the old ones in force. */
MF_CHECKED mf_err tls_reload(struct mf_why *why);
bool tls_is_open(void);
/* No handshake is under way any more. */
void tls_close(void);

/* As of MHD_OPTION_HTTPS_CERT_CALLBACK. Any thread. */
int tls_identity(gnutls_session_t session, const gnutls_datum_t *issuers, int issuer_count,
                 const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
                 gnutls_pcert_st **chain, unsigned int *chain_length, gnutls_privkey_t *key);

#endif
