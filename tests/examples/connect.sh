#!/bin/sh
# From a connect ticket to a token. The address is made under "Connect an app" and works once.
set -eu
: "${OKAP_ADDRESS:?such as https://ct_…@vault.example.com}"

curl --silent --show-error --fail-with-body "$OKAP_ADDRESS/okap/authorize" \
  --header "Content-Type: application/json" \
  --data '{
    "okap": "1.0",
    "client": {"name": "My first app"},
    "authorization_details": [{
      "type": "ai_model_access",
      "provider": "sandbox",
      "models": ["sandbox-*"],
      "capabilities": ["chat"]
    }]
  }' | jq --raw-output .token
