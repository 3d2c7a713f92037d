"""What every other folder may use: values, tag schemes, errors, files, progress. No machine learning, no domain."""
