/* curl_late.c: see curl_late.h. It is never unloaded: its threads may still look names up. */
#include "node/egress/curl_late.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

#define LIBRARY "libcurl.so.4"

static struct curl_calls loaded;
static bool complete;

static mf_err load(struct mf_why *why)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return mf_why(why, MF_EUNSUPPORTED, "requests to the outside need libcurl: %s", dlerror());
#define FIND(name)                                                                        \
    do {                                                                                  \
        void *found = dlsym(library, "curl_" #name);                                      \
        if (!found)                                                                       \
            return mf_why(why, MF_EUNSUPPORTED, LIBRARY " here has no curl_" #name);      \
        memcpy(&loaded.name, &found, sizeof found);                                       \
    } while (0);
    CURL_CALLS(FIND)
#undef FIND
    if (loaded.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return mf_why(why, MF_EUNSUPPORTED, "libcurl does not start");
    const curl_version_info_data *info = loaded.version_info(CURLVERSION_NOW);
    if (!(info->features & CURL_VERSION_ASYNCHDNS) || !(info->features & CURL_VERSION_SSL))
        return mf_why(why, MF_EUNSUPPORTED, "libcurl %s here would block while it looks a name up, "
                                            "or knows no TLS", info->version);
    if (info->version_num < 0x075700) /* CURLOPT_QUICK_EXIT */
        return mf_why(why, MF_EUNSUPPORTED, "libcurl %s is too old, 7.87 is needed", info->version);
    return MF_OK;
}

mf_err curl_late(const struct curl_calls **calls, struct mf_why *why)
{
    mf_err err = complete ? MF_OK : load(why);
    complete = !err;
    *calls = &loaded;
    return err;
}
