"""`python -m taxi_pipeline.client`: `taxi-pipeline predict` under its name of 2018, with the flags of then."""

from components.commands.predict import predict_command
from pipeline_tools.cli.main import run_reporting_errors

if __name__ == "__main__":
    run_reporting_errors(predict_command)
