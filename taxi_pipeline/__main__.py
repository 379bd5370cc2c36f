"""`python -m taxi_pipeline` is the command line."""

from taxi_pipeline.cli import main

if __name__ == "__main__":
    main()
