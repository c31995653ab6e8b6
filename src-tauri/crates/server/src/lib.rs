//! branchline-server
