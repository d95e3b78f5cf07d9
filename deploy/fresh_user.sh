#!/usr/bin/env bash
# fresh_user.sh: what a newcomer does, as fresh.sh's user: ./up, a look, Ctrl-C; ./check.
set -euo pipefail
cd "$HOME/mayfly"

fail() {
  printf 'fresh: %s\n' "$*" >&2
  exit 1
}

# In a process group of its own, so that Ctrl-C can be sent as a terminal sends it.
start_up() {
  set -m
  ./up >"$HOME/up.log" 2>&1 &
  up=$!
  set +m
  for ((tries = 0; tries < 3000; tries++)); do
    grep -q 'mayfly is up' "$HOME/up.log" && return
    kill -0 "$up" 2>/dev/null || break
    sleep 0.2
  done
  cat "$HOME/up.log" >&2
  fail "./up did not come up"
}

press_control_c() {
  kill -INT -- "-$up"
  wait "$up" || fail "./up ended with $? after Ctrl-C"
  ! left=$(grep -s mayfly /proc/[0-9]*/comm) || fail "Ctrl-C left processes: $left"
}

# What ./up has built makes images of any Linux program, too.
build_program() {
  echo 'int main(void) { return 0; }' | gcc -static -x c -o "$HOME/program" -
  build/mayfly build --program "$HOME/program" --contract stdio -o "$HOME/program.mf" || fail "no image of a program"
}

try_up() {
  start_up
  cat "$HOME/up.log"
  curl -sS --fail http://127.0.0.1:8080/function/fib -d 20 >/dev/null || fail "fib does not answer"
  build_program
  press_control_c
}

second_up() {
  local began=$EPOCHREALTIME ended
  start_up
  ended=$EPOCHREALTIME
  printf 'The second ./up was up within %s ms (looked at every 200 ms)\n' "$(((${ended/./} - ${began/./}) / 1000))"
  press_control_c
}

# The one command that ./up names, so that ./check covers both sandboxes.
open_kvm() {
  local command
  command=$(sed -n 's/^ *\(sudo chown .* \/dev\/kvm\)$/\1/p' "$HOME/up.log" | head -n 1)
  [ -z "$command" ] || { printf '$ %s\n' "$command" && $command; }
}

try_up
second_up
open_kvm
./check
