"""A run's document as a page, as JSON and in words."""
from .cases import WORST, draw_cases, worst_cases
from .folder import check_folder, whole_folder
from .page import render_page
from .plots import draw_plots
from .words import figure, headline, terminal
from .write import LABELS_NAME, PAGE_NAME, REPORT_NAME, to_json, write_report

__all__ = ['LABELS_NAME', 'PAGE_NAME', 'REPORT_NAME', 'WORST', 'check_folder', 'draw_cases', 'draw_plots', 'figure',
           'headline', 'render_page', 'terminal', 'to_json', 'whole_folder', 'worst_cases', 'write_report']
