# shellcheck shell=bash
# Building and starting the vault itself: one process, or four services behind a gateway.

build() {
  # What records is built apart: it would take the place of what does not.
  local target=$ROOT/target${LATCHKEY_RECORDING:+/recording}
  BIN=$target/$PROFILE
  step "building ($PROFILE)"
  local what=(--workspace)
  # In the debug profile all programs at once: the choice of packages would change features, and build much twice.
  # In the release profile linking is what takes long, so only what will run.
  if [[ $PROFILE == release ]]; then
    what=(--release --package migrations --package provider-simulator)
    if [[ $MODE == split ]]; then
      what+=(--package auth --package consent --package proxy --package billing)
    else
      what+=(--package all-in-one)
    fi
    local flags
    flags=$(release_flags)
    # Flags are parted here by what no path holds.
    [[ -z $flags ]] || local -x CARGO_ENCODED_RUSTFLAGS="${RUSTFLAGS:+${RUSTFLAGS// /$'\x1f'}$'\x1f'}$flags"
  fi
  # A compiler's own helpers are built to record, too, and have nothing to tell.
  (cd "$ROOT" && LLVM_PROFILE_FILE=/dev/null CARGO_TARGET_DIR=$target cargo build --locked "${what[@]}" --bins)
}

# The program that knows the auth service's commands.
auth_program() { if [[ $MODE == split ]]; then echo "$BIN/latchkey-auth"; else echo "$BIN/latchkey-all-in-one"; fi; }

migrate() {
  step "bringing the database $NAME up to date"
  ROLE_PASSWORD=${LATCHKEY_ROLE_PASSWORD:-$(secret_file "$HOME_DIR/role-password")}
  local report
  report=$(LATCHKEY_ADMIN_DATABASE_URL=$POSTGRES_URL LATCHKEY_DATABASE=$NAME LATCHKEY_ROLE_PASSWORD=$ROLE_PASSWORD "$BIN/latchkey-migrate") ||
    fail "the database cannot be brought up to date"
  while read -r line; do note "$line"; done <<<"$report"
}

# --- settings of the services

role_url() { URL=$POSTGRES_URL PASSWORD=$ROLE_PASSWORD servers_py role-url "latchkey_$1" "$NAME"; }

collect_variables() {
  AUTH_DB=LATCHKEY_AUTH_DATABASE_URL=$(role_url auth)
  CONSENT_DB=LATCHKEY_CONSENT_DATABASE_URL=$(role_url consent)
  PROXY_DB=LATCHKEY_PROXY_DATABASE_URL=$(role_url proxy)
  BILLING_DB=LATCHKEY_BILLING_DATABASE_URL=$(role_url billing)
  COMMON=(
    LATCHKEY_ENVIRONMENT=development LATCHKEY_HOST=127.0.0.1 "LATCHKEY_PUBLIC_URL=$URL"
    "LATCHKEY_REDIS_URL=$REDIS_URL" "LATCHKEY_REDIS_NAMESPACE=$NAME"
    "LATCHKEY_AMQP_URL=$AMQP_URL" "LATCHKEY_AMQP_PREFIX=$AMQP_PREFIX"
    "LATCHKEY_PROVIDER_URLS=$(provider_urls)"
  )
  if [[ $KMS == moto ]]; then
    KMS_VARIABLES=(LATCHKEY_KMS=aws LATCHKEY_KMS_KEY_ID=alias/latchkey "LATCHKEY_KMS_ENDPOINT=$KMS_URL"
      AWS_REGION=us-east-1 AWS_SECRET_ACCESS_KEY=development AWS_EC2_METADATA_DISABLED=true)
  else
    KMS_VARIABLES=(LATCHKEY_KMS=local "LATCHKEY_KMS_KEY_FILE=$DIR/wrapping-key")
  fi
}

# Every provider is the simulator, unless `--provider-url` said otherwise.
provider_urls() {
  local -A urls=(
    [openai]=openai/v1 [anthropic]=anthropic/v1 [google]=google [groq]=groq/openai/v1 [together]=together/v1
    [mistral]=mistral/v1 [cohere]=cohere/compatibility/v1 [ollama]=ollama/v1
    [openrouter]=openrouter/api/v1
  )
  local name pair list=''
  for name in "${!urls[@]}"; do urls[$name]=$SIMULATOR_URL/${urls[$name]}; done
  for pair in $PROVIDERS; do urls[${pair%%=*}]=${pair#*=}; done
  for name in $(printf '%s\n' "${!urls[@]}" | sort); do list+=${list:+,}$name=${urls[$name]}; done
  echo "$list"
}

# --- the neighbours: simulator, key service, single sign-on

start_neighbours() {
  start simulator -- "$BIN/latchkey-simulator" --port "$SIMULATOR_PORT"
  [[ $KMS != moto ]] || start_kms
  wait_for simulator 30 answers "$SIMULATOR_URL/"
}

start_kms() {
  venv "$HOME_DIR/venv-kms" "$ROOT/deploy/kms/requirements.txt"
  start kms "LATCHKEY_KMS_STATE=$DIR/kms-state.json" PYTHONDONTWRITEBYTECODE=1 -- \
    "$HOME_DIR/venv-kms/bin/python" "$ROOT/deploy/kms/kms_server.py" -H 127.0.0.1 -p "$KMS_PORT"
  wait_for kms 60 answers "$KMS_URL/moto-api/"
}

start_sso() {
  npm_packages "$ROOT/tests/sso"
  start sso "SSO_PORT=$SSO_PORT" "SSO_CLIENT_ID=$SSO_CLIENT_ID" "SSO_CLIENT_SECRET=$(secret_file "$DIR/sso-secret")" \
    "SSO_REDIRECT_URI=$SSO_REDIRECT_URI" "SSO_OWNER_NAME=$OWNER_NAME" "SSO_OWNER_EMAIL=$OWNER_EMAIL" \
    "SSO_KEYS_FILE=$DIR/sso-keys.json" -- "$(command -v node)" "$ROOT/tests/sso/op.mjs"
  wait_for sso 30 answers "$SSO_URL/.well-known/openid-configuration"
}

# --- the vault

start_vault() {
  step "starting the vault ($MODE)"
  if [[ $MODE == split ]]; then start_split; else start_all_in_one; fi
}

start_all_in_one() {
  mkdir -p "$DIR/spool/proxy-1"
  start vault "${COMMON[@]}" "${KMS_VARIABLES[@]}" AWS_ACCESS_KEY_ID=AKIALATCHKEYALLINONE "LATCHKEY_PORT=$PORT" \
    "$AUTH_DB" "$CONSENT_DB" "$PROXY_DB" "$BILLING_DB" "LATCHKEY_SPOOL_DIR=$DIR/spool/proxy-1" -- "$BIN/latchkey-all-in-one"
  wait_for vault 90 answers "$URL/health/ready"
}

# Each service gets its own role's database URL and no other, and its own identity at the key service, if any.
start_split() {
  local common=("${COMMON[@]}" LATCHKEY_GATEWAYS=127.0.0.1) i
  start auth "${common[@]}" "${KMS_VARIABLES[@]}" AWS_ACCESS_KEY_ID=AKIALATCHKEYAUTH0000 \
    "LATCHKEY_PORT=$AUTH_PORT" "$AUTH_DB" -- "$BIN/latchkey-auth"
  start consent "${common[@]}" "${KMS_VARIABLES[@]}" AWS_ACCESS_KEY_ID=AKIALATCHKEYCONSENT0 \
    "LATCHKEY_PORT=$CONSENT_PORT" "$CONSENT_DB" -- "$BIN/latchkey-consent"
  start billing "${common[@]}" "LATCHKEY_PORT=$BILLING_PORT" "$BILLING_DB" -- "$BIN/latchkey-billing"
  for ((i = 0; i < PROXIES; i++)); do
    mkdir -p "$DIR/spool/proxy-$((i + 1))"
    start "proxy-$((i + 1))" "${common[@]}" "${KMS_VARIABLES[@]}" AWS_ACCESS_KEY_ID=AKIALATCHKEYPROXY000 \
      "LATCHKEY_PORT=$((FIRST_PROXY_PORT + i))" "$PROXY_DB" "LATCHKEY_SPOOL_DIR=$DIR/spool/proxy-$((i + 1))" -- "$BIN/latchkey-proxy"
  done
  local name port
  while read -r name port; do wait_for "$name" 90 answers "http://127.0.0.1:$port/health/ready"; done < <(split_ports)
  start_gateway
}

# The services of a split vault and their ports, one a line.
split_ports() {
  local i
  printf '%s\n' "auth $AUTH_PORT" "consent $CONSENT_PORT" "billing $BILLING_PORT"
  for ((i = 0; i < PROXIES; i++)); do echo "proxy-$((i + 1)) $((FIRST_PROXY_PORT + i))"; done
}

# Stops what the other mode, or a larger number of proxies, left running.
stop_what_does_not_belong() {
  local name keep
  if [[ $MODE == split ]]; then keep=" gateway $(split_ports | cut -d' ' -f1 | tr '\n' ' ')"; else keep=' vault '; fi
  for name in $(running vault gateway auth consent billing proxy-); do
    [[ $keep == *" $name "* ]] || stop "$name"
  done
  [[ $KMS == moto ]] || stop kms
}
