#!/bin/sh
# inside.sh: what runs in the emulated machine, under busybox; @build@ is the build
# directory. Says of every step whether it was right, and shows what was not.
# shellcheck disable=SC2317 # step() calls the functions
build=@build@
failures=0

# What QEMU's emulation of the processor lacks, whatever KVM does: the instruction int1,
# unmasked floating-point exceptions.
gaps='instruction int1 |/float_trap '

step() {
  name=$1
  start=$(cut -d. -f1 /proc/uptime)
  shift
  if "$@" </dev/null >/tmp/step 2>&1; then
    echo "ok: $name ($(($(cut -d. -f1 /proc/uptime) - start)) s)"
  else
    echo "FAILED: $name: status $?"
    grep -v ' ok ' /tmp/step | tail -n 40
    failures=$((failures + 1))
  fi
}

real_kvm() {
  [ -c /dev/kvm ] && grep -q '^kvm_amd ' /proc/modules && grep -qw svm /proc/cpuinfo
}

# Those cases of guest-tests whose names contain the text, in a sandbox.
guests() {
  "$build/guest-tests" --sandbox "$1" --spawner "$build/mayfly-spawner" \
    --images "$build/tests/guests" --only "$2" >/tmp/guests && return 0
  cat /tmp/guests
  grep -q ' cases, .* failed, ' /tmp/guests && ! grep FAILED /tmp/guests | grep -qvE "$gaps"
}

# A node, functions that only KVM may run, requests by HTTP. The server in Go, if this build has
# it, is a large window, threads, a snapshot that is restored for each.
http() {
  "$build/mayfly-node" --listen 127.0.0.1:8080 --state /tmp/state --min-sandbox kvm &
  export MAYFLY_STATE=/tmp/state
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    wget -q -O- http://127.0.0.1:8080/healthz && break
    sleep 0.5
  done
  "$build/mayfly" deploy "$build/functions/echo.mf" --sandbox kvm || return 1
  [ "$(wget -q -O- --post-data='by way of kvm-amd' http://127.0.0.1:8080/function/echo)" = \
    'by way of kvm-amd' ] || return 1
  if [ -e "$build/tests/node/gohello.mf" ]; then
    "$build/mayfly" deploy "$build/tests/node/gohello.mf" --sandbox kvm || return 1
    for _ in 1 2 3; do
      wget -q -O- http://127.0.0.1:8080/function/server/count || return 1
    done
  fi
  "$build/mayfly" ls | tee /tmp/ls
  grep -q 'echo.*kvm' /tmp/ls
}

# A processor as it was before 2012: neither sandbox's guests have wrfsbase.
old_processor() {
  step "the process monitor, from inside raw guests" "$build/test_process"
  step "the KVM monitor, from inside raw guests" "$build/test_kvm"
  step "instances that are rolled back" "$build/test_kvm_reset" "$build/tests/guests"
  for sandbox in process kvm; do
    for cases in /hello "hypercall segment" "linux program" snapshot; do
      step "guest-tests --sandbox $sandbox --only '$cases'" guests $sandbox "$cases"
    done
  done
  step "a function by HTTP" http
}

step "this is a real kvm-amd" real_kvm
if ! grep -qw fsgsbase /proc/cpuinfo; then
  old_processor
  exit $failures
fi
step "the KVM monitor, from inside raw guests" "$build/test_kvm"
step "instances that are rolled back" "$build/test_kvm_reset" "$build/tests/guests"
for cases in / instruction "int n" selectors "memory " "memory:" execute "hypercall protect" \
  "hypercall discard" "hypercall wait" "syscall 0x" "linux program" snapshot \
  "calls, seed 1 of"; do
  step "guest-tests --only '$cases'" guests kvm "$cases"
done
step "a function by HTTP" http
exit $failures
