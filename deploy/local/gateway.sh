# shellcheck shell=bash
# nginx in front of a split vault, from the template that a deployment uses too.

start_gateway() {
  mkdir -p "$DIR/gateway"
  render_gateway | write_if_new "$DIR/gateway/nginx.conf"
  local nginx
  nginx=$(PATH=$PATH:/usr/sbin:/sbin command -v nginx)
  "$nginx" -t -q -e stderr -p "$DIR/gateway" -c "$DIR/gateway/nginx.conf" || fail "the gateway's configuration is not good"
  start gateway -- "$nginx" -e stderr -p "$DIR/gateway" -c "$DIR/gateway/nginx.conf" -g 'daemon off;'
  wait_for gateway 20 answers "$URL/health/live"
}

render_gateway() {
  local text user='' i proxies='' name
  # Started as root, nginx would let its workers be somebody who cannot reach this folder.
  ! is_root || user='user root;'
  for ((i = 0; i < PROXIES; i++)); do proxies+="server 127.0.0.1:$((FIRST_PROXY_PORT + i)) max_fails=3 fail_timeout=2s; "; done
  local -A values=(
    [USER_DIRECTIVE]=$user [STATE]=$DIR/gateway [LISTEN]=127.0.0.1:$PORT
    [ERROR_LOG]=stderr [ACCESS_LOG]=$DIR/log/gateway-access.log
    [AUTH_SERVERS]="server 127.0.0.1:$AUTH_PORT;" [CONSENT_SERVERS]="server 127.0.0.1:$CONSENT_PORT;"
    [BILLING_SERVERS]="server 127.0.0.1:$BILLING_PORT;" [PROXY_SERVERS]=$proxies
  )
  text=$(cat "$ROOT/deploy/gateway/nginx.conf.template")
  for name in "${!values[@]}"; do text=${text//"\${$name}"/${values[$name]}}; done
  printf '%s\n' "$text"
}
