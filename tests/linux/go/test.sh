#!/bin/sh
# test.sh BUILD SANDBOX: a Go program prints natively what it prints inside. Exit code 77: no go
# here, or the sandbox is not usable.
set -u
build=$1
sandbox=$2
here=$(dirname "$(readlink -f "$0")")
command -v go >/dev/null || { echo "skipped: no go here (Debian: golang-go)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export CGO_ENABLED=0 GOFLAGS=-mod=mod GOPATH="$work/path" GOCACHE="${GOCACHE:-$build/go-cache}"
mkdir -p "$GOCACHE"
(cd "$here" && go build -trimpath -o "$work/program" .) || exit 1
"$work/program" >"$work/native" || exit 1
echo '{ "name": "go", "memory_mib": 1024, "timeout_ms": 100000 }' >"$work/manifest"
"$build/mf-pack" "$build/kernel-linux.elf" "$work/program" "$work/manifest" "$work/go.mf" || exit 1
# It ends without an answer, which `run` says is a failure.
"$build/mayfly" run --sandbox "$sandbox" "$work/go.mf" </dev/null >"$work/out" 2>"$work/all"
[ $? -eq 6 ] && echo "skipped: $(cat "$work/all")" && exit 77
sed -n 's/^info: //p' "$work/all" >"$work/inside"
diff "$work/native" "$work/inside" && echo "the same: $(wc -l <"$work/native") lines" && exit 0
cat "$work/all"
exit 1
