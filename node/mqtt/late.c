/* late.c: see late.h. It is never unloaded: a thread that connects may still use it. */
#include "node/mqtt/late.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define LIBRARY "libmosquitto.so.1"
#define OPENSSL_NO_ATEXIT 0x00080000ull /* OPENSSL_INIT_NO_ATEXIT of openssl/crypto.h */

struct mosquitto_calls mosq;

mf_err mqtt_late(struct mf_why *why)
{
    static bool complete;
    if (complete)
        return MF_OK;
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return mf_why(why, MF_EUNSUPPORTED, "--mqtt needs libmosquitto: %s", dlerror());
#define FIND(name)                                                                        \
    do {                                                                                  \
        void *found = dlsym(library, "mosquitto_" #name);                                 \
        if (!found)                                                                       \
            return mf_why(why, MF_EUNSUPPORTED, LIBRARY " here has no mosquitto_" #name); \
        memcpy(&mosq.name, &found, sizeof found);                                         \
    } while (0);
    MOSQUITTO_CALLS(FIND)
#undef FIND
    /* At exit OpenSSL would be cleaned up under the feet of a thread that connects. */
    int (*init)(uint64_t options, const void *settings) = NULL;
    void *found = dlsym(library, "OPENSSL_init_crypto");
    memcpy(&init, &found, sizeof found);
    if (init)
        (void)init(OPENSSL_NO_ATEXIT, NULL);
    if (mosq.lib_init() != MOSQ_ERR_SUCCESS)
        return mf_why(why, MF_ENOMEM, "libmosquitto cannot be initialised");
    complete = true;
    return MF_OK;
}
