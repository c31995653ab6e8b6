//! branchline-engine
