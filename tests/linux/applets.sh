#!/bin/sh
# applets.sh MAYFLY BUSYBOX: applets of Debian's static busybox, and a dynamic program, natively and
# inside, must print the same: what they read is in the image's root file system, what they write
# in /tmp.
# Exit code 77: no sandbox works here, or there is no busybox.
set -u
mayfly=$1
busybox=$2
[ -x "$busybox" ] || { echo "skipped: no $busybox"; exit 77; }
failures=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root/bin" "$work/root/data/folder" "$work/project"
cp "$busybox" "$work/root/bin/busybox"
user=
cd "$work/root/data" || exit 1
seq 1 1000 >numbers
printf 'c\na\nb\na\n' >letters
printf 'one two\nthree\n' >folder/words
ln -s letters link

# run PROGRAM ARGUMENT...: what it prints inside stands in inside.
run() {
    program=$1
    shift
    arguments=
    for argument; do
        arguments="$arguments${arguments:+, }\"$(printf %s "$argument" | sed 's/[\\"]/\\&/g')\""
    done
    echo "{\"name\": \"applet\", \"contract\": \"stdio\", \"user\": \"$user\", \"folder\": \"/data\", \"args\": [$arguments]}" \
        >"$work/project/function.yml"
    "$mayfly" build --rootfs "$work/root" --program "$program" "$work/project" \
        -o "$work/applet.mf" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
    "$mayfly" run "$work/applet.mf" </dev/null >"$work/inside" 2>"$work/log"
    [ $? = 6 ] && cat "$work/log" && exit 77
    return 0
}

# inside PROGRAM ARGUMENT...: the same, against what stands in native.
inside() {
    run "$@"
    if cmp -s "$work/native" "$work/inside"; then
        echo "$*: ok"
    else
        echo "$*: natively"; cat "$work/native"
        echo "inside"; cat "$work/inside" "$work/log"
        failures=$((failures + 1))
    fi
}

# applet ARGUMENT...: one of busybox.
applet() {
    "$busybox" "$@" </dev/null >"$work/native" 2>/dev/null
    inside /bin/busybox "$@"
}

applet cat letters folder/words
applet sort -n -r numbers
# shellcheck disable=SC2016
applet awk '{ sum += $1 } END { print sum }' numbers
applet sed -n '5,10p; s/99/x/gp' numbers
applet grep -c 7 numbers
applet wc letters numbers
applet md5sum letters numbers link
applet sha256sum numbers
applet find . -name '*e*' -type f
applet stat -c '%s %F %a' letters link folder/words
applet hexdump -C letters
applet gzip -c numbers
applet tac numbers
scratch=/tmp/mf-applets-$$
# shellcheck disable=SC2016
applet sh -c 'for i in 1 2 3; do echo $i; done >"$0"; read a <"$0"; echo "$a" *; cd folder && [ -f words ] && echo yes' $scratch
rm -f $scratch

# The image's files are a file system that is full.
run /bin/busybox stat -f -c '%b %f %a' /data
if grep -q '^[1-9][0-9]* 0 0$' "$work/inside"; then
    echo "the image's size: ok"
else
    echo "the image's size: inside"; cat "$work/inside" "$work/log"
    failures=$((failures + 1))
fi

# Its loader and library are in the image, and mapped as the image has them.
cp /bin/cat "$work/root/bin/cat"
for library in $(ldd /bin/cat | grep -o '/[^ ]*'); do
    mkdir -p "$work/root$(dirname "$library")"
    cp -L "$library" "$work/root$library"
done
cat letters folder/words >"$work/native"
inside /bin/cat letters folder/words

# Whose text is where, and from which place in its file on.
# shellcheck disable=SC2016
text='/r-xp.*\// { name = $NF; sub(".*/", "", name); print $3, name }'
# shellcheck disable=SC2002 # it is about this cat
/bin/cat /proc/self/maps | awk "$text" | sort -u >"$work/texts"
run /bin/cat /proc/self/maps
awk "$text" "$work/inside" | sort -u >"$work/told"
missing=$(comm -23 "$work/texts" "$work/told")
if [ -s "$work/texts" ] && [ -z "$missing" ]; then
    echo "texts in memory: ok"
else
    echo "texts in memory: inside there is no"; echo "${missing:-text}"; cat "$work/inside"
    failures=$((failures + 1))
fi

# Who it is.
echo 'uid=65534(nobody) gid=65534(nogroup)' >"$work/native"
inside /bin/busybox id
user=1000:50
echo 'uid=1000 gid=50' >"$work/native"
inside /bin/busybox id
user=

# What is missing is told, by name and place.
# told LINE APPLET ARGUMENT...: the log has it, once.
told() {
    line=$1
    shift
    run /bin/busybox "$@"
    if [ "$(grep -c "^warn: system call $line, called from 0x[0-9a-f]*\$" "$work/log")" = 1 ]; then
        echo "what is missing, $1: ok"
    else
        echo "what is missing, $1: not told"; cat "$work/log"
        failures=$((failures + 1))
    fi
}
told '41 (socket) asks for a type of sockets that is not there' ping -c 1 127.0.0.1

[ "$failures" = 0 ] || { echo "$failures failed"; exit 1; }
