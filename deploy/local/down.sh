# shellcheck shell=bash
# `down` ends what `up` started and nothing else; `reset` forgets what it made, too; `status` tells.

down() {
  make_place
  take_turn
  recall_settings
  stop_vault
  stop own-redis
  is_main_vault || return 0
  if other_vault_runs; then
    note "the private servers stay: a test or a benchmark of this checkout uses them"
  else
    stop_private_servers
  fi
  note "down"
}

# In the opposite order of starting: nobody loses what he still asks for.
stop_vault() {
  local name
  for name in $(running sample-app) $(running gateway) $(running proxy- auth consent vault) $(running billing) $(running sso simulator kms); do
    stop "$name"
  done
  forget_dead
}

other_vault_runs() {
  local DIR
  for DIR in "$HOME_DIR/test" "$HOME_DIR/stand-in" "$HOME_DIR/faults" "$HOME_DIR/bench" "$HOME_DIR/profile"; do
    [[ -z $(running '') ]] || return 0
  done
  return 1
}

reset() {
  [[ -d $DIR ]] || return 0
  make_place
  take_turn
  recall_settings
  set_addresses
  stop_vault
  if is_main_vault; then
    local other
    for other in test stand-in faults bench profile; do
      [[ ! -d $HOME_DIR/$other ]] || LATCHKEY_DIR=$HOME_DIR/$other "$ROOT/latchkey" reset
    done
  fi
  [[ ! -f $DIR/settings ]] || forget_data
  stop own-redis
  if is_main_vault; then
    stop_private_servers
    # As root the private servers may live elsewhere, with a link here.
    [[ ! -L $HOME_DIR/servers ]] || rm -rf "$(readlink -f "$HOME_DIR/servers")"
  fi
  rm -rf "$DIR"
  note "everything is forgotten"
}

# On servers that are not ours alone, exactly what is ours. Private ones are deleted as a whole with the main vault.
forget_data() {
  if is_main_vault && [[ $(kept postgres)$(kept redis)$(kept rabbitmq) =~ ^(private)*$ ]]; then return; fi
  if ! (use_servers && forget_database && forget_counters && forget_messages "$NAME"); then
    warn "not everything on the servers could be forgotten: look for $NAME"
  fi
}

status() {
  [[ -f $DIR/settings ]] || {
    note "nothing was ever up here"
    return
  }
  recall_settings
  set_addresses
  local name
  for name in $(running ''); do printf '%-14s running, process %s\n' "$name" "$(recorded_pid "$name")"; done
  if answers "$URL/health/live"; then note "the vault answers at $URL"; else note "the vault does not answer at $URL"; fi
}
