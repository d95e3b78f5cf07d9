/*
 * json_scan.h: where a JSON text (RFC 8259) has its values, without making any of them: an
 * event's data stays as its sender wrote it, numbers included, and costs no memory. The text
 * may be hostile: nothing recurses, depth is bounded, strings are UTF-8 without lone
 * surrogates. Pure functions, any thread.
 */
#ifndef MF_NODE_EVENTS_JSON_SCAN_H
#define MF_NODE_EVENTS_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

enum json_scanned {
    JSON_SCANNED_OBJECT,
    JSON_SCANNED_ARRAY,
    JSON_SCANNED_STRING,
    JSON_SCANNED_NUMBER,
    JSON_SCANNED_TRUE,
    JSON_SCANNED_FALSE,
    JSON_SCANNED_NULL,
};

/* What is left of a text. */
struct json_scan {
    const char *at, *end;
};

/* Go past blanks, then past that character if it is the next one. */
bool json_scan_take(struct json_scan *scan, char c);

/* Is there nothing left but blanks? */
bool json_scan_end(struct json_scan *scan);

/* Go past blanks and one whole value; *value is its text, quotes included. False: there is
 * none, scan->at is near what is wrong. */
bool json_scan_value(struct json_scan *scan, enum json_scanned *kind, struct json_scan *value);

/* Is it one value with nothing but blanks around it? */
bool json_scan_whole(const char *text, size_t bytes);

/* The text of a string that was scanned, from behind its first quote to its last one, written
 * over itself; its length. */
size_t json_scan_unescape(char *text, size_t bytes);

#endif
