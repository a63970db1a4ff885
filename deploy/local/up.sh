# shellcheck shell=bash
# `./latchkey up`: everything, in order; what already runs as asked is left alone.

read_up_flags() {
  DEMO=first NEW_PROVIDERS=''
  while (($#)); do
    case $1 in
      --release) PROFILE=release ;;
      --debug) PROFILE=debug ;;
      --split) MODE=split ;;
      --all-in-one) MODE=all-in-one ;;
      --no-demo) DEMO=never ;;
      --own-redis) OWN_REDIS=yes ;;
      --proxies) PROXIES=$(flag_value "$@") && shift ;;
      --port) PORT=$(flag_value "$@") && shift ;;
      --kms) KMS=$(flag_value "$@") && shift ;;
      --provider-url) NEW_PROVIDERS+=" $(flag_value "$@")" && shift ;;
      *) fail "up does not know $1; see ./latchkey --help" ;;
    esac
    shift
  done
  check_up_flags
}

flag_value() {
  (($# > 1)) || fail "$1 needs a value"
  echo "$2"
}

check_up_flags() {
  local pair kept
  [[ $PORT =~ ^[0-9]+$ ]] && ((PORT >= 1024 && PORT <= 65000)) || fail "--port is a number from 1024 to 65000"
  [[ $PROXIES =~ ^[0-9]+$ ]] && ((PROXIES >= 1 && PROXIES <= 16)) || fail "--proxies is a number from 1 to 16"
  [[ $KMS == local || $KMS == moto ]] || fail "--kms is local or moto"
  [[ -z $NAME || $KMS == "$KMS_BEFORE" ]] || fail "this vault's keys are wrapped by --kms $KMS_BEFORE and would not open; ./latchkey reset starts anew"
  for pair in $NEW_PROVIDERS; do
    [[ $pair =~ ^[a-z0-9_-]+=(https?://[^,[:space:]]+|simulator)$ ]] || fail "--provider-url is NAME=URL, or NAME=simulator; not $pair"
    # A provider named again replaces what was said before; the simulator is what nobody needs to say.
    kept=''
    for old in $PROVIDERS; do [[ ${old%%=*} == "${pair%%=*}" ]] || kept+=" $old"; done
    PROVIDERS=${kept# }
    [[ ${pair#*=} == simulator ]] || PROVIDERS="${PROVIDERS:+$PROVIDERS }$pair"
  done
}

check_ports() {
  if [[ $MODE == split ]]; then
    need_port "$PORT" gateway '--port'
    local name port
    while read -r name port; do need_port "$port" "$name" '--port (the services follow it)'; done < <(split_ports)
  else
    need_port "$PORT" vault '--port'
  fi
  need_port "$SIMULATOR_PORT" simulator 'LATCHKEY_SIMULATOR_PORT'
  need_port "$SSO_PORT" sso 'LATCHKEY_SSO_PORT'
  need_port "$SAMPLE_APP_PORT" sample-app 'LATCHKEY_SAMPLE_APP_PORT'
  [[ $KMS != moto ]] || need_port "$KMS_PORT" kms 'LATCHKEY_KMS_PORT'
}

up() {
  make_place
  take_turn
  recall_settings
  read_up_flags "$@"
  set_addresses
  need_basics
  stop_what_does_not_belong
  check_ports
  need_rust
  need_node
  [[ $MODE != split ]] || wants nginx nginx-light
  install_missing
  remember_settings
  use_servers
  use_vhost "$NAME"
  build
  migrate
  collect_variables
  start_neighbours
  start_vault
  provision
  start_sso
  make_handle
  start_sample_app
  write_env
  tell_addresses
  if [[ $DEMO == first && ! -e $DIR/demonstrated ]]; then
    demo
    touch "$DIR/demonstrated"
  fi
}

tell_addresses() {
  step "Latchkey is up"
  note "vault        $URL"
  note "sign in      $SIGN_IN_URL  (works once)"
  note "sample app   $SAMPLE_APP_URL"
  note "simulator    $SIMULATOR_URL  (stands in for the AI providers)"
  note "settings     $DIR/env"
}

demo() {
  [[ -f $DIR/env ]] || fail "nothing is up; run ./latchkey up first"
  need_node
  wants chromium chromium
  install_missing
  venv "$VENV" "$ROOT/tests/python/requirements.txt"
  [[ ! -f $ROOT/tests/browser/package-lock.json ]] || npm_packages "$ROOT/tests/browser"
  step "the demo"
  with_env "$VENV/bin/python" "$ROOT/tests/demo/demo.py" "$@"
}

# with_env COMMAND...: with the settings in .latchkey/env in its environment.
with_env() {
  (
    set -a
    # shellcheck source=/dev/null
    . "$DIR/env"
    CHROMIUM=$(command -v chromium || true)
    PYTHONDONTWRITEBYTECODE=1
    set +a
    cd "$ROOT"
    [[ -z ${TURN:-} ]] || exec {TURN}>&-
    exec "$@"
  )
}
