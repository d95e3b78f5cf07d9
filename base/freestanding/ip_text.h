/* ip_text.h: an IP address and a port as people read them. Needs no C library. */
#ifndef MF_BASE_FREESTANDING_IP_TEXT_H
#define MF_BASE_FREESTANDING_IP_TEXT_H

#include <stdint.h>

#define IP_BYTES 16u
#define IP_TEXT_BYTES 48u

/* address: of version 6, or 4 within it (RFC 4291, 2.5.5.2). "192.0.2.1:80", "[2001:db8::1]:80" (RFC 5952); room:
 * IP_TEXT_BYTES, of which a NUL is the last used. */
void ip_text(const uint8_t address[IP_BYTES], uint16_t port, char *room);

#endif
