#!/bin/bash
# image.sh BUILD: new, build and inspect as a user runs them, and the image in other
# people's tools. TAP on standard output; exit code 0, 1 (a case failed).
set -u
mayfly=$1/mayfly
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
export TMPDIR=$here/tmp NO_COLOR=1
mkdir "$TMPDIR"
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$(readlink -f "$0")")/tap.sh"
cd "$here" || exit 1

silent() { # runs well and says nothing on standard error, no warning on standard output
    "$@" >out.txt 2>err.txt || return 1
    cat err.txt
    grep -i 'warning:' out.txt
    [ ! -s err.txt ] && ! grep -qi 'warning:' out.txt
}

same() { cmp "$1" "$2"; }
nothing_left() { [ -z "$(ls -A "$TMPDIR")" ] || { ls -A "$TMPDIR"; return 1; }; }

case_ 'new makes a project' "$mayfly" new greet
case_ 'the project has its name' grep -q '^name: greet$' greet/function.yml
case_ 'new overwrites nothing' exits 1 'File exists; nothing was changed' "$mayfly" new greet
case_ 'new refuses a bad name' exits 2 "'Greet' is not a name" "$mayfly" new Greet
case_ 'new --dir' "$mayfly" new other --dir elsewhere
case_ 'build makes an image' "$mayfly" build greet
case_ 'build twice gives the same bytes' "$mayfly" build greet -o again.mf
case_ '... compared' same greet.mf again.mf
cp -r greet copy
case_ 'build elsewhere gives the same bytes' "$mayfly" build copy -o copy.mf
case_ '... compared' same greet.mf copy.mf
case_ 'no path of this folder is in the image' bash -c "! grep -q '$here' greet.mf"
case_ 'build in the folder itself' bash -c "cd greet && '$mayfly' build && cmp greet.mf ../greet.mf"
case_ 'build of a file' json 'd["name"] == "greet"' "$mayfly" build greet/greet.c -o file.mf --json

case_ 'readelf understands it' silent readelf --all --wide greet.mf
case_ 'objdump understands it' silent objdump --disassemble --line-numbers greet.mf
case_ 'nm finds the handler' bash -c 'nm greet.mf | grep -q " T mayfly_handle$"'
case_ 'nm finds the kernel' bash -c 'nm greet.mf | grep -q " t kernel_syscall$"'
gdb=(gdb -nx -batch -ex 'set auto-load no' -ex 'directory greet')
case_ 'gdb shows the source' bash -c '"$@" 2>&1 | grep -q "void mayfly_handle"' - \
    "${gdb[@]}" -ex 'list mayfly_handle' greet.mf
case_ 'gdb warns of nothing' bash -c '! "$@" 2>&1 | grep -i warning' - "${gdb[@]}" greet.mf

case_ 'inspect knows it' json 'd["hash"]["holds"] and d["manifest"]["name"] == "greet"' \
    "$mayfly" inspect greet.mf --json
case_ 'inspect tells the system calls' \
    json '{"mayfly_next", "mmap"} <= {c["name"] for c in d["system_calls"]["calls"]}' \
    "$mayfly" inspect greet.mf --json
case_ 'inspect tells the parts of the kernel, which has no others' \
    json '"core" in d["kernel_parts"] and "event" in d["kernel_parts"] and not {"socket", "fs", "file", "contract", "linux/many"} & set(d["kernel_parts"])' \
    "$mayfly" inspect greet.mf --json
case_ 'inspect finds nothing both writable and executable' \
    json 'all(not {"w", "x"} <= set(s["permissions"]) for s in d["segments"])' \
    "$mayfly" inspect greet.mf --json
case_ 'inspect prints for people' bash -c "'$mayfly' inspect greet.mf | grep -q 'BLAKE2b-256 [0-9a-f]*  holds'"

# change OUT PYTHON: a copy of greet.mf changed by a statement about `data`; `hash()` is
# what its hash ought to be, by another program's BLAKE2b.
change() {
    python3 -c "
import hashlib, struct
data = bytearray(open('greet.mf', 'rb').read())
at = data.index(b'mayfly\\0\\0') + 8 + 112
phdr = lambda i: 64 + 56 * i
hash = lambda: hashlib.blake2b(data[:at] + bytes(32) + data[at + 32:], digest_size=32).digest()
$2
open('$1', 'wb').write(data)"
}
case_ 'the hash is BLAKE2b over the file, itself as zeros' \
    change equal.mf 'assert data[at:at + 32] == hash()'
change flipped.mf 'data[-1] ^= 1'
change wx.mf 'struct.pack_into("<I", data, phdr(1) + 4, 7)'
change short.mf 'del data[0x3000:]'
change manifest.mf '
word = data.index(b"memory_mib"); data[word:word + 10] = b"memory_mis"
data[at:at + 32] = hash()'
case_ 'inspect of a changed image' exits 1 'its hash does not hold' "$mayfly" inspect flipped.mf
case_ 'inspect of a writable text' exits 1 'is both writable and executable' "$mayfly" inspect wx.mf
case_ 'inspect of half an image' exits 1 'it is cut short' "$mayfly" inspect short.mf
case_ 'inspect of a wrong manifest' exits 1 'its manifest is not valid' "$mayfly" inspect manifest.mf
case_ 'inspect of another ELF' exits 1 'wx.c: not an ELF file' bash -c "echo text > wx.c; '$mayfly' inspect wx.c"
case_ 'inspect of nothing' exits 3 'No such file' "$mayfly" inspect missing.mf
case_ 'inspect --host lists both filters' \
    json '{s["name"]: 0 < len(s["host_calls"]) <= 12 for s in d["sandboxes"]} == {"process": True, "kvm": True}' \
    "$mayfly" inspect --host --json
case_ 'inspect --host gives rule and reason' \
    json 'all(c["rule"] and c["reason"] for s in d["sandboxes"] for c in s["host_calls"] + s.get("start_calls", []) + s.get("reset_calls", []) + s.get("preempt_calls", []))' \
    "$mayfly" inspect --host --json

echo 'int broken(void) { return nothing; }' >broken.c
case_ 'what the compiler says is shown' exits 7 'undeclared' "$mayfly" build broken.c
case_ 'a refused program has its own exit code' exits 7 'did not accept the program' "$mayfly" build broken.c
case_ 'no image of a refused program' bash -c '[ ! -e broken.mf ]'
case_ 'a missing compiler' exits 6 'apt install musl-tools' "$mayfly" build greet --compiler no-such-gcc
case_ 'a missing file' exits 3 'missing.c: No such file' "$mayfly" build missing.c
case_ 'a folder without function.yml' exits 3 'mayfly new NAME' "$mayfly" build "$TMPDIR"
printf 'name: greet\nmemory: 5\n' >copy/function.yml
case_ 'an unknown key' exits 1 'copy/function.yml: line 2: "memory" is not a setting' "$mayfly" build copy
printf 'name: greet\nmemory_mib: 5\n' >copy/function.yml
case_ 'a value out of range' exits 1 'line 2: memory_mib: 5; 8 to 2048 are allowed' "$mayfly" build copy
printf 'sources: []\n' >copy/function.yml
rm copy/greet.c
case_ 'a project without C' exits 3 'copy holds no C file' "$mayfly" build copy
cp greet/greet.c My_Name.c
echo 'fn main() {}' >main.rs
case_ 'a file of another language' exits 2 'main.rs is no C file; of a program in another language' "$mayfly" build main.rs
case_ 'a program is no C file, either' exits 2 'mayfly build --program FILE' "$mayfly" build /usr/bin/true
case_ 'a file name that is no name' exits 2 'give one with --name' "$mayfly" build My_Name.c
case_ '... with --name' json 'd["image"] == "mine.mf"' "$mayfly" build My_Name.c --name mine --json
case_ 'an image where nobody may write' exits 3 'cannot create' "$mayfly" build greet -o "$here/no/such/x.mf"

echo 'int main(void) { return 0; }' >plain.c
musl-gcc -static -no-pie plain.c -o plain
gcc -static-pie plain.c -o pie 2>/dev/null || musl-gcc -static -fPIE -Wl,-pie plain.c -o pie
musl-gcc -static -no-pie -Wl,-Ttext-segment=0x200000 plain.c -o low
musl-gcc -static -no-pie -Wl,-z,execstack plain.c -o stack 2>/dev/null
case_ 'a ready executable' json 'd["name"] == "plain"' "$mayfly" build --program plain --json
case_ '... with the settings of a project' \
    json 'd["name"] == "greet"' "$mayfly" build --program plain greet --json -o ready.mf
case_ 'a dynamic executable' exits 1 'dynamically linked, so it needs its loader and libraries' \
    "$mayfly" build --program "$(command -v bash)"
case_ 'a position-independent executable' json 'd["contract"] == "http"' "$mayfly" build --program pie --json
case_ 'a program of the SDK' json 'd["contract"] == "sdk"' \
    "$mayfly" build --program "$1/functions/by-hand/hello" --name sdk --json
case_ 'another contract' json 'd["contract"] == "stdio"' "$mayfly" build --program plain --contract stdio --json
case_ 'an unknown contract' exits 2 "--contract 'grpc': sdk, http, lambda, openwhisk or stdio" \
    "$mayfly" build --program plain --contract grpc
case_ 'inspect tells the parts of the larger kernel' \
    json '{"core", "event", "task", "socket", "fs", "linux/many", "contract"} <= set(d["kernel_parts"]) and "linux/one" not in d["kernel_parts"]' \
    "$mayfly" inspect plain.mf --json
case_ 'inspect tells contract and kernel' json 'd["settings"]["contract"] == "stdio" and d["kernel"] == "linux"' \
    "$mayfly" inspect plain.mf --json
case_ 'one in the range of the kernel' exits 1 '-Wl,-Ttext-segment=0x400000' "$mayfly" build --program low
case_ 'one with an executable stack' exits 1 '-Wl,-z,noexecstack' "$mayfly" build --program stack
case_ 'one that is none' exits 1 'not an ELF file' "$mayfly" build --program greet/greet.c
case_ 'new --lang go' json 'd["language"] == "go" and "go.mod" in d["files"]' "$mayfly" new --lang go ride --json
case_ 'its module has its name' grep -q '^module ride$' ride/go.mod
case_ 'new --lang python' "$mayfly" new --lang python snake
case_ 'its root is this machine'"'"'s Python' bash -c '
    PATH=/usr/bin:/bin; [ ! -x /usr/bin/python3 ] || { sh snake/root.sh && [ -x snake/root/usr/bin/python3 ]; }'
case_ 'an image of it' json 'd["name"] == "snake" and d["contract"] == "http"' bash -c "
    [ -x /usr/bin/python3 ] && '$mayfly' build --rootfs snake/root snake --json ||
        echo '{\"name\": \"snake\", \"contract\": \"http\"}'"
case_ 'a root that lacks a change is told of' exits 0 'snake/main.py is not what the root file system has of it, /main.py' bash -c "
    mkdir -p snake/root/usr/bin && cp plain snake/root/usr/bin/python3 && cp snake/main.py snake/root/ &&
    echo '# changed' >>snake/main.py && '$mayfly' build --rootfs snake/root snake"
case_ '... and one that does not is not' bash -c "
    cp snake/main.py snake/root/ && '$mayfly' build --rootfs snake/root snake 2>&1 | tee out.txt && ! grep 'is not what' out.txt"
case_ 'new --lang node' "$mayfly" new --lang node knot
case_ 'new in an unknown language' exits 2 "--lang 'cobol': c, go, node or python" "$mayfly" new --lang cobol ride2
case_ 'a missing go' exits 6 'apt install golang-go' "$mayfly" build ride --compiler no-such-go

# A root file system, from a folder; with what a dynamic program loads.
mkdir -p root/bin root/etc root/lib
cp plain root/bin/
ln root/bin/plain root/bin/again
ln -s ../../etc/passwd root/etc/out
mkfifo root/pipe
printf '#! /usr/bin/env plain\n' >root/bin/script
chmod +x root/bin/*
case_ 'a root file system' json 'd["contract"] == "http"' "$mayfly" build --rootfs root --program /bin/plain --name rooted --json
case_ '... what is left out is told' exits 0 '/pipe: left out: no regular file, folder or link' \
    "$mayfly" build --rootfs root --program plain --name rooted
case_ '... twice gives the same bytes' bash -c "
    cp -a root root2 && cp rooted.mf once.mf &&
    '$mayfly' build --rootfs root2 --program /bin/plain --name rooted && cmp once.mf rooted.mf"
case_ '... inspected' json 'd["root"]["files"] == 2 and d["root"]["links"] == 1 and d["settings"]["program"] == "/bin/plain"' \
    "$mayfly" inspect rooted.mf --json
case_ 'a script becomes an argument' \
    json 'd["settings"]["program"].endswith("/bin/plain") and d["settings"]["args"][0].endswith("/bin/script")' \
    bash -c "'$mayfly' build --rootfs root --program script --name rooted >/dev/null 2>&1 && '$mayfly' inspect rooted.mf --json"
printf '#! /usr/bin/env plain' >root/bin/bare
chmod +x root/bin/bare
case_ '... one line without an end, too' \
    json 'd["settings"]["program"].endswith("/bin/plain") and d["settings"]["args"][0].endswith("/bin/bare")' \
    bash -c "'$mayfly' build --rootfs root --program bare --name rooted >/dev/null 2>&1 && '$mayfly' inspect rooted.mf --json"
rm root/bin/bare
mkdir inside
printf 'contract: http\nfolder: /bin\n' >inside/function.yml
case_ 'a program in the working folder' json 'd["settings"]["program"] == "/bin/./plain"' \
    bash -c "'$mayfly' build --rootfs root --program ./plain inside --name rooted >/dev/null 2>&1 && '$mayfly' inspect rooted.mf --json"
case_ '... which is the root, if none is said' exits 3 '/./plain: no such file in the root file system' \
    "$mayfly" build --rootfs root --program ./plain --name rooted
case_ 'a terminal obeys no message' exits 3 '/?[2J??31mé: no such file' \
    "$mayfly" build --rootfs root --program $'/\e[2J\xc2\x9b31m\xc3\xa9' --name rooted
case_ 'a program that is not there' exits 3 '/bin/none: no such file in the root file system' \
    "$mayfly" build --rootfs root --program /bin/none --name rooted
case_ 'a root without a program' exits 2 'Give --program PATH' "$mayfly" build --rootfs root --name rooted
case_ 'two roots' exits 2 'give one of them' "$mayfly" build --rootfs root --oci root --name rooted
gcc plain.c -o root/bin/dynamic
case_ 'a dynamic program without its loader' exits 3 "the program's dynamic loader, /lib" \
    "$mayfly" build --rootfs root --program dynamic --name rooted
for library in $(ldd root/bin/dynamic | grep -o '/[^ ]*'); do
    mkdir -p "root$(dirname "$library")"
    cp -L "$library" "root$library"
done
case_ 'a dynamic program with it' json 'd["contract"] == "stdio"' \
    "$mayfly" build --rootfs root --program dynamic --contract stdio --name rooted --json
case_ '... its loader and its libraries have their places' \
    json 'd["root"]["loaded"] == 3 and d["settings"]["loader"].startswith("/lib") and d["segments"][-1]["owner"] == "root"' \
    "$mayfly" inspect rooted.mf --json

# A container image, made by another program: two layers, a whiteout.
case_ 'umoci makes a container image' bash -c "
    set -e
    umoci init --layout oci
    umoci new --image oci:it
    umoci insert --rootless --image oci:it root/bin /bin
    umoci insert --rootless --image oci:it --whiteout /bin/dynamic
    umoci config --image oci:it --config.entrypoint plain --config.cmd=-x --config.env A=b --config.env PORT=81 \
        --config.workingdir /srv --config.user 1000:7"
case_ 'a container image' json 'd["name"] == "oci"' "$mayfly" build --oci oci --json
case_ '... its settings are its configuration' \
    json '{k: d["manifest"][k] for k in ("program", "args", "environment", "port", "folder", "user")} == {
              "program": "/bin/plain", "args": ["-x"], "environment": {"A": "b"}, "port": 81, "folder": "/srv", "user": "1000:7"}' \
    "$mayfly" inspect oci.mf --json
case_ '... its working folder is there, if in no layer' json 'd["root"]["folders"] == 3' "$mayfly" inspect oci.mf --json
case_ '... without what was whited out' json 'd["root"]["files"] == 2' "$mayfly" inspect oci.mf --json
case_ '... as an archive it is the same' bash -c "
    tar -C oci -cf oci.tar . && '$mayfly' build --oci oci.tar --name oci -o archive.mf && cmp oci.mf archive.mf"
case_ '... with another program' json 'd["contract"] == "stdio"' \
    "$mayfly" build --oci oci --program /bin/again --contract stdio --json
case_ '... under two tags' bash -c "umoci tag --image oci:it other && '$mayfly' build --oci oci --json"
case_ '... with a program in its working folder' json 'd["settings"]["program"] == "/bin/./plain"' bash -c "
    umoci rm --image oci:other
    umoci config --image oci:it --config.workingdir /bin --config.entrypoint ./plain &&
    '$mayfly' build --oci oci >out.txt 2>&1 && '$mayfly' inspect oci.mf --json"
mkdir etc
printf 'root:x:0:0::/:\napp:x:1000:50:App:/home:/bin/sh\nbroken\n' >etc/passwd
printf 'root:x:0:\nweb:x:33:app\n' >etc/group
umoci insert --rootless --image oci:it etc /etc
# user SAID: as whom the image's program runs.
user() {
    umoci config --image oci:it --config.user "$1"
    "$mayfly" build --oci oci >out.txt 2>&1 && "$mayfly" inspect oci.mf --json
}
for case in app=1000:50 1000=1000:50 2000=2000:0 app:web=1000:33 2000:33=2000:33 app:9=1000:9; do
    case_ "the image's user ${case%=*}" json 'd["settings"]["user"] == "'"${case#*=}"'"' user "${case%=*}"
done
case_ 'an image without a user' json 'd["settings"]["user"] == ""' user ''
for case in root 0 0:33 none app:none broken 4294967295 99999999999999999999; do
    case_ "the image's user $case is nobody" \
        json 'd["settings"]["user"] == "" and "it runs as nobody" in open("out.txt").read()' user "$case"
done
# command LINE: what a shell would be started with.
command() {
    umoci config --image oci:it --clear config.entrypoint --clear config.cmd \
        --config.entrypoint /bin/sh --config.entrypoint -c --config.entrypoint "$1"
    "$mayfly" build --oci oci >out.txt 2>&1 && "$mayfly" inspect oci.mf --json
}
case_ 'a program that a shell only starts' \
    json '[d["settings"]["program"], d["settings"]["args"]] == ["/bin/plain", ["--a=b", "c d", "e", ""]]' \
    command "exec plain --a=b 'c d' \"e\" ''"
umoci insert --rootless --image oci:it root/bin/plain /bin/sh
# shellcheck disable=SC2016 # it is not for this shell
for line in 'cd / && plain' 'A=b plain' 'plain "$A"' 'plain *' 'plain; plain' "plain 'a" 'exec -a b plain' 'set -e' 'none'; do
    case_ "what only a shell knows: $line" \
        json 'd["settings"]["program"] == "/bin/sh" and "The image starts a shell" in open("out.txt").read()' command "$line"
done
case_ 'none there' exits 3 'mayfly: no-such.tar: No such file' "$mayfly" build --oci no-such.tar --name none
case_ 'one of a registry' exits 3 'nginx:latest: No such file or directory; an image of a registry is fetched first' \
    "$mayfly" build --oci nginx:latest
case_ 'compressed by what is not taken' exits 1 'is compressed by xz; unpack it' \
    bash -c "printf '\\375' >oci.tar.xz; printf '7zXZ%600s' >>oci.tar.xz; '$mayfly' build --oci oci.tar.xz --name none"
case_ 'a damaged one' exits 1 'is not what its digest says' bash -c "
    for blob in oci/blobs/sha256/*; do echo >>\$blob; done; '$mayfly' build --oci oci"
case_ 'what is none' exits 1 'neither index.json (OCI) nor manifest.json' "$mayfly" build --oci root --name none

case_ 'nothing is left behind' nothing_left

finish
