# shellcheck shell=bash
# How the script talks.

if [[ -t 1 ]]; then BOLD=$'\e[1m' DIM=$'\e[2m' PLAIN=$'\e[0m'; else BOLD='' DIM='' PLAIN=''; fi

step() { printf '%s==>%s %s\n' "$BOLD" "$PLAIN" "$*"; }
note() { printf '    %s%s%s\n' "$DIM" "$*" "$PLAIN"; }
warn() { printf 'latchkey: %s\n' "$*" >&2; }
fail() {
  warn "$@"
  exit 1
}

# The last lines of a process's log, for a person who wonders why it does not run.
show_log() {
  local log=$DIR/log/$1.log
  [[ -s $log ]] || return 0
  printf '%s--- the end of %s ---%s\n' "$DIM" "$log" "$PLAIN" >&2
  tail -n 30 "$log" >&2
}

# run_quietly NAME COMMAND...: keeps a chatty command's words in a log, and shows them when it fails.
run_quietly() {
  local name=$1 log
  shift
  mkdir -p "$DIR/log"
  log=$DIR/log/$name.log
  "$@" >"$log" 2>&1 </dev/null || {
    show_log "$name"
    fail "$name failed: $*"
  }
}
