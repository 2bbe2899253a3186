"""`python -m quri_console` is `quri-console`."""

from quri_console.cli.main import main

if __name__ == "__main__":
    main()
