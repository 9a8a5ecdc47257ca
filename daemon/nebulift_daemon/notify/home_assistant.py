"""What Home Assistant has to be told over MQTT so that Nebulift appears there by itself.

Format: https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery, one retained message for each entity.
"""

from collections.abc import Iterator
from typing import Any

from nebulift import __version__

PREFIX = "homeassistant"


def discovery(node: str, topic: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(topic, payload) of each entity. ``node`` names this machine; ``topic`` is where its standing is published."""
    for component, name, facts in _entities():
        unique = f"nebulift_{node}_{name}"
        yield (
            f"{PREFIX}/{component}/nebulift_{node}/{name}/config",
            {
                "unique_id": unique,
                "object_id": unique,
                "state_topic": f"{topic}/state",
                "availability_topic": f"{topic}/availability",
                "device": {
                    "identifiers": [f"nebulift_{node}"],
                    "name": f"Nebulift {node}",
                    "manufacturer": "Nebulift",
                    "model": "Frame grading",
                    "sw_version": __version__,
                },
                **facts,
            },
        )


def _entities() -> Iterator[tuple[str, str, dict[str, Any]]]:
    yield (
        "binary_sensor",
        "bad_sky",
        {
            "name": "Bad sky",
            "device_class": "problem",
            "value_template": "{{ {'bad': 'ON', 'good': 'OFF'}.get(value_json.sky, None) }}",
        },
    )
    yield (
        "binary_sensor",
        "trouble",
        {
            "name": "Daemon trouble",
            "device_class": "problem",
            "entity_category": "diagnostic",
            "value_template": "{{ 'ON' if value_json.problems else 'OFF' }}",
        },
    )
    yield "sensor", "cause", {"name": "Cause", "icon": "mdi:weather-cloudy", "value_template": _text("cause")}
    yield "sensor", "verdict", {"name": "Last verdict", "icon": "mdi:star-check", "value_template": _text("verdict")}
    yield "sensor", "reason", {"name": "Last reason", "icon": "mdi:text", "value_template": _text("reason")}
    for name, words in (("clean", "Clean frames"), ("contaminated", "Contaminated frames"), ("review", "To review")):
        facts = {
            "name": f"{words}, last 24 h",
            "icon": "mdi:image-multiple",
            "state_class": "measurement",
            "unit_of_measurement": "frames",
            "value_template": f"{{{{ value_json.{name} }}}}",
        }
        yield "sensor", name, facts
    yield (
        "sensor",
        "disk_free",
        {
            "name": "Disk free",
            "device_class": "data_size",
            "unit_of_measurement": "GB",
            "state_class": "measurement",
            "entity_category": "diagnostic",
            "value_template": "{{ value_json.disk_free_gb }}",
        },
    )


def _text(key: str) -> str:
    """A text of the standing, cut to what a state may hold."""
    return f"{{{{ (value_json.{key} or 'none')[:250] }}}}"
