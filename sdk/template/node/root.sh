#!/bin/sh
# root.sh: makes root/, all that the function has of files: this machine's Node.js with its
# libraries, main.js, and node_modules if there are any (npm install).
set -eu
cd "$(dirname "$0")"
node=$(command -v node) || { echo 'no node here; on Debian: apt install nodejs' >&2; exit 1; }
node=$("$node" -p process.execPath) # behind what version managers put before it
rm -rf root
mkdir -p root/usr/bin
cp -L "$node" root/usr/bin/node
ldd "$node" | grep -o '/[^ ]*' | sort -u | while read -r library; do
  mkdir -p "root${library%/*}"
  cp -L "$library" "root$library"
done
# For each memory of WebAssembly, which fetch() has, V8 reserves 10 GiB of addresses, or 4 without guards: here
# 256 MiB at most, if this Node.js can be told.
for option in --wasm-max-mem-pages=4096 --disable-wasm-trap-handler; do
  if "$node" "$option" --version >/dev/null 2>&1; then
    sed -i "/$option\|--jitless/! s|^args: \[|&$option, |" function.yml
  fi
done
# Debian's Node.js reads parts of itself from there.
for file in acorn/dist/acorn.js acorn-walk/dist/walk.js cjs-module-lexer/lexer.js \
    cjs-module-lexer/dist/lexer.js undici/undici-fetch.js; do
  [ -e "/usr/share/nodejs/$file" ] || continue
  mkdir -p "root/usr/share/nodejs/${file%/*}"
  cp -L "/usr/share/nodejs/$file" "root/usr/share/nodejs/$file"
done
for file in main.js package.json node_modules; do
  [ ! -e $file ] || cp -R -p $file root/
done
