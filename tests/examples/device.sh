#!/bin/sh
# A program in a terminal asks by code (RFC 8628): its person decides in a browser, on any device.
set -eu
: "${LATCHKEY_URL:?such as https://vault.example.com}" "${LATCHKEY_CLIENT_ID:?app_…, registered for devices}"

asked=$(curl --silent --show-error --fail-with-body "$LATCHKEY_URL/oauth/device_authorization" \
  --data-urlencode "client_id=$LATCHKEY_CLIENT_ID" \
  --data-urlencode 'authorization_details=[{"type": "ai_model_access", "provider": "sandbox", "models": ["sandbox-echo"]}]')
device_code=$(echo "$asked" | jq --raw-output .device_code)
pause=$(echo "$asked" | jq --raw-output .interval)
echo "Open $(echo "$asked" | jq --raw-output .verification_uri) and enter $(echo "$asked" | jq --raw-output .user_code)"

while :; do
  sleep "$pause"
  answer=$(curl --silent --show-error "$LATCHKEY_URL/oauth/token" \
    --data-urlencode "grant_type=urn:ietf:params:oauth:grant-type:device_code" \
    --data-urlencode "client_id=$LATCHKEY_CLIENT_ID" \
    --data-urlencode "device_code=$device_code")
  case $(echo "$answer" | jq --raw-output '.error // "none"') in
    none) break ;;
    authorization_pending) ;;
    slow_down) pause=$((pause + 5)) ;;
    *) echo "$answer" | jq --raw-output .error_description >&2 && exit 1 ;;
  esac
done

curl --silent --show-error --fail-with-body "$LATCHKEY_URL/v1/sandbox/chat/completions" \
  --header "Authorization: Bearer $(echo "$answer" | jq --raw-output .access_token)" \
  --header "Content-Type: application/json" \
  --data '{"model": "sandbox-echo", "messages": [{"role": "user", "content": "Hello from a terminal"}]}' |
  jq --raw-output '.choices[0].message.content'
