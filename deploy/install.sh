# shellcheck shell=bash
# install.sh: what ./up and ./check share: saying things, packages, building.
# Sourced by them, with $top set to the top of the tree.
: "${top:?set by the script that sources this}"

say() { printf '%s\n' "$*"; }
step() {
  if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi
}
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "this needs root and there is no sudo here. Run as root: $*"
  fi
}

# packages_of SET...: the names in deploy/packages of these sets.
packages_of() {
  awk -v sets=" $* " '!/^#/ && index(sets, " " $1 " ") { print $2 }' "$top/deploy/packages"
}

why_package() {
  awk -v name="$1" '$2 == name { $1 = $2 = ""; sub(/^ +/, ""); print; exit }' "$top/deploy/packages"
}

# missing_packages SET...: those not installed, by one call of dpkg-query.
missing_packages() {
  local wanted installed
  mapfile -t wanted < <(packages_of "$@")
  installed=$(dpkg-query -W -f='${db:Status-Abbrev}${Package}\n' "${wanted[@]}" 2>/dev/null |
    sed -n 's/^ii *//p') || true
  comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) <(printf '%s\n' "$installed" | sort -u)
}

apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 "$@"
}

# install_packages SET...: says what is missing and why, and installs it.
install_packages() {
  local missing package
  command -v dpkg-query >/dev/null || {
    say "Not a Debian system: make sure that you have the likes of: $(packages_of "$@" | xargs)"
    return
  }
  mapfile -t missing < <(missing_packages "$@")
  [ "${#missing[@]}" -gt 0 ] || return 0
  step "Installing ${#missing[@]} Debian packages that are missing here"
  for package in "${missing[@]}"; do
    printf '  %-22s %s\n' "$package" "$(why_package "$package")"
  done
  apt_get update >/dev/null || die "apt-get update failed: is the network there?"
  apt_get install -y --no-install-recommends "${missing[@]}" >"$top/.install.log" 2>&1 || {
    tail -n 20 "$top/.install.log" >&2
    die "apt-get install failed, see above and .install.log"
  }
  rm -f "$top/.install.log"
}

# The build directory of a preset, as CMakePresets.json has it.
directory_of() {
  if [ "$1" = release ]; then echo "$top/build"; else echo "$top/build/$1"; fi
}

# configure PRESET ON|OFF: with or without tests. Only when it never was, or was without
# and shall be with: ninja itself notices changed CMake files.
configure() {
  local directory cache
  directory=$(directory_of "$1")
  cache=$directory/CMakeCache.txt
  [ -f "$directory/build.ninja" ] && grep -qx "CMAKE_HOME_DIRECTORY:INTERNAL=$top" "$cache" &&
    { [ "$2" = OFF ] || grep -qx "MF_TESTS:BOOL=ON" "$cache"; } && return
  (cd "$top" && cmake --fresh --preset "$1" "-DMF_TESTS=$2" >/dev/null) || die "configuring ($1) failed, see above"
}

# build PRESET TARGET: of a configured build directory. A person sees it going on; else
# only what goes wrong shows.
build() {
  local preset=$1 arguments log=$top/build/build-$1.log
  arguments=(--build "$(directory_of "$preset")" --target "$2")
  if [ -t 1 ]; then
    cmake "${arguments[@]}" || die "building ($preset) failed, see above"
  elif ! cmake "${arguments[@]}" -- --quiet >"$log" 2>&1; then
    cat "$log" >&2
    die "building ($preset) failed, see above"
  fi
}

# unpack_packages SET...: programs from packages whose installation would start a
# service. They land in build/tools, which goes to the front of PATH.
unpack_packages() {
  local tools=$top/build/tools package
  export PATH=$tools/usr/bin:$PATH
  for package in $(packages_of "$@"); do
    [ ! -e "$tools/.$package" ] || continue
    dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' && continue
    step "Unpacking $package into build/tools ($(why_package "$package"))"
    unpack_package "$package" "$tools"
  done
}

unpack_package() {
  local scratch
  scratch=$(mktemp -d)
  (cd "$scratch" && apt-get -q download "$1") >"$scratch/said" 2>&1 || {
    cat "$scratch/said" >&2
    die "apt-get download $1 failed, see above. Is the network there, and was apt-get update run?"
  }
  mkdir -p "$2"
  dpkg-deb -x "$scratch"/*.deb "$2"
  rm -rf "$scratch"
  touch "$2/.$1"
}
