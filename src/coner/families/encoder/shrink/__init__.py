"""A student with fewer layers, trained on the emissions and hidden states of a trained encoder, its teacher.

Patient knowledge distillation (Sun et al. 2019, arXiv 1908.09355) of a tagger: the student begins with layers of the
teacher, and its vectors need no projection, as both have the same width.
"""
