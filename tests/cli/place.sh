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
