# shellcheck shell=bash
# The three servers a vault stands on. Each is, in this order: given by its variable, the one whose data this checkout
# already uses, found on its standard port and good enough, or a private one. LATCHKEY_SERVERS=private skips finding.

SERVERS=$HOME_DIR/servers
ACCOUNT=latchkey
AS_ACCOUNT=()

use_servers() {
  mkdir -p "$HOME_DIR/kept"
  exec {SERVERS_TURN}>"$HOME_DIR/kept/lock"
  flock "$SERVERS_TURN"
  use_postgres
  use_redis
  use_rabbitmq
  exec {SERVERS_TURN}>&-
  SERVERS_TURN=''
}

# choose NAME PORT GIVEN CANDIDATE...: sets CHOSEN to a URL that NAME_is_fit, or to "private".
choose() {
  local name=$1 port=$2 given=$3 before candidate
  shift 3
  before=$(kept "$name")
  UNFIT=''
  if [[ -n $given ]]; then
    CHOSEN=$given
    "${name}_is_fit" "$CHOSEN" || fail "the $name server that was given cannot be used: $UNFIT"
  elif [[ $before == private ]]; then
    CHOSEN=private
  elif [[ -n $before ]]; then
    CHOSEN=$before
    "${name}_is_fit" "$CHOSEN" || fail "what this vault knows is in the $name server on port $port, which cannot be used: $UNFIT"
  else
    CHOSEN=private
    if [[ ${LATCHKEY_SERVERS:-} != private ]] && is_listening "$port"; then
      for candidate in "$@"; do
        if "${name}_is_fit" "$candidate"; then
          note "using the $name server on port $port"
          CHOSEN=$candidate
          return
        fi
      done
      note "the $name server on port $port is not for us ($UNFIT); starting a private one"
    fi
  fi
}

# is_listening PORT
is_listening() { [[ -n $(ss -ltnH "sport = :$1" 2>/dev/null) ]]; }

# kept NAME [VALUE]: which server this checkout's data is on, a URL or "private"; remembered until `reset`.
kept() { if (($# == 2)); then (umask 077 && echo "$2" >"$HOME_DIR/kept/$1"); else cat "$HOME_DIR/kept/$1" 2>/dev/null || true; fi; }

# at_least HAVE WANTED
at_least() { [[ $(printf '%s\n' "$2" "$1" | sort -V | head -1) == "$2" ]]; }

# --- private servers

# The folder of the private servers, and the account they run under: PostgreSQL refuses root.
prepare_private() {
  if ! is_root; then
    mkdir -p "$SERVERS"
    AS_ACCOUNT=(env -i "HOME=$SERVERS" "PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin" LANG=C.UTF-8)
  else
    id "$ACCOUNT" >/dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin "$ACCOUNT"
    AS_ACCOUNT=(setpriv "--reuid=$ACCOUNT" "--regid=$ACCOUNT" --init-groups)
    make_reachable_folder
    AS_ACCOUNT+=(env -i "HOME=$SERVERS" PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8)
  fi
  choose_private_ports
}

# Under the checkout where the account can get there, else (a checkout in /root, say) under /var/lib.
make_reachable_folder() {
  if [[ ! -e $SERVERS ]]; then
    mkdir -p "$SERVERS"
    if ! (cd / && "${AS_ACCOUNT[@]}" test -x "$SERVERS"); then
      rmdir "$SERVERS"
      local elsewhere
      elsewhere=/var/lib/latchkey/$(printf %s "$HOME_DIR" | sha256sum | cut -c1-12)
      mkdir -p "$elsewhere"
      ln -s "$elsewhere" "$SERVERS"
    fi
  fi
  SERVERS=$(readlink -f "$SERVERS")
  chown "$ACCOUNT:$ACCOUNT" "$SERVERS/."
}

choose_private_ports() {
  # shellcheck source=/dev/null
  if [[ -f $HOME_DIR/kept/ports ]]; then
    . "$HOME_DIR/kept/ports"
    private_ports_are_ours && return
  fi
  local first
  first=$(servers_py free-ports 5)
  printf 'POSTGRES_PORT=%s REDIS_PORT=%s AMQP_PORT=%s EPMD_PORT=%s DIST_PORT=%s\n' \
    "$first" $((first + 1)) $((first + 2)) $((first + 3)) $((first + 4)) >"$HOME_DIR/kept/ports"
  # shellcheck source=/dev/null
  . "$HOME_DIR/kept/ports"
}

private_ports_are_ours() {
  local DIR=$HOME_DIR
  { is_alive postgres || ! is_listening "$POSTGRES_PORT"; } && { is_alive redis || ! is_listening "$REDIS_PORT"; } &&
    { is_alive rabbitmq || { ! is_listening "$AMQP_PORT" && ! is_listening "$EPMD_PORT" && ! is_listening "$DIST_PORT"; }; }
}

# private_file PATH: what comes in on standard input, for the account's eyes only.
private_file() {
  (umask 077 && write_if_new "$1")
  ! is_root || chown "$ACCOUNT:$ACCOUNT" "$1"
}

private_folder() {
  mkdir -p "$1"
  ! is_root || chown "$ACCOUNT:$ACCOUNT" "$1"
  chmod 700 "$1"
}

stop_private_servers() {
  local DIR=$HOME_DIR
  stop rabbitmq-node
  stop rabbitmq
  stop rabbitmq-epmd
  stop redis
  stop postgres INT # its "fast" stop: it does not wait for its clients
}
