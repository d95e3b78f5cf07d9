/*
 * report.h: what a guest said, fit for a person's terminal or a log file. Used for
 * its log records and for console lines, fault reports among them. Any thread.
 */
#ifndef MF_NODE_INSTANCE_REPORT_H
#define MF_NODE_INSTANCE_REPORT_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "image/image.h"

/* Append text to out: control characters (of ASCII and of UTF-8's second range) and what
 * is no UTF-8 as \xNN, so that no terminal obeys a guest; tabs kept, newlines too. With an image,
 * each of the first MF_LOG_NAMES_MAX "0x…" that is an address of its code gets
 * " <function+0x12>" behind it.
 * MF_ENOMEM: out holds a part. */
MF_CHECKED mf_err report_add(struct mf_buf *out, const char *text, size_t bytes,
                             const struct image_file *image);

#endif
