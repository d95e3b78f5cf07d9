#!/usr/bin/env bash
# test.sh BUILD [FEATURE]: our binaries, as built in BUILD, inside the emulated machine: guests that
# must not reach the host, the KVM monitor's own tests, and a function behind HTTP.
# Inside, everything has the path that it has here. The processor has all that QEMU can
# emulate, but for FEATURE.
set -euo pipefail
build=$1
lacks=${2:-}
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
out=$build/tests/emulated
files=$out/${lacks:+no-$lacks/}files

# add FILE...: into the machine, with the shared libraries that programs need.
add() {
  local file library
  for file in "$@"; do
    install -D "$file" "$files$file"
    for library in $(ldd "$file" 2>/dev/null | grep -o '/[^ ]*'); do
      [ -e "$files$library" ] || install -D "$(readlink -f "$library")" "$files$library"
    done
  done
}

rm -rf "$files"
mkdir -p "$files"
add "$build"/{mayfly,mayfly-node,mayfly-spawner,guest-tests,test_kvm,test_kvm_reset,test_process,functions/echo.mf} \
  "$build"/tests/guests/*.mf
for image in "$build"/tests/guests/{linux,full}-*.mf; do
  program=${image##*/linux-}
  program=${program##*/full-}
  add "$build/tests/guests/linux_${program%.mf}" # the same program, to run outside
done
[ ! -e "$build/tests/node/gohello.mf" ] || add "$build/tests/node/gohello.mf"
sed "s|@build@|$build|g" "$here/inside.sh" >"$files/test"
chmod +x "$files/test"
EMULATED_LACKS=$lacks exec "$here/machine.sh" "$out/kernel" "$files"
