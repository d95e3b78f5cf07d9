#!/usr/bin/env bash
# fresh.sh: both commands of the README on a machine that has nothing: a minimal
# Debian 12 by debootstrap, a clean clone, an ordinary user with sudo, in namespaces of
# their own behind pivot_root. What is missing from deploy/packages shows up here.
# Needs root or sudo, the network, 5 GB in /var/tmp and half an hour.
set -euo pipefail
top=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
. "$top/deploy/install.sh"

suite=bookworm
user=fresh
root=

remove_root() {
  [ -z "$root" ] || rm -rf --one-file-system "$root"
}

# Where this machine gets Debian from; the tree names no host.
mirror_of_host() {
  # shellcheck disable=SC2016 # apt expands these
  apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
    awk -v suite="$suite" '$2 == suite { print $1; exit }'
}

make_root() {
  local mirror
  mirror=$(mirror_of_host)
  [ -n "$mirror" ] || die "apt here knows no source of $suite"
  step "A minimal $suite in $root"
  debootstrap --variant=minbase --include=sudo,ca-certificates "$suite" "$root" "$mirror" >"$root.log" ||
    { tail -n 5 "$root.log" >&2 && die "debootstrap failed"; }
  rm -f "$root.log"
}

# The new machine reaches the network as this one does: apt's settings and keys,
# names, certificates.
copy_network() {
  local path
  rm -rf "$root/etc/apt"
  for path in /etc/apt /etc/resolv.conf /etc/hosts /usr/share/keyrings /usr/local/share/ca-certificates /etc/ssl/certs; do
    [ -e "$path" ] || continue
    mkdir -p "$root${path%/*}"
    cp -aL "$path" "$root${path%/*}/" 2>/dev/null || true
  done
  [ -z "${http_proxy:-}" ] ||
    echo "Acquire::http::Proxy \"$http_proxy\";" >"$root/etc/apt/apt.conf.d/01proxy"
}

add_user() {
  chroot "$root" useradd --create-home --shell /bin/bash "$user"
  echo "$user ALL=(ALL) NOPASSWD: ALL" >"$root/etc/sudoers.d/$user"
}

copy_tree() {
  git -c safe.directory='*' clone --quiet --no-hardlinks "file://$top" "$root/home/$user/mayfly"
  install -m 0755 "$top/deploy/fresh_user.sh" "$root/home/$user/"
  chroot "$root" chown -R "$user:" "/home/$user"
}

# Inside the namespaces: mounts and devices of the new root, then into it for good.
enter() {
  local device
  root=$1
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount --rbind /sys "$root/sys"
  mount -t tmpfs -o mode=755 dev "$root/dev"
  mkdir "$root/dev/pts" "$root/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
  mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
  for device in null zero full random urandom tty kvm; do
    [ ! -e "/dev/$device" ] || cp -a "/dev/$device" "$root/dev/"
  done
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  mkdir -p "$root/mnt/old"
  cd "$root"
  pivot_root . mnt/old
  umount -l /mnt/old
  su - "$user" -c "exec ./fresh_user.sh" # not exec: this shell is init here, and reaps
  exit
}

main() {
  if [ "${1:-}" = --enter ]; then
    enter "$2"
  fi
  [ "$(id -u)" -eq 0 ] || exec sudo "$0" "$@"
  install_packages fresh
  root=$(mktemp -d /var/tmp/mayfly-fresh.XXXXXX)
  chmod 755 "$root"
  trap remove_root EXIT
  make_root
  copy_network
  add_user
  copy_tree
  unshare --mount --pid --ipc --uts --fork --kill-child --propagation private "$0" --enter "$root"
}

main "$@"
