#!/usr/bin/env bash
# machine.sh CACHE FILES: boots Debian's kernel with a real kvm-amd under QEMU's own
# emulation of an AMD processor; FILES becomes the root file system, whose /test runs.
# What it prints comes on standard output. Exit code 0: /test ended with status 0.
# The kernel's package is fetched once, into CACHE.
set -euo pipefail
cache=$1 files=$2
seconds_max=${EMULATED_SECONDS_MAX:-1000}
mib=${EMULATED_MIB:-1024} # its memory
lacks=${EMULATED_LACKS:-} # a feature of the processor, as QEMU names it

die() {
  printf 'emulated machine: %s\n' "$*" >&2
  exit 1
}

check_tools() {
  local tool
  for tool in qemu-system-x86_64:qemu-system-x86 cpio:cpio busybox:busybox-static; do
    command -v "${tool%%:*}" >/dev/null || die "needs ${tool%%:*}: apt-get install ${tool##*:}"
  done
}

# The kernel and three of its modules, from the package that linux-image-cloud-amd64 names.
# The cache appears whole or not at all.
fetch_kernel() {
  local package part=$cache.part
  [ ! -e "$cache/complete" ] || return 0
  command -v apt-get >/dev/null || die "no apt-get here to fetch a kernel with: put vmlinuz,
irqbypass.ko, kvm.ko and kvm-amd.ko of one kernel into $cache, and an empty file named complete"
  package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null |
    awk '/Depends: linux-image/ { print $2; exit }')
  [ -n "$package" ] || die "apt knows no linux-image-cloud-amd64: run apt-get update"
  rm -rf "$cache" "$part" && mkdir -p "$part/package"
  (cd "$part/package" && apt-get -q download "$package") >"$cache.log" 2>&1 ||
    die "cannot download $package (26 MB, once): is the network there? $(tail -n 1 "$cache.log")"
  dpkg-deb -x "$part"/package/*.deb "$part/package/files"
  find "$part/package/files" \( -name irqbypass.ko\* -o -name kvm.ko\* -o -name kvm-amd.ko\* \) \
    -exec cp -t "$part" {} +
  find "$part" -maxdepth 1 -name '*.ko.xz' -exec xz -d {} +
  cp "$part"/package/files/boot/vmlinuz-* "$part/vmlinuz"
  rm -rf "$part/package"
  touch "$part/complete"
  mv "$part" "$cache"
}

# Two stages: nobody can pivot_root out of the initial file system, as our spawner does,
# so the files move to a tmpfs first.
write_init() {
  mkdir -p "$1/bin" "$1/dev" "$1/new"
  cp "$(command -v busybox)" "$1/bin/busybox"
  cp "$cache"/*.ko "$1/"
  cat >"$1/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for module in irqbypass kvm kvm-amd; do /bin/busybox insmod /$module.ko; done
/bin/busybox mount -t tmpfs -o size=80%,mode=755 root /new
/bin/busybox cp -a /files/. /new/
exec /bin/busybox switch_root /new /bin/busybox sh /second
INIT
  cat >"$1/second" <<'SECOND'
busybox=/bin/busybox
$busybox mkdir -p /dev /proc /sys /tmp /root
$busybox chmod 1777 /tmp
$busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
ip link set lo up
/test
echo "emulated machine: status $?"
poweroff -f
SECOND
  chmod +x "$1/init"
}

pack() {
  local scratch
  scratch=$(mktemp -d)
  write_init "$scratch"
  mkdir -p "$files/bin"
  cp "$scratch/bin/busybox" "$files/bin/busybox"
  mv "$scratch/second" "$files/second"
  (cd "$scratch" && find . | cpio -o -H newc --quiet) >"$1"
  rm -rf "$scratch"
  # A second archive in the same file: the kernel unpacks both.
  (cd "$files/.." && find "$(basename "$files")" | cpio -o -H newc --quiet) >>"$1"
}

check_tools
mkdir -p "$(dirname "$cache")"
(flock 9; fetch_kernel) 9>"$cache.lock" # machines that start together wait for the one that fetches
[ "$(basename "$files")" = files ] || die "$files: the directory must be called files"
archive=$(mktemp)
trap 'rm -f "$archive"' EXIT
pack "$archive"
timeout "$seconds_max" qemu-system-x86_64 -machine q35 -accel tcg -cpu "max,-smap${lacks:+,-$lacks}" -smp 1 -m "$mib" \
  -display none -serial stdio -monitor none -no-reboot -nic none \
  -kernel "$cache/vmlinuz" -initrd "$archive" \
  -append 'console=ttyS0 quiet panic=-1 tsc=unstable no_timer_check' </dev/null |
  tr -d '\r' | tee "$files.log" || die "no end within $seconds_max s, or QEMU failed"
grep -q '^emulated machine: status 0$' "$files.log"
