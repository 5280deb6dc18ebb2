"""`python -m conpet` is `conpet`."""

from conpet.cli import main

if __name__ == "__main__":
    main()
