# shellcheck shell=bash
# Redis 7 or newer that never evicts: a forgotten counter would be money. Sets REDIS_URL.

use_redis() {
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
  private_file "$folder/redis.conf" <<CONF
bind 127.0.0.1
port $REDIS_PORT
requirepass $password
dir $folder
save ""
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
CONF
  REDIS_URL=redis://:$password@127.0.0.1:$REDIS_PORT/0
  (cd / && start redis -- "${AS_ACCOUNT[@]}" "$(command -v redis-server)" "$folder/redis.conf")
  wait_for redis 30 redis_is_fit "$REDIS_URL"
}

# forget_counters: this vault's own keys.
forget_counters() {
  URL=$REDIS_URL servers_py redis-forget "$NAME" >/dev/null
}
