/*
 * program.h: how a program is to be run, told to the kernel as variables of its environment
 * (boot.h), which the program sees, too. Written by the node from the function's settings; none of
 * them is trusted more than the rest of the environment.
 */
#ifndef MF_ABI_PROGRAM_H
#define MF_ABI_PROGRAM_H

/* The function's contract, by its name below. Not there: MF_CONTRACT_SDK. */
#define MF_ENV_CONTRACT "MAYFLY_CONTRACT"
#define MF_CONTRACT_SDK "sdk"             /* serves `next` and `reply` (calls.h)       */
#define MF_CONTRACT_HTTP "http"           /* a server of HTTP/1.1 on MF_ENV_PORT       */
#define MF_CONTRACT_LAMBDA "lambda"       /* a client of the Lambda Runtime API        */
#define MF_CONTRACT_OPENWHISK "openwhisk" /* a server of /init and /run on MF_ENV_PORT */
#define MF_CONTRACT_STDIO "stdio"         /* an event on fd 0, its reply on fd 1       */

#define MF_ENV_FUNCTION "MAYFLY_FUNCTION" /* its name under which it was deployed; not of contract sdk */
#define MF_ENV_PORT "PORT"               /* decimal, 1 … 65535: http and openwhisk                 */
#define MF_ENV_WARM_UP "MAYFLY_WARM_UP"  /* before the freeze: http: path of a request to make;
                                            lambda: payload of an event; else none */
#define MF_ENV_FOLDER "MAYFLY_FOLDER"    /* absolute path: the working folder at the start; else / */
#define MF_ENV_USER "MAYFLY_USER"        /* USER:GROUP, decimal, USER not 0: what getuid, getgid and files say; else 65534 */
#define MF_ENV_PROGRAM "MAYFLY_PROGRAM"  /* argv[0], AT_EXECFN, /proc/self/exe; else the function's name */

/* Of the contract lambda: where the library OS serves the Lambda Runtime API, and what programs
 * of that kind read beside it. */
#define MF_ENV_LAMBDA_API "AWS_LAMBDA_RUNTIME_API"
#define MF_LAMBDA_ADDRESS "127.0.0.1"
#define MF_LAMBDA_PORT 9001
#define MF_ENV_LAMBDA_NAME "AWS_LAMBDA_FUNCTION_NAME"
#define MF_ENV_LAMBDA_TASK_ROOT "LAMBDA_TASK_ROOT"
#define MF_ENV_LAMBDA_HANDLER "_HANDLER"
#define MF_ENV_LAMBDA_LOG_GROUP "AWS_LAMBDA_LOG_GROUP_NAME"
#define MF_ENV_LAMBDA_LOG_STREAM "AWS_LAMBDA_LOG_STREAM_NAME"
#define MF_ENV_LAMBDA_VERSION "AWS_LAMBDA_FUNCTION_VERSION"
#define MF_ENV_LAMBDA_MEMORY "AWS_LAMBDA_FUNCTION_MEMORY_SIZE" /* MiB */

/* Once for each argument after argv[0], in their order; what follows the `=` is the argument. The
 * program does not see these. */
#define MF_ENV_ARGUMENT "MAYFLY_ARGUMENT"

#endif
