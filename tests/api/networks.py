"""Loaded by schemathesis: what no pattern says. Networks have no bits beside their prefix."""

from contextlib import suppress
from ipaddress import ip_network
from typing import Any

import schemathesis


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    rules = case.body.get("bypass") if isinstance(case.body, dict) else None
    for rule in rules if isinstance(rules, list) else ():
        if isinstance(rule, dict) and isinstance(rule.get("network"), str):
            with suppress(ValueError):
                rule["network"] = str(ip_network(rule["network"], strict=False))
