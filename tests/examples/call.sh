#!/bin/sh
# One call with a token that an app was given.
set -eu
: "${LATCHKEY_URL:?such as https://vault.example.com}" "${OKAP_TOKEN:?the token, okap_…}"

curl --silent --show-error --fail-with-body "$LATCHKEY_URL/v1/sandbox/chat/completions" \
  --header "Authorization: Bearer $OKAP_TOKEN" \
  --header "Content-Type: application/json" \
  --data '{"model": "sandbox-echo", "messages": [{"role": "user", "content": "Hello from curl"}]}'
