"""Examples are drawn from a fixed seed, and few, so that every run is the same; ``FLUX_PROPERTIES=long`` draws many, from luck."""

import os

from hypothesis import HealthCheck, settings

QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large, HealthCheck.filter_too_much]
settings.register_profile("seeded", derandomize=True, database=None, deadline=None, max_examples=100, suppress_health_check=QUIET)
settings.register_profile("long", database=None, deadline=None, max_examples=20_000, suppress_health_check=QUIET)
settings.load_profile(os.environ.get("FLUX_PROPERTIES", "seeded"))
