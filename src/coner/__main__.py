"""``python -m coner``: what launchers of several processes start."""

from coner.cli import main

if __name__ == "__main__":
    main()
