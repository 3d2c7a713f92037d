"""``python -m coner``: what launchers of several processes start."""

from coner.cli.app import main

if __name__ == "__main__":
    main()
