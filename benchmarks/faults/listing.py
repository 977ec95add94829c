"""Every program of the benchmark, in one list. A new program is a line in its module's tuple."""

from __future__ import annotations

from .program import Fault, Healthy
from .report import asked as report_asked
from .report import asked_nets as report_asked_nets
from .report import heads as report_heads
from .report import healthy as report_healthy
from .report import inputs as report_inputs
from .report import nets as report_nets
from .report import rates as report_rates
from .report import unusual as report_unusual
from .report import unusual_nets as report_unusual_nets
from .tune import asked as tune_asked
from .tune import asked_nets as tune_asked_nets
from .tune import heads as tune_heads
from .tune import healthy as tune_healthy
from .tune import inputs as tune_inputs
from .tune import nets as tune_nets
from .tune import rates as tune_rates
from .tune import unusual as tune_unusual
from .tune import unusual_nets as tune_unusual_nets

FAULTS: tuple[Fault, ...] = (
    *tune_inputs.FAULTS,
    *tune_heads.FAULTS,
    *tune_nets.FAULTS,
    *tune_rates.FAULTS,
    *tune_asked.FAULTS,
    *tune_asked_nets.FAULTS,
    *report_inputs.FAULTS,
    *report_heads.FAULTS,
    *report_nets.FAULTS,
    *report_rates.FAULTS,
    *report_asked.FAULTS,
    *report_asked_nets.FAULTS,
)
HEALTHY: tuple[Healthy, ...] = (
    *tune_healthy.HEALTHY,
    *tune_unusual.HEALTHY,
    *tune_unusual_nets.HEALTHY,
    *report_healthy.HEALTHY,
    *report_unusual.HEALTHY,
    *report_unusual_nets.HEALTHY,
)
PROGRAMS: tuple[Fault | Healthy, ...] = (*FAULTS, *HEALTHY)
