/*
 * curl_late.h: libcurl, loaded when it is first used. With what it brings along it costs 6 MiB
 * of resident memory and 8 ms; most nodes on most days send nothing out. One thread.
 */
#ifndef MF_NODE_EGRESS_CURL_LATE_H
#define MF_NODE_EGRESS_CURL_LATE_H

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

#include "base/err.h"

/* What we call of it. */
#define CURL_CALLS(X)                                                                     \
    X(global_init) X(version_info) X(slist_append) X(slist_free_all) X(easy_init)         \
    X(easy_setopt) X(easy_getinfo) X(easy_cleanup) X(easy_strerror) X(multi_init)         \
    X(multi_setopt) X(multi_add_handle) X(multi_remove_handle) X(multi_socket_action)     \
    X(multi_info_read) X(multi_assign) X(multi_cleanup)

#define CURL_CALL_MEMBER(name) __typeof__(curl_##name) *name;
struct curl_calls {
    CURL_CALLS(CURL_CALL_MEMBER)
};

/* *calls stays as it is for the life of the process. MF_EUNSUPPORTED: it is not installed, or
 * resolves names in the thread that asks. */
MF_CHECKED mf_err curl_late(const struct curl_calls **calls, struct mf_why *why);

#endif
