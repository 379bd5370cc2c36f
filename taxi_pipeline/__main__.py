"""`python -m taxi_pipeline` is the command line."""

from pipeline_tools.cli.main import main

if __name__ == "__main__":
    main()
