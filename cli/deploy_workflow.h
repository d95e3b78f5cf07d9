/* deploy_workflow.h: mayfly deploy -f: the functions of a mayfly.yml, together. */
#ifndef MF_CLI_DEPLOY_WORKFLOW_H
#define MF_CLI_DEPLOY_WORKFLOW_H

#include <stdbool.h>

struct deploy_workflow {
    const char *file; /* the mayfly.yml */
    const char *node; /* as of client_open() */
    bool dry_run, json;
};

/* Returns a cli_exit, explained. */
int deploy_workflow(const struct deploy_workflow *deploy);

#endif
