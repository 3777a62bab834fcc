"""An object store of the tests' own: a process that speaks S3 on 127.0.0.1.

Owns its start and end, and a user whose keys it checks: what is signed with others, or
not at all, is refused.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from tests.harness.loopback import free_port, get_text
from tests.harness.process import Process, plain_environment

_SERVER = Path(sys.executable).with_name("moto_server")
_BEFORE_KEYS = "4"
"""Calls that are answered without keys: those that make the user and the bucket."""
_REGION = "us-east-1"
_MAY_DO_ALL = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
}
BUCKET = "decisions"


class Keys(NamedTuple):
    """The keys of a user of the store."""

    id: str
    secret: str


class ObjectStore(Process):
    """A server with one bucket; `variables` let a process use it."""

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        self.address = f"http://127.0.0.1:{self._port}"
        # It signs nothing itself; without these it looks for keys of its own.
        environment = plain_environment(INITIAL_NO_AUTH_ACTION_COUNT=_BEFORE_KEYS)
        command = [str(_SERVER), "-H", "127.0.0.1", "-p", str(self._port)]
        super().__init__(command, folder / "object-store.log", environment)
        try:
            self.wait_for(lambda: get_text(f"{self.address}/moto-api/"), "it answers")
            self.keys = self._user()
            self._client(self.keys).create_bucket(Bucket=BUCKET)
        except BaseException:
            self.end()
            raise

    @property
    def variables(self) -> dict[str, str]:
        """The environment by which a process finds the store and its keys."""
        return self.variables_with(self.keys)

    def variables_with(self, keys: Keys) -> dict[str, str]:
        """Return the same with other keys."""
        return {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_DEFAULT_REGION": _REGION,
            "AWS_ACCESS_KEY_ID": keys.id,
            "AWS_SECRET_ACCESS_KEY": keys.secret,
        }

    def objects(self) -> dict[str, bytes]:
        """Return all that is in the bucket, by name."""
        client = self._client(self.keys)
        listed = client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {
            one["Key"]: client.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read()
            for one in listed
        }

    def buckets(self) -> list[str]:
        """Return the names of the buckets."""
        listed = self._client(self.keys).list_buckets()["Buckets"]
        return [one["Name"] for one in listed]

    def put(self, name: str, content: bytes) -> None:
        """Put an object in place of what was there."""
        self._client(self.keys).put_object(Bucket=BUCKET, Key=name, Body=content)

    def delete(self, name: str) -> None:
        """Delete an object."""
        self._client(self.keys).delete_object(Bucket=BUCKET, Key=name)

    def _user(self) -> Keys:
        iam = self._client(Keys("none", "none"), "iam")
        iam.create_user(UserName="bandit")
        iam.put_user_policy(
            UserName="bandit",
            PolicyName="objects",
            PolicyDocument=json.dumps(_MAY_DO_ALL),
        )
        made = iam.create_access_key(UserName="bandit")["AccessKey"]
        return Keys(made["AccessKeyId"], made["SecretAccessKey"])

    def _client(self, keys: Keys, service: str = "s3") -> Any:
        session = importlib.import_module("botocore.session").get_session()
        return session.create_client(
            service,
            region_name=_REGION,
            endpoint_url=self.address,
            aws_access_key_id=keys.id,
            aws_secret_access_key=keys.secret,
        )
