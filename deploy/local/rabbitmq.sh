# shellcheck shell=bash
# RabbitMQ 3.10 or newer. Sets AMQP_URL: a virtual host of our own where we may make one, else "/" and AMQP_PREFIX.

use_rabbitmq() {
  local standard=amqp://guest:guest@127.0.0.1:5672/%2f
  RABBITMQCTL=()
  choose rabbitmq 5672 "${LATCHKEY_AMQP_URL:-}" "$standard"
  if [[ $CHOSEN == private ]]; then
    start_private_rabbitmq
  else
    BROKER_URL=$CHOSEN
    if [[ $CHOSEN == "$standard" ]] && is_root && command -v rabbitmqctl >/dev/null; then RABBITMQCTL=(rabbitmqctl); fi
  fi
  kept rabbitmq "$CHOSEN"
}

# rabbitmq_is_fit URL
rabbitmq_is_fit() {
  local version
  version=$(URL=$1 servers_py amqp 2>&1) || { UNFIT=$version && return 1; }
  if ! at_least "$version" 3.10; then UNFIT="it is version $version, 3.10 is needed" && return 1; fi
}

# --- virtual hosts

# use_vhost NAME: sets AMQP_URL and AMQP_PREFIX.
use_vhost() {
  local own
  own=$(URL=$BROKER_URL servers_py amqp-vhost "$1")
  if URL=$own servers_py amqp >/dev/null 2>&1 || { make_vhost "$1" && URL=$own servers_py amqp >/dev/null 2>&1; }; then
    AMQP_URL=$own AMQP_PREFIX=''
  else
    AMQP_URL=$BROKER_URL AMQP_PREFIX=$1.
  fi
}

make_vhost() {
  ((${#RABBITMQCTL[@]})) || return 1
  local user=${BROKER_URL#amqp://}
  rabbitmqctl_quietly add_vhost "$1" && rabbitmqctl_quietly set_permissions -p "$1" "${user%%:*}" '.*' '.*' '.*'
}

# forget_messages NAME: the virtual host, or the queues and exchanges with the prefix.
forget_messages() {
  local queue
  if ((${#RABBITMQCTL[@]} == 0)); then
    warn "queues and exchanges that begin with $1 stay in RabbitMQ: only its administrator can list them"
    return
  fi
  rabbitmqctl_quietly delete_vhost "$1" || true
  for queue in $(cd / && timeout 60 "${RABBITMQCTL[@]}" -q list_queues name 2>/dev/null | grep -F "$1." || true); do
    rabbitmqctl_quietly delete_queue "$queue" || true
  done
}

rabbitmqctl_quietly() { (cd / && timeout 60 "${RABBITMQCTL[@]}" -q "$@" >/dev/null 2>&1); }

# --- a private one

start_private_rabbitmq() {
  local DIR=$HOME_DIR folder bin variables
  [[ -d /usr/lib/rabbitmq ]] || MISSING+=(rabbitmq-server)
  install_missing
  # Debian's command of this name insists on its own account; this is the program behind it.
  bin=$(printf '%s\n' /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin | sort -V | tail -1)
  prepare_private
  folder=$SERVERS/rabbitmq
  [[ -d $folder ]] || step "making a private RabbitMQ"
  private_folder "$folder"
  [[ -s $folder/password ]] || random_hex | private_file "$folder/password"
  [[ -s $folder/.erlang.cookie ]] || { random_hex | private_file "$folder/.erlang.cookie" && chmod 400 "$folder/.erlang.cookie"; }
  write_rabbitmq_configuration "$folder"
  variables=(
    "HOME=$folder" "RABBITMQ_HOME=/usr/lib/rabbitmq" RABBITMQ_NODENAME=latchkey@localhost
    RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 "RABBITMQ_NODE_PORT=$AMQP_PORT" "RABBITMQ_DIST_PORT=$DIST_PORT"
    ERL_EPMD_ADDRESS=127.0.0.1 "ERL_EPMD_PORT=$EPMD_PORT"
    "RABBITMQ_MNESIA_BASE=$folder/mnesia" "RABBITMQ_LOG_BASE=$folder/log" "RABBITMQ_PID_FILE=$folder/pid"
    "RABBITMQ_CONFIG_FILE=$folder/rabbitmq" "RABBITMQ_CONF_ENV_FILE=$folder/environment" "RABBITMQ_ENABLED_PLUGINS_FILE=$folder/plugins"
    'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}'
    'RABBITMQ_CTL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}'
  )
  RABBITMQCTL=("${AS_ACCOUNT[@]}" "${variables[@]}" "$bin/rabbitmqctl")
  BROKER_URL=amqp://latchkey:$(cat "$folder/password")@127.0.0.1:$AMQP_PORT/%2f
  (cd / && start rabbitmq -- "${AS_ACCOUNT[@]}" "${variables[@]}" "$bin/rabbitmq-server")
  wait_for rabbitmq 120 rabbitmq_is_fit "$BROKER_URL"
  record_rabbitmq_helpers "$folder"
}

write_rabbitmq_configuration() {
  private_file "$1/rabbitmq.conf" <<CONF
listeners.tcp.default = 127.0.0.1:$AMQP_PORT
default_user = latchkey
default_pass = $(cat "$1/password")
loopback_users = none
vm_memory_high_watermark.absolute = 512MiB
disk_free_limit.absolute = 200MB
collect_statistics_interval = 60000
CONF
  private_file "$1/environment" </dev/null
  echo '[].' | private_file "$1/plugins"
}

# The node itself, and the port mapper that it started; the process we started is only the shell around them.
record_rabbitmq_helpers() {
  local pid
  record rabbitmq-node "$(cat "$1/pid")"
  pid=$(ss -ltnpH "sport = :$EPMD_PORT" | sed -n 's/.*"epmd",pid=\([0-9]*\).*/\1/p' | head -1)
  [[ -z $pid ]] || record rabbitmq-epmd "$pid"
}
