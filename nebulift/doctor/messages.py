"""Can messages be sent, can the daemon serve the page, and are passwords in the configuration kept from others?"""

import shutil
import stat
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from nebulift.doctor.check import Check, fail, ok, warn
from nebulift.settings import Notify, Web

TOPIC = "messages"
INSTALL = "pip install 'nebulift[{extra}]'"


def message_checks(notify: Notify, web: Web, source: Path | None) -> Iterator[Check]:
    """All about the ways that are named; nothing is sent (`nebulift notify --test` does). Silent where none is."""
    if web.serve and not all(find_spec(name) for name in ("jinja2", "starlette", "uvicorn")):
        yield fail("page", "[web] serve: its packages are not installed", INSTALL.format(extra="web"))
    elif web.serve:
        yield ok("page", f"the daemon serves the review page at {web.listen}")
    if notify.urls:
        yield from _addresses(notify.urls)
    if notify.mqtt is not None:
        yield from _broker(notify.mqtt)
    if notify.hook:
        yield from _hook(notify.hook[0])
    if (file := notify.safety_file) is not None:
        if file.parent.is_dir():
            yield ok(TOPIC, f"{file}: tells a safety monitor of the sky")
        else:
            yield fail(TOPIC, f"{file.parent}: the folder of the safety file is not there", "make it, or name another")
    if source is not None and (notify.urls or notify.mqtt):
        yield from _secrecy(source)


def _addresses(urls: tuple[str, ...]) -> Iterator[Check]:
    if find_spec("apprise") is None:
        yield fail(TOPIC, "[notify] urls: apprise is not installed", INSTALL.format(extra="notify"))
        return
    from nebulift_daemon.notify.apprise_way import AppriseWay, NotAnAddress  # noqa: PLC0415 - an extra

    for url in urls:
        try:
            yield ok(TOPIC, f"messages go to {AppriseWay(url).name}")
        except NotAnAddress as error:
            yield fail(
                TOPIC, f"[notify] urls: apprise understands no address that begins with {error}://", "correct it"
            )


def _broker(address: str) -> Iterator[Check]:
    if find_spec("paho") is None:
        yield fail(TOPIC, "[notify] mqtt: paho-mqtt is not installed", INSTALL.format(extra="notify"))
        return
    from nebulift_daemon.notify.mqtt_way import broker_in, node_name  # noqa: PLC0415 - an extra

    try:
        broker = broker_in(address, node_name())
    except ValueError as error:
        yield fail(TOPIC, f"[notify] mqtt: {error}", "correct it")
    else:
        yield ok(TOPIC, f"MQTT broker {broker.host}:{broker.port}, topic {broker.topic}")


def _hook(program: str) -> Iterator[Check]:
    if shutil.which(program) is None:
        yield fail(TOPIC, f"[notify] hook: {program} is no program that this user can start", "correct name or rights")
    else:
        yield ok(TOPIC, f"{program} is called for each message")


def _secrecy(source: Path) -> Iterator[Check]:
    """Addresses hold passwords: nobody else on the machine should read them."""
    if source.stat().st_mode & stat.S_IROTH:
        yield warn(
            TOPIC,
            f"{source}: everybody on this machine can read the passwords in the addresses below [notify]",
            f"chmod o-r {source}, and have it belong to the group of the service's user",
        )
