/* channel_ends.c: see channel_ends.h. */
#include "channel_ends.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

struct channel node;
int memfd = -1;
uint8_t *guest;

void channel_ends_open(void)
{
    memfd = memfd_create("channel", MFD_CLOEXEC);
    assert_int_equal(ftruncate(memfd, MF_CHANNEL_BYTES), 0);
    assert_int_equal(channel_open(memfd, &node), MF_OK);
    void *at = mmap(NULL, MF_CHANNEL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
    assert_ptr_not_equal(at, MAP_FAILED);
    guest = at;
}

void channel_ends_close(void)
{
    channel_close(&node);
    (void)munmap(guest, MF_CHANNEL_BYTES);
    (void)close(memfd);
}
