# bash completion of mayfly. Commands and options come from `mayfly help`, so this
# file knows none of them; names of functions come from the node.
# Install: copy to /usr/share/bash-completion/completions/mayfly, or source it.

# _mayfly_options COMMAND: its options, with dashes, one a line.
_mayfly_options() {
  if [ "$2" = node ]; then
    "$1" node --help 2>/dev/null | sed -n 's/^  \(--[a-z-]*\).*/\1/p'
  else
    "$1" help "$2" 2>/dev/null |
      sed -n 's/^  -\([A-Za-z]\), --\([a-z-]*\).*/-\1\n--\2/p; s/^      --\([a-z-]*\).*/--\1/p'
  fi
}

_mayfly_commands() {
  "$1" help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'
}

# _mayfly_words WORDS: those that continue the current word.
_mayfly_words() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

_mayfly_files() {
  compopt -o filenames
  mapfile -t COMPREPLY < <(compgen -d -- "$cur"; compgen -f -X '!*.mf' -- "$cur")
}

_mayfly() {
  local program=${COMP_WORDS[0]} cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command=${COMP_WORDS[1]}
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    _mayfly_words "$(_mayfly_commands "$program") --help --version"
    return
  fi
  case $previous in
    --sandbox | --min-sandbox) _mayfly_words "kvm process auto"; return ;;
    --isolation) _mayfly_words "reset reuse fresh"; return ;;
    --jit) _mayfly_words "true false"; return ;;
    --lang) _mayfly_words "c go node python"; return ;;
    --contract) _mayfly_words "sdk http lambda openwhisk stdio"; return ;;
    --priority) _mayfly_words "bulk urgent"; return ;;
    --durability) _mayfly_words "power-loss process-crash"; return ;;
    --overload) _mayfly_words "backpressure drop-oldest dead-letter stop-workflow offload"; return ;;
    --keep-alive) _mayfly_words "none hybrid"; return ;;
    --log-level) _mayfly_words "debug info warn error"; return ;;
    --output | -o | --program | --rootfs | --oci | --dir | --file) compopt -o default; return ;;
    -f) [ "$command" != deploy ] || { compopt -o default; return; } ;;
  esac
  if [[ $cur == -* ]]; then
    _mayfly_words "$(_mayfly_options "$program" "$command")"
    return
  fi
  case $command in
    queue)
      if [ "$COMP_CWORD" -eq 2 ]; then
        _mayfly_words "ls peek push redrive purge"
      else
        _mayfly_words "$("$program" ls --quiet 2>/dev/null)"
      fi ;;
    kv) [ "$COMP_CWORD" -gt 2 ] || _mayfly_words "get set rm ls" ;;
    workflows) _mayfly_words "$("$program" workflows --quiet 2>/dev/null)" ;;
    rm | rollback) _mayfly_words "$("$program" ls --quiet 2>/dev/null) $("$program" workflows --quiet 2>/dev/null)" ;;
    invoke | logs | start | stop) _mayfly_words "$("$program" ls --quiet 2>/dev/null)" ;;
    deploy | run | build) _mayfly_files ;;
    inspect)
      _mayfly_files
      mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$("$program" ls --quiet 2>/dev/null)" -- "$cur") ;;
    help) _mayfly_words "$(_mayfly_commands "$program")" ;;
    bench) _mayfly_words "all $("$program" bench 2>/dev/null | awk 'NR > 1 { print $1 }')" ;;
    *) compopt -o default ;;
  esac
}

complete -F _mayfly mayfly
