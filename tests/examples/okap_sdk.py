"""The OKAP SDK asks at an address of the person, and waits until it is answered. It knows no sandbox."""

import os

from okap import OkapClient
from openai import OpenAI

with OkapClient(os.environ["OKAP_ADDRESS"], app_name="My first app") as vault:
    access = vault.request_access("openai", models=["gpt-4o-mini"], monthly_limit=5.00, reason="To try it.")

model = OpenAI(api_key=access.token, base_url=access.base_url)
answer = model.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Hello"}])
print(answer.choices[0].message.content)
