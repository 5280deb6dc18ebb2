"""`python -m conpet` is `conpet`."""

from conpet.commands import main

if __name__ == "__main__":
    main()
