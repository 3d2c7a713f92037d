"""Values, tag schemes, errors, files and progress; knows nothing of machine learning."""
