"""The builders of the examples, for the scenarios."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "examples"))

from actors import BATIPRO, COUVERTURE, GYM, ROAD, SCHOOL, TERRASSEMENTS
from packing import pdf
from scenarios import ASPHALT, EARTH, ROOF, SHELL, name, paper, ubl

__all__ = ["ASPHALT", "BATIPRO", "COUVERTURE", "EARTH", "GYM", "ROAD", "ROOF", "SCHOOL", "SHELL", "TERRASSEMENTS", "name", "paper", "pdf", "ubl"]
