#!/usr/bin/env bash
# test.sh BUILD: our binaries, as built in BUILD, inside the emulated machine: guests that
# must not reach the host, the KVM monitor's own tests, and a function behind HTTP.
# Inside, everything has the path that it has here.
set -euo pipefail
build=$1
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
out=$build/tests/emulated
files=$out/files

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
add "$build"/{mayfly,mayfly-node,mayfly-spawner,guest-tests,test_kvm,test_kvm_reset,functions/echo.mf} \
  "$build"/tests/guests/{raw,hostile,neighbour,frozen}.mf
for image in "$build"/tests/guests/linux-*.mf; do
  program=${image##*/linux-}
  add "$image" "$build/tests/guests/linux_${program%.mf}" # the same program, to run outside
done
sed "s|@build@|$build|g" "$here/inside.sh" >"$files/test"
chmod +x "$files/test"
exec "$here/machine.sh" "$out/kernel" "$files"
