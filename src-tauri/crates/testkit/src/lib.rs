//! branchline-testkit
