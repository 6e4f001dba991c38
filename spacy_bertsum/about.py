__version__ = "0.1.0"

# displaCy renders doc.spans["summary"] in this colour (entry point spacy_displacy_colors).
DISPLACY_COLORS = {"SUMMARY": "#9be7c4"}
