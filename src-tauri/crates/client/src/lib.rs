//! branchline-client
