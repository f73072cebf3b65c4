"""The two policies that are compared: one without defences, and one with all of them or the owner's own."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from .data import DataError, Victim
from .service import Form

# Of the guarded treatment: deviation of the noise of a probability, and decimals.
NOISE, DECIMALS = 0.02, 2

# The lengthscale of the noise, in standard deviations of each feature.
LENGTHSCALE = 3.0

# Paths in a policy, which are relative to it: they are made absolute when it is copied.
PATH_FIELDS = ("audit_key", "profile")


@dataclass(frozen=True)
class Keys:
    """Digests of the keys of each role."""

    attackers: list[str]
    noisy: list[str]


def open_policy(form: Form, kind: str, keys: Keys) -> str:
    """Exact answers, and a role `noisy` whose answers have noise alone."""
    return "\n".join([
        _outputs(form, kind),
        f"[treatment.noisy]\nnoise = {NOISE}",
        f'[role.attacker]\nmodels = {{ {form.model} = "exact" }}',
        f'[role.noisy]\nmodels = {{ {form.model} = "noisy" }}',
        _entries(keys.attackers, "attacker"), _entries(keys.noisy, "noisy")])


def guarded_policy(form: Form, kind: str, profile: Path | None, keys: Keys) -> str:
    """Rounding, noise and, with a profile, every detector and its reactions. No deliberate wrong answers."""
    watch = f'[model.{form.model}.watch]\nprofile = "{profile}"\nunlike = "refused"\nreacts = true' if profile else ""
    return "\n".join([
        _outputs(form, kind), watch,
        f"[treatment.guarded]\nnoise = {NOISE}\ndecimals = {DECIMALS}",
        f'[role.attacker]\nmodels = {{ {form.model} = "guarded" }}',
        _entries(keys.attackers, "attacker")])


def owners_policy(path: Path, role: str | None, keys: Keys) -> tuple[str, str]:
    """The owner's policy with the attackers' keys added to a role, and the model that it is about.

    Organisations and the owner's keys stay as they are: attackers have none.
    """
    try:
        text = path.read_text(encoding="utf-8")
        policy = tomllib.loads(text)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{path}: {error}") from error
    models = list(policy.get("model", {}))
    if len(models) != 1:
        raise DataError(f"{path}: a red team attacks one model, and this policy has {len(models)}")
    role = role or _only_role(path, policy)
    for value in _paths(policy):
        text = text.replace(f'"{value}"', f'"{(path.parent / value).resolve()}"')
    return text + "\n" + _entries(keys.attackers, role), models[0]


def schema(victim: Victim) -> str:
    """The lengthscale of each feature, from the owner's data."""
    scales = ", ".join(f"{float(scale):.6g}" for scale in LENGTHSCALE * victim.spread)
    return f"[input.{victim.plain.input}]\nlengthscale = [{scales}]\n"


def _outputs(form: Form, kind: str) -> str:
    scores = f'{kind} = ["{form.scores}"]' if form.scores else ""
    return f'[model.{form.model}]\nlabel = ["{form.label}"]\n{scores}'


def _entries(digests: list[str], role: str) -> str:
    return "".join(f'[[key]]\nsha256 = "{digest}"\nrole = "{role}"\n' for digest in digests)


def _only_role(path: Path, policy: dict) -> str:
    roles = [name for name, role in policy.get("role", {}).items() if "infer" in role.get("operations", ["infer"])]
    if len(roles) != 1:
        raise DataError(f"{path}: several roles infer ({', '.join(roles) or 'none'}); choose with --role")
    return roles[0]


def _paths(value: object) -> list[str]:
    if not isinstance(value, dict):
        return []
    own = [value[name] for name in PATH_FIELDS if isinstance(value.get(name), str)]
    return own + [path for inner in value.values() for path in _paths(inner)]
