"""Lambda's operations on layers. Part of the service."""

from __future__ import annotations

from typing import Any

from localaws.errors import AwsError
from localaws.lambda_ import bundles
from localaws.lambda_.base import LambdaBase
from localaws.lambda_.configuration import refuse_not_modelled
from localaws.lambda_.function_operations import page
from localaws.lambda_.model import LayerVersion
from localaws.service import Call

DESCRIBED = ("Description", "LicenseInfo", "CompatibleRuntimes", "CompatibleArchitectures")


class LayerOperations(LambdaBase):
    """Publish, get, list and delete versions of layers."""

    def publish_layer_version(self, call: Call) -> dict[str, Any]:
        params = call.params
        refuse_not_modelled(params["Content"])
        bundle = self.bundles.keep(bundles.fetch(params["Content"], self.client_for(call.principal, "s3")))
        arn = self._layer_arn(str(params["LayerName"]))
        with self.lock:
            number = self.layer_numbers.get(arn, 0) + 1
            self.layer_numbers[arn] = number
            layer = LayerVersion(
                arn=f"{arn}:{number}",
                layer_arn=arn,
                number=number,
                bundle=bundle,
                created=self.world.clock.now(),
                described={name: params[name] for name in DESCRIBED if params.get(name)},
            )
            self.layers.setdefault(arn, {})[number] = layer
        return _published(layer)

    def get_layer_version(self, call: Call) -> dict[str, Any]:
        arn = self._layer_arn(str(call.params["LayerName"]))
        return self._whole(self._layer(arn, int(call.params["VersionNumber"])))

    def get_layer_version_by_arn(self, call: Call) -> dict[str, Any]:
        arn, _, number = str(call.params["Arn"]).rpartition(":")
        return self._whole(self._layer(arn, int(number) if number.isdigit() else -1))

    def delete_layer_version(self, call: Call) -> None:
        """Functions that use it keep it, as on AWS."""
        arn = self._layer_arn(str(call.params["LayerName"]))
        with self.lock:
            self.layers.get(arn, {}).pop(int(call.params["VersionNumber"]), None)

    def list_layer_versions(self, call: Call) -> dict[str, Any]:
        with self.lock:
            held = self.layers.get(self._layer_arn(str(call.params["LayerName"])), {})
            shown = [_summary(held[number]) for number in sorted(held, reverse=True)]
        return page(call, "LayerVersions", shown)

    def list_layers(self, call: Call) -> dict[str, Any]:
        with self.lock:
            shown = [
                {
                    "LayerName": arn.rsplit(":", 1)[-1],
                    "LayerArn": arn,
                    "LatestMatchingVersion": _summary(held[max(held)]),
                }
                for arn, held in sorted(self.layers.items())
                if held
            ]
        return page(call, "Layers", shown)

    def _layer_arn(self, name: str) -> str:
        return name if name.startswith("arn:") else self.arn(f"layer:{name}")

    def _layer(self, arn: str, number: int) -> LayerVersion:
        with self.lock:
            layer = self.layers.get(arn, {}).get(number)
        if layer is None:
            raise AwsError("ResourceNotFoundException", "The resource you requested does not exist.", 404, Type="User")
        return layer

    def _whole(self, layer: LayerVersion) -> dict[str, Any]:
        """With the address of its archive, which is put into S3 only now that somebody may fetch it."""
        shown = _published(layer)
        return {**shown, "Content": {**shown["Content"], "Location": self.location(layer.bundle)}}


def _summary(layer: LayerVersion) -> dict[str, Any]:
    return {
        "LayerVersionArn": layer.arn,
        "Version": layer.number,
        "CreatedDate": layer.created.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        **layer.described,
    }


def _published(layer: LayerVersion) -> dict[str, Any]:
    content = {"CodeSha256": layer.bundle.digest, "CodeSize": layer.bundle.size}
    return {**_summary(layer), "LayerArn": layer.layer_arn, "Content": content}
