/* main.c: mayfly-node: options, limits of this process, the node, its exit code. */
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "node/options.h"
#include "node/node.h"
#include "node/option_files.h"

#define EXIT_USAGE 2
#define TRIM_BYTES (1 << 20)

/* Descriptors: as many as we may have, half of them for connections at most; the standard
 * ones taken, so that no socket gets their numbers. Memory: one arena, and back with what
 * is free. */
static void prepare_process(struct options *options)
{
    struct rlimit limit;
    int fd;
    while ((fd = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0 && fd <= STDERR_FILENO)
        ;
    if (fd > STDERR_FILENO)
        (void)close(fd);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        if (options->connections > limit.rlim_cur / 2) {
            options->connections = (uint32_t)(limit.rlim_cur / 2);
            mf_log(MF_LOG_WARN, "node.descriptors", "limit=%llu connections=%u",
                   (unsigned long long)limit.rlim_cur, options->connections);
        }
    }
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
    (void)setenv("UV_THREADPOOL_SIZE", "1", 1); /* jobs of the API, one after another */
    (void)signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char *argv[])
{
    static struct options options;
    struct mf_why why = {{0}};
    mf_err err = options_parse(argc, argv, &options, &why);
    if (err) {
        fprintf(stderr, "mayfly-node: %s\n", mf_why_text(&why, err));
        return EXIT_USAGE;
    }
    if (options.help || options.version) {
        printf("%s", options.help ? options_help : "mayfly-node " MF_VERSION "\n");
        return EXIT_SUCCESS;
    }
    err = option_files_check(&options, &why);
    if (err) {
        fprintf(stderr, "mayfly-node: %s\n", mf_why_text(&why, err));
        return EXIT_USAGE;
    }
    mf_log_level_set(options.log_level);
    prepare_process(&options);
    struct node *node = calloc(1, sizeof *node);
    if (!node || sodium_init() < 0) {
        fprintf(stderr, "mayfly-node: no memory, or no source of randomness\n");
        return EXIT_FAILURE;
    }
    int code = EXIT_FAILURE;
    err = node_open(node, &options, &why);
    if (err) {
        mf_log(MF_LOG_ERROR, "node.failed", "why=\"%s\"", mf_why_text(&why, err));
    } else {
        mf_log(MF_LOG_INFO, "node.ready", "gateway=%s:%u functions=%u state=%s",
               options.listen.host, (unsigned)node->entrance.port, node->registry.count,
               options.state_dir);
        code = node_run(node);
    }
    node_close(node);
    free(node);
    if (!err)
        mf_log(MF_LOG_INFO, "node.stopped", "code=%d", code);
    return code;
}
