"""Export of a trained encoder to ONNX: written, compared with the original, and kept if it is as good."""
