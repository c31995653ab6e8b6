//! branchline-mlflow
