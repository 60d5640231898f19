"""The pictures of a report, each twice: as files for papers (matplotlib) and as charts for the page (plotly)."""
