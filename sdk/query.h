/* query.h: find and decode a parameter of a query; decode what is percent-encoded elsewhere. */
#ifndef MF_SDK_QUERY_H
#define MF_SDK_QUERY_H

#include <stdbool.h>
#include <stddef.h>

/* The first parameter whose decoded name is name: where its value stands, still encoded. */
bool query_find(const char *query, const char *name, const char **value, size_t *bytes);

/* Decode into to, which has room for bytes + 1; returns the length without the NUL. */
size_t query_decode(const char *text, size_t bytes, char *to);

/* The same of what is no form, e.g. a CloudEvent's header: a plus is a plus. */
size_t percent_decode(const char *text, size_t bytes, char *to);

#endif
