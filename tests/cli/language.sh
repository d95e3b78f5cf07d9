#!/bin/bash
# language.sh BUILD SANDBOX LANGUAGE: a function of a template, from nothing to an answer: new, build,
# deploy, invoke, curl. TAP on standard output; exit code 0, 1 (a case failed), 77 (the language is not
# here, or the sandbox does not work).
set -u
build=$1 sandbox=$2 language=$3
mayfly=$build/mayfly
tests=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/cli/place.sh
. "$tests/place.sh"

case $language in
    go) needs=go package=golang-go ;;
    node) needs=node package=nodejs ;;
    python) needs=/usr/bin/python3 package=python3 ;;
esac
command -v "$needs" >/dev/null || skip_all "no $language here (Debian: $package)"
"$mayfly" run --sandbox "$sandbox" "$build/functions/hello.mf" </dev/null >run.txt 2>&1
[ $? != 6 ] || skip_all "$(tail -n 1 run.txt)"

says() { # TEXT COMMAND...
    local expected=$1
    shift
    "$@" >out.txt 2>err.txt
    [ "$(cat out.txt)" = "$expected" ] || { cat out.txt err.txt; return 1; }
}
answers() {
    for _ in $(seq 600); do
        "$mayfly" ls >last.txt 2>&1 && return
        sleep 0.1
    done
    cat last.txt node.log
    return 1
}

"$mayfly" node --listen 127.0.0.1:0 >>node.log 2>&1 &
node_pid=$!
case_ 'a node starts' answers
export GOCACHE=${GOCACHE:-$build/go-cache} # Go's own library is compiled once
case_ 'new' "$mayfly" new --lang "$language" ride
if [ -e ride/root.sh ]; then
    case_ 'its root' sh ride/root.sh
    case_ 'build' "$mayfly" build --rootfs ride/root ride
else
    case_ 'build' "$mayfly" build ride
fi
case_ 'deploy' json 'd["name"] == "ride"' "$mayfly" deploy --sandbox "$sandbox" ride.mf --json
url=$(python3 -c 'import json; print(json.load(open("out.json"))["url"])')
case_ 'its snapshot is settled' settled
case_ 'it is frozen' json '[f["snapshot"]["state"] for f in d] == ["ready"]' "$mayfly" ls --json
case_ 'invoke' says 'hello, world' "$mayfly" invoke ride
case_ 'invoke with data' says 'hello, you' "$mayfly" invoke ride -d you
case_ 'curl' says 'hello, a b' curl -sS "$url?name=a%20b"
case_ 'curl with data' says 'hello, curl' curl -sS "$url" -d curl
case_ 'it says nothing else' says '' bash -c "'$mayfly' logs ride | grep -v -e ' deployed image' -e ' snapshot made' -e ' an event touches'"
finish
