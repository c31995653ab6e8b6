//! branchline-benches
