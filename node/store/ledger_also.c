/*
 * ledger_also.c: appends beside a change. Whether they fit is known before the change writes
 * anything; then none of them is refused any more.
 */
#include "node/store/ledger.h"

mf_err ledger_also_refused(struct ledger *ledger, struct store_op *op, mf_err *refusal)
{
    mf_err err = MF_OK;
    *refusal = MF_OK;
    for (struct store_op *child = op->also; child && !err && !*refusal; child = child->also) {
        err = ledger_append_refused(ledger, child, refusal);
        child->judged = true;
    }
    return err;
}

mf_err ledger_also_append(struct ledger *ledger, struct store_op *op)
{
    mf_err err = MF_OK;
    for (struct store_op *child = op->also; child && !err; child = child->also) {
        err = ledger_change_queue(ledger, child);
        if (!err && child->answer.err)
            err = MF_EIO; /* against what was just found: nothing of all this is kept */
    }
    return err;
}
