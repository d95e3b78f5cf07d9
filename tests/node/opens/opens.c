/*
 * opens.c: libraries opened and closed while it runs, before it reads standard input, where it is frozen, and after. Prints
 * what Linux promises, so natively and inside must be the same. The libraries are in OPENS_FOLDER; with OPENS_COPIES it
 * makes copies in /tmp, which no image has as loaded, and opens those, too.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char first[256], kept_path[256], late[256];
static char *told;
static size_t told_bytes;
static FILE *out;

/* What a library's constructors and destructors say comes in between. */
void opens_tell(const char *who, const char *what)
{
    fprintf(out, "%s: %s\n", who, what);
}

typedef int step(void);

static void *in_thread(void *step_of)
{
    static __thread int result;
    result = ((step *)step_of)();
    fprintf(out, "in a thread: %d\n", result);
    return NULL;
}

static void *open_it(const char *path)
{
    void *library = dlopen(path, RTLD_NOW);
    if (!library)
        fprintf(out, "%s: not opened\n", strrchr(path, '/') + 1);
    return library;
}

static step *step_of(void *library, const char *name)
{
    return library ? (step *)dlsym(library, name) : NULL;
}

/* Variables, a table of functions, memory of zeros, a thread's own. */
static void use(void *library)
{
    static const char *const names[] = {"step_data", "step_zeros", "step_table", "step_thread", "step_chosen"};
    pthread_t thread;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        step *function = step_of(library, names[i]);
        if (function) {
            const int first = function();
            fprintf(out, "%s: %d %d\n", names[i], first, function());
        }
    }
    step *own = step_of(library, "step_thread");
    if (own && pthread_create(&thread, NULL, in_thread, (void *)own) == 0)
        pthread_join(thread, NULL);
}

static void open_and_close(const char *path)
{
    void *library = open_it(path);
    use(library);
    if (library)
        fprintf(out, "closed: %d\n", dlclose(library));
}

static void copy(const char *from, const char *to)
{
    char piece[4096];
    size_t bytes;
    FILE *source = fopen(from, "rb"), *target = fopen(to, "wb");
    while (source && target && (bytes = fread(piece, 1, sizeof piece, source)) > 0)
        fwrite(piece, 1, bytes, target);
    if (!source || fclose(source) || !target || fclose(target))
        fprintf(out, "%s cannot be copied\n", from);
}

/* A file in memory: no image has it as loaded. */
static void copied(const char *path)
{
    copy(first, path);
    open_and_close(path);
    open_and_close(path);
    void *other = open_it(path), *one = open_it(first);
    if (other && one)
        fprintf(out, "two libraries: %d\n", other != one);
    use(other);
    use(one);
    if (other)
        dlclose(other);
    if (one)
        dlclose(one);
    unlink(path);
}

static void name(char path[static 256], const char *library)
{
    const char *folder = getenv("OPENS_FOLDER");
    snprintf(path, 256, "%s/%s", folder ? folder : ".", library);
}

static void before_the_event(void **kept)
{
    open_and_close(first);
    open_and_close(first);
    *kept = open_it(kept_path);
    use(*kept);
    if (getenv("OPENS_COPIES"))
        copied("/tmp/before.so");
}

static void at_the_event(void *kept)
{
    use(kept);
    open_and_close(first); /* text that was there before, with data as in the file */
    open_and_close(late);  /* which needs the first */
    open_and_close(late);
    if (getenv("OPENS_COPIES"))
        copied("/tmp/after.so");
    if (kept)
        fprintf(out, "closed: %d\n", dlclose(kept));
    open_and_close(kept_path);
}

int main(void)
{
    char event[64];
    void *kept;
    out = open_memstream(&told, &told_bytes);
    name(first, "libfirst.so");
    name(kept_path, "libkept.so");
    name(late, "liblate.so");
    before_the_event(&kept);
    if (!fgets(event, sizeof event, stdin))
        return 1;
    fprintf(out, "the event: %s", event);
    at_the_event(kept);
    fclose(out);
    fwrite(told, 1, told_bytes, stdout);
    return 0;
}
