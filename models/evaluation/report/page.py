"""The report as one HTML file that needs nothing else."""
import base64

import jinja2

from .plots import draw_plots
from .words import NO_CONTROLS, figure, region_name


def render_page(document, cases=()):
    """The page of a document.

    Args:
        document (dict): as `make_document` gives it.
        cases (sequence of dict): as `draw_cases` gives them.

    Returns:
        str: HTML with style, plots and pictures inside; it asks no other file or machine for anything.
    """
    environment = jinja2.Environment(loader=jinja2.PackageLoader(__package__), autoescape=True, trim_blocks=True,
                                     lstrip_blocks=True, undefined=jinja2.ChainableUndefined)
    environment.filters.update(figure=figure, region_name=region_name)
    css, _, _ = environment.loader.get_source(environment, 'report.css')
    plots = {name: 'data:image/svg+xml;base64,' + base64.b64encode(svg.encode()).decode()
             for name, svg in draw_plots(document).items()}
    return environment.get_template('report.html').render(
        document, cases=cases, plots=plots, css=css, no_controls=NO_CONTROLS).lstrip()
