"""What is measured, on which slices, and what a model must reach to be blessed."""

EVAL_CONFIG = """
slicing_specs {}
slicing_specs { feature_keys: "trip_start_hour" }
slicing_specs { feature_keys: "company" }
slicing_specs { feature_keys: "trip_start_day" feature_keys: "trip_start_month" }
slicing_specs { feature_values { key: "trip_start_hour" value: "12" } }
slicing_specs { feature_keys: "trip_start_day" feature_values { key: "trip_start_hour" value: "12" } }
metrics_specs {
  metrics { class_name: "ExampleCount" }
  metrics {
    class_name: "AUC"
    per_slice_thresholds {
      slicing_specs {}
      threshold { value_threshold { lower_bound { value: 0.9 } } }
    }
  }
  metrics { class_name: "AUC" config: '"curve": "PR", "name": "auc_precision_recall"' }
  metrics {
    class_name: "BinaryAccuracy"
    per_slice_thresholds {
      slicing_specs {}
      threshold { value_threshold { lower_bound { value: 0.85 } } }
    }
  }
  metrics { class_name: "BinaryCrossentropy" }
  metrics { class_name: "Calibration" }
  metrics { class_name: "CalibrationPlot" config: '"num_buckets": 20' }
  metrics { class_name: "ConfusionMatrixPlot" config: '"num_thresholds": 200' }
}
"""
