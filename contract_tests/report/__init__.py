"""Reports: what a run found, for machines (report.json) and people (report.html, the terminal)."""
