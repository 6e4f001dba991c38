"""The training loop of ``python -m spacy bertsum train``: it resumes, and it runs on several
processes. Nothing in here is special to the component bertsum."""
