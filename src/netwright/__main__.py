"""`python -m netwright` is `netwright`."""

from netwright.cli import main

if __name__ == "__main__":
    main()
