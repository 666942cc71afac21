//! StreamJobs in a real cluster: what a user does with kubectl, and what goes wrong meanwhile. An oracle reads the
//! committed output and says whether every row was counted once. `make e2e` starts a cluster and all that is needed;
//! with KUBECONFIG the tests run in any cluster that has the operator. README.md tells more.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

mod bad_manifests;
mod delete;
mod deploy;
mod gigabyte;
mod kills;
mod machine;
mod operators;
mod package;
mod rollback;
mod scale;
mod suspend;
mod truth;
mod undecodable;
mod upgrade;
mod writes;
