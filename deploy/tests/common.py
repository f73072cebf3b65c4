"""What the tests share: where things are, the rendered chart, the parsed Terraform, and what the host's source knows."""

import copy
import functools
import pathlib
import re

import hcl2
import helm_python
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "strongroom"
TERRAFORM = DEPLOY / "terraform"


def example_values():
    """The least that has to be set."""
    return yaml.safe_load((CHART / "ci" / "example-values.yaml").read_text())


def merged(base, changes):
    """A copy of `base` in which `changes` win, folder by folder."""
    result = copy.deepcopy(base)
    for key, value in changes.items():
        inner = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if inner else value
    return result


def render(**changes):
    """The manifests of the chart as dictionaries, under the example's values and `changes`."""
    with helm_python.Chart.load(str(CHART)) as chart:
        rendered = chart.render(merged(example_values(), changes), name="prod", namespace="strongroom")
    texts = [text for path, text in sorted(rendered.items()) if path.endswith(".yaml")]
    return [document for text in texts for document in yaml.safe_load_all(text) if document]


def of_kind(manifests, kind, suffix=""):
    """The one manifest of a kind whose name ends so."""
    found = [m for m in manifests if m["kind"] == kind and m["metadata"]["name"].endswith(suffix)]
    assert len(found) == 1, f"{len(found)} manifests of kind {kind}"
    return found[0]


def _plain(value):
    """HCL's values without the list of one that the parser puts around every attribute."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items() if not key.startswith("__")}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


@functools.cache
def terraform():
    """Blocks of the module: {"resource.TYPE.NAME" or "data.TYPE.NAME" or "variable.NAME": attributes}."""
    blocks = {}
    for path in sorted(TERRAFORM.glob("*.tf")):
        with path.open() as file:
            parsed = hcl2.load(file)
        for kind in ("resource", "data"):
            for entry in parsed.get(kind, []):
                for type_, named in entry.items():
                    for name, body in named.items():
                        blocks[f"{kind}.{type_}.{name}"] = _plain(body)
        for kind in ("variable", "output"):
            for entry in parsed.get(kind, []):
                for name, body in entry.items():
                    blocks[f"{kind}.{name}"] = _plain(body)
        for kind in ("terraform", "locals"):
            for entry in parsed.get(kind, []):
                blocks.setdefault(kind, []).append(_plain(entry))
    return blocks


def one(body, name):
    """The one value of an attribute."""
    values = body[name]
    assert len(values) == 1, f"{len(values)} values of {name}"
    return values[0]


def resources(type_):
    """Name and attributes of every resource of a type."""
    prefix = f"resource.{type_}."
    return {key.removeprefix(prefix): body for key, body in terraform().items() if key.startswith(prefix)}


def statements(document):
    """Statements of a policy document by their sid."""
    return {one(statement, "sid"): statement for statement in terraform()[f"data.aws_iam_policy_document.{document}"]["statement"]}


@functools.cache
def host_settings():
    """Names of the settings that strongroom-host takes from its file, by its own source."""
    source = (ROOT / "host/src/config/settings.rs").read_text()
    body = source.split("pub struct Settings {", 1)[1].split("\n}", 1)[0]
    return frozenset(re.findall(r"^    pub (\w+): Option<", body, re.MULTILINE))


@functools.cache
def host_metrics():
    """Names of the metrics that strongroom-host gives, by its own source."""
    source = (ROOT / "host/src/metrics/render.rs").read_text().split("#[cfg(test)]", 1)[0]
    prefix = re.search(r'const PREFIX: &str = "(\w+)";', source).group(1)
    names = set(re.findall(r'\(\s*"(\w+)",\s*&self\.', source)) | set(re.findall(r'single\(\s*out,\s*"(\w+)"', source))
    names |= set(re.findall(r'\{PREFIX\}_(\w+)', source))
    histogram = "latency_seconds"
    names |= {f"{histogram}_{part}" for part in ("bucket", "sum", "count")} if histogram in names else set()
    return frozenset(f"{prefix}_{name}" for name in names)
