//! branchline-tests
