"""The night's report: one HTML file that needs nothing else, a table, a JSON document, a selection for stacking.

``night_report.py`` gathers the facts, the other modules put them into their forms. Nothing here changes a frame.
"""
