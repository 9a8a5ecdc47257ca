"""Which cameras the recipe trains, calibrates and tests on: no camera, seed or session is in two courses."""

from nebulift.training.simulated_sessions import Course

# Every side has mono and colour, all converter widths and every kind of rig: deep-sky cameras, all-sky lenses, small
# telescopes on alt-azimuth mounts, photographic lenses, guide and video cameras, observatories
TRAINING_CAMERAS = (
    "ASI294MC", "ASI2600MM", "ASI1600MM", "QHY268M", "Mars-C", "Canon EOS 6D", "Atik 460EX", "ASI120MM",
    "RPi HQ all-sky", "Oculus 180", "ASI224MC all-sky", "DWARF II", "Seestar S30", "EOS 600D", "DSI Pro", "PL09000",
    "iKon-L",
)  # fmt: skip
MOST_FOLDS = 13  # sorts of rigs among them, each deep-sky camera one of its own
CALIBRATION_CAMERAS = ("ASI183MM", "Seestar S50", "ASI178MM all-sky", "Sony A7S", "QHY5L-II", "U16M")
TEST_CAMERAS = ("QHY533C", "STF-8300M", "ASI2600MC", "KAI-0340 all-sky", "Vespera", "D810A", "ST-7", "C4-16000")
SHARES = {"train": 0.73, "calibrate": 0.16, "test": 0.11}


def courses(frames: int, seed: int) -> dict[str, Course]:
    """What to simulate: no camera, seed or session is in two courses."""
    cameras = {"train": TRAINING_CAMERAS, "calibrate": CALIBRATION_CAMERAS, "test": TEST_CAMERAS}
    return {
        name: Course(name, cameras[name], 10 * seed + number, round(share * frames))
        for number, (name, share) in enumerate(SHARES.items())
    }
