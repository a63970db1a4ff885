"""A KMS endpoint for development and tests: moto's server, made to behave like AWS where that matters here.

    python kms_server.py -H 127.0.0.1 -p 4566

What moto alone does not do:
- a disabled key, or one that waits for its deletion, refuses to work;
- `Decrypt` under another key's id fails as AWS fails it;
- the key `alias/latchkey` exists from the start and survives a restart, when LATCHKEY_KMS_STATE names a file for it;
- a key that an administrator tags `fault` fails with the error that the tag names, until it is untagged;
- the access keys in ROLES may do what `policies/*.json` lets their roles do, and nothing else.

Never for production: whoever reads the state file can open everything.
"""

import base64
import json
import os
import sys
from fnmatch import fnmatch
from pathlib import Path

from moto.core.exceptions import JsonRESTError
from moto.kms.models import Key, KmsBackend, kms_backends
from moto.kms.responses import KmsResponse
from moto.server import main

ACCOUNT, REGION, ALIAS = "123456789012", "us-east-1", "alias/latchkey"
ROLES = {"AKIALATCHKEYAUTH0000": "auth", "AKIALATCHKEYCONSENT0": "consent", "AKIALATCHKEYPROXY000": "proxy"}
POLICIES = Path(__file__).parent / "policies"


# --- key states -----------------------------------------------------------------------------------------------------


def refuse_unusable(key):
    if key.key_state == "Disabled":
        raise JsonRESTError("DisabledException", f"{key.arn} is disabled.")
    if key.key_state != "Enabled":
        raise JsonRESTError("KMSInvalidStateException", f"{key.arn} is pending deletion.")


# What AWS answers with a status other than 400.
STATUS = {"KMSInternalException": 500, "DependencyTimeoutException": 500, "KeyUnavailableException": 500}


def fail_as_tagged(backend, key):
    fault = backend.tagger.get_tag_dict_for_resource(key.id).get("fault")
    if fault == "garbled":
        raise RuntimeError("an answer that is none of a KMS")
    if fault is not None:
        error = JsonRESTError(fault, f"{key.arn} is tagged to fail.")
        error.code = STATUS.get(fault, 400)
        raise error


moto_encrypt, moto_decrypt = KmsBackend.encrypt, KmsBackend.decrypt


def encrypt(self, key_id, *args, **kwargs):
    key = self.keys[self.any_id_to_key_id(key_id)]
    fail_as_tagged(self, key)
    refuse_unusable(key)
    return moto_encrypt(self, key_id, *args, **kwargs)


def decrypt(self, ciphertext_blob, encryption_context, key_id=None):
    plaintext, arn = moto_decrypt(self, ciphertext_blob, encryption_context)
    actual = arn.rsplit("/", 1)[1]
    fail_as_tagged(self, self.keys[actual])
    refuse_unusable(self.keys[actual])
    if key_id is not None and self.any_id_to_key_id(key_id) != actual:
        raise JsonRESTError(
            "IncorrectKeyException",
            "The key ID in the request does not identify a CMK that can perform this operation.",
        )
    return plaintext, arn


KmsBackend.encrypt, KmsBackend.decrypt = encrypt, decrypt


# --- roles ----------------------------------------------------------------------------------------------------------


def listed(value):
    return value if isinstance(value, list) else [value]


def holds(condition, context):
    """Whether the condition operators that our policies use hold for an encryption context."""
    for operator, tests in condition.items():
        for name, wanted in tests.items():
            member = name.removeprefix("kms:EncryptionContext:")
            if operator == "ForAllValues:StringEquals" and name == "kms:EncryptionContextKeys":
                holding = set(context) <= set(wanted)
            elif operator == "StringEquals" and member != name:
                holding = member in context and wanted in (context[member], "ENVIRONMENT")
            elif operator == "Null" and member != name:
                holding = (member not in context) == (wanted == "true")
            else:
                raise NotImplementedError(f"condition {operator} {name}")
            if not holding:
                return False
    return True


def allowed(policy, action, context):
    effects = {
        statement["Effect"]
        for statement in policy["Statement"]
        if any(fnmatch(action, pattern) for pattern in listed(statement["Action"]))
        and holds(statement.get("Condition", {}), context)
    }
    return effects == {"Allow"}


def behind_policy(method):
    def checked(self):
        role = ROLES.get(self.access_key)
        if role is not None:
            action, context = f"kms:{self._get_action()}", self._get_param("EncryptionContext", {})
            policy = json.loads((POLICIES / f"{role}.json").read_text())
            if not allowed(policy, action, context):
                raise JsonRESTError("AccessDeniedException", f"role {role} is not authorized to perform: {action}")
        return method(self)

    return checked


for name in (
    "encrypt", "decrypt", "re_encrypt", "generate_data_key", "generate_data_key_without_plaintext", "create_grant",
    "create_key", "disable_key", "enable_key", "schedule_key_deletion", "put_key_policy", "update_alias",
):  # fmt: skip
    setattr(KmsResponse, name, behind_policy(getattr(KmsResponse, name)))


# --- the key --------------------------------------------------------------------------------------------------------


def remembered_key(path):
    """The key kept in a file; made on first use."""
    key = Key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "Latchkey, development", ACCOUNT, REGION)
    if path and path.exists():
        state = json.loads(path.read_text())
        key.id, key.key_material = state["id"], base64.b64decode(state["material"])
        key.arn = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key.id}"
    elif path:
        state = {"id": key.id, "material": base64.b64encode(key.key_material).decode()}
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(state, file)
    return key


def offer_key():
    state = os.environ.get("LATCHKEY_KMS_STATE")
    key = remembered_key(Path(state) if state else None)
    backend = kms_backends[ACCOUNT][REGION]
    backend.keys[key.id] = key
    backend.create_alias(key.id, ALIAS)


if __name__ == "__main__":
    offer_key()
    main(sys.argv[1:])
