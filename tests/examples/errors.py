"""What can go wrong, and what to do next: each of these models fails in its own way."""

import os

import openai

model = openai.OpenAI(
    api_key=os.environ["OKAP_TOKEN"],
    base_url=f"{os.environ['LATCHKEY_URL']}/v1/sandbox",
    max_retries=0,  # to see every error here; leave the SDK's two retries on in an app
)


def what_to_do(error: openai.APIStatusError) -> str:
    match error.status_code, error.type:
        case 401, _:
            return "forget the token, and ask the person again"
        case 402, _:
            return f"stop: {error.body['limit_name']} is used up until {error.body['resets_at']}"
        case 403, _:
            return "use what is granted, or ask the person for more"
        case 429, _:
            return f"wait {error.response.headers['retry-after']} s, then try again"
        case 424, _:
            return "the person has to replace the provider key; they know"
        case 400, _:
            return "change the call"
        case status, _ if status >= 500:
            return "try again later, a few times"
    return "look at the message"


for scenario in ("revoked", "402", "403", "429", "401", "500", "503", "echo"):
    try:
        model.chat.completions.create(model=f"sandbox-{scenario}", messages=[{"role": "user", "content": "Hello"}])
        print(f"sandbox-{scenario}: answered")
    except openai.APIStatusError as error:
        print(f"sandbox-{scenario}: {error.status_code} {error.type}: {what_to_do(error)}")

try:
    for event in model.chat.completions.create(
        model="sandbox-cut", messages=[{"role": "user", "content": "A stream that breaks off"}], stream=True
    ):
        print(event.choices[0].delta.content or "", end="")
except openai.APIError as error:
    print(f"\nsandbox-cut: {error.type}: what came is not the whole answer")
