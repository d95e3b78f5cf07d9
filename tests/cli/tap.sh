# shellcheck shell=bash
# tap.sh: cases of a script, printed as TAP. Sourced by the scripts of this folder.
count=0 failed=0

# case NAME COMMAND...: one case; its output is shown where it fails.
case_() {
    local name=$1 output
    shift
    count=$((count + 1))
    if output=$("$@" 2>&1); then
        echo "ok $count - $name"
    else
        failed=$((failed + 1))
        echo "not ok $count - $name"
        printf '%s\n' "$output" | sed 's/^/#   /'
    fi
}

# exits CODE SENTENCE COMMAND...: ends so, and says so on standard error.
exits() {
    local expected=$1 sentence=$2 code
    shift 2
    "$@" >out.txt 2>err.txt
    code=$?
    cat err.txt
    [ "$code" = "$expected" ] || { echo "exit code $code, not $expected"; return 1; }
    grep -qF -- "$sentence" err.txt || { echo "does not say: $sentence"; return 1; }
}

# json FILTER COMMAND...: the command's JSON makes the Python expression of d true.
json() {
    local filter=$1
    shift
    "$@" >out.json || return 1
    python3 -c "import json, sys; d = json.load(open('out.json')); sys.exit(0 if $filter else 1)" ||
        { cat out.json; return 1; }
}

# skip_all REASON: nothing of this can be tried here.
skip_all() {
    echo "1..0 # SKIP $1"
    exit 77
}

# The script's last line: the plan, and the exit code.
finish() {
    echo "1..$count"
    [ "$failed" = 0 ]
}
