"""How colours look to people with and without colour blindness, how far apart they look, and their contrast.

Colour blindness is simulated with the matrices of Machado, Oliveira and Fernandes (2009) for complete loss of one kind
of cone. Distances are those of OKLab (Ottosson 2020) times 100. A distance of 2 is just noticeable.
"""

import numpy as np

VISIONS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
CONES_OF_LINEAR_RGB = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
OKLAB_OF_CONES = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def read_linear_rgb(color: str) -> np.ndarray:
    """The linear light of a colour that is written as #rrggbb in sRGB."""
    encoded = np.array(list(bytes.fromhex(color[1:]))) / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def locate(color: str, vision: str = "normal") -> np.ndarray:
    """The OKLab coordinates of a colour, as a person with this vision sees it."""
    seen = np.clip(VISIONS[vision] @ read_linear_rgb(color), 0, 1)
    return OKLAB_OF_CONES @ np.cbrt(CONES_OF_LINEAR_RGB @ seen)


def measure_distance(first: str, second: str, vision: str = "normal") -> float:
    """How far apart two colours look."""
    return 100 * float(np.linalg.norm(locate(first, vision) - locate(second, vision)))


def measure_contrast(first: str, second: str) -> float:
    """The contrast ratio of two colours as WCAG 2 defines it: 1 for equal colours, 21 for black and white."""
    dark, light = sorted(float(LUMINANCE @ read_linear_rgb(color)) for color in (first, second))
    return (light + 0.05) / (dark + 0.05)
