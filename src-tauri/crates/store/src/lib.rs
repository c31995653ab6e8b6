//! branchline-store
