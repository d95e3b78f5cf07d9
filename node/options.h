/* options.h: the daemon's command line. */
#ifndef MF_NODE_OPTIONS_H
#define MF_NODE_OPTIONS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "abi/log.h"
#include "base/err.h"
#include "base/limits.h"
#include "node/egress/allowed.h"
#include "spawner/protocol.h"

#define HOST_BYTES_MAX 256

struct listen_address {
    char host[HOST_BYTES_MAX]; /* "" : not asked for */
    uint16_t port;             /* 0: any free one    */
};

/* Where callers may be called back (X-Callback-Url). Points into itself: not to be copied. */
struct callback_places {
    bool none;
    struct egress_rule rule;
    const char *entries[MF_CALLBACK_PLACES_MAX];
    char text[MF_CALLBACK_PLACES_BYTES_MAX];
};

struct options {
    struct listen_address listen;     /* the gateway                                    */
    struct listen_address api_listen; /* the management API on TCP, if at all           */
    char api_token_file[PATH_MAX];
    char state_dir[PATH_MAX];
    char spawner[PATH_MAX];
    enum mf_sandbox min_sandbox;      /* AUTO: none                                     */
    uint32_t blanks;
    uint32_t functions_max;
    uint32_t connections;
    uint32_t fronts;                  /* threads for HTTP, at most, beside the functions' */
    uint32_t front_after;             /* connections of the functions' thread before that */
    uint32_t buffered_mib;
    char store_url[MF_STORE_URL_BYTES_MAX]; /* "": LMDB in the state directory    */
    char node_name[MF_NAME_BYTES_MAX + 1];  /* "": not given                      */
    char tls_cert[PATH_MAX], tls_key[PATH_MAX]; /* both or none: "": no TLS   */
    char secrets_dir[PATH_MAX];             /* "": none                           */
    char egress_ca[PATH_MAX];               /* "": the system's                   */
    struct callback_places callbacks;
    char mqtt_url[MF_MQTT_URL_BYTES_MAX + 1]; /* "": no broker                    */
    char mqtt_ca[PATH_MAX], mqtt_cert[PATH_MAX], mqtt_key[PATH_MAX];
    char mqtt_password_file[PATH_MAX];
    bool gateway_metrics;             /* /metrics on the gateway, too                   */
    enum mf_log_level log_level;
    bool help, version;
};

/* Defaults, then the arguments. MF_EINVAL: which argument, and why. */
MF_CHECKED mf_err options_parse(int argc, char *const argv[], struct options *options,
                                struct mf_why *why);
extern const char options_help[];

#endif
