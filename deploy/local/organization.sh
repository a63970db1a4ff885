# shellcheck shell=bash
# The demo organization: its owner, its single sign-on, its sample app. And .latchkey/env, which tells others.

ORGANIZATION='Acme' OWNER_NAME='Alice Archer' OWNER_EMAIL='alice@acme.test' SSO_CLIENT_ID=latchkey

# Makes the organization where it is missing; what is there stays. Only the sign-in link is new each time.
provision() {
  local answer flags=()
  # A token is told once; one that was lost is replaced.
  [[ -s $DIR/owner_token ]] || flags=(--new-owner-token)
  answer=$(
    # shellcheck disable=SC2163  # each holds NAME=VALUE
    export "${COMMON[@]}" "${KMS_VARIABLES[@]}" AWS_ACCESS_KEY_ID=AKIALATCHKEYAUTH0000 "$AUTH_DB"
    # shellcheck disable=SC2163
    [[ $MODE == split ]] || export "$CONSENT_DB" "$PROXY_DB" "$BILLING_DB" "LATCHKEY_SPOOL_DIR=$DIR/spool/proxy-1"
    LATCHKEY_SSO_CLIENT_SECRET=$(secret_file "$DIR/sso-secret")
    export LATCHKEY_SSO_CLIENT_SECRET
    "$(auth_program)" provision --organization "$ORGANIZATION" --owner-name "$OWNER_NAME" --owner-email "$OWNER_EMAIL" \
      --sso-issuer "$SSO_URL" --sso-client-id "$SSO_CLIENT_ID" "${flags[@]}" 2>"$DIR/log/provision.log"
  ) || {
    show_log provision
    fail "the organization cannot be made"
  }
  SIGN_IN_URL=$(servers_py member sign_in_url <<<"$answer")
  SSO_REDIRECT_URI=$(servers_py member sso redirect_uri <<<"$answer")
  keep_secret owner_token "$answer"
  OWNER_TOKEN=$(cat "$DIR/owner_token")
}

# keep_secret MEMBER JSON: what is told only once is kept in a file of mode 0600.
keep_secret() {
  local value
  value=$(servers_py member "$1" <<<"$2")
  [[ -z $value ]] || (umask 077 && printf '%s\n' "$value" >"$DIR/$1")
}

# api METHOD PATH [JSON]: the management API, as the owner.
api() {
  local data=()
  (($# < 3)) || data=(--header 'content-type: application/json' --data "$3")
  curl --silent --show-error --fail-with-body --max-time 20 --request "$1" "${data[@]}" \
    --config <(printf 'header = "authorization: Bearer %s"\n' "$OWNER_TOKEN") "$URL/api/v1$2"
}

# An address at which apps may ask the owner; made once.
make_handle() {
  if [[ ! -s $DIR/handle_url ]]; then
    local answer
    answer=$(api POST /handles '{"label":"Demo"}') || fail "no handle can be made: $answer"
    keep_secret url "$answer"
    mv "$DIR/url" "$DIR/handle_url"
  fi
  HANDLE_URL=$(cat "$DIR/handle_url")
}

# The sample app is registered once for its address.
register_sample_app() {
  local known=$DIR/sample-app.json wanted="$SAMPLE_APP_URL/callback" answer
  if [[ -f $known && $(servers_py member redirect_uri <"$known") == "$wanted" ]]; then
    CLIENT_ID=$(servers_py member client_id <"$known")
    return
  fi
  answer=$(api POST /apps "{\"name\":\"Recipe Writer\",\"url\":\"$SAMPLE_APP_URL\",\"redirect_uris\":[\"$wanted\"]}") ||
    fail "the sample app cannot be registered: $answer"
  CLIENT_ID=$(servers_py member client_id <<<"$answer")
  [[ -n $CLIENT_ID ]] || CLIENT_ID=$(servers_py member id <<<"$answer")
  printf '{"client_id":"%s","redirect_uri":"%s"}\n' "$CLIENT_ID" "$wanted" >"$known"
}

start_sample_app() {
  npm_packages "$ROOT/tests/sample-app"
  register_sample_app
  start sample-app "SAMPLE_APP_PORT=$SAMPLE_APP_PORT" "SAMPLE_APP_CLIENT_ID=$CLIENT_ID" "LATCHKEY_URL=$URL" -- \
    "$(command -v node)" "$ROOT/tests/sample-app/server.mjs"
  wait_for sample-app 30 answers "$SAMPLE_APP_URL/"
}

# What runs where, in shell syntax, for people, tests and the demo. It holds secrets.
write_env() {
  local proxies=() i
  if [[ $MODE == split ]]; then
    for ((i = 0; i < PROXIES; i++)); do proxies+=("http://127.0.0.1:$((FIRST_PROXY_PORT + i))"); done
  fi
  local -A values=(
    [LATCHKEY_URL]=$URL [LATCHKEY_SIGN_IN_URL]=$SIGN_IN_URL [LATCHKEY_OWNER_TOKEN]=$OWNER_TOKEN
    [LATCHKEY_OWNER_EMAIL]=$OWNER_EMAIL [LATCHKEY_ORGANIZATION]=$ORGANIZATION [LATCHKEY_HANDLE_URL]=$HANDLE_URL
    [LATCHKEY_SIMULATOR_URL]=$SIMULATOR_URL [LATCHKEY_SSO_URL]=$SSO_URL [LATCHKEY_SAMPLE_APP_URL]=$SAMPLE_APP_URL
    [LATCHKEY_SAMPLE_APP_CLIENT_ID]=$CLIENT_ID [LATCHKEY_MODE]=$MODE [LATCHKEY_PROXY_URLS]=${proxies[*]:-$URL}
    [LATCHKEY_PROFILE]=$PROFILE [LATCHKEY_KMS]=$KMS [LATCHKEY_PROVIDER_URLS]=$(provider_urls)
    [LATCHKEY_STATE_DIR]=$DIR [LATCHKEY_LOG_DIR]=$DIR/log [LATCHKEY_DATABASE]=$NAME
    [LATCHKEY_POSTGRES_URL]=$POSTGRES_URL [LATCHKEY_REDIS_URL]=$REDIS_URL [LATCHKEY_REDIS_NAMESPACE]=$NAME
    [LATCHKEY_AMQP_URL]=$AMQP_URL [LATCHKEY_AMQP_PREFIX]=$AMQP_PREFIX [LATCHKEY_SPOOL_DIR]=$DIR/spool
  )
  local name
  (
    umask 077
    for name in $(printf '%s\n' "${!values[@]}" | sort); do printf '%s=%s\n' "$name" "${values[$name]@Q}"; done >"$DIR/env.new"
  )
  mv "$DIR/env.new" "$DIR/env"
}
