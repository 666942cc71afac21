//! Whatever is given wrongly: the binary ends with code 2, names the field,
//! option or file and the fix, and loses nothing. Every case starts from a job
//! with retained checkpoints, breaks one thing, mends it, and goes on.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod damaged;
mod storage;
mod written;
