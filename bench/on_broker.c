/* on_broker.c: see on_broker.h. */
#include "bench/on_broker.h"

#include <stdio.h>

#include "base/clock.h"
#include "bench/bench.h"
#include "bench/node_api.h"

#define CONNECT_NS (20 * MF_NS_PER_S)
#define LOOK_MS 20

mf_err on_broker_open(struct on_broker *on, struct subject *subject, const char *more, struct mf_why *why)
{
    double ignored_us;
    *on = ON_BROKER_NONE;
    on->subject = subject;
    mf_err err = broker_open(&on->broker, more, why);
    if (!err)
        err = scratch_open(&on->folder, why);
    if (err)
        return err;
    on->options[0] = "--mqtt";
    on->options[1] = on->broker.url;
    subject->options = on->options;
    return subject_mayfly_restart(subject, NULL, &ignored_us, why);
}

mf_err on_broker_deploy(struct on_broker *on, const char *yaml, struct mf_why *why)
{
    char path[SCRATCH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s/mayfly.yml", on->folder.path);
    FILE *file = fopen(path, "w");
    bool written = file && fputs(yaml, file) >= 0;
    if (file)
        written &= fclose(file) == 0;
    const char *const deploy[] = {"deploy", "-f", path, NULL};
    return written ? subject_mayfly_command(on->subject, deploy, why)
                   : mf_why(why, MF_EIO, "%s cannot be written", path);
}

mf_err on_broker_await(const struct on_broker *on, struct mf_why *why)
{
    char api[SUBJECT_API_BYTES];
    uint16_t port;
    double connected = 0;
    uint64_t until_ns = mf_monotonic_ns() + CONNECT_NS;
    subject_mayfly_places(on->subject, &port, api);
    for (;;) {
        mf_err err = node_api_metric(api, "mayfly_mqtt_connected{link=\"in\"}", &connected, why);
        if ((err && err != MF_ENOENT) || connected > 0)
            return err;
        if (mf_monotonic_ns() > until_ns)
            return mf_why(why, MF_ETIMEDOUT, "the node does not get to its broker");
        bench_settle(LOOK_MS);
    }
}

void on_broker_close(struct on_broker *on)
{
    if (on->subject)
        on->subject->options = NULL; /* its node may live on: it has read them */
    broker_close(&on->broker);
    scratch_close(&on->folder);
}
