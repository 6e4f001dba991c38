"""BERTSUM summarization for spaCy pipelines: ``nlp.add_pipe("bertsum")``.

Installing the package is enough; spaCy finds the components by entry point. This module imports
neither torch nor spaCy, so it costs nothing to whoever only has it installed.
"""

from .about import __version__

__all__ = ["__version__"]
