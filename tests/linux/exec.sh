#!/bin/bash
# exec.sh MAYFLY WORK: programs that another one becomes (execve), natively and inside: exec/execs.c built in
# several kinds, and scripts. They stand at the same paths here and in the images' root file systems: not below
# /tmp, which is in memory inside.
# Exit code 77: no sandbox works here.
set -u
mayfly=$1
work=$2
source=$(dirname "$(readlink -f "$0")")/exec/execs.c
failures=0
for fd in {3..39}; do
    eval "exec $fd>&-" # what this was started with is not what programs look at
done
rm -rf "$work"
mkdir -p "$work/root" "$work/project"
dir=$(mktemp -d /var/tmp/mayfly-exec.XXXXXX) || exit 1
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
cd "$dir" && mkdir folder || exit 1

# kind NAME FLAG...: the program, which knows how it was built.
kind() {
    name=$1
    shift
    "$cc" -O1 -Wall -Wextra -Werror -DKIND="\"$name\"" "$source" -o "$name" -lpthread "$@" || exit 1
}
cc=gcc
kind static -static -no-pie
kind moving -static-pie
kind dynamic -pie -fPIE
kind fixed -no-pie -fno-pie
kind l-none -pie -fPIE "-Wl,--dynamic-linker=$dir/none"
kind l-words -pie -fPIE "-Wl,--dynamic-linker=$dir/words"
kind l-text -pie -fPIE "-Wl,--dynamic-linker=$dir/text"
gcc -DKIND='"object"' -c "$source" -o object || exit 1
chmod +x object

# script NAME LINE...
script() {
    name=$1
    shift
    printf '%s\n' "$@" >"$name"
    chmod +x "$name"
}
echo 'hello world' >text
script words "$(seq 1 100)"
: >empty
printf '\177EL' >short
printf '\177ELF\2\1\1' >magic
head -c 100 dynamic >torn
cp dynamic machine
printf '\3' | dd of=machine bs=1 seek=18 conv=notrunc 2>/dev/null
chmod +x empty short magic torn machine
ln -s loop loop
ln -s dynamic link
script s-none "#!$dir/none"
script s-folder "#!$dir/folder"
script s-text "#!$dir/text"
script s-empty '#!'
script s-blank '#!  	 '
script s-long "#!/$(printf '%0300d' 0)"
script s-look "#!$dir/moving look"
script s-args "#! 	 $dir/dynamic 	look with   blanks  	" 'nothing'
printf '#!%s/dynamic' "$dir" >s-bare
printf '#!%s/dynamic look %0300d' "$dir" 0 >s-cut
chmod +x s-bare s-cut
script s-1 "#!$dir/s-look"
for i in 2 3 4 5 6; do
    script s-$i "#!$dir/s-$((i - 1)) $i"
done
script s-shell '#!/bin/sh' 'set -e' "[ \"\$1\" = no ] && exit 1" "cd '$dir/folder'" 'A=b exec "$@"'

for program in /bin/sh /bin/dash /bin/cat /usr/bin/env dynamic; do
    for file in $(readlink -f $program) $(ldd $program | grep -o '/[^ ]*'); do
        mkdir -p "$work/root$(dirname "$file")" "$work/root/bin"
        cp -L "$file" "$work/root$file"
    done
    [ "${program#/}" = "$program" ] || cp -L "$program" "$work/root/bin/"
done
mkdir -p "$work/root$dir"
cp -a . "$work/root$dir"

# compare WHAT ARGUMENT...: what the image prints, against what they print natively.
compare() {
    what=$1
    shift
    env -i ONLY=this "$@" </dev/null >"$work/native" 2>/dev/null
    "$mayfly" run "$work/exec.mf" </dev/null >"$work/inside" 2>"$work/log"
    [ $? = 6 ] && cat "$work/log" && exit 77
    if cmp -s "$work/native" "$work/inside" && [ -s "$work/native" ]; then
        echo "$what: ok"
    else
        echo "$what: natively, and inside"; diff "$work/native" "$work/inside"; cat "$work/log"
        failures=$((failures + 1))
    fi
}

# same PROGRAM ARGUMENT...: prints the same.
same() {
    python3 -c 'import json, sys; print(json.dumps({"name": "exec", "contract": "stdio", "timeout_ms": 300000, "folder": sys.argv[1], "args": sys.argv[3:]}))' \
        "$dir" "$@" >"$work/project/function.yml"
    "$mayfly" build --rootfs "$work/root" --program "$1" "$work/project" \
        -o "$work/exec.mf" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
    compare "$*" "$@"
}
# from PROGRAM ARGUMENT...: by a shell that becomes it.
from() {
    same /bin/sh -c 'exec "$@"' sh "$@"
}

from "$dir/moving" chain ./moving ./dynamic ./moving /bin/cat text
from "$dir/static" chain ./dynamic ./static ./moving ./static ./dynamic
from "$dir/fixed" chain ./fixed ./dynamic ./fixed ./moving
same "$dir/static" chain ./static ./static
same "$dir/moving" chain ./moving ./moving
for one in static moving dynamic fixed; do
    from "$dir/$one" tour
done
from "$dir/dynamic" again 20
for one in s-args s-bare s-cut s-4; do
    from /usr/bin/env -i ONLY=this "$dir/$one" one 'two three'
done
same "$dir/s-shell" /usr/bin/env -i "$dir/dynamic" look
same "$dir/s-shell" env ./../dynamic chain "$dir/s-shell" ../moving chain
same "$dir/s-shell" cat ../text

# A container image whose entry point is a script that ends as its command.
oci() {
    umoci init --layout "$work/oci" && umoci new --image "$work/oci:it" || return
    for top in "$work/root"/*; do
        umoci insert --rootless --image "$work/oci:it" "$top" "/${top##*/}" || return
    done
    umoci config --image "$work/oci:it" --config.workingdir "$dir" --config.entrypoint "$dir/s-shell" \
            --config.cmd "$dir/fixed" --config.cmd chain --config.cmd ../dynamic --config.cmd ../fixed &&
        "$mayfly" build --oci "$work/oci" --contract stdio --name exec -o "$work/exec.mf"
}
oci >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
grep -q 'may end as another program' "$work/log" || { echo 'the build says nothing of the shell'; failures=1; }
compare 'a container image' "$dir/s-shell" "$dir/fixed" chain ../dynamic ../fixed

[ "$failures" = 0 ] || { echo "$failures failed"; exit 1; }
