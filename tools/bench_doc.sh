#!/usr/bin/env bash
# bench_doc.sh MAYFLY [--write]: the block of docs/BENCH.md that says what each bench
# times is what `mayfly bench all --explain` prints. Compares, or writes it anew.
set -euo pipefail
page=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../docs/BENCH.md

with_explanations() {
  awk -v mayfly="$1" '
    block && /^```$/ { block = 0; system(mayfly " bench all --explain") }
    !block           { print; fflush() }
    /^```text$/      { block = 1 }
  ' "$page"
}

if [ "${2:-}" = --write ]; then
  new=$(with_explanations "$1")
  printf '%s\n' "$new" >"$page"
else
  with_explanations "$1" | diff -u "$page" - || {
    echo "make it anew: tools/bench_doc.sh $1 --write"
    exit 1
  }
fi
