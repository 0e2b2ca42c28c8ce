"""Every attack that is a file, in one list whose order never changes."""

import in_archives
import in_damage
import in_values
import in_xml

FAMILIES = {"archives": in_archives, "damage and bombs": in_damage, "XML": in_xml, "values, attachments, PDFs": in_values}
HEAVY = ("GiB", "100,000", "201 MiB", "10000 files", "300000", "2000000", "130 MiB", "512 MiB", "50 MiB", "256 MiB", "40,000", "bomb inside")


def every():
    return [one for family in FAMILIES.values() for one in family.families()]


def sample(step):
    """One of so many, from each family alike, without those that take a large file to be made."""
    return [one for one in every() if not any(word in one.name for word in HEAVY)][::step]
