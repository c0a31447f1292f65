"""AWS KMS: task tokens are kept encrypted. Used by ask_for_approval and decide_approval."""

from __future__ import annotations

from collections.abc import Mapping

from safe_deploy.gateways.clients import client, translating


class KmsKeys:
    """The app's key."""

    def __init__(self, arn: str) -> None:
        self.arn = arn

    def encrypt(self, secret: str, context: Mapping[str, str]) -> bytes:
        """Return the ciphertext, bound to the context."""
        with translating("encrypt a task token"):
            found = client("kms").encrypt(KeyId=self.arn, Plaintext=secret.encode(), EncryptionContext=dict(context))
        return bytes(found["CiphertextBlob"])

    def decrypt(self, ciphertext: bytes, context: Mapping[str, str]) -> str:
        """Return the secret. Raises InvalidRequestError when the context isn't the one it was bound to."""
        with translating("decrypt a task token"):
            found = client("kms").decrypt(KeyId=self.arn, CiphertextBlob=ciphertext, EncryptionContext=dict(context))
        return bytes(found["Plaintext"]).decode()
