/* shelf.c: see shelf.h. */
#include "node/pool/shelf.h"

#include "abi/layout.h"
#include "base/err.h"
#include "base/limits.h"

void shelves_init(struct shelf shelf[SHELVES])
{
    for (uint32_t i = 0; i < SHELVES; i++) {
        shelf[i] = (struct shelf){.sandbox = i < SANDBOXES ? (enum mf_sandbox)i : MF_SANDBOX_AUTO};
        link_init(&shelf[i].blanks);
    }
}

bool shelf_is_usual(const struct shelf *shelf)
{
    return shelf->fit.window_bytes == 0;
}

static bool is_for(const struct shelf *shelf, enum mf_sandbox sandbox, const struct blank_fit *fit)
{
    return shelf->sandbox == sandbox && shelf->fit.window_bytes == fit->window_bytes &&
           shelf->fit.jit == fit->jit;
}

static bool is_free(const struct shelf *shelf)
{
    return shelf->users == 0 && shelf->count == 0 && shelf->starting == 0;
}

static struct shelf *choose(struct shelf shelf[SHELVES], enum mf_sandbox sandbox,
                            const struct blank_fit *fit)
{
    struct shelf *unused = NULL;
    if (fit->window_bytes <= MF_WINDOW_DEFAULT && !fit->jit)
        return &shelf[sandbox]; /* a smaller one is a C function's that pays 0.1 ms under process, less under KVM */
    for (uint32_t i = SANDBOXES; i < SHELVES; i++) {
        if (is_for(&shelf[i], sandbox, fit))
            return &shelf[i];
        if (!unused && is_free(&shelf[i]))
            unused = &shelf[i];
    }
    if (!unused)
        return &shelf[sandbox];
    unused->sandbox = sandbox;
    unused->fit = *fit;
    unused->burst = (struct burst){0};
    return unused;
}

struct shelf *shelf_use(struct shelf shelf[SHELVES], enum mf_sandbox sandbox,
                        const struct blank_fit *fit)
{
    /* Under KVM what jit is is told at the start. */
    const struct blank_fit of = {fit->window_bytes, fit->jit && sandbox == MF_SANDBOX_PROCESS};
    struct shelf *chosen = choose(shelf, sandbox, &of);
    chosen->in_use = true;
    chosen->users++;
    return chosen;
}

/* The usual ones stay: whoever removes a function deploys another. */
void shelf_leave(struct shelf *shelf)
{
    mf_assert(shelf->users > 0);
    shelf->users--;
    if (!shelf_is_usual(shelf))
        shelf->in_use = shelf->users > 0;
}

uint32_t shelf_least(const struct shelf *shelf, uint32_t wanted)
{
    return shelf_is_usual(shelf) ? wanted : (wanted + 1) / 2;
}

uint32_t shelf_most(const struct shelf *shelf, uint32_t wanted, uint64_t bytes)
{
    const uint64_t each = BLANK_BYTES + shelf->fit.window_bytes / BLANK_WINDOW_SHARE;
    const uint32_t least = shelf_least(shelf, wanted);
    uint64_t most = (uint64_t)wanted * BLANKS_GROWTH;
    most = bytes / each < most ? bytes / each : most;
    most = most < MF_BLANKS_MAX ? most : MF_BLANKS_MAX;
    return most > least ? (uint32_t)most : least;
}
