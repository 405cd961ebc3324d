"""Settings of the site, which `make docs` builds."""

import sys
from pathlib import Path

from sphinx_gallery.sorting import ExplicitOrder

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE / "_ext"))  # extensions of this site

import sklearn_cass  # noqa: E402

project = "sklearn-cass"
author = "The sklearn_cass developers"
project_copyright = author
version = release = sklearn_cass.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "api_links",
    "mathml",
    "repository_pages",
    "shapes_in_types",
]
exclude_patterns = ["_build", "sg_execution_times.rst"]
if not (ROOT / "CONTRIBUTING.md").exists():
    exclude_patterns.append("project/contributing.md")
templates_path = ["_templates"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
default_role = "literal"  # as numpydoc's single backticks are meant here
nitpicky = True
# Names of other packages: without a network there is nothing to link them to.
nitpick_ignore_regex = [
    ("py:.*", r"(numpy|scipy|sklearn|skorch|torch|matplotlib)\..*"),
]

# API ----------------------------------------------------------------------------------

autosummary_generate = True
# Members of these classes are documented by the packages that they are from.
autosummary_context = {
    "inherited": "BaseEstimator, TransformerMixin, Module, ModuleList, NeuralNet, "
    "Optimizer, ndarray, Callback"
}
autodoc_default_options = {
    # scikit-learn writes these methods; what they say refers to its own documentation
    "exclude-members": "set_fit_request, set_transform_request, "
    "set_inverse_transform_request, set_score_request, get_metadata_routing",
}
numpydoc_show_class_members = False  # the template lists them
toc_object_entries_show_parents = "hide"

# Gallery ------------------------------------------------------------------------------

EXAMPLES = [
    *("plot_fetal_ecg.py", "plot_ppg.py", "plot_instruments.py", "plot_denoising.py"),
    *("plot_isolated_recordings.py", "plot_multichannel.py"),
    *("plot_abdominal_ecg.py", "plot_mne.py"),
    *("plot_cross_weights.py", "plot_own_network.py", "plot_callbacks.py"),
    *("plot_resuming.py", "plot_streaming.py", "plot_export.py", "*"),
]
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "within_subsection_order": ExplicitOrder(EXAMPLES),
    "backreferences_dir": "gallery/backreferences",
    "doc_module": ("sklearn_cass",),
    "reference_url": {"sklearn_cass": None},
    "abort_on_example_error": True,
    "capture_repr": (),
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "remove_config_comments": True,
    "matplotlib_animations": False,
}

# HTML ---------------------------------------------------------------------------------

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "sklearn-cass"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "pygments_light_style": "tango",
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"start": [], "settings": []}
