/* own_folder.h: a folder below /tmp that is a test's own, one at a time. */
#ifndef MF_TESTS_OWN_FOLDER_H
#define MF_TESTS_OWN_FOLDER_H

extern char own_folder[]; /* its path */

/* Set-up and tear-down of a test: empty; away with all that is in it. 0, or it failed. */
int own_folder_make(void **state);
int own_folder_remove(void **state);

/* For a child of this process the folder is a disk, of that size (tmpfs(5): "32k"), and run() is what it does
 * there: it must return 0. Where no such disk can be made, the test is skipped. */
void own_folder_as_disk(const char *size, int (*run)(void));

#endif
