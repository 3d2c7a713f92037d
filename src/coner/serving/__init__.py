"""Taggers behind HTTP: a REST service with batches across requests, and a page to try it.

::

    app        routes, errors, OpenAPI        -> gate (body, token, who hung up) around it
    schemas    what comes in and goes out     -> cut (texts to sentences, within limits)
    batcher    one thread a model: tags what waits, in order, in batches
    metrics    what Prometheus reads
    run        socket, processes, signals
    page/      plain HTML, CSS and JavaScript
"""
