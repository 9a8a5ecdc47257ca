"""The ways that the options name, as far as they can be had here; what cannot is logged, and the others go on."""

import logging
from collections.abc import Iterator
from pathlib import Path

from nebulift.errors import MissingExtra
from nebulift_daemon.notify.deliveries import Way
from nebulift_daemon.notify.hook import Hook
from nebulift_daemon.notify.options import NotifyOptions
from nebulift_daemon.notify.safety_file import SafetyFile

log = logging.getLogger(__name__)


def ways_of(options: NotifyOptions) -> Iterator[Way]:
    """Every way that can be had. apprise and paho are loaded only where they are needed."""
    if options.safety_file is not None:
        yield SafetyFile(Path(options.safety_file))
    if options.hook:
        yield Hook(options.hook)
    try:
        yield from _mqtt(options)
        yield from _addresses(options)
    except MissingExtra as error:
        log.error("%s", error)  # noqa: TRY400 - no traceback for foreseeable trouble


def _mqtt(options: NotifyOptions) -> Iterator[Way]:
    if options.mqtt is None:
        return
    try:
        from nebulift_daemon.notify.mqtt_way import MqttWay, broker_in, node_name  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise MissingExtra("[notify] mqtt", "notify") from error
    try:
        broker = broker_in(options.mqtt, node_name())
    except ValueError as error:
        log.error("[notify] mqtt: %s", error)  # noqa: TRY400
        return
    yield MqttWay(broker, node_name(), home_assistant=options.home_assistant)


def _addresses(options: NotifyOptions) -> Iterator[Way]:
    if not options.urls:
        return
    try:
        from nebulift_daemon.notify.apprise_way import AppriseWay, NotAnAddress  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise MissingExtra("[notify] urls", "notify") from error
    for url in options.urls:
        try:
            yield AppriseWay(url)
        except NotAnAddress as error:
            log.error("[notify] urls: apprise understands no address that begins with %s://", error)  # noqa: TRY400
