"""Words to emissions: pieces, batch, pretrained encoder, one vector a word, mix, context, blend, decoder.

Everything below this package needs the ``encoder`` extra, but for ``pieces``, ``layout`` and ``independent``, which
taggers without torch share. One alphabet names the axes of every tensor:
B sentences, R rows of pieces, P pieces, W words of the longest sentence, N real words of the batch, L layers, H width,
C tags, K coarse tags.
"""
