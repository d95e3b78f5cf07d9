#!/bin/bash
# place.sh: sourced by tests that have a node of their own: a scratch folder as $here, where they then
# are, and with them what TAP needs. It goes when they end, and so does the node of $node_pid. Asks
# for $tests, the folder of this file.
: "${tests:?}"
here=$(mktemp -d)
node_pid=
end() {
    [ -z "$node_pid" ] || kill "$node_pid" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$here"
}
trap end EXIT
export MAYFLY_STATE=$here/state TMPDIR=$here/tmp NO_COLOR=1
unset MAYFLY_NODE MAYFLY_TOKEN
mkdir "$TMPDIR"
# shellcheck source=tests/cli/tap.sh
. "$tests/tap.sh"
cd "$here" || exit 1

# settled: no snapshot is being made any more; `mayfly deploy` waits for seconds only.
settled() {
    for _ in $(seq 600); do
        "${mayfly:?}" ls --json >settled.json 2>&1 && ! grep -q '"making"' settled.json && return
        sleep 0.1
    done
    cat settled.json
    return 1
}
