"""What `deploy/` says, read as Docker, Compose and Kubernetes read it."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from waitroom.config import PREFIX

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"

Document = dict[str, Any]


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions with their arguments, lines joined."""
    text = re.sub(r"(?m)^#.*\n", "", (DEPLOY / "Dockerfile").read_text())
    lines = text.replace("\\\n", " ").splitlines()
    return [(words[0], words[1]) for line in lines if (words := line.split(None, 1))]


def final_stage() -> dict[str, str]:
    """Return the last stage's instructions; of several of a kind the last one counts."""
    found = instructions()
    last = max(n for n, (name, _) in enumerate(found) if name == "FROM")
    return dict(found[last:])


def image_settings() -> dict[str, str]:
    """Return the settings that the image comes with."""
    return dict(re.findall(rf"({PREFIX}\w+)=(\S+)", final_stage()["ENV"]))


@cache
def compose() -> Document:
    """Return the compose file."""
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text()))


@cache
def kustomization() -> Document:
    """Return the kustomization."""
    return dict(yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text()))


@cache
def documents(name: str) -> list[Document]:
    """Return the documents of one of the Kubernetes files."""
    return list(yaml.safe_load_all((KUBERNETES / name).read_text()))


def manifests() -> list[Document]:
    """Return what the kustomization lists, and the Secrets that it leaves out."""
    names = [*kustomization()["resources"], "secrets.example.yaml"]
    return [document for name in names for document in documents(name)]


def of_kind(kind: str) -> dict[str, Document]:
    """Return the manifests of a kind by name."""
    return {each["metadata"]["name"]: each for each in manifests() if each["kind"] == kind}


def pods() -> dict[str, Document]:
    """Return the pods' specs by the name of what makes them."""
    made = of_kind("Deployment") | of_kind("StatefulSet")
    return {name: dict(each["spec"]["template"]["spec"]) for name, each in made.items()}


def container(name: str) -> Document:
    """Return the only container of a pod."""
    (found,) = pods()[name]["containers"]
    return dict(found)


def map_settings() -> dict[str, str]:
    """Return the settings in the ConfigMap."""
    lines = (KUBERNETES / "settings.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def seconds(duration: str) -> int:
    """Return a duration such as 30s."""
    assert re.fullmatch(r"\d+s", duration)
    return int(duration[:-1])
