/* plot.c: the pictures there are. */
#include "bench/plot/plot.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/plot/plot_rows.h"

extern const struct plot plot_cold, plot_burst, plot_memory, plot_throughput, plot_idle;

const struct plot *const plots[] = {&plot_cold,       &plot_burst, &plot_memory,
                                    &plot_throughput, &plot_idle,  NULL};

mf_err plot_all(const json_t *rows, const char *directory,
                void (*drawn)(void *context, const char *path), void *context, struct mf_why *why)
{
    char path[PATH_MAX];
    size_t count = 0;
    mf_err err = MF_OK;
    if (mkdir(directory, 0755) != 0 && errno != EEXIST)
        return mf_why(why, mf_err_from_errno(errno), "%s: %s", directory, strerror(errno));
    for (size_t i = 0; plots[i] && !err; i++) {
        struct plot_subjects subjects;
        plot_subjects(rows, plots[i]->bench, &subjects);
        if (!subjects.count)
            continue;
        int bytes = snprintf(path, sizeof path, "%s/%s", directory, plots[i]->file);
        if (bytes < 0 || (size_t)bytes >= sizeof path)
            return mf_why(why, MF_ETOOBIG, "%s: the path is too long", directory);
        err = plots[i]->draw(rows, path, why);
        if (!err)
            drawn(context, path);
        count++;
    }
    if (!err && !count)
        err = mf_why(why, MF_EINVAL, "no rows of a bench that has a picture");
    return err;
}
