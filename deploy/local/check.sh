# shellcheck shell=bash
# `test` and `bench`: against a throw-away vault of their own, beside whatever else runs.

# Everything that any command here needs, so that a machine can be prepared once.
tools() {
  make_place
  need_basics
  need_rust
  need_node
  wants nginx nginx-light
  # The benchmark's load.
  wants wrk wrk
  wants redis-benchmark redis-tools
  wants chromium chromium
  # The examples that ask with curl.
  wants jq jq
  # Text in screenshots.
  [[ -d /usr/share/fonts/truetype/liberation || -d /usr/share/fonts/truetype/dejavu ]] || MISSING+=(fonts-liberation)
  install_missing
}

# The scripts themselves.
lint() {
  make_place
  need_basics
  venv "$HOME_DIR/venv-lint" "$ROOT/deploy/local/requirements.txt"
  (cd "$ROOT" && "$HOME_DIR/venv-lint/bin/shellcheck" --external-sources latchkey .ci/run deploy/native/okap-open)
}

# test [rust|sdk|node|browser|faults] [FILTER]: all of it, one part, or what matches the filter.
run_tests() {
  local part=all filter
  case ${1:-} in rust | sdk | node | browser | faults)
    part=$1
    shift
    ;;
  esac
  filter=${1:-}
  tools
  take_check_turn
  use_servers
  [[ $part != all && $part != rust ]] || test_rust "$filter"
  [[ $part == rust || $part == faults ]] || test_outside "$part" "$filter"
  [[ $part != all && $part != faults ]] || test_faults "$filter"
  step "all tests passed"
}

# One test or benchmark of a checkout at a time. Private servers that only it needed stop with it.
take_check_turn() {
  exec {CHECK_TURN}>"$HOME_DIR/check-lock"
  flock -n "$CHECK_TURN" || fail "a test or a benchmark of this checkout is running; wait for it to end"
  at_end stop_unused_servers
}

stop_unused_servers() {
  local DIR=$HOME_DIR turn
  # Somebody is starting or stopping the main vault: the servers are his.
  exec {turn}>"$HOME_DIR/lock"
  if flock -n "$turn" && [[ -z $(running vault auth consent billing proxy- simulator) ]]; then stop_private_servers; fi
  exec {turn}>&-
}

test_rust() {
  local vhost
  vhost=latchkey_tests_$(printf %s "$ROOT" | sha256sum | cut -c1-6)
  use_vhost "$vhost"
  start_test_kms
  step "cargo test"
  (
    cd "$ROOT"
    export LATCHKEY_TEST_POSTGRES_URL=$POSTGRES_URL LATCHKEY_TEST_REDIS_URL=$REDIS_URL
    export LATCHKEY_TEST_AMQP_URL=$AMQP_URL LATCHKEY_TEST_AMQP_PREFIX=$AMQP_PREFIX
    export LATCHKEY_TEST_KMS_ENDPOINT=$TEST_KMS_URL
    # Roles belong to the whole server: tests must not change the password under a running vault.
    LATCHKEY_ROLE_PASSWORD=${LATCHKEY_ROLE_PASSWORD:-$(secret_file "$HOME_DIR/role-password")}
    export LATCHKEY_ROLE_PASSWORD
    cargo test --workspace --locked ${1:+"$1"}
  )
  [[ -n $AMQP_PREFIX ]] || forget_messages "$vhost"
}

# A KMS of the tests' own: the real protocol over HTTP.
start_test_kms() {
  local port
  port=$(servers_py free-ports 1)
  TEST_KMS_URL=http://127.0.0.1:$port
  venv "$HOME_DIR/venv-kms" "$ROOT/deploy/kms/requirements.txt"
  start test-kms PYTHONDONTWRITEBYTECODE=1 -- \
    "$HOME_DIR/venv-kms/bin/python" "$ROOT/deploy/kms/kms_server.py" -H 127.0.0.1 -p "$port"
  at_end stop test-kms
  wait_for test-kms 60 answers "$TEST_KMS_URL/moto-api/"
}

# test_outside PART FILTER: official SDKs and a browser, against a vault with two proxies behind the gateway.
test_outside() {
  local part=$1 filter=$2 suites=()
  venv "$VENV" "$ROOT/tests/python/requirements.txt"
  npm_packages "$ROOT/tests/browser"
  npm_packages "$ROOT/tests/examples"
  npm_packages "$ROOT/tests/node"
  if [[ $part == @(all|sdk) ]] && has_tests sdk "$filter"; then suites+=(sdk); fi
  if [[ $part == @(all|node) ]] && has_node_tests node "$filter"; then suites+=(node); fi
  if [[ $part == @(all|browser) ]] && has_node_tests browser "$filter"; then suites+=(browser); fi
  ((${#suites[@]})) || { note "nothing outside the Rust tests matches $filter" && return; }
  throw_away_vault test --split --proxies 2 --kms moto
  local suite DIR=$HOME_DIR/test
  for suite in "${suites[@]}"; do "test_$suite" "$filter"; done
  [[ $part != all || -n $filter ]] || test_demo
  [[ " ${suites[*]} " != *" node "* ]] || test_stand_in "$filter"
}

# What people see first is tested like everything else.
test_demo() {
  step "the demo"
  with_env "$VENV/bin/python" "$ROOT/tests/demo/demo.py"
}

# has_tests FOLDER|FILE FILTER: whether a test in Python matches.
has_tests() {
  [[ -z $2 ]] || "$VENV/bin/python" -m pytest "$ROOT/tests/$1" --collect-only --quiet -k "$2" >/dev/null 2>&1
}
# has_node_tests FOLDER FILTER: whether a test in JavaScript may match.
has_node_tests() { [[ -z $2 ]] || grep -qrE "$2" "$ROOT/tests/$1" --include='*.mjs' --exclude-dir=node_modules; }

test_sdk() {
  step "official SDKs (pytest tests/sdk)"
  with_env "$VENV/bin/python" -m pytest "$ROOT/tests/sdk" -p no:cacheprovider ${1:+-k "$1"}
}

test_node() {
  step "official SDKs for Node.js (node --test tests/node)"
  node_tests node "$1"
}

# The same, and what the SDKs for Python do most, against a server of the providers' APIs that somebody else wrote.
CONVERSATIONS=sdk/test_conversations.py
test_stand_in() {
  local filter=$1 DIR=$HOME_DIR port url
  port=$(servers_py free-ports 1)
  url=http://127.0.0.1:$port
  start stand-in -- node "$ROOT/tests/node/node_modules/@copilotkit/aimock/dist/cli.js" \
    --port "$port" --fixtures "$ROOT/tests/node/stand_in.json"
  at_end stop stand-in
  wait_for stand-in 30 answers "$url/health"
  throw_away_vault stand-in --provider-url "openai=$url/v1" --provider-url "anthropic=$url/v1" --provider-url "google=$url"
  DIR=$HOME_DIR/stand-in
  step "official SDKs for Node.js against a stand-in"
  LATCHKEY_STAND_IN_URL=$url node_tests node "$filter"
  has_tests "$CONVERSATIONS" "$filter" || return 0
  step "official SDKs for Python against a stand-in"
  with_env "$VENV/bin/python" -m pytest "$ROOT/tests/$CONVERSATIONS" -p no:cacheprovider ${filter:+-k "$filter"}
}

test_browser() {
  step "browser (node --test tests/browser)"
  node_tests browser "$1"
}

# node_tests FOLDER FILTER
node_tests() {
  local folder=$1 filter=$2 files
  mapfile -t files < <(find "$ROOT/tests/$folder" -name node_modules -prune -o -name '*.test.mjs' -print | sort)
  ((${#files[@]})) || fail "tests/$folder holds no *.test.mjs"
  with_env node --test ${filter:+"--test-name-pattern=$filter"} "${files[@]}"
}

# test_faults FILTER: proxies are killed and memory is lost, in a vault of its own with a Redis of its own.
test_faults() {
  venv "$VENV" "$ROOT/tests/python/requirements.txt"
  has_tests faults "$1" || { note "no test of faults matches $1" && return; }
  throw_away_vault faults --split --proxies 3 --own-redis
  local DIR=$HOME_DIR/faults
  step "faults (pytest tests/faults)"
  with_env "$VENV/bin/python" -m pytest "$ROOT/tests/faults" -p no:cacheprovider ${1:+-k "$1"}
}

# throw_away_vault NAME FLAG...: a fresh vault on free ports, which goes when this script ends.
throw_away_vault() {
  local name=$1 port
  shift
  other_vault "$name" reset
  port=$(servers_py free-ports 40)
  at_end throw_away "$name"
  other_vault "$name" up --no-demo --port "$port" "$@"
}

throw_away() {
  # What it logged may be what somebody looks for after a failure, and how its pages looked.
  local kept
  for kept in log screenshots; do
    rm -rf "$HOME_DIR/last-$1-$kept"
    cp -r "$HOME_DIR/$1/$kept" "$HOME_DIR/last-$1-$kept" 2>/dev/null || true
  done
  other_vault "$1" reset
}

# other_vault NAME COMMAND...: what it starts must not hold on to our turn.
other_vault() {
  local name=$1
  shift
  LATCHKEY_DIR=$HOME_DIR/$name "$ROOT/latchkey" "$@" {CHECK_TURN}>&-
}

# bench [consent|waiters|flat]: the proxy against nginx, decisions against Postgres' commits, ten thousand waiting
# callers, and calls through more proxies, with more grants and under more limits.
bench() {
  local what=bench proxies=1
  case ${1:-} in consent | waiters | flat)
    what=$1
    shift
    ;;
  esac
  [[ $what != flat ]] || proxies=8
  tools
  take_check_turn
  use_servers
  venv "$VENV" "$ROOT/tests/python/requirements.txt"
  local DIR=$HOME_DIR port stamper
  port=$(servers_py free-ports 1)
  stamper=http://127.0.0.1:$port/v1
  start stamper -- "$VENV/bin/python" "$ROOT/tests/bench/stamper.py" "$port"
  at_end stop stamper
  # As nginx runs here: one worker on the one core it gets, and no access log.
  # So few connections that Postgres has enough of them for eight proxies.
  RUST_LOG=warn LATCHKEY_WORKERS=1 LATCHKEY_PROXY_DATABASE_CONNECTIONS=$((proxies > 1 ? 4 : 16)) \
    throw_away_vault bench --release --split --proxies "$proxies" --provider-url "groq=$stamper"
  DIR=$HOME_DIR/bench
  export LATCHKEY_STAMPER_URL=$stamper
  with_env "$VENV/bin/python" "$ROOT/tests/bench/$what.py" "$@"
}

# at_end COMMAND...: when this script ends, however it ends; the last one first.
AT_END=()
at_end() {
  AT_END=("$(printf '%q ' "$@")" "${AT_END[@]}")
  trap run_at_end EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
}
run_at_end() {
  local status=$? command
  trap - EXIT
  for command in "${AT_END[@]}"; do eval "$command" || status=1; done
  exit "$status"
}
