# shellcheck shell=bash
# Starting and stopping: every process is known by its id and the moment it began, so that no other is ever ended.

# The clock tick at which a process began; nothing when there is no such process, or only its remains.
began() {
  local stat fields
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  # The second field is the program's name in parentheses, which may hold anything.
  read -ra fields <<<"${stat##*) }"
  [[ ${fields[0]} == Z ]] || echo "${fields[19]}"
}

record() { printf '%s %s\n' "$2" "$(began "$2")" >"$DIR/run/$1"; }
recorded_pid() { cut -d' ' -f1 "$DIR/run/$1"; }

is_alive() {
  local pid start
  [[ -f $DIR/run/$1 ]] && read -r pid start <"$DIR/run/$1" && [[ -n $start && $(began "$pid") == "$start" ]]
}

# start NAME [VARIABLE=VALUE...] -- COMMAND...: in the background, in a session of its own, writing to its log.
# What already runs with the same command, variables and files stays as it is.
start() {
  local name=$1 variables=() like
  shift
  while [[ $1 != -- ]]; do
    variables+=("$1")
    shift
  done
  shift
  like=$(fingerprint "${variables[@]}" -- "$@")
  if is_alive "$name"; then
    if [[ $(cat "$DIR/run/$name.like" 2>/dev/null) == "$like" ]]; then return; fi
    stop "$name"
  fi
  # Passed on by the environment alone: arguments are for everyone to read.
  (
    ((${#variables[@]} == 0)) || export "${variables[@]}"
    let_go_of_locks
    exec setsid "$@"
  ) >>"$DIR/log/$name.log" 2>&1 </dev/null &
  record "$name" $!
  echo "$like" >"$DIR/run/$name.like"
  STARTED+=("$name")
}
STARTED=()

# What we start must not hold on to our turn when we are gone.
let_go_of_locks() {
  local lock
  for lock in "${TURN:-}" "${SERVERS_TURN:-}" "${CHECK_TURN:-}"; do [[ -z $lock ]] || exec {lock}>&-; done
}

fingerprint() {
  local word
  {
    printf '%s\n' "$@"
    for word in "$@"; do [[ ! -f $word ]] || stat -Lc '%n %s %Y' "$word"; done
  } | sha256sum | cut -d' ' -f1
}

# stop NAME [SIGNAL]: asks, waits up to 30 seconds, then insists.
stop() {
  local name=$1 signal=${2:-TERM} pid i
  if is_alive "$name"; then
    pid=$(recorded_pid "$name")
    kill -s "$signal" "$pid" 2>/dev/null || true
    for ((i = 0; i < 300; i++)); do
      is_alive "$name" || break
      sleep 0.1
    done
    if is_alive "$name"; then
      warn "$name (process $pid) does not stop; ending it"
      kill -KILL "$pid" 2>/dev/null || true
    fi
  fi
  rm -f "$DIR/run/$name" "$DIR/run/$name.like"
}

# Who listens on a port, as far as we may see.
holder() {
  local line
  line=$(ss -ltnpH "sport = :$1" 2>/dev/null | head -1)
  if [[ $line =~ \(\"([^\"]+)\",pid=([0-9]+) ]]; then
    echo "${BASH_REMATCH[1]} (process ${BASH_REMATCH[2]})"
  elif [[ -n $line ]]; then
    echo "a process of somebody else"
  fi
}

# need_port PORT NAME HOW: fails when a port is taken by anybody but our own NAME.
need_port() {
  local port=$1 name=$2 how=$3 by
  if ((PORT == PORT_BEFORE)) && is_alive "$name"; then return; fi
  by=$(holder "$port")
  [[ -z $by ]] || fail "port $port, for $name, is taken by $by; choose another with $how"
}

# wait_for NAME SECONDS COMMAND...: until the command succeeds; fails when NAME dies or time is up.
wait_for() {
  local name=$1 deadline=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ! is_alive "$name"; then
      show_log "$name"
      fail "$name ended while starting"
    fi
    if ((SECONDS >= deadline)); then
      show_log "$name"
      fail "$name is not ready in time"
    fi
    sleep 0.1
  done
}

answers() { curl --silent --fail --max-time 5 --output /dev/null "$1"; }

# running PREFIX...: the names of our processes that begin so and are alive.
running() {
  local file name prefix
  for file in "$DIR"/run/*; do
    name=${file##*/}
    [[ $name == *.like ]] && continue
    for prefix in "$@"; do
      if [[ $name == "$prefix"* ]] && is_alive "$name"; then echo "$name"; fi
    done
  done
}

# Records of processes that ended by themselves.
forget_dead() {
  local file name
  for file in "$DIR"/run/*; do
    name=${file##*/}
    if [[ -f $file && $name != *.like ]] && ! is_alive "$name"; then rm -f "$file" "$file.like"; fi
  done
}
