"""What a template makes with given parameters, counted by type."""

import collections
from collections.abc import Mapping
from typing import Any

import yaml

from lambdist_lib.deployment import templates


class _Loader(yaml.SafeLoader):
    """YAML in which `!Ref X` is {"Ref": X}, and `!Tag x` is {"Fn::Tag": x}."""


def _tagged(loader: _Loader, tag: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


_Loader.add_multi_constructor("!", _tagged)


def made(body: str, values: Mapping[str, str]) -> collections.Counter[str]:
    """How many resources of each type a template makes.

    Args:
        body: The template's text.
        values: Parameters that are given; the others have their defaults.
    """
    template = yaml.load(body, Loader=_Loader)
    defaults = {name: str(one.get("Default", "")) for name, one in template["Parameters"].items()}
    conditions, parameters = template.get("Conditions", {}), {**defaults, **values}
    return collections.Counter(
        one["Type"]
        for one in template["Resources"].values()
        if "Condition" not in one or _holds({"Condition": one["Condition"]}, conditions, parameters)
    )


def of_stack(kind: str, values: Mapping[str, str]) -> collections.Counter[str]:
    return made(templates.body(kind), values)


def _holds(test: Mapping[str, Any], conditions: Mapping[str, Any], values: Mapping[str, str]) -> bool:
    [(function, operands)] = test.items()
    if function == "Condition":
        return _holds(conditions[operands], conditions, values)
    if function == "Fn::Equals":
        first, second = (values[one["Ref"]] if isinstance(one, dict) else str(one) for one in operands)
        return first == second
    found = [_holds(one, conditions, values) for one in operands]
    return {"Fn::Not": not found[0], "Fn::And": all(found), "Fn::Or": any(found)}[function]
