# shellcheck shell=bash
# Where things are, and the settings that `up` remembers until `reset`.
#
#   HOME_DIR  .latchkey in the checkout: private servers, Python and Node packages; shared by all vaults of the checkout
#   DIR       one vault: the same folder for the one people use, .latchkey/test, bench and faults for throw-away ones

HOME_DIR=$ROOT/.latchkey
DIR=$(readlink -m "${LATCHKEY_DIR:-$HOME_DIR}")
SERVERS_PY=$ROOT/deploy/local/servers.py
VENV=$HOME_DIR/venv

# Settings in force, their defaults first.
NAME='' PORT=7400 MODE=all-in-one PROXIES=2 KMS=local PROFILE=debug PROVIDERS='' OWN_REDIS=no
REMEMBERED=(NAME PORT MODE PROXIES KMS PROFILE PROVIDERS OWN_REDIS)

make_place() {
  # Each waiting caller is an open connection: as many as this machine allows.
  ulimit -Sn "$(ulimit -Hn)" 2>/dev/null || true
  mkdir -p "$HOME_DIR" "$DIR/run" "$DIR/log"
  # The servers' own account passes through here; what is secret is a file of mode 0600.
  chmod 711 "$HOME_DIR"
}

# Only one `up`, `down` or `reset` of a vault at a time; the lock ends with this process.
take_turn() {
  exec {TURN}>"$DIR/lock"
  flock -n "$TURN" || fail "another ./latchkey is at work in $DIR; wait for it to end"
}

recall_settings() {
  # shellcheck source=/dev/null
  [[ ! -f $DIR/settings ]] || . "$DIR/settings"
  PORT_BEFORE=$PORT KMS_BEFORE=$KMS
}

remember_settings() {
  # The path tells checkouts apart that share a database server.
  [[ -n $NAME ]] || NAME=latchkey_$(vault_kind)_${PORT}_$(printf %s "$DIR" | sha256sum | cut -c1-6)
  local name
  for name in "${REMEMBERED[@]}"; do printf '%s=%q\n' "$name" "${!name}"; done >"$DIR/settings"
}

vault_kind() { if is_main_vault; then echo dev; else basename "$DIR" | tr -cd a-z0-9 | cut -c1-12; fi; }
is_main_vault() { [[ $DIR == "$HOME_DIR" ]]; }

# Ports that follow from the one chosen.
set_addresses() {
  URL=http://127.0.0.1:$PORT
  SIMULATOR_PORT=${LATCHKEY_SIMULATOR_PORT:-$((PORT + 1))}
  SSO_PORT=${LATCHKEY_SSO_PORT:-$((PORT + 2))}
  SAMPLE_APP_PORT=${LATCHKEY_SAMPLE_APP_PORT:-$((PORT + 3))}
  KMS_PORT=${LATCHKEY_KMS_PORT:-$((PORT + 4))}
  AUTH_PORT=$((PORT + 11)) CONSENT_PORT=$((PORT + 12)) BILLING_PORT=$((PORT + 13)) FIRST_PROXY_PORT=$((PORT + 21))
  SIMULATOR_URL=http://127.0.0.1:$SIMULATOR_PORT
  SSO_URL=http://127.0.0.1:$SSO_PORT
  SAMPLE_APP_URL=http://127.0.0.1:$SAMPLE_APP_PORT
  KMS_URL=http://127.0.0.1:$KMS_PORT
}

# secret_file PATH: a random secret kept in a file of mode 0600; made on first use.
secret_file() {
  [[ -s $1 ]] || (umask 077 && random_hex >"$1")
  cat "$1"
}

# write_if_new PATH: what comes in on standard input; a file that says so already stays as old as it is.
write_if_new() {
  local text
  text=$(cat)
  [[ -f $1 && $(cat "$1") == "$text" ]] || printf '%s\n' "$text" >"$1"
}

random_hex() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
servers_py() { "$PYTHON" "$SERVERS_PY" "$@"; }
is_root() { [[ $(id -u) == 0 ]]; }
