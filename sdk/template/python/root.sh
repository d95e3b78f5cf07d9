#!/bin/sh
# root.sh: makes root/, all that the function has of files: this machine's Python with its modules
# and libraries, and main.py. Modules of others: pip install --target root/usr/lib/python3/dist-packages.
set -eu
cd "$(dirname "$0")"
python=/usr/bin/python3
modules=$("$python" -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
rm -rf root
mkdir -p root/usr/bin "root$modules"
cp -L "$python" root/usr/bin/python3
cp -R -p "$modules/." "root$modules" # -p: what is compiled is good for a source of its time
rm -rf "root$modules/test" "root$modules"/config-* # Python's own tests, and what programs link with
for file in "$python" "$modules"/lib-dynload/*.so; do ldd "$file"; done |
  grep -o '/[^ ]*' | sort -u | while read -r library; do
    mkdir -p "root${library%/*}"
    cp -L "$library" "root$library"
  done
cp main.py root/
