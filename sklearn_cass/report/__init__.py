"""Reports of separations: a table, and one page with plots and players.

jinja2 and plotly, which make the page, are optional dependencies:
``pip install sklearn-cass[report]``.
"""

from ._report import SeparationReport, separation_report

__all__ = ["SeparationReport", "separation_report"]
