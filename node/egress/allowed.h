/*
 * allowed.h: may this be sent there? A rule says how far its owner reaches, and which places
 * besides, as "HOST:PORT". Asked twice: of the name, before anything is done; of the address
 * that it was resolved to, when the connection is made. So neither a redirect (which is never
 * followed) nor a name that changes its address gets anywhere else.
 *
 *   HOST:PORT            a name or an address, exactly; with https:// or http:// before it,
 *                        only so, and the port may be left out
 *   *.example.org:443    any name below
 *
 * An entry that names a loopback or link-local address, or localhost, allows that; one that
 * names another host does not, whatever it is resolved to. Pure functions, any thread.
 */
#ifndef MF_NODE_EGRESS_ALLOWED_H
#define MF_NODE_EGRESS_ALLOWED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "node/egress/address.h"
#include "node/egress/url.h"

enum reach {
    REACH_LISTED, /* the entries only                                                */
    REACH_PUBLIC, /* and whatever is on the public Internet                          */
    REACH_ANY,    /* and private networks; loopback and link-local need their entry  */
};

struct egress_rule {
    enum reach reach;
    const char *const *entries;
    size_t count;
};

enum permission {
    PERMISSION_NONE,
    PERMISSION_LISTED, /* by an entry                                                          */
    PERMISSION_REACH,  /* by the reach: the address decides                                    */
};

/* By its name. */
enum permission egress_permits(const struct egress_rule *rule, const struct url *url);
/* Does an entry name the host, at whatever port? A reach does not count. */
bool egress_permits_host(const struct egress_rule *rule, const struct host *host);
/* Of a url that is permitted: may it be at that address? */
bool egress_permits_address(const struct egress_rule *rule, enum permission permission,
                            const struct url *url, enum address_kind kind);

/* Is it one of the forms above? MF_EINVAL: it is none, and why. */
MF_CHECKED mf_err allowed_entry_check(const char *entry, struct mf_why *why);

#endif
