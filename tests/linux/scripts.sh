#!/bin/bash
# scripts.sh BUILD LANGUAGE SANDBOX: each script of a folder here prints natively what it prints
# inside. The root file system is that of the language's template. Exit code 77: the language is not
# here, or the sandbox is not usable.
set -u
build=$1 language=$2 sandbox=$3
here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case $language in
    node)
        native=(node)
        command -v node >/dev/null || { echo 'skipped: no node here (Debian: nodejs)'; exit 77; }
        suffix=js ;;
    python)
        native=(/usr/bin/python3)
        [ -x /usr/bin/python3 ] || { echo 'skipped: no /usr/bin/python3 here'; exit 77; }
        suffix=py ;;
esac
"$build/mayfly" new --lang "$language" it --dir "$work/it" >"$work/log" || { cat "$work/log"; exit 1; }
cp "$here/$language"/* "$work/it/"
sh "$work/it/root.sh" || exit 1
cp "$here/$language"/* "$work/it/root/"
sed -i -e 's/^contract:.*/contract: stdio/' -e '/^warm_up:/d' "$work/it/function.yml"
"$build/mayfly" build --rootfs "$work/it/root" "$work/it" -o "$work/it.mf" >"$work/log" ||
    { cat "$work/log"; exit 1; }

failures=0
for script in "$work/it"/*."$suffix"; do
    name=$(basename "$script" ".$suffix")
    [ "$name" != main ] || continue
    SCRIPT=$name "${native[@]}" "$work/it/main.$suffix" </dev/null >"$work/native" 2>"$work/log" ||
        { echo "$name fails natively"; cat "$work/log"; exit 1; }
    "$build/mayfly" run --sandbox "$sandbox" --timeout 100000 --env "SCRIPT=$name" "$work/it.mf" \
        </dev/null >"$work/inside" 2>"$work/log"
    [ $? -ne 6 ] || { echo "skipped: $(cat "$work/log")"; exit 77; }
    if [ -s "$work/native" ] && diff "$work/native" "$work/inside" && [ ! -s "$work/log" ]; then
        echo "$name: the same"
    else
        echo "$name: differs"
        cat "$work/log"
        failures=$((failures + 1))
    fi
done
[ "$failures" = 0 ] || { echo "$failures failed"; exit 1; }
