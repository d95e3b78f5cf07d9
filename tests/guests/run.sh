#!/bin/sh
# run.sh MAYFLY IMAGES: `mayfly run` from a user's side: streams, exit codes, messages.
# Exit code 77: no sandbox works here.
set -u
mayfly=$1
images=$2
failures=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# check NAME EXIT-CODE PATTERN-OUT PATTERN-ERR: of what the last `go` left behind.
check() {
    if [ "$code" != "$2" ]; then
        echo "$1: exit code $code instead of $2"
    elif ! grep -Eq -- "$3" "$work/out"; then
        echo "$1: standard output lacks '$3':"
        cat "$work/out"
    elif ! grep -Eq -- "$4" "$work/err"; then
        echo "$1: standard error lacks '$4':"
        cat "$work/err"
    else
        echo "$1: ok"
        return
    fi
    failures=$((failures + 1))
}

# go ARGUMENT...: run it with "$in" as standard input.
in=$work/in
go() {
    "$mayfly" run "$@" <"$in" >"$work/out" 2>"$work/err"
    code=$?
    [ -s "$work/out" ] || echo >"$work/out"
    [ -s "$work/err" ] || echo >"$work/err"
}

get() {
    printf 'GET %s HTTP/1.1\r\nX-Test: 1\r\n\r\n' "$1"
}

hostile=$images/hostile.mf
neighbour=$images/neighbour.mf

printf hi >"$in"
go "$neighbour"
[ "$code" = 6 ] && cat "$work/err" && exit 77
check "a body" 0 '^1:hi$' '^$'
get /hello >"$in"
go "$hostile"
check "a request" 0 '^hello$' '^$'
get /hello >"$in"
go -i "$hostile"
check "with status and headers" 0 '^HTTP/1.1 200' '^$'
: >"$in"
go "$neighbour"
check "an empty body" 0 '^1:$' '^$'
get /nothing >"$in"
go -i "$hostile"
check "a status that is no success" 5 '^HTTP/1.1 404' 'answered 404'
get /fails >"$in"
go "$hostile"
check "a handler that fails" 5 '^$' 'handler failed: on purpose'
get /write_text >"$in"
go "$hostile"
check "a fault" 5 '^$' 'no reply: page-fault'
check "its report, with names" 5 '^$' 'rip=0x[0-9a-f]+ <act_write_text'
for image in "$hostile" "$images/hostile-linux.mf"; do
    get /wants_what_is_not >"$in"
    go "$image"
    at=$(cut -d ' ' -f 1 "$work/out")
    check "a call that is missing" 0 '^0x[0-9a-f]+ -38$' \
        "^warn: system call 425 \\(io_uring_setup\\) is not implemented, called from $at\$"
    [ "$(grep -c io_uring_setup "$work/err")" = 1 ] || { echo "and not once"; failures=$((failures + 1)); }
done
get /wants_options >"$in"
for line in 'call 54 (setsockopt) asks for level 0x1 option 0x63' 'call 16 (ioctl) asks for request 0x8b01' \
    'call 72 (fcntl) asks for command 0x40c' 'call 222 (timer_create) asks for clock 0x2'; do
    go "$images/hostile-linux.mf"
    check "$line" 0 '^-92 -25 -22 -22$' '^warn: system call .*, called from 0x[0-9a-f]+$'
    once=$(grep -cF "warn: system $line, which is not there, called from 0x" "$work/err")
    all=$(grep -c 'which is not there' "$work/err")
    [ "$once $all" = '1 4' ] || { echo "$line: $once times of $all"; failures=$((failures + 1)); }
done
get /loop >"$in"
go --timeout 100 "$hostile"
check "a timeout" 5 '^$' 'no reply: timeout'
get /exits >"$in"
go "$hostile"
check "a program that ends" 5 '^$' 'no reply: exited'
: >"$in"
go "$work/none.mf"
check "no such file" 3 '^$' 'none.mf: No such file'
echo nonsense >"$work/bad.mf"
: >"$in"
go "$work/bad.mf"
check "no image" 1 '^$' 'bad.mf: '
: >"$in"
go --sandbox magic "$hostile"
check "no such sandbox" 2 '^$' 'magic'
: >"$in"
go --timeout 0 "$hostile"
check "no such timeout" 2 '^$' 'timeout'
: >"$in"
go --env nothing "$hostile"
check "no environment" 2 '^$' 'NAME=VALUE'
: >"$in"
go
check "no image named" 2 '^$' 'which image'
head -c 6291457 /dev/zero >"$in"
go "$neighbour"
check "a body too large" 1 '^$' '6291456'
{ get /never_reads; head -c 6291456 /dev/zero; } >"$in"
go "$hostile"
check "the largest body" 0 '^not read$' '^$'

printf '{"body":"a"}\n\n{"body":"b"}\n{"body_base64":"/w=="}\n' >"$in"
go --events "$neighbour"
check "events" 0 '^\{"status":200,"headers":\{\},"body":"2:b"\}$' '^$'
check "a body that is no text" 0 '"body_base64":"Mzr/"' '^$'
printf '{"path":"/divide","method":"GET"}\n{"path":"/hello"}\n' >"$in"
go --events "$hostile"
check "an event after a death" 5 '"body":"hello"' 'no reply: divide'
check "a death as JSON" 5 '"cause":"divide"' 'no reply: divide'
printf '{"paths":"/"}\n' >"$in"
go --events "$hostile"
check "an unknown key" 1 '^$' 'event 1: .*"paths"'
printf '{"headers":{"a b":"c"}}\n' >"$in"
go --events "$hostile"
check "a header that is none" 1 '^$' 'event 1: .*"a b"'
printf '[]\n' >"$in"
go --events "$hostile"
check "no object" 1 '^$' 'event 1: '

[ "$failures" = 0 ] || { echo "$failures failed"; exit 1; }
