"""What the sensor did wrong: saturation, read-out faults, banding; and stripes, taken off before other eyes look."""

from nebulift.sensor.readout import first_look, measure_sensor
from nebulift.sensor.saturation import measure_saturation
from nebulift.sensor.stripes import remove_stripes

__all__ = ["first_look", "measure_saturation", "measure_sensor", "remove_stripes"]
