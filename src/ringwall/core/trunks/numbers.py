"""How a number is written for a carrier, and read from one.

Rules that this module keeps:
- What the policy allowed is what leaves: the digits are those of the canonical form.
- A number that exists inside one country only (an emergency number, n11) leaves as it is.
"""

from ringwall.core.rights.trunk import TrunkLine
from ringwall.policy.snapshot import PolicySnapshot
from ringwall.policy.world import plan

LONGEST = 32

# What people dial before a country code. Where a country has several prefixes its ordinary one is meant.
_ABROAD = {"AU": "0011", "JP": "010", "KR": "00", "BR": "00", "RU": "810", "HK": "001", "SG": "000"}
_NANP = 1


def country_of(policy: PolicySnapshot, line: TrunkLine) -> str:
    """The country in which the carrier takes our calls: that of the trunk group's site."""
    group = policy.trunk_groups.get(line.trunk_group)
    found = policy.plans.get(group.site) if group is not None else None
    return (found or policy.fallback).site.country


def outgoing(canonical: str, line: TrunkLine, country: str, *, emergency: bool = False) -> str:
    """The user part of the Request-URI for a number in canonical form (see `policy.numbers`)."""
    if emergency:
        # No prefix: whatever it stands for, a carrier knows 112 and 911 without it.
        return canonical.partition("/")[2]
    head, _, behind = canonical.rpartition("/")
    if not head:
        return line.prefix + _written(canonical, line.number_format, country)
    if behind[:1] != "+":
        return line.prefix + behind
    # A number behind a carrier code or an operator is dialled as people in that country dial it.
    code = head.partition("/")[2]
    national = _written(behind, "national", country)
    if code == "0":
        return line.prefix + ("01" + national[3:] if national.startswith("011") else "0" + national)
    return line.prefix + code + national


def shown(canonical: str, line: TrunkLine, country: str) -> str:
    """A caller's number in the format of the trunk; numbers abroad keep their country code."""
    return _written(canonical, line.number_format, country) if canonical[:1] == "+" else canonical


def _written(canonical: str, number_format: str, country: str) -> str:
    digits = canonical.removeprefix("+")
    if number_format == "+e164":
        return "+" + digits
    if number_format == "e164":
        return digits
    found = plan(country)
    code = found.code if found is not None else 0
    if found is not None and digits.startswith(str(code)):
        national = digits[len(str(code)) :]
        # In North America ten digits are a whole number; elsewhere the prefix of national calls goes before.
        return national if code == _NANP else found.prefix + national
    return ("011" if code == _NANP else _ABROAD.get(country, "00")) + digits


def incoming(text: str, country: str) -> str:
    """A number that a carrier sent, as + and digits where it can be read so; else as it came, shortened."""
    text = text[:LONGEST].translate(_DROPPED)
    digits = text.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        return text if text.isprintable() else ""
    if text[:1] == "+" or len(digits) < 7:
        return text
    found = plan(country)
    if found is None:
        return text
    code = str(found.code)
    if digits.startswith(code) and found.possible(digits[len(code) :]):
        return "+" + digits
    for national in (digits.removeprefix(found.prefix) if found.prefix else digits, digits):
        if found.possible(national):
            return f"+{code}{national}"
    return "+" + digits.removeprefix("00")


_DROPPED = str.maketrans("", "", " .-()")
