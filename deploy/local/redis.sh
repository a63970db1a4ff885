# shellcheck shell=bash
# Redis 7 or newer that never evicts: a forgotten counter would be money. Sets REDIS_URL.

use_redis() {
  if [[ $OWN_REDIS == yes ]]; then
    start_own_redis
    return
  fi
  choose redis 6379 "${LATCHKEY_REDIS_URL:-}" redis://127.0.0.1:6379/0
  if [[ $CHOSEN == private ]]; then start_private_redis; else REDIS_URL=$CHOSEN; fi
  kept redis "$CHOSEN"
}

# redis_is_fit URL
redis_is_fit() {
  local answer version policy
  answer=$(URL=$1 servers_py redis 2>&1) || { UNFIT=$answer && return 1; }
  read -r version policy <<<"$answer"
  if ! at_least "$version" 7; then UNFIT="it is version $version, 7 is needed" && return 1; fi
  if [[ $policy != noeviction ]]; then UNFIT="its maxmemory-policy is $policy, noeviction is needed" && return 1; fi
}

start_private_redis() {
  local DIR=$HOME_DIR folder password
  wants redis-server redis-server
  install_missing
  prepare_private
  folder=$SERVERS/redis
  [[ -d $folder ]] || step "making a private Redis"
  private_folder "$folder"
  [[ -s $folder/password ]] || random_hex | private_file "$folder/password"
  password=$(cat "$folder/password")
  redis_settings "$folder" "$REDIS_PORT" "$password" | private_file "$folder/redis.conf"
  REDIS_URL=redis://:$password@127.0.0.1:$REDIS_PORT/0
  (cd / && start redis -- "${AS_ACCOUNT[@]}" "$(command -v redis-server)" "$folder/redis.conf")
  wait_for redis 30 redis_is_fit "$REDIS_URL"
}

# redis_settings FOLDER PORT PASSWORD
redis_settings() {
  cat <<CONF
bind 127.0.0.1
port $2
requirepass $3
dir $1
save ""
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
CONF
}

# One that belongs to this vault alone and goes with it, so that a test may take its memory.
start_own_redis() {
  local folder=$DIR/redis port password
  wants redis-server redis-server
  install_missing
  (umask 077 && mkdir -p "$folder")
  [[ -s $folder/port ]] || servers_py free-ports 1 >"$folder/port"
  port=$(cat "$folder/port")
  password=$(secret_file "$folder/password")
  (umask 077 && redis_settings "$folder" "$port" "$password" | write_if_new "$folder/redis.conf")
  REDIS_URL=redis://:$password@127.0.0.1:$port/0
  start own-redis -- "$(command -v redis-server)" "$folder/redis.conf"
  wait_for own-redis 30 redis_is_fit "$REDIS_URL"
}

# forget_counters: this vault's own keys. Of a Redis of its own nothing is left anyway.
forget_counters() {
  [[ $OWN_REDIS != yes ]] || return 0
  URL=$REDIS_URL servers_py redis-forget "$NAME" >/dev/null
}
