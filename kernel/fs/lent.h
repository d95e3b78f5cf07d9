/*
 * lent.h: contents of files in memory that the program has mapped to be shared: where they are among
 * its pages, and how often each page is mapped. All mappings of a file are one place, so an address
 * alone does not say which one goes. Addresses and bytes are whole pages.
 */
#ifndef KERNEL_FS_LENT_H
#define KERNEL_FS_LENT_H

#include <stdbool.h>
#include <stdint.h>

struct lent {
    struct lent *next;
    uint64_t address, room; /* in the program's memory; all of it is the file's to grow into      */
    uint64_t usable;        /* from its beginning: may be mapped; the owner's                     */
    uint64_t length;        /* of the file, up to a page's end                                    */
    uint64_t closed_end;    /* of pages behind that, which are SIGBUS; before it: there are none  */
    uint64_t mapped;        /* pages, each as often as it is mapped                               */
    void *owner;
    void (*back)(void *owner); /* nobody has a page of it any more; may close it                  */
    uint16_t times[];          /* each page                                                       */
};

/* NULL: no memory. */
struct lent *lent_open(uint64_t address, uint64_t room, void *owner, void (*back)(void *owner));
void lent_close(struct lent *lent);

/* One mapping more of pages that are usable. False: too many. */
bool lent_map(struct lent *lent, uint64_t offset, uint64_t bytes);
/* The file is so long from now on: pages up to there may be written, those behind it are not the program's to
 * touch. 0 or -errno, if they cannot be opened. */
int lent_set_length(struct lent *lent, uint64_t bytes);
/* One less of what of it lies there. */
void lent_unmap(struct lent *lent, uint64_t address, uint64_t bytes);

/* Nobody has any of it mapped any more, of all. False: there is one that could not be given back. */
bool lent_unmap_all(void);

/* The lowest one with a page there, NULL if there is none. */
struct lent *lent_find(uint64_t address, uint64_t bytes);
/* Is all of it one's? */
bool lent_holds(uint64_t address, uint64_t bytes);

#endif
