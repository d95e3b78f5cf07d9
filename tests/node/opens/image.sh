#!/bin/sh
# image.sh MAYFLY COMPILER FOLDER: opens.c with its libraries, dynamic, in FOLDER/root; FOLDER/opens.mf is an image of both.
set -eu
mayfly=$1 compiler=$2 folder=$3
here=$(dirname "$(readlink -f "$0")")
libraries=$folder/root/usr/lib/opens
rm -rf "$folder"
mkdir -p "$libraries" "$folder/root/bin"

# library NAME OPTION...
library() {
  name=$1
  shift
  "$compiler" -std=gnu17 -O2 -Wall -Wextra -shared -fPIC "-DPART=\"$name\"" "$here/part.c" -o "$libraries/lib$name.so" "$@"
}
library first
library kept
# shellcheck disable=SC2016 # the loader's word, not the shell's
library late -Wl,--no-as-needed "-L$libraries" -lfirst '-Wl,-rpath,$ORIGIN'
"$compiler" -std=gnu17 -O2 -Wall -Wextra -rdynamic "$here/opens.c" -o "$folder/root/bin/opens"
ldd "$folder/root/bin/opens" | grep -o '/[^ ]*' | while read -r file; do
  mkdir -p "$folder/root${file%/*}"
  cp -L "$file" "$folder/root$file"
done
"$mayfly" build --rootfs "$folder/root" --program /bin/opens "$here" -o "$folder/opens.mf"
