"""Where the image lies in a FITS file: its HDU, shape and scaling, checked before anyone allocates."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil, prod

from nebulift.readers.fits_cards import CardValue
from nebulift.readers.fits_header import BITPIX_VALUES, Header, Read, axis_lengths, data_bytes, data_end_bytes, headers
from nebulift.readers.header_values import number
from nebulift.readers.limits import check_decoded_bytes, check_sides
from nebulift.readers.refusal import Refusal

NO_IMAGE = Refusal("it holds no image, only a header or tables", "check that it is a frame of the camera")
COLOUR_PLANES = (3, 4)  # red, green, blue, and perhaps luminance or transparency


@dataclass(frozen=True, slots=True)
class Scaling:
    """Stored numbers to ADU: ``zero + scale * stored``; integers equal to ``blank`` are no measurement."""

    zero: float = 0.0
    scale: float = 1.0
    blank: int | None = None


@dataclass(frozen=True, slots=True)
class ImageLayout:
    """One image: ``planes`` times ``height`` rows of ``width`` numbers of FITS type ``bitpix``."""

    width: int
    height: int
    planes: int
    bitpix: int
    scaling: Scaling
    tiled: bool  # tile-compressed: the numbers must be unpacked by ``fits_tiles``

    @property
    def plane_bytes(self) -> int:
        return self.width * self.height * abs(self.bitpix) // 8


@dataclass(frozen=True, slots=True)
class FitsImage:
    """The image that was chosen from a file, with the keywords of its own and of the primary header."""

    header: Header
    layout: ImageLayout
    keywords: Mapping[str, CardValue]
    notes: tuple[str, ...] = field(default=())


def find_image(read: Read, size: int | None = None) -> FitsImage:
    """The image of a FITS file: the only one, or the largest of several (then ``notes`` says so).

    With ``size``, the length of the file, every HDU is looked at; that the chosen image is whole is not checked.
    Without it (packed files, whose length is unknown before they are unpacked) the first image is taken.

    Raises ``Refusal`` when there is no image or when it cannot be a frame.
    """
    images: list[FitsImage] = []
    refusal = NO_IMAGE
    try:
        for image in _images(read, size):
            if isinstance(image, FitsImage):
                images.append(image)
            else:
                refusal = image
            if images and size is None:
                break
    except Refusal as error:
        refusal = error  # a damaged extension behind a good image does not cost the frame
    if not images:
        raise refusal
    return _largest(images)


def _images(read: Read, size: int | None) -> Iterator[FitsImage | Refusal]:
    """Every HDU's image, or why it cannot be a frame; ends where the file is cut."""
    primary: Mapping[str, CardValue] = {}
    for hdu, header in enumerate(headers(read)):
        primary = primary or header.values
        try:
            layout = image_layout(header)
        except Refusal as error:
            yield error
        else:
            if layout is not None:
                yield FitsImage(header, layout, {**primary, **header.values}, _notes(layout, hdu))
        if size is not None and data_end_bytes(header) > size:
            return


def image_layout(header: Header) -> ImageLayout | None:
    """How the HDU's image is stored; ``None`` when the HDU holds a table or nothing.

    Raises ``Refusal`` when its shape or scaling cannot be that of a frame.
    """
    tiled = header.values.get("ZIMAGE") is True
    if not tiled and header.values.get("XTENSION", "IMAGE") not in ("IMAGE", "IUEIMAGE"):
        return None
    axes = axis_lengths(header, "ZNAXIS" if tiled else "NAXIS")
    if not axes or 0 in axes:
        return None
    width, height, planes = _sides(axes)
    bitpix = header.integer("ZBITPIX" if tiled else "BITPIX")
    if bitpix not in BITPIX_VALUES:
        raise Refusal(f"its image has numbers of {bitpix} bits")
    layout = ImageLayout(width, height, planes, bitpix, _scaling(header.values, bitpix), tiled)
    if tiled:
        _check_tiles(header, axes, layout)
    elif layout.plane_bytes * planes > data_bytes(header):  # GCOUNT = 0
        raise Refusal("its header announces fewer bytes than its image has")
    return layout


def _sides(axes: list[int]) -> tuple[int, int, int]:
    while len(axes) > 2 and axes[-1] == 1:
        axes = axes[:-1]
    if len(axes) not in (2, 3):
        raise Refusal(f"its image has {len(axes)} axes, and a frame has 2, or 3 with colour planes")
    planes = axes[2] if len(axes) == 3 else 1
    if planes != 1 and planes not in COLOUR_PLANES:
        raise Refusal(f"it holds a stack of {planes} images, and a frame is one", "save the frames one by one")
    check_sides(axes[0], axes[1])
    return axes[0], axes[1], planes


def _scaling(values: Mapping[str, CardValue], bitpix: int) -> Scaling:
    zero, scale = _stated(values, "BZERO", 0.0), _stated(values, "BSCALE", 1.0)
    if scale == 0.0:
        raise Refusal("BSCALE is 0 in its header, which would make all pixels equal")
    blank = number(values.get("ZBLANK", values.get("BLANK"))) if bitpix > 0 else None
    return Scaling(zero, scale, int(blank) if blank is not None and blank.is_integer() else None)


def _stated(values: Mapping[str, CardValue], key: str, default: float) -> float:
    value = number(values.get(key, default))
    if value is None:
        raise Refusal(f"{key} is {values[key]!a:.40} in its header, not a number")
    return value


def _check_tiles(header: Header, axes: list[int], layout: ImageLayout) -> None:
    """Tile sizes that do not fit the table's rows would make the unpacker allocate without limit."""
    if header.values.get("XTENSION") != "BINTABLE":
        raise Refusal("it calls itself a compressed image but is no table")
    check_decoded_bytes(layout.plane_bytes * layout.planes)
    default = [axes[0]] + [1] * (len(axes) - 1)
    tiles = [header.integer(f"ZTILE{axis}", size) for axis, size in enumerate(default, 1)]
    if any(not 1 <= tile <= axis for tile, axis in zip(tiles, axes, strict=True)):
        raise Refusal("the tiles of its compression do not fit its image")
    rows = prod(ceil(axis / tile) for axis, tile in zip(axes, tiles, strict=True))
    if header.integer("NAXIS2") != rows or not 1 <= header.integer("TFIELDS") <= 16:
        raise Refusal("the table of its compression does not fit its image")


def _notes(layout: ImageLayout, hdu: int) -> tuple[str, ...]:
    notes = []
    if layout.planes > 1:
        notes.append(f"the mean of its {layout.planes} colour planes was read")
    if hdu and not layout.tiled:
        notes.append(f"the image in extension {hdu} was read")
    return tuple(notes)


def _largest(images: list[FitsImage]) -> FitsImage:
    """The largest image, the first of equals."""
    best = max(images, key=lambda image: image.layout.width * image.layout.height)
    if len(images) == 1:
        return best
    said = f"it holds {len(images)} images; the largest ({best.layout.width} x {best.layout.height}) was read"
    return FitsImage(best.header, best.layout, best.keywords, (said, *best.notes))
