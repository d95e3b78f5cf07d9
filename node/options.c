/* options.c: the command line as data: one table feeds the parser and the help. */
#include "node/options.h"

#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/place.h"
#include "image/settings.h"
#include "node/mqtt/url.h"

#define SPAWNER_NAME "mayfly-spawner"

const char options_help[] =
    "mayfly-node: the daemon that serves functions\n"
    "\n"
    "  --listen HOST:PORT        gateway (default 127.0.0.1:8080; port 0: any free one)\n"
    "  --gateway-metrics         serve /metrics on the gateway, too\n"
    "  --state DIR               where deployments are kept (default: $MAYFLY_STATE, else\n"
    "                            /var/lib/mayfly for root, $XDG_STATE_HOME/mayfly or\n"
    "                            ~/.local/state/mayfly for others)\n"
    "  --api-listen HOST:PORT    management API on TCP; needs --api-token-file\n"
    "  --api-token-file FILE     the bearer token it asks for\n"
    "  --min-sandbox SANDBOX     auto, process or kvm: refuse functions with less (default auto)\n"
    "  --blanks N                confined monitors kept ready, of each sandbox in use (default 8);\n"
    "                            half as many for other windows than 64 MiB\n"
    "  --functions-max N         deployed at once (default 16384)\n"
    "  --connections N           of the gateway at once (default 2048)\n"
    "  --fronts N                threads that speak HTTP with many clients, beside the one that\n"
    "                            serves functions (default: processors less two; 0: none)\n"
    "  --front-after N           connections before the next ones go to fronts (default 16)\n"
    "  --buffer-mib N            for bodies of requests and replies together (default 64)\n"
    "  --store URL               where events wait: lmdb: (in the state directory; default),\n"
    "                            redis://[USER:PASSWORD@]HOST[:PORT][/DB], redis+unix:PATH, or\n"
    "                            memory: (gone with the node; for tests)\n"
    "  --node-name NAME          of this node among those that share a Redis; the same after a\n"
    "                            restart, no other node's (default node)\n"
    "  --tls-cert FILE           speak TLS, with this certificate and those of who vouch for it\n"
    "                            (PEM), on the gateway and on the management API on TCP\n"
    "  --tls-key FILE            its private key (PEM), closed to others (chmod 600); both files\n"
    "                            are read again on SIGHUP\n"
    "  --secrets DIR             secrets, a file each, closed to others (chmod 600); functions\n"
    "                            whose settings name one may use it (default: none)\n"
    "  --callbacks WHERE         where callers of asynchronous calls may be called back\n"
    "                            (X-Callback-Url), by commas: public (the Internet's addresses;\n"
    "                            default), any (private networks, too), HOST:PORT; or none\n"
    "  --egress-ca FILE          certificates of those who vouch for the hosts that requests to\n"
    "                            the outside go to (default: the system's)\n"
    "  --spawner FILE            the spawner (default: mayfly-spawner beside this program)\n"
    "  --mqtt URL                a broker: mqtt://[USER[:PASSWORD]@]HOST[:PORT], or mqtts:// with TLS\n"
    "  --mqtt-ca FILE            who may vouch for it (default: whom the system trusts)\n"
    "  --mqtt-cert FILE          our certificate, and\n"
    "  --mqtt-key FILE           its key, if it asks for one\n"
    "  --mqtt-password-file FILE the password, of mqtt://USER@HOST\n"
    "  --log-level LEVEL         debug, info, warn or error (default info)\n"
    "  --help, --version\n";

static mf_err parse_address(const char *text, struct listen_address *address, struct mf_why *why,
                            const char *option);
static mf_err parse_number(const char *text, uint32_t least, uint32_t most, uint32_t *number,
                           struct mf_why *why, const char *option);
static mf_err set(const char *option, const char *value, struct options *options,
                  struct mf_why *why);
static mf_err beside_us(char *path, size_t room, struct mf_why *why);

/* Of the processors that this process may use one is for the functions' loop, one for their
 * instances: docs/adr/0003 has what happens where there are no more. */
static uint32_t fronts_default(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    uint32_t others = count > 2 ? (uint32_t)count - 2 : 0;
    return others < MF_FRONTS_MAX ? others : MF_FRONTS_MAX;
}

mf_err options_parse(int argc, char *const argv[], struct options *options, struct mf_why *why)
{
    *options = (struct options){
        .listen = {"127.0.0.1", 8080},
        .blanks = MF_BLANKS_DEFAULT,
        .functions_max = MF_FUNCTIONS_DEFAULT,
        .connections = MF_CONNECTIONS_DEFAULT,
        .fronts = fronts_default(),
        .front_after = MF_FRONT_AFTER_DEFAULT,
        .buffered_mib = MF_BUFFERED_MIB_DEFAULT,
        .log_level = MF_LOG_INFO,
        .callbacks = {.rule = {.reach = REACH_PUBLIC}},
    };
    for (int i = 1; i < argc; i++) {
        const char *option = argv[i];
        if (strcmp(option, "--help") == 0 || strcmp(option, "-h") == 0) {
            options->help = true;
        } else if (strcmp(option, "--version") == 0) {
            options->version = true;
        } else if (strcmp(option, "--gateway-metrics") == 0) {
            options->gateway_metrics = true;
        } else {
            if (strncmp(option, "--", 2) != 0)
                return mf_why(why, MF_EINVAL, "%s: no such argument; --help lists them", option);
            mf_err err = set(option, i + 1 < argc ? argv[i + 1] : NULL, options, why);
            if (err)
                return err;
            i++;
        }
    }
    if (options->help || options->version)
        return MF_OK;
    if (options->api_listen.host[0] && !options->api_token_file[0])
        return mf_why(why, MF_EINVAL, "--api-listen needs --api-token-file: who reaches the "
                                      "management API may run any code in this node's sandboxes");
    if (!options->tls_cert[0] != !options->tls_key[0])
        return mf_why(why, MF_EINVAL, "--tls-cert and --tls-key belong together; %s is missing",
                      options->tls_cert[0] ? "--tls-key" : "--tls-cert");
    mf_err err = MF_OK;
    if (!options->spawner[0])
        err = beside_us(options->spawner, sizeof options->spawner, why);
    if (!err && !options->state_dir[0])
        err = mf_state_dir(options->state_dir, sizeof options->state_dir, why);
    return err;
}

static mf_err copy(const char *text, char *to, size_t room, struct mf_why *why, const char *option)
{
    if (!text[0] || strlen(text) >= room)
        return mf_why(why, MF_EINVAL, "%s: a path of 1 to %zu bytes", option, room - 1);
    memcpy(to, text, strlen(text) + 1);
    return MF_OK;
}

static mf_err parse_level(const char *text, enum mf_log_level *level, struct mf_why *why)
{
    static const char *const name[] = {
#define NAME(nr, NAME_, words) [nr] = words,
        MF_LOG_LEVELS(NAME)
#undef NAME
    };
    for (unsigned i = 0; i < MF_LOG_LEVEL_COUNT; i++) {
        if (strcmp(text, name[i]) == 0) {
            *level = (enum mf_log_level)i;
            return MF_OK;
        }
    }
    return mf_why(why, MF_EINVAL, "--log-level: debug, info, warn or error, not %s", text);
}

static mf_err parse_sandbox(const char *text, enum mf_sandbox *sandbox, struct mf_why *why)
{
    return sandbox_from_name(text, sandbox)
               ? MF_OK
               : mf_why(why, MF_EINVAL, "--min-sandbox: auto, process or kvm, not %s", text);
}

static mf_err parse_store(const char *text, char *url, size_t room, struct mf_why *why)
{
    if (!text[0] || strlen(text) >= room)
        return mf_why(why, MF_EINVAL, "--store: lmdb:, redis://HOST[:PORT], redis+unix:PATH or "
                                      "memory:");
    memcpy(url, text, strlen(text) + 1);
    return MF_OK;
}

static mf_err parse_name(const char *text, char *name, size_t room, struct mf_why *why,
                         const char *option)
{
    if (!settings_name_valid(text, strlen(text)) || strlen(text) >= room)
        return mf_why(why, MF_EINVAL, "%s: lower-case letters, digits and hyphens, not %s", option,
                      text);
    memcpy(name, text, strlen(text) + 1);
    return MF_OK;
}

/* none, or HOST:PORT, public and any by commas. */
static mf_err parse_callbacks(const char *text, struct callback_places *places, struct mf_why *why)
{
    *places = (struct callback_places){.none = strcmp(text, "none") == 0};
    places->rule.entries = places->entries;
    if (places->none)
        return MF_OK;
    if (!text[0] || strlen(text) >= sizeof places->text)
        return mf_why(why, MF_EINVAL, "--callbacks: none, public, any, or HOST:PORT by commas");
    memcpy(places->text, text, strlen(text) + 1);
    for (char *at = places->text; at;) {
        char *one = strsep(&at, ",");
        if (strcmp(one, "public") == 0 || strcmp(one, "any") == 0) {
            if (one[0] == 'a' || places->rule.reach == REACH_LISTED)
                places->rule.reach = one[0] == 'a' ? REACH_ANY : REACH_PUBLIC;
            continue;
        }
        struct mf_why of = {{0}};
        if (allowed_entry_check(one, &of))
            return mf_why(why, MF_EINVAL, "--callbacks: none, public, any, or %s", of.text);
        if (places->rule.count == MF_CALLBACK_PLACES_MAX)
            return mf_why(why, MF_ETOOBIG, "--callbacks: %u places at most", MF_CALLBACK_PLACES_MAX);
        places->entries[places->rule.count++] = one;
    }
    return MF_OK;
}

static mf_err parse_broker(const char *text, char *url, struct mf_why *why)
{
    struct mqtt_url parts; /* whose bound is that of the text */
    mf_err err = mqtt_url_read(text, &parts, why);
    if (!err)
        memcpy(url, text, strlen(text) + 1);
    return err;
}

/* What an option's value is, and where it goes. */
enum value_kind { VALUE_PATH, VALUE_NUMBER, VALUE_ADDRESS, VALUE_NAME, VALUE_STORE, VALUE_SANDBOX,
                  VALUE_LEVEL, VALUE_CALLBACKS, VALUE_BROKER };
static const struct known {
    const char *name;
    enum value_kind kind;
    size_t at, room;       /* in struct options */
    uint32_t least, most;  /* of a number       */
} known[] = {
#define PLACE(member) offsetof(struct options, member), sizeof((struct options *)0)->member
    {"--listen", VALUE_ADDRESS, PLACE(listen), 0, 0},
    {"--api-listen", VALUE_ADDRESS, PLACE(api_listen), 0, 0},
    {"--api-token-file", VALUE_PATH, PLACE(api_token_file), 0, 0},
    {"--state", VALUE_PATH, PLACE(state_dir), 0, 0},
    {"--spawner", VALUE_PATH, PLACE(spawner), 0, 0},
    {"--min-sandbox", VALUE_SANDBOX, PLACE(min_sandbox), 0, 0},
    {"--blanks", VALUE_NUMBER, PLACE(blanks), 0, MF_BLANKS_MAX},
    {"--functions-max", VALUE_NUMBER, PLACE(functions_max), 1, MF_FUNCTIONS_MAX},
    {"--connections", VALUE_NUMBER, PLACE(connections), 1, MF_CONNECTIONS_MAX},
    {"--fronts", VALUE_NUMBER, PLACE(fronts), 0, MF_FRONTS_MAX},
    {"--front-after", VALUE_NUMBER, PLACE(front_after), 0, MF_CONNECTIONS_MAX},
    {"--buffer-mib", VALUE_NUMBER, PLACE(buffered_mib), 16, MF_BUFFERED_MIB_MAX},
    {"--store", VALUE_STORE, PLACE(store_url), 0, 0},
    {"--node-name", VALUE_NAME, PLACE(node_name), 0, 0},
    {"--tls-cert", VALUE_PATH, PLACE(tls_cert), 0, 0},
    {"--tls-key", VALUE_PATH, PLACE(tls_key), 0, 0},
    {"--secrets", VALUE_PATH, PLACE(secrets_dir), 0, 0},
    {"--callbacks", VALUE_CALLBACKS, PLACE(callbacks), 0, 0},
    {"--egress-ca", VALUE_PATH, PLACE(egress_ca), 0, 0},
    {"--mqtt", VALUE_BROKER, PLACE(mqtt_url), 0, 0},
    {"--mqtt-ca", VALUE_PATH, PLACE(mqtt_ca), 0, 0},
    {"--mqtt-cert", VALUE_PATH, PLACE(mqtt_cert), 0, 0},
    {"--mqtt-key", VALUE_PATH, PLACE(mqtt_key), 0, 0},
    {"--mqtt-password-file", VALUE_PATH, PLACE(mqtt_password_file), 0, 0},
    {"--log-level", VALUE_LEVEL, PLACE(log_level), 0, 0},
#undef PLACE
};

static const struct known *find(const char *option)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(option, known[i].name) == 0)
            return &known[i];
    return NULL;
}

static mf_err set(const char *option, const char *value, struct options *options,
                  struct mf_why *why)
{
    const struct known *one = find(option);
    if (!one)
        return mf_why(why, MF_EINVAL, "%s: no such option; --help lists them", option);
    if (!value)
        return mf_why(why, MF_EINVAL, "%s: a value is missing", option);
    void *to = (char *)options + one->at;
    switch (one->kind) {
    case VALUE_ADDRESS:
        return parse_address(value, to, why, option);
    case VALUE_NUMBER:
        return parse_number(value, one->least, one->most, to, why, option);
    case VALUE_NAME:
        return parse_name(value, to, one->room, why, option);
    case VALUE_STORE:
        return parse_store(value, to, one->room, why);
    case VALUE_SANDBOX:
        return parse_sandbox(value, to, why);
    case VALUE_CALLBACKS:
        return parse_callbacks(value, to, why);
    case VALUE_BROKER:
        return parse_broker(value, to, why);
    case VALUE_LEVEL:
        return parse_level(value, to, why);
    default:
        return copy(value, to, one->room, why, option);
    }
}

/* HOST:PORT, [ADDRESS]:PORT or PORT alone. */
static mf_err parse_address(const char *text, struct listen_address *address, struct mf_why *why,
                            const char *option)
{
    const char *colon = strrchr(text, ':');
    const char *port = colon ? colon + 1 : text;
    const char *host = colon ? text : "127.0.0.1";
    size_t bytes = colon ? (size_t)(colon - text) : strlen(host);
    uint32_t number;
    if (bytes >= 2 && host[0] == '[' && host[bytes - 1] == ']') {
        host++;
        bytes -= 2;
    }
    if (bytes == 0 || bytes >= sizeof address->host)
        return mf_why(why, MF_EINVAL, "%s: HOST:PORT, not %s", option, text);
    mf_err err = parse_number(port, 0, UINT16_MAX, &number, why, option);
    if (err)
        return err;
    memcpy(address->host, host, bytes);
    address->host[bytes] = 0;
    address->port = (uint16_t)number;
    return MF_OK;
}

static mf_err parse_number(const char *text, uint32_t least, uint32_t most, uint32_t *number,
                           struct mf_why *why, const char *option)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || value < least || value > most)
        return mf_why(why, MF_EINVAL, "%s: a number from %u to %u, not %s", option, least, most,
                      text);
    *number = (uint32_t)value;
    return MF_OK;
}

static mf_err beside_us(char *path, size_t room, struct mf_why *why)
{
    ssize_t bytes = readlink("/proc/self/exe", path, room - 1);
    if (bytes <= 0)
        return mf_why(why, MF_EIO, "cannot tell where this program lies; give --spawner FILE");
    path[bytes] = 0;
    char *slash = strrchr(path, '/');
    if (!slash || (size_t)(slash + 1 - path) + sizeof SPAWNER_NAME > room)
        return mf_why(why, MF_ETOOBIG, "the path of this program is too long");
    memcpy(slash + 1, SPAWNER_NAME, sizeof SPAWNER_NAME);
    return MF_OK;
}
