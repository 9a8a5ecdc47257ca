"""What stands before the sky, from one frame alone: domes, roofs and trees, cloud over a side, hairs, dew and haze."""

from nebulift.obstruction.coverage import measure_coverage
from nebulift.obstruction.hair import find_hair
from nebulift.obstruction.halos import halo_share

__all__ = ["find_hair", "halo_share", "measure_coverage"]
