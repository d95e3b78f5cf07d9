#!/bin/bash
# node.sh BUILD SANDBOX: a first day with a node: deploy, invoke, ls, logs, rm against the
# real daemon, functions in this sandbox. TAP on standard output; exit code 0, 1 (a case
# failed), 77 (the sandbox does not work here).
# shellcheck disable=SC2016 # scripts for other shells expand there
set -u
build=$1 sandbox=$2
mayfly=$build/mayfly
tests=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/cli/place.sh
. "$tests/place.sh"

"$mayfly" run --sandbox "$sandbox" "$build/functions/hello.mf" </dev/null >run.txt 2>&1
[ $? != 6 ] || skip_all "$(tail -n 1 run.txt)"

printf 'a token of this test, long enough' >token
chmod 600 token
# One that the kernel gives to nobody meanwhile (tests/node/sinks.py).
port=$(cd "$tests/../node" && python3 -B -c 'import sinks; print(sinks.unused_port())')
# Not inside a case, whose output the node would hold open.
start_node() {
    "$mayfly" node --listen 127.0.0.1:0 --api-listen "127.0.0.1:$port" --api-token-file token \
        >>node.log 2>&1 &
    node_pid=$!
}
stop_node() {
    kill "$node_pid"
    wait "$node_pid"
    node_pid=
}

# prints TEXT COMMAND...: succeeds with exactly this on standard output.
prints() {
    local expected=$1
    shift
    "$@" >out.txt 2>err.txt || { cat out.txt err.txt; return 1; }
    [ "$(cat out.txt)" = "$expected" ] || { cat out.txt; return 1; }
}

# shows TEXT COMMAND...: succeeds and has this in its standard output.
shows() {
    local expected=$1
    shift
    "$@" >out.txt 2>err.txt || { cat out.txt err.txt; return 1; }
    grep -qF -- "$expected" out.txt || { cat out.txt; return 1; }
}

# eventually COMMAND...: within a minute.
eventually() {
    for _ in $(seq 600); do
        "$@" >last.txt 2>&1 && return
        sleep 0.1
    done
    cat last.txt
    return 1
}

answers() { eventually "$mayfly" ls || { cat node.log; return 1; }; }
deploy() { "$mayfly" deploy --sandbox "$sandbox" "$@"; }

start_node
case_ 'a node starts' answers
case_ 'ls of an empty node' prints '' "$mayfly" ls
case_ 'ls --json of an empty node' json 'd == []' "$mayfly" ls --json

# From nothing to an answer.
case_ 'new' "$mayfly" new greet
case_ 'deploy of a project prints its address' shows '/function/greet' deploy greet
case_ 'it leaves no file behind' bash -c '[ -z "$(ls -A "$TMPDIR")" ] && [ ! -e function.mf ]'
case_ 'invoke' prints 'hello, world' "$mayfly" invoke greet
case_ 'invoke with data' prints 'hello, you' "$mayfly" invoke greet -d you
case_ 'invoke with a query' prints 'hello, a b' "$mayfly" invoke greet --query name=a%20b
case_ 'curl at the printed address' bash -c \
    'curl -sS "$("$1" deploy --sandbox "$2" greet)" -d curl | grep -qx "hello, curl"' - "$mayfly" "$sandbox"

# What deploy may say.
case_ 'deploy with environment, name and memory' json \
    'd["name"] == "moon" and d["settings"]["environment"] == {"GREET": "moon", "MORE": "a=b"} and d["settings"]["memory_mib"] == 16 and d["url"].endswith("/function/moon")' \
    deploy greet --name moon -e GREET=moon --env MORE=a=b --memory 16 --json
case_ 'its environment is there' prints 'hello, moon' "$mayfly" invoke moon
case_ 'environment adds to what the manifest sets' json \
    'd["settings"]["environment"] == {"LIMIT": "90", "SENSORS": "10,112,158"}' \
    deploy "$build/functions/threshold.mf" -e LIMIT=90 --json
printf '{"data":[{"recorded_at":"2018-01-11T17:52:51Z","sensors":[{"id":10,"value":95},{"id":29,"value":66.35}]}]}' >reading.json
case_ 'threshold by its new limit' shows '"alert":true' "$mayfly" invoke threshold -d @reading.json
case_ 'an image that is none' exits 1 'not an ELF file' deploy reading.json
case_ 'what ran before still runs' prints 'hello, world' "$mayfly" invoke greet
case_ 'a damaged image' exits 1 'the content hash' bash -c \
    'head -c -1 "$1/functions/echo.mf" >cut.mf; printf X >>cut.mf; "$1/mayfly" deploy cut.mf' - "$build"
case_ 'a project that does not compile' exits 7 'did not accept the program' bash -c \
    'cp -r greet wrong; echo "int x = y;" >>wrong/greet.c; "$1" deploy wrong' - "$mayfly"

# What invoke may say.
case_ 'echo' "$mayfly" deploy --sandbox "$sandbox" "$build/functions/echo.mf"
head -c 5000000 /dev/urandom >bytes
case_ 'five megabytes there and back' bash -c \
    '"$1" invoke echo -d @bytes | cmp - bytes && "$1" invoke echo -d @- <bytes | cmp - bytes' - "$mayfly"
case_ 'method, path, query, header' shows 'PATCH /a/b?head=1' \
    "$mayfly" invoke echo -X PATCH --path a/b --query head=1 -H 'X-One: 1'
case_ '... and the header arrived' grep -q '^x-one: 1' out.txt
case_ 'invoke -i shows the head' shows 'HTTP/1.1 200 OK' "$mayfly" invoke echo -i -d x
case_ 'a body past the limit' exits 5 'echo answered 413' bash -c \
    'head -c 7000000 /dev/zero >zeros; "$1" invoke echo -d @zeros' - "$mayfly"
case_ 'a function that says 400' exits 5 'threshold answered 400' "$mayfly" invoke threshold -d '{}'
case_ 'a function that is not there' exits 3 "no function 'nobody'" "$mayfly" invoke nobody
case_ 'a deadline' exits 5 'fib answered 504' bash -c \
    '"$1/mayfly" deploy --sandbox "$2" "$1/functions/fib.mf" --timeout 200 >/dev/null && "$1/mayfly" invoke fib --query n=80' \
    - "$build" "$sandbox"

# What the others say.
case_ 'ls knows all' json \
    '[f["name"] for f in d] == ["echo", "fib", "greet", "moon", "threshold"] and all(f["sandbox"]["in_force"] == "'"$sandbox"'" for f in d)' \
    "$mayfly" ls --json
case_ 'ls for people' shows 'WHY THIS SANDBOX' "$mayfly" ls
case_ 'ls --quiet' prints $'echo\nfib\ngreet\nmoon\nthreshold' "$mayfly" ls -q
case_ 'snapshots are settled, which are lines of their logs' settled
case_ 'logs of an alert' shows 'warn  #' "$mayfly" logs threshold
case_ 'logs of a deadline' shows 'deadline' "$mayfly" logs fib
case_ 'logs --json' json 'd["function"] == "threshold" and d["level"] == "warn"' \
    bash -c '"$1" logs -n 1 --json threshold' - "$mayfly"
case_ 'logs -n 0' prints '' "$mayfly" logs -n 0 threshold
case_ 'logs of nobody' exits 3 "no function 'nobody'" "$mayfly" logs nobody
{
    "$mayfly" logs -f -n 0 threshold >follow.txt 2>&1
    echo "$?" >ended.txt
} &
case_ 'logs -f shows what comes' eventually bash -c \
    '"$1" invoke threshold -d @reading.json >/dev/null && grep -q alert: follow.txt' - "$mayfly"
case_ 'rm of two, one unknown' exits 3 "no function 'nobody'" "$mayfly" rm threshold nobody
case_ '... removed the other' exits 3 "no function 'threshold'" "$mayfly" invoke threshold
case_ 'logs -f ends with its function' eventually grep -qx 0 ended.txt

# Asynchronous calls.
delivered() { eventually bash -c '"$1" call "$2" | grep -q ^delivered' - "$mayfly" "$1"; }
"$mayfly" invoke greet --async -d you >call.txt
case_ 'invoke --async prints an id' grep -qxE '[0-9a-f-]{36}' call.txt
case_ '... and it is delivered' delivered "$(cat call.txt)"
case_ 'call --json' json 'd["function"] == "greet" and d["attempts"] == 1' \
    "$mayfly" call --json "$(cat call.txt)"
case_ 'call of nobody' exits 3 'no asynchronous call' "$mayfly" call nobody
case_ 'invoke --async of nobody' exits 3 "no function 'nobody'" "$mayfly" invoke --async nobody
"$mayfly" queue push greet -d you >call.txt
case_ 'queue push' delivered "$(cat call.txt)"
case_ 'queue ls' shows 'greet  -' "$mayfly" queue ls
case_ 'queue ls of one' json 'd[0]["name"] == "greet" and d[0]["dead"] == 0' \
    "$mayfly" queue ls greet --json
case_ 'queue peek' exits 0 'no dead letters' "$mayfly" queue peek greet --dead
case_ 'queue redrive' exits 0 'redriven 0' "$mayfly" queue redrive greet
case_ 'queue purge' json 'd == {"removed": 0}' "$mayfly" queue purge greet --dead --json
case_ 'queue of nobody' exits 3 'nothing waits for one' "$mayfly" queue ls nobody
case_ 'queue peek of nobody' exits 3 'nothing waits for one' "$mayfly" queue peek nobody
case_ 'queue ls says whose' shows 'deployed' "$mayfly" queue ls
"$mayfly" queue push orders --tenant shop -d 'a pie' >id.txt
case_ 'queue push to a named queue' grep -qxE '[0-9a-f-]{36}' id.txt
case_ 'queue peek in it' json 'd["entries"][0]["body"] == "a pie" and
    d["entries"][0]["call"] == open("id.txt").read().strip() and
    ["ce-subject", "orders"] in d["entries"][0]["headers"]' "$mayfly" queue peek orders --tenant shop --json
case_ 'queue ls of it' json 'd[0]["count"] == 1 and not d[0]["deployed"]' "$mayfly" queue ls orders --tenant shop --json
case_ 'queue of another tenant' exits 3 'tenant other has no named queue at all' \
    "$mayfly" queue ls orders --tenant other
case_ 'queue of the node itself' exits 1 "the node's own" "$mayfly" queue ls orders --tenant functions
case_ 'queue ls of all of a tenant' json '[(q["name"], q["tenant"], q["count"]) for q in d] == [("orders", "shop", 1)]' \
    "$mayfly" queue ls --tenant shop --json
case_ 'queue ls of a tenant without any' exits 0 'nothing was ever pushed' "$mayfly" queue ls --tenant other
"$mayfly" queue push tasks --tenant default -d x >/dev/null
case_ 'queue ls lists named queues, too' json \
    '[q["count"] for q in d if q.get("tenant") == "default" and q["name"] == "tasks"] == [1] and "greet" in [q["name"] for q in d]' \
    "$mayfly" queue ls --json
case_ 'stop' "$mayfly" stop greet
case_ 'a stopped function is shown as such' shows 'greet ' bash -c '"$1" ls | grep -w stopped' - "$mayfly"
case_ '... with the reason' grep -q 'greet is stopped: it was stopped by hand' err.txt
case_ '... by inspect, too' shows 'stopped    it was stopped by hand' "$mayfly" inspect greet
case_ 'start' "$mayfly" start greet
case_ 'queue purge of it' json 'd == {"removed": 1}' "$mayfly" queue purge orders --tenant shop --json
case_ 'kv set' "$mayfly" kv set shop/a -d 'the value'
case_ 'kv get' shows 'the value' "$mayfly" kv get shop/a
case_ 'kv ls' shows 'shop/a' "$mayfly" kv ls shop/
case_ 'kv ls of another tenant' json 'd["keys"] == []' "$mayfly" kv ls --tenant other --json
case_ 'kv rm' "$mayfly" kv rm shop/a
case_ 'kv set of dots' "$mayfly" kv set .. -d 'two dots'
case_ 'kv get of dots' shows 'two dots' "$mayfly" kv get ..
case_ 'kv rm of dots' "$mayfly" kv rm ..
case_ 'kv get of none' exits 3 'no such key' "$mayfly" kv get shop/a
case_ 'kv set to nothing' exits 2 'to what' "$mayfly" kv set shop/a
case_ 'deploy with what it may' json 'd["settings"]["allow"] == {"read": ["a", "b"], "push": ["*"]}' \
    deploy greet --name allowed --allow read=a --allow read=b --allow 'push=*' --tenant shop --json
case_ 'deploy with what is none' exits 2 'LIST=ENTRY' deploy greet --name allowed --allow read
case_ 'rm of it' "$mayfly" rm -q allowed
case_ 'kv without a verb' exits 2 'get, set, rm or ls' "$mayfly" kv
case_ 'queue without a verb' exits 2 'ls, peek, push' "$mayfly" queue

# Workflows.
mkdir -p flow
cp -r greet flow/first
cp "$build/functions/echo.mf" flow/second.mf
flow() { # SETTINGS of second
    cat >flow/mayfly.yml <<END
workflow: flow
defaults: {sandbox: $sandbox, memory_mib: 16}
functions:
  first: {source: first, http: true, then: [second]}
  second:
    image: second.mf
    $1
END
}
flow 'isolation: reuse'
case_ 'deploy -f, dry' prints '+ first
+ second' "$mayfly" deploy -f flow/mayfly.yml --dry-run
case_ 'a dry run deploys nothing' exits 3 "no workflow is called flow" "$mayfly" workflows flow
case_ 'deploy -f' prints '+ first
+ second' "$mayfly" deploy -f flow/mayfly.yml
case_ 'its functions are there' prints 'hello, you' "$mayfly" invoke first -d you
case_ 'deploy -f of the same' prints '= first
= second' "$mayfly" deploy -f flow/mayfly.yml
flow 'memory_mib: 32'
case_ 'deploy -f of a change' prints '= first
~ second (isolation "reuse" → "reset", memory_mib 16 → 32)' "$mayfly" deploy --file flow/mayfly.yml
case_ 'workflows' shows 'flow  2        2' "$mayfly" workflows
case_ 'workflows -q' prints flow "$mayfly" workflows -q
case_ 'workflows NAME' shows '2 in force' "$mayfly" workflows flow
case_ 'workflows --json' json 'd["version"] == 2 and len(d["versions"]) == 2' "$mayfly" workflows flow --json
case_ 'ls names the workflow' shows ' flow ' "$mayfly" ls
case_ 'rollback, dry' shows '~ second (isolation "reset" → "reuse", memory_mib 32 → 16)' \
    "$mayfly" rollback flow --dry-run
case_ 'rollback' json 'd["version"] == 3 and not d["dry_run"]' "$mayfly" rollback flow --json
case_ 'rollback --to' shows 'memory_mib 16 → 32' "$mayfly" rollback flow --to 2
case_ 'rollback to what is not kept' exits 3 'version 9 of flow is not kept' "$mayfly" rollback flow --to 9
case_ 'rollback of a function of a workflow' exits 1 'belongs to workflow flow' "$mayfly" rollback second
deploy greet --name alone --memory 32 >/dev/null
case_ 'rollback of a function without a version before' exits 3 'no version of alone before' "$mayfly" rollback alone
deploy greet --name alone --memory 64 >/dev/null
case_ 'rollback of a function, dry' shows 'alone would be back at image' "$mayfly" rollback alone --dry-run
case_ 'rollback of a function' json 'd["settings"]["memory_mib"] == 32' "$mayfly" rollback alone --json
case_ '... undone by the next' json 'd["settings"]["memory_mib"] == 64' "$mayfly" rollback alone --json
case_ 'rollback of a function --to' exits 2 'leave --to out' "$mayfly" rollback alone --to 1
case_ 'rm of that one' "$mayfly" rm -q alone
case_ 'rollback of nobody' exits 3 'no workflow is called nobody' "$mayfly" rollback nobody
flow 'memory: 32'
case_ 'a wrong key has a line' exits 1 'flow/mayfly.yml:7: "memory" is not a setting' "$mayfly" deploy -f flow/mayfly.yml
flow 'then: [first]'
case_ 'a circle has a line' exits 1 'mayfly.yml:7: then: a circle, first → second → first' \
    "$mayfly" deploy -f flow/mayfly.yml
flow 'next: nobody'
case_ 'an unknown name has a line' exits 1 'mayfly.yml:7: next: no function of this workflow' \
    "$mayfly" deploy -f flow/mayfly.yml
flow 'triggers: [{every: 1s}, {cron: "0 3 * * *", timezone: Mars/X}]'
case_ 'what only the node knows has a line' exits 1 \
    'flow/mayfly.yml:7: second: triggers: entry 2: timezone: no time zone Mars/X' "$mayfly" deploy -f flow/mayfly.yml
flow 'triggers: [{queue: again}]
    allow: {push: [again]}'
case_ 'a circle by a queue is told of' exits 0 'flow/mayfly.yml:5: second: what they may push, write or publish makes a circle, second → second' \
    "$mayfly" deploy -f flow/mayfly.yml --dry-run
flow 'memory_mib: 8'
mv flow/second.mf flow/moved.mf
case_ 'an image that is not there has a line' exits 3 'mayfly.yml:6: second: image: flow/second.mf: No such file' \
    "$mayfly" deploy -f flow/mayfly.yml
mv flow/moved.mf flow/second.mf
echo 'int x = y;' >>flow/first/greet.c
case_ 'a source that cannot be built has a line' exits 7 'mayfly.yml:4: this source cannot be built' \
    "$mayfly" deploy -f flow/mayfly.yml
sed -i '$d' flow/first/greet.c
case_ 'nothing of that was deployed' json 'd["version"] == 4' "$mayfly" workflows flow --json
case_ 'a file that is no workflow' exits 1 'greet/function.yml:2: "name" does not belong here' "$mayfly" deploy -f greet/function.yml
case_ 'a file that is not there' exits 3 'No such file' "$mayfly" deploy -f nothing.yml
case_ 'options beside -f' exits 2 'settings belong into that file' "$mayfly" deploy -f flow/mayfly.yml --memory 16
case_ 'an image beside -f' exits 2 'too much beside' "$mayfly" deploy -f flow/mayfly.yml x.mf
case_ '--dry-run without -f' exits 2 'belongs to --file' "$mayfly" deploy --dry-run x.mf
case_ 'a function goes with its workflow' exits 1 'mayfly rm --workflow flow' "$mayfly" rm first
case_ 'deploy over a function of a workflow' exits 1 'belongs to workflow flow' "$mayfly" deploy greet --name first
case_ 'rm --workflow of nobody' exits 3 "no workflow 'nobody'" "$mayfly" rm --workflow nobody
case_ 'rm --workflow' exits 0 'removed flow' "$mayfly" rm --workflow flow
case_ 'no workflow is left' exits 0 'no workflows yet' "$mayfly" workflows
case_ 'builds leave nothing behind' test -z "$(ls -A "$TMPDIR")"

# Completion knows names.
complete_names() {
    bash -c '. "$1"; shift; compopt() { :; }; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mayfly; echo "${COMPREPLY[@]}"' - \
        "$tests/../../deploy/completions/mayfly.bash" "$mayfly" "$@"
}
case_ 'completion of a name' prints 'moon' complete_names invoke m
case_ 'completion of a name behind a switch' prints 'moon' complete_names logs -f m

# Over TCP.
address=http://127.0.0.1:$port
case_ 'without the token' exits 1 'MAYFLY_TOKEN' "$mayfly" ls --node "$address"
case_ 'with another token' exits 1 'MAYFLY_TOKEN' env MAYFLY_TOKEN=wrong "$mayfly" ls --node "$address"
case_ 'with the token' shows 'greet' env MAYFLY_TOKEN="$(cat token)" MAYFLY_NODE="$address" "$mayfly" ls

# A restart.
stop_node
case_ 'without the node' exits 4 'start one with' "$mayfly" ls
start_node
case_ 'the node starts again' answers
case_ 'what was deployed is served again' prints 'hello, moon' "$mayfly" invoke moon
case_ 'rm of all' "$mayfly" rm -q echo fib greet moon
case_ 'nothing is left' json 'd == []' "$mayfly" ls --json
stop_node
finish
